//! The report of a cleaning: its input, what each stage removed, with examples, and its output.
//!
//! [`CleaningReport`] becomes `report.json`, and by its blocks what front ends and [`page`] show. While documents are
//! processed, a [`StageRecorder`] per stage counts them and keeps a few examples. Everything a recorder keeps is bounded and
//! selected by a hash of the document's id, independently of order. A report contains no times and no machine names: the same
//! recipe with the same input gives the same bytes.
//!
//! Texts passed to recorders must already be masked: callers remove personal data from excerpts.

pub mod diff;
mod record;
mod sample;

pub(crate) use record::CLUSTERS_SHOWN;
pub use record::{DuplicateRecorder, PersonalRecorder, SampleRecorder, StageRecorder, TroubleRecorder};
pub(crate) use sample::{content_key, draw_key};

// The types belong to the protocol, since front ends display them.
pub use glasshouse_protocol::cleaning::report::*;
pub use glasshouse_protocol::cleaning::table::{CorpusCell, CorpusTable, Unit};

use glasshouse_protocol::cleaning::blocks::blocks;
use glasshouse_protocol::quantity::{counted, whole};
use glasshouse_report::Page;

/// The report as a self-contained page.
pub fn page(report: &CleaningReport) -> String {
    let title = match (report.raw.documents, report.kept.documents) {
        (0, _) => "Nothing was read".to_owned(),
        (raw, kept) if raw == kept => format!("All of {} kept", counted(raw, "document")),
        (raw, 0) => format!("None of {} kept", counted(raw, "document")),
        (raw, kept) => format!("{} of {} kept", whole(kept), counted(raw, "document")),
    };
    let footer = format!(
        "Written by Glasshouse {}. Personal data is masked in every excerpt. This page is self-contained and loads nothing from the network; the same \
         numbers are in report.json next to it, and every dropped document with its reason in dropped.jsonl.",
        report.version
    );
    let lead = "Every decision is below: what was removed, by which rule, and why.";
    let (kind, blocks, version) = ("data bench", blocks(report, &diff::words), &report.version);
    Page { kind, title: &title, lead, blocks: &blocks, footer: &footer, version, has_script: true }.html()
}

#[cfg(test)]
mod tests;
