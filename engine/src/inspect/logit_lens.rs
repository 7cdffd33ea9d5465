//! The logit lens (nostalgebraist 2020): what every layer's stream would predict, were it the last.

use super::outputs::{in_bits, likeliest, log_sum_exp};
use super::{Found, Subject, Tensor};
use crate::error::Result;
use crate::model::Site;
use crate::platform::Turns;

/// top [stage, T] with their probabilities [stage, T]; divergence [stage, T], KL(last ‖ stage) in bits; logits [stage, V] at the position.
/// Stages are the streams before each layer, and the one behind the last.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position) = (subject.tokens, subject.position);
    let config = subject.lens.config();
    let (last, outputs, count) = (config.layers, config.outputs(), tokens.len());
    let stages = last + 1;
    let sites: Vec<Site> = (0..stages).map(Site::Stream).collect();
    let streams = subject.lens.probe(tokens, &sites).await?;
    let turns = Turns::new();
    let mut top = vec![0; stages * count];
    let mut probabilities = vec![0.0; stages * count];
    let mut divergence = vec![0.0; stages * count];
    let mut logits = vec![0.0; stages * outputs];
    // The last stage first, which the others are compared with: a stage at a time, since a large vocabulary's logits of all would fill
    // the memory.
    let mut compared = Compared::default();
    for (stage, stream) in streams.into_iter().enumerate().rev() {
        let stream = Tensor::new(&[1, count, stream.columns()], stream.data);
        let read = subject.lens.probe_from(Site::Stream(last), &stream, &[Site::Logits]).await?;
        let read = read.into_iter().next().unwrap_or_default();
        if stage == last {
            compared = Compared::with(&read, &turns).await;
        }
        for (at, row) in read.rows().enumerate() {
            let (place, total) = (stage * count + at, log_sum_exp(row));
            top[place] = likeliest(row);
            let logit = row.get(top[place] as usize).copied().unwrap_or_default();
            probabilities[place] = libm::exp(f64::from(logit) - total) as f32;
            divergence[place] = compared.divergence(at, row, total) as f32;
            turns.give().await;
        }
        logits[stage * outputs..(stage + 1) * outputs].copy_from_slice(read.row(position));
    }
    let mut found = Found::default();
    let axes = [("stage", stages), ("T", count)];
    found.detail(subject.outputs_of(top.iter().copied()));
    found.integers("top", "", &axes, top);
    found.floats("probabilities", "", &axes, probabilities);
    found.floats("divergence", "", &axes, divergence);
    found.floats("logits", "", &[("stage", stages), ("V", outputs)], logits);
    if let Some(about) = subject.about_outputs() {
        found.notice(about);
    }
    Ok(found)
}

/// What the model predicts, [T, V].
#[derive(Debug, Default)]
struct Compared {
    logits: Tensor,
    probabilities: Tensor,
    /// ln Σ exp(logit) of each position.
    totals: Vec<f64>,
}

impl Compared {
    async fn with(logits: &Tensor, turns: &Turns) -> Self {
        let (mut probabilities, mut totals) = (Vec::with_capacity(logits.data.len()), Vec::new());
        for row in logits.rows() {
            let total = log_sum_exp(row);
            probabilities.extend(row.iter().map(|logit| libm::exp(f64::from(*logit) - total) as f32));
            totals.push(total);
            turns.give().await;
        }
        Self { logits: logits.clone(), probabilities: Tensor::new(&logits.shape, probabilities), totals }
    }

    /// KL of what the model predicts at a position from other logits, in bits; `total` is their ln Σ exp.
    fn divergence(&self, at: usize, logits: &[f32], total: f64) -> f64 {
        let difference = total - self.totals.get(at).copied().unwrap_or_default();
        let of = |((probability, last), logit): ((&f32, &f32), &f32)| {
            f64::from(*probability) * (f64::from(*last) - f64::from(*logit) + difference)
        };
        let rows = self.probabilities.row(at).iter().zip(self.logits.row(at)).zip(logits);
        in_bits(rows.map(of).sum())
    }
}
