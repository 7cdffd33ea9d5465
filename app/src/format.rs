//! Numbers as people read them: `1.23 M`, `34.5 k tok/s`, `2 min 10 s`, `4.1 GB`, `3.0e-4`.
//!
//! What is no number reads `–`. A narrow no-break space parts thousands nowhere: a comma does, as in `1,200`.

mod metric;
mod time;

pub use glasshouse_protocol::quantity::{bytes, counted, whole};
pub use metric::{exactly, figures, is_share, metric, metric_between, metric_title, value_of};
pub use time::{ago, clock, date_time, duration, kept_from, now};

use glasshouse_protocol::Moderated;
use glasshouse_protocol::config::Category;

/// What stands where there is no number.
pub const NOTHING: &str = "–";

/// `3 profanity, 1 self harm`: what moderation found; empty where that is nothing.
pub fn moderated(moderated: &Moderated) -> String {
    let words = |(category, count): (&Category, &u64)| match category {
        Category::Classifier => format!("{count} by the classifier"),
        _ => format!("{count} {}", category.name().replace('_', " ")),
    };
    moderated.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Words as the beginning of a line.
pub fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A number with three significant figures.
fn three(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 99.95 => format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Three figures, and the prefix of the size; `step` is 1000 throughout, as disks and device memory are sold.
fn scaled(value: f64, units: &[&str]) -> Option<(String, usize)> {
    if !value.is_finite() {
        return None;
    }
    let mut value = value;
    let mut unit = 0;
    // 999.5 would read `1000`.
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    Some((three(value), unit))
}

const COUNTS: [&str; 6] = ["", " k", " M", " B", " T", " P"];

/// How many: `812`, `1.23 M`, `124 M`.
pub fn count(value: u64) -> String {
    match value {
        0..1000 => value.to_string(),
        _ => quantity(value as f64),
    }
}

/// How much, of what need not be whole: `3.20 k`.
pub fn quantity(value: f64) -> String {
    match scaled(value, &COUNTS) {
        Some((figures, unit)) => format!("{figures}{}", COUNTS[unit]),
        None => NOTHING.to_owned(),
    }
}

/// Tokens per second, where they are known: `34.5 k tok/s`.
pub fn tokens_per_second(value: impl Into<Option<f64>>) -> String {
    format!("{} tok/s", value.into().map_or_else(|| NOTHING.to_owned(), quantity))
}

/// Operations per second: `1.20 TFLOP/s`.
pub fn flops(value: f64) -> String {
    const UNITS: [&str; 6] = ["FLOP/s", "kFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s"];
    match scaled(value, &UNITS) {
        Some((figures, unit)) => format!("{figures} {}", UNITS[unit]),
        None => NOTHING.to_owned(),
    }
}

/// Milliseconds: `4.20 µs`, `0.42 ms`, `31.0 ms`, `1.20 s`.
pub fn milliseconds(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value >= 999.5 {
        format!("{} s", three(value / 1000.0))
    } else if value > 0.0 && value < 0.0995 {
        // Of milliseconds two decimals would leave one figure, or none.
        format!("{} µs", three(value * 1000.0))
    } else {
        format!("{} ms", three(value))
    }
}

/// Small numbers as learning rates: `3.0e-4`.
pub fn scientific(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.1e}")
    }
}

/// A loss while it changes: `1.842`.
pub fn loss(value: f32) -> String {
    decimals_or_exponent(value, 3)
}

/// A loss in a table: `1.8421`.
pub fn loss_exact(value: f32) -> String {
    decimals_or_exponent(value, 4)
}

/// A number with some decimals, and where those would all be 0 and it is not, as [`scientific`] has it.
fn decimals_or_exponent(value: f32, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match value {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if value != 0.0 && is_zero(&text) => scientific(f64::from(value)),
        _ => text,
    }
}

