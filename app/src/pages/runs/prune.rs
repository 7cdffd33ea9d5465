//! The settings of pruning.

use crate::pages::Context;
use crate::theme::space;
use crate::widgets::{self, plain, primary};
use egui::{Key, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{Command, PruneScore, PruneSettings, SparsityPattern};

/// The fractions on offer.
const SPARSITIES: [(f64, &str); 4] = [(0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %")];

/// The dialog between "Prune" and the new run, while requested.
pub(super) fn ask_ui(ui: &Ui, context: &mut Context<'_>) {
    let Some((run, mut settings)) = context.asks.prune.take() else { return };
    let (mut chosen, mut closed) = (false, false);
    let shown = widgets::dialog(ui.ctx(), "prune").show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 64.0).min(440.0));
        widgets::section(ui, &format!("Prune {run}"));
        ui.add_space(space::TIGHT);
        settings_ui(ui, &mut settings);
        ui.add_space(space::SMALL);
        ui.horizontal_wrapped(|ui| {
            let button = primary(ui, icons::ICON_CONTENT_CUT, "Create a pruned run");
            if ui.memory(|memory| memory.focused().is_none()) {
                button.request_focus();
            }
            chosen = button.clicked();
            closed = plain(ui, None, "Cancel").clicked();
        });
    });
    if chosen {
        context.outbox.send(Command::Prune { run, checkpoint: None, settings });
    } else if !closed && !shown.should_close() && !ui.input(|input| input.key_pressed(Key::Escape)) {
        context.asks.prune = Some((run, settings));
    }
}

fn settings_ui(ui: &mut Ui, settings: &mut PruneSettings) {
    widgets::segmented(
        ui,
        &mut settings.score,
        &[(PruneScore::Wanda, "Wanda"), (PruneScore::Magnitude, "Magnitude")],
    );
    widgets::quiet_text(
        ui,
        match settings.score {
            PruneScore::Wanda => {
                "Zeros the smallest products of weight and input norm in each row; reads the training text."
            }
            PruneScore::Magnitude => "Zeros the smallest weights of each matrix.",
        },
    );
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
    ui.add_space(space::TIGHT);
    let text = "The new run has zeros in the matrices of its blocks. Its loss is measured on the validation text, before and after.";
    widgets::quiet_text(ui, text);
}
