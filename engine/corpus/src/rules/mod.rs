//! Quality rules, each with the source of its thresholds: a paper, the code of a published corpus, or our own.
//!
//! A rule is a struct of settings and a pure function that accepts a text or returns a [`Reason`] to drop it. All rules share a
//! [`Measured`] text, so that words and lines are split once; [`Judge`] applies a list of rules to a document.

mod address;
mod blocklist;
mod c4_quality;
mod entropy;
mod fast_text;
mod fineweb_quality;
mod gopher_quality;
mod gopher_repetition;
mod hash;
mod judge;
mod language;
mod learned;
mod length;
mod licence;
mod lines;
mod measured;
mod ngrams;
mod outcome;
mod own_reference;
mod rule;
#[cfg(test)]
mod tests;
mod trigrams;
pub mod words;

pub use address::Address;
pub use blocklist::Blocklist;
pub use c4_quality::C4Quality;
pub use entropy::Entropy;
pub use fineweb_quality::FinewebQuality;
pub use gopher_quality::GopherQuality;
pub use gopher_repetition::GopherRepetition;
pub use judge::{Judge, Judgement};
pub use language::{Identified, Language, identify, name as language_name};
pub use learned::{Perplexity, Quality};
pub use length::Length;
pub use licence::Licence;
pub use measured::Measured;
pub use outcome::Reason;
pub use own_reference::OwnReference;
pub use rule::Rule;
pub use trigrams::{TrigramModel, Trigrams};
