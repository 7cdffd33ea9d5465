//! Mixture of experts: every expert for every token, times its gate.

use super::interpret::{Express, In, Out, Run, host};
use super::log_sum_exp;
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

/// 1 where a gate is not 0.
fn chosen(gates: &Tensor<2>) -> Tensor<2> {
    gates.ones_like().mask_fill(gates.clone().equal_elem(0.0), 0.0)
}

impl Express for Route {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let x = run.floats(inputs.x)?;
        let [rows, experts] = x.dims();
        let logits = host::<f64>(x.clone().detach())?;
        let chosen: Vec<f64> = logits
            .chunks(experts)
            .flat_map(|row| {
                let mut order: Vec<usize> = (0..experts).collect();
                order.sort_by(|one, other| row[*other].total_cmp(&row[*one]));
                (0..experts).map(move |at| if order[..self.per_token].contains(&at) { 1.0 } else { 0.0 })
            })
            .collect();
        let chosen = run.device.tensor::<2>(TensorData::new(chosen, [rows, experts]));
        let gates = softmax(x, 1) * chosen;
        Ok(Y { y: if self.renormalise { gates.clone() / gates.sum_dim(1) } else { gates } })
    }
}

impl Express for RouterLoss {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let RouterLossInputs { x, gates, shares } = inputs;
        let (x, gates, shares) = (run.floats(x)?, run.floats(gates)?.detach(), run.floats(shares)?);
        let [rows, experts] = x.dims();
        let shares = shares.reshape([rows, 1]);
        let counted = chosen(&shares);
        let load = (chosen(&gates) * counted.clone()).sum_dim(0) / counted.sum_dim(0).clamp_min(1.0);
        let lse = log_sum_exp(x.clone(), 1);
        let balance = (softmax(x, 1) * load.clone()).sum_dim(1) * (f64::from(self.balance) * experts as f64);
        let each = (balance + lse.clone() * lse * f64::from(self.z)) * shares;
        Ok(RouterLossOutputs { rows: each.reshape([1, rows]), load })
    }
}

impl Express for WeighExperts {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let WeighExpertsInputs { h, gates } = inputs;
        let (h, gates) = (run.floats(h)?, run.floats(gates)?);
        // The gradient of a gate of 0 is 0.
        let gates = gates.clone() * chosen(&gates.detach());
        let ([rows, experts], hidden) = (gates.dims(), h.dims()[1]);
        let y = h * gates.reshape([rows * experts, 1]);
        Ok(Y { y: y.reshape([rows, experts * hidden]) })
    }
}

impl Express for ExpertLinear {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let ExpertLinearInputs { x, gates, weight } = inputs;
        let (x, gates, weight) = (run.floats(x)?, run.floats(gates)?.detach(), run.floats(weight)?);
        // Values of experts that were not chosen are 0 here, as for an executor that does not compute them.
        let ([rows, experts], [outputs, columns]) = (gates.dims(), weight.dims());
        let chosen = chosen(&gates).reshape([rows * experts, 1]);
        let y = if self.down {
            let x = x.reshape([rows * experts, columns / experts]) * chosen;
            x.reshape([rows, columns]).matmul(weight.transpose())
        } else {
            x.matmul(weight.transpose()).reshape([rows * experts, outputs / experts]) * chosen
        };
        Ok(Y { y })
    }
}
