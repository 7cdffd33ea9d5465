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

impl Express for JumpRelu {
    /// The threshold's gradient is that of a term which is 0: (t − θ)·t/ε·[|x − t| < ε/2]·[θ > 0]. The penalty is no part of the value.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (x, threshold) = (run.floats(inputs.x)?, run.floats(inputs.threshold)?);
        let ([rows, columns], least) = (x.dims(), threshold.clone().detach().clamp_min(0.0));
        let least = host::<f64>(least)?;
        let entries = host::<f64>(x.clone().detach())?;
        let pairs = || entries.iter().zip(least.iter().cycle());
        let open: Vec<f64> = pairs().map(|(x, least)| f64::from(u8::from(x > least))).collect();
        let bandwidth = f64::from(self.bandwidth);
        let slope = pairs()
            .map(|(x, least)| if (x - least).abs() < bandwidth / 2.0 { least / bandwidth } else { 0.0 });
        let slope: Vec<f64> = slope.collect();
        let [open, slope] =
            [open, slope].map(|data| run.device.tensor::<2>(TensorData::new(data, [rows, columns])));
        let nothing = (threshold.clone().detach() - threshold).reshape([1, columns]);
        Ok(Y { y: x * open + nothing * slope })
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
