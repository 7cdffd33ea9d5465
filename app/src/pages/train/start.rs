//! The base checkpoint of a fine-tune, and the trainable parameters of a run.

use crate::pages::prelude::*;

/// The checkpoint of the base run.
pub fn checkpoint_ui(ui: &mut Ui, draft: &mut RunConfig, runs: &[RunSummary]) {
    let Some(start) = &mut draft.start else { return };
    let Some(run) = runs.iter().find(|run| run.name == start.run) else { return };
    field(ui, "Base checkpoint", "start.checkpoint", None, |ui| {
        let files = run.checkpoints.iter().rev().map(CheckpointSummary::choice);
        let choices = [CheckpointChoice::Best, CheckpointChoice::Latest].into_iter().chain(files);
        let words = |choice: &CheckpointChoice| match choice.step() {
            Some(step) => format!("step {}", format::whole(step)),
            None => choice.to_string(),
        };
        let choices: Vec<_> = choices.map(|choice| (choice.clone(), words(&choice))).collect();
        let head = ("Base checkpoint", &*words(&start.checkpoint));
        choice_or(ui, head, &mut start.checkpoint, None, &choices);
    });
}

pub fn trainable_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    let layers = draft.model.layers;
    let trainable = &mut draft.train.trainable;
    field(ui, "Trains", "train.trainable", refused, |ui| {
        let choices = [
            ("all parameters", Trainable::All),
            ("the last blocks", Trainable::Last(1)),
            ("the head", Trainable::Head),
            ("the norms", Trainable::Norms),
            ("parameters by name", Trainable::Patterns(vec!["blocks.*.attention.*".to_owned()])),
        ];
        variant_ui(ui, "Trains", trainable, &choices, std::mem::discriminant);
    });
    match trainable {
        Trainable::Last(blocks) => {
            field(ui, "Blocks at the end", "train.trainable blocks", None, |ui| {
                ui.add(whole_number(blocks).range(1..=layers).speed(0.1)).accessible_name("Blocks at the end")
            });
        }
        Trainable::Patterns(patterns) => {
            let mut typed = patterns.join(", ");
            field(ui, "Names of parameters", "train.trainable names", None, |ui| {
                let room = ui.available_width().min(220.0);
                let names = line_edit(ui, "Names of parameters", "", room, &mut typed);
                if names.on_hover_text("Separated by commas; * matches any text").changed() {
                    *patterns = typed.split(',').map(|name| name.trim().to_owned()).collect();
                }
            });
        }
        Trainable::All | Trainable::Head | Trainable::Norms | Trainable::NormsAndBiases => {}
    }
}
