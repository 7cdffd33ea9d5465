//! Main effects: how much of the variance of a result over many runs each of their settings explains.

use super::Bootstrap;
use glasshouse_protocol::MIN_IMPORTANCE_RUNS as MIN_RUNS;
use std::collections::BTreeSet;

/// Minimum number of runs beyond one, plus one for each value of a setting but its first.
const MIN_FREEDOM: usize = 3;
/// A numeric setting that seldom has a value twice is cut into bins of about this many runs.
const IN_BIN: usize = 4;
/// Rounds of the fit. One is exact for a full grid.
const ROUNDS: usize = 10;
const BINS: std::ops::RangeInclusive<usize> = 3..=5;

/// The share of the variance of `results` that each setting explains on its own, with its 95 % bootstrap interval over runs. `settings` has
/// a list for each setting with its value in each run. `None` for fewer than [`MIN_RUNS`] runs, for too few to tell effects from noise, or
/// if all results are equal.
///
/// The effects are those of an additive model with a number for each value, or bin of values, of each setting, fitted by backfitting (Hastie
/// and Tibshirani 1986). For a full grid, they are the marginal means, the first-order terms of a functional ANOVA (Hutter et al. 2014). From the
/// sum of squares of each effect, what noise adds is subtracted, as in ω² (Hays 1963): one mean square of the residuals for each value but one.
/// Interactions count as noise.
pub fn main_effects(
    settings: &[Vec<&str>],
    results: &[f64],
    bootstrap: &Bootstrap,
) -> Option<Vec<(f64, Option<[f64; 2]>)>> {
    let levels: Vec<Vec<usize>> = settings.iter().map(|values| levels(values)).collect();
    let counts = levels.iter().map(|own| own.iter().max().copied().unwrap_or(0));
    let needed = MIN_RUNS.max(1 + counts.sum::<usize>() + MIN_FREEDOM);
    let all: Vec<u32> = (0..results.len() as u32).collect();
    let shares = shares(&levels, results, &all).filter(|_| results.len() >= needed)?;
    let interval = |at: usize| {
        let share =
            |drawn: &[u32]| self::shares(&levels, results, drawn).map_or(f64::NAN, |shares| shares[at]);
        bootstrap.statistic(results.len(), share)
    };
    Some(shares.iter().enumerate().map(|(at, share)| (*share, interval(at))).collect())
}

/// The index of each run's value among the values, or of its bin.
fn levels(values: &[&str]) -> Vec<usize> {
    let distinct: BTreeSet<&str> = values.iter().copied().collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
    match numbers.filter(|_| 2 * distinct.len() > values.len()) {
        Some(numbers) => {
            let bins = (values.len() / IN_BIN).clamp(*BINS.start(), *BINS.end());
            let below = |number: f64| numbers.iter().filter(|other| **other < number).count();
            numbers.iter().map(|number| below(*number) * bins / values.len()).collect()
        }
        None => {
            values.iter().map(|value| distinct.iter().take_while(|other| *other < value).count()).collect()
        }
    }
}

