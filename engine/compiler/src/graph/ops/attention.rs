//! Causal and sliding-window attention.

use super::{
    Cost, Done, DropoutSite, Given, In, Named, Nothing, Operation, Out, declare, f16_rules, operands,
};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, are_starts, batched, expect};

/// Sizes of attention over a packed row [H·D queries | K·D keys | K·D values].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heads {
    /// H, query heads.
    pub heads: usize,
    /// K, key and value heads; query head h reads key and value head h / (H / K).
    pub kv_heads: usize,
    /// D.
    pub head_size: usize,
}

impl Heads {
    /// W = (H + 2K)·D, columns of the packed row.
    pub fn packed(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_size
    }

    /// H·D, columns of the output.
    pub fn width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Number and size of the groups that a norm takes together, of the queries and of the keys: heads, or all of each.
    pub fn normed(&self, whole: bool) -> [[usize; 2]; 2] {
        let size = self.head_size;
        [self.heads, self.kv_heads].map(|count| if whole { [1, count * size] } else { [count, size] })
    }

    /// The factor on q·k: `scale`, or 1/√D.
    pub fn factor(&self, scale: Option<f32>) -> f32 {
        scale.unwrap_or_else(|| (1.0 / (self.head_size as f64).sqrt()) as f32)
    }

    /// FLOPs of one product over all visible query-key pairs: 2·B·H·D·(T(T + 1)/2 − (T − S)(T − S + 1)/2) for a sliding window
    /// of S < T. An upper bound if rows hold several documents, whose lengths are not known here.
    fn product_flops(&self, qkv: &Type, window: Option<usize>) -> f64 {
        let (batch, time) = (qkv.shape[0] as f64, qkv.shape[1] as f64);
        let hidden = window.map_or(0.0, |window| (time - window as f64).max(0.0));
        2.0 * batch * self.width() as f64 * (time * (time + 1.0) - hidden * (hidden + 1.0)) / 2.0
    }
}

/// Causal softmax(s·q·kᵀ)·v for each head, with dropout on the probabilities at element ((b·H + h)·T + query)·T + key. With a soft
/// cap c, scores become c·tanh(score / c) before the mask. With a sliding window of S positions, query t sees keys t − S + 1 ..= t.
/// With documents, a row holds several in sequence, and query t of row b sees no key before starts[b,t], the first position of
/// its document; starts[b,t] ≤ t and never decreases along a row. Positions count along the row, not per document; rotary
/// embeddings depend on differences only, so each document is encoded as if it were alone. Inputs: qkv [B,T,W], (starts u32[B,T],
/// [`crate::graph::Input::Starts`]). Outputs: y [B,T,H·D], lse [B,H,T] (natural log of Σ exp of the scaled and capped scores).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attention {
    pub heads: Heads,
    /// s; `None` means 1/√D.
    pub scale: Option<f32>,
    /// c.
    pub softcap: Option<f32>,
    /// Dropout on the probabilities.
    pub dropout: Option<DropoutSite>,
    /// S, at least 1: number of positions that a query sees, including its own.
    pub window: Option<usize>,
    pub documents: bool,
}

operands! {
    AttentionInputs of Attention { qkv, starts: if documents }
    AttentionOutputs of Attention { y, lse }
}

impl Operation for Attention {
    declare!(
        "attention",
        "y = softmax(q·kᵀ / √D + mask)·v, for each head",
        AttentionInputs -> AttentionOutputs
    );

