//! Cross-entropy with unlikelihood.

use super::interpret::{Express, In, Out, Run, expect_below};
use super::log_sum_exp;
use super::loss::Counted;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{MIN_REST, Unlikelihood, UnlikelihoodInputs, UnlikelihoodOutputs};
use glasshouse_platform::Result;

impl Express for Unlikelihood {
    /// Uses a table over all tokens that marks those to be made unlikely.
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let UnlikelihoodInputs { logits, tokens, targets, starts } = inputs;
        let time = run.graph.ty(tokens).columns();
        let (logits, tokens, targets) = (run.floats(logits)?, run.ids(tokens)?, run.ids(targets)?);
        let starts = starts.map(|starts| run.ids(starts)).transpose()?;
        let [rows, vocabulary] = logits.dims();
        let counted = Counted::new(run.device, &targets, self.ignore_index);
        expect_below(&node.scope, &counted.goals, vocabulary)?;
        expect_below(&node.scope, &tokens, vocabulary)?;
        let mut marks = vec![0.0_f32; rows * vocabulary];
        for (row, marks) in marks.chunks_exact_mut(vocabulary).enumerate() {
            let first = row - row % time + starts.as_ref().map_or(0, |starts| starts[row] as usize);
            for token in &tokens[first..=row] {
                marks[*token as usize] = 1.0;
            }
            if let Some(mark) = marks.get_mut(targets[row] as usize) {
                *mark = 0.0;
            }
        }
        let marks = run.device.tensor::<2>(TensorData::new(marks, [rows, vocabulary]));
        let indices = run.device.indices(&counted.goals).reshape([rows, 1]);
        let lse = log_sum_exp(logits.clone(), 1);
        let hit = lse.clone() - logits.clone().gather(1, indices);
        let p = (logits - lse.clone()).exp();
        let rest = (-p.clone() + 1.0).clamp_min(f64::from(MIN_REST));
        let penalty = -(rest.clone().log() * marks.clone()).sum_dim(1);
        let each = (hit + penalty * f64::from(self.alpha)) * counted.weights.clone();
        let odds = (p / rest * marks).sum_dim(1);
        Ok(UnlikelihoodOutputs {
            loss: counted.mean(each.clone()),
            rows: Tensor::cat(vec![lse.clone(), each], 1),
            sums: Tensor::cat(vec![lse, odds], 1),
        })
    }
}