/// The shares for some of the runs; `None` if these cannot tell.
fn shares(levels: &[Vec<usize>], results: &[f64], drawn: &[u32]) -> Option<Vec<f64>> {
    let mean = drawn.iter().map(|run| results[*run as usize]).sum::<f64>() / drawn.len() as f64;
    let mut residuals: Vec<f64> = drawn.iter().map(|run| results[*run as usize] - mean).collect();
    let squares = |residuals: &[f64]| residuals.iter().map(|residual| residual * residual).sum::<f64>();
    let total = squares(&residuals);
    // The effect of each level, and the number of its runs.
    let empty = |own: &Vec<usize>| vec![(0.0, 0.0); own.iter().max().map_or(0, |last| last + 1)];
    let mut effects: Vec<Vec<(f64, f64)>> = levels.iter().map(empty).collect();
    for _ in 0..ROUNDS {
        for (own, effect) in levels.iter().zip(&mut effects) {
            let mut sums = empty(own);
            for (run, residual) in drawn.iter().zip(&residuals) {
                let (sum, count) = &mut sums[own[*run as usize]];
                (*sum, *count) = (*sum + residual, *count + 1.0);
            }
            for ((effect, runs), (sum, count)) in effect.iter_mut().zip(&mut sums) {
                *sum /= f64::max(*count, 1.0);
                (*effect, *runs) = (*effect + *sum, *count);
            }
            for (run, residual) in drawn.iter().zip(&mut residuals) {
                *residual -= sums[own[*run as usize]].0;
            }
        }
    }
    let freedoms =
        effects.iter().map(|own| own.iter().filter(|(_, count)| *count > 0.0).count() as f64 - 1.0);
    let freedoms: Vec<f64> = freedoms.collect();
    let freedom = drawn.len() as f64 - 1.0 - freedoms.iter().sum::<f64>();
    let noise = squares(&residuals) / freedom;
    let share = |(own, freedom): (&Vec<(f64, f64)>, &f64)| {
        let squares: f64 = own.iter().map(|(effect, count)| count * effect * effect).sum();
        ((squares - freedom * noise) / total).clamp(0.0, 1.0)
    };
    let shares = effects.iter().zip(&freedoms).map(share);
    (freedom > 0.0 && total > 0.0 && total.is_finite()).then(|| shares.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(settings: &[Vec<String>], results: &[f64]) -> Option<Vec<(f64, Option<[f64; 2]>)>> {
        let settings: Vec<Vec<&str>> =
            settings.iter().map(|own| own.iter().map(String::as_str).collect()).collect();
        main_effects(&settings, results, &Bootstrap { resamples: 500, seed: 0 })
    }

    #[test]
    fn a_grid_without_noise_is_divided_exactly() {
        let runs = (0..12).map(|run| (run / 3, run % 3));
        let settings = [
            runs.clone().map(|(rate, _)| format!("{rate}")).collect::<Vec<_>>(),
            runs.clone().map(|(_, kind)| ["adamw", "sgd", "muon"][kind].to_owned()).collect(),
        ];
        // Variances 5/4 of the rates and 6 of the kinds.
        let results: Vec<f64> = runs.map(|(rate, kind)| rate as f64 + 3.0 * kind as f64).collect();
        let found = effects(&settings, &results).unwrap();
        assert!(
            (found[0].0 - 1.25 / 7.25).abs() < 1e-9 && (found[1].0 - 6.0 / 7.25).abs() < 1e-9,
            "{found:?}"
        );
        for (share, interval) in found {
            let [low, high] = interval.unwrap();
            assert!(low <= share && share <= high && low < high, "{share} {low} {high}");
        }
    }

    #[test]
    fn random_values_are_binned_and_a_setting_without_effect_explains_little() {
        let draw = |what, run| (crate::statistics::nth(3, what, run) >> 11) as f64 / (1_u64 << 53) as f64;
        let settings = [0, 1].map(|what| (0..40).map(|run| draw(what, run).to_string()).collect::<Vec<_>>());
        let results: Vec<f64> =
            (0..40).map(|run| (draw(0, run) - 0.5).powi(2) + 0.01 * draw(2, run)).collect();
        let found = effects(&settings, &results).unwrap();
        assert!(found[0].0 > 0.6 && found[1].0 < 0.1, "{found:?}");
        assert!(found[1].1.unwrap()[0] < 0.01, "{found:?}");
    }

    #[test]
    fn too_few_runs_and_equal_results_say_nothing() {
        let values = |count: usize| (0..count).map(|run| (run % 2).to_string()).collect::<Vec<_>>();
        let results = |count: usize| (0..count).map(|run| (run * run) as f64).collect::<Vec<_>>();
        assert_eq!(effects(&[values(7)], &results(7)), None);
        assert!(effects(&[values(8)], &results(8)).is_some());
        assert_eq!(effects(&[values(8)], &[1.0; 8]), None);
        // Four values of each of three settings need 13 runs.
        let four = |by: usize| (0..12).map(|run| (run / by % 4).to_string()).collect::<Vec<_>>();
        assert_eq!(effects(&[four(1), four(2), four(3)], &results(12)), None);
    }
}
