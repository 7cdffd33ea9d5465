//! The loss against a teacher's logits.

use super::interpret::{Express, Run, expect_below};
use super::log_sum_exp;
use crate::error::Result;
use crate::graph::ops::{Distil, DistilInputs, DistilOutputs};
use crate::graph::{Node, ValueId};
use burn::tensor::{Tensor, TensorData};

impl Express for Distil {
    fn express(
        &self,
        run: &mut Run<'_>,
        node: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let DistilInputs { logits, teacher, targets } = inputs;
        let (logits, teacher) = (run.floats(logits)?, run.floats(teacher)?.detach());
        let targets = run.ids(targets)?;
        let counted: Vec<bool> = targets.iter().map(|id| Some(*id) != self.ignore_index).collect();
        // What does not count may be any number.
        let targets: Vec<u32> =
            targets.iter().zip(&counted).map(|(id, counts)| if *counts { *id } else { 0 }).collect();
        expect_below(&node.scope, &targets, logits.dims()[1])?;
        let (rows, count) = (targets.len(), counted.iter().filter(|counts| **counts).count());
        let weights: Vec<f32> = counted.iter().map(|counts| f32::from(u8::from(*counts))).collect();
        let weights = run.device.tensor::<2>(TensorData::new(weights, [rows, 1]));
        let indices = run.device.indices(&targets).reshape([rows, 1]);
        let (temperature, mix) = (f64::from(self.temperature), f64::from(self.mix));
        let lse = log_sum_exp(logits.clone(), 1);
        let hit = lse.clone() - logits.clone().gather(1, indices);
        let [soft, taught] = [logits, teacher].map(|x| x / temperature);
        let [own, other] = [soft.clone(), taught.clone()].map(|x| log_sum_exp(x, 1));
        let (log_p, log_q) = (soft - own.clone(), taught - other.clone());
        let divergence = (log_q.clone().exp() * (log_q - log_p)).sum_dim(1);
        let each = (hit * (1.0 - mix) + divergence * (mix * temperature * temperature)) * weights;
        let mean = each.clone().sum().reshape([1, 1]) / count.max(1) as f64;
        let number = run.device.tensor(TensorData::new(vec![count as f32], [1, 1]));
        Ok(DistilOutputs {
            loss: Tensor::cat(vec![mean, number], 1),
            rows: Tensor::cat(vec![lse, each], 1),
            softened: Tensor::cat(vec![own, other], 1),
        })
    }
}
