//! Main effects: how much of the variance of a result over many runs each of their settings explains.

use super::Bootstrap;
use std::collections::BTreeSet;

/// Minimum number of runs.
pub const MIN_RUNS: usize = 8;
/// Minimum number of runs beyond one, plus one for each value of a setting but its first.
const MIN_FREEDOM: usize = 3;
/// A numeric setting that seldom has a value twice is cut into bins of about this many runs.
const IN_BIN: usize = 4;
const BINS: std::ops::RangeInclusive<usize> = 3..=5;

/// The share of the variance of `results` that each setting explains by itself, with its 95 % bootstrap interval over runs. `settings` has
/// a list for each setting with its value in each run. `None` for fewer than [`MIN_RUNS`] runs, for too few to tell effects from noise,
/// or if all results are equal.
///
/// These are the first-order terms of a functional ANOVA (Hutter et al. 2014): for each setting, the sum of squares of the means of the runs
/// with the same value, or with values in the same bin. What noise adds to it, one mean residual square for each value but the first, is
/// subtracted, as in ω² (Hays 1963). The residual is that of the sum of all main effects, so interactions count as noise.
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
        let share = |drawn: &[u32]| self::shares(&levels, results, drawn).map_or(f64::NAN, |shares| shares[at]);
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
        None => values.iter().map(|value| distinct.iter().take_while(|other| *other < value).count()).collect(),
    }
}

/// The shares for some of the runs; `None` if these cannot tell.
fn shares(levels: &[Vec<usize>], results: &[f64], drawn: &[u32]) -> Option<Vec<f64>> {
    let mean = drawn.iter().map(|run| results[*run as usize]).sum::<f64>() / drawn.len() as f64;
    let deviation = |run: &u32| results[*run as usize] - mean;
    let total: f64 = drawn.iter().map(|run| deviation(run) * deviation(run)).sum();
    let effect = |own: &Vec<usize>| {
        let mut groups = vec![(0.0, 0.0); own.iter().max().map_or(0, |last| last + 1)];
        for run in drawn {
            let (sum, count) = &mut groups[own[*run as usize]];
            *sum += deviation(run);
            *count += 1.0;
        }
        groups.retain(|(_, count)| *count > 0.0);
        let squares: f64 = groups.iter().map(|(sum, count)| sum * sum / count).sum();
        (squares, groups.len() as f64 - 1.0)
    };
    let effects: Vec<(f64, f64)> = levels.iter().map(effect).collect();
    let (explained, freedom) =
        effects.iter().fold((0.0, drawn.len() as f64 - 1.0), |sum, own| (sum.0 + own.0, sum.1 - own.1));
    let residual = (total - explained).max(0.0) / freedom;
    let share = |(squares, freedom): &(f64, f64)| ((squares - freedom * residual) / total).clamp(0.0, 1.0);
    (freedom > 0.0 && total > 0.0 && total.is_finite()).then(|| effects.iter().map(share).collect())
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
        assert!((found[0].0 - 1.25 / 7.25).abs() < 1e-9 && (found[1].0 - 6.0 / 7.25).abs() < 1e-9, "{found:?}");
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
        assert!(found[0].0 > 0.6 && found[1].0 < 0.25, "{found:?}");
        assert!(found[1].1.unwrap()[0] < 0.05, "{found:?}");
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
