//! Removal of whole parts of a model: blocks, MLP channels, and key-value heads with their query heads. What remains is an ordinary,
//! smaller model.

use super::Inputs;
use crate::formats::tensors::check_finite;
use crate::graph::{Parameter, ParameterId};
use crate::model::{Purpose, build, model_parameters};
use crate::plan::arena::ArenaLayout;
use crate::protocol::{Gate, ModelConfig, ModelPart, RemoveSettings, order};
use crate::{Error, Result, Yielder, refuse};
use std::ops::Range;

/// The parts of the original that remain, in order.
struct Kept {
    blocks: Vec<usize>,
    /// Of each remaining block.
    channels: Vec<Vec<usize>>,
    groups: Vec<Vec<usize>>,
}

/// Removes the parts with the lowest scores (see [`ModelPart`]). Returns the smaller model, its weights in arena layout, and the numbers of
/// removed blocks. Fails if weights are NaN or infinite, nothing would remain, or the smaller model's settings cannot express the result.
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
        check_finite(name, weights)?;
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
            if inputs.influence.len() != model.layers {
                return Err(Error::Internal("no influence of blocks was measured".to_owned()));
            }
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
        refuse!(
            "model.position.skip_every selects blocks by their number, and the remaining blocks would change numbers; remove channels or \
             heads instead"
        );
    }
    let new = model_parameters(&smaller)?;
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

