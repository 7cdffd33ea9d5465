//! Detects exploding or missing activations of each part of the model, from the scale of the residual stream. The scale follows
//! from the statistics that norms compute anyway.

use super::{Finding, Guard, others};
use glasshouse_protocol::{GuardKind, NormConfig};

/// Number of previous checks remembered.
const REMEMBERED: usize = 8;
/// Minimum number of previous scales to compare with.
const MIN_SCALES: usize = 2;
/// Maximum growth between checks; healthy activations grow over a run, but by far less.
const MAX_GROWTH: f32 = 10.0;

/// Activations of the model's parts for one batch, in forward order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Activations {
    /// Root mean square of the residual stream after each part.
    pub scales: Vec<(String, f32)>,
    /// Parts that left the residual stream bit-identical.
    pub silent: Vec<String>,
}

/// Computes scales from the norms' statistics after each part: [N,2] with mean μ and ρ = 1/√(var + ε), or 0 and 1/√(mean x² + ε).
/// The mean square of a row is 1/ρ² − ε + μ².
pub(crate) fn activations(statistics: &[(String, Vec<f32>)], norm: &NormConfig) -> Activations {
    let eps = f64::from(norm.eps);
    let scale = |rows: &[f32]| {
        let (rows, _) = rows.as_chunks::<2>();
        let square = |[mean, spread]: &[f32; 2]| {
            let (mean, spread) = (f64::from(*mean), f64::from(*spread));
            // An overflow gives ρ = 0, and a row of zeros about 1/√ε.
            (1.0 / (spread * spread) - eps).max(0.0) + mean * mean
        };
        (rows.iter().map(square).sum::<f64>() / rows.len().max(1) as f64).sqrt() as f32
    };
    // With post-norm, each part's input is normalised, so it is not the previous part's output.
    let is_one_stream = norm.placement.has_final();
    let silent = statistics.windows(2).filter_map(|pair| match pair {
        [(_, before), (part, behind)] if is_one_stream && before == behind && scale(behind).is_finite() => {
            Some(part.clone())
        }
        _ => None,
    });
    Activations {
        scales: statistics.iter().map(|(part, rows)| (part.clone(), scale(rows))).collect(),
        silent: silent.collect(),
    }
}

impl Guard {
    /// Whether activations are checked. Reward runs are excluded, because their batches are answers that no longer exist.
    pub(crate) fn looks_at_activations(&self) -> bool {
        self.looks() && self.has_loss && self.settings.activation_interval > 0
    }

    /// Whether a check is due at this step and not done yet.
    pub(crate) fn wants_activations(&self, step: u64) -> bool {
        let is_due = step > 0 && step.is_multiple_of(self.settings.activation_interval);
        let is_known = self.state.activations.last().is_some_and(|(last, _)| *last >= step);
        self.looks_at_activations() && is_due && !is_known
    }

    pub(crate) fn activations(&mut self, found: &Activations, step: u64, is_settled: bool) -> Vec<Finding> {
        let mut all = Vec::new();
        let Activations { scales, silent } = found;
        let exploding = exploding(scales, &self.state.activations);
        let exploding = exploding.filter(|(_, before)| is_settled || before.is_none());
        // JSON has no infinities; scales of 0 are never compared.
        let finite = |(_, scale): &(String, f32)| if scale.is_finite() { *scale } else { 0.0 };
        self.state.activations.push((step, scales.iter().map(finite).collect()));
        let over = self.state.activations.len().saturating_sub(REMEMBERED);
        self.state.activations.drain(..over);
        if let Some((at, before)) = self.begins(GuardKind::ExplodingActivations, step, exploding)
            && let Some((part, scale)) = scales.get(at)
        {
            let (text, value) = match before {
                Some(before) => (
                    format!(
                        "Activations after {part} have grown {:.0} times: their root mean square is {scale:.3} at step {step}, and was at most \
                         {before:.3} at the previous check. Usually an update was too large: use a lower learning rate or gradient clipping.",
                        scale / before
                    ),
                    scale / before,
                ),
                None => (
                    format!(
                        "Activations after {part} are not finite at step {step}. Its weights have become too large or are no longer numbers: nothing \
                         more can be learned, and the run must return to a checkpoint."
                    ),
                    f32::NAN,
                ),
            };
            all.push(Finding::new(GuardKind::ExplodingActivations, step, [value, MAX_GROWTH], text));
        }
        let first = silent.first().filter(|_| is_settled);
        if let Some(part) = self.begins(GuardKind::SilentPart, step, first) {
            let others = others(silent.len());
            let text = format!(
                "No output from {part}{others} at step {step}: the residual stream is the same before and after, to the bit. The output weights \
                 are 0, or the units are off for every token (ReLU after too large an update)."
            );
            all.push(Finding::new(GuardKind::SilentPart, step, [0.0, 0.0], text));
        }
        all
    }
}

