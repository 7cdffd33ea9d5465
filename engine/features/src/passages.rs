//! Passages of text with a feature's largest activations.

use glasshouse_protocol::features::ActivatingPassage;
use glasshouse_protocol::inspect::TokenText;
use std::ops::Range;

/// Tokens of a passage, tokens before its peak, and the minimum worth showing.
const PASSAGE: usize = 32;
const BEFORE: usize = 20;
const MIN_PASSAGE: usize = 8;

/// A feature's activations in a window of text.
#[derive(Clone, Debug)]
pub struct ActivationWindow {
    tokens: Vec<u32>,
    activations: Vec<f32>,
    /// Positions already part of a passage.
    shown: Vec<bool>,
}

impl ActivationWindow {
    /// One activation for each token.
    pub fn new(tokens: Vec<u32>, activations: Vec<f32>) -> Self {
        Self { shown: vec![false; tokens.len()], tokens, activations }
    }

    /// The passage around a peak, without positions of other passages. So a peak is the maximum of its passage.
    fn around(&self, peak: usize) -> Range<usize> {
        let free = |at: &usize| self.shown.get(*at) == Some(&false);
        let before = (peak.saturating_sub(BEFORE)..peak).rev().take_while(free).count();
        let behind = (peak..peak - before + PASSAGE).take_while(free).count();
        peak - before..peak + behind
    }
}

/// The `count` passages around the largest activations, which do not overlap, the largest first.
pub fn top_passages(
    mut windows: Vec<ActivationWindow>,
    count: usize,
    token: impl Fn(u32) -> TokenText,
) -> Vec<ActivatingPassage> {
    let mut peaks: Vec<(f32, usize, usize)> = Vec::new();
    for (number, window) in windows.iter().enumerate() {
        peaks.extend(window.activations.iter().enumerate().map(|(at, activation)| (*activation, number, at)));
    }
    peaks.sort_unstable_by(|one, other| {
        other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2)))
    });
    let mut passages = Vec::new();
    for (_, number, peak) in peaks {
        if passages.len() == count {
            break;
        }
        let window = &mut windows[number];
        if window.shown[peak] {
            continue;
        }
        let range = window.around(peak);
        if range.len() < MIN_PASSAGE.min(window.tokens.len()) {
            continue;
        }
        window.shown[range.clone()].fill(true);
        passages.push(ActivatingPassage {
            tokens: window.tokens[range.clone()].iter().map(|id| token(*id)).collect(),
            activations: window.activations[range.clone()].to_vec(),
            peak: peak - range.start,
        });
    }
    passages
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::random::nth;

    #[test]
    fn the_largest_peaks_come_first_and_passages_hold_them() {
        // Six windows of 48 tokens, whose ids are their places in the text.
        let window = |number: u32| {
            let tokens: Vec<u32> = (48 * number..48 * (number + 1)).collect();
            let activations = tokens.iter().map(|at| (nth(5, 0, u64::from(*at)) >> 40) as f32).collect();
            ActivationWindow::new(tokens, activations)
        };
        let windows: Vec<ActivationWindow> = (0..6).map(window).collect();
        let all: Vec<f32> = windows.iter().flat_map(|own| own.activations.clone()).collect();
        let largest = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let passages = top_passages(windows, 6, |id| TokenText { id, text: String::new() });
        let peaks: Vec<f32> = passages.iter().map(|own| own.activations[own.peak]).collect();
        assert_eq!((peaks.len(), peaks[0]), (6, largest(&all)));
        assert!(peaks.windows(2).all(|pair| pair[0] >= pair[1]), "{peaks:?}");
        let mut shown = vec![false; all.len()];
        for passage in &passages {
            let ids: Vec<usize> = passage.tokens.iter().map(|token| token.id as usize).collect();
            assert!((MIN_PASSAGE..=PASSAGE).contains(&ids.len()), "{ids:?}");
            assert!(ids[0] / 48 == ids[ids.len() - 1] / 48, "of one window: {ids:?}");
            assert_eq!(passage.activations, all[ids[0]..ids[0] + ids.len()]);
            assert_eq!(passage.activations[passage.peak], largest(&passage.activations));
            assert!(ids.into_iter().all(|id| !std::mem::replace(&mut shown[id], true)), "they overlap");
        }
    }
}