    fn formula(&self) -> &'static str {
        match (self.scale, self.softcap) {
            (None, None) => Self::FORMULA,
            (Some(_), None) => "y = softmax(s·q·kᵀ + mask)·v, for each head",
            (_, Some(_)) => "y = softmax(c·tanh(s·q·kᵀ / c) + mask)·v, for each head",
        }
    }

    fn types(&self, inputs: Given<'_, Self>, _: Nothing) -> Rule<AttentionOutputs<Type>> {
        let AttentionInputs { qkv, starts } = inputs;
        let heads = self.heads;
        batched(qkv, heads.packed())?;
        starts.map_or(Ok(()), |starts| are_starts(starts, qkv))?;
        expect(self.window != Some(0), || "an empty sliding window".to_owned())?;
        let (batch, time) = (qkv.shape[0], qkv.shape[1]);
        // Masks are drawn by 32-bit numbers, and would repeat.
        let count = [heads.heads, time, time]
            .iter()
            .fold(batch as u64, |count, size| count.saturating_mul(*size as u64));
        expect(self.dropout.is_none() || count <= 1 << 32, || {
            format!(
                "dropout supports at most 2³² attention probabilities in a batch (got {count}); lower train.batch_size and raise \
                 train.accumulate, or set model.dropout.attention to 0"
            )
        })?;
        let y = Type::f32(&[batch, time, heads.width()]);
        Ok(AttentionOutputs { y, lse: Type::f32(&[batch, heads.heads, time]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let AttentionInputs { qkv: x, starts } = inputs;
        let AttentionOutputs { y, lse } = outputs;
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let (qkv, y, lse) = (pass.read(x)?, pass.read(y)?, pass.read(lse)?);
        let inputs = AttentionBackwardInputs { qkv, lse, y, dy, starts };
        let back = AttentionBackward { forward: *self, documents: self.documents };
        let Dqkv { dqkv } = pass.graph.add(back, inputs)?;
        pass.flow(x, dqkv)
    }

    f16_rules!(together: inputs.qkv, outputs.y);

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::forward(2.0 * self.heads.product_flops(inputs.qkv, self.window))
    }
}

/// Recomputes the probabilities from q, k and lse, and δ[t] = Σ dy[t]·y[t] for each head (Dao 2023, FlashAttention-2, line 4 of the backward
/// pass). With a soft cap, ds is multiplied by its slope, 1 − (score / c)². Key j is seen by the queries t ≥ j with starts[b,t] ≤ j.
/// Inputs: qkv [B,T,W], lse [B,H,T], y [B,T,H·D], dy [B,T,H·D], (starts u32[B,T]). Output: dqkv [B,T,W].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionBackward {
    pub forward: Attention,
    /// As in `forward`.
    pub documents: bool,
}

operands! {
    AttentionBackwardInputs of AttentionBackward { qkv, lse, y, dy, starts: if documents }
    Dqkv of AttentionBackward { dqkv }
}

impl Operation for AttentionBackward {
    declare!(
        "attention_backward",
        "dv = pᵀ·dy; ds = p ⊙ (dy·vᵀ − Σ dy·y); dq = ds·k / √D; dk = dsᵀ·q / √D",
        AttentionBackwardInputs -> Dqkv
    );

    fn types(&self, inputs: AttentionBackwardInputs<&Type>, _: Nothing) -> Rule<Dqkv<Type>> {
        let (heads, AttentionBackwardInputs { qkv, lse, y, dy, starts }) = (self.forward.heads, inputs);
        batched(qkv, heads.packed())?;
        starts.map_or(Ok(()), |starts| are_starts(starts, qkv))?;
        let rows = Type::f32(&[qkv.shape[0], heads.heads, qkv.shape[1]]);
        alike("lse", lse, &rows)?;
        alike("output", y, &Type::f32(&[qkv.shape[0], qkv.shape[1], heads.width()]))?;
        alike("output gradient", dy, y)?;
        Ok(Dqkv { dqkv: qkv.clone() })
    }

    f16_rules!(together: inputs.qkv, inputs.y, inputs.dy, outputs.dqkv);

    /// Seven products: scores, dV, dP, dQ and dK, with P and dP computed twice, by the kernel over queries and the kernel over keys.
    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::backward(7.0 * self.forward.heads.product_flops(inputs.qkv, self.forward.window))
    }
}
