//! Quantities as people read them, for the engine's sentences and front ends alike.

/// Bytes: `812 B`, `4.1 MB`, `124 GB`, in powers of 1000.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let unit = (1..UNITS.len()).rev().find(|unit| value as f64 >= 999.5 * 1000_f64.powi(*unit as i32 - 1));
    let unit = unit.unwrap_or(1);
    let figures = value as f64 / 1000_f64.powi(unit as i32);
    if figures < 99.95 {
        format!("{figures:.1} {}", UNITS[unit])
    } else {
        format!("{figures:.0} {}", UNITS[unit])
    }
}

/// So many of something: `1 step`, `1,200 steps`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {}", whole(number), things(number, thing))
}

/// What so many of something are called: `step`, `steps`.
pub fn things(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{thing}{ending}")
}

/// A whole number in full: `1,200`.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
