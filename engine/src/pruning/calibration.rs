//! Rounding of the matrices of blocks to q4_0, calibrated on a text.

use super::matrices;
use crate::cpu::Workers;
use crate::cpu::gptq::{self, Measured};
use crate::formats::tensors::check_finite;
use crate::inspection::{Lens, Tensor};
use crate::model::{HookPoint, stored_as};
use crate::protocol::{ModelConfig, WeightFormat};
use crate::{Error, Result, Yielder, refuse};

/// Rounds the matrices of blocks to values of q4_0 so that their products with the inputs on `texts` change least, one after another: each
/// gets inputs computed with the matrices rounded before it, and compensates their errors. `on_progress` gets the matrices done, and their number.
/// Fails if the model has experts, weights or inputs are NaN or infinite, a text does not fit the model, or the machine lacks the memory.
pub async fn round_calibrated(
    model: &ModelConfig,
    parameters: Vec<f32>,
    texts: &[Vec<u32>],
    threads: Option<usize>,
    yielder: &Yielder,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<f32>> {
    if model.experts.count > 0 {
        refuse!("calibration does not cover mixtures of experts; choose q4_0");
    }
    let (mut lens, workers) = (Lens::on_cpu(model, parameters, threads)?, Workers::new(threads)?);
    let missing = |name: &str| Error::Internal(format!("the model has no {name}"));
    let matrices = matrices(model);
    for (name, _) in &matrices {
        check_finite(name, lens.weight(name).ok_or_else(|| missing(name))?.0)?;
    }
    // For each text, the residual stream of the original and of the rounded model.
    let mut streams = Vec::new();
    for text in texts {
        for Tensor { shape, data } in lens.probe(text, &[HookPoint::Stream(0)]).await? {
            let stream = Tensor { shape: [vec![1], shape].concat(), data };
            streams.push([stream.clone(), stream]);
        }
    }
    let mut done = 0;
    for (block, own) in matrices.chunks(4).enumerate() {
        let (from, next) = (HookPoint::Stream(block), HookPoint::Stream(block + 1));
        let sites: Vec<HookPoint> = own.iter().map(|(_, site)| *site).chain([next]).collect();
        let mut originals = Vec::new();
        for [stream, _] in &mut streams {
            let mut found = lens.probe_from(from, stream, &sites).await?;
            found.pop().into_iter().for_each(|next| *stream = next);
            originals.push(found);
        }
        for (at, (name, site)) in own.iter().enumerate() {
            let shape = lens.weight(name).ok_or_else(|| missing(name))?.1.to_vec();
            if stored_as(model, name, &shape, WeightFormat::Q4_0).is_quantised() {
                let mut measured = Measured::new(shape[1]);
                for ([_, stream], original) in streams.iter().zip(&mut originals) {
                    for inputs in lens.probe_from(from, stream, &[*site]).await? {
                        measured.add(&workers, &inputs.data, &mut original[at].data);
                    }
                    yielder.maybe_yield().await;
                }
                let weights = lens.weights_mut(name).ok_or_else(|| missing(name))?;
                let weights = &mut weights[..shape.iter().product()];
                // The inputs may be far larger than the damping can level.
                if !gptq::round_calibrated(weights, &measured, &workers, yielder).await
                    || weights.iter().any(|weight| !weight.is_finite())
                {
                    refuse!(
                        "the inputs of {name} on the training text are too large or NaN; choose q4_0, or an earlier checkpoint"
                    );
                }
            }
            done += 1;
            on_progress(done, matrices.len() as u64);
        }
        for [_, stream] in &mut streams {
            lens.probe_from(from, stream, &[next]).await?.into_iter().for_each(|next| *stream = next);
        }
    }
    Ok(lens.into_arena())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ParameterId;
    use crate::model::{Purpose, build};
    use crate::plan::arena::ArenaLayout;
    use crate::protocol::{NormPlacement, presets};
    use crate::{block_on, blocks};

    #[test]
    fn calibrated_weights_keep_the_logits_of_unseen_tokens_nearer_than_rounding_to_nearest() {
        let mut model = presets::preset("llama-tiny").unwrap().model;
        (model.layers, model.width, model.vocabulary, model.context_length) = (3, 64, 60, 32);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (4, 2, 16, 96);
        model.init.std = 0.1;
        let texts: Vec<Vec<u32>> =
            (0..24).map(|text| (0..24).map(|at| (at * at * 7 + text * 13) % 60).collect()).collect();
        // With norms after the additions, a matrix reads the stream itself.
        for placement in [NormPlacement::Pre, NormPlacement::Post] {
            model.norm.placement = placement;
            let graph = build(&model, Purpose::Window { time: 1 }).unwrap().graph;
            let layout = ArenaLayout::new(&graph);
            let weights = block_on(crate::initial::parameters(&graph.parameters, 5, &Yielder::none()));
            let mut nearest = weights.clone();
            for (at, own) in graph.parameters.iter().enumerate() {
                let range = layout.range(ParameterId(at as u32));
                if own.name.starts_with("blocks.") && own.ty.shape.len() == 2 {
                    let matrix = &mut nearest[range][..own.ty.count()];
                    blocks::round(WeightFormat::Q4_0.into(), own.ty.columns(), matrix);
                }
            }
            let mut reported = Vec::new();
            let mut on_progress = |done, total| reported.push((done, total));
            let (known, yielder) = (&texts[..20], Yielder::none());
            let work = round_calibrated(&model, weights.clone(), known, Some(2), &yielder, &mut on_progress);
            let calibrated = block_on(work).unwrap();
            // For each text and thrice for each block of columns.
            assert!(yielder.asked() >= 12 * (20 + 3 * 2), "{}", yielder.asked());
            assert_eq!(reported, (1..=12).map(|done| (done, 12)).collect::<Vec<_>>());
            let logits = |weights: &[f32]| {
                let mut lens = Lens::on_cpu(&model, weights.to_vec(), Some(1)).unwrap();
                let of = |text| block_on(lens.probe(text, &[HookPoint::Logits])).unwrap().remove(0).data;
                texts[20..].iter().map(Vec::as_slice).flat_map(of).collect::<Vec<f32>>()
            };
            let whole = logits(&weights);
            let error = |weights: &[f32]| -> f64 {
                whole.iter().zip(logits(weights)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
            };
            let [ours, theirs] = [error(&calibrated), error(&nearest)];
            assert!(ours > 0.0 && ours < 0.9 * theirs, "{placement:?}: {ours} {theirs}");
        }
    }
}
