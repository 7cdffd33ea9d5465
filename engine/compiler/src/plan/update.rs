//! The dispatches after a step's last micro-batch: gradient norm, clipping, the optimizer's pass over the arenas, and the
//! update of the weights' 16-bit copy if there is one; and the dispatch that advances to the next micro-batch.
//!
//! The arenas are walked in chunks of at most WebGPU's default binding limit, whatever the device's, so that a model's weights
//! may exceed it and all devices whose buffers hold the arenas add in the same order. A chunk does not cross buffers.

use super::arena::ArenaLayout;
use super::fuse::Fusions;
use super::lower::{FEW_ROWS, Target, grid};
use super::{Binding, Buffer, Dispatch, Numbered, Plan, compile};
use crate::graph::{Input, ValueId};
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
    let (mut all, mut partials) = (Vec::new(), 0);
    for chunk in chunks(arena, 0..arena.trained_end) {
        let (squares, groups) = squares(chunk.of(Buffer::Gradients, 4), chunk.count(), [partials, 1], &clip);
        all.push(squares);
        partials += groups;
    }
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
    let mut iterations = Iterations::default();
    for stack in stacks(arena, optimizer.matrices(arena), target)? {
        let key = (stack.len(), stack[0].matrix.shape());
        let iterations = match iterations.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(compiled_iterations(key, target)?),
        };
        all.extend(muon_dispatches(optimizer, &stack, iterations, target)?);
    }
    if optimizer.mixed {
        all.extend(cast_dispatches(arena)?);
    }
    Ok(all)
}

/// The dispatch of the partial sums of squares of `times` consecutive ranges of `count` vectors of four, written from number `first` on, and
/// their number per range.
fn squares(ranges: Binding, count: usize, [first, times]: [usize; 2], scope: &Rc<str>) -> (Dispatch, usize) {
    let groups = count.div_ceil(4 * GROUP).min(PARTIALS);
    let arguments =
        gradient_squares::Arguments { count: count as u32, groups: groups as u32, first: first as u32 };
    let bindings = vec![ranges, Binding::whole(Buffer::Partials)];
    let (kernel, grid) = (gradient_squares::kernel(), [groups as u32, 1, times as u32]);
    (Dispatch::of_phase(kernel, arguments.bytes(), bindings, grid, scope), groups)
}

/// A matrix that Muon orthogonalises, in the stored matrix that it is a part of.
struct Part {
    matrix: Matrix,
    /// The stored matrix, with its padding.
    stored: Chunk,
    /// Start in the stored matrix.
    first: usize,
}

impl Part {
    /// Whether both are the same part of equal matrices.
    fn is_like(&self, other: &Self) -> bool {
        let key = |part: &Self| (part.matrix.rows, part.first, part.stored.own.len(), part.stored.piece);
        key(self) == key(other)
    }
}

/// Matrices by shape, in stacks that are orthogonalised together: as many as the partial sums have room for, and a buffer. Large ones fill a
/// device on their own.
fn stacks(arena: &ArenaLayout, matrices: &[Matrix], target: &Target) -> Result<Vec<Vec<Part>>> {
    let mut by_shape: BTreeMap<[usize; 2], Vec<Part>> = BTreeMap::new();
    for matrix in matrices {
        for part in matrix.parts() {
            let (piece, own) = arena.whole(matrix)?;
            let first = part.start - matrix.start;
            let own = Part { matrix: part, stored: Chunk { piece, own }, first };
            by_shape.entry(own.matrix.shape()).or_default().push(own);
        }
    }
    let mut all = Vec::new();
    for ([rows, columns], mut parts) in by_shape {
        // The same part of consecutive layers is at equal distances.
        parts.sort_by_key(|part| (part.matrix.rows, part.first, part.stored.own.len()));
        // The vectors of a stack do not cross matrices, and its products are those of tiles.
        let alone = !(rows * columns).is_multiple_of(4) || rows <= FEW_ROWS;
        let count = rows * columns;
        let room =
            (target.binding.min(target.buffer) / (4 * count) as u64).clamp(1, PARTIALS as u64) as usize;
        let most = if alone { 1 } else { room.min(PARTIALS / count.div_ceil(16 * GROUP).min(PARTIALS)) };
        while !parts.is_empty() {
            let rest = parts.split_off(most.min(parts.len()));
            all.push(std::mem::replace(&mut parts, rest));
        }
    }
    Ok(all)
}

/// Splits a stack into runs of the same part of matrices at equal distances in one piece, which a dispatch can bind together.
fn runs<'stack>(stack: &'stack [Part], target: &Target) -> Vec<&'stack [Part]> {
    let most = CHUNK.min(usize::try_from(target.binding / 4).unwrap_or(usize::MAX));
    let (mut all, mut rest) = (Vec::new(), stack);
    while let [first, ..] = rest {
        let start = |at: usize| rest[at].stored.own.start;
        let joins = |at: &usize| {
            rest[*at].is_like(first)
                && start(*at) == start(0) + at * (start(1) - start(0))
                && rest[*at].stored.own.end - start(0) <= most
        };
        let (run, others) = rest.split_at(1 + (1..rest.len()).take_while(joins).count());
        all.push(run);
        rest = others;
    }
    all
}

