//! Attention over a window.

use super::interpret::{Express, In, Out, Run};
use super::log_sum_exp;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor, TensorData};
use glasshouse_compiler::graph::ops::{Attention, AttentionOutputs};
use glasshouse_compiler::graph::{DropoutSite, Heads, Node};
use glasshouse_platform::Result;

/// Stands for −∞ in masked scores: far below any score, but finite, so that gradients have no 0·∞.
const MASKED: f64 = -1e30;

impl Express for Attention {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (heads, time) = (self.heads, run.graph.ty(inputs.qkv).shape[1]);
        let qkv = run.floats(inputs.qkv)?;
        let batch = qkv.dims()[0] / time;
        // [B,T,count·D] → [B,count,T,D].
        let split = |number: usize, count: usize| {
            let x = part(&qkv, heads, number);
            x.reshape([batch, time, count, heads.head_size]).swap_dims(1, 2)
        };
        let query = split(0, heads.heads);
        let key = repeat_heads(split(1, heads.kv_heads), heads);
        let value = repeat_heads(split(2, heads.kv_heads), heads);
        let mut hidden = hidden(run, [time, time], 0, self.window).unsqueeze::<4>();
        if let Some(starts) = inputs.starts {
            let starts = run.ids(starts)?;
            hidden = hidden.expand([batch, 1, time, time]).bool_or(before(run, &starts, time));
        }
        let (y, lse) = attend(run, (query, key, value), hidden, [self.scale, self.softcap], self.dropout);
        let y = y.swap_dims(1, 2).reshape([batch * time, heads.width()]);
        Ok(AttentionOutputs { y, lse: lse.reshape([batch * heads.heads, time]) })
    }
}

/// Mask of what query t, at position start + t, does not see: later positions, and those before its sliding window. [T,S].
pub(super) fn hidden(
    run: &Run<'_>,
    shape: [usize; 2],
    start: usize,
    window: Option<usize>,
) -> Tensor<2, Bool> {
    let device = run.device.burn();
    let future = Tensor::<2, Bool>::tril_mask(shape, start as i64, device);
    match window {
        Some(window) => {
            let past = Tensor::<2, Bool>::triu_mask(shape, start as i64 + 1 - window as i64, device);
            future.bool_or(past)
        }
        None => future,
    }
}

/// Mask of positions before a query's document, whose first position is in `starts` [B·T]. [B,1,T,T].
fn before(run: &Run<'_>, starts: &[u32], time: usize) -> Tensor<4, Bool> {
    let entry = |start: &u32| {
        let start = *start as usize;
        (0..time).map(move |key| if key < start { 1.0f32 } else { 0.0 })
    };
    let entries: Vec<f32> = starts.iter().flat_map(entry).collect();
    let shape = [starts.len() / time.max(1), 1, time, time];
    run.device.tensor::<4>(TensorData::new(entries, shape)).greater_elem(0.5)
}

/// softmax(s·q·kᵀ)·v, by default with s = 1/√D, perhaps with a soft cap on the scores, with the mask `hidden`, [1,1,T,S] or [B,1,T,S]:
/// q [B,H,T,D], k and v [B,H,S,D] → y [B,H,T,D], log Σ exp of the scores [B,H,T,1].
pub(super) fn attend(
    run: &Run<'_>,
    (query, key, value): (Tensor<4>, Tensor<4>, Tensor<4>),
    hidden: Tensor<4, Bool>,
    [scale, softcap]: [Option<f32>; 2],
    dropout: Option<DropoutSite>,
) -> (Tensor<4>, Tensor<4>) {
    let scale = scale.map_or_else(|| 1.0 / (query.dims()[3] as f64).sqrt(), f64::from);
    let mut scores = query.matmul(key.swap_dims(2, 3)) * scale;
    if let Some(cap) = softcap {
        scores = (scores / cap).tanh() * cap;
    }
    let hidden = hidden.expand(scores.dims());
    let scores = scores.mask_fill(hidden, MASKED);
    let lse = log_sum_exp(scores.clone().detach(), 3);
    let mut probabilities = softmax(scores, 3);
    if let Some(site) = dropout {
        probabilities = run.drop_entries(probabilities, site);
    }
    (probabilities.matmul(value), lse)
}

/// Queries (0), keys (1) or values (2) of packed rows [N,W].
pub(super) fn part(qkv: &Tensor<2>, heads: Heads, number: usize) -> Tensor<2> {
    let (queries, keys) = (heads.width(), heads.kv_heads * heads.head_size);
    let (start, columns) = [(0, queries), (queries, keys), (queries + keys, keys)][number];
    qkv.clone().narrow(1, start, columns)
}

/// Repeats key and value heads for the query heads that read them: [B,K,T,D] → [B,H,T,D].
pub(super) fn repeat_heads(x: Tensor<4>, heads: Heads) -> Tensor<4> {
    let [batch, kv_heads, time, size] = x.dims();
    if kv_heads == heads.heads {
        return x;
    }
    let group = heads.heads / kv_heads;
    x.unsqueeze_dim::<5>(2).expand([batch, kv_heads, group, time, size]).reshape([
        batch,
        heads.heads,
        time,
        size,
    ])
}
