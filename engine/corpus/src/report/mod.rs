//! The account of a cleaning: what went in, what every stage took away and from whom, and what came out.
//!
//! [`Report`] is what becomes `report.json`; [`html::page`] and [`text::summary`] only show it, so whatever they say can be read
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
pub use glasshouse_protocol::cleaning::table::{Cell, Column, Table, Unit};

/// The groups in the order of the bench, with what stands over each and the part of a class's name that gives its colour.
const GROUPS: [(Group, &str, &str); 8] = [
    (Group::Reading, "Reading", "reading"),
    (Group::Extraction, "Extraction", "extraction"),
    (Group::Repair, "Repair", "repair"),
    (Group::Rules, "Quality rules", "rules"),
    (Group::Duplicates, "Duplicates", "duplicates"),
    (Group::Contamination, "Evaluation", "contamination"),
    (Group::Personal, "Personal data", "personal"),
    (Group::Balance, "Mixture", "balance"),
];

/// What stands over a group, and its part of a class's name.
pub(crate) fn heading(group: Group) -> (&'static str, &'static str) {
    let known = GROUPS.into_iter().find(|(known, ..)| *known == group);
    known.map(|(_, heading, class)| (heading, class)).unwrap_or_default()
}

#[cfg(test)]
mod demo;
#[cfg(test)]
mod tests;