/// A number that says whether it is above 0 or below: `+0.250`, `−0.250`; none of both where its decimals are all 0.
pub fn signed(value: impl Into<f64>, decimals: usize) -> String {
    let value = value.into();
    let size = format!("{:.decimals$}", value.abs());
    match value {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if is_zero(&size) => size,
        _ if value < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// Whether a number that is written out has no digit but 0.
fn is_zero(text: &str) -> bool {
    !text.contains(|letter: char| ('1'..='9').contains(&letter))
}

/// A share between 0 and 1: `12.3 %`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { NOTHING.to_owned() }
}

/// A file name of what a person calls something.
pub fn file_name(name: &str, ending: &str) -> String {
    let clean: String = name
        .chars()
        .map(|letter| if letter.is_alphanumeric() || "-_ ".contains(letter) { letter } else { '-' })
        .collect();
    let clean = clean.trim();
    format!("{}.{ending}", if clean.is_empty() { "glasshouse" } else { clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_people_write_them() {
        let cases = [
            (0, "0"),
            (812, "812"),
            (1000, "1.00 k"),
            (1_234_567, "1.23 M"),
            (12_345_678, "12.3 M"),
            (124_000_000, "124 M"),
            (999_499, "999 k"),
            (999_500, "1.00 M"),
            (7_000_000_000, "7.00 B"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
        assert_eq!(quantity(f64::NAN), NOTHING);
        assert_eq!(quantity(9.996), "10.0");
    }

    #[test]
    fn whole_numbers_are_grouped_by_thousands() {
        for (value, text) in [(0, "0"), (999, "999"), (1200, "1,200"), (1_234_567, "1,234,567")] {
            assert_eq!(whole(value), text);
        }
    }

    #[test]
    fn rates_and_sizes_carry_their_unit() {
        assert_eq!(tokens_per_second(34_512.0), "34.5 k tok/s");
        assert_eq!(tokens_per_second(None::<f64>), "– tok/s");
        assert_eq!(flops(1.2e12), "1.20 TFLOP/s");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(4_100_000_000), "4.1 GB");
        assert_eq!(bytes(999_600), "1.0 MB");
        assert_eq!(bytes(124_400_000), "124 MB");
        assert_eq!(milliseconds(0.4217), "0.42 ms");
        assert_eq!(
            [0.0042, 0.031, 0.0995, 0.0].map(milliseconds),
            ["4.20 µs", "31.0 µs", "0.10 ms", "0.00 ms"]
        );
        assert_eq!(milliseconds(1204.0), "1.20 s");
        assert_eq!(percent(0.1234), "12.3 %");
    }

    #[test]
    fn losses_keep_their_decimals_and_rates_their_exponent() {
        assert_eq!(loss(1.8421), "1.842");
        assert_eq!(loss_exact(1.88), "1.8800");
        assert_eq!(loss(f32::NAN), NOTHING);
        // What is small is not nothing.
        assert_eq!([0.0005, 0.000_21, -0.000_21, 0.0].map(loss), ["0.001", "2.1e-4", "-2.1e-4", "0.000"]);
        assert_eq!([0.000_21, 0.000_021].map(loss_exact), ["0.0002", "2.1e-5"]);
        assert_eq!(scientific(3e-4), "3.0e-4");
        assert_eq!(scientific(0.0), "0");
        assert_eq!(scientific(f64::INFINITY), NOTHING);
    }

    #[test]
    fn what_is_signed_has_one_minus_and_zero_has_none() {
        assert_eq!(
            [0.25_f64, -0.25, 0.0, -0.0001].map(|value| signed(value, 3)),
            ["+0.250", "−0.250", "0.000", "0.000"]
        );
        assert_eq!((signed(-12.6_f32, 0), signed(f32::NAN, 2)), ("−13".to_owned(), NOTHING.to_owned()));
    }

    #[test]
    fn file_names_hold_nothing_that_a_path_could_mistake() {
        assert_eq!(file_name("My first model", "glasshouse"), "My first model.glasshouse");
        assert_eq!(file_name("../a/b", "png"), "---a-b.png");
        assert_eq!(file_name("  ", "csv"), "glasshouse.csv");
    }
}
