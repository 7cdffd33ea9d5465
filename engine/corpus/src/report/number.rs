//! Number formatting: `1.23 M`, `4.1 GB`, `12.5 %`.

use super::{CorpusCell, Unit};
pub(crate) use glasshouse_protocol::quantity::{NOTHING, bytes, count, counted, percent, quantity, whole};

/// A fraction; 0 if `whole` is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Any other number: `1.88`.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.1e}") } else { quantity(value) }
}

/// `1 file or record`, `2 files or records`: the full number with singular or plural.
pub(crate) fn of(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(value), if value == 1 { one } else { many })
}

/// A cell, formatted for a column of this unit.
pub(crate) fn cell(cell: &CorpusCell, unit: Unit) -> String {
    match (cell, unit) {
        (CorpusCell::Nothing, _) => NOTHING.to_owned(),
        (CorpusCell::Text(text), _) => text.clone(),
        (CorpusCell::Whole(value), Unit::Count) => count(*value),
        (CorpusCell::Whole(value), Unit::Bytes) => bytes(*value),
        (CorpusCell::Whole(value), Unit::Text) => whole(*value),
        (CorpusCell::Whole(value), Unit::Share) => percent(*value as f64),
        (CorpusCell::Real(value), Unit::Share) => percent(*value),
        (CorpusCell::Whole(value), Unit::Number) => number(*value as f64),
        (CorpusCell::Real(value), _) => number(*value),
    }
}
