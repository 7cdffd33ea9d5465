//! Sparse dictionaries.

use super::interpret::{Express, In, Out, Run, host};
use super::loss::Counted;
use super::plus;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

impl Express for TopK {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let x = run.floats(inputs.x)?;
        let [rows, columns] = x.dims();
        let entries = host::<f64>(x.clone().detach())?;
        let kept: Vec<f64> = entries
            .chunks(columns)
            .flat_map(|row| {
                let mut sorted = row.to_vec();
                sorted.sort_by(|one, other| other.total_cmp(one));
                let threshold = sorted[self.k - 1];
                row.iter().map(move |x| if *x >= threshold && *x > 0.0 { 1.0 } else { 0.0 })
            })
            .collect();
        Ok(Y { y: x * run.device.tensor::<2>(TensorData::new(kept, [rows, columns])) })
    }
}

impl Express for JumpRelu {
    /// θ's gradient is that of terms which are 0: (t − θ)·[|x − t| < ε/2]/ε, with t the constant θ, times t in the value, and times λ in the loss.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (x, threshold) = (run.floats(inputs.x)?, run.floats(inputs.log_threshold)?.exp());
        let ([rows, columns], constant) = (x.dims(), threshold.clone().detach());
        let entries = host::<f64>(x.clone().detach())?;
        let thresholds = host::<f64>(constant.clone())?;
        let pairs = || entries.iter().zip(thresholds.iter().cycle());
        let open: Vec<f64> = pairs().map(|(x, least)| f64::from(u8::from(x > least))).collect();
        let bandwidth = f64::from(self.bandwidth);
        let near = pairs().map(|(x, t)| if (x - t).abs() < bandwidth / 2.0 { 1.0 / bandwidth } else { 0.0 });
        let near: Vec<f64> = near.collect();
        let [open, near] =
            [open, near].map(|data| run.device.tensor::<2>(TensorData::new(data, [rows, columns])));
        let nothing = (constant.clone() - threshold).reshape([1, columns]) * near;
        let penalty = nothing.clone().sum_dim(1) * f64::from(self.penalty);
        run.penalty = Some(plus(penalty, run.penalty.take()));
        Ok(Y { y: x * open + nothing * constant.reshape([1, columns]) })
    }
}

impl Express for SquaredError {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let SquaredErrorInputs { y, x, targets } = inputs;
        let (difference, targets) = (run.floats(y)? - run.floats(x)?.detach(), run.ids(targets)?);
        let counted = Counted::new(run.device, &targets, self.ignore_index);
        let errors = plus((difference.clone() * difference).sum_dim(1), run.penalty.take());
        let each = errors.clone() * counted.weights.clone();
        let loss = counted.mean(each.clone());
        Ok(SquaredErrorOutputs { loss, rows: Tensor::cat(vec![errors, each], 1) })
    }
}
