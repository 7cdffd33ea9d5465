//! The report of a cleaning: its input, what each stage removed, with examples, and its output.
//!
//! [`CleaningReport`] becomes `report.json`; [`html::page`] and [`text::summary`] only display it. While documents are
//! processed, a [`StageRecorder`] per stage counts them and keeps a few examples. Everything a recorder keeps is bounded and
//! selected by a hash of the document's id, independently of order. A report contains no times and no machine names: the same
//! recipe with the same input gives the same bytes.
//!
//! Texts passed to recorders must already be masked: callers remove personal data from excerpts.

pub mod diff;
pub mod html;
pub(crate) mod number;
mod record;
mod rows;
mod sample;
pub mod text;

pub(crate) use record::CLUSTERS_SHOWN;
pub use record::{DuplicateRecorder, PersonalRecorder, SampleRecorder, StageRecorder, TroubleRecorder};
pub(crate) use sample::lot;

// The types belong to the protocol, since front ends display them.
pub use glasshouse_protocol::cleaning::report::*;
pub use glasshouse_protocol::cleaning::table::{Column, CorpusCell, CorpusTable, Unit};

/// The groups in pipeline order, each with the CSS variable of its colour.
const GROUPS: [(Group, &str); 8] = [
    (Group::Reading, "reading"),
    (Group::Extraction, "extraction"),
    (Group::Repair, "repair"),
    (Group::Rules, "rules"),
    (Group::Duplicates, "duplicates"),
    (Group::Contamination, "contamination"),
    (Group::Personal, "personal"),
    (Group::Balance, "balance"),
];

/// The CSS variable of a group's colour.
fn class_of(group: Group) -> &'static str {
    GROUPS.into_iter().find(|(known, _)| *known == group).map_or("", |(_, class)| class)
}

#[cfg(test)]
mod demo;
#[cfg(test)]
mod tests;
