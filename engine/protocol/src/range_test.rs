//! The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks"): the rate rises exponentially over some
//! steps, and the loss shows which rates train well. Smoothing and stop are those of fastai's `lr_find`.

use crate::quantity::scientific;
use crate::setting::settings;
use serde::{Deserialize, Serialize};

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.98;
/// The test ends once the smoothed loss is this many times its lowest value.
const DIVERGED: f64 = 4.0;
/// Half the width of the suggestion's window of rates, in powers of ten.
const HALF_WINDOW: f64 = 0.3;
/// The suggestion is `FACTOR` times the rate at which the loss falls at less than this share of its steepest fall.
const FLAT: f64 = 0.65;
const FACTOR: f64 = 4.7;
/// The fall is over once the mean rises by this share of it.
const RISE: f64 = 0.1;
/// Standard errors by which the mean loss must have fallen.
const FALL: f64 = 3.0;
/// The 97.5th percentile of Student's distribution with [`NoiseScale::GRADIENTS`] − 1 degrees of freedom.
const STUDENT: f64 = 2.201;
const STEPS: std::ops::RangeInclusive<u64> = 20..=2000;

settings! {
    #[derive(Copy)]
    pub struct RangeTest: "" lenient() {
        pub lowest: f64 = 1e-6;
        pub highest: f64 = 1.0;
        pub steps: u64 = 100;
        /// Also measure the gradient noise scale, after some steps with the suggested rate.
        pub noise: bool = false;
    }
}

impl RangeTest {
    /// Fails with one line if the rates or the steps cannot be used.
    pub fn check(&self) -> Result<(), String> {
        let Self { lowest, highest, steps, .. } = self;
        if !(*lowest > 0.0 && lowest < highest && highest.is_finite()) {
            return Err(format!("the range test needs rates above 0 that rise (got {lowest} to {highest})"));
        }
        if !STEPS.contains(steps) {
            return Err(format!(
                "the range test takes {} to {} steps (got {steps})",
                STEPS.start(),
                STEPS.end()
            ));
        }
        Ok(())
    }

