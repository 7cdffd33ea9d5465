//! Human-readable numbers: `1.23 M`, `34.5 k tok/s`, `2 min 10 s`, `4.1 GB`, `3e-4`.
//!
//! Quantities are in [`glasshouse_protocol::quantity`]; this module has formats that only the pages use.

mod time;

pub use glasshouse_protocol::quantity::{
    NOTHING, bytes, capitalized, count, counted, device, duration, figures, flop, flops, milliseconds,
    percent, quantity, scientific, tokens_per_second, whole,
};
pub use time::{ago, clock, date_time, now, now_micros};

use glasshouse_protocol::config::Category;
use glasshouse_protocol::evaluation::LossUnit;
use glasshouse_protocol::{Moderated, RunSummary};
use std::cell::Cell;

/// Moderation hits as `3 profanity, 1 self harm`; empty without hits.
pub fn moderated(moderated: &Moderated) -> String {
    let words = |(category, count): (&Category, &u64)| match category {
        Category::Classifier => format!("{count} by the classifier"),
        _ => format!("{count} {}", category.name().replace('_', " ")),
    };
    moderated.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// A device without its instruction set, threads or driver.
pub fn short_device(recorded: &str) -> String {
    let full = device(recorded);
    full.split_once(" (").map_or(full.clone(), |(short, _)| short.to_owned())
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

/// A loss: `1.842`; in [`scientific`] notation if its decimals would all be 0 although it is not.
pub fn loss(value: f32) -> String {
    let text = format!("{value:.3}");
    match value {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if value != 0.0 && is_zero(&text) => scientific(f64::from(value)),
        _ => text,
    }
}

thread_local! {
    static LOSS_UNIT: Cell<LossUnit> = const { Cell::new(LossUnit::Nats) };
}

/// The person's unit of losses on all pages.
pub fn loss_unit() -> LossUnit {
    LOSS_UNIT.get()
}

/// Sets the unit of losses for the pages drawn by this thread, from the preferences.
pub fn set_loss_unit(unit: LossUnit) {
    LOSS_UNIT.set(unit);
}

/// Factor from nats per token to the person's unit; 1 for a run whose bytes per token are unknown.
pub fn loss_factor(bytes_per_token: Option<f64>) -> f64 {
    match (LOSS_UNIT.get(), bytes_per_token) {
        (LossUnit::Bits, Some(bytes)) if bytes > 0.0 => 1.0 / std::f64::consts::LN_2 / bytes,
        _ => 1.0,
    }
}

/// A loss of a run in the person's unit: `1.842`; with the unit if it is another one.
pub fn loss_of(run: &RunSummary, nats: f32) -> String {
    loss_in(run.bytes_per_token, nats)
}

pub fn loss_in(bytes_per_token: Option<f64>, nats: f32) -> String {
    let other = if LOSS_UNIT.get() == LossUnit::Bits && bytes_per_token.is_none() { " nats" } else { "" };
    format!("{}{other}", loss((f64::from(nats) * loss_factor(bytes_per_token)) as f32))
}

/// The loss that represents a run, with its weights: `3.206, best, step 140`.
pub fn validation(run: &RunSummary) -> Option<String> {
    let shown = run.validation()?;
    let at = shown.at();
    let parts = [loss_of(run, shown.loss), at].into_iter().filter(|part| !part.is_empty());
    Some(parts.collect::<Vec<_>>().join(", "))
}

/// What the choice of the best checkpoint rests on.
pub fn best_rests_on(run: &RunSummary) -> Option<String> {
    let held_out = run.held_out?;
    Some(match held_out.chooses() {
        true => format!("Best of the evaluations on {held_out}"),
        false => format!("The last evaluation: {held_out} are too few to choose the best checkpoint by"),
    })
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
        assert_eq!(loss(f32::NAN), NOTHING);
        // Small numbers are not shown as 0.
        assert_eq!([0.0005, 0.000_21, -0.000_21, 0.0].map(loss), ["0.001", "2.1e-4", "-2.1e-4", "0.000"]);
    }

    #[test]
    fn all_losses_have_the_persons_unit() {
        let mut run = RunSummary { bytes_per_token: Some(2.0), ..RunSummary::default() };
        assert_eq!(loss_of(&run, 2.0), "2.000");
        set_loss_unit(LossUnit::Bits);
        assert_eq!(loss_of(&run, 2.0 * std::f32::consts::LN_2), "1.000");
        (run.best_val_loss, run.best_step) = (Some(4.0 * std::f32::consts::LN_2), Some(140));
        assert_eq!(validation(&run).unwrap(), "2.000, best, step 140");
        run.bytes_per_token = None;
        assert_eq!(loss_of(&run, 2.0), "2.000 nats");
        set_loss_unit(LossUnit::Nats);
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
        assert_eq!([device("cpu (2 threads)"), device("Radeon")], ["CPU (2 threads)", "Radeon"]);
        assert_eq!([short_device("cpu (2 threads)"), short_device("Radeon")], ["CPU", "Radeon"]);
        assert_eq!(file_name("  ", "csv"), "glasshouse.csv");
    }
}
