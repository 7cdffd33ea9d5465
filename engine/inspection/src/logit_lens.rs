//! The logit lens (nostalgebraist 2020): each layer's residual stream, decoded as if it were the last.

use super::distribution::{self, Partition};
use super::outputs::in_bits;
use super::{Found, Subject, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Result, Yielder};

/// top [stage, T] with their probabilities [stage, T]; divergence [stage, T], KL(last ‖ stage) in bits; logits [stage, V] at the
/// position. Stages are the streams before each layer, and the final one.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position) = (subject.tokens, subject.position);
    let config = subject.lens.config();
    let (last, outputs, count) = (config.layers, config.outputs(), tokens.len());
    let stages = last + 1;
    let sites: Vec<HookPoint> = (0..stages).map(HookPoint::Stream).collect();
    let streams = subject.lens.probe(tokens, &sites).await?;
    let yielder = Yielder::new();
    let mut top = vec![0; stages * count];
    let mut probabilities = vec![0.0; stages * count];
    let mut divergence = vec![0.0; stages * count];
    let mut logits = vec![0.0; stages * outputs];
    // Start with the last stage, which the others are compared with. One stage at a time, because all stages' logits of a large
    // vocabulary would fill the memory; they are read in place.
    let (mut compared, mut totals) = (Vec::new(), Vec::new());
    for (stage, stream) in streams.into_iter().enumerate().rev() {
        let stream = Tensor::new(&[1, count, stream.columns()], stream.data);
        let read = subject.lens.read_from(HookPoint::Stream(last), &stream, HookPoint::Logits).await?;
        let read = read.floats(0)?;
        let read = read.get(..count * outputs).unwrap_or_default();
        if stage == last {
            compared = read.to_vec();
            totals = vec![0.0; count];
        }
        for (at, row) in read.chunks_exact(outputs).enumerate() {
            let (place, partition) = (stage * count + at, Partition::from_logits(row));
            let total = partition.logarithm();
            if stage == last {
                totals[at] = total;
            }
            (top[place], probabilities[place]) = partition.top(row);
            let final_row = &compared[at * outputs..(at + 1) * outputs];
            divergence[place] =
                in_bits(distribution::divergence((final_row, totals[at]), (row, total))) as f32;
            yielder.maybe_yield().await;
        }
        let own = read.chunks_exact(outputs).nth(position).unwrap_or_default();
        logits[stage * outputs..(stage + 1) * outputs].copy_from_slice(own);
    }
    let mut found = Found::default();
    let axes = [("stage", stages), ("T", count)];
    found.detail(subject.outputs_of(top.iter().copied()));
    found.ids("top", "", &axes, top);
    found.floats("probabilities", "", &axes, probabilities);
    found.floats("divergence", "", &axes, divergence).unit = "bits".to_owned();
    found.floats("logits", "", &[("stage", stages), ("V", outputs)], logits);
    if let Some(about) = subject.about_outputs() {
        found.notice(about);
    }
    Ok(found)
}
