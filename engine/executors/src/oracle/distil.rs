//! The loss against a teacher's logits.

use super::interpret::{Express, In, Out, Run, expect_below};
use super::log_sum_exp;
use super::loss::Counted;
use burn::tensor::Tensor;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{Distil, DistilInputs, DistilOutputs};
use glasshouse_platform::Result;

impl Express for Distil {
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let DistilInputs { logits, teacher, targets } = inputs;
        let (logits, teacher) = (run.floats(logits)?, run.floats(teacher)?.detach());
        let targets = run.ids(targets)?;
        let counted = Counted::new(run.device, &targets, self.ignore_index);
        expect_below(&node.scope, &counted.goals, logits.dims()[1])?;
        let indices = run.device.indices(&counted.goals).reshape([targets.len(), 1]);
        let (temperature, mix) = (f64::from(self.temperature), f64::from(self.mix));
        let lse = log_sum_exp(logits.clone(), 1);
        let hit = lse.clone() - logits.clone().gather(1, indices);
        let [soft, taught] = [logits, teacher].map(|x| x / temperature);
        let [own, other] = [soft.clone(), taught.clone()].map(|x| log_sum_exp(x, 1));
        let (log_p, log_q) = (soft - own.clone(), taught - other.clone());
        let divergence = (log_q.clone().exp() * (log_q - log_p)).sum_dim(1);
        let each =
            (hit * (1.0 - mix) + divergence * (mix * temperature * temperature)) * counted.weights.clone();
        Ok(DistilOutputs {
            loss: counted.mean(each.clone()),
            rows: Tensor::cat(vec![lse, each], 1),
            softened: Tensor::cat(vec![own, other], 1),
        })
    }
}
