//! Accuracy of moderation on labelled rows.

use crate::statistics::{Bootstrap, metric, share};
use glasshouse_protocol::evaluation::{Metric, RESAMPLES};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Harmful rows that were found.
    pub found: u64,
    /// Harmful rows that were missed.
    pub missed: u64,
    /// Harmless rows that were found (false alarms).
    pub alarms: u64,
    /// Harmless rows that passed.
    pub passed: u64,
    /// Precision, recall, F1 and false alarm rate. Intervals are Wilson's, or for F1 from a bootstrap over rows.
    pub metrics: Vec<Metric>,
}

/// Counts rows, given as (harmful, found).
pub fn figures(rows: &[(bool, bool)], seed: u64) -> Figures {
    let count = |row: (bool, bool)| rows.iter().filter(|own| **own == row).count() as u64;
    let (found, missed) = (count((true, true)), count((true, false)));
    let (alarms, passed) = (count((false, true)), count((false, false)));
    let f1 =
        |found: f64, wrong: f64| if found + wrong > 0.0 { 2.0 * found / (2.0 * found + wrong) } else { 0.0 };
    let of_drawn = |drawn: &[u32]| {
        let (mut found, mut wrong) = (0.0, 0.0);
        for (truth, said) in drawn.iter().filter_map(|number| rows.get(*number as usize)) {
            found += f64::from(u8::from(*truth && *said));
            wrong += f64::from(u8::from(truth != said));
        }
        f1(found, wrong)
    };
    let harmful = found + missed;
    let value = (harmful > 0).then(|| f1(found as f64, (missed + alarms) as f64));
    let bootstrap = Bootstrap { resamples: RESAMPLES.min(1000), seed };
    let interval = value.and_then(|_| bootstrap.statistic(rows.len(), of_drawn));
    let f1 = metric("f1", value, interval, (rows.len() as u64, "rows"));
    let metrics = vec![
        share("precision", found, found + alarms, "rows found"),
        share("recall", found, harmful, "harmful rows"),
        f1,
        share("false_positive_rate", alarms, alarms + passed, "innocent rows"),
    ];
    Figures { found, missed, alarms, passed, metrics }
}
