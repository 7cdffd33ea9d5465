//! Pruning of the matrices of blocks: scores, masks, and the inputs that Wanda weighs them by. Embedding, head, norms and biases
//! stay dense: they are small, or the loss depends on them most. Calibrated rounding measures the same inputs.

mod calibration;
mod parts;

pub use calibration::round_calibrated;
pub use parts::{check, remove};

use crate::formats::tensors::check_finite;
use crate::graph::ParameterId;
use crate::inspection::Lens;
use crate::model::{HookPoint, Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::protocol::{ModelConfig, PruneScore, PruneSettings, PrunedMatrix, SparsityPattern};
use crate::{Error, Result, Yielder, refuse};

/// Consecutive weights of a row in the pattern 2:4.
const GROUP: usize = 4;

/// The matrices that are pruned, with the value that each is multiplied by.
fn matrices(model: &ModelConfig) -> Vec<(String, HookPoint)> {
    let of_block = |block| {
        [
            (format!("blocks.{block}.attention.qkv.weight"), HookPoint::AttentionInput(block)),
            (format!("blocks.{block}.attention.output.weight"), HookPoint::Attended(block)),
            (format!("blocks.{block}.mlp.up.weight"), HookPoint::MlpInput(block)),
            (format!("blocks.{block}.mlp.down.weight"), HookPoint::Hidden(block)),
        ]
    };
    (0..model.layers).flat_map(of_block).collect()
}

#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// For each pruned matrix, the root of the mean square of each input.
    norms: Vec<Vec<f32>>,
    /// For each block, 1 − the mean cosine similarity of its input and output.
    influence: Vec<f64>,
}

impl Inputs {
    /// Norms of the inputs of a block's matrix with this many columns, by its place in [`matrices`].
    fn norms_of(&self, block: usize, place: usize, columns: usize) -> Result<&[f32]> {
        let norms = self.norms.get(4 * block + place).map(Vec::as_slice).filter(|own| own.len() == columns);
        norms.ok_or_else(|| Error::Internal(format!("no inputs of block {block} were measured")))
    }
}

/// Measures the inputs of the pruned matrices, and the influence of blocks. Fails if a text does not fit the model, or the machine lacks
/// the memory.
pub async fn measure_inputs(
    model: &ModelConfig,
    parameters: Vec<f32>,
    texts: &[Vec<u32>],
    threads: Option<usize>,
    yielder: &Yielder,
) -> Result<Inputs> {
    let mut sites: Vec<HookPoint> = matrices(model).into_iter().map(|(_, site)| site).collect();
    let mut squares: Vec<Vec<f64>> = vec![Vec::new(); sites.len()];
    sites.extend((0..=model.layers).map(HookPoint::Stream));
    let mut similarities = vec![0.0; model.layers];
    let mut lens = Lens::on_cpu(model, parameters, threads)?;
    for text in texts {
        let found = lens.probe(text, &sites).await?;
        let (inputs, streams) = found.split_at(squares.len());
        for (sum, stream) in similarities.iter_mut().zip(streams.windows(2)) {
            let [before, after] = stream else { continue };
            *sum += before.rows().zip(after.rows()).map(|(before, after)| cosine(before, after)).sum::<f64>();
        }
        for (sums, inputs) in squares.iter_mut().zip(inputs) {
            sums.resize(inputs.columns(), 0.0);
            for row in inputs.rows() {
                sums.iter_mut().zip(row).for_each(|(sum, input)| *sum += f64::from(*input).powi(2));
            }
        }
        yielder.maybe_yield().await;
    }
    let count = texts.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let norms = |sums: Vec<f64>| sums.into_iter().map(|sum| (sum / count).sqrt() as f32).collect();
    Ok(Inputs {
        norms: squares.into_iter().map(norms).collect(),
        influence: similarities.into_iter().map(|sum| 1.0 - sum / count).collect(),
    })
}

/// Cosine similarity; 0 if a vector is zero.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norms = (product(a, a) * product(b, b)).sqrt();
    if norms > 0.0 { product(a, b) / norms } else { 0.0 }
}

