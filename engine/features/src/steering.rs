//! Steering: a model that adds a vector to a hook point at every position. The vector becomes a bias of the layer that writes there, so that the
//! steered model is an ordinary model for every decoder.

use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::{HookPoint, model_parameters};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::{OrInternal, Result, refuse};
use glasshouse_protocol::ModelConfig;

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
    let placement = model.norm.placement;
    if placement.output_norm().is_some()
        || !placement.has_final() && !matches!(at, HookPoint::AttentionOutput(_) | HookPoint::MlpOutput(_))
    {
        refuse!("{at} cannot be steered: the model normalises it after the layer that writes it");
    }
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

fn mlp_bias(config: &mut ModelConfig, block: usize) -> String {
    config.bias.mlp = true;
    format!("blocks.{block}.mlp.down.bias")
}
