//! All buffers that an executor creates for a set of plans, with their sizes. `estimate` sums this list and `gpu` allocates it,
//! so they always agree.
//!
//! The plans run one after another over the same parameters and share slots, inputs, caches and the small control tables; each
//! plan has its own constants and kernel arguments.

use super::control::{Control, ReportRow, ScheduleRow};
use super::{Buffer, Dispatch, Numbered, Plan};
use crate::graph::{Input, Origin};
use crate::optimizer::Optimizer;
use glasshouse_protocol::MemoryKind;
use std::mem::size_of;
use std::ops::Range;

/// Bytes between the arguments of two dispatches: WebGPU's alignment of uniform bindings.
pub const ARGUMENTS_STRIDE: u64 = 256;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Bound by dispatches.
    Bound(Buffer),
    /// Arguments of a plan's dispatches, [`ARGUMENTS_STRIDE`] bytes each.
    Arguments,
    /// Mapped by the host to read the reports.
    Readback,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocation {
    pub role: Role,
    /// Index of the plan that it belongs to; `None` if all share it.
    pub plan: Option<usize>,
    pub bytes: u64,
    /// Category in the memory report.
    pub kind: MemoryKind,
}

impl Allocation {
    /// A buffer that all plans bind.
    pub(super) fn shared(buffer: Buffer, bytes: u64, kind: MemoryKind) -> Self {
        Self { role: Role::Bound(buffer), plan: None, bytes, kind }
    }
}

/// Whether an input's buffer holds several micro-batches in sequence.
pub fn ringed(input: Input) -> bool {
    matches!(
        input,
        Input::Tokens | Input::Targets | Input::Starts | Input::TokenOrder | Input::Scores | Input::Shares
    )
}

/// All buffers for `plans`, which must have the same parameters, with a ring of `ring` micro-batches. With an optimizer there
/// are also gradients, moments and the `update` dispatches, whose arguments follow those of the first plan.
pub fn buffers(
    plans: &[&Plan],
    optimizer: Option<&Optimizer>,
    update: &[Dispatch],
    ring: usize,
) -> Vec<Allocation> {
    let mut all = Vec::new();
    if let Some(plan) = plans.first() {
        arenas(plan, plans, optimizer, &mut all);
        if optimizer.is_some() {
            let partials = super::update::partial_bytes(&plan.arena);
            all.push(Allocation::shared(Buffer::Partials, partials, MemoryKind::TablesAndStaging));
        }
    }
    // One more for the dispatch that advances to the next micro-batch.
    let further = if optimizer.is_some() { update.len() + 1 } else { 0 };
    for (slot, bytes) in slots(plans, update).into_iter().enumerate() {
        all.push(Allocation::shared(Buffer::Slot(slot), bytes, MemoryKind::Activations));
    }
    inputs(plans, ring, &mut all);
    caches(plans, &mut all);
    for (at, plan) in plans.iter().enumerate() {
        own(plan, at, if at == 0 { further } else { 0 }, &mut all);
    }
    let rows = |size: usize| (ring * size) as u64;
    let staging = MemoryKind::TablesAndStaging;
    all.push(Allocation::shared(Buffer::Control, size_of::<Control>() as u64, staging));
    all.push(Allocation::shared(Buffer::Schedule, rows(size_of::<ScheduleRow>()), staging));
    all.push(Allocation::shared(Buffer::Reports, rows(size_of::<ReportRow>()), staging));
    let readback = rows(size_of::<ReportRow>());
    // Double-buffered: one is read while the other is filled.
    for _ in 0..2 {
        all.push(Allocation { role: Role::Readback, plan: None, bytes: readback, kind: staging });
    }
    all
}

/// Bytes of each slot: the most that any plan needs, or the update's dispatches, which bind ranges of known length.
fn slots(plans: &[&Plan], update: &[Dispatch]) -> Vec<u64> {
    let of_plans = plans.iter().flat_map(|plan| plan.placement.slots.iter().copied().enumerate());
    let bindings = update.iter().flat_map(|dispatch| &dispatch.bindings);
    let of_update = bindings.filter_map(|binding| match binding.buffer {
        Buffer::Slot(slot) => Some((slot, binding.offset + binding.bytes.unwrap_or(0))),
        _ => None,
    });
    let mut slots = Vec::new();
    for (slot, bytes) in of_plans.chain(of_update) {
        slots.resize(slots.len().max(slot + 1), 0);
        slots[slot] = bytes.max(slots[slot]);
    }
    slots
}

