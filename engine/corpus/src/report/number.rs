//! Number formatting: `1.23 M`, `4.1 GB`, `12.5 %`.

pub(crate) use glasshouse_protocol::quantity::{bytes, count, counted, percent, whole};

/// A fraction; 0 if `whole` is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `1 file or record`, `2 files or records`: the full number with singular or plural.
pub(crate) fn of(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(value), if value == 1 { one } else { many })
}
