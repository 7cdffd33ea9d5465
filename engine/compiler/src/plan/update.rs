//! The dispatches after a step's last micro-batch: gradient norm, clipping, the optimizer's pass over the arenas, and the
//! update of the weights' 16-bit copy if there is one; and the dispatch that advances to the next micro-batch.
//!
//! The arenas are walked in chunks of at most WebGPU's default binding limit, whatever the device's, so that a model's weights
//! may exceed it and all devices whose buffers hold the arenas add in the same order. A chunk does not cross buffers.

use super::arena::ArenaLayout;
use super::fuse::Fusions;
use super::lower::{Target, grid};
use super::{Binding, Buffer, Dispatch, Numbered, compile};
use crate::graph::Input;
use crate::muon::{self, Matrix};
use crate::optimizer::Optimizer;
use crate::step::LossScale;
use crate::{Error, Result};
use glasshouse_protocol::OptimizerKind;
use glasshouse_shaders::{
    advance, cast_f16, gradient_norm, gradient_squares, muon_momentum, muon_normalise, muon_update, optimizer,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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

fn chunks(arena: &ArenaLayout, range: Range<usize>) -> impl Iterator<Item = Chunk> {
    arena.spans(range).flat_map(|(piece, own)| {
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
    (chunks(arena, 0..arena.trained_end).count().max(1) * PARTIALS * 8) as u64
}

/// Gradient norm, clipping and update, in this order, for a step's accumulated gradients.
pub fn update_dispatches(
    arena: &ArenaLayout,
    optimizer: &Optimizer,
    target: &Target,
) -> Result<Vec<Dispatch>> {
    let clip: Rc<str> = Rc::from("clip");
    let ranges = chunks(arena, 0..arena.trained_end);
    let (mut all, partials) =
        squares(ranges.map(|chunk| (chunk.of(Buffer::Gradients, 4), chunk.count())), target, &clip);
    let interval = if optimizer.mixed { LossScale::INTERVAL } else { 0 };
    let arguments =
        gradient_norm::Arguments { count: partials as u32, clip: optimizer.gradient_clipping, interval };
    let bindings = vec![
        Binding::whole(Buffer::Partials),
        Binding::whole(Buffer::Control),
        Binding::whole(Buffer::Reports),
    ];
    all.push(Dispatch::of_phase(gradient_norm::kernel(), arguments.bytes(), bindings, [1, 1, 1], &clip));
    let scope: Rc<str> = Rc::from("update");
    for (range, rule) in optimizer.entrywise(arena) {
        for chunk in chunks(arena, range) {
            all.push(update(arena, &rule, &chunk, &scope)?);
        }
    }
    let mut by_shape = BTreeMap::new();
    for matrix in optimizer.matrices(arena) {
        for part in matrix.parts() {
            let orthogonalisation = match by_shape.entry(part.shape()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Orthogonalisation::new(part.shape(), target)?),
            };
            all.extend(muon_dispatches(arena, optimizer, (matrix, &part), orthogonalisation, target)?);
        }
    }
    if optimizer.mixed {
        all.extend(cast_dispatches(arena)?);
    }
    Ok(all)
}

/// The partial sums of squares of ranges, each with its number of vectors of four, and their number.
fn squares(
    ranges: impl Iterator<Item = (Binding, usize)>,
    target: &Target,
    scope: &Rc<str>,
) -> (Vec<Dispatch>, usize) {
    let (mut all, mut partials) = (Vec::new(), 0);
    for (range, count) in ranges {
        let most = if target.software { SOFTWARE_PARTIALS } else { PARTIALS };
        let groups = count.div_ceil(4 * GROUP).min(most);
        let arguments = gradient_squares::Arguments {
            count: count as u32,
            groups: groups as u32,
            first: partials as u32,
        };
        let bindings = vec![range, Binding::whole(Buffer::Partials)];
        let kernel = gradient_squares::kernel();
        all.push(Dispatch::of_phase(kernel, arguments.bytes(), bindings, [groups as u32, 1, 1], scope));
        partials += groups;
    }
    (all, partials)
}

/// Muon's iterations for matrices of one shape. Their slots are those of the activations, which nothing reads during an update.
struct Orthogonalisation {
    dispatches: Vec<Dispatch>,
    /// Rounded up to vectors of four.
    input: Binding,
    output: Binding,
}

impl Orthogonalisation {
    fn new(shape: [usize; 2], target: &Target) -> Result<Self> {
        let (graph, _, output) = muon::orthogonalisation(shape)?;
        let target = target.clone().with_fusions(Fusions::NONE);
        let plan = compile(graph, &[output], &target)?;
        let bytes = plan.graph.ty(output).bytes();
        let slot = Buffer::Slot(plan.placement.slots.len());
        let spot = plan.placement.spot_of_value[output.index()]
            .ok_or_else(|| Error::Internal("an orthogonalised matrix without a slot".to_owned()))?;
        let mut dispatches = plan.dispatches;
        for dispatch in &mut dispatches {
            // Not a node of the training graph.
            dispatch.node = None;
            let inputs = dispatch.bindings.iter_mut();
            for binding in inputs.filter(|binding| binding.buffer == Buffer::Input(Input::Free(0))) {
                *binding = Binding { buffer: slot, bytes: binding.bytes.or(Some(bytes)), ..*binding };
            }
        }
        Ok(Self {
            dispatches,
            input: Binding { buffer: slot, offset: 0, bytes: Some(bytes.next_multiple_of(16)) },
            output: Binding { buffer: Buffer::Slot(spot.slot), offset: spot.offset, bytes: Some(bytes) },
        })
    }
}

/// Muon's update of a part of a matrix.
fn muon_dispatches(
    arena: &ArenaLayout,
    rule: &Optimizer,
    (matrix, part): (&Matrix, &Matrix),
    orthogonalisation: &Orthogonalisation,
    target: &Target,
) -> Result<Vec<Dispatch>> {
    let scope: Rc<str> = Rc::from("muon");
    let (piece, own) = arena.whole(matrix)?;
    // A part need not begin where a binding may.
    let all = Chunk { piece, own };
    let first = (part.start - matrix.start) as u32;
    let (rows, columns, transposed) = (part.rows as u32, part.columns as u32, u32::from(part.is_tall()));
    let x = orthogonalisation.input;
    let (momentum, rest) = (muon::MOMENTUM, 1.0 - muon::MOMENTUM);
    let arguments = muon_momentum::Arguments { first, rows, columns, transposed, momentum, rest };
    let bindings = vec![
        Binding::whole(Buffer::Control),
        all.of(Buffer::Gradients, 4),
        all.of(Buffer::FirstMoments, 4),
        x,
    ];
    let vectors = part.count().div_ceil(4);
    let groups = grid((4 * vectors).div_ceil(GROUP))?;
    let mut dispatches =
        vec![Dispatch::of_phase(muon_momentum::kernel(), arguments.bytes(), bindings, groups, &scope)];
    let (squares, partials) = squares(std::iter::once((x, vectors)), target, &scope);
    dispatches.extend(squares);
    let arguments =
        muon_normalise::Arguments { count: vectors as u32, partials: partials as u32, eps: muon::EPS };
    let bindings = vec![Binding::whole(Buffer::Partials), x];
    let kernel = muon_normalise::kernel();
    let groups = grid(vectors.div_ceil(GROUP))?;
    dispatches.push(Dispatch::of_phase(kernel, arguments.bytes(), bindings, groups, &scope));
    dispatches.extend(orthogonalisation.dispatches.iter().cloned());
    let (weight_decay, rate, keeps_zeros) = (rule.weight_decay, part.rate(), u32::from(rule.keeps_zeros));
    let arguments =
        muon_update::Arguments { first, rows, columns, transposed, weight_decay, rate, keeps_zeros };
    let bindings = vec![
        Binding::whole(Buffer::Control),
        Binding::whole(Buffer::Schedule),
        orthogonalisation.output,
        all.of(Buffer::Parameters, 4),
    ];
    let groups = grid(part.count().div_ceil(GROUP))?;
    dispatches.push(Dispatch::of_phase(muon_update::kernel(), arguments.bytes(), bindings, groups, &scope));
    Ok(dispatches)
}

/// FLOPs of the optimizer's matrix products in a step.
pub fn flops(arena: &ArenaLayout, optimizer: &Optimizer) -> f64 {
    let parts = optimizer.matrices(arena).iter().flat_map(Matrix::parts);
    parts.map(|matrix| muon::flops(matrix.shape())).sum()
}

/// Updates the 16-bit copy of all weights: the last dispatches of an update, and whenever weights were changed from outside.
pub fn cast_dispatches(arena: &ArenaLayout) -> Result<Vec<Dispatch>> {
    let scope: Rc<str> = Rc::from("update");
    chunks(arena, 0..arena.length)
        .map(|chunk| {
            let count = chunk.count();
            let kernel = cast_f16::kernel(cast_f16::Width::Half);
            let arguments = cast_f16::Arguments { count: count as u32 }.bytes();
            let bindings = vec![chunk.of(Buffer::Parameters, 4), chunk.of(Buffer::HalfParameters, 2)];
            Ok(Dispatch::of_phase(kernel, arguments, bindings, grid(count.div_ceil(GROUP))?, &scope))
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
        // Scales the first moment, and so the step.
        rest1: (1.0 - rule.beta1) * rule.step_scale,
        rest2: 1.0 - rule.beta2,
        eps: rule.eps,
        weight_decay: rule.weight_decay,
        keeps_zeros: u32::from(rule.keeps_zeros),
    };
    let mut bindings = vec![
        Binding::whole(Buffer::Control),
        Binding::whole(Buffer::Schedule),
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
        OptimizerKind::Adamw | OptimizerKind::Adam | OptimizerKind::Muon => optimizer::Rule::Adam,
        OptimizerKind::Sgd => optimizer::Rule::Sgd,
        OptimizerKind::Rmsprop => optimizer::Rule::Rmsprop,
    });
    let groups = grid(count.div_ceil(GROUP))?;
    Ok(Dispatch::of_phase(kernel, arguments.bytes(), bindings, groups, scope))
}

/// Advances to the next uploaded micro-batch; each micro-batch's last dispatch.
pub fn advance_dispatch() -> Dispatch {
    let arguments = advance::Arguments { by: 1 }.bytes();
    Dispatch::of_phase(
        advance::kernel(),
        arguments,
        vec![Binding::whole(Buffer::Control)],
        [1, 1, 1],
        &Rc::from("advance"),
    )
}