/// Sets the weights of the lowest scores in each matrix to zero. `inputs` are for Wanda. Fails if the settings are invalid, weights are NaN
/// or infinite, or rows do not consist of groups of four in the pattern 2:4; nothing is changed then.
pub async fn prune(
    model: &ModelConfig,
    parameters: &mut [f32],
    inputs: &Inputs,
    settings: &PruneSettings,
    yielder: &Yielder,
) -> Result<Vec<PrunedMatrix>> {
    settings.validate()?;
    let graph = build(model, Purpose::Window { time: 1 })?.graph;
    let layout = ArenaLayout::new(&graph);
    let mut found = Vec::new();
    for (name, _) in matrices(model) {
        let at = graph.parameters.iter().position(|own| own.name == name);
        let at = at.ok_or_else(|| Error::Internal(format!("the model has no {name}")))?;
        let (range, columns) = (layout.range(ParameterId(at as u32)), graph.parameters[at].ty.columns());
        check_finite(&name, parameters.get(range.clone()).unwrap_or_default())?;
        if settings.pattern == SparsityPattern::TwoOfFour && !columns.is_multiple_of(GROUP) {
            refuse!(
                "rows of {name} have {columns} weights, which are not groups of {GROUP}; prune without a pattern"
            );
        }
        found.push((name, range, columns));
    }
    let mut pruned = Vec::new();
    for (number, (name, range, columns)) in found.into_iter().enumerate() {
        let weights = &mut parameters[range];
        let norms = match settings.score {
            PruneScore::Magnitude => None,
            PruneScore::Wanda => Some(inputs.norms_of(number / 4, number % 4, columns)?),
        };
        mask(weights, columns, norms, settings);
        let zeros = weights.iter().filter(|weight| **weight == 0.0).count() as u64;
        pruned.push(PrunedMatrix { name, weights: weights.len() as u64, zeros });
        yielder.maybe_yield().await;
    }
    Ok(pruned)
}

/// Sets the lowest scores of a matrix to zero: within each group of four, within each row if inputs are weighed, or else within the matrix.
fn mask(weights: &mut [f32], columns: usize, norms: Option<&[f32]>, settings: &PruneSettings) {
    let (group, count) = match (settings.pattern, norms) {
        (SparsityPattern::TwoOfFour, _) => (GROUP, GROUP / 2),
        (SparsityPattern::Unstructured, Some(_)) => (columns, share(columns, settings.sparsity)),
        (SparsityPattern::Unstructured, None) => (weights.len(), share(weights.len(), settings.sparsity)),
    };
    let (mut scores, mut order) = (Vec::with_capacity(group), Vec::with_capacity(group));
    for (number, group_weights) in weights.chunks_mut(group).enumerate() {
        let first = number * group;
        let score = |(at, weight): (usize, &f32)| {
            weight.abs() * norms.map_or(1.0, |norms| norms[(first + at) % columns])
        };
        scores.clear();
        scores.extend(group_weights.iter().enumerate().map(score));
        order.clear();
        order.extend(0..group_weights.len());
        if let Some(last) = count.checked_sub(1) {
            // Equal scores go by place, so that the result does not depend on the algorithm.
            order.select_nth_unstable_by(last, |a: &usize, b: &usize| {
                scores[*a].total_cmp(&scores[*b]).then(a.cmp(b))
            });
            order[..count].iter().for_each(|at| group_weights[*at] = 0.0);
        }
    }
}

