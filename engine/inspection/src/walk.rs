//! A forward pass, value by value: from the embedding through a layer to the logits.

use super::outputs::largest;
use super::probabilities::{Attention, MAX_PROBABILITIES, count};
use super::{Found, Subject, Tensor, formulas};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::inspect::Detail;

/// Number of most likely next tokens listed.
const NEXT: usize = 10;

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let layer = subject.layer();
    let mut sites = vec![
        HookPoint::Stream(0),
        HookPoint::AttentionInput(layer),
        HookPoint::QueriesKeysValues(layer),
        HookPoint::Attended(layer),
        HookPoint::AttentionOutput(layer),
        HookPoint::Between(layer),
        HookPoint::MlpInput(layer),
        HookPoint::Hidden(layer),
        HookPoint::MlpOutput(layer),
        HookPoint::Stream(layer + 1),
        HookPoint::Normed,
    ];
    sites.extend((subject.lens.config().experts.count > 0).then_some(HookPoint::Gates(layer)));
    let values = subject.lens.probe(subject.tokens, &sites).await?;
    let at = |site: HookPoint| {
        let found = sites.iter().zip(&values).find(|(own, _)| **own == site);
        found.map(|(_, values)| values.clone()).unwrap_or_default()
    };
    // Apply the head to a single row: for a large vocabulary, all rows would take longer than the rest.
    let normed = at(HookPoint::Normed);
    let row = Tensor::new(&[1, 1, normed.columns()], normed.row(subject.position).to_vec());
    let logits = subject.lens.probe_from(HookPoint::Normed, &row, &[HookPoint::Logits]).await?;

    let config = subject.lens.config();
    let (time, heads, kv_heads, size) =
        (subject.tokens.len(), config.heads, config.kv_heads, config.head_size);
    let packed = at(HookPoint::QueriesKeysValues(layer));
    let attention = Attention::new(config, layer, &packed);
    let (queries, keys) = (heads * size, kv_heads * size);
    let mut found = Found::default();
    // Probabilities of all heads, or none.
    let fits = count(heads, time) <= MAX_PROBABILITIES;
    if !fits {
        found.notice(format!(
            "The probabilities of {heads} heads for {time} tokens exceed {MAX_PROBABILITIES} and are left out; use a shorter prompt."
        ));
    }
    let heads = if fits { heads } else { 0 };
    let (mut probabilities, yielder) = (Vec::with_capacity(count(heads, time)), Yielder::new());
    for head in 0..heads {
        probabilities.extend(attention.probabilities(head, &yielder).await);
        yielder.maybe_yield().await;
    }
    let columns = |range: std::ops::Range<usize>| -> Vec<f32> {
        packed.rows().flat_map(|row| &row[range.clone()]).copied().collect()
    };

    let [block, mlp] = ["attention", "mlp"].map(|part| format!("blocks.{layer}.{part}"));
    let mut rows = |name: &str, scope: &str, axis: &str, tensor: Tensor| {
        found.floats(name, scope, &[("T", time), (axis, tensor.columns())], tensor.data);
    };
    let split = |from: usize, count: usize| Tensor::new(&[time, count], columns(from..from + count));
    rows("embedded", "embedding", "C", at(HookPoint::Stream(0)));
    rows("attention_input", &block, "C", at(HookPoint::AttentionInput(layer)));
    rows("queries", &block, "H·D", split(0, queries));
    rows("keys", &block, "K·D", split(queries, keys));
    rows("values", &block, "K·D", split(queries + keys, keys));
    rows("attended", &block, "H·D", at(HookPoint::Attended(layer)));
    rows("attention_output", &block, "C", at(HookPoint::AttentionOutput(layer)));
    rows("between", &block, "C", at(HookPoint::Between(layer)));
    rows("mlp_input", &mlp, "C", at(HookPoint::MlpInput(layer)));
    if sites.contains(&HookPoint::Gates(layer)) {
        rows("gates", &mlp, "E", at(HookPoint::Gates(layer)));
    }
    rows("hidden", &mlp, "F", at(HookPoint::Hidden(layer)));
    rows("mlp_output", &mlp, "C", at(HookPoint::MlpOutput(layer)));
    rows("stream", &mlp, "C", at(HookPoint::Stream(layer + 1)));
    rows("normed", "norm", "C", normed);
    found.floats("probabilities", &block, &[("H", heads), ("T", time), ("T", time)], probabilities);
    let logits = logits.into_iter().next().unwrap_or_default();
    found.detail(subject.outputs_of(largest(&logits.data, NEXT)));
    found.detail(Detail::Formulas { formulas: formulas::of(subject.lens.config(), layer) });
    found.floats("logits", "head", &[("V", logits.data.len())], logits.data);
    Ok(found)
}
