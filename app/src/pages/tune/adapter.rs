//! The trainable part of a model: its own parameters, or an adapter.

use super::settings::follow_rate;
use crate::pages::prelude::*;
use crate::pages::train::start::trainable_ui;

pub fn trains_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    let (mut adapts, before) = (draft.train.adapter.is_some(), draft.tuning_rate());
    if segmented(ui, &mut adapts, &[(false, "The model"), (true, "An adapter (LoRA)")]) {
        draft.train.adapter = adapts.then(Adapter::default);
        if adapts {
            draft.train.trainable = Trainable::All;
        }
        follow_rate(draft, before);
    }
    if !adapts {
        return trainable_ui(ui, draft, refused);
    }
    caption(ui, "Trains two narrow matrices per layer; the base weights are frozen. Needs little memory.");
    let names = ["kind", "rank", "alpha", "rslora", "dropout", "base"];
    form_ui(ui, draft, refused, "train.adapter", &names);
    let tied = draft.model.tied_head;
    let Some(adapter) = &mut draft.train.adapter else { return };
    field(ui, "Adapted layers", "train.adapter.targets", refused, |ui| {
        ui.horizontal_wrapped(|ui| {
            for target in AdapterTarget::ALL {
                // A tied head is the embedding matrix, which has no adapter.
                if tied && target == AdapterTarget::Head {
                    continue;
                }
                let mut chosen = adapter.targets.contains(&target);
                if ui.checkbox(&mut chosen, target.name()).changed() {
                    adapter.targets.retain(|other| *other != target);
                    if chosen {
                        adapter.targets.push(target);
                        adapter.targets.sort_unstable();
                    }
                }
            }
        });
    });
}