    /// The rate of a step, counted from 0.
    pub fn rate_at(&self, step: u64) -> f64 {
        let share = step as f64 / self.steps.saturating_sub(1).max(1) as f64;
        self.lowest * libm::pow(self.highest / self.lowest, share)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangePoint {
    pub rate: f64,
    pub loss: f64,
    pub smoothed: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RangeCurve {
    pub test: RangeTest,
    pub points: Vec<RangePoint>,
    /// Whether the loss grew until the test was ended.
    pub diverged: bool,
    /// Whether the test is over; a cancelled one is not.
    pub ended: bool,
    /// The suggested learning rate of a test that is over.
    pub suggestion: Option<f64>,
    /// `None` if it was not to be measured, or the gradients had too little in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseScale>,
}

/// The gradient noise scale B_simple = tr(Σ) / |G|² (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training"): below this batch
/// size, twice the batch takes almost half the steps to the same loss; above it, few steps are saved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseScale {
    pub windows: f64,
    /// The 95 % interval, a jackknife over gradients of its logarithm.
    pub interval: Option<[f64; 2]>,
    pub batch: usize,
}

impl NoiseScale {
    pub const GRADIENTS: u64 = 12;
    /// Steps of training before, in which the rate rises to the suggested one.
    pub const STEPS: u64 = 50;
}

impl RangeCurve {
    /// What an ended test has to say in addition to its suggestion, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let is_flat = self.ended && self.suggestion.is_none();
        let is_noisy = self.test.noise && self.suggestion.is_some() && self.noise.is_none();
        let last = self.points.last().filter(|_| self.diverged);
        let diverged = |last: &RangePoint| {
            format!("The loss grew without bound from a learning rate of {}.", scientific(last.rate))
        };
        let flat = "No suggestion: the loss does not fall clearly, or falls until the last rate. Test other rates or more steps.";
        let noisy = "No gradient noise scale: the gradients have too little in common. Use a larger batch.";
        let sentences = [(is_flat, flat), (is_noisy, noisy)].into_iter();
        let sentences = sentences.filter(|(applies, _)| *applies).map(|(_, sentence)| sentence.to_owned());
        last.map(diverged)
            .into_iter()
            .chain(sentences)
            .chain(self.noise.as_ref().map(NoiseScale::text))
            .collect()
    }

    /// Adds a step. Returns whether the test continues.
    pub fn push(&mut self, rate: f64, loss: f64) -> bool {
        if !loss.is_finite() {
            self.diverged = true;
            return false;
        }
        // An exponential moving average with Adam's bias correction.
        let kept = |count: usize| 1.0 - libm::pow(SMOOTHING, count as f64);
        let count = self.points.len();
        let before = self.points.last().map_or(0.0, |last| last.smoothed * kept(count));
        let smoothed = (SMOOTHING * before + (1.0 - SMOOTHING) * loss) / kept(count + 1);
        let lowest = self.points.iter().map(|point| point.smoothed).fold(smoothed, f64::min);
        self.points.push(RangePoint { rate, loss, smoothed });
        self.diverged = smoothed > DIVERGED * lowest;
        !self.diverged
    }

    /// Ends the test and suggests a rate: 4.7 times the rate at which the fall of the mean loss over neighbouring rates slows to 0.65 of its
    /// steepest, but no rate above those with the lowest mean. The factors were fitted to grids of training runs
    /// (tests/benches/README.md). None if the mean has not clearly fallen, or falls until the last rate.
    pub fn suggest(&mut self) {
        self.ended = true;
        let step = libm::log10(self.test.rate_at(1) / self.test.rate_at(0));
        let half = ((HALF_WINDOW / step).round() as usize).max(1);
        let count = 2 * half + 1;
        let lowest =
            |means: &[f64]| (0..means.len()).min_by(|one, other| means[*one].total_cmp(&means[*other]));
        let losses: Vec<f64> = self.points.iter().map(|point| point.loss).collect();
        let means = losses.windows(count).map(|window| window.iter().sum::<f64>() / count as f64);
        let means: Vec<f64> = means.collect();
        let Some((first, at)) = means.first().copied().zip(lowest(&means)) else { return };
        // Neighbours differ by little but noise.
        let pairs = losses.windows(2).take(at + half).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0]));
        let variance = pairs.sum::<f64>() / (2 * (at + half)) as f64;
        let error = FALL * (2.0 * variance / count as f64).sqrt();
        if first - means[at] <= error {
            return;
        }
        // The loss may fall steeply again when it recovers from a spike.
        let mut low = first;
        let rises = means.iter().position(|mean| {
            low = low.min(*mean);
            first - low > error && mean - low > error.max(RISE * (first - low))
        });
        let end = rises.unwrap_or(means.len());
        let at = lowest(&means[..end]).unwrap_or(at);
        // Of windows without common steps, since neighbours differ by noise alone.
        let fall = |at: usize| means[at + count] - means[at];
        let changes = 0..means.len().saturating_sub(count).min(end);
        let steepest = changes.clone().map(fall).fold(0.0, f64::min);
        // The last steep one, since noise can interrupt the fall.
        let steep = changes.rev().find(|at| fall(*at) <= FLAT * steepest).unwrap_or(0);
        self.suggestion = if steep + 1 + count < means.len() {
            let share = (FLAT * steepest - fall(steep)) / (fall(steep + 1) - fall(steep));
            let [before, after] = [0, 1].map(|next| self.points[steep + next + half].rate);
            let slows = before * libm::pow(after / before, share.clamp(0.0, 1.0));
            Some((FACTOR * slows).min(self.points[at + 2 * half].rate))
        } else {
            // Too few windows above the fall.
            let rises = self.diverged || at + 1 < means.len();
            rises.then(|| self.points[at + half].rate)
        };
    }
}

