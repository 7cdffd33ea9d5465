//! Metrics: what people call them, and their values with intervals.

use super::{NOTHING, whole};
use glasshouse_protocol::evaluation::Metric;
pub use glasshouse_protocol::evaluation::{figures, is_share, metric_difference, metric_title, metric_value};

/// A metric's value.
pub fn metric(metric: &Metric) -> String {
    metric.value.map_or(NOTHING.to_owned(), |value| metric_value(&metric.name, value))
}

/// A metric's interval; empty where it has none.
pub fn metric_between(metric: &Metric) -> String {
    let [low, high] = match metric.interval {
        Some(interval) => interval.map(|end| metric_value(&metric.name, end)),
        None => return String::new(),
    };
    format!("{low} to {high}")
}

/// All that there is to say of a metric, as it is shown under the pointer and read out.
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
    fn metrics_are_called_as_the_field_does() {
        for (name, title) in [
            ("bits_per_byte", "Bits per byte"),
            ("f1", "Token F1"),
            ("macro_f1", "Macro F1"),
            ("difference_nats", "Difference in nats"),
            ("repetition_of_text", "Repetition, held-out text"),
            ("accuracy_per_character", "Accuracy per character"),
        ] {
            assert_eq!(metric_title(name), title);
        }
    }

    #[test]
    fn a_metric_says_of_how_many_things_it_is() {
        let mut metric = of("accuracy", 0.5);
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
