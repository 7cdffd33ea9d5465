//! Human-readable numbers: `1.23 M`, `34.5 k tok/s`, `2 min 10 s`, `4.1 GB`, `3e-4`.
//!
//! Quantities are in [`glasshouse_protocol::quantity`]; this module has formats that only the pages use.

mod time;

pub use glasshouse_protocol::quantity::{
    NOTHING, bytes, count, counted, duration, figures, flop, flops, milliseconds, percent, quantity,
    scientific, tokens_per_second, whole,
};
pub use time::{ago, clock, date_time, now, now_micros};

use glasshouse_protocol::Moderated;
use glasshouse_protocol::config::Category;

/// Moderation hits as `3 profanity, 1 self harm`; empty without hits.
pub fn moderated(moderated: &Moderated) -> String {
    let words = |(category, count): (&Category, &u64)| match category {
        Category::Classifier => format!("{count} by the classifier"),
        _ => format!("{count} {}", category.name().replace('_', " ")),
    };
    moderated.iter().map(words).collect::<Vec<_>>().join(", ")
}

pub fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A text with every run of whitespace as one space.
pub fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first `most` characters of a text, with an ellipsis if it continues.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// A changing loss: `1.842`.
pub fn loss(value: f32) -> String {
    decimals_or_exponent(value, 3)
}

/// A loss in a table: `1.8421`.
pub fn loss_exact(value: f32) -> String {
    decimals_or_exponent(value, 4)
}

/// A number with some decimals; in [`scientific`] notation if those would all be 0 although it is not.
fn decimals_or_exponent(value: f32, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match value {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if value != 0.0 && is_zero(&text) => scientific(f64::from(value)),
        _ => text,
    }
}

/// A number with its sign: `+0.250`, `−0.250`; without a sign if it rounds to 0.
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

/// Whether a formatted number has no digit other than 0.
fn is_zero(text: &str) -> bool {
    !text.contains(|letter: char| ('1'..='9').contains(&letter))
}

/// A file name derived from a display name.
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
    fn losses_keep_their_decimals_and_rates_their_exponent() {
        assert_eq!(loss(1.8421), "1.842");
        assert_eq!(loss_exact(1.88), "1.8800");
        assert_eq!(loss(f32::NAN), NOTHING);
        // Small numbers are not shown as 0.
        assert_eq!([0.0005, 0.000_21, -0.000_21, 0.0].map(loss), ["0.001", "2.1e-4", "-2.1e-4", "0.000"]);
        assert_eq!([0.000_21, 0.000_021].map(loss_exact), ["0.0002", "2.1e-5"]);
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
    fn a_long_text_ends_in_an_ellipsis() {
        assert_eq!(shortened("3 · Owls", 8), "3 · Owls");
        assert_eq!(shortened("ä öü", 2), "ä…");
        assert_eq!(in_one_line(" an\n\towl "), "an owl");
    }

    #[test]
    fn file_names_hold_nothing_that_a_path_could_mistake() {
        assert_eq!(file_name("My first model", "glasshouse"), "My first model.glasshouse");
        assert_eq!(file_name("../a/b", "png"), "---a-b.png");
        assert_eq!(file_name("  ", "csv"), "glasshouse.csv");
    }
}
