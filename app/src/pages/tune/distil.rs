//! The teacher run of a distillation, and its weight.

use super::named;
use crate::pages::Context;
use crate::pages::parts::{called, caption};
use crate::pages::train::form::number;
use egui::{ComboBox, Ui};
use glasshouse_protocol::ErrorReport;

/// Settings of the objective `distil`; nothing for other objectives.
pub(super) fn teacher_ui(ui: &mut Ui, context: &mut Context<'_>, refused: Option<&ErrorReport>) {
    if !context.draft.train.objective.has_teacher() {
        return;
    }
    let runs = &context.state.runs;
    let settings = &mut context.draft.train.distil;
    let known = named(runs, &settings.teacher().run);
    let shown = known.map_or_else(|| "Choose a teacher".to_owned(), called);
    let width = ui.available_width().min(360.0);
    let list = ComboBox::from_id_salt("teacher").selected_text(shown).width(width).truncate();
    let list = list.show_ui(ui, |ui| {
        for run in runs.list.iter().rev().filter(|run| run.writes() && !run.checkpoints.is_empty()) {
            let chosen = known.is_some_and(|known| known.name == run.name);
            if ui.selectable_label(chosen, called(run)).clicked() && !chosen {
                settings.teacher.clone_from(&run.name);
            }
        }
    });
    list.response.accessible_name("Teacher model");
    caption(ui, "A larger model with the same tokenizer and at least the same context length.");
    number(ui, ("Temperature", "train.distil.temperature"), &mut settings.temperature, 0.1..=100.0, refused);
    number(ui, ("Mix", "train.distil.mix"), &mut settings.mix, 0.0..=1.0, refused);
    caption(ui, "Mix 0 trains on the text only, 1 on the teacher only.");
}
