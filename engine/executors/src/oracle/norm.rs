//! LayerNorm and RMSNorm, and the norms of a weight's rows.

use super::interpret::{Express, In, Out, Run};
use super::{plus, reciprocal_root};
use burn::tensor::Tensor;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{Norm, NormInputs, NormOutputs, RowNorm, RowNormInputs, Y};
use glasshouse_platform::Result;
use glasshouse_protocol::NormKind;

impl Express for Norm {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let NormInputs { x, scale, bias } = inputs;
        let (x, scale, bias) = (run.floats(x)?, run.floats(scale)?, run.floats_if(bias)?);
        let mean = match self.form.kind {
            NormKind::Layer => x.clone().mean_dim(1),
            NormKind::Rms => x.clone().narrow(1, 0, 1).zeros_like(),
        };
        let centred = match self.form.kind {
            NormKind::Layer => x - mean.clone(),
            NormKind::Rms => x,
        };
        let root = reciprocal_root(centred.clone(), self.form.eps);
        let y = plus(centred * root.clone() * (scale + self.form.offset()), bias);
        Ok(NormOutputs { y, statistics: Tensor::cat(vec![mean, root], 1) })
    }
}

impl Express for RowNorm {
    /// Norms count as constants.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let RowNormInputs { weight, a, b } = inputs;
        let adapted = run.floats(weight)? + run.floats(b)?.matmul(run.floats(a)?) * self.factor;
        let norms = (adapted.clone() * adapted).sum_dim(1).sqrt();
        let reciprocals = norms.clone().recip().mask_fill(norms.equal_elem(0.0), 0.0);
        Ok(Y { y: reciprocals.transpose().detach() })
    }
}
