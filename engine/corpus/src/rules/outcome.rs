//! The reason for which a rule drops a text.

use std::fmt;

/// Why a document is dropped: the violated threshold, and the measured value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The threshold's name in the rule's settings, or what was searched.
    pub threshold: &'static str,
    /// For example `words: 12, at least 50 required`.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Reason {
    pub(crate) fn new(threshold: &'static str, text: impl Into<String>) -> Self {
        Self { threshold, text: text.into() }
    }

    pub(super) fn above(threshold: &'static str, what: &str, value: f64, most: f64) -> Result<(), Self> {
        let text = || format!("{what}: {}, at most {} allowed", Short(value), Short(most));
        if value > most { Err(Self::new(threshold, text())) } else { Ok(()) }
    }

    pub(super) fn below(threshold: &'static str, what: &str, value: f64, least: f64) -> Result<(), Self> {
        let text = || format!("{what}: {}, at least {} required", Short(value), Short(least));
        if value < least { Err(Self::new(threshold, text())) } else { Ok(()) }
    }
}

/// Compares a value with the rule's threshold of this name, a maximum.
macro_rules! at_most {
    ($rule:ident.$threshold:ident, $what:expr, $value:expr) => {{
        let most = glasshouse_protocol::setting::Number::get(&$rule.$threshold);
        $crate::rules::outcome::Reason::above(stringify!($threshold), $what, $value, most)
    }};
}
pub(super) use at_most;

macro_rules! at_least {
    ($rule:ident.$threshold:ident, $what:expr, $value:expr) => {{
        let least = glasshouse_protocol::setting::Number::get(&$rule.$threshold);
        $crate::rules::outcome::Reason::below(stringify!($threshold), $what, $value, least)
    }};
}
pub(super) use at_least;

/// Displays a number without trailing zeros, with at most four decimals.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.4}", self.0);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}
