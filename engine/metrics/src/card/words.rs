//! Names and numbers on the card.

use crate::statistics::MIN_VALUES;
use chrono::{DateTime, Utc};
use glasshouse_protocol::evaluation::{Metric, metric_title};
use glasshouse_protocol::quantity::NOTHING;

/// Title of a metric, by its (untrusted) name.
pub fn title(name: &str) -> String {
    metric_title(&shown(name))
}

/// Title of a comparison: a metric, optionally preceded by a task's name.
pub(super) fn compared(what: &str) -> String {
    match what.rsplit_once(": ") {
        Some((task, metric)) => format!("{}: {}", shown(task), title(metric)),
        None => title(what),
    }
}

/// Explains missing intervals; a metric does not record whether it was resampled.
pub(super) const NO_INTERVAL: &str = "Figures without an interval show “too few” for fewer than 30 items, and – if all resamples were equal or none \
    were drawn.";

/// A metric's interval, or a replacement ([`NO_INTERVAL`]).
pub(super) fn interval_of(metric: &Metric) -> String {
    match metric.between() {
        Some(between) => between,
        None if metric.value.is_some() && (1..MIN_VALUES as u64).contains(&metric.count) => {
            "too few".to_owned()
        }
        None => NOTHING.to_owned(),
    }
}

/// When a result kept from an earlier evaluation was computed (seconds since 1970), in UTC because the page can be read anywhere;
/// `None` for the evaluation's own results.
pub(super) fn kept(from: Option<f64>) -> Option<String> {
    let found = DateTime::<Utc>::from_timestamp(from? as i64, 0)?;
    Some(found.format("Kept from an evaluation of %-d %b %Y, %H:%M UTC.").to_string())
}

/// An untrusted text without bidirectional controls, other control characters and noncharacters.
pub(super) fn shown(text: &str) -> String {
    let hidden = |letter: char| {
        matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
            || (letter.is_control() && !matches!(letter, '\n' | '\t'))
    };
    text.replace(hidden, "\u{fffd}")
}

/// The first characters of a text, and whether there are more.
pub(super) fn beginning(text: &str, characters: usize) -> (String, bool) {
    let end = text.char_indices().nth(characters).map(|(at, _)| at);
    (shown(&text[..end.unwrap_or(text.len())]), end.is_some())
}
