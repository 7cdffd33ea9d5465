//! Calibration of a model's confidence: the expected calibration error of the most likely token, and the temperature
//! that would correct it (Guo et al. 2017, "On calibration of modern neural networks"). The temperature is fitted on
//! one half of the text and checked on the other, over all tokens, which the tally sums as they are scored.

use super::tally::Tally;
use glasshouse_metrics::metrics::calibration::{Sums, bins, ece};
use glasshouse_metrics::statistics::{self, Bootstrap, finite, sum};
use glasshouse_platform::Yielder;
use glasshouse_protocol::evaluation::{Calibration, Metric};

/// The calibration error, with a confidence interval from resampled units.
async fn metric(units: &[Sums], bootstrap: &Bootstrap, yielder: &Yielder) -> Metric {
    let bins = sum(units);
    let tokens: f64 = bins.iter().step_by(3).sum();
    let interval = bootstrap.sums_in_turns(units, ece, &async || yielder.maybe_yield().await).await;
    statistics::metric("ece", finite(ece(bins)), interval, (tokens as u64, "tokens"))
}

pub(super) async fn calibration(tally: &Tally<'_>, bootstrap: &Bootstrap, yielder: &Yielder) -> Calibration {
    let units = tally.bins();
    let [without, with] = tally.checked();
    let checked = [metric(&without, bootstrap, yielder).await, metric(&with, bootstrap, yielder).await];
    Calibration {
        bins: bins(&sum(&units)),
        ece: metric(&units, bootstrap, yielder).await,
        temperature: 1.0 / tally.inverse(),
        fitted_tokens: tally.fitted_tokens,
        checked,
    }
}
