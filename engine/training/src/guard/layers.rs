//! Detects dead and exploding layers from a checkpoint: the weights and the optimizer's moments, which give the last update and
//! the size of gradients. It needs no extra kernel or read-back. Activations are checked in `activations`.

use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use std::collections::BTreeMap;

/// Maximum norm of an update relative to the weights; about a thousandth is healthy (Karpathy 2022, "Neural networks: zero to
/// hero", part 3).
pub(super) const MAX_UPDATE: f64 = 0.3;

/// A matrix is dead if no entry of its update exceeds this many learning rates. Once its gradient is 0, the first moment decays by β₁ per
/// step and the root of the second by √β₂, so this takes some hundred steps, and reaching a second moment of 0 takes thousands.
const FADED: f64 = 1e-4;
/// Approximate minimum steps without gradient before that: an update's largest entry is about half a learning rate.
pub(super) const FADES: u64 = 80;
/// At least one matrix must have an update entry this many learning rates long. Otherwise all gradients have become small, and no
/// layer is dead.
const LIVELY: f64 = 1e-2;

/// The last update of a part of the model: embedding, a block, or head.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LayerUpdate {
    /// Such as `blocks.3`.
    pub name: String,
    /// Norm of the last update relative to the norm of the weights; `None` if the optimizer's state is not enough to compute it.
    pub update: Option<f64>,
    pub is_finite: bool,
}

/// State of the trained parameters in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layers {
    /// In model order.
    pub parts: Vec<LayerUpdate>,
    /// Names of matrices that get no gradient: never or not for a while.
    pub dead: Vec<String>,
}

