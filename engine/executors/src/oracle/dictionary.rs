//! Sparse dictionaries.

use super::interpret::{Express, In, Out, Run, host};
use super::loss::Counted;
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

impl Express for SquaredError {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let SquaredErrorInputs { y, x, targets } = inputs;
        let (difference, targets) = (run.floats(y)? - run.floats(x)?.detach(), run.ids(targets)?);
        let counted = Counted::new(run.device, &targets, self.ignore_index);
        let errors = (difference.clone() * difference).sum_dim(1);
        let each = errors.clone() * counted.weights.clone();
        let loss = counted.mean(each.clone());
        Ok(SquaredErrorOutputs { loss, rows: Tensor::cat(vec![errors, each], 1) })
    }
}
