//! Norms and their gradients, and the norms of a weight's rows.

use super::{
    BindingSource, Launch, Lower, Lowering, NodeContext, Operand, by_width, grid, tall, within_longest_loop,
};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_protocol::NormKind;
use glasshouse_shaders::{norm, norm_backward, norm_weight_backward, row_norm};

impl Lower for Norm {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use norm::{Arguments, Entries, Form, kernel};
        let (NormInputs { x, scale, bias }, NormOutputs { y, statistics }) =
            (operands.inputs, operands.outputs);
        let (rows, channels) = shape(x);
        let kind = if self.form.kind == NormKind::Layer { Form::Layer } else { Form::Rms };
        let added = bias.map_or(BindingSource::UNREAD, Operand::place);
        let bindings = vec![x.place(), scale.place(), y.place(), statistics.place(), added];
        let (eps, offset, biased) = (self.form.eps, self.form.offset(), u32::from(bias.is_some()));
        let arguments = Arguments { rows: rows as u32, channels, eps, offset, biased };
        let entries = by_width(x.columns(), y.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let kernel = kernel(kind, entries);
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, grid(rows)?)?))
    }
}

impl Lower for NormBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let Named { inputs, outputs, .. } = operands;
        use norm_backward::{Arguments, Entries, Form, kernel};
        let NormBackwardInputs { x, scale, statistics, dy, residual } = inputs;
        let (rows, channels) = shape(x);
        let kind = if self.form.kind == NormKind::Layer { Form::Layer } else { Form::Rms };
        let mut bindings = [x, scale, statistics, dy, outputs.dx].map(Operand::place).to_vec();
        bindings.push(residual.map_or(BindingSource::UNREAD, Operand::place));
        let (offset, added) = (self.form.offset(), u32::from(residual.is_some()));
        let arguments = Arguments { rows: rows as u32, channels, offset, residual: added };
        let entries = by_width(x.columns(), dy.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let kernel = kernel(kind, entries);
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, grid(rows)?)?))
    }
}

impl Lower for NormWeightBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use norm_weight_backward::{Arguments, Entries, Tier, kernel};
        let (NormWeightBackwardInputs { x, statistics, dy }, NormGradients { scale, bias }) =
            (operands.inputs, operands.gradients);
        let (rows, channels) = shape(x);
        let (shared, groups) = tall(rows, channels as usize)?;
        let tier = if shared { Tier::Workgroup } else { Tier::Column };
        let mut bindings = [x, statistics, dy, scale].map(Operand::place).to_vec();
        bindings.extend(bias.map(Operand::place));
        let arguments = Arguments { rows: rows as u32, channels };
        let entries = by_width(x.columns(), dy.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let kernel = kernel(tier, entries, self.bias);
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, groups)?))
    }
}

impl Lower for RowNorm {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RowNormInputs { weight, a, b }, y) = (operands.inputs, operands.outputs.y);
        let (columns, rank) = (weight.columns(), a.rows());
        within_longest_loop(site, columns.div_ceil(64) * (rank + 1), "choose a smaller train.adapter.rank")?;
        let launches = site.parts_of(weight, false).map(|part| {
            let (rows, columns, rank) = (part.count as u32, columns as u32, rank as u32);
            let arguments = row_norm::Arguments { rows, columns, rank, factor: self.factor }.bytes();
            let [weight, b] = [weight, b].map(|operand| part.rows_of(operand.place()));
            let bindings = vec![weight, a.place(), b, part.columns_of(y.place())];
            Launch::new(row_norm::kernel(), arguments, bindings, grid(part.count)?)
        });
        Ok(Lowering::new(launches.collect::<Result<_>>()?))
    }
}

/// N, and C in entries.
fn shape(x: Operand<'_>) -> (usize, u32) {
    let (rows, channels) = (x.rows(), x.columns());
    (rows, (if channels.is_multiple_of(4) { channels / 4 } else { channels }) as u32)
}
