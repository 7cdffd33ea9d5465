//! Outlier detection like llm.c's `outlier_detector.h` (Karpathy 2024): the z-score of the newest value over a window that
//! includes it. Two changes: sums are recomputed each time, so that a resumed run has identical bits; and the standard deviation
//! has a minimum, so that a nearly constant loss does not trigger alarms. The minimum is a hundredth of the mean, and near 0 at
//! least a fixed value, which fades linearly from a mean of 0 to a mean of 0.5 nats so that scores are continuous.

/// Minimum standard deviation, relative to the mean.
const MIN_DEVIATION: f64 = 0.01;
/// Minimum standard deviation of a loss with mean 0, in nats. There, a share of the mean would be nothing, and every step with
/// one wrongly predicted token an outlier. This value is that of one such token of ten nats among two hundred.
pub(super) const MIN_LOSS_DEVIATION: f64 = 0.05;
/// Mean loss in nats at which the minimum has faded to 0.
const NEAR_0: f64 = 0.5;

/// Appends a value to a window of `size` values. Once the window is full, returns the number of standard deviations that the
/// value is above the window's mean; `least` is the minimum standard deviation at a mean of 0.
pub(super) fn z_score(window: &mut Vec<f32>, value: f32, size: usize, least: f64) -> Option<f64> {
    let is_full = window.len() >= size;
    window.push(value);
    window.drain(..window.len().saturating_sub(size));
    let (mean, deviation) = moments(window, least)?;
    is_full.then(|| (f64::from(value) - mean) / deviation)
}

/// Mean and standard deviation of values. The latter is at least [`MIN_DEVIATION`] of the mean, and at least `least`, faded
/// linearly between 0 and [`NEAR_0`]. `None` if there are no values or the deviation is 0.
pub(super) fn moments(values: &[f32], least: f64) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    let least = least * (1.0 - mean.abs() / NEAR_0).max(0.0);
    let deviation = variance.sqrt().max(MIN_DEVIATION * mean.abs()).max(least);
    (deviation > 0.0).then_some((mean, deviation))
}

/// Whether the mean loss is below [`NEAR_0`].
pub(super) fn is_near_0(losses: &[f32]) -> bool {
    moments(losses, MIN_LOSS_DEVIATION).is_some_and(|(mean, _)| mean.abs() < NEAR_0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_comes_once_the_window_is_full_and_equals_llm_c() {
        let mut window = Vec::new();
        for n in 0..128 {
            let value = if n % 2 == 0 { 1.5 } else { 2.5 };
            assert_eq!(z_score(&mut window, value, 128, 0.0), None, "{n}");
        }
        // The window has 63 values of 1.5, 64 of 2.5 and the new one: mean 2.0273, variance 0.3176.
        let z = z_score(&mut window, 5.0, 128, 0.0).unwrap();
        assert!((z - 5.274_684).abs() < 1e-5, "{z}");
        assert_eq!((window.len(), window[127]), (128, 5.0));
    }

    #[test]
    fn a_value_that_hardly_moves_is_no_outlier() {
        let mut window = vec![1.0; 64];
        let z = z_score(&mut window, 1.02, 64, 0.0).unwrap();
        assert!(z < 2.0, "{z}");
        assert_eq!(z_score(&mut vec![0.0; 64], 0.0, 64, 0.0), None);
        // Near 0, the minimum deviation applies.
        let mut near_0 = vec![0.0005; 64];
        assert!(z_score(&mut near_0.clone(), 0.1, 64, 0.0).unwrap() > 7.0);
        assert!(z_score(&mut near_0, 0.1, 64, MIN_LOSS_DEVIATION).unwrap() < 2.0);
        // Far from 0, it does not: 0.2 nats above a calm loss is an outlier.
        let mut calm: Vec<f32> = (0..64).map(|n| 1.39 + 0.02 * (n % 2) as f32).collect();
        assert!(z_score(&mut calm, 1.6, 64, MIN_LOSS_DEVIATION).unwrap() > 6.0);
    }

    #[test]
    fn the_least_deviation_fades_with_the_mean_and_no_score_jumps() {
        // The newest of 64 losses is 0.1 above the others, and `mean` is the mean of all; their own deviation is 0.0124.
        let score = |mean: f32| {
            let others = mean - 0.1 / 64.0;
            z_score(&mut vec![others; 64], others + 0.1, 64, MIN_LOSS_DEVIATION).unwrap()
        };
        for (mean, least) in [(0.0, 0.05), (0.125, 0.0375), (0.25, 0.025)] {
            let wanted = (0.1 - 0.1 / 64.0) / least;
            assert!((score(mean) - wanted).abs() < 1e-3, "{mean}: {}", score(mean));
        }
        assert!((score(0.499) - score(0.501)).abs() < 1e-3, "{} and {}", score(0.499), score(0.501));
        let scores: Vec<f64> = (0..500).map(|mean| score(mean as f32 * 0.002)).collect();
        for pair in scores.windows(2) {
            assert!((-1e-3..0.2).contains(&(pair[1] - pair[0])), "{pair:?}");
        }
    }

    #[test]
    fn losses_are_near_0_where_the_least_deviation_counts() {
        for mean in [-0.6_f32, -0.4, 0.0, 0.4, 0.499, 0.501, 2.0] {
            let (_, deviation) = moments(&[mean; 64], MIN_LOSS_DEVIATION).unwrap();
            let (_, own) = moments(&[mean; 64], 0.0).unwrap_or_default();
            let is_near = mean.abs() < 0.5;
            assert_eq!(is_near_0(&[mean; 64]), is_near, "{mean}");
            assert!(deviation >= own && (is_near || deviation == own), "{mean}: {deviation}");
        }
        assert!(!is_near_0(&[]));
    }

    #[test]
    fn no_score_exceeds_what_a_window_allows() {
        let mut window: Vec<f32> = (0..128).map(|n| 2.0 + 0.01 * (n % 7) as f32).collect();
        let z = z_score(&mut window, 1e9, 128, 0.0).unwrap();
        assert!((11.0..127.0_f64.sqrt() + 1e-6).contains(&z), "{z}");
    }
}
