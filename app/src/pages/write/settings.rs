//! The settings column: weights, sampling, and moderation.

use super::WritePage;
use crate::pages::Context;
use crate::pages::parts::{caption, moderation_ui};
use crate::pages::written::{sampling_ui, stop_ui};
use crate::theme::space;
use crate::widgets::{card, segmented};
use egui::Ui;

impl WritePage {
    pub(super) fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            if self.comparing {
                segmented(ui, &mut self.setting, &[(0, "First column"), (1, "Second")]);
            } else {
                self.setting = 0;
            }
            let [first, second] = &mut self.columns;
            let seed = first.sampling.config.seed;
            let (column, given) = if self.setting == 1 { (second, Some(seed)) } else { (first, None) };
            sampling_ui(ui, context.state, &mut column.sampling, &mut self.locked, given);
            if self.comparing {
                caption(ui, "Both columns use the same seed.");
            }
            stop_ui(ui, &mut column.sampling.stop);
            ui.add_space(space::TIGHT);
            moderation_ui(ui, context);
        });
    }
}