/// Compiled Newton–Schulz iterations and the value of their result, by count and shape of matrices.
type Iterations = BTreeMap<(usize, [usize; 2]), (Plan, ValueId)>;

fn compiled_iterations((count, shape): (usize, [usize; 2]), target: &Target) -> Result<(Plan, ValueId)> {
    let (graph, _, output) = muon::orthogonalisation(count, shape)?;
    Ok((compile(graph, &[output], &target.clone().with_fusions(Fusions::NONE))?, output))
}

/// Muon's update of a stack of matrices. Its slots are those of the activations, which nothing reads during an update.
fn muon_dispatches(
    rule: &Optimizer,
    stack: &[Part],
    (plan, output): &(Plan, ValueId),
    target: &Target,
) -> Result<Vec<Dispatch>> {
    let scope: Rc<str> = Rc::from("muon");
    let count = stack.len();
    let bytes = plan.graph.ty(*output).bytes();
    let spot = plan.placement.spot_of_value[output.index()]
        .ok_or_else(|| Error::Internal("an orthogonalised matrix without a slot".to_owned()))?;
    let output = Binding { buffer: Buffer::Slot(spot.slot), offset: spot.offset, bytes: Some(bytes) };
    let input = Buffer::Slot(plan.placement.slots.len());
    // Rounded up to vectors of four.
    let x = Binding { buffer: input, offset: 0, bytes: Some(bytes.next_multiple_of(16)) };
    let vectors = stack[0].matrix.count().div_ceil(4);
    let repeated = |groups: usize, times: usize| grid(groups).map(|[x, y, _]| [x, y, times as u32]);

    let (mut momenta, mut updates, mut place) = (Vec::new(), Vec::new(), 0);
    for run in runs(stack, target) {
        let Part { matrix, stored, first } = &run[0];
        let end = run[run.len() - 1].stored.own.end;
        let all = Chunk { piece: stored.piece, own: stored.own.start..end };
        let distance = run.get(1).map_or(0, |next| next.stored.own.start - stored.own.start) as u32;
        let first = *first as u32;
        let (rows, columns, transposed) =
            (matrix.rows as u32, matrix.columns as u32, u32::from(matrix.is_tall()));
        let (momentum, rest) = (muon::MOMENTUM, 1.0 - muon::MOMENTUM);
        let arguments =
            muon_momentum::Arguments { first, distance, place, rows, columns, transposed, momentum, rest };
        let bindings = vec![
            Binding::whole(Buffer::Control),
            all.of(Buffer::Gradients, 4),
            all.of(Buffer::FirstMoments, 4),
            x,
        ];
        let groups = repeated((4 * vectors).div_ceil(GROUP), run.len())?;
        let kernel = muon_momentum::kernel();
        momenta.push(Dispatch::of_phase(kernel, arguments.bytes(), bindings, groups, &scope));
        let (weight_decay, keeps_zeros) = (rule.weight_decay, u32::from(rule.keeps_zeros));
        let arguments = muon_update::Arguments {
            first,
            distance,
            place,
            rows,
            columns,
            transposed,
            weight_decay,
            rate: matrix.rate(),
            keeps_zeros,
        };
        let bindings = vec![
            Binding::whole(Buffer::Control),
            Binding::whole(Buffer::Schedule),
            output,
            all.of(Buffer::Parameters, 4),
        ];
        let groups = repeated(matrix.count().div_ceil(GROUP), run.len())?;
        let kernel = muon_update::kernel();
        updates.push(Dispatch::of_phase(kernel, arguments.bytes(), bindings, groups, &scope));
        place += run.len() as u32;
    }

    let mut dispatches = momenta;
    let (squares, partials) = squares(x, vectors, [0, count], &scope);
    dispatches.push(squares);
    let arguments =
        muon_normalise::Arguments { count: vectors as u32, partials: partials as u32, eps: muon::EPS };
    let bindings = vec![Binding::whole(Buffer::Partials), x];
    let groups = repeated(vectors.div_ceil(GROUP), count)?;
    let kernel = muon_normalise::kernel();
    dispatches.push(Dispatch::of_phase(kernel, arguments.bytes(), bindings, groups, &scope));
    for dispatch in &plan.dispatches {
        // Not a node of the training graph.
        let mut dispatch = Dispatch { node: None, ..dispatch.clone() };
        let inputs = dispatch.bindings.iter_mut();
        for binding in inputs.filter(|binding| binding.buffer == Buffer::Input(Input::Free(0))) {
            *binding = Binding { buffer: input, bytes: binding.bytes.or(Some(bytes)), ..*binding };
        }
        dispatches.push(dispatch);
    }
    dispatches.extend(updates);
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
