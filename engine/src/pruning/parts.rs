//! Removal of whole parts of a model: blocks, MLP channels, and key-value heads with their query heads. What remains is an ordinary,
//! smaller model.

use super::{Inputs, finite};
use crate::graph::{Parameter, ParameterId};
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::protocol::{Gate, ModelConfig, ModelPart, RemoveSettings};
use crate::{Error, Result, Yielder};
use std::ops::Range;

/// The parts of the original that remain, in order.
struct Kept {
    blocks: Vec<usize>,
    /// Of each remaining block.
    channels: Vec<Vec<usize>>,
    groups: Vec<Vec<usize>>,
}

/// Removes the parts with the lowest scores (see [`ModelPart`]). Returns the smaller model, its weights in arena layout, and the numbers of
/// removed blocks.
///
/// # Errors
/// Weights are NaN or infinite, nothing would remain, or the smaller model's settings cannot express the result.
pub async fn remove(
    model: &ModelConfig,
    parameters: &[f32],
    inputs: &Inputs,
    settings: &RemoveSettings,
    yielder: &Yielder,
) -> Result<(ModelConfig, Vec<f32>, Vec<usize>)> {
    settings.validate()?;
    check(model, settings)?;
    let (part, count) = (settings.part, settings.count);
    let own = build(model, Purpose::Window { time: 1 })?.graph;
    let from = ArenaLayout::new(&own);
    if parameters.len() != from.length {
        return Err(Error::Internal("weights of another model".to_owned()));
    }
    let find = |name: &str| {
        let at = own.parameters.iter().position(|parameter| parameter.name == name);
        let at = at.ok_or_else(|| Error::Internal(format!("the model has no {name}")))?;
        let weights = &parameters[from.range(ParameterId(at as u32))];
        finite(name, weights)?;
        Ok::<_, Error>((&own.parameters[at], weights))
    };
    for parameter in &own.parameters {
        find(&parameter.name)?;
    }
    let every = |number: usize| vec![(0..number).collect::<Vec<usize>>(); model.layers];
    let mut kept = Kept {
        blocks: (0..model.layers).collect(),
        channels: every(model.mlp.hidden),
        groups: every(model.kv_heads),
    };
    let mut smaller = model.clone();
    match part {
        ModelPart::Blocks => {
            kept.blocks = highest(&inputs.influence, count);
            smaller.layers = kept.blocks.len();
            let places = kept.blocks.iter().enumerate();
            let is_full = |(_, block): &(usize, &usize)| model.full_attention.contains(block);
            smaller.full_attention = places.filter(is_full).map(|(place, _)| place).collect();
        }
        ModelPart::Channels => {
            for block in 0..model.layers {
                let (down, weights) = find(&format!("blocks.{block}.mlp.down.weight"))?;
                let norms = inputs.norms_of(block, 3, model.mlp.hidden)?;
                kept.channels[block] = highest(&scores(down, weights, norms, 1), count);
            }
            smaller.mlp.hidden -= count;
        }
        ModelPart::Heads => {
            let queries = model.heads / model.kv_heads;
            for block in 0..model.layers {
                let (output, weights) = find(&format!("blocks.{block}.attention.output.weight"))?;
                let norms = inputs.norms_of(block, 1, model.heads * model.head_size)?;
                kept.groups[block] =
                    highest(&scores(output, weights, norms, queries * model.head_size), count);
            }
            (smaller.heads, smaller.kv_heads) = (model.heads - count * queries, model.kv_heads - count);
        }
    }
    smaller.validate()?;
    let moved =
        kept.blocks.iter().enumerate().find(|(place, block)| model.rope(**block) != smaller.rope(*place));
    if moved.is_some() {
        return Err(Error::Refused(
            "model.position.skip_every counts blocks to decide which of them rotate, and the blocks that remain would change places; remove \
             channels or heads instead"
                .to_owned(),
        ));
    }
    let new = build(&smaller, Purpose::Window { time: 1 })?.graph.parameters;
    let to = ArenaLayout::from_parameters(&new);
    let mut weights = vec![0.0; to.length];
    for (at, wanted) in new.iter().enumerate() {
        let of_block = wanted.name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.'));
        let place = of_block.and_then(|(place, name)| Some((place.parse::<usize>().ok()?, name)));
        let name = match place {
            Some((place, name)) => format!("blocks.{}.{name}", kept.blocks[place]),
            None => wanted.name.clone(),
        };
        let (original, source) = find(&name)?;
        let (rows, columns) = match place {
            Some((place, name)) => selection(model, &kept, kept.blocks[place], name, original),
            None => all(original),
        };
        let width = original.ty.count() / original.ty.shape[0].max(1);
        let entries = rows.iter().flat_map(|row| columns.iter().map(move |column| row * width + column));
        let target = &mut weights[to.range(ParameterId(at as u32))];
        if rows.len() * columns.len() != wanted.ty.count() {
            return Err(Error::Internal(format!("the selected part of {name} has another shape")));
        }
        target.iter_mut().zip(entries).for_each(|(target, entry)| *target = source[entry]);
        yielder.maybe_yield().await;
    }
    let removed = (0..model.layers).filter(|block| !kept.blocks.contains(block)).collect();
    Ok((smaller, weights, removed))
}

