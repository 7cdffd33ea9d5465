//! Steering. A vector added at every position becomes a bias of the layer that writes the hook point, so that the steered model is an ordinary
//! model for every decoder. A clamped feature depends on the text: its logits come from the lens.

use crate::Place;
use crate::weights::Weights;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::{HookPoint, model_parameters};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_inspection::Lens;
use glasshouse_platform::{OrInternal, Result, refuse};
use glasshouse_protocol::{ModelConfig, Residual};

/// The model that adds `vector` [C] at a hook point, with its weights in the layout of an unfrozen model, as are `parameters`. Works for outputs
/// of attention and MLPs and for the residual stream after them. Fails for other hook points, after a norm, and for experts, which have no bias.
pub fn steered(
    model: &ModelConfig,
    parameters: &[f32],
    at: HookPoint,
    vector: &[f32],
) -> Result<(ModelConfig, Vec<f32>)> {
    let mut config = model.clone();
    let experts = model.experts.count > 0;
    let bias = match at {
        HookPoint::AttentionOutput(block) | HookPoint::Between(block) => {
            config.bias.output = true;
            format!("blocks.{block}.attention.output.bias")
        }
        HookPoint::MlpOutput(block) if !experts => mlp_bias(&mut config, block),
        HookPoint::Stream(layer) if layer > 0 && !experts => mlp_bias(&mut config, layer - 1),
        _ => refuse!(
            "{at} cannot be steered: choose a dictionary of an attention.output or mlp.output without experts, or of the stream after one"
        ),
    };
    check_norms(model, at)?;
    let listed =
        |config: &ModelConfig| Ok::<Vec<Parameter>, glasshouse_platform::Error>(model_parameters(config)?);
    let (old, new) = (listed(model)?, listed(&config)?);
    let (from, to) = (ArenaLayout::unfrozen(&old), ArenaLayout::unfrozen(&new));
    from.check_count(parameters)?;
    let mut weights = vec![0.0; to.length];
    for (own, offset) in new.iter().zip(&to.offsets) {
        if let Some(at) = old.iter().position(|old| old.name == own.name) {
            let entries = &parameters[from.offsets[at]..][..from.counts[at]];
            weights[*offset..offset + entries.len()].copy_from_slice(entries);
        }
    }
    let at = new.iter().position(|own| own.name == bias).or_internal("a layer without its bias")?;
    let entries = &mut weights[to.offsets[at]..][..to.counts[at]];
    entries.iter_mut().zip(vector).for_each(|(entry, add)| *entry += add / model.residual_scale);
    Ok((config, weights))
}

fn check_norms(model: &ModelConfig, at: HookPoint) -> Result<()> {
    let placement = model.norm.placement;
    if placement.output_norm().is_some()
        || !placement.has_final() && !matches!(at, HookPoint::AttentionOutput(_) | HookPoint::MlpOutput(_))
    {
        refuse!("{at} cannot be steered: the model normalises it after the layer that writes it");
    }
    Ok(())
}

fn mlp_bias(config: &mut ModelConfig, block: usize) -> String {
    config.bias.mlp = true;
    format!("blocks.{block}.mlp.down.bias")
}

/// A model with a feature's activation set to a value at every position.
#[derive(Debug)]
pub struct Clamped<'weights> {
    place: Place,
    /// The residual stream after the value that the dictionary reconstructs.
    stream: HookPoint,
    weights: &'weights Weights,
    feature: usize,
    k: usize,
    value: f32,
    direction: Vec<f32>,
}

impl<'weights> Clamped<'weights> {
    /// Fails for the hook points that [`steered`] refuses, except MLPs of experts.
    pub fn new(
        model: &ModelConfig,
        place: Place,
        weights: &'weights Weights,
        (feature, k): (usize, usize),
        value: f32,
    ) -> Result<Self> {
        let to = place.to;
        let stream = match to {
            // In parallel blocks the MLP does not read the stream after the attention.
            HookPoint::AttentionOutput(block) if model.residual == Residual::Sequential => {
                HookPoint::Between(block)
            }
            HookPoint::AttentionOutput(block) | HookPoint::MlpOutput(block) => HookPoint::Stream(block + 1),
            HookPoint::Between(_) if model.residual == Residual::Sequential => to,
            HookPoint::Stream(_) => to,
            _ => refuse!(
                "{to} cannot be steered: choose a dictionary of the stream, or of an output of attention or MLP"
            ),
        };
        check_norms(model, to)?;
        if !model.norm.placement.is_before() {
            refuse!("{to} cannot be clamped: the model normalises the stream after the layer that writes it");
        }
        let direction = weights.direction(feature);
        Ok(Self { place, stream, weights, feature, k, value, direction })
    }

    /// Logits [V] after the last of `tokens`.
    pub async fn logits(&self, lens: &mut Lens, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut found = lens.probe(tokens, &[self.place.at, self.stream]).await?;
        let (mut changed, input) = (found.pop().unwrap_or_default(), found.pop().unwrap_or_default());
        let columns = self.place.columns;
        for (row, x) in changed.data.chunks_exact_mut(columns).zip(input.rows()) {
            let by = self.value - self.weights.activations(self.k, x)[self.feature];
            row.iter_mut().zip(&self.direction).for_each(|(entry, column)| *entry += by * column);
        }
        changed.shape = vec![1, tokens.len(), columns];
        let mut logits = lens.probe_from(self.stream, &changed, &[HookPoint::Logits]).await?;
        let last = logits.pop().or_internal("a text without logits")?;
        Ok(last.row(tokens.len() - 1).to_vec())
    }
}
