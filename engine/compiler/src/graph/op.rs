//! The operations. Shapes use the legend's letters (`shaders/README.md`): B batch, T time, C channels, H heads,
//! K kv-heads, D head size, F hidden, V vocabulary; N stands for any number of rows (all leading dimensions together),
//! W = (H + 2K)·D for the packed projection of queries, keys and values (in that order along a row).
//!
//! Inputs in round brackets are there only when the op's flag says so. Outputs marked `+=` are gradients of parameters,
//! to which the op adds.

use glasshouse_protocol::{Activation, Gate, NormKind};

/// Sizes of attention over a packed row [H·D queries | K·D keys | K·D values].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heads {
    /// H.
    pub heads: usize,
    /// K; query head h reads key and value head h / (H / K).
    pub kv_heads: usize,
    /// D.
    pub head_size: usize,
}

impl Heads {
    /// W, the packed row's columns.
    pub fn packed(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_size
    }

    /// H·D, columns of the attention's result.
    pub fn width(&self) -> usize {
        self.heads * self.head_size
    }
}

/// A place where entries are dropped in training, as [`crate::graph::random`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSite {
    /// Share that is dropped; the rest is scaled by 1 / (1 − rate).
    pub rate: f32,
    /// Number of the place, unique in its graph.
    pub site: u32,
}

/// Formula and constant of a norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormForm {
    /// LayerNorm or RMSNorm.
    pub kind: NormKind,
    /// Added to the variance or mean square.
    pub eps: f32,
}

/// What an MLP does between its two linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonlinearity {
    /// As [`Op::Activation`].
    Activation(Activation),
    /// As [`Op::Gate`], on twice the columns.
    Gate(Gate),
}

impl Nonlinearity {
    /// The operation by itself.
    pub fn op(self) -> Op {
        match self {
            Self::Activation(kind) => Op::Activation(kind),
            Self::Gate(kind) => Op::Gate(kind),
        }
    }

    /// Its gradient by itself.
    pub fn backward(self) -> Op {
        match self {
            Self::Activation(kind) => Op::ActivationBackward(kind),
            Self::Gate(kind) => Op::GateBackward(kind),
        }
    }

