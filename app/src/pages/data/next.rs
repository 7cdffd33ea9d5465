//! The step after the data: training.

use crate::pages::prelude::*;

/// The link to training. Until there is a text to train on it is disabled rather than absent, so that nothing below moves.
pub fn next_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let overview = state.documents.overview.as_ref();
    let is_embedded = overview.is_some_and(|overview| overview.embedded);
    let waits = match overview {
        None => Some("The text is being read."),
        Some(_) if state.training.state != TrainingState::Idle => Some("A run is training."),
        Some(_) if state.cleaning.progress.is_some() => Some("The text is being cleaned."),
        Some(overview) if overview.documents == 0 => Some("There is no text yet."),
        Some(_) => None,
    };
    let learned = !state.runs.list.is_empty();
    let short = too_short(context).filter(|_| waits.is_none());
    let words = waits.unwrap_or(match (is_embedded, learned) {
        (true, _) => "The built-in stories are ready for training. Or add your own text first.",
        (false, false) => "Your text is ready for training.",
        (false, true) => "A new run trains on the current text.",
    });
    card(ui, |ui| {
        if let Some(short) = &short {
            hint_line(ui, short);
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::MEDIUM;
            let icon = icons::ICON_PLAY_ARROW;
            let button = |ui: &mut Ui| match is_embedded {
                true => plain(ui, icon, "Train on these stories"),
                false if short.is_some() => plain(ui, icon, "Train on this text"),
                false => primary(ui, icon, "Train on this text"),
            };
            if ui.add_enabled(waits.is_none(), button).clicked() {
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
