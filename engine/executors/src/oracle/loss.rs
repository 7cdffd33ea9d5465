//! Cross-entropy and counted rows.

use super::interpret::{Express, In, Out, Run, expect_below};
use super::{Device, log_sum_exp};
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

impl Express for CrossEntropy {
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let CrossEntropyInputs { logits, targets } = inputs;
        let (logits, targets) = (run.floats(logits)?, run.ids(targets)?);
        cross_entropy(run, node, logits, &targets, (self.label_smoothing, self.ignore_index))
    }
}

impl Express for Score {
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let ScoreInputs { logits, targets } = inputs;
        let (logits, targets) = (run.floats(logits)?, run.ids(targets)?);
        let counted = Counted::new(run.device, &targets, self.ignore_index);
        expect_below(&node.scope, &counted.goals, 1)?;
        let each = -logits.clone() * counted.weights.clone();
        let loss = counted.mean(each.clone());
        Ok(ScoreOutputs { loss, rows: Tensor::cat(vec![logits + Self::BEYOND, each], 1) })
    }
}

/// The rows of a loss, and which of them count.
pub(super) struct Counted<'run> {
    device: &'run Device,
    /// Their targets; 0 for rows that do not count, whose targets may be any number.
    pub(super) goals: Vec<u32>,
    /// [N,1]: 1 for rows that count, 0 for others.
    pub(super) weights: Tensor<2>,
    count: usize,
}

impl<'run> Counted<'run> {
    pub(super) fn new(device: &'run Device, targets: &[u32], ignore_index: Option<u32>) -> Self {
        let counts = |target: &u32| Some(*target) != ignore_index;
        let goals = targets.iter().map(|target| if counts(target) { *target } else { 0 }).collect();
        let weights: Vec<f32> = targets.iter().map(|target| f32::from(u8::from(counts(target)))).collect();
        let weights = device.tensor(TensorData::new(weights, [targets.len(), 1]));
        Self { device, goals, weights, count: targets.iter().filter(|target| counts(target)).count() }
    }

    /// [1,2] = (mean over counted rows, their number; 0 if none) of the losses [N,1], which are 0 for other rows.
    pub(super) fn mean(&self, each: Tensor<2>) -> Tensor<2> {
        let mean = each.sum().reshape([1, 1]) / self.count.max(1) as f64;
        let number = self.device.tensor(TensorData::new(vec![self.count as f32], [1, 1]));
        Tensor::cat(vec![mean, number], 1)
    }
}

/// logits [N,V], N targets → loss [1,2], rows [N,2].
pub(super) fn cross_entropy(
    run: &Run<'_>,
    node: &Node,
    logits: Tensor<2>,
    targets: &[u32],
    (smoothing, ignore_index): (f32, Option<u32>),
) -> Result<CrossEntropyOutputs<Tensor<2>>> {
    let counted = Counted::new(run.device, targets, ignore_index);
    expect_below(&node.scope, &counted.goals, logits.dims()[1])?;
    let indices = run.device.indices(&counted.goals).reshape([targets.len(), 1]);
    let lse = log_sum_exp(logits.clone(), 1);
    let hit = lse.clone() - logits.clone().gather(1, indices);
    let each = if smoothing > 0.0 {
        let spread = lse.clone() - logits.mean_dim(1);
        hit * (1.0 - f64::from(smoothing)) + spread * f64::from(smoothing)
    } else {
        hit
    };
    let each = each * counted.weights.clone();
    let loss = counted.mean(each.clone());
    Ok(CrossEntropyOutputs { loss, rows: Tensor::cat(vec![lse, each], 1) })
}
