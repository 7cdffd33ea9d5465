//! Numbers as people read them: `1.23 M`, `4.1 GB`, `12.5 %`.

use super::{CorpusCell, Unit};
pub(crate) use glasshouse_protocol::quantity::{bytes, counted, whole};

/// Three significant figures.
fn three(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How many: `812`, `1.23 M`, `124 M`.
pub(crate) fn count(value: u64) -> String {
    if value < 1000 {
        return value.to_string();
    }
    let mut scaled = value as f64 / 1000.0;
    let mut units = ["M", "B", "T", "P"].into_iter();
    let mut unit = "k";
    // 999.5 would read `1000`.
    while scaled >= 999.5 {
        let Some(next) = units.next() else { break };
        scaled /= 1000.0;
        unit = next;
    }
    format!("{} {unit}", three(scaled))
}

/// A share of one, as per cent: `12.5 %`, `0.04 %`, `0 %`; a share that is small reads as small, never as nothing.
pub(crate) fn share(part: f64) -> String {
    let cent = part * 100.0;
    match cent {
        _ if !cent.is_finite() => "–".to_owned(),
        _ if cent == 0.0 => "0 %".to_owned(),
        _ if cent.abs() < 0.01 => "under 0.01 %".to_owned(),
        _ if cent.abs() < 0.995 => format!("{cent:.2} %"),
        // What is not all does not read as all.
        _ if (99.95..100.0).contains(&cent) => "over 99.9 %".to_owned(),
        _ if cent >= 99.95 => format!("{cent:.0} %"),
        _ => format!("{cent:.1} %"),
    }
}

/// A part of a whole; nothing of nothing is nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Another number: `1.88`.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        "–".to_owned()
    } else if value != 0.0 && value.abs() < 0.01 {
        format!("{value:.1e}")
    } else if value.abs() >= 1000.0 {
        let figures = count(value.abs().round() as u64);
        if value < 0.0 { format!("-{figures}") } else { figures }
    } else {
        three(value)
    }
}

/// `1 file or record`, `2 files or records`: the number in full, with the words for it.
pub(crate) fn of(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(value), if value == 1 { one } else { many })
}

/// A cell as people read it in a column of this unit.
pub(crate) fn cell(cell: &CorpusCell, unit: Unit) -> String {
    match (cell, unit) {
        (CorpusCell::Nothing, _) => "–".to_owned(),
        (CorpusCell::Text(text), _) => text.clone(),
        (CorpusCell::Whole(value), Unit::Count) => count(*value),
        (CorpusCell::Whole(value), Unit::Bytes) => bytes(*value),
        (CorpusCell::Whole(value), Unit::Text) => whole(*value),
        (CorpusCell::Whole(value), Unit::Share) => share(*value as f64),
        (CorpusCell::Real(value), Unit::Share) => share(*value),
        (CorpusCell::Whole(value), Unit::Number) => number(*value as f64),
        (CorpusCell::Real(value), _) => number(*value),
    }
}
