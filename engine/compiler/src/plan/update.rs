//! The dispatches after a step's last micro-batch: gradient norm, clipping, the optimizer's pass over the arenas, and the
//! update of the weights' 16-bit copy if there is one; and the dispatch that advances to the next micro-batch.
//!
//! The arenas are walked in chunks of at most WebGPU's default binding limit, whatever the device's, so that a model's weights
//! may exceed it and all devices whose buffers hold the arenas add in the same order. A chunk does not cross buffers.

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

/// Maximum floats per chunk: 128 MiB.
const CHUNK: usize = 1 << 25;

/// Maximum workgroups, and partial sums, per chunk.
const PARTIALS: usize = 256;

/// The same on a software adapter, which has few threads and slow barriers.
const SOFTWARE_PARTIALS: usize = 8;

/// Workgroup size of these kernels; each invocation takes vectors of four floats.
const GROUP: usize = 256;

/// A range of floats of one piece of the arenas.
struct Chunk {
    piece: usize,
    /// Relative to the piece's start.
    own: Range<usize>,
}

/// The chunks of the arenas before `end`.
fn chunks(arena: &ArenaLayout, end: usize) -> impl Iterator<Item = Chunk> {
    arena.spans(0..end).flat_map(|(piece, own)| {
        own.clone().step_by(CHUNK).map(move |start| Chunk { piece, own: start..(start + CHUNK).min(own.end) })
    })
}

impl Chunk {
    /// Number of vectors of four floats.
    fn count(&self) -> usize {
        self.own.len() / 4
    }

    /// Binding of this range in an arena with `entry_bytes` bytes per entry.
    fn of(&self, arena: Numbered, entry_bytes: u64) -> Binding {
        let bytes = Some(self.own.len() as u64 * entry_bytes);
        Binding { buffer: arena(self.piece), offset: self.own.start as u64 * entry_bytes, bytes }
    }
}

/// Bytes of [`Buffer::Partials`].
pub fn partial_bytes(arena: &ArenaLayout) -> u64 {
    (chunks(arena, arena.trained_end).count().max(1) * PARTIALS * 8) as u64
}

/// Gradient norm, clipping and update, in this order, for a step's accumulated gradients.
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

/// Updates the 16-bit copy of all weights: the last dispatches of an update, and whenever weights were changed from outside.
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

/// Advances to the next uploaded micro-batch; each micro-batch's last dispatch.
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
