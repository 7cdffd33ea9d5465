//! Rounding of the matrices of blocks to q4_0, calibrated on a text.

use super::{finite, matrices};
use crate::cpu::gptq;
use crate::graph::{Element, ParameterId};
use crate::inspection::Lens;
use crate::model::{HookPoint, Purpose, build, stored_as};
use crate::plan::arena::ArenaLayout;
use crate::protocol::{ModelConfig, WeightFormat};
use crate::{Error, Result, Yielder};
use std::ops::Range;

/// Bytes for the products of inputs that are measured at once. With more memory, texts are read fewer times.
const MEASURED_AT_ONCE: usize = 256 << 20;

struct Rounded {
    name: String,
    range: Range<usize>,
    columns: usize,
    input: HookPoint,
}

/// Rounds the matrices of blocks to values of q4_0 so that their products with the inputs on `texts` change least. Inputs of later
/// blocks are those after the rounding of earlier ones, where memory does not hold the measurements of all.
///
/// # Errors
/// The model has experts, weights or inputs are NaN or infinite, a text does not fit the model, or the machine lacks the memory.
pub async fn round_calibrated(
    model: &ModelConfig,
    parameters: &mut [f32],
    texts: &[Vec<u32>],
    threads: Option<usize>,
    yielder: &Yielder,
) -> Result<()> {
    if model.experts.count > 0 {
        return Err(Error::Refused("calibration does not cover mixtures of experts; choose q4_0".to_owned()));
    }
    let graph = build(model, Purpose::Window { time: 1 })?.graph;
    let layout = ArenaLayout::new(&graph);
    let mut left = Vec::new();
    for (name, input) in matrices(model) {
        let at = graph.parameters.iter().position(|own| own.name == name);
        let at = at.ok_or_else(|| Error::Internal(format!("the model has no {name}")))?;
        let (own, range) = (&graph.parameters[at].ty, layout.range(ParameterId(at as u32)));
        finite(&name, parameters.get(range.clone()).unwrap_or_default())?;
        if stored_as(model, &name, &own.shape, WeightFormat::Q4_0) == Element::Q4_0 {
            left.push(Rounded {
                name,
                range: range.start..range.start + own.count(),
                columns: own.columns(),
                input,
            });
        }
    }
    while !left.is_empty() {
        let mut bytes = 0;
        let fits = |matrix: &&Rounded| {
            bytes += 4 * matrix.columns.pow(2);
            bytes <= MEASURED_AT_ONCE
        };
        let count = left.iter().take_while(fits).count().max(1);
        let group: Vec<Rounded> = left.drain(..count).collect();
        let inputs: Vec<HookPoint> = group.iter().map(|matrix| matrix.input).collect();
        let mut grams: Vec<Vec<f32>> = group.iter().map(|matrix| vec![0.0; matrix.columns.pow(2)]).collect();
        let mut lens = Lens::on_cpu(model, parameters.to_vec(), threads)?;
        for text in texts {
            let found = lens.probe(text, &inputs).await?;
            for (gram, (inputs, matrix)) in grams.iter_mut().zip(found.iter().zip(&group)) {
                gptq::add_gram(&inputs.data, gram, matrix.columns);
                yielder.maybe_yield().await;
            }
        }
        drop(lens);
        for (Rounded { name, range, columns, .. }, gram) in group.into_iter().zip(grams) {
            let weights = &mut parameters[range];
            // The inputs may be far larger than the damping can level.
            if !gptq::round_calibrated(weights, &gram, columns)
                || weights.iter().any(|weight| !weight.is_finite())
            {
                return Err(Error::Refused(format!(
                    "the inputs of {name} on the training text are too large or NaN; choose q4_0, or an earlier checkpoint"
                )));
            }
            yielder.maybe_yield().await;
        }
    }
    Ok(())
}
