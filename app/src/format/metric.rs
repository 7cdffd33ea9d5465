//! Exact values of metrics.

use super::whole;
use glasshouse_protocol::evaluation::{Metric, metric_title};

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

    #[test]
    fn a_metric_says_of_how_many_things_it_is() {
        let mut metric = Metric {
            name: "accuracy".to_owned(),
            value: Some(0.5),
            interval: Some([0.4, 0.6]),
            count: 1200,
            of: "rows".to_owned(),
            ..Metric::default()
        };
        assert_eq!(
            exactly(&metric),
            "Accuracy 0.5, of 1,200 rows. 95 of 100 samples lie between 0.4 and 0.6"
        );
        metric.value = None;
        assert!(exactly(&metric).contains("nothing to measure"));
    }
}
