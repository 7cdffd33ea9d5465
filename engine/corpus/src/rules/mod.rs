//! Quality rules, each named after the paper that published its threshold.

/// What a rule makes of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It stays as it is.
    Kept,
    /// It stays, with this text: lines were taken away.
    Edited(String),
    /// It goes, for this reason: the measured value beside the threshold, as in `12 words, at least 50 asked`.
    Dropped(String),
}
