//! The loss.

use super::interpret::{Express, Run, expect_below};
use super::log_sum_exp;
use crate::error::Result;
use crate::graph::ops::{
    CrossEntropy, CrossEntropyInputs, CrossEntropyOutputs, Score, ScoreInputs, ScoreOutputs,
};
use crate::graph::{Node, ValueId};
use burn::tensor::{Tensor, TensorData};

impl Express for CrossEntropy {
    fn express(
        &self,
        run: &mut Run<'_>,
        node: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let CrossEntropyInputs { logits, targets } = inputs;
        let (logits, targets) = (run.floats(logits)?, run.ids(targets)?);
        cross_entropy(run, node, logits, &targets, (self.label_smoothing, self.ignore_index))
    }
}

impl Express for Score {
    fn express(
        &self,
        run: &mut Run<'_>,
        node: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let ScoreInputs { logits, targets } = inputs;
        let (logits, targets) = (run.floats(logits)?, run.ids(targets)?);
        let counted: Vec<bool> = targets.iter().map(|id| Some(*id) != self.ignore_index).collect();
        let known: Vec<u32> =
            targets.iter().zip(&counted).map(|(id, counts)| if *counts { *id } else { 0 }).collect();
        expect_below(&node.scope, &known, 1)?;
        let weights: Vec<f32> = counted.iter().map(|counts| f32::from(u8::from(*counts))).collect();
        let count: f32 = weights.iter().sum();
        let weights = run.device.tensor::<2>(TensorData::new(weights, [targets.len(), 1]));
        let each = -logits.clone() * weights;
        let mean = each.clone().sum().reshape([1, 1]) / f64::from(count.max(1.0));
        let number = run.device.tensor(TensorData::new(vec![count], [1, 1]));
        let rows = Tensor::cat(vec![logits + Self::BEYOND, each], 1);
        Ok(ScoreOutputs { loss: Tensor::cat(vec![mean, number], 1), rows })
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
    let counted: Vec<bool> = targets.iter().map(|id| Some(*id) != ignore_index).collect();
    // What does not count may be any number.
    let targets: Vec<u32> =
        targets.iter().zip(&counted).map(|(id, counts)| if *counts { *id } else { 0 }).collect();
    expect_below(&node.scope, &targets, logits.dims()[1])?;
    let rows = targets.len();
    let count = counted.iter().filter(|counts| **counts).count();
    let column = |numbers: Vec<f32>| run.device.tensor::<2>(TensorData::new(numbers, [rows, 1]));
    let weights = column(counted.iter().map(|counts| f32::from(u8::from(*counts))).collect());
    let indices = run.device.indices(&targets).reshape([rows, 1]);
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
    let number = run.device.tensor(TensorData::new(vec![count as f32], [1, 1]));
    let (loss, rows) = (Tensor::cat(vec![mean, number], 1), Tensor::cat(vec![lse, each], 1));
    Ok(CrossEntropyOutputs { loss, rows })
}
