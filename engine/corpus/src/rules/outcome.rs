//! What a rule says of a text, and why.

use std::fmt;

/// What a rule makes of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It stays as it is.
    Kept,
    /// It stays, with this text: lines were removed.
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
    /// Whether the document goes.
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Dropped(_))
    }
}

impl Reason {
    /// One in words.
    pub(crate) fn new(threshold: &'static str, text: impl Into<String>) -> Self {
        Self { threshold, text: text.into() }
    }

    /// Where a measure lies above its threshold.
    pub(super) fn above(threshold: &'static str, what: &str, value: f64, most: f64) -> Result<(), Self> {
        let text = || format!("{what}: {}, at most {} allowed", Short(value), Short(most));
        if value > most { Err(Self::new(threshold, text())) } else { Ok(()) }
    }

    /// Where a measure lies below its threshold.
    pub(super) fn below(threshold: &'static str, what: &str, value: f64, least: f64) -> Result<(), Self> {
        let text = || format!("{what}: {}, at least {} asked", Short(value), Short(least));
        if value < least { Err(Self::new(threshold, text())) } else { Ok(()) }
    }
}

/// Holds a measure against the rule's threshold of this name, which is the most that it may be.
macro_rules! at_most {
    ($rule:ident.$threshold:ident, $what:expr, $value:expr) => {{
        let most = $crate::rules::threshold::Value::number($rule.$threshold);
        $crate::rules::outcome::Reason::above(stringify!($threshold), $what, $value, most)
    }};
}
pub(super) use at_most;

/// Likewise, where it is the least.
macro_rules! at_least {
    ($rule:ident.$threshold:ident, $what:expr, $value:expr) => {{
        let least = $crate::rules::threshold::Value::number($rule.$threshold);
        $crate::rules::outcome::Reason::below(stringify!($threshold), $what, $value, least)
    }};
}
pub(super) use at_least;

/// A number with as many decimals as say something.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.4}", self.0);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
