//! Numbers of metrics as people read them.

use super::Metric;
use crate::quantity::whole;

/// Names, and ends of names, of shares.
const SHARES: &[&str] = &["exact", "mc2", "rate", "share", "ece", "precision", "recall"];

/// Beginnings of names of shares.
const BEGINNINGS: &[&str] = &[
    "extractable",
    "near_exact",
    "stereotyped",
    "texts_with",
    "training_documents_with",
    "findings_in",
    "repetition",
    "distinct",
];

/// What stands where there is no number.
const NOTHING: &str = "–";

/// Differences up to here are what sums were rounded by.
const ROUNDING: f64 = 1e-9;

/// Decimals of a difference beyond those of the metric's values.
const MAX_MORE_DECIMALS: usize = 4;

/// Whether a metric is a share of things, between 0 and 1.
pub fn is_share(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or(name);
    let begins = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    begins || SHARES.contains(&name) || SHARES.contains(&last) || last == "f1" || name.contains("accuracy")
}

/// A metric's number: a share in percent, a score of 100 with one decimal, any other with four figures or decimals.
pub fn metric_value(name: &str, value: f64) -> String {
    let unit = if is_share(name) && value.is_finite() { " %" } else { "" };
    format!("{}{unit}", Notation::of(name, value.abs()).plain(value))
}

/// A difference of two values of a metric with its interval: `−0.0500 (−0.0700 to −0.0300)`.
pub fn metric_difference(difference: &Metric) -> String {
    let Some(value) = difference.value else { return NOTHING.to_owned() };
    let notation = Notation::of_difference(difference);
    let text = format!("{}{}", notation.signed(value), notation.unit());
    match difference.interval {
        Some([low, high]) => format!("{text} ({} to {})", notation.signed(low), notation.signed(high)),
        None => text,
    }
}

/// A number with at least four figures.
pub fn figures(value: f64) -> String {
    Notation { share: false, decimals: decimals(value.abs()) }.plain(value)
}

/// Decimals of a number with at least four figures.
fn decimals(size: f64) -> usize {
    match size {
        _ if size >= 999.95 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ => 3,
    }
}

/// How numbers of a metric are written that stand together: in one unit and with one number of decimals.
#[derive(Clone, Copy, Debug)]
pub struct Notation {
    share: bool,
    decimals: usize,
}

impl Notation {
    fn of(name: &str, size: f64) -> Self {
        let share = is_share(name);
        let decimals = match name {
            "loss" | "bits_per_byte" => 4,
            _ if share || matches!(name, "bleu" | "chrf") => 1,
            _ => decimals(size),
        };
        Self { share, decimals }
    }

    /// That of a difference and the ends of its interval: the metric's own, with more decimals where one of the three would read as 0.
    pub fn of_difference(difference: &Metric) -> Self {
        let numbers = difference.value.into_iter().chain(difference.interval.unwrap_or_default());
        let sizes: Vec<f64> =
            numbers.map(f64::abs).filter(|size| size.is_finite() && *size > ROUNDING).collect();
        let mut notation = Self::of(&difference.name, sizes.iter().copied().fold(0.0, f64::max));
        for _ in 0..MAX_MORE_DECIMALS {
            if sizes.iter().any(|size| notation.hides(*size)) {
                notation.decimals += 1;
            }
        }
        notation
    }

    /// Whether a number reads as 0.
    fn hides(self, size: f64) -> bool {
        !self.plain(size).contains(|letter: char| matches!(letter, '1'..='9'))
    }

    /// A number without its unit.
    pub fn plain(self, value: f64) -> String {
        let (value, decimals) = (if self.share { value * 100.0 } else { value }, self.decimals);
        let text = match value.abs() {
            size if !size.is_finite() => NOTHING.to_owned(),
            size if size >= 1e15 => format!("{value:.2e}"),
            size if decimals == 0 => {
                format!("{}{}", if value < 0.0 { "-" } else { "" }, whole(size.round() as u64))
            }
            _ => format!("{value:.decimals$}"),
        };
        text.replace('-', "−")
    }

    /// A number with its sign, without its unit.
    pub fn signed(self, value: f64) -> String {
        if value.abs() <= ROUNDING {
            return "0".to_owned();
        }
        format!("{}{}", if value > 0.0 { "+" } else { "" }, self.plain(value))
    }

    /// What stands behind a difference: two percentages differ by percentage points.
    pub fn unit(self) -> &'static str {
        if self.share { " percentage points" } else { "" }
    }

    /// The same where there is little room, as in a column of a table.
    pub fn short_unit(self) -> &'static str {
        if self.share { " pp" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_the_field_does() {
        for (name, value, text) in [
            ("token_accuracy", 0.4321, "43.2 %"),
            ("macro_f1", 0.5, "50.0 %"),
            ("pass_rate", 1.0, "100.0 %"),
            ("extractable_held_out", 0.005, "0.5 %"),
            ("training_documents_with_findings", 0.002, "0.2 %"),
            ("bleu", 27.345, "27.3"),
            ("bits_per_byte", 0.8421, "0.8421"),
            ("perplexity", 12.3456, "12.35"),
            ("exposure", 1234.4, "1,234"),
            ("perplexity", 501_062.3, "501,062"),
            ("difference_nats", -2500.0, "−2,500"),
            ("repetition", 0.001, "0.1 %"),
            ("repetition_of_text", 0.001, "0.1 %"),
            ("distinct_2_of_text", 0.9648, "96.5 %"),
            ("loss", f64::NAN, NOTHING),
            ("token_accuracy", f64::NAN, NOTHING),
        ] {
            assert_eq!(metric_value(name, value), text, "{name}");
        }
    }

    #[test]
    fn a_difference_has_one_unit_and_one_number_of_decimals() {
        for (name, [value, low, high], text) in [
            ("token_accuracy", [0.0648, 0.0617, 0.0678], "+6.5 percentage points (+6.2 to +6.8)"),
            ("perplexity", [-1.6733, -1.7197, -1.6249], "−1.673 (−1.720 to −1.625)"),
            ("perplexity", [9.9, 9.7, 10.1], "+9.90 (+9.70 to +10.10)"),
            ("bits_per_byte", [-0.01, -0.03, 0.0], "−0.0100 (−0.0300 to 0)"),
            // What is not nothing does not read as nothing, and what was only rounded does.
            ("exact", [0.0004, -0.0002, 0.001], "+0.04 percentage points (−0.02 to +0.10)"),
            ("exact", [0.05, 1e-17, 0.1], "+5.0 percentage points (0 to +10.0)"),
            ("perplexity", [2000.0, 0.2, 4000.0], "+2000.0 (+0.2 to +4000.0)"),
        ] {
            let name = name.to_owned();
            let difference =
                Metric { name, value: Some(value), interval: Some([low, high]), ..Metric::default() };
            assert_eq!(metric_difference(&difference), text);
        }
        let name = "exact".to_owned();
        let alone = Metric { name, value: Some(-0.25), ..Metric::default() };
        assert_eq!(metric_difference(&alone), "−25.0 percentage points");
        assert_eq!(metric_difference(&Metric::default()), NOTHING);
        assert_eq!(Notation::of_difference(&alone).short_unit(), " pp");
    }
}
