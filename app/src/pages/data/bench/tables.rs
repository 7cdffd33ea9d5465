//! Other results of the last cleaning: totals, tables of the corpus, and unreadable files.

use crate::pages::Context;
use crate::pages::parts::report_ui as blocks_ui;
use egui::Ui;
use glasshouse_protocol::blocks::Section;
use glasshouse_protocol::cleaning::blocks;

pub(super) fn report_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let Some(report) = &context.state.cleaning.report else { return };
    let head = Section::new(format!("Recipe {}", report.recipe.name), blocks::head(report));
    let sections = [head, blocks::troubles(report).closed()].into_iter().chain(blocks::tables(report));
    blocks_ui(ui, context, "bench", sections.filter_map(Section::block));
}