/// Fails if the model cannot lose these parts, before anything is measured. Fails if nothing would remain, or the model normalises all
/// heads together.
pub fn check(model: &ModelConfig, settings: &RemoveSettings) -> Result<()> {
    let RemoveSettings { part, count, .. } = *settings;
    let (there, title) = (part.count(model), part.noun());
    if count >= there {
        let place = if part == ModelPart::Blocks { "the model" } else { "each block" };
        return Err(Error::Refused(match there {
            1 => format!("{place} has only one {title}, which cannot be removed; choose another part"),
            _ => format!("{place} has {there} {title}s; remove at most {} (got {count})", there - 1),
        }));
    }
    if part == ModelPart::Channels && model.experts.count > 0 {
        refuse!("channels of experts cannot be removed; remove blocks or heads");
    }
    if part == ModelPart::Heads && model.qk_norm_whole {
        refuse!(
            "model.qk_norm_whole normalises all heads together, so removing one changes the others; remove blocks or channels"
        );
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
    order::sort_by(&mut order, |a, b| scores[*a].total_cmp(&scores[*b]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use crate::inspection::Lens;
    use crate::model::HookPoint;
    use crate::protocol::{Bias, Position, Rope, presets};
    use crate::pruning::measure_inputs;

    struct Trial {
        model: ModelConfig,
        weights: Vec<f32>,
    }

    impl Trial {
        fn new(change: impl Fn(&mut ModelConfig)) -> Self {
            let mut model = presets::preset("llama-tiny").unwrap().model;
            (model.layers, model.width, model.vocabulary, model.context_length) = (3, 32, 60, 32);
            (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (6, 3, 4, 24);
            model.init.std = 0.2;
            change(&mut model);
            model.validate().unwrap();
            let graph = build(&model, Purpose::Window { time: 1 }).unwrap().graph;
            let mut weights = block_on(crate::initial::parameters(&graph.parameters, 5, &Yielder::none()));
            // Biases and norms differ from their initial values, as after training.
            weights.iter_mut().enumerate().for_each(|(at, weight)| *weight += (at as f32).sin() * 0.02);
            Self { model, weights }
        }

        /// Sets columns of a matrix to zero.
        fn silence(&mut self, name: &str, columns: Range<usize>) {
            let graph = build(&self.model, Purpose::Window { time: 1 }).unwrap().graph;
            let at = graph.parameters.iter().position(|own| own.name == name).unwrap();
            let (range, width) =
                (ArenaLayout::new(&graph).range(ParameterId(at as u32)), graph.parameters[at].ty.columns());
            let rows = self.weights[range].chunks_exact_mut(width).take(graph.parameters[at].ty.shape[0]);
            rows.for_each(|row| row[columns.clone()].fill(0.0));
        }

        fn logits(model: &ModelConfig, weights: &[f32]) -> Vec<f32> {
            let mut lens = Lens::on_cpu(model, weights.to_vec(), Some(1)).unwrap();
            block_on(lens.probe(&Self::texts()[0], &[HookPoint::Logits])).unwrap().remove(0).data
        }

        fn texts() -> Vec<Vec<u32>> {
            (0..3).map(|text| (0..24).map(|at| (at * 7 + text * 13) % 60).collect()).collect()
        }

        fn remove(&self, part: ModelPart, count: usize) -> Result<(ModelConfig, Vec<f32>, Vec<usize>)> {
            let yielder = Yielder::none();
            let (model, weights) = (&self.model, self.weights.clone());
            let inputs = block_on(measure_inputs(model, weights, &Self::texts(), Some(1), &yielder)).unwrap();
            let settings = RemoveSettings { part, count, ..RemoveSettings::default() };
            block_on(remove(model, &self.weights, &inputs, &settings, &yielder))
        }

        /// Removes parts that add nothing, and checks that the model computes the same without them.
        fn loses_nothing(&self, part: ModelPart, count: usize) -> (ModelConfig, Vec<usize>) {
            let (smaller, weights, removed) = self.remove(part, count).unwrap();
            assert!(weights.len() < self.weights.len());
            let (whole, now) = (Self::logits(&self.model, &self.weights), Self::logits(&smaller, &weights));
            let apart = whole.iter().zip(&now).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(whole.len() == now.len() && apart < 1e-4, "{part:?}: {apart}");
            (smaller, removed)
        }
    }

    fn refused<T>(removed: Result<T>) -> String {
        removed.err().map(|error| error.to_string()).unwrap()
    }

    #[test]
    fn parts_that_add_nothing_are_removed_and_leave_the_same_model() {
        let with_biases = |model: &mut ModelConfig| {
            model.bias = Bias { qkv: true, output: true, mlp: true, head: false };
            model.qk_norm = true;
        };
        let plain = |model: &mut ModelConfig| (model.mlp.gate, model.kv_heads) = (Gate::None, 6);
        for change in [with_biases as fn(&mut ModelConfig), plain] {
            let mut trial = Trial::new(change);
            for block in 0..3 {
                let first = 3 + 5 * block;
                trial.silence(&format!("blocks.{block}.mlp.down.weight"), first..first + 4);
                let group = trial.model.heads / trial.model.kv_heads * trial.model.head_size;
                let columns = block * group..(block + 1) * group;
                trial.silence(&format!("blocks.{block}.attention.output.weight"), columns);
            }
            let (smaller, removed) = trial.loses_nothing(ModelPart::Channels, 4);
            assert_eq!((smaller.mlp.hidden, removed.len()), (20, 0));
            let (smaller, _) = trial.loses_nothing(ModelPart::Heads, 1);
            let kv_heads = trial.model.kv_heads - 1;
            assert_eq!(
                (smaller.heads, smaller.kv_heads),
                (kv_heads * trial.model.heads / (kv_heads + 1), kv_heads)
            );
        }
    }

    #[test]
    fn a_block_that_changes_nothing_is_removed_and_others_keep_their_windows() {
        let mut trial = Trial::new(|model| {
            (model.sliding_window, model.full_attention) = (Some(8), vec![0, 2]);
        });
        let (hidden, heads) = (trial.model.mlp.hidden, trial.model.heads * trial.model.head_size);
        trial.silence("blocks.1.mlp.down.weight", 0..hidden);
        trial.silence("blocks.1.attention.output.weight", 0..heads);
        let (smaller, removed) = trial.loses_nothing(ModelPart::Blocks, 1);
        assert_eq!((removed, smaller.layers, smaller.full_attention), (vec![1], 2, vec![0, 1]));
    }

    #[test]
    fn removals_that_no_settings_express_are_refused_by_name() {
        let mut trial = Trial::new(|_| ());
        let said = refused(trial.remove(ModelPart::Blocks, 3));
        assert!(said.contains("has 3 blocks; remove at most 2 (got 3)"), "{said}");
        assert!(refused(trial.remove(ModelPart::Heads, 0)).contains("remove = 0"));
        trial.weights[0] = f32::INFINITY;
        let settings = RemoveSettings { part: ModelPart::Channels, ..RemoveSettings::default() };
        let inputs = Inputs::default();
        let broken = block_on(remove(&trial.model, &trial.weights, &inputs, &settings, &Yielder::none()));
        assert!(refused(broken).contains("holds inf"));
        let one = Trial::new(|model| (model.kv_heads, model.layers) = (1, 1));
        assert!(refused(one.remove(ModelPart::Heads, 1)).contains("only one key-value head"));
        let whole = Trial::new(|model| (model.qk_norm, model.qk_norm_whole) = (true, true));
        assert!(refused(whole.remove(ModelPart::Heads, 1)).contains("model.qk_norm_whole"));
        // Block 1 of 3 does not rotate: without any other block, that would be another one.
        let mut skips = Trial::new(|model| {
            model.position = Position::Rope(Rope { skip_every: 2, ..Rope::new(100.0) });
        });
        let (hidden, heads) = (skips.model.mlp.hidden, skips.model.heads * skips.model.head_size);
        skips.silence("blocks.0.mlp.down.weight", 0..hidden);
        skips.silence("blocks.0.attention.output.weight", 0..heads);
        assert!(refused(skips.remove(ModelPart::Blocks, 1)).contains("model.position.skip_every"));
    }
}
