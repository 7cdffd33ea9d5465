//! Each forward operation as a plain burn expression, after its formula in [`crate::graph::Op`].

use super::Device;
use crate::graph::{DropoutSite, Heads, Nonlinearity, NormForm, random};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Bool, Tensor, TensorData};
use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use glasshouse_protocol::{Activation, Gate, NormKind};

/// Stands for −∞ in masked scores: far below any score, and finite so that no gradient meets 0·∞.
const MASKED: f64 = -1e30;

/// What expressions need beside their inputs.
pub(super) struct Expression<'run> {
    pub(super) device: &'run Device,
    pub(super) seed: [u32; 2],
}

/// A layer's keys and values, [K·P, D] each.
pub(super) struct Caches {
    pub(super) keys: Tensor<2>,
    pub(super) values: Tensor<2>,
}

impl Expression<'_> {
    /// tokens B·T ids, table [V,C], positions [P,C] → [B·T,C].
    pub(super) fn embedding(
        &self,
        tokens: &[u32],
        table: Tensor<2>,
        positions: Option<Tensor<2>>,
        start: usize,
        time: usize,
    ) -> Tensor<2> {
        let (batch, [_, width]) = (tokens.len() / time, table.dims());
        let y = table.select(0, self.device.indices(tokens));
        let Some(positions) = positions else { return y };
        let window = positions.narrow(0, start, time).unsqueeze::<3>();
        (y.reshape([batch, time, width]) + window).reshape([batch * time, width])
    }

    /// x [N,C], weight and bias [1,C] → y [N,C], statistics [N,2].
    pub(super) fn norm(
        &self,
        x: Tensor<2>,
        weight: Tensor<2>,
        bias: Option<Tensor<2>>,
        form: NormForm,
    ) -> (Tensor<2>, Tensor<2>) {
        let mean = match form.kind {
            NormKind::Layer => x.clone().mean_dim(1),
            NormKind::Rms => x.clone().narrow(1, 0, 1).zeros_like(),
        };
        let centred = match form.kind {
            NormKind::Layer => x - mean.clone(),
            NormKind::Rms => x,
        };
        let root = reciprocal_root(centred.clone(), form.eps);
        let y = plus(centred * root.clone() * weight, bias);
        (y, Tensor::cat(vec![mean, root], 1))
    }

    /// x [N,I], weight [O,I], bias [1,O], residual [N,O] → [N,O].
    pub(super) fn linear(
        &self,
        x: Tensor<2>,
        weight: Tensor<2>,
        bias: Option<Tensor<2>>,
        residual: Option<Tensor<2>>,
    ) -> Tensor<2> {
        plus(plus(x.matmul(weight.transpose()), bias), residual)
    }

    /// qkv [N,W], query and key scales [1,D] → [N,W], reciprocal roots [N,H+K].
    pub(super) fn head_norm(
        &self,
        qkv: &Tensor<2>,
        query: Tensor<2>,
        key: Tensor<2>,
        heads: Heads,
        eps: f32,
    ) -> (Tensor<2>, Tensor<2>) {
        let (mut parts, mut roots) = (Vec::new(), Vec::new());
        for (part, scale, count) in [(0, query, heads.heads), (1, key, heads.kv_heads)] {
            let x = self.part(qkv, heads, part);
            let rows = x.dims()[0];
            // Every head is a row of its own here.
            let x = x.reshape([rows * count, heads.head_size]);
            let root = reciprocal_root(x.clone(), eps);
            parts.push((x * root.clone() * scale).reshape([rows, count * heads.head_size]));
            roots.push(root.reshape([rows, count]));
        }
        parts.push(self.part(qkv, heads, 2));
        (Tensor::cat(parts, 1), Tensor::cat(roots, 1))
    }

    /// qkv [B·T,W], table [P,D] of cosines then sines → [B·T,W].
    pub(super) fn rope(
        &self,
        qkv: &Tensor<2>,
        table: Tensor<2>,
        heads: Heads,
        time: usize,
        start: usize,
        inverse: bool,
    ) -> Tensor<2> {
        let half = heads.head_size / 2;
        let batch = qkv.dims()[0] / time;
        let angles = table.narrow(0, start, time);
        let cosine = angles.clone().narrow(1, 0, half).reshape([1, time, 1, half]);
        let sine = angles.narrow(1, half, half).reshape([1, time, 1, half]);
        let sine = if inverse { -sine } else { sine };
        let turn = |part: usize, count: usize| {
            let x = self.part(qkv, heads, part).reshape([batch, time, count, heads.head_size]);
            let (low, high) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
            let turned_low = low.clone() * cosine.clone() - high.clone() * sine.clone();
            let turned_high = high * cosine.clone() + low * sine.clone();
            Tensor::cat(vec![turned_low, turned_high], 3).reshape([batch * time, count * heads.head_size])
        };
        let turned = vec![turn(0, heads.heads), turn(1, heads.kv_heads), self.part(qkv, heads, 2)];
        Tensor::cat(turned, 1)
    }

    /// qkv [B·T,W] → y [B·T,H·D], lse [B·H,T].
    pub(super) fn attention(
        &self,
        qkv: &Tensor<2>,
        heads: Heads,
        time: usize,
        dropout: Option<DropoutSite>,
    ) -> (Tensor<2>, Tensor<2>) {
        let batch = qkv.dims()[0] / time;
        // [B,T,count·D] → [B,count,T,D].
        let split = |part: usize, count: usize| {
            let x = self.part(qkv, heads, part);
            x.reshape([batch, time, count, heads.head_size]).swap_dims(1, 2)
        };
        let query = split(0, heads.heads);
        let key = repeat_heads(split(1, heads.kv_heads), heads);
        let value = repeat_heads(split(2, heads.kv_heads), heads);
        let future = Tensor::<2, Bool>::tril_mask([time, time], 0, self.device.burn());
        let (y, lse) = self.attend(query, key, value, future, dropout);
        (y.swap_dims(1, 2).reshape([batch * time, heads.width()]), lse.reshape([batch * heads.heads, time]))
    }

    /// qkv [T,W] with caches [K·P,D] → y [T,H·D] and the caches with the chunk's `length` rows written from `start`.
    pub(super) fn cached_attention(
        &self,
        qkv: &Tensor<2>,
        caches: Caches,
        heads: Heads,
        start: usize,
        length: usize,
    ) -> (Tensor<2>, Caches) {
        let (time, size, kv_heads) = (qkv.dims()[0], heads.head_size, heads.kv_heads);
        let positions = caches.keys.dims()[0] / kv_heads;
        let split = |part: usize, count: usize| {
            self.part(qkv, heads, part).reshape([time, count, size]).swap_dims(0, 1)
        };
        let write = |cache: Tensor<2>, part: usize| {
            let cache = cache.reshape([kv_heads, positions, size]);
            let rows = split(part, kv_heads).narrow(1, 0, length);
            cache.slice_assign([0..kv_heads, start..start + length, 0..size], rows)
        };
        let (keys, values) = (write(caches.keys, 1), write(caches.values, 2));
        // Row t of the chunk sees positions up to start + t.
        let future = Tensor::<2, Bool>::tril_mask([time, positions], start as i64, self.device.burn());
        let (y, _) = self.attend(
            split(0, heads.heads).unsqueeze(),
            repeat_heads(keys.clone().unsqueeze(), heads),
            repeat_heads(values.clone().unsqueeze(), heads),
            future,
            None,
        );
        let flat = |cache: Tensor<3>| cache.reshape([kv_heads * positions, size]);
        (y.swap_dims(1, 2).reshape([time, heads.width()]), Caches { keys: flat(keys), values: flat(values) })
    }

    /// softmax(q·kᵀ/√D)·v where `hidden` [T,S] tells what a query does not see: q [B,H,T,D], k and v [B,H,S,D] → y [B,H,T,D],
    /// log Σ exp of the scores [B,H,T,1].
    fn attend(
        &self,
        query: Tensor<4>,
        key: Tensor<4>,
        value: Tensor<4>,
        hidden: Tensor<2, Bool>,
        dropout: Option<DropoutSite>,
    ) -> (Tensor<4>, Tensor<4>) {
        let root = (query.dims()[3] as f64).sqrt();
        let scores = query.matmul(key.swap_dims(2, 3)) / root;
        let hidden = hidden.unsqueeze::<4>().expand(scores.dims());
        let scores = scores.mask_fill(hidden, MASKED);
        let lse = log_sum_exp(scores.clone().detach(), 3);
        let mut probabilities = softmax(scores, 3);
        if let Some(site) = dropout {
            probabilities = self.drop_entries(probabilities, site);
        }
        (probabilities.matmul(value), lse)
    }

    /// An activation or a gate.
    pub(super) fn nonlinearity(&self, x: Tensor<2>, kind: Nonlinearity) -> Tensor<2> {
        match kind {
            Nonlinearity::Activation(kind) => self.activation(x, kind),
            Nonlinearity::Gate(kind) => self.gate(x, kind),
        }
    }

    /// Entry by entry.
    pub(super) fn activation(&self, x: Tensor<2>, kind: Activation) -> Tensor<2> {
        match kind {
            Activation::GeluExact => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
            Activation::GeluTanh => gelu_tanh(x),
            Activation::Relu => burn::tensor::activation::relu(x),
            Activation::ReluSquared => {
                let positive = burn::tensor::activation::relu(x);
                positive.clone() * positive
            }
            Activation::Silu => x.clone() * sigmoid(x),
        }
    }

    /// x [N,2F] → [N,F].
    pub(super) fn gate(&self, x: Tensor<2>, gate: Gate) -> Tensor<2> {
        let hidden = x.dims()[1] / 2;
        let (opened, passed) = (x.clone().narrow(1, 0, hidden), x.narrow(1, hidden, hidden));
        let opened = match gate {
            Gate::Geglu => gelu_tanh(opened),
            Gate::Swiglu => opened.clone() * sigmoid(opened),
            Gate::None => opened,
        };
        opened * passed
    }

    /// x and residual of one shape.
    pub(super) fn dropout(&self, x: Tensor<2>, residual: Option<Tensor<2>>, site: DropoutSite) -> Tensor<2> {
        plus(self.drop_entries(x, site), residual)
    }

    /// x·mask/(1 − rate), elements numbered in row-major order.
    fn drop_entries<const D: usize>(&self, x: Tensor<D>, site: DropoutSite) -> Tensor<D> {
        let (threshold, kept) = (random::threshold(site.rate), 1.0 / (1.0 - site.rate));
        let factors: Vec<f32> = (0..x.shape().num_elements() as u32)
            .map(|at| if random::bits(self.seed, site.site, at) < threshold { 0.0 } else { kept })
            .collect();
        let factors = self.device.tensor(TensorData::new(factors, x.shape()));
        x * factors
    }

    /// logits [N,V], N targets, whether each counts → loss [1,2], rows [N,2].
    pub(super) fn cross_entropy(
        &self,
        logits: Tensor<2>,
        targets: &[u32],
        counted: &[bool],
        smoothing: f32,
    ) -> (Tensor<2>, Tensor<2>) {
        let rows = targets.len();
        let count = counted.iter().filter(|counts| **counts).count();
        let column = |numbers: Vec<f32>| self.device.tensor::<2>(TensorData::new(numbers, [rows, 1]));
        let weights = column(counted.iter().map(|counts| f32::from(u8::from(*counts))).collect());
        let indices = self.device.indices(targets).reshape([rows, 1]);
        let lse = log_sum_exp(logits.clone(), 1);
        let hit = lse.clone() - logits.clone().gather(1, indices);
        let each = if smoothing > 0.0 {
            let spread = lse.clone() - logits.mean_dim(1);
            hit * (1.0 - f64::from(smoothing)) + spread * f64::from(smoothing)
        } else {
            hit
        };
        let each = each * weights;
        let mean = each.clone().sum().reshape([1, 1]) / count.max(1) as f64;
        let number = self.device.tensor(TensorData::new(vec![count as f32], [1, 1]));
        (Tensor::cat(vec![mean, number], 1), Tensor::cat(vec![lse, each], 1))
    }

    /// Queries (0), keys (1) or values (2) of packed rows [N,W].
    fn part(&self, qkv: &Tensor<2>, heads: Heads, part: usize) -> Tensor<2> {
        let (queries, keys) = (heads.width(), heads.kv_heads * heads.head_size);
        let (start, columns) = [(0, queries), (queries, keys), (queries + keys, keys)][part];
        qkv.clone().narrow(1, start, columns)
    }
}

/// 1/√(mean over columns of x² + eps), [N,1].
fn reciprocal_root(x: Tensor<2>, eps: f32) -> Tensor<2> {
    ((x.clone() * x).mean_dim(1) + f64::from(eps)).sqrt().recip()
}

/// x (+ term).
fn plus(x: Tensor<2>, term: Option<Tensor<2>>) -> Tensor<2> {
    match term {
        Some(term) => x + term,
        None => x,
    }
}

/// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
fn gelu_tanh(x: Tensor<2>) -> Tensor<2> {
    let inner = (x.clone() * x.clone() * x.clone() * 0.044715 + x.clone()) * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
    x * (inner.tanh() + 1.0) * 0.5
}

/// log Σ exp along a dimension, the largest taken out first.
fn log_sum_exp<const D: usize>(x: Tensor<D>, dimension: usize) -> Tensor<D> {
    let largest = x.clone().detach().max_dim(dimension);
    (x - largest.clone()).exp().sum_dim(dimension).log() + largest
}

/// Key and value heads as often as query heads read them: [B,K,T,D] → [B,H,T,D].
fn repeat_heads(x: Tensor<4>, heads: Heads) -> Tensor<4> {
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
