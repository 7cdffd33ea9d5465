//! Titles of metrics and texts of their values, the same in every front end.

use super::measures::{Measure, Unit};
use super::{Better, Comparison, Metric};
use crate::quantity::{NOTHING, capitalized, figures, percent, whole};
use Unit::{Score, Share};

/// Minimum number of items for an interval by resampling.
pub const MIN_VALUES: usize = 30;

/// Explains missing intervals; a metric does not record whether it was resampled.
pub const NO_INTERVAL: &str = "“Too few” in place of an interval means fewer than 30 items; “–” means that no interval was computed, or that \
    all resamples were equal.";

/// Whether a metric has its own title, as all metrics of our reports do.
pub fn is_titled(name: &str) -> bool {
    Measure::named(name).is_some()
}

/// The better direction of a metric's values; unknown metrics are better if higher.
pub fn better(name: &str) -> Better {
    Measure::named(name).map(|measure| measure.better).unwrap_or_default()
}

/// The display title: `Bits per byte` for `bits_per_byte`. Unknown metrics get their name in words.
pub fn metric_title(name: &str) -> String {
    if let Some(measure) = Measure::named(name) {
        return measure.title.to_owned();
    }
    capitalized(&name.replace('_', " "))
}

fn is_share(name: &str) -> bool {
    Measure::named(name).is_some_and(|measure| measure.unit == Share)
}

/// A value of a metric: `43.2 %`, `27.3`, `0.8421`.
pub fn metric_text(name: &str, value: f64) -> String {
    match Measure::named(name).map(|measure| measure.unit) {
        Some(Share) => percent(value),
        Some(Score) if value.is_finite() => format!("{value:.1}"),
        _ => figures(value),
    }
}

impl Metric {
    /// Whether it is a fraction of 1.
    pub fn is_share(&self) -> bool {
        is_share(&self.name)
    }

    pub fn text(&self) -> String {
        self.value.map_or_else(|| NOTHING.to_owned(), |value| metric_text(&self.name, value))
    }

    /// Its interval as text: `40.0 % to 60.0 %`.
    pub fn between(&self) -> Option<String> {
        let [low, high] = self.interval?.map(|end| metric_text(&self.name, end));
        Some(format!("{low} to {high}"))
    }

    /// Its interval, or why there is none: see [`NO_INTERVAL`].
    pub fn interval_text(&self) -> String {
        match self.between() {
            Some(between) => between,
            None if self.value.is_some() && (1..MIN_VALUES as u64).contains(&self.count) => {
                "too few".to_owned()
            }
            None => NOTHING.to_owned(),
        }
    }

    /// A full description, for tooltips and screen readers.
    pub fn exactly(&self) -> String {
        let title = metric_title(&self.name);
        let mut text = match self.value {
            Some(value) => format!("{title} {value}"),
            None => format!("{title}: nothing to measure"),
        };
        if !self.of.is_empty() {
            text += &format!(", of {} {}", whole(self.count), self.of);
        }
        if let Some([low, high]) = self.interval {
            text += &format!(". 95 % interval: {low} to {high}");
        }
        if let Some(signature) = &self.signature {
            text += &format!(". {signature}");
        }
        text
    }

    /// Its value with its interval: `50.0 % (40.0 % to 60.0 %)`.
    pub fn with_interval(&self) -> String {
        match self.between().filter(|_| self.value.is_some()) {
            Some(between) => format!("{} ({between})", self.text()),
            None => self.text(),
        }
    }
}

impl Comparison {
    /// The metric in words, after the task's name if there is one.
    pub fn title(&self) -> String {
        let metric = &self.difference.name;
        // A comparison without a difference may lack its name.
        let name = if metric.is_empty() { self.what.rsplit(": ").next().unwrap_or_default() } else { metric };
        let task = self.what.strip_suffix(name).unwrap_or_default();
        format!("{task}{}", metric_title(name))
    }

