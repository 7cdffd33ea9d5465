//! The account of a cleaning: what went in, what every stage took away and from whom, and what came out.
//!
//! [`CleaningReport`] is what becomes `report.json`; [`html::page`] and [`text::summary`] only show it, so whatever they say can be read
//! there too. While documents stream by, a [`StageRecorder`] a stage counts them and keeps a few victims. Everything a recorder
//! keeps is bounded, chosen by a hash of the document's id and never by its turn. A report holds no times and no names of machines: the same recipe on the same input gives the
//! same bytes.
//!
//! Texts come here masked: whoever hands over an excerpt has taken the personal data out of it before.

pub mod diff;
pub mod html;
pub(crate) mod number;
mod record;
mod sample;
pub mod text;

pub(crate) use record::CLUSTERS_SHOWN;
pub use record::{DuplicateRecorder, PersonalRecorder, SampleRecorder, StageRecorder, TroubleRecorder};
pub(crate) use sample::lot;

// The types are the protocol's, since front ends show them.
pub use glasshouse_protocol::cleaning::report::*;
pub use glasshouse_protocol::cleaning::table::{Column, CorpusCell, CorpusTable, Unit};

/// The groups in the order of the bench, each with the part of a class's name that gives its colour.
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

/// A group's part of a class's name.
fn class_of(group: Group) -> &'static str {
    GROUPS.into_iter().find(|(known, _)| *known == group).map_or("", |(_, class)| class)
}

#[cfg(test)]
mod demo;
#[cfg(test)]
mod tests;
