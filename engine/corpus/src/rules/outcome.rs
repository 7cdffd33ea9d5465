//! What a rule says of a text, and why.

use std::fmt;

/// What a rule makes of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It stays as it is.
    Kept,
    /// It stays, with this text: lines were taken away.
    Edited(String),
    /// It goes, for this reason.
    Dropped(Reason),
}

/// Why a document goes: which threshold it broke, and the measured value beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The threshold's name in the rule's settings, or what was looked for.
    pub threshold: &'static str,
    /// In words, as in `words: 12, at least 50 asked`.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Outcome {
    /// Goes, for a reason in words.
    pub(crate) fn dropped(threshold: &'static str, text: impl Into<String>) -> Self {
        Self::Dropped(Reason { threshold, text: text.into() })
    }

    /// Goes if a measure lies above its threshold.
    pub(super) fn above(threshold: &'static str, what: &str, value: f64, most: f64) -> Option<Self> {
        let text = || format!("{what}: {}, at most {} allowed", Short(value), Short(most));
        (value > most).then(|| Self::dropped(threshold, text()))
    }

    /// Goes if a measure lies below its threshold.
    pub(super) fn below(threshold: &'static str, what: &str, value: f64, least: f64) -> Option<Self> {
        let text = || format!("{what}: {}, at least {} asked", Short(value), Short(least));
        (value < least).then(|| Self::dropped(threshold, text()))
    }

    /// Whether the document goes.
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Dropped(_))
    }

    /// The threshold that it did not pass.
    #[cfg(test)]
    pub(super) fn threshold(&self) -> Option<&'static str> {
        if let Self::Dropped(reason) = self { Some(reason.threshold) } else { None }
    }
}

/// A number with as many decimals as say something.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.4}", self.0);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
