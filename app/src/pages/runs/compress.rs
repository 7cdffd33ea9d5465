//! The settings of a smaller model.

use crate::pages::Context;
use crate::theme::space;
use crate::widgets::{self, plain, primary};
use egui::{Key, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{Compression, PruneScore, PruneSettings, RunChange, SparsityPattern, WeightFormat};

/// The fractions on offer.
const SPARSITIES: [(f64, &str); 4] = [(0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %")];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Store,
    Prune,
}

/// The dialog between "Compress" and the new run, while requested.
pub(super) fn ask_ui(ui: &Ui, context: &mut Context<'_>) {
    let Some((run, mut method)) = context.asks.compress.take() else { return };
    let (mut chosen, mut closed) = (false, false);
    let shown = widgets::dialog(ui.ctx(), "compress").show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 64.0).min(440.0));
        widgets::section(ui, &format!("Compress {run}"));
        ui.add_space(space::TIGHT);
        method_ui(ui, &mut method);
        ui.add_space(space::SMALL);
        ui.horizontal_wrapped(|ui| {
            let button = primary(ui, icons::ICON_COMPRESS, "Create a smaller run");
            if ui.memory(|memory| memory.focused().is_none()) {
                button.request_focus();
            }
            chosen = button.clicked();
            closed = plain(ui, None, "Cancel").clicked();
        });
    });
    if chosen {
        context.outbox.send(RunChange::Compress { checkpoint: None, method, documents: None }.to(run));
    } else if !closed && !shown.should_close() && !ui.input(|input| input.key_pressed(Key::Escape)) {
        context.asks.compress = Some((run, method));
    }
}

fn method_ui(ui: &mut Ui, method: &mut Compression) {
    let mut kind = if matches!(method, Compression::Store { .. }) { Method::Store } else { Method::Prune };
    if widgets::segmented(ui, &mut kind, &[(Method::Store, "Fewer bits"), (Method::Prune, "Prune")]) {
        *method = match kind {
            Method::Store => Compression::Store { weights: WeightFormat::Q8_0 },
            Method::Prune => Compression::Prune(PruneSettings::default()),
        };
    }
    ui.add_space(space::TIGHT);
    match method {
        Compression::Store { weights } => {
            let formats = [
                (WeightFormat::Q8_0, "8 bits"),
                (WeightFormat::Q4_0, "4 bits"),
                (WeightFormat::F16, "16 bits"),
            ];
            widgets::segmented(ui, weights, &formats);
            let text = "Rounds each weight of the matrices to the nearest. The file is smaller, and text is generated from the \
                        smaller weights.";
            widgets::quiet_text(ui, text);
        }
        Compression::Prune(settings) => pruning_ui(ui, settings),
    }
    ui.add_space(space::TIGHT);
    widgets::quiet_text(ui, "The loss is measured on the validation text, before and after.");
}

fn pruning_ui(ui: &mut Ui, settings: &mut PruneSettings) {
    let scores = [(PruneScore::Wanda, "Wanda"), (PruneScore::Magnitude, "Magnitude")];
    widgets::segmented(ui, &mut settings.score, &scores);
    let text = match settings.score {
        PruneScore::Wanda => {
            "Zeros the smallest products of weight and input norm in each row; reads the training text."
        }
        PruneScore::Magnitude => "Zeros the smallest weights of each matrix.",
    };
    widgets::quiet_text(ui, text);
    ui.add_space(space::TIGHT);
    let patterns = [(SparsityPattern::Unstructured, "Anywhere"), (SparsityPattern::TwoOfFour, "2 of 4")];
    if widgets::segmented(ui, &mut settings.pattern, &patterns) {
        settings.sparsity = PruneSettings::default().sparsity;
    }
    match settings.pattern {
        SparsityPattern::Unstructured => {
            ui.add_space(space::TIGHT);
            widgets::segmented(ui, &mut settings.sparsity, &SPARSITIES);
        }
        SparsityPattern::TwoOfFour => {
            widgets::quiet_text(ui, "Two zeros in every four weights of a row, for sparse tensor cores.");
        }
    }
}
