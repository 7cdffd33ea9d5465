//! How large activations are behind each part of the model: the scale of the residual stream, from what norms sum up of it anyway.

use crate::protocol::{NormConfig, NormPlacement};

/// Looks that are remembered.
pub(super) const REMEMBERED: usize = 8;
/// Fewest that a scale is compared with.
const FEWEST: usize = 2;
/// Healthy activations grow over a run, and by far less than this from look to look.
pub(super) const LARGEST_GROWTH: f32 = 10.0;

/// What one batch makes of the model's parts, in the order of the forward pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::train) struct Activations {
    /// The root mean square of the stream's entries behind each part.
    pub scales: Vec<(String, f32)>,
    /// Parts that leave the stream as it was, to the bit.
    pub silent: Vec<String>,
}

/// Of what norms keep of the stream behind each part: [N,2] with mean μ and ρ = 1/√(var + ε), or 0 and 1/√(mean x² + ε). So the mean
/// square of a row is 1/ρ² − ε + μ².
pub(in crate::train) fn activations(statistics: &[(String, Vec<f32>)], norm: &NormConfig) -> Activations {
    let eps = f64::from(norm.eps);
    let scale = |rows: &[f32]| {
        let (rows, _) = rows.as_chunks::<2>();
        let square = |[mean, spread]: &[f32; 2]| {
            let (mean, spread) = (f64::from(*mean), f64::from(*spread));
            // An overflow makes ρ 0, and a row of zeros about 1/√ε.
            (1.0 / (spread * spread) - eps).max(0.0) + mean * mean
        };
        libm::sqrt(rows.iter().map(square).sum::<f64>() / rows.len().max(1) as f64) as f32
    };
    let is_known = |rows: &[f32]| rows.iter().all(|entry| entry.is_finite());
    // Where norms come last, each part's input is normed, and another stream than its output.
    let is_one_stream = norm.placement == NormPlacement::Pre;
    let silent = statistics.windows(2).filter_map(|pair| match pair {
        [(_, before), (part, behind)] if is_one_stream && before == behind && is_known(behind) => {
            Some(part.clone())
        }
        _ => None,
    });
    Activations {
        scales: statistics.iter().map(|(part, rows)| (part.clone(), scale(rows))).collect(),
        silent: silent.collect(),
    }
}

/// The first part behind which activations are not finite, or many times what they were at each of the last looks: its place, and the largest
/// of those, where there are enough.
pub(super) fn exploding(
    scales: &[(String, f32)],
    before: &[(u64, Vec<f32>)],
) -> Option<(usize, Option<f32>)> {
    scales.iter().enumerate().find_map(|(at, (_, scale))| {
        if !scale.is_finite() {
            return Some((at, None));
        }
        let known = before.iter().filter_map(|(_, scales)| scales.get(at).copied());
        let largest = known.clone().fold(0.0, f32::max);
        let explodes = known.count() >= FEWEST && largest > 0.0 && *scale > LARGEST_GROWTH * largest;
        explodes.then_some((at, Some(largest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{NormKind, presets};

    fn norm(kind: NormKind, placement: NormPlacement) -> NormConfig {
        let norm = presets::preset("nanogpt-cpu").unwrap().model.norm;
        NormConfig { kind, placement, eps: 1e-5, ..norm }
    }

    /// What a norm keeps of rows.
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
        // Zeros, and what overflowed.
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
