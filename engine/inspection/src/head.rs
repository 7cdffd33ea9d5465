//! A single head's computation, step by step: scaled and capped q·k, mask, softmax, ·v, times its columns of the output weight.

use super::linear::products;
use super::probabilities::{self, Attention};
use super::{Found, Subject};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Error, Result, Yielder};

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (layer, head) = (subject.layer(), subject.head());
    probabilities::check(subject.tokens.len())?;
    let packed = subject.values(HookPoint::QueriesKeysValues(layer)).await?;
    let config = subject.lens.config();
    let attention = Attention::new(config, layer, &packed);
    let (time, size, width) = (attention.time(), config.head_size, config.width);
    let rows = |row: &dyn Fn(usize) -> Vec<f32>| (0..time).flat_map(row).collect::<Vec<f32>>();
    let yielder = Yielder::new();
    let scores = attention.scores(head, &yielder).await;
    let probabilities = attention.probabilities(head, &yielder).await;
    let weighted = attention.weighted(head, &probabilities, &yielder).await;

    let scope = format!("blocks.{layer}.attention");
    let name = format!("{scope}.output.weight");
    let missing = || Error::Internal(format!("attention without {name}"));
    let (weight, _) = subject.lens.weight(&name).ok_or_else(missing)?;
    let mut output = vec![0.0; time * width];
    for (row, to) in weighted.chunks_exact(size).zip(output.chunks_exact_mut(width)) {
        products(row, &weight[head * size..], config.heads * size, 1.0, to);
        yielder.maybe_yield().await;
    }

    let mut found = Found::default();
    let vectors = [("T", time), ("D", size)];
    found.floats("queries", &scope, &vectors, rows(&|at| attention.query(head, at).to_vec()));
    found.floats("keys", &scope, &vectors, rows(&|at| attention.key(head, at).to_vec()));
    found.floats("values", &scope, &vectors, rows(&|at| attention.value(head, at).to_vec()));
    found.floats("scores", &scope, &[("T", time), ("T", time)], scores);
    for (name, factor) in [("scale", config.attention_scale), ("softcap", config.attention_softcap)] {
        if let Some(factor) = factor {
            found.floats(name, &scope, &[("1", 1)], vec![factor]);
        }
    }
    found.floats("probabilities", &scope, &[("T", time), ("T", time)], probabilities);
    found.floats("weighted", &scope, &vectors, weighted);
    found.floats("output", &scope, &[("T", time), ("C", width)], output);
    let done = match (config.qk_norm, config.rope(layer).is_some()) {
        (true, true) => Some("normed and then rotated by their positions"),
        (true, false) => Some("normed"),
        (false, true) => Some("rotated by their positions"),
        (false, false) => None,
    };
    if let Some(done) = done {
        found.notice(format!("Queries and keys as used by attention: {done}."));
    }
    if config.heads > config.kv_heads {
        let group = config.heads / config.kv_heads;
        let first = head / group * group;
        found.notice(format!("Heads {first} to {} share their keys and values.", first + group - 1));
    }
    if config.bias.output {
        found.notice("The bias of the output layer is added once for all heads and is not included here.");
    }
    if config.norm.placement.output_norm().is_some() || config.residual_scale != 1.0 {
        found.notice(
            "The norm and scale of the output apply to the sum of all heads and are not included here.",
        );
    }
    Ok(found)
}
