//! The residual stream: its norm and direction stage by stage, and each part's contribution to a token's logit.

use super::final_norm::Direction;
use super::linear::{cosine, dot, norm};
use super::outputs::log_probabilities;
use super::{Found, Subject, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::Result;

/// norms [stage, T] and cosines [stage, T] with the last stage (stages: after the embedding, then after each attention and each MLP);
/// attention_norms and mlp_norms [L, T]; attribution [part] to the logit of `token` at the position (the embedding, then each attention and
/// MLP); saliency [T]: the gradient of that token's log-probability with respect to each embedded token, times that embedding.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position) = (subject.tokens, subject.position);
    let layers = subject.lens.config().layers;
    let mut sites = vec![HookPoint::Stream(0)];
    for layer in 0..layers {
        let next = HookPoint::Stream(layer + 1);
        sites.extend([
            HookPoint::AttentionOutput(layer),
            HookPoint::Between(layer),
            HookPoint::MlpOutput(layer),
            next,
        ]);
    }
    sites.push(HookPoint::Logits);
    let mut values = subject.lens.probe(tokens, &sites).await?;
    let logits = values.pop().unwrap_or_default();
    let logits = logits.row(position);
    let output = subject.output(logits)?;
    // After the embedding, two sums and two additions per layer.
    let stages: Vec<&Tensor> = values.iter().step_by(2).collect();
    let added: Vec<&Tensor> = values.iter().skip(1).step_by(2).collect();
    let parts: Vec<&Tensor> = values.first().into_iter().chain(added.iter().copied()).collect();
    let mut found = Found::default();
    let (by_stage, by_layer) =
        ([("stage", stages.len()), ("T", tokens.len())], [("L", layers), ("T", tokens.len())]);
    found.floats("norms", "", &by_stage, norms(stages.iter().copied()));
    let cosines = stages.iter().flat_map(|stage| {
        let last = stages.last().into_iter().flat_map(|last| last.rows());
        stage.rows().zip(last).map(|(row, last)| cosine(row, last))
    });
    found.floats("cosines", "", &by_stage, cosines.collect());
    found.floats("attention_norms", "", &by_layer, norms(added.iter().copied().step_by(2)));
    found.floats("mlp_norms", "", &by_layer, norms(added.iter().copied().skip(1).step_by(2)));
    let last = stages.last().map(|last| last.row(position)).unwrap_or_default();
    match Direction::new(subject.lens, last, output) {
        Some(direction) => {
            let attribution = parts.iter().map(|part| direction.adds(part.row(position))).collect();
            found.floats("attribution", "", &[("part", parts.len())], attribution);
            let config = subject.lens.config();
            if config.logit_softcap.is_some() && config.labels.is_empty() {
                found.notice("The attribution is to the logit before its cap.");
            }
            if let Some(bias) = direction.bias {
                found.notice(format!("Biases of the last norm and of the head add {bias:.4} to the logit."));
            }
        }
        None => found.notice(
            "The blocks of this model end with a norm, so the last stream is not a sum of parts: there is no attribution to the logit.",
        ),
    }
    let seed = seed(logits, output, position);
    let gradient =
        subject.lens.gradients(tokens, &seed, &[HookPoint::Stream(0)]).await?.pop().unwrap_or_default();
    let embedded = values.first().into_iter().flat_map(Tensor::rows);
    let saliency = gradient.rows().zip(embedded).map(|(gradient, row)| dot(gradient, row) as f32);
    found.floats("saliency", "embedding", &[("T", tokens.len())], saliency.collect());
    found.ids("token", "", &[("1", 1)], vec![output]);
    found.detail(subject.outputs_of([output]));
    if let Some(about) = subject.about_outputs() {
        found.notice(about);
    }
    Ok(found)
}

/// The gradient of an output's log-probability at a position with respect to the logits up to there. For a single output (a
/// score), the gradient of the score itself.
fn seed(logits: &[f32], output: u32, position: usize) -> Tensor {
    let outputs = logits.len();
    let mut seed = vec![0.0; (position + 1) * outputs];
    let row = &mut seed[position * outputs..];
    if outputs > 1 {
        for (entry, probability) in row.iter_mut().zip(log_probabilities(logits)) {
            *entry = -libm::exp(probability) as f32;
        }
    }
    if let Some(entry) = row.get_mut(output as usize) {
        *entry += 1.0;
    }
    Tensor::new(&[position + 1, outputs], seed)
}

fn norms<'values>(tensors: impl Iterator<Item = &'values Tensor>) -> Vec<f32> {
    tensors.flat_map(|tensor| tensor.rows().map(|row| norm(row) as f32)).collect()
}
