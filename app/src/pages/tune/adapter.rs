//! The trainable part of a model: its own parameters, or an adapter.

use super::settings::follow_rate;
use crate::pages::parts::{caption, number};
use crate::pages::train::start::trainable_ui;
use crate::widgets::{field, segmented};
use egui::Ui;
use glasshouse_protocol::{Adapter, AdapterTarget, ErrorReport, RunConfig, Trainable, WeightFormat};

pub(super) fn trains_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    let (mut adapts, before) = (draft.train.adapter.is_some(), draft.tuning_rate());
    if segmented(ui, &mut adapts, &[(false, "The model"), (true, "An adapter (LoRA)")]) {
        draft.train.adapter = adapts.then(Adapter::default);
        if adapts {
            draft.train.trainable = Trainable::All;
        }
        follow_rate(draft, before);
    }
    let tied = draft.model.tied_head;
    let Some(adapter) = &mut draft.train.adapter else {
        trainable_ui(ui, draft, refused);
        return;
    };
    caption(
        ui,
        "Trains two narrow matrices per layer; the base weights are frozen. Little memory, and a small file.",
    );
    number(ui, ("Rank", "train.adapter.rank"), &mut adapter.rank, 1..=4096, refused);
    number(ui, ("Alpha", "train.adapter.alpha"), &mut adapter.alpha, 0.0..=4096.0, refused);
    number(ui, ("Adapter dropout", "train.adapter.dropout"), &mut adapter.dropout, 0.0..=0.99, refused);
    field(ui, "Base weights", "train.adapter.base", refused, |ui| {
        segmented(ui, &mut adapter.base, &[(WeightFormat::F32, "32 bits"), (WeightFormat::F16, "16 bits")]);
    });
    if adapter.base == WeightFormat::F16 {
        caption(
            ui,
            "The blocks' matrices take half the memory: each number is rounded once, and converted back to 32 bits where it is used.",
        );
    }
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
