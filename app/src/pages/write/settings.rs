//! The slim column of settings: whose weights write, and how tokens are drawn.

use super::WritePage;
use super::sources::{source_name, sources};
use crate::pages::Context;
use crate::pages::parts::{caption, icon_button};
use crate::theme::space;
use crate::widgets::{card, field_error, segmented, slider, term, whole_number};
use egui::{ComboBox, DragValue, Slider, TextEdit, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::ErrorReport;

impl WritePage {
    pub(super) fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let quiet = context.palette.quiet;
        card(ui, |ui| {
            if self.comparing {
                segmented(ui, &mut self.setting, &[(0, "First column"), (1, "Second")]);
            } else {
                self.setting = 0;
            }
            let seed = self.columns[0].config.seed;
            let refused = self.columns[self.setting.min(1)].refused(&self.columns);
            let [first, second] = &mut self.columns;
            let second_shown = self.setting == 1;
            let column = if second_shown { second } else { first };
            ui.label("Weights");
            let shown = source_name(&column.source, state);
            let width = ui.available_width();
            let list = ComboBox::from_id_salt("weights")
                .selected_text(shown)
                .width(width)
                .truncate()
                .show_ui(ui, |ui| {
                    for (source, name) in sources(state) {
                        ui.selectable_value(&mut column.source, source, name);
                    }
                });
            list.response.accessible_name("Weights");
            ui.add_space(space::TIGHT);
            ui.spacing_mut().item_spacing.y = space::TIGHT;
            ui.spacing_mut().slider_width = (width - 80.0).max(80.0);
            let config = &mut column.config;
            let refused = refused.as_ref();
            let quiet_term = |ui: &mut Ui, name: &str| term(ui, name, Some(quiet));
            for (name, path, value, range) in [
                ("Temperature", "temperature", &mut config.temperature, 0.0..=2.0),
                ("Top-p", "top_p", &mut config.top_p, 0.05..=1.0),
                ("Min-p", "min_p", &mut config.min_p, 0.0..=0.5),
                ("Repetition penalty", "repetition_penalty", &mut config.repetition_penalty, 0.8..=2.0),
            ] {
                quiet_term(ui, name);
                let value = Slider::new(value, range).fixed_decimals(2).step_by(0.01);
                slider(ui, value).accessible_name(name);
                field_error(ui, path, refused);
            }
            number_ui(ui, quiet, "Top-k", "top_k", &mut config.top_k, 0..=100_000, refused);
            number_ui(ui, quiet, "Max tokens", "max_tokens", &mut config.max_tokens, 1..=20_000, refused);
            ui.horizontal(|ui| {
                quiet_term(ui, "Seed");
                if second_shown {
                    // One seed, so that what differs is what was chosen to differ.
                    ui.label(seed.to_string());
                } else {
                    let typed = ui.add(DragValue::new(&mut config.seed).speed(0.1)).accessible_name("Seed");
                    // Who chooses a seed wants that one.
                    self.locked |= typed.changed();
                    let (icon, name) = match self.locked {
                        true => (icons::ICON_LOCK, "Draw a new seed for each text"),
                        false => (icons::ICON_LOCK_OPEN, "Keep this seed"),
                    };
                    if icon_button(ui, true, icon, name) {
                        self.locked = !self.locked;
                    }
                }
            });
            let line = match self.locked {
                true => "Kept: the same words again give the same text.",
                false => "Drawn anew for each text.",
            };
            caption(ui, line);
            if self.comparing {
                caption(ui, "Both columns draw with one seed.");
            }
            quiet_term(ui, "Stop strings");
            let field = TextEdit::multiline(&mut column.stop).hint_text("One a line").desired_rows(1);
            ui.add(field.desired_width(f32::INFINITY).id_salt("stop strings"))
                .accessible_name("Stop strings");
        });
    }
}

fn number_ui(
    ui: &mut Ui,
    quiet: egui::Color32,
    name: &str,
    path: &str,
    value: &mut usize,
    range: std::ops::RangeInclusive<usize>,
    refused: Option<&ErrorReport>,
) {
    ui.horizontal(|ui| {
        term(ui, name, Some(quiet));
        ui.add(whole_number(value).range(range).speed(0.5)).accessible_name(name);
    });
    field_error(ui, path, refused);
}