/// Checks a state after `step` steps, the last of which had this learning rate.
pub(super) fn layers(
    parameters: &[Parameter],
    state: &ArenaState,
    optimizer: &Optimizer,
    step: u64,
    learning_rate: f64,
) -> Layers {
    let layout = ArenaLayout::from_parameters(parameters);
    let (first, second) = optimizer.corrections(step.saturating_sub(1));
    let (mut found, mut order) = (Layers::default(), BTreeMap::new());
    let mut sums: Vec<(String, f64, f64, bool)> = Vec::new();
    // Per matrix: whether all its gradients were 0, and the largest entry of its last update, if known.
    let mut matrices: Vec<(&str, bool, Option<f64>)> = Vec::new();
    for (at, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.trainable) {
        let (Some(start), Some(count)) = (layout.offsets.get(at), layout.counts.get(at)) else { continue };
        let range = *start..start + count;
        let [weights, moments, squares] = [&*state.parameters, &state.first_moments, &state.second_moments]
            .map(|arena| arena.get(range.clone()).unwrap_or_default());
        let norm: f64 = weights.iter().map(|weight| f64::from(*weight).powi(2)).sum();
        let entries = moments.iter().enumerate().map(|(at, moment)| {
            let Some(square) = squares.get(at) else { return f64::from(*moment) };
            let scale = (square / second).sqrt() + optimizer.eps;
            f64::from(moment / first / scale)
        });
        let sum =
            |(update, longest): (f64, f64), entry: f64| (update + entry * entry, entry.abs().max(longest));
        let hidden = optimizer.matrices(&layout).iter().find(|matrix| matrix.start == *start);
        let (update, longest) = match hidden {
            // Muon's updates have the same size for any gradient but 0.
            Some(matrix) if moments.iter().any(|moment| *moment != 0.0) => {
                matrix.parts().iter().fold((0.0, 0.0), |(update, longest): (f64, f64), part| {
                    let rate = f64::from(part.rate());
                    (update + rate * rate * part.rows.min(part.columns) as f64, rate.max(longest))
                })
            }
            Some(_) => (0.0, 0.0),
            None => entries.fold((0.0, 0.0), sum),
        };
        if parameter.decayed && !squares.is_empty() {
            let is_known = !moments.is_empty() && update.is_finite();
            let gradients = if hidden.is_some() { moments } else { squares };
            let never = gradients.iter().all(|gradient| *gradient == 0.0);
            matrices.push((parameter.name.as_str(), never, is_known.then_some(longest)));
        }
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
    let others_learn = matrices.iter().any(|(.., longest)| longest.is_some_and(|longest| longest >= LIVELY));
    let is_dead = |(_, never, longest): &&(&str, bool, Option<f64>)| {
        *never || others_learn && longest.is_some_and(|longest| longest < FADED)
    };
    found.dead = matrices.iter().filter(is_dead).map(|(name, ..)| (*name).to_owned()).collect();
    let has_moments = optimizer.first_moments();
    found.parts = sums
        .into_iter()
        .map(|(name, norm, update, is_finite)| {
            let ratio = learning_rate * (update / norm).sqrt();
            LayerUpdate { name, update: (has_moments && ratio.is_finite()).then_some(ratio), is_finite }
        })
        .collect();
    found
}

/// `blocks.3` for `blocks.3.attention.qkv.weight`; for other names, the part before the first dot.
fn part_of(name: &str) -> &str {
    let dots = if name.starts_with("blocks.") { 2 } else { 1 };
    let end = name.match_indices('.').nth(dots - 1).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_compiler::graph::random::nth;
    use glasshouse_compiler::model;
    use glasshouse_compiler::optimizer::{Rate, entry};
    use glasshouse_protocol::{OptimizerKind, presets};

    #[test]
    fn parts_of_a_checkpoint_are_measured() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.vocabulary, config.model.layers) = (16, 2);
        let parameters = model::parameters(&config.model, &config.train).unwrap();
        let layout = ArenaLayout::from_parameters(&parameters);
        let mut state = ArenaState {
            parameters: vec![0.5; layout.length].into(),
            first_moments: vec![0.01; layout.trained_end],
            second_moments: vec![0.01; layout.trained_end],
            ..ArenaState::default()
        };
        let optimizer = Optimizer::new(&config.train);
        let look = |state: &ArenaState| layers(&parameters, state, &optimizer, 1000, 1e-2);
        let found = look(&state);
        assert_eq!(found.dead, [""; 0]);
        // m/√v is 0.1 after these steps; the ratio is 1e-2 · 0.1 / 0.5.
        let block = found.parts.iter().find(|part| part.name == "blocks.1").unwrap();
        assert!((block.update.unwrap() - 2e-3).abs() < 1e-4 && block.is_finite, "{block:?}");
        let matrix =
            parameters.iter().position(|own| own.decayed && own.name.starts_with("blocks.1.")).unwrap();
        let range = layout.offsets[matrix]..layout.offsets[matrix] + layout.counts[matrix];
        state.second_moments[range.clone()].fill(0.0);
        state.first_moments[range.clone()].fill(0.0);
        state.weights_mut()[range.start] = f32::NAN;
        let found = look(&state);
        assert_eq!(found.dead, [parameters[matrix].name.clone()]);
        let fates: Vec<(&str, bool)> =
            found.parts.iter().map(|part| (part.name.as_str(), part.is_finite)).collect();
        assert!(fates.contains(&("blocks.1", false)) && fates.contains(&("blocks.0", true)), "{fates:?}");
        assert!(fates.iter().filter(|(_, is_finite)| !is_finite).count() == 1);
        // Muon keeps no squares of matrices.
        let muon = Optimizer { kind: OptimizerKind::Muon, ..optimizer };
        let look = |state: &ArenaState| layers(&parameters, state, &muon, 1000, 1e-2).dead;
        assert_eq!(look(&state), [parameters[matrix].name.clone()]);
        state.first_moments[range].fill(0.01);
        assert_eq!(look(&state), [""; 0]);
    }

    /// Dead matrices after a number of steps, with noise gradients scaled by `gradient(matrix, step)`.
    fn after(steps: u64, gradient: impl Fn(usize, u64) -> f32) -> Vec<String> {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.vocabulary, config.model.layers, config.model.width) = (16, 2, 8);
        (config.model.heads, config.model.kv_heads, config.model.head_size) = (1, 1, 8);
        config.train.trainable = "blocks.*.mlp.*".parse().unwrap();
        let parameters = model::parameters(&config.model, &config.train).unwrap();
        let layout = ArenaLayout::from_parameters(&parameters);
        let mut state = ArenaState {
            parameters: vec![0.5; layout.length].into(),
            first_moments: vec![0.0; layout.trained_end],
            second_moments: vec![0.0; layout.trained_end],
            ..ArenaState::default()
        };
        let optimizer = Optimizer::new(&config.train);
        for step in 0..steps {
            let (first_correction, second_correction) = optimizer.corrections(step);
            let rate = Rate { learning_rate: 1e-3, first_correction, second_correction };
            for (matrix, (start, count)) in layout.offsets.iter().zip(&layout.counts).enumerate() {
                // Only matrices are reported.
                if !parameters[matrix].trainable || !parameters[matrix].decayed {
                    continue;
                }
                for at in *start..start + count {
                    let noise = (nth(1, step, at as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
                    let (first, second) = (state.first_moments[at], state.second_moments[at]);
                    let gradient = 1e-3 * noise * gradient(matrix, step);
                    let new = entry(&optimizer, &rate, 0.0, state.parameters[at], gradient, first, second);
                    state.weights_mut()[at] = new.0;
                    (state.first_moments[at], state.second_moments[at]) = (new.1, new.2);
                }
            }
        }
        layers(&parameters, &state, &optimizer, steps, 1e-3).dead
    }

    #[test]
    fn a_matrix_that_dies_in_a_run_is_told_from_gradients_that_shrink() {
        let dies_at = |death: u64, steps: u64| {
            let first = std::cell::Cell::new(None);
            after(steps, |matrix, step| {
                first.set(first.get().or(Some(matrix)));
                if first.get() == Some(matrix) && step >= death { 0.0 } else { 1.0 }
            })
        };
        assert_eq!(dies_at(200, 200 + FADES / 2), [""; 0], "momentum goes on for a while");
        assert_eq!(dies_at(200, 400).len(), 1, "its squares are far from 0");
        // Frozen matrices get no gradient and are not dead; nor is any if all gradients became small or rare.
        assert_eq!(after(400, |_, _| 1.0), [""; 0]);
        assert_eq!(after(400, |_, step| if step < 200 { 1.0 } else { 1e-6 }), [""; 0]);
        assert_eq!(
            after(400, |matrix, step| if (matrix as u64 + step).is_multiple_of(20) { 1.0 } else { 0.0 }),
            [""; 0]
        );
    }
}