    /// The difference with its sign and interval, in percentage points for fractions: `+2.1 percentage points (+0.5 to +3.7)`.
    pub fn signed(&self) -> String {
        let name = &self.difference.name;
        let is_share = is_share(name);
        let write = |value: f64| {
            let sign = match value {
                0.0 => return "0".to_owned(),
                _ if value < 0.0 => "−",
                _ => "+",
            };
            let size = value.abs();
            format!(
                "{sign}{}",
                if is_share { format!("{:.1}", 100.0 * size) } else { metric_text(name, size) }
            )
        };
        let unit = if is_share { " percentage points" } else { "" };
        let Some(value) = self.difference.value else { return NOTHING.to_owned() };
        match self.difference.interval {
            Some([low, high]) => format!("{}{unit} ({} to {})", write(value), write(low), write(high)),
            None => format!("{}{unit}", write(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::measures::MEASURES;
    use super::*;
    use std::collections::BTreeSet;

    fn metric(name: &str, value: f64, interval: [f64; 2]) -> Metric {
        Metric { name: name.to_owned(), value: Some(value), interval: Some(interval), ..Metric::default() }
    }

    #[test]
    fn a_metric_says_of_how_many_things_it_is() {
        let mut metric = Metric { count: 1200, of: "rows".to_owned(), ..metric("acc", 0.5, [0.4, 0.6]) };
        let exactly = "Accuracy 0.5, of 1,200 rows. 95 % interval: 0.4 to 0.6";
        assert_eq!(metric.exactly(), exactly);
        assert_eq!(Metric { interval: None, count: 12, ..metric.clone() }.interval_text(), "too few");
        metric.value = None;
        assert!(metric.exactly().contains("nothing to measure"));
    }

    #[test]
    fn each_metric_has_one_title_and_no_two_the_same() {
        let titles: BTreeSet<&str> = MEASURES.iter().map(|measure| measure.title).collect();
        let names: BTreeSet<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        assert_eq!([titles.len(), names.len()], [MEASURES.len(); 2]);
        assert_eq!((is_titled("of_others"), metric_title("of_others").as_str()), (false, "Of others"));
        assert_eq!((metric_title("f1_macro").as_str(), metric_title("")), ("Macro F1", String::new()));
    }

    #[test]
    fn values_are_written_as_the_field_does() {
        for (name, value, text) in [
            ("token_accuracy", 0.4321, "43.2 %"),
            ("f1_macro", 0.5, "50.0 %"),
            ("pass_rate", 1.0, "100 %"),
            ("extractable_held_out", 0.005, "0.50 %"),
            ("training_documents_with_findings", 0.002, "0.20 %"),
            ("bleu", 27.345, "27.3"),
            ("bits_per_byte", 0.8421, "0.8421"),
            ("perplexity", 12.3456, "12.35"),
            ("perplexity", 501_062.3, "501,062"),
            ("difference_nats", -2500.0, "−2,500"),
            ("repetition_of_text", 0.001, "0.10 %"),
            ("distinct_2_of_text", 0.9648, "96.5 %"),
            ("of_others", 0.5, "0.5000"),
            ("loss", f64::NAN, NOTHING),
            ("bleu", f64::NAN, NOTHING),
        ] {
            assert_eq!(metric_text(name, value), text, "{name}");
        }
        let metric = metric("acc", 0.5, [0.4, 0.6]);
        assert_eq!(metric.with_interval(), "50.0 % (40.0 % to 60.0 %)");
        let nothing = Metric { value: None, interval: None, ..metric };
        assert_eq!((nothing.with_interval().as_str(), nothing.between()), (NOTHING, None));
    }

    #[test]
    fn a_difference_has_its_sign_and_is_one_only_where_its_interval_leaves_0_out() {
        let pair = |value, interval| Comparison {
            difference: metric("bits_per_byte", value, interval),
            ..Comparison::default()
        };
        assert_eq!(pair(-0.05, [-0.07, -0.03]).signed(), "−0.0500 (−0.0700 to −0.0300)");
        assert_eq!(pair(0.01, [-0.02, 0.04]).signed(), "+0.0100 (−0.0200 to +0.0400)");
        assert_eq!(pair(-0.01, [-0.03, 0.0]).signed(), "−0.0100 (−0.0300 to 0)");
        let shares = Comparison {
            difference: metric("token_accuracy", 0.0648, [0.0617, 0.0678]),
            ..Comparison::default()
        };
        assert_eq!(shares.signed(), "+6.5 percentage points (+6.2 to +6.8)");
        let of = |text: &str| Comparison { what: text.to_owned(), ..pair(0.5, [0.25, 0.75]) };
        assert_eq!(of("bits_per_byte").title(), "Bits per byte");
        assert_eq!(of("q_a.jsonl: bits_per_byte").title(), "q_a.jsonl: Bits per byte");
    }
}
