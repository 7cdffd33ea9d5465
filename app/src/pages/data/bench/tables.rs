//! Other results of the last cleaning: groups of duplicates, totals, tables of the corpus, and unreadable files.

use crate::pages::Context;
use crate::pages::parts::report_ui as blocks_ui;
use egui::Ui;
use glasshouse_protocol::blocks::Section;
use glasshouse_protocol::cleaning::{TextChange, TextFate, blocks};

pub(super) fn report_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let Some(report) = &context.state.cleaning.report else { return };
    let head = Section::new(format!("Recipe {}", report.recipe.name), blocks::head(report));
    let sections = [head, blocks::troubles(report).closed()].into_iter().chain(blocks::tables(report));
    blocks_ui(ui, context, "bench", sections.filter_map(Section::block));
}

pub(super) fn copies_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let Some(report) = &context.state.cleaning.report else { return };
    // Each document in full: a word diff is too slow for a frame.
    let full = |_: &str, text: &str| vec![TextChange { fate: TextFate::Same, text: text.to_owned() }];
    let sections = report.duplicates.iter().filter(|found| found.clusters > 0).filter_map(|found| {
        let title = format!("Groups: {}", found.title.to_lowercase());
        Section { title, ..blocks::copies(found, &full) }.closed().block()
    });
    blocks_ui(ui, context, "bench", sections);
}
