//! The token embedding and its gradient.

use super::matmul::built;
use super::parts::RowRange;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid};
use crate::Result;
use crate::graph::Element;
use crate::graph::ops::{Embedding, EmbeddingBackward, EmbeddingBackwardInputs, EmbeddingInputs, Named};
use glasshouse_shaders::{embedding, embedding_backward};

impl Lower for Embedding {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let Named { inputs, outputs, .. } = operands;
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        let channels = table.columns();
        let vec4 = channels.is_multiple_of(4);
        let entries = if vec4 { channels / 4 } else { channels };
        // Without positions the cursor has no effect.
        let cursor = cursor.filter(|_| self.positions);
        let kernel = embedding::kernel(match table.ty.element {
            Element::F16 => embedding::Entries::Half,
            Element::Quantised(ty) => built(embedding::Entries::quantised(ty.name()))?,
            Element::F32 | Element::U32 if vec4 => embedding::Entries::Vec4,
            Element::F32 | Element::U32 | Element::Gguf { .. } => embedding::Entries::Scalar,
        });
        let launch = |part: RowRange| {
            let arguments = embedding::Arguments {
                tokens: tokens.ty.count() as u32,
                time: tokens.columns() as u32,
                channels: entries as u32,
                vocabulary: table.rows() as u32,
                limit: positions.map_or(0, |positions| positions.rows() as u32),
                first: part.first as u32,
                rows: part.count as u32,
                positioned: u32::from(self.positions),
                moved: u32::from(cursor.is_some()),
            };
            let table = part.rows_of(table.place());
            let mut bindings = vec![BindingSource::CONTROL, table, tokens.place(), outputs.y.place()];
            bindings.extend(
                [positions, cursor].map(|operand| operand.map_or(BindingSource::UNREAD, Operand::place)),
            );
            Launch::each(kernel, arguments.bytes(), bindings, tokens.ty.count() * entries)
        };
        Ok(Lowering::new(site.parts_of(table, false).map(launch).collect::<Result<_>>()?))
    }
}

impl Lower for EmbeddingBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let Named { inputs, gradients, .. } = operands;
        use embedding_backward::{Arguments, Entries, kernel};
        let EmbeddingBackwardInputs { dy, tokens, order } = inputs;
        let (count, channels) = (tokens.ty.count(), dy.columns());
        let vec4 = channels.is_multiple_of(4);
        let entries = if vec4 { channels / 4 } else { channels };
        let chunks = entries.div_ceil(32);
        let width = if vec4 { Entries::Vec4 } else { Entries::Scalar };
        let groups = grid(count * chunks)?;
        let launch = |part: RowRange| {
            let arguments = Arguments {
                count: count as u32,
                channels: entries as u32,
                chunks: chunks as u32,
                first: part.first as u32,
                rows: part.count as u32,
            };
            let table = part.rows_of(gradients.table.place());
            let bindings = vec![BindingSource::CONTROL, dy.place(), tokens.place(), order.place(), table];
            Launch::new(kernel(width), arguments.bytes(), bindings, groups)
        };
        Ok(Lowering::new(site.parts_of(gradients.table, false).map(launch).collect::<Result<_>>()?))
    }
}