/// Fails if the model cannot lose these parts, before anything is measured.
///
/// # Errors
/// Nothing would remain, or the model normalises all heads together.
pub fn check(model: &ModelConfig, settings: &RemoveSettings) -> Result<()> {
    let RemoveSettings { part, count, .. } = *settings;
    let (there, title) = (part.count(model), part.title());
    if count >= there {
        let place = if part == ModelPart::Blocks { "the model" } else { "each block" };
        return Err(Error::Refused(match there {
            1 => format!("{place} has only one {title}, which cannot be removed; choose another part"),
            _ => format!("{place} has {there} {title}s; remove at most {} (got {count})", there - 1),
        }));
    }
    if part == ModelPart::Heads && model.qk_norm_whole {
        return Err(Error::Refused(
            "model.qk_norm_whole normalises all heads together, so removing one changes the others; remove blocks or channels".to_owned(),
        ));
    }
    Ok(())
}

/// Norms of what each group of `size` columns adds to a matrix' output.
fn scores(matrix: &Parameter, weights: &[f32], norms: &[f32], size: usize) -> Vec<f64> {
    let columns = matrix.ty.columns();
    let mut squares = vec![0.0; columns.div_ceil(size)];
    for row in weights[..matrix.ty.count()].chunks_exact(columns) {
        for (column, (weight, norm)) in row.iter().zip(norms).enumerate() {
            squares[column / size] += (f64::from(*weight) * f64::from(*norm)).powi(2);
        }
    }
    squares
}

/// All but the `count` lowest scores, in order. Of equal ones, the first are removed.
fn highest(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut kept = order.split_off(count);
    kept.sort_unstable();
    kept
}

/// All rows and columns of a parameter. A vector has one column.
fn all(parameter: &Parameter) -> (Vec<usize>, Vec<usize>) {
    let rows = parameter.ty.shape[0];
    ((0..rows).collect(), (0..parameter.ty.count() / rows.max(1)).collect())
}

/// The remaining rows and columns of a block's parameter.
fn selection(
    model: &ModelConfig,
    kept: &Kept,
    block: usize,
    name: &str,
    original: &Parameter,
) -> (Vec<usize>, Vec<usize>) {
    let (rows, columns) = all(original);
    let size = model.head_size;
    let [queries, keys] = [model.heads / model.kv_heads * size, size];
    let span = |group: &usize, first: usize, size: usize| -> Range<usize> {
        first + group * size..first + (group + 1) * size
    };
    let of_groups =
        |first: usize, size: usize| kept.groups[block].iter().flat_map(move |group| span(group, first, size));
    let (hidden, channels) = (model.mlp.hidden, &kept.channels[block]);
    match name {
        // Queries, keys and values of all heads, one after another.
        "attention.qkv.weight" | "attention.qkv.bias" => {
            let (first_key, of_keys) = (model.heads * size, model.kv_heads * size);
            let key_rows = of_groups(first_key, keys).chain(of_groups(first_key + of_keys, keys));
            (of_groups(0, queries).chain(key_rows).collect(), columns)
        }
        "attention.output.weight" => (rows, of_groups(0, queries).collect()),
        // A gated MLP has the gate's rows first.
        "mlp.up.weight" | "mlp.up.bias" => {
            let gated =
                channels.iter().map(|channel| hidden + channel).filter(|_| model.mlp.gate != Gate::None);
            (channels.iter().copied().chain(gated).collect(), columns)
        }
        "mlp.down.weight" => (rows, channels.clone()),
        _ => (rows, columns),
    }
}
