//! Other results of the last cleaning: groups of duplicates, totals, tables of the corpus, and unreadable files.

use crate::pages::parts::report_ui as blocks_ui;
use crate::pages::prelude::*;
use glasshouse_protocol::cleaning::{TextChange, TextFate, blocks};

/// Blocks of the last report, by number of reports: the results, and groups of duplicates.
pub type ReportBlocks = Kept<u64, [Vec<Block>; 2]>;

pub fn report_ui(ui: &mut Ui, context: &mut Context<'_>, kept: &mut ReportBlocks) {
    let [results, _] = of_report(context, kept);
    blocks_ui(ui, context, "bench", results);
}

pub fn copies_ui(ui: &mut Ui, context: &mut Context<'_>, kept: &mut ReportBlocks) {
    let [_, copies] = of_report(context, kept);
    blocks_ui(ui, context, "bench", copies);
}

fn of_report<'kept>(context: &Context<'_>, kept: &'kept mut ReportBlocks) -> &'kept [Vec<Block>; 2] {
    let cleaning = &context.state.cleaning;
    kept.get(cleaning.reports, || {
        cleaning.report.as_ref().map(|report| [results(report), copies(report)]).unwrap_or_default()
    })
}

fn results(report: &CleaningReport) -> Vec<Block> {
    let head = Section::new(format!("Recipe {}", report.recipe.name), blocks::head(report));
    let sections = [head, blocks::troubles(report).closed()].into_iter().chain(blocks::tables(report));
    sections.filter_map(Section::block).collect()
}

fn copies(report: &CleaningReport) -> Vec<Block> {
    // Each document in full: a word diff is too slow for a frame.
    let full = |_: &str, text: &str| vec![TextChange { fate: TextFate::Same, text: text.to_owned() }];
    let sections = report.duplicates.iter().filter(|found| found.clusters > 0).filter_map(|found| {
        let title = format!("Groups: {}", found.title.to_lowercase());
        Section { title, ..blocks::copies(found, &full) }.closed().block()
    });
    sections.collect()
}
