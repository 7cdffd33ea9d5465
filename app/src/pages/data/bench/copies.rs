//! Groups of duplicate documents found by the last cleaning.

use crate::pages::Context;
use crate::pages::parts::report_ui;
use egui::Ui;
use glasshouse_protocol::blocks::Section;
use glasshouse_protocol::cleaning::blocks;
use glasshouse_protocol::cleaning::{TextChange, TextFate};

pub(super) fn copies_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let Some(report) = &context.state.cleaning.report else { return };
    // Each document in full: a word diff is too slow for a frame.
    let full = |_: &str, text: &str| vec![TextChange { fate: TextFate::Same, text: text.to_owned() }];
    let sections = report.duplicates.iter().filter(|found| found.clusters > 0).filter_map(|found| {
        let section = blocks::copies(found, &full);
        Section { title: format!("Groups: {}", found.title.to_lowercase()), ..section }.closed().block()
    });
    report_ui(ui, context, "bench", sections);
}