/// The first part whose activations are not finite or many times those of each previous check: its index, and the maximum of
/// those (`None` if not finite).
fn exploding(scales: &[(String, f32)], before: &[(u64, Vec<f32>)]) -> Option<(usize, Option<f32>)> {
    scales.iter().enumerate().find_map(|(at, (_, scale))| {
        if !scale.is_finite() {
            return Some((at, None));
        }
        let known = before.iter().filter_map(|(_, scales)| scales.get(at).copied());
        let largest = known.clone().fold(0.0, f32::max);
        let explodes = known.count() >= MIN_SCALES && largest > 0.0 && *scale > MAX_GROWTH * largest;
        explodes.then_some((at, Some(largest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{NormKind, NormPlacement, presets};

    fn norm(kind: NormKind, placement: NormPlacement) -> NormConfig {
        let norm = presets::preset("nanogpt-cpu").unwrap().model.norm;
        NormConfig { kind, placement, eps: 1e-5, ..norm }
    }

    /// The statistics that a norm keeps.
    fn kept(kind: NormKind, rows: &[&[f32]]) -> Vec<f32> {
        let row = |row: &&[f32]| {
            let count = row.len() as f32;
            let mean = if kind == NormKind::Layer { row.iter().sum::<f32>() / count } else { 0.0 };
            let square: f32 = row.iter().map(|entry| (entry - mean) * (entry - mean)).sum();
            [mean, 1.0 / (square / count + 1e-5).sqrt()]
        };
        rows.iter().flat_map(row).collect()
    }

    #[test]
    fn what_norms_keep_gives_the_root_mean_square() {
        let rows: [&[f32]; 2] = [&[3.0, -4.0, 1.0, 2.0], &[0.5, 2.5, 3.5, 1.5]];
        let squares: f32 = rows.iter().flat_map(|row| row.iter()).map(|entry| entry * entry).sum();
        for kind in [NormKind::Layer, NormKind::Rms] {
            let statistics = [("embedding".to_owned(), kept(kind, &rows))];
            let found = activations(&statistics, &norm(kind, NormPlacement::Pre));
            let [(part, scale)] = &found.scales[..] else { panic!("{found:?}") };
            assert!((scale - (squares / 8.0).sqrt()).abs() < 1e-4 && part == "embedding", "{found:?}");
        }
        // Zeros, and an overflow.
        let ends = [("a".to_owned(), kept(NormKind::Rms, &[&[0.0; 4]])), ("b".to_owned(), vec![0.0, 0.0])];
        let scales = activations(&ends, &norm(NormKind::Rms, NormPlacement::Pre)).scales;
        assert!(scales[0].1 < 1e-4 && scales[1].1.is_infinite(), "{scales:?}");
    }

    #[test]
    fn a_part_that_adds_nothing_is_silent() {
        let part = |name: &str, rows: &[&[f32]]| (name.to_owned(), kept(NormKind::Rms, rows));
        let all = [
            part("embedding", &[&[1.0, 2.0]]),
            part("blocks.0.attention", &[&[1.0, 2.0]]),
            part("blocks.0.mlp", &[&[1.0, 2.001]]),
        ];
        let silent = |placement| activations(&all, &norm(NormKind::Rms, placement)).silent;
        assert_eq!(silent(NormPlacement::Pre), ["blocks.0.attention"]);
        assert_eq!(silent(NormPlacement::Post), [""; 0]);
        // Overflowed values are equal, but not silent.
        let over = ["a", "b"].map(|name| (name.to_owned(), vec![0.0, 0.0]));
        assert!(activations(&over, &norm(NormKind::Rms, NormPlacement::Pre)).silent.is_empty());
    }

    #[test]
    fn what_is_many_times_as_large_as_ever_explodes() {
        let scales = |all: [f32; 2]| all.map(|scale| (String::new(), scale)).to_vec();
        let before = [(100, vec![1.0, 2.0]), (200, vec![1.5, 1.0])];
        assert_eq!(exploding(&scales([9.0, 19.0]), &before), None);
        assert_eq!(exploding(&scales([9.0, 21.0]), &before), Some((1, Some(2.0))));
        assert_eq!(exploding(&scales([9.0, 21.0]), &before[..1]), None, "one look is no comparison");
        assert_eq!(exploding(&scales([f32::INFINITY, 1.0]), &[]), Some((0, None)));
        assert_eq!(exploding(&scales([f32::NAN, 1.0]), &[]), Some((0, None)));
    }
}
