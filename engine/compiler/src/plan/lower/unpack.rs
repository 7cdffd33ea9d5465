//! Conversion of stored weights.

use super::{Launch, Lower, Lowering, NodeContext, Operand};
use crate::graph::Element;
use crate::graph::ops::{Named, Unpack};
use crate::{Error, Result};
use glasshouse_shaders::unpack::{Arguments, Format, kernel};

impl Lower for Unpack {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (x, y) = (operands.inputs.x, operands.outputs.y);
        let format = match x.ty.element {
            Element::F16 => Some(Format::Floats16),
            Element::Quantised(ty) => Format::quantised(ty.name()),
            Element::F32 | Element::U32 | Element::Gguf { .. } => None,
        };
        let format = format.ok_or_else(|| {
            Error::Internal(format!("{}: {} is not stored in a block format", site.node.scope, x.ty))
        })?;
        let quads = x.columns() / 4;
        // The parts of the larger side.
        let launches = site.parts_of(y, false).map(|part| {
            let count = part.count * quads;
            let arguments = Arguments { count: count as u32, columns: quads as u32 }.bytes();
            let bindings = vec![part.rows_of(y.place()), part.rows_of(x.place())];
            Launch::each(kernel(format), arguments, bindings, count)
        });
        Ok(Lowering::new(launches.collect::<Result<_>>()?))
    }
}