impl NoiseScale {
    /// Of gradients over `batch` windows each: their squared norms, their products with their sum, and the sum's squared norm. `None` if they
    /// have too little in common.
    pub fn new(batch: usize, squares: &[f64], products: &[f64], whole: f64) -> Option<Self> {
        let scale = |count: f64, squares: f64, whole: f64| {
            // The mean product of two gradients is |G|² without bias; their mean square is |G|² + tr(Σ) / batch.
            let signal = (whole - squares) / (count * (count - 1.0));
            let ratio = (squares / count - signal) / signal;
            (signal > 0.0 && ratio > 0.0).then_some(batch as f64 * ratio)
        };
        let (count, all) = (squares.len() as f64, squares.iter().sum::<f64>());
        let windows = scale(count, all, whole)?;
        let without = squares.iter().zip(products);
        let without = without
            .map(|(own, product)| scale(count - 1.0, all - own, whole - 2.0 * product + own).map(libm::log));
        let interval = without.collect::<Option<Vec<f64>>>().map(|logs| {
            let mean = logs.iter().sum::<f64>() / count;
            let spread: f64 = logs.iter().map(|log| (log - mean) * (log - mean)).sum();
            let factor = libm::exp(STUDENT * (spread * (count - 1.0) / count).sqrt());
            [windows / factor, windows * factor]
        });
        Some(Self { windows, interval, batch })
    }

    /// How many times as many steps another batch size takes to the same loss: steps are proportional to 1 + B_noise / B.
    pub fn steps_with(&self, batch: f64) -> f64 {
        (1.0 + self.windows / batch) / (1.0 + self.windows / self.batch as f64)
    }

