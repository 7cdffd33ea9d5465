//! Calibration of a model's confidence: the expected calibration error of the most likely token, and the temperature
//! that would correct it (Guo et al. 2017, "On calibration of modern neural networks"). The temperature is fitted on
//! one half of the text and checked on the other, over all tokens, which the tally sums as they are scored.

use super::tally::Tally;
use glasshouse_metrics::metrics::calibration::{NONE, Sums, bins, ece};
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::Yielder;
use glasshouse_protocol::evaluation::{Better, Calibration, Metric};

fn sum(units: &[Sums]) -> Sums {
    units.iter().fold(NONE, |mut sum, unit| {
        sum.iter_mut().zip(unit).for_each(|(sum, part)| *sum += part);
        sum
    })
}

/// The calibration error, with a confidence interval from resampled units.
async fn metric(units: &[Sums], bootstrap: &Bootstrap, yielder: &Yielder) -> Metric {
    let bins = sum(units);
    let tokens: f64 = bins.iter().step_by(3).sum();
    Metric {
        name: "ece".to_owned(),
        value: Some(ece(&bins)).filter(|value| value.is_finite()),
        interval: bootstrap
            .sums_in_turns(units, |sums| ece(&sums), &async || yielder.maybe_yield().await)
            .await,
        better: Better::Lower,
        count: tokens as u64,
        of: "tokens".to_owned(),
        signature: None,
    }
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
