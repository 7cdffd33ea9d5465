//! Names and numbers on the card.

use crate::statistics::MIN_VALUES;
use chrono::{DateTime, Utc};
use glasshouse_protocol::evaluation::{Metric, metric_title};
use glasshouse_protocol::quantity::whole;

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

/// A number with about four significant digits: `0.8123`, `12.35`, `1,204`, `3.1e-5`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.0005 => format!("{value:.1e}"),
        _ if size < 10.0 => format!("{value:.4}"),
        _ if size < 100.0 => format!("{value:.2}"),
        _ if size < 999.95 => format!("{value:.1}"),
        _ if size < 1e15 => format!("{}{}", if value < 0.0 { "−" } else { "" }, whole(size.round() as u64)),
        _ => format!("{value:.2e}"),
    }
    .replace('-', "−")
}

/// An interval: `0.81 … 0.84`.
pub(super) fn interval([low, high]: [f64; 2]) -> String {
    format!("{} … {}", number(low), number(high))
}

/// Explains missing intervals; a metric does not record whether it was resampled.
pub(super) const NO_INTERVAL: &str = "Figures without an interval show “too few” for fewer than 30 items, and – if all resamples were equal or none \
    were drawn.";

/// A metric's interval, or a replacement ([`NO_INTERVAL`]).
pub(super) fn interval_of(metric: &Metric) -> String {
    match metric.interval {
        Some(own) => interval(own),
        None if metric.value.is_some() && (1..MIN_VALUES as u64).contains(&metric.count) => {
            "too few".to_owned()
        }
        None => "–".to_owned(),
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
