//! The token embedding and its gradient.

use super::parts::Part;
use super::{Launch, Lowering, Place, Site, grid};
use crate::Result;
use crate::plan::Buffer;
use glasshouse_shaders::{embedding, embedding_backward};

/// [`crate::graph::Op::Embedding`].
pub(super) fn embedding(site: Site<'_>, positions: bool, cursor: bool) -> Result<Lowering> {
    let (tokens, table) = (site.input_type(0), site.input_type(1));
    let channels = table.columns();
    let vec4 = channels.is_multiple_of(4);
    let entries = if vec4 { channels / 4 } else { channels };
    // Without positions the cursor changes nothing and is not bound.
    let cursor = cursor && positions;
    let kernel = embedding::kernel(
        vec4,
        if !positions {
            embedding::Positions::Bare
        } else if cursor {
            embedding::Positions::Moved
        } else {
            embedding::Positions::Fixed
        },
    );
    let groups = grid((tokens.count() * entries).div_ceil(256))?;
    let launch = |part: Part| {
        let arguments = embedding::Arguments {
            tokens: tokens.count() as u32,
            time: tokens.columns() as u32,
            channels: entries as u32,
            vocabulary: table.rows() as u32,
            limit: if positions { site.input_type(2).rows() as u32 } else { 0 },
            first: part.first as u32,
            rows: part.count as u32,
        };
        let control = Place::Buffer(Buffer::Control);
        let mut bindings = vec![control, site.input(0), part.rows_of(site.input(1)), site.output(0)];
        bindings.extend(positions.then(|| site.input(2)));
        bindings.extend(cursor.then(|| site.last_input()));
        Launch::new(kernel, arguments.bytes(), bindings, groups)
    };
    let launches = site.parts_of(site.node.inputs[1], false).map(launch).collect::<Result<_>>()?;
    Ok(Lowering { launches, scratch: Vec::new() })
}

/// [`crate::graph::Op::EmbeddingBackward`].
pub(super) fn backward(site: Site<'_>) -> Result<Lowering> {
    use embedding_backward::{Arguments, Tier, kernel};
    let (count, channels) = (site.input_type(1).count(), site.input_type(0).columns());
    let vec4 = channels.is_multiple_of(4);
    let entries = if vec4 { channels / 4 } else { channels };
    let (tier, chunks) =
        if site.target.software { (Tier::Software, 1) } else { (Tier::Workgroup, entries.div_ceil(32)) };
    let groups = grid(count * chunks)?;
    let launch = |part: Part| {
        let arguments = Arguments {
            count: count as u32,
            channels: entries as u32,
            chunks: chunks as u32,
            first: part.first as u32,
            rows: part.count as u32,
        };
        let control = Place::Buffer(Buffer::Control);
        let table = part.rows_of(site.output(0));
        let bindings = vec![control, site.input(0), site.input(1), site.input(2), table];
        Launch::new(kernel(tier, vec4), arguments.bytes(), bindings, groups)
    };
    let launches = site.parts_of(site.node.outputs[0], false).map(launch).collect::<Result<_>>()?;
    Ok(Lowering { launches, scratch: Vec::new() })
}
