//! The dispatches behind a step's last micro-batch: the gradient's norm, what clipping makes of it, and the optimizer's
//! pass over the arenas, with the copy of the weights in 16-bit floats where there is one; and the one that moves on to the next
//! micro-batch.
//!
//! The arenas are walked in chunks of at most WebGPU's default limit on a binding, whatever a device offers, so that a
//! model's weights may be larger than that and every device whose buffers hold the arenas adds in the same order. A chunk ends with
//! its buffer.

use super::arena::ArenaLayout;
use super::lower::{Target, grid};
use super::{Binding, Buffer, Dispatch, Numbered};
use crate::Result;
use crate::optimizer::Optimizer;
use crate::step::LossScale;
use glasshouse_protocol::OptimizerKind;
use glasshouse_shaders::{Kernel, advance, cast_f16, gradient_norm, gradient_squares, optimizer};
use std::ops::Range;
use std::rc::Rc;

/// Floats in a chunk at most: 128 MiB.
const CHUNK: usize = 1 << 25;

/// Most workgroups, hence partial sums, for a chunk.
const PARTIALS: usize = 256;

/// The same on a software adapter, which has few threads and pays for each workgroup's barriers.
const SOFTWARE_PARTIALS: usize = 8;

/// Invocations in a workgroup of these kernels; each takes vectors of four floats.
const GROUP: usize = 256;

/// A range of floats of one piece of the arenas.
struct Chunk {
    piece: usize,
    /// Counted from the piece's start.
    own: Range<usize>,
}

/// The chunks of the arenas up to here.
fn chunks(arena: &ArenaLayout, end: usize) -> impl Iterator<Item = Chunk> {
    arena.spans(0..end).flat_map(|(piece, own)| {
        own.clone().step_by(CHUNK).map(move |start| Chunk { piece, own: start..(start + CHUNK).min(own.end) })
    })
}

impl Chunk {
    /// Vectors of four floats.
    fn count(&self) -> usize {
        self.own.len() / 4
    }

    /// It in an arena whose entries have so many bytes.
    fn of(&self, arena: Numbered, entry_bytes: u64) -> Binding {
        let bytes = Some(self.own.len() as u64 * entry_bytes);
        Binding { buffer: arena(self.piece), offset: self.own.start as u64 * entry_bytes, bytes }
    }
}

/// Bytes of [`Buffer::Partials`].
pub fn partial_bytes(arena: &ArenaLayout) -> u64 {
    (chunks(arena, arena.trained_end).count().max(1) * PARTIALS * 8) as u64
}

/// Gradient norm, clipping and update, in this order, for the gradients that a step's micro-batches have added up.
pub fn update_dispatches(
    arena: &ArenaLayout,
    optimizer: &Optimizer,
    target: &Target,
) -> Result<Vec<Dispatch>> {
    let mut all = Vec::new();
    let clip: Rc<str> = Rc::from("clip");
    let mut partials = 0;
    for chunk in chunks(arena, arena.trained_end) {
        let count = chunk.count();
        let most = if target.software { SOFTWARE_PARTIALS } else { PARTIALS };
        let groups = count.div_ceil(4 * GROUP).min(most);
        let arguments = gradient_squares::Arguments {
            count: count as u32,
            groups: groups as u32,
            first: partials as u32,
        };
        let bindings = vec![chunk.of(Buffer::Gradients, 4), whole(Buffer::Partials)];
        let kernel = gradient_squares::kernel();
        all.push(dispatch(kernel, arguments.bytes(), bindings, [groups as u32, 1, 1], &clip));
        partials += groups;
    }
    let interval = if optimizer.mixed { LossScale::INTERVAL } else { 0 };
    let arguments =
        gradient_norm::Arguments { count: partials as u32, clip: optimizer.gradient_clipping, interval };
    let bindings = vec![whole(Buffer::Partials), whole(Buffer::Control), whole(Buffer::Reports)];
    all.push(dispatch(gradient_norm::kernel(), arguments.bytes(), bindings, [1, 1, 1], &clip));
    let scope: Rc<str> = Rc::from("update");
    for chunk in chunks(arena, arena.trained_end) {
        all.push(update(arena, optimizer, &chunk, &scope)?);
    }
    if optimizer.mixed {
        all.extend(cast_dispatches(arena)?);
    }
    Ok(all)
}

/// Renews the copy of all weights in 16-bit floats: after an update, whose last dispatches these are, and wherever the weights
/// were changed from outside.
pub fn cast_dispatches(arena: &ArenaLayout) -> Result<Vec<Dispatch>> {
    let scope: Rc<str> = Rc::from("update");
    chunks(arena, arena.length)
        .map(|chunk| {
            let count = chunk.count();
            let kernel = cast_f16::kernel(cast_f16::Width::Half);
            let arguments = cast_f16::Arguments { count: count as u32 }.bytes();
            let bindings = vec![chunk.of(Buffer::Parameters, 4), chunk.of(Buffer::HalfParameters, 2)];
            Ok(dispatch(kernel, arguments, bindings, grid(count.div_ceil(GROUP))?, &scope))
        })
        .collect()
}

/// The optimizer's pass over a chunk.
fn update(arena: &ArenaLayout, rule: &Optimizer, chunk: &Chunk, scope: &Rc<str>) -> Result<Dispatch> {
    let count = chunk.count();
    let start = arena.pieces[chunk.piece].start + chunk.own.start;
    let arguments = optimizer::Arguments {
        count: count as u32,
        decayed_end: (arena.decayed_end.saturating_sub(start) / 4).min(count) as u32,
        beta1: rule.beta1,
        beta2: rule.beta2,
        rest1: 1.0 - rule.beta1,
        rest2: 1.0 - rule.beta2,
        eps: rule.eps,
        weight_decay: rule.weight_decay,
    };
    let mut bindings = vec![
        whole(Buffer::Control),
        whole(Buffer::Schedule),
        chunk.of(Buffer::Gradients, 4),
        chunk.of(Buffer::Parameters, 4),
    ];
    if rule.first_moments() {
        bindings.push(chunk.of(Buffer::FirstMoments, 4));
    }
    if rule.second_moments() {
        bindings.push(chunk.of(Buffer::SecondMoments, 4));
    }
    let kernel = optimizer::kernel(match rule.kind {
        OptimizerKind::Adamw | OptimizerKind::Adam => optimizer::Rule::Adam,
        OptimizerKind::Sgd => optimizer::Rule::Sgd,
        OptimizerKind::Rmsprop => optimizer::Rule::Rmsprop,
    });
    let groups = grid(count.div_ceil(GROUP))?;
    Ok(dispatch(kernel, arguments.bytes(), bindings, groups, scope))
}

/// Moves on to the next uploaded micro-batch; the last dispatch of each.
pub fn advance_dispatch() -> Dispatch {
    let arguments = advance::Arguments { by: 1 }.bytes();
    dispatch(advance::kernel(), arguments, vec![whole(Buffer::Control)], [1, 1, 1], &Rc::from("advance"))
}

fn whole(buffer: Buffer) -> Binding {
    Binding { buffer, offset: 0, bytes: None }
}

fn dispatch(
    kernel: &'static Kernel,
    arguments: Vec<u8>,
    bindings: Vec<Binding>,
    groups: [u32; 3],
    scope: &Rc<str>,
) -> Dispatch {
    Dispatch { kernel, arguments, bindings, groups, node: None, scope: scope.clone() }
}