    /// Columns of its input to one of its output.
    pub fn columns(self) -> usize {
        match self {
            Self::Activation(_) => 1,
            Self::Gate(_) => 2,
        }
    }
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// y[b,t,:] = table[tokens[b,t],:] + positions[start + t,:].
    /// Inputs: tokens u32[B,T], table [V,C], (positions [P,C], P ≥ T), (cursor u32[2], whose first entry is `start`; else 0).
    /// Output: [B,T,C].
    Embedding {
        /// A position table is added.
        positions: bool,
        /// The cursor is given.
        cursor: bool,
    },
    /// Layer: y = (x − μ)·ρ·w (+ b), ρ = 1/√(var + eps); Rms: y = x·ρ·w, ρ = 1/√(mean x² + eps).
    /// Inputs: x [..,C], w [C], (b [C]). Outputs: y [..,C], statistics [N,2] = (μ, ρ), with μ = 0 for Rms.
    Norm {
        /// Formula.
        form: NormForm,
        /// b is given.
        bias: bool,
    },
    /// y = x·wᵀ (+ b) (+ r). Inputs: x [..,I], w [O,I], (b [O]), (r [..,O]). Output: y [..,O].
    Linear {
        /// b is given.
        bias: bool,
        /// r, the residual stream, is given.
        residual: bool,
    },
    /// [`Op::Linear`] without residual, then [`Op::Activation`] or [`Op::Gate`]. Inputs: x [..,I], w [O,I], (b [O]).
    /// Outputs: y [..,O] or, behind a gate, [..,O/2], and z [..,O], what the linear layer alone would give.
    LinearActivation {
        /// b is given.
        bias: bool,
        /// What follows.
        kind: Nonlinearity,
    },
    /// [`Op::Linear`] without residual, then [`Op::Rope`] from position 0. Inputs: x [B,T,I], w [W,I], (b [W]), table [P,D].
    /// Output: [B,T,W].
    LinearRope {
        /// b is given.
        bias: bool,
        /// Sizes.
        heads: Heads,
    },
    /// RMSNorm of each query and key head by itself; values pass. Inputs: qkv [..,W], wq [D], wk [D].
    /// Outputs: [..,W], reciprocal roots [N,H+K].
    HeadNorm {
        /// Sizes.
        heads: Heads,
        /// Added to the mean square.
        eps: f32,
    },
    /// Rotates queries and keys, halves paired: for i < D/2, (x[i], x[i+D/2]) turns by the angle of (start + t, i); values pass.
    /// `inverse` turns back, which is the gradient. Inputs: qkv [B,T,W], table [P,D] (cos then sin, P ≥ T), (cursor u32[2]).
    /// Output: [B,T,W].
    Rope {
        /// Sizes.
        heads: Heads,
        /// Turn by the negative angle.
        inverse: bool,
        /// The cursor is given.
        cursor: bool,
    },
    /// Causal softmax(q·kᵀ/√D)·v for each head, with dropout on the probabilities at element ((b·H + h)·T + query)·T + key.
    /// Input: qkv [B,T,W]. Outputs: y [B,T,H·D], lse [B,H,T] (natural log of Σ exp of the scaled scores).
    Attention {
        /// Sizes.
        heads: Heads,
        /// Dropout on the probabilities.
        dropout: Option<DropoutSite>,
    },
    /// Writes the chunk's keys and values into the caches at cursor.start.., then attends to everything up to each query.
    /// Rows at or past cursor.length write nothing and their result is unspecified.
    /// Inputs: qkv [1,T,W], keys [K,P,D], values [K,P,D] (both caches), cursor u32[2]. Output: y [1,T,H·D].
    CachedAttention {
        /// Sizes.
        heads: Heads,
    },
    /// The chunk's last real row. Inputs: x [1,T,C], cursor u32[2]. Output: [1,1,C] = x[0, cursor.length − 1, :].
    LastRow,
    /// Input: x. Output: y of the same shape, entry by entry.
    Activation(Activation),
    /// y = g(x[.., ..F])·x[.., F..], with g = SiLU (SwiGLU) or tanh-GELU (GeGLU). Input: x [..,2F]. Output: [..,F].
    Gate(Gate),
    /// y = x·mask/(1 − rate) (+ r), element = index in x. Inputs: x, (r of the same shape). Output: same shape.
    /// Without r it is its own gradient.
    Dropout {
        /// Rate and place.
        site: DropoutSite,
        /// r is given.
        residual: bool,
    },
    /// y = a + b. Inputs: two of one shape. Output: the same.
    Add,
    /// Softmax and cross-entropy with label smoothing s: row loss = (1 − s)·(lse − x[target]) + s·(lse − mean x); rows whose
    /// target is `ignore_index` are left out. Inputs: logits [..,V], targets u32[..]. Outputs: loss [2] = (mean over the rows
    /// that count, number of them; 0 if none), rows [N,2] = (lse, row loss or 0).
    CrossEntropy {
        /// s in [0, 1).
        label_smoothing: f32,
        /// Target that does not count.
        ignore_index: Option<u32>,
    },
    /// [`Op::Linear`] of x and the head's weight, then [`Op::CrossEntropy`], `chunk` rows at a time, so that of the logits no more
    /// than a chunk exists (the idea is Liger Kernel's, Hsu et al. 2024). Inputs: x [..,C], w [V,C], targets u32[..].
    /// Outputs: loss [2], rows [N,2], the last chunk's logits [chunk,V], which are nobody's to read.
    LinearCrossEntropy {
        /// s in [0, 1).
        label_smoothing: f32,
        /// Target that does not count.
        ignore_index: Option<u32>,
        /// Rows at a time, a multiple of 64 unless they are all.
        chunk: usize,
    },