/// The nearest number of weights to a fraction.
fn share(weights: usize, sparsity: f64) -> usize {
    ((weights as f64 * sparsity).round() as usize).min(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use crate::protocol::presets;

    fn settings(score: PruneScore, pattern: SparsityPattern, sparsity: f64) -> PruneSettings {
        PruneSettings { score, pattern, sparsity, ..PruneSettings::default() }
    }

    #[test]
    fn the_lowest_scores_become_zero_within_matrix_row_or_group() {
        let weights = [1.0, -8.0, 3.0, 4.0, -0.5, 0.25, 7.0, 6.0];
        let masked = |norms: Option<&[f32]>, pattern, sparsity| {
            let mut masked = weights;
            mask(&mut masked, 4, norms, &settings(PruneScore::Wanda, pattern, sparsity));
            masked
        };
        use SparsityPattern::{TwoOfFour, Unstructured};
        assert_eq!(masked(None, Unstructured, 0.5), [0.0, -8.0, 0.0, 4.0, 0.0, 0.0, 7.0, 6.0]);
        assert_eq!(masked(None, TwoOfFour, 0.5), [0.0, -8.0, 0.0, 4.0, 0.0, 0.0, 7.0, 6.0]);
        // Inputs make the first column the most important one.
        let norms = [100.0, 0.1, 1.0, 1.0];
        assert_eq!(masked(Some(&norms), Unstructured, 0.25), [1.0, 0.0, 3.0, 4.0, -0.5, 0.0, 7.0, 6.0]);
        assert_eq!(masked(Some(&norms), TwoOfFour, 0.5), [1.0, 0.0, 0.0, 4.0, -0.5, 0.0, 7.0, 0.0]);
        assert_eq!(masked(None, Unstructured, 0.01), weights, "the nearest number of weights is 0");
    }

    #[test]
    fn wanda_keeps_the_output_nearer_than_magnitude() {
        let mut config = presets::preset("llama-tiny").unwrap().model;
        (config.layers, config.width, config.vocabulary, config.context_length) = (2, 32, 60, 32);
        (config.heads, config.kv_heads, config.head_size, config.mlp.hidden) = (4, 2, 8, 48);
        let graph = build(&config, Purpose::Window { time: 1 }).unwrap().graph;
        let layout = ArenaLayout::new(&graph);
        let yielder = Yielder::none();
        let mut weights = block_on(crate::initial::parameters(&graph.parameters, 5, &yielder));
        // Some channels of the stream are much larger than others, as in trained models.
        let embedding = graph.parameters.iter().position(|own| own.name == "embedding.tokens").unwrap();
        for (at, entry) in weights[layout.range(ParameterId(embedding as u32))].iter_mut().enumerate() {
            *entry *= if at % 32 < 4 { 40.0 } else { 1.0 };
        }
        let texts: Vec<Vec<u32>> =
            (0..6).map(|text| (0..24).map(|at| (at * 7 + text * 13) % 60).collect()).collect();
        let inputs = block_on(measure_inputs(&config, weights.clone(), &texts, Some(1), &yielder)).unwrap();
        let norms = &inputs.norms;
        assert_eq!(norms.iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 32, 48, 32, 32, 32, 48]);
        assert!(norms[0][0] > 2.0 * norms[0][16], "{:?}", norms[0]);
        let logits = |weights: &[f32]| {
            let mut lens = Lens::on_cpu(&config, weights.to_vec(), Some(1)).unwrap();
            block_on(lens.probe(&texts[5], &[HookPoint::Logits])).unwrap().remove(0).data
        };
        let whole = logits(&weights);
        let error = |score, pattern| {
            let mut pruned = weights.clone();
            let settings = settings(score, pattern, 0.5);
            let matrices = block_on(prune(&config, &mut pruned, &inputs, &settings, &yielder)).unwrap();
            assert_eq!(matrices.len(), 8);
            assert!(matrices.iter().all(|matrix| (matrix.sparsity() - 0.5).abs() < 0.01), "{matrices:?}");
            whole.iter().zip(logits(&pruned)).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        };
        for pattern in SparsityPattern::ALL {
            let [wanda, magnitude] =
                [PruneScore::Wanda, PruneScore::Magnitude].map(|score| error(score, pattern));
            assert!(wanda > 0.0 && wanda < magnitude, "{pattern:?}: {wanda} {magnitude}");
        }
        // Refusals change nothing.
        let mut broken = weights.clone();
        let up = graph.parameters.iter().position(|own| own.name == "blocks.1.mlp.up.weight").unwrap();
        broken[layout.range(ParameterId(up as u32)).start] = f32::NAN;
        let (before, magnitude) =
            (broken.clone(), settings(PruneScore::Magnitude, SparsityPattern::Unstructured, 0.5));
        let none = Inputs::default();
        let error =
            block_on(prune(&config, &mut broken, &none, &magnitude, &yielder)).unwrap_err().to_string();
        assert!(error.contains("blocks.1.mlp.up.weight holds NaN"), "{error}");
        assert!(broken.iter().zip(&before).all(|(a, b)| a.to_bits() == b.to_bits()));
        config.mlp.hidden = 50;
        let length = ArenaLayout::new(&build(&config, Purpose::Window { time: 1 }).unwrap().graph).length;
        let two = settings(PruneScore::Magnitude, SparsityPattern::TwoOfFour, 0.5);
        let error =
            block_on(prune(&config, &mut vec![0.5; length], &none, &two, &yielder)).unwrap_err().to_string();
        assert!(error.contains("blocks.0.mlp.down.weight have 50 weights"), "{error}");
    }
}
