//! The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks"): the rate rises exponentially over some
//! steps, and the loss shows which rates train well. Smoothing, stop and suggestion are those of fastai's `lr_find` and `valley`.

use serde::{Deserialize, Serialize};

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.98;
/// The test ends once the smoothed loss is this many times its lowest value.
const DIVERGED: f64 = 4.0;
/// Points at the end that the suggestion ignores.
const IGNORED_END: usize = 5;
const MIN_POINTS: usize = 6;
const STEPS: std::ops::RangeInclusive<u64> = 20..=2000;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RangeTest {
    pub lowest: f64,
    pub highest: f64,
    pub steps: u64,
}

impl Default for RangeTest {
    fn default() -> Self {
        Self { lowest: 1e-6, highest: 1.0, steps: 100 }
    }
}

impl RangeTest {
    /// # Errors
    /// One line: the rates or the steps cannot be used.
    pub fn check(&self) -> Result<(), String> {
        let Self { lowest, highest, steps } = self;
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
    /// The suggested learning rate of a test that is over; `None` if there is no valley.
    pub suggestion: Option<f64>,
}

impl RangeCurve {
    /// Adds a step. Returns whether the test goes on.
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

    /// Ends the test with fastai's `valley`: half of the way through the longest falling subsequence of the smoothed loss, without the first tenth of the steps
    /// and the last five.
    pub fn suggest(&mut self) {
        self.ended = true;
        let from = (self.test.steps / 10) as usize;
        let to = self.points.len().saturating_sub(IGNORED_END);
        let Some(points) = self.points.get(from..to).filter(|points| points.len() >= MIN_POINTS) else {
            return;
        };
        // Length of the longest falling subsequence that ends at each point.
        let mut lengths: Vec<usize> = Vec::with_capacity(points.len());
        for point in points {
            let earlier = lengths.iter().zip(points).filter(|(_, earlier)| point.smoothed < earlier.smoothed);
            let longest = earlier.map(|(length, _)| *length).max();
            lengths.push(longest.unwrap_or(0) + 1);
        }
        let Some(longest) = lengths.iter().copied().max().filter(|longest| *longest >= MIN_POINTS) else {
            return;
        };
        let end = lengths.iter().position(|length| *length == longest).unwrap_or_default() as f64;
        let section = longest as f64 / 3.0;
        let at = end - longest as f64 + section.trunc() + (section / 2.0).trunc();
        self.suggestion = points.get(at.max(0.0) as usize).map(|point| point.rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_by_the_same_factor_between_the_ends() {
        let test = RangeTest { lowest: 1e-5, highest: 1e-1, steps: 101 };
        assert!(
            (test.rate_at(0) / 1e-5 - 1.0).abs() < 1e-12 && (test.rate_at(100) / 1e-1 - 1.0).abs() < 1e-9
        );
        let factor = test.rate_at(1) / test.rate_at(0);
        assert!((test.rate_at(61) / test.rate_at(60) / factor - 1.0).abs() < 1e-9);
        for bad in [(0.0, 1.0, 100), (1.0, 0.1, 100), (1e-6, f64::INFINITY, 100), (1e-6, 1.0, 5)] {
            let (lowest, highest, steps) = bad;
            assert!(RangeTest { lowest, highest, steps }.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_suggestion_is_within_the_valley_and_the_test_ends_when_it_is_over() {
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
        assert!((1e-5..1e-2).contains(&found), "{found}");
        assert!(!curve.push(1.0, f64::NAN));
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
