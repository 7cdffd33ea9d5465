//! The switch of the API server, which lets other programs use this window's engine.

use super::{group, text};
use crate::pages::prelude::*;
use glasshouse_protocol::ModerationMode;
use std::time::Duration;

pub fn serve_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "API server", |ui| {
        quiet_text(ui, text::SERVE);
        let serving = &context.asks.serving;
        let on = serving.address.is_some();
        ui.horizontal(|ui| {
            if switch(ui, on, "API server").clicked() {
                context.asks.serve = Some(!on);
            }
            ui.label(if on { "On, until the window closes" } else { "Off" });
        });
        if let Some(refused) = &serving.refused {
            ui.add(Label::new(RichText::new(refused).color(context.palette.failure)).wrap());
        }
        if let Some(address) = &serving.address {
            ui.horizontal_wrapped(|ui| {
                let shown = RichText::new(address).text_style(TextStyle::Monospace);
                ui.add(Label::new(shown).selectable(true));
                if quiet(ui, icons::ICON_CONTENT_COPY, "Copy").clicked() {
                    ui.ctx().copy_text(address.clone());
                }
            });
            ui.add_space(space::TIGHT);
            let trains = context.state.training.state != TrainingState::Idle;
            let project = context.state.projects.open.is_some();
            let words = match (project, trains) {
                (false, _) => text::SERVES_NOTHING,
                (true, true) => text::SERVES_BETWEEN_STEPS,
                (true, false) => text::SERVES,
            };
            quiet_text(ui, words);
        }
        ui.add_space(space::TIGHT);
        let found = on.then(|| format::moderated(&serving.moderated));
        moderation_ui(ui, context);
        if context.preferences.moderation.settings.mode != ModerationMode::Off {
            quiet_text(ui, text::MODERATES);
            if let Some(found) = found {
                let found = if found.is_empty() { "nothing" } else { &found };
                quiet_text(ui, format!("Found in answers so far: {found}."));
                // Update the counts while nothing else causes a repaint.
                ui.ctx().request_repaint_after(Duration::from_secs(1));
            }
        }
    });
}
