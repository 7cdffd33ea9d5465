//! The dispatches behind a step's last micro-batch: the gradient's norm, what clipping makes of it, and the optimizer's
//! pass over the arenas, with the copy of the weights in 16-bit floats where there is one; and the one that moves on to the next
//! micro-batch.
//!
//! The arenas are walked in pieces of at most WebGPU's default limit on a binding, whatever a device offers, so that a
//! model's weights may be larger than that and every device adds in the same order.

use super::arena::ArenaLayout;
use super::lower::{Target, grid};
use super::{Binding, Buffer, Dispatch};
use crate::error::Result;
use crate::executor::LossScale;
use crate::executor::update::Optimizer;
use glasshouse_protocol::OptimizerKind;
use glasshouse_shaders::{Kernel, advance, gradient_norm, gradient_squares, narrow, optimizer};
use std::rc::Rc;

/// Floats in a piece: 128 MiB.
const PIECE: usize = 1 << 25;

/// Most workgroups, hence partial sums, for a piece.
const PARTIALS: usize = 256;

/// The same on a software adapter, which has few threads and pays for each workgroup's barriers.
const SOFTWARE_PARTIALS: usize = 8;

/// Invocations in a workgroup of these kernels; each takes vectors of four floats.
const GROUP: usize = 256;

/// Bytes of [`Buffer::Partials`].
pub fn partial_bytes(arena: &ArenaLayout) -> u64 {
    (arena.trained_end.div_ceil(PIECE).max(1) * PARTIALS * 8) as u64
}

/// Gradient norm, clipping and update, in this order, for the gradients that a step's micro-batches have added up.
pub fn update_dispatches(
    arena: &ArenaLayout,
    optimizer: &Optimizer,
    target: &Target,
) -> Result<Vec<Dispatch>> {
    let pieces: Vec<std::ops::Range<usize>> =
        (0..arena.trained_end).step_by(PIECE).map(|at| at..(at + PIECE).min(arena.trained_end)).collect();
    let mut all = Vec::new();
    let clip: Rc<str> = Rc::from("clip");
    let mut partials = 0;
    for piece in &pieces {
        let count = piece.len() / 4;
        let most = if target.software { SOFTWARE_PARTIALS } else { PARTIALS };
        let groups = count.div_ceil(4 * GROUP).min(most);
        let arguments = gradient_squares::Arguments {
            count: count as u32,
            groups: groups as u32,
            first: partials as u32,
        };
        let bindings = vec![part(Buffer::Gradients, piece), whole(Buffer::Partials)];
        let kernel = gradient_squares::kernel();
        all.push(dispatch(kernel, arguments.bytes(), bindings, [groups as u32, 1, 1], &clip));
        partials += groups;
    }
    let interval = if optimizer.mixed { LossScale::INTERVAL } else { 0 };
    let arguments = gradient_norm::Arguments { count: partials as u32, clip: optimizer.clip, interval };
    let bindings = vec![whole(Buffer::Partials), whole(Buffer::Control), whole(Buffer::Reports)];
    all.push(dispatch(gradient_norm::kernel(), arguments.bytes(), bindings, [1, 1, 1], &clip));
    let scope: Rc<str> = Rc::from("update");
    for piece in &pieces {
        all.push(update(arena, optimizer, piece, &scope)?);
    }
    if optimizer.mixed {
        all.extend(narrow_dispatches(arena)?);
    }
    Ok(all)
}

/// Renews the copy of all weights in 16-bit floats: after an update, whose last dispatches these are, and wherever the weights
/// were changed from outside.
pub fn narrow_dispatches(arena: &ArenaLayout) -> Result<Vec<Dispatch>> {
    let scope: Rc<str> = Rc::from("update");
    let pieces = (0..arena.length).step_by(PIECE).map(|at| at..(at + PIECE).min(arena.length));
    pieces
        .map(|piece| {
            let count = piece.len() / 4;
            let half = Binding {
                buffer: Buffer::HalfParameters,
                offset: piece.start as u64 * 2,
                bytes: Some(piece.len() as u64 * 2),
            };
            let kernel = narrow::kernel(narrow::Width::Half);
            let arguments = narrow::Arguments { count: count as u32 }.bytes();
            let bindings = vec![part(Buffer::Parameters, &piece), half];
            Ok(dispatch(kernel, arguments, bindings, grid(count.div_ceil(GROUP))?, &scope))
        })
        .collect()
}

/// The optimizer's pass over a piece.
fn update(
    arena: &ArenaLayout,
    rule: &Optimizer,
    piece: &std::ops::Range<usize>,
    scope: &Rc<str>,
) -> Result<Dispatch> {
    let count = piece.len() / 4;
    let arguments = optimizer::Arguments {
        count: count as u32,
        decayed_end: (arena.decayed_end.clamp(piece.start, piece.end) - piece.start) as u32 / 4,
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
        part(Buffer::Gradients, piece),
        part(Buffer::Parameters, piece),
    ];
    if rule.first_moments() {
        bindings.push(part(Buffer::FirstMoments, piece));
    }
    if rule.second_moments() {
        bindings.push(part(Buffer::SecondMoments, piece));
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

/// A range of floats of an arena.
fn part(buffer: Buffer, piece: &std::ops::Range<usize>) -> Binding {
    Binding { buffer, offset: piece.start as u64 * 4, bytes: Some(piece.len() as u64 * 4) }
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