    /// dx[row, j] = scale/count·(softmax(x)[j] − (1 − s)·[j = target] − s/V), 0 for ignored rows.
    /// Inputs: logits, targets, rows [N,2], loss [2] (for the count). Output: like logits.
    CrossEntropyBackward {
        /// s of the forward op.
        label_smoothing: f32,
        /// Of the forward op.
        ignore_index: Option<u32>,
        /// 1 / number of micro-batches.
        scale: f32,
    },
    /// The gradient of [`Op::LinearCrossEntropy`] chunk by chunk, the logits computed once more: dx = dlogits·w, and
    /// dw += dlogitsᵀ·x where `weight` says so. Inputs: x [..,C], w [V,C], targets, rows [N,2], loss [2].
    /// Outputs: dx [..,C], a chunk of logits and one of their gradients [chunk,V], which are nobody's to read; (+= [V,C]).
    LinearCrossEntropyBackward {
        /// s of the forward op.
        label_smoothing: f32,
        /// Of the forward op.
        ignore_index: Option<u32>,
        /// 1 / number of micro-batches.
        scale: f32,
        /// Of the forward op.
        chunk: usize,
        /// w's gradient is wanted.
        weight: bool,
    },
    /// dx = dy·w (+ r). Inputs: dy [..,O], w [O,I], (r [..,I], what else flows into x). Output: [..,I].
    LinearInputBackward {
        /// r is given.
        residual: bool,
    },
    /// [`Op::LinearInputBackward`], then [`Op::ActivationBackward`] or [`Op::GateBackward`]: the gradient of x where
    /// y = f(x)·wᵀ. Inputs: dy [..,O], w [O,I], x [..,I] or, before a gate, [..,2I]. Output: dx like x.
    LinearInputActivationBackward(Nonlinearity),
    /// dw += dyᵀ·x. Inputs: dy [..,O], x [..,I]. Output += [O,I].
    LinearWeightBackward,
    /// db += Σ over rows of dy; the gradient of a bias [O], and of a position table's first rows (dy [B,T,C] → [P,C]).
    /// Inputs: dy. Output += a gradient whose count, or whose first `dy.count / groups` entries, one row of dy fills, where
    /// dy is read as [groups, dy.count / groups].
    SumRows {
        /// Rows that are summed.
        groups: usize,
    },
    /// Inputs: x [..,C], w [C], statistics [N,2], dy [..,C], (r [..,C], what else flows into x). Output: dx (+ r).
    NormBackward {
        /// Of the forward op.
        form: NormForm,
        /// r is given.
        residual: bool,
    },
    /// dw += Σ dy·x̂ (db += Σ dy), x̂ = (x − μ)·ρ. Inputs: x [..,C], statistics [N,2], dy [..,C]. Outputs += [C], (+= [C]).
    NormWeightBackward {
        /// b's gradient is wanted too.
        bias: bool,
    },
    /// Inputs: qkv [..,W], wq [D], wk [D], reciprocal roots [N,H+K], dy [..,W]. Output: [..,W].
    HeadNormBackward {
        /// Sizes.
        heads: Heads,
    },
    /// Inputs: qkv [..,W], reciprocal roots [N,H+K], dy [..,W]. Outputs += wq's [D], += wk's [D].
    HeadNormWeightBackward {
        /// Sizes.
        heads: Heads,
    },
    /// delta[b,h,t] = Σ_d dy[b,t,h,d]·y[b,t,h,d] (Dao 2023, FlashAttention-2, line 4 of the backward pass).
    /// Inputs: y [B,T,H·D], dy. Output: [B,H,T].
    AttentionDelta {
        /// Sizes.
        heads: Heads,
    },
    /// The probabilities are recomputed from q, k and lse. Inputs: qkv [B,T,W], lse [B,H,T], delta [B,H,T], dy [B,T,H·D].
    /// Output: dqkv [B,T,W].
    AttentionBackward {
        /// Sizes.
        heads: Heads,
        /// Of the forward op.
        dropout: Option<DropoutSite>,
    },
    /// Inputs: x, dy. Output: dx.
    ActivationBackward(Activation),
    /// Inputs: x [..,2F], dy [..,F]. Output: dx [..,2F].
    GateBackward(Gate),
    /// dtable[v,:] += Σ dy over the positions that hold v. Inputs: dy [B,T,C], tokens u32[B,T], order u32[2,B·T]
    /// ([`crate::graph::Input::TokenOrder`]). Output += [V,C].
    EmbeddingBackward,
}

impl Op {
    /// Name, as in error messages and profiles.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedding { .. } => "embedding",
            Self::Norm { .. } => "norm",
            Self::Linear { .. } => "linear",
            Self::LinearActivation { .. } => "linear_activation",
            Self::LinearRope { .. } => "linear_rope",
            Self::HeadNorm { .. } => "head_norm",
            Self::Rope { .. } => "rope",
            Self::Attention { .. } => "attention",
            Self::CachedAttention { .. } => "cached_attention",
            Self::LastRow => "last_row",
            Self::Activation(_) => "activation",
            Self::Gate(_) => "gate",
            Self::Dropout { .. } => "dropout",
            Self::Add => "add",
            Self::CrossEntropy { .. } => "cross_entropy",
            Self::CrossEntropyBackward { .. } => "cross_entropy_backward",
            Self::LinearCrossEntropy { .. } => "linear_cross_entropy",
            Self::LinearCrossEntropyBackward { .. } => "linear_cross_entropy_backward",
            Self::LinearInputBackward { .. } => "linear_input_backward",
            Self::LinearInputActivationBackward(_) => "linear_input_activation_backward",
            Self::LinearWeightBackward => "linear_weight_backward",
            Self::SumRows { .. } => "sum_rows",
            Self::NormBackward { .. } => "norm_backward",
            Self::NormWeightBackward { .. } => "norm_weight_backward",
            Self::HeadNormBackward { .. } => "head_norm_backward",
            Self::HeadNormWeightBackward { .. } => "head_norm_weight_backward",
            Self::AttentionDelta { .. } => "attention_delta",
            Self::AttentionBackward { .. } => "attention_backward",
            Self::ActivationBackward(_) => "activation_backward",
            Self::GateBackward(_) => "gate_backward",
            Self::EmbeddingBackward => "embedding_backward",
        }
    }
}