/// Pieces of weights, gradients and moments in the first plan's layout.
fn arenas(first: &Plan, plans: &[&Plan], optimizer: Option<&Optimizer>, all: &mut Vec<Allocation>) {
    let (length, trained) = (first.arena.floats_end, first.arena.trained_end);
    let mut push = |wanted: bool, buffer: Numbered, end: usize, entry_bytes: u64, kind| {
        let pieces = first.arena.spans(0..end).filter(|_| wanted);
        let bytes = |own: Range<usize>| own.len() as u64 * entry_bytes;
        all.extend(pieces.map(|(piece, own)| Allocation::shared(buffer(piece), bytes(own), kind)));
    };
    let asks = |what: fn(&Optimizer) -> bool| optimizer.is_some_and(what);
    push(true, Buffer::Parameters, length, 4, MemoryKind::Weights);
    let f16s = reads_f16(plans) || asks(|optimizer| optimizer.mixed);
    push(f16s, Buffer::HalfParameters, length, 2, MemoryKind::Weights);
    let gradients = optimizer.is_some() || has_gradients(plans);
    push(gradients, Buffer::Gradients, trained, 4, MemoryKind::Gradients);
    push(asks(Optimizer::first_moments), Buffer::FirstMoments, trained, 4, MemoryKind::OptimizerState);
    push(asks(Optimizer::second_moments), Buffer::SecondMoments, trained, 4, MemoryKind::OptimizerState);
    let stored = first.arena.stored_pieces.iter().enumerate();
    all.extend(stored.map(|(piece, words)| {
        Allocation::shared(Buffer::Stored(piece), words.len() as u64 * 4, MemoryKind::Weights)
    }));
}

/// Whether any dispatch reads the weights' 16-bit copy.
fn reads_f16(plans: &[&Plan]) -> bool {
    let mut bindings = plans.iter().flat_map(|plan| &plan.dispatches).flat_map(|dispatch| &dispatch.bindings);
    bindings.any(|binding| matches!(binding.buffer, Buffer::HalfParameters(_)))
}

fn has_gradients(plans: &[&Plan]) -> bool {
    let gradient = |value: &crate::graph::Value| matches!(value.origin, Origin::Gradient(_));
    plans.iter().any(|plan| plan.graph.values.iter().any(gradient))
}

/// Inputs, each with the largest size that any plan needs.
fn inputs(plans: &[&Plan], ring: usize, all: &mut Vec<Allocation>) {
    let mut sizes: Vec<(Input, u64)> = Vec::new();
    for value in plans.iter().flat_map(|plan| &plan.graph.values) {
        if let Origin::Input(input) = value.origin {
            let bytes = value.ty.bytes() * if ringed(input) { ring as u64 } else { 1 };
            match sizes.iter_mut().find(|(other, _)| *other == input) {
                Some((_, size)) => *size = bytes.max(*size),
                None => sizes.push((input, bytes)),
            }
        }
    }
    let staged =
        |(input, bytes)| Allocation::shared(Buffer::Input(input), bytes, MemoryKind::TablesAndStaging);
    all.extend(sizes.into_iter().map(staged));
}

/// Caches, shared by plans for different chunk sizes.
fn caches(plans: &[&Plan], all: &mut Vec<Allocation>) {
    for value in plans.iter().flat_map(|plan| &plan.graph.values) {
        if let Origin::Cache(number) = value.origin {
            let own = Allocation::shared(Buffer::Cache(number), value.ty.bytes(), MemoryKind::Caches);
            if all.iter().all(|other| other.role != own.role) {
                all.push(own);
            }
        }
    }
}

/// Buffers of one plan: constants and arguments.
fn own(plan: &Plan, at: usize, further_dispatches: usize, all: &mut Vec<Allocation>) {
    let mut push = |role, bytes, kind| all.push(Allocation { role, plan: Some(at), bytes, kind });
    for (number, value) in plan.graph.values.iter().enumerate() {
        let id = crate::graph::ValueId(number as u32);
        if let Origin::Constant(_) = value.origin {
            push(Role::Bound(Buffer::Constant(id)), value.ty.bytes(), MemoryKind::TablesAndStaging);
        }
    }
    let dispatches = (plan.dispatches.len() + further_dispatches) as u64;
    push(Role::Arguments, dispatches * ARGUMENTS_STRIDE, MemoryKind::TablesAndStaging);
}
