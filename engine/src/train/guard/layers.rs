//! Dead and exploding layers, by sums over what a checkpoint holds: weights, and the optimizer's moments, which say what the last update
//! was and how large gradients are. So it costs no kernel and no reading beyond the checkpoint's own. Activations are looked at in
//! `activations`.

use crate::graph::Parameter;
use crate::optimizer::Optimizer;
use crate::plan::arena::ArenaLayout;
use crate::step::ArenaState;
use std::collections::BTreeMap;

/// An update of this share of the weights is too much: a healthy one is about a thousandth of them (Karpathy 2022, "Neural networks:
/// zero to hero", part 3).
pub(super) const LARGEST_UPDATE: f64 = 0.3;

/// A part of the model: its embedding, a block, its head.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::train) struct Part {
    /// As in `blocks.3`.
    pub name: String,
    /// The norm of the last update over the norm of the weights; nothing where the optimizer does not keep what it was made of.
    pub update: Option<f64>,
    /// All of its weights are finite.
    pub is_finite: bool,
}

/// What a checkpoint says of the parameters that are trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::train) struct Layers {
    /// In the order of the model.
    pub parts: Vec<Part>,
    /// Matrices whose gradients have all been 0, by name.
    pub dead: Vec<String>,
}

/// Looks at a state of so many steps, the last of which had this learning rate.
pub(super) fn layers(
    parameters: &[Parameter],
    state: &ArenaState,
    optimizer: &Optimizer,
    step: u64,
    learning_rate: f64,
) -> Layers {
    let layout = ArenaLayout::of_parameters(parameters);
    let (first, second) = optimizer.corrections(step.saturating_sub(1));
    let (mut found, mut order) = (Layers::default(), BTreeMap::new());
    let mut sums: Vec<(String, f64, f64, bool)> = Vec::new();
    for (at, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.trainable) {
        let (Some(start), Some(count)) = (layout.offsets.get(at), layout.counts.get(at)) else { continue };
        let range = *start..start + count;
        let [weights, moments, squares] = [&state.parameters, &state.first_moments, &state.second_moments]
            .map(|arena| arena.get(range.clone()).unwrap_or_default());
        if parameter.decayed && !squares.is_empty() && squares.iter().all(|square| *square == 0.0) {
            found.dead.push(parameter.name.clone());
        }
        let norm: f64 = weights.iter().map(|weight| f64::from(*weight).powi(2)).sum();
        let update: f64 = moments
            .iter()
            .enumerate()
            .map(|(at, moment)| {
                let Some(square) = squares.get(at) else { return f64::from(*moment).powi(2) };
                let scale = (square / second).sqrt() + optimizer.eps;
                f64::from(moment / first / scale).powi(2)
            })
            .sum();
        let name = part_of(&parameter.name);
        let place = *order.entry(name.to_owned()).or_insert_with(|| {
            sums.push((name.to_owned(), 0.0, 0.0, true));
            sums.len() - 1
        });
        if let Some(sum) = sums.get_mut(place) {
            sum.1 += norm;
            sum.2 += update;
            sum.3 &= weights.iter().all(|weight| weight.is_finite());
        }
    }
    let has_moments = optimizer.first_moments();
    found.parts = sums
        .into_iter()
        .map(|(name, norm, update, is_finite)| {
            let ratio = learning_rate * (update / norm).sqrt();
            Part { name, update: (has_moments && ratio.is_finite()).then_some(ratio), is_finite }
        })
        .collect();
    found
}

/// `blocks.3` of `blocks.3.attention.qkv.weight`, and else what stands before the first dot.
fn part_of(name: &str) -> &str {
    let dots = if name.starts_with("blocks.") { 2 } else { 1 };
    let end = name.match_indices('.').nth(dots - 1).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::protocol::presets;

    #[test]
    fn parts_of_a_checkpoint_are_measured() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.vocabulary, config.model.layers) = (16, 2);
        let parameters = model::parameters(&config.model, &config.train).unwrap();
        let layout = ArenaLayout::of_parameters(&parameters);
        let mut state = ArenaState {
            parameters: vec![0.5; layout.length],
            first_moments: vec![0.01; layout.trained_end],
            second_moments: vec![0.01; layout.trained_end],
            loss_scale: None,
        };
        let optimizer = Optimizer::of(&config.train);
        let look = |state: &ArenaState| layers(&parameters, state, &optimizer, 1000, 1e-2);
        let found = look(&state);
        assert_eq!(found.dead, [""; 0]);
        // m/√v is 0.1 after so many steps; the ratio is 1e-2 · 0.1 / 0.5.
        let block = found.parts.iter().find(|part| part.name == "blocks.1").unwrap();
        assert!((block.update.unwrap() - 2e-3).abs() < 1e-4 && block.is_finite, "{block:?}");
        let matrix =
            parameters.iter().position(|own| own.decayed && own.name.starts_with("blocks.1.")).unwrap();
        let range = layout.offsets[matrix]..layout.offsets[matrix] + layout.counts[matrix];
        state.second_moments[range.clone()].fill(0.0);
        state.first_moments[range.clone()].fill(0.0);
        state.parameters[range.start] = f32::NAN;
        let found = look(&state);
        assert_eq!(found.dead, [parameters[matrix].name.clone()]);
        let fates: Vec<(&str, bool)> =
            found.parts.iter().map(|part| (part.name.as_str(), part.is_finite)).collect();
        assert!(fates.contains(&("blocks.1", false)) && fates.contains(&("blocks.0", true)), "{fates:?}");
        assert!(fates.iter().filter(|(_, is_finite)| !is_finite).count() == 1);
    }
}
