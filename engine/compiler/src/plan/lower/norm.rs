//! Norms and their gradients, and the norms of a weight's rows.

use super::matmul::column_sums;
use super::{
    BindingSource, Launch, Lower, Lowering, NodeContext, Operand, by_width, grid, within_longest_loop,
};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_protocol::NormKind;
use glasshouse_shaders::{norm, norm_backward, row_norm};

/// Workgroups of a norm's gradient, and parts of its weight's and bias's, that fill a GPU; more only if they would have more rows than MOST_ROWS.
const PARTS: usize = 1024;

/// Maximum rows of such a workgroup; `norm_backward.wgsl` has the same number.
const MOST_ROWS: usize = 64;

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
    /// Workgroups of some rows each; then the sum of their parts of the weight's and the bias's gradient.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let Named { inputs, outputs, gradients } = operands;
        use norm_backward::{Arguments, Entries, Form, kernel};
        let NormBackwardInputs { x, scale, statistics, dy, residual } = inputs;
        let ((rows, channels), columns) = (shape(x), x.columns());
        let rows_in_group = rows.div_ceil(PARTS).min(MOST_ROWS);
        let groups = rows.div_ceil(rows_in_group);
        let kind = if self.form.kind == NormKind::Layer { Form::Layer } else { Form::Rms };
        let parts = BindingSource::Scratch(0);
        let mut bindings = [x, scale, statistics, dy, outputs.dx].map(Operand::place).to_vec();
        bindings.extend([residual.map_or(BindingSource::UNREAD, Operand::place), parts]);
        let arguments = Arguments {
            rows: rows as u32,
            channels,
            offset: self.form.offset(),
            residual: u32::from(residual.is_some()),
            rows_in_group: rows_in_group as u32,
            parts: u32::from(self.weight) + u32::from(self.bias),
        };
        let entries = by_width(columns, dy.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let kernel = kernel(kind, entries);
        let mut launches = vec![Launch::new(kernel, arguments.bytes(), bindings, grid(groups)?)?];
        let into = [gradients.scale, gradients.bias].into_iter().flatten();
        let into: Vec<_> = into.map(|gradient| (gradient.place(), columns)).collect();
        if !into.is_empty() {
            launches.push(column_sums(parts, &into, groups, [false; 2], true)?);
        }
        // The kernel's binding needs some bytes, also if it writes none.
        let written = (groups * columns * arguments.parts as usize).max(4);
        Ok(Lowering { launches, scratch: vec![(written * 4) as u64] })
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