    /// The result and what follows from it, in a sentence.
    fn text(&self) -> String {
        let ends = self.interval.map(|[low, high]| format!(" ({} to {})", scientific(low), scientific(high)));
        let size = self.windows.round().max(1.0);
        format!(
            "Gradient noise scale: {} windows{}. A step has {}; with {size}, about {} times as many steps reach the same loss.",
            scientific(self.windows),
            ends.unwrap_or_default(),
            self.batch,
            scientific(self.steps_with(size))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_by_the_same_factor_between_the_ends() {
        let test = RangeTest { lowest: 1e-5, highest: 1e-1, steps: 101, ..RangeTest::default() };
        assert!(
            (test.rate_at(0) / 1e-5 - 1.0).abs() < 1e-12 && (test.rate_at(100) / 1e-1 - 1.0).abs() < 1e-9
        );
        let factor = test.rate_at(1) / test.rate_at(0);
        assert!((test.rate_at(61) / test.rate_at(60) / factor - 1.0).abs() < 1e-9);
        for bad in [(0.0, 1.0, 100), (1.0, 0.1, 100), (1e-6, f64::INFINITY, 100), (1e-6, 1.0, 5)] {
            let (lowest, highest, steps) = bad;
            assert!(RangeTest { lowest, highest, steps, noise: false }.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_suggestion_is_at_the_end_of_the_fall_and_the_test_ends_when_it_is_over() {
        let mut curve = RangeCurve::default();
        let mut steps = 0;
        for step in 0..curve.test.steps {
            let rate = curve.test.rate_at(step);
            // Flat below 1e-5, falling to 1e-2, then rising steeply.
            let at = rate.log10();
            let loss = if at < -5.0 {
                8.0
            } else if at < -2.0 {
                8.0 - 2.0 * (at + 5.0)
            } else {
                2.0 + 1000.0 * (at + 2.0)
            };
            steps += 1;
            if !curve.push(rate, loss) {
                break;
            }
        }
        assert!(curve.diverged && steps < 100, "{steps}");
        curve.suggest();
        let found = curve.suggestion.unwrap();
        // At the end of the fall.
        assert!((2e-3..1e-2).contains(&found), "{found}");
        assert!(!curve.push(1.0, f64::NAN));
    }

    #[test]
    fn rates_far_above_are_not_suggested_for_slow_progress() {
        let mut curve = RangeCurve::default();
        for step in 0..100 {
            let rate = curve.test.rate_at(step);
            // Steep until 1e-2, and after a small rise again lower at 0.5.
            let at = rate.log10();
            let loss = if at < -2.0 { 6.0 - (at + 2.0) } else { 6.0 + 0.3 * (0.6 - (at + 1.4).abs()) };
            curve.push(rate, loss);
        }
        curve.suggest();
        let found = curve.suggestion.unwrap();
        assert!((5e-3..2e-2).contains(&found), "{found}");
    }

    #[test]
    fn recovery_from_a_spike_is_not_the_fall() {
        let found = |spike: f64| {
            let mut curve = RangeCurve::default();
            for step in 0..100 {
                let at = curve.test.rate_at(step).log10();
                let loss = 4.0 - 2.0 / (1.0 + (-4.0 * (at + 3.0)).exp());
                let rise = spike * (-((step as f64 - 74.0) / 3.0).powi(2)).exp();
                curve.push(curve.test.rate_at(step), loss + rise);
            }
            curve.suggest();
            curve.suggestion.unwrap()
        };
        let (smooth, spiked) = (found(0.0), found(1.5));
        assert!((spiked / smooth - 1.0).abs() < 0.1, "{smooth} {spiked}");
    }

    #[test]
    fn noise_does_not_end_the_fall_early() {
        for seed in 0..50 {
            let mut curve = RangeCurve::default();
            for step in 0..100 {
                let rate = curve.test.rate_at(step);
                let noise = (crate::random::nth(seed, 3, step) >> 11) as f64 / (1_u64 << 53) as f64;
                // Falls by 1 for each power of ten from 1e-5 to 1e-2, then rises.
                let at = rate.log10();
                curve.push(rate, 8.0 - (at + 5.0).clamp(0.0, 3.0) + 5.0 * (at + 2.0).max(0.0) + noise);
            }
            curve.suggest();
            let found = curve.suggestion.unwrap();
            assert!((2e-3..2e-2).contains(&found), "{seed}: {found}");
        }
    }

    #[test]
    fn noise_alone_has_no_suggestion() {
        let mut curve = RangeCurve::default();
        for step in 0..100 {
            let noise = (crate::random::nth(1, 2, step) >> 11) as f64 / (1_u64 << 53) as f64;
            curve.push(curve.test.rate_at(step), 2.0 + noise);
        }
        curve.suggest();
        assert_eq!(curve.suggestion, None);
    }

    #[test]
    fn the_noise_scale_is_that_of_the_gradients() {
        // A mean of length 1 and a variance of 0.02 for each of 400 entries of gradients of 4 windows: tr(Σ) = 4 · 8.
        let dot =
            |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
        let measured = |seed: u64| {
            let draw = |at: u64| (crate::random::nth(seed, 6, at) >> 11) as f64 / (1_u64 << 53) as f64;
            let entry = |at: u64| 0.05 + (12.0_f64 * 0.02).sqrt() * (draw(at) - 0.5);
            let gradients = (0..NoiseScale::GRADIENTS).map(|number| number * 400..(number + 1) * 400);
            let all: Vec<Vec<f64>> = gradients.map(|entries| entries.map(entry).collect()).collect();
            let sum: Vec<f64> = (0..400).map(|at| all.iter().map(|own| own[at]).sum()).collect();
            let squares: Vec<f64> = all.iter().map(|own| dot(own, own)).collect();
            let products: Vec<f64> = all.iter().map(|own| dot(own, &sum)).collect();
            NoiseScale::new(4, &squares, &products, dot(&sum, &sum)).unwrap()
        };
        let scales: Vec<NoiseScale> = (5..14).map(measured).collect();
        let mean = scales.iter().map(|scale| scale.windows).sum::<f64>() / scales.len() as f64;
        assert!((mean / 32.0 - 1.0).abs() < 0.1, "{mean}");
        for NoiseScale { windows, interval, .. } in scales {
            let [low, high] = interval.unwrap();
            assert!(low < windows && windows < high && high / low < 4.0, "{low} {windows} {high}");
        }
        let known = NoiseScale { windows: 32.0, interval: None, batch: 8 };
        assert!((known.steps_with(8.0) - 1.0).abs() < 1e-12 && (known.steps_with(32.0) - 0.4).abs() < 1e-12);
        assert_eq!(NoiseScale::new(4, &[1.0, 1.0], &[0.0, 0.0], 0.0), None);
    }

    #[test]
    fn a_rising_or_short_curve_has_no_suggestion() {
        let mut curve = RangeCurve::default();
        for step in 0..100_u32 {
            curve.push(1e-3, f64::from(step) + 1.0);
        }
        curve.suggest();
        assert_eq!(curve.suggestion, None);
        let mut curve = RangeCurve::default();
        for step in 0..12_u32 {
            curve.push(1e-3, 9.0 - f64::from(step) / 10.0);
        }
        curve.suggest();
        assert_eq!(curve.suggestion, None);
    }
}
