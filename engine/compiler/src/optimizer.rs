//! The optimizers' update rules, defined once: the GPU kernel and the CPU loop follow [`entry`].

use crate::muon::Matrix;
use crate::plan::arena::ArenaLayout;
use glasshouse_protocol::{ModelConfig, OptimizerKind, Precision, TrainConfig};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    pub kind: OptimizerKind,
    /// Decay rate of the first moment, or SGD's momentum.
    pub beta1: f32,
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay of the decayed part of the arena.
    pub weight_decay: f32,
    /// Maximum global gradient norm; 0 disables clipping.
    pub gradient_clipping: f32,
    /// Mixed precision: gradients have a loss scale, and the weights a 16-bit copy.
    pub mixed: bool,
    /// Zeros in the matrices of blocks stay zero, or, for [`entry`], any zero.
    pub keeps_zeros: bool,
    /// Factor on the gradient in Adam's first moment, and so on the step, of the matrices of blocks, or, for [`entry`], of any entry: muP's
    /// learning rate of hidden matrices. Weight decay keeps the learning rate, as in the package `mup`.
    pub step_scale: f32,
}

impl Optimizer {
    pub fn new(config: &TrainConfig) -> Self {
        Self {
            kind: config.optimizer,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            eps: config.eps as f32,
            weight_decay: config.weight_decay as f32,
            gradient_clipping: config.gradient_clipping as f32,
            mixed: config.precision == Precision::Mixed,
            keeps_zeros: config.keep_zeros == Some(true),
            step_scale: 1.0,
        }
    }

    #[must_use]
    pub fn for_model(self, model: &ModelConfig) -> Self {
        Self { step_scale: 1.0 / model.width_multiplier(), ..self }
    }

    pub fn first_moments(&self) -> bool {
        self.kind != OptimizerKind::Rmsprop
    }

    pub fn second_moments(&self) -> bool {
        self.kind != OptimizerKind::Sgd
    }

    /// The matrices that Muon updates; none with another optimizer.
    pub fn matrices<'layout>(&self, layout: &'layout ArenaLayout) -> &'layout [Matrix] {
        if self.kind == OptimizerKind::Muon { &layout.hidden } else { &[] }
    }

    /// The ranges of the arenas that [`entry`] updates, each with the rule for its zeros.
    pub fn entrywise(&self, layout: &ArenaLayout) -> Vec<(Range<usize>, Self)> {
        let plain = Self { keeps_zeros: false, step_scale: 1.0, ..*self };
        let is_muon = self.kind == OptimizerKind::Muon;
        let apart = if is_muon || *self != plain { &layout.hidden[..] } else { &[] };
        let mut ranges = Vec::new();
        let mut start = 0;
        for matrix in apart {
            ranges.push((start..matrix.range().start, plain));
            if !is_muon {
                ranges.push((matrix.range(), *self));
            }
            start = matrix.range().end;
        }
        ranges.push((start..layout.trained_end, plain));
        ranges.retain(|(range, _)| !range.is_empty());
        ranges
    }

    /// (1 − β₁ᵗ, 1 − β₂ᵗ) for t = step + 1.
    pub fn corrections(&self, step: u64) -> (f32, f32) {
        let correction = |beta: f32| (1.0 - libm::pow(f64::from(beta), (step + 1) as f64)) as f32;
        (correction(self.beta1), correction(self.beta2))
    }

    /// Factor on the gradient for its global norm, as in PyTorch's `clip_grad_norm_`; `None` if the norm is not finite and the
    /// step must be skipped.
    pub fn gradient_scale(&self, norm: f32) -> Option<f32> {
        if !norm.is_finite() {
            None
        } else if self.gradient_clipping > 0.0 {
            Some((self.gradient_clipping / (norm + 1e-6)).min(1.0))
        } else {
            Some(1.0)
        }
    }
}

/// Learning rate and bias corrections of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub learning_rate: f32,
    /// 1 − β₁ᵗ.
    pub first_correction: f32,
    /// 1 − β₂ᵗ.
    pub second_correction: f32,
}

/// Updates one entry. `gradient` is already scaled; `decay` is the weight decay, or 0 for entries without decay. Returns
/// (parameter, first moment, second moment).
///
/// * all: p ← p − lr·decay·p (decoupled; Loshchilov and Hutter 2019)
/// * AdamW, Adam, Muon outside of [matrices](Optimizer::matrices): m ← β₁m + (1 − β₁)·[scale](Optimizer::step_scale)·g,
///   v ← β₂v + (1 − β₂)g², p ← p − lr·(m/c₁)/(√(v/c₂) + eps)
/// * SGD: m ← β₁m + g, p ← p − lr·m
/// * RMSProp: v ← β₂v + (1 − β₂)g², p ← p − lr·g/(√v + eps)
/// * with [`keeps_zeros`](Optimizer::keeps_zeros): p = 0 stays 0
#[inline(always)]
pub fn entry(
    optimizer: &Optimizer,
    rate: &Rate,
    decay: f32,
    parameter: f32,
    gradient: f32,
    first: f32,
    second: f32,
) -> (f32, f32, f32) {
    let is_kept = optimizer.keeps_zeros && parameter == 0.0;
    let parameter = parameter - rate.learning_rate * decay * parameter;
    let second_moment = optimizer.beta2 * second + (1.0 - optimizer.beta2) * gradient * gradient;
    let (parameter, first, second) = match optimizer.kind {
        OptimizerKind::Adamw | OptimizerKind::Adam | OptimizerKind::Muon => {
            let share = (1.0 - optimizer.beta1) * optimizer.step_scale;
            let first_moment = optimizer.beta1 * first + share * gradient;
            let step = (first_moment / rate.first_correction)
                / ((second_moment / rate.second_correction).sqrt() + optimizer.eps);
            (parameter - rate.learning_rate * step, first_moment, second_moment)
        }
        OptimizerKind::Sgd => {
            let momentum = optimizer.beta1 * first + gradient;
            (parameter - rate.learning_rate * momentum, momentum, second)
        }
        OptimizerKind::Rmsprop => {
            let step = gradient / (second_moment.sqrt() + optimizer.eps);
            (parameter - rate.learning_rate * step, first, second_moment)
        }
    };
    (if is_kept { 0.0 } else { parameter }, first, second)
}
