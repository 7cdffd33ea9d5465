//! The step after the data: training.

use crate::pages::prelude::*;

/// The link to training, once there is a text to train on.
pub fn next_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let Some(overview) = &state.documents.overview else { return };
    let trains = state.training.state != TrainingState::Idle;
    if overview.documents == 0 || state.cleaning.progress.is_some() || trains {
        return;
    }
    let learned = !state.runs.list.is_empty();
    let short = too_short(context);
    let words = match (overview.embedded, learned) {
        (true, _) => "The built-in stories are ready for training. Or add your own text first.",
        (false, false) => "Your text is ready for training.",
        (false, true) => "A new run trains on the current text.",
    };
    card(ui, |ui| {
        if let Some(short) = &short {
            hint_line(ui, short);
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::MEDIUM;
            let icon = icons::ICON_PLAY_ARROW;
            let button = match overview.embedded {
                true => plain(ui, icon, "Train on these stories"),
                false if short.is_some() => plain(ui, icon, "Train on this text"),
                false => primary(ui, icon, "Train on this text"),
            };
            if button.clicked() {
                // Train itself introduces a project's first run.
                context.asks.new_run = learned;
                *context.go = Some(PageName::Train);
            }
            if short.is_none() {
                if is_narrow(ui) {
                    ui.end_row();
                }
                ui.label(RichText::new(words).text_style(theme::strong()));
            }
        });
    });
}
