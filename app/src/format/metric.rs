//! Metrics: display names, and values with intervals.

use super::{NOTHING, percent, whole};
use glasshouse_protocol::Comparison;
use glasshouse_protocol::evaluation::Metric;
pub use glasshouse_protocol::evaluation::metric_title;

/// Words in the names of proportions.
const SHARES: &[&str] =
    &["acc", "accuracy", "ece", "f1", "match", "mc2", "pct", "precision", "rate", "recall", "share"];

/// Prefixes of proportions.
const BEGINNINGS: &[&str] = &[
    "extractable",
    "near_exact",
    "texts_with",
    "training_documents_with",
    "findings_in",
    "repetition",
    "distinct",
];

/// Whether a metric is a proportion between 0 and 1.
pub fn is_share(name: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || name.split('_').any(|word| SHARES.contains(&word))
}

/// A metric's number for tables: proportions in percent, scores out of 100 with one decimal, others with four digits or decimals.
pub fn value_of(name: &str, value: f64) -> String {
    match name {
        _ if !value.is_finite() => NOTHING.to_owned(),
        _ if is_share(name) => percent(value),
        "bleu" | "chrf" => format!("{value:.1}"),
        "loss" | "bits_per_byte" => format!("{value:.4}"),
        _ => figures(value),
    }
}

/// A number with at least four digits.
pub fn figures(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => NOTHING.to_owned(),
        size if size >= 1e15 => format!("{value:.2e}"),
        size if size >= 999.95 => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, whole(size.round() as u64))
        }
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

pub fn metric(metric: &Metric) -> String {
    metric.value.map_or(NOTHING.to_owned(), |value| value_of(&metric.name, value))
}

/// A metric's interval; empty without one.
pub fn metric_between(metric: &Metric) -> String {
    let [low, high] = match metric.interval {
        Some(interval) => interval.map(|end| value_of(&metric.name, end)),
        None => return String::new(),
    };
    format!("{low} to {high}")
}

/// The metric of a comparison in words, after the task's name if there is one.
pub fn compared(pair: &Comparison) -> String {
    let metric = &pair.difference.name;
    let task = pair.what.strip_suffix(metric.as_str()).unwrap_or_default();
    format!("{task}{}", metric_title(metric))
}

/// A full description of a metric, for tooltips and screen readers.
pub fn exactly(metric: &Metric) -> String {
    let mut text = match metric.value {
        Some(value) => format!("{} {value}", metric_title(&metric.name)),
        None => format!("{}: nothing to measure", metric_title(&metric.name)),
    };
    if !metric.of.is_empty() {
        text += &format!(", of {} {}", whole(metric.count), metric.of);
    }
    if let Some([low, high]) = metric.interval {
        text += &format!(". 95 of 100 samples lie between {low} and {high}");
    }
    if let Some(signature) = &metric.signature {
        text += &format!(". {signature}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: f64) -> Metric {
        let interval = Some([value - 0.1, value + 0.1]);
        Metric { name: name.to_owned(), value: Some(value), interval, count: 1200, ..Metric::default() }
    }

    #[test]
    fn metrics_are_called_and_written_as_the_field_does() {
        for (name, title) in [
            ("bits_per_byte", "Bits per byte"),
            ("f1", "Token F1"),
            ("f1_macro", "Macro F1"),
            ("difference_nats", "Difference in nats"),
            ("repetition_of_text", "Repetition, held-out text"),
            ("acc_norm", "Accuracy, length-normalised"),
        ] {
            assert_eq!(metric_title(name), title);
        }
        for (name, value, text) in [
            ("token_accuracy", 0.4321, "43.2 %"),
            ("f1_macro", 0.5, "50.0 %"),
            ("acc_mutual_info", 0.5, "50.0 %"),
            ("difference_exact_match", 0.5, "50.0 %"),
            ("pct_stereotype", 0.5, "50.0 %"),
            ("pass_rate", 1.0, "100 %"),
            ("extractable_held_out", 0.005, "0.50 %"),
            ("training_documents_with_findings", 0.002, "0.20 %"),
            ("bleu", 27.345, "27.3"),
            ("bits_per_byte", 0.8421, "0.8421"),
            ("perplexity", 12.3456, "12.35"),
            ("exposure", 1234.4, "1,234"),
            ("perplexity", 501_062.3, "501,062"),
            ("difference_nats", -2500.0, "-2,500"),
            ("repetition", 0.001, "0.10 %"),
            ("repetition_of_text", 0.001, "0.10 %"),
            ("distinct_2_of_text", 0.9648, "96.5 %"),
            ("loss", f64::NAN, NOTHING),
        ] {
            assert_eq!(value_of(name, value), text, "{name}");
        }
    }

    #[test]
    fn a_metric_says_of_how_many_things_it_is() {
        let mut metric = of("acc", 0.5);
        assert_eq!(metric_between(&metric), "40.0 % to 60.0 %");
        metric.of = "rows".to_owned();
        assert_eq!(
            exactly(&metric),
            "Accuracy 0.5, of 1,200 rows. 95 of 100 samples lie between 0.4 and 0.6"
        );
        (metric.value, metric.interval) = (None, None);
        assert_eq!((super::metric(&metric).as_str(), metric_between(&metric).as_str()), (NOTHING, ""));
        assert!(exactly(&metric).contains("nothing to measure"));
    }
}
