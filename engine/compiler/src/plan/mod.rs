//! Compiles a graph to a static list of kernel dispatches over buffers of known size: plain data that can be built, printed,
//! tested and measured without a device.
//!
//! [`fuse`] fuses nodes, [`lower`] turns each node into dispatches, [`memory`] places values in slots, [`arena`] lays out the weights.
//! `gpu` replays a plan. Per-step data is in buffers that the kernels index by [`Control::row`](control), never in the plan.

pub mod arena;
pub mod buffers;
pub mod cluster;
pub mod control;
pub mod decode;
pub mod disk;
pub mod estimate;
pub mod fit;
pub mod forecast;
pub mod fuse;
pub mod lower;
pub mod memory;
pub mod merge;
pub mod trial;
pub mod update;
pub mod work;

#[cfg(test)]
mod tests;

use crate::Result;
use crate::graph::ops::{ExpertLinearInputBackward, ExpertLinearWeightBackward};
use crate::graph::{Element, Graph, Input, NodeId, Op, Origin, ValueId};
use arena::ArenaLayout;
use glasshouse_shaders::Kernel;
use lower::{BindingSource, Lowering};
use memory::{Placement, Spot};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Buffer {
    /// Activation slot by number, shared by several values.
    Slot(usize),
    /// A piece of the weights, by index in [`ArenaLayout::pieces`].
    Parameters(usize),
    /// A piece of the weights' 16-bit copy, which has the same layout; mixed precision only.
    HalfParameters(usize),
    /// A piece of the weights stored in fewer bits, by index in [`ArenaLayout::stored_pieces`].
    Stored(usize),
    Gradients(usize),
    /// A piece of the first moments, or of SGD's momentum.
    FirstMoments(usize),
    SecondMoments(usize),
    /// Filled in by the host. [`Input::Tokens`], [`Input::Targets`], [`Input::Starts`], [`Input::Scores`],
    /// [`Input::Shares`] and [`Input::TokenOrder`] hold several micro-batches; kernels index them by the control's row.
    Input(Input),
    /// A constant table, by its value.
    Constant(ValueId),
    /// A key or value cache, by its number.
    Cache(u32),
    /// One [`control::ScheduleRow`] per uploaded micro-batch.
    Schedule,
    /// The [`control::Control`] structure.
    Control,
    /// One [`control::ReportRow`] per uploaded micro-batch.
    Reports,
    /// Partial sums of squares of the gradient, [`update::partial_bytes`] long.
    Partials,
    Decode(decode::DecodeBuffer),
}

/// Constructor of a numbered buffer, such as [`Buffer::Gradients`].
pub type Numbered = fn(usize) -> Buffer;

/// A range of a buffer. Bindings follow the arguments in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binding {
    pub buffer: Buffer,
    /// Start in bytes, a multiple of 256.
    pub offset: u64,
    /// Length in bytes; `None` for the rest of the buffer.
    pub bytes: Option<u64>,
}

impl Binding {
    pub fn whole(buffer: Buffer) -> Self {
        Self { buffer, offset: 0, bytes: None }
    }
}

#[derive(Clone, Debug)]
pub struct Dispatch {
    pub kernel: &'static Kernel,
    /// Bytes of the kernel's `Arguments` struct (binding 0).
    pub arguments: Vec<u8>,
    /// Bindings 1, 2, … in order.
    pub bindings: Vec<Binding>,
    pub groups: [u32; 3],
    /// The graph node; `None` for the optimizer and the sampler.
    pub node: Option<NodeId>,
    /// The node's scope, or the phase's name.
    pub scope: Rc<str>,
}

impl Dispatch {
    /// A dispatch of a phase, such as the update, that is no node of the graph.
    fn of_phase(
        kernel: &'static Kernel,
        arguments: Vec<u8>,
        bindings: Vec<Binding>,
        groups: [u32; 3],
        phase: &Rc<str>,
    ) -> Self {
        Self { kernel, arguments, bindings, groups, node: None, scope: phase.clone() }
    }
}

#[derive(Debug)]
pub struct Plan {
    /// The graph after fusions.
    pub graph: Graph,
    /// Layout of weights, gradients and moments.
    pub arena: ArenaLayout,
    pub placement: Placement,
    pub dispatches: Vec<Dispatch>,
}

/// Makes products of experts declare the cost of all of them.
fn compute_all_experts(graph: &mut Graph) {
    for node in &mut graph.nodes {
        if let Op::ExpertLinear(op)
        | Op::ExpertLinearInputBackward(ExpertLinearInputBackward(op))
        | Op::ExpertLinearWeightBackward(ExpertLinearWeightBackward(op)) = &mut node.op
        {
            op.per_token = graph.values[node.inputs[1].index()].ty.columns();
        }
    }
}

/// Applies the target's fusions and lowers a graph. Values of `keep` stay readable after the run. `target` determines the kernel variants.
pub fn compile(graph: Graph, keep: &[ValueId], target: &lower::Target) -> Result<Plan> {
    let mut graph = fuse::fused(graph, keep, target);
    if target.computes_all_experts {
        compute_all_experts(&mut graph);
    }
    let lowered: Vec<Lowering> = (0..graph.nodes.len())
        .map(|at| lower::node(&graph, NodeId(at as u32), target))
        .collect::<Result<_>>()?;
    let scratch: Vec<Vec<u64>> = lowered.iter().map(|lowering| lowering.scratch.clone()).collect();
    let arena = ArenaLayout::on(&graph, target)?;
    let placement = memory::place(&graph, keep, &scratch);
    let mut dispatches = Vec::new();
    for (at, lowering) in lowered.into_iter().enumerate() {
        for launch in lowering.launches {
            let bindings = launch
                .bindings
                .iter()
                .map(|place| binding(&graph, &arena, &placement, &scratch, at, *place))
                .collect::<Result<Vec<_>>>()?;
            dispatches.push(Dispatch {
                kernel: launch.kernel,
                arguments: launch.arguments,
                bindings,
                groups: launch.groups,
                node: Some(NodeId(at as u32)),
                scope: graph.nodes[at].scope.clone(),
            });
        }
    }
    Ok(Plan { graph, arena, placement, dispatches })
}

/// Resolves a binding source after memory was laid out.
fn binding(
    graph: &Graph,
    arena: &ArenaLayout,
    placement: &Placement,
    scratch: &[Vec<u64>],
    node: usize,
    place: BindingSource,
) -> Result<Binding> {
    let whole = |buffer| Ok(Binding::whole(buffer));
    let (value, start, bytes) = match place {
        BindingSource::Buffer(buffer) => return whole(buffer),
        BindingSource::Scratch(number) => {
            let (Spot { slot, offset }, bytes) =
                (placement.scratch_of_node[node][number], scratch[node][number]);
            return Ok(Binding { buffer: Buffer::Slot(slot), offset, bytes: Some(bytes) });
        }
        BindingSource::Value(value) => (value, 0, graph.ty(value).bytes()),
        BindingSource::Half(value) => (value, 0, graph.ty(value).bytes() / 2),
        BindingSource::Rows(value, first, count) => {
            let row = graph.ty(value).row_bytes();
            (value, first as u64 * row, count as u64 * row)
        }
        BindingSource::HalfRows(value, first, count) => {
            let row = graph.ty(value).columns() as u64 * 2;
            (value, first as u64 * row, count as u64 * row)
        }
        BindingSource::From(value, entry) => {
            let entry_bytes = if graph.ty(value).element == Element::F16 { 2 } else { 4 };
            let start = entry as u64 * entry_bytes;
            (value, start, graph.ty(value).bytes() - start)
        }
    };
    let half = matches!(place, BindingSource::Half(_) | BindingSource::HalfRows(..));
    let bound = |buffer| match place {
        BindingSource::Rows(..) | BindingSource::From(..) => {
            Ok(Binding { buffer, offset: start, bytes: Some(bytes) })
        }
        _ => whole(buffer),
    };
    // Entries of an arena are floats, f16s or words.
    let entry = |buffer: Numbered, id: crate::graph::ParameterId, entry_bytes: u64| {
        let first = (start / entry_bytes) as usize;
        let mut spans = arena.spans_of(id, first..first + (bytes / entry_bytes) as usize);
        match (spans.next(), spans.next()) {
            (Some((piece, own)), None) => Ok(Binding {
                buffer: buffer(piece),
                offset: own.start as u64 * entry_bytes,
                bytes: Some(bytes),
            }),
            _ => Err(arena.too_large(&graph.parameters[id.index()])),
        }
    };
    match graph.values[value.index()].origin {
        Origin::Input(input) => bound(Buffer::Input(input)),
        Origin::Parameter(id) if arena.stored(id).is_some() => entry(Buffer::Stored, id, 4),
        Origin::Parameter(id) if half => entry(Buffer::HalfParameters, id, 2),
        _ if half => {
            Err(crate::Error::Internal(format!("value {} is not a weight and has no 16-bit copy", value.0)))
        }
        Origin::Parameter(id) => entry(Buffer::Parameters, id, 4),
        Origin::Gradient(id) => entry(Buffer::Gradients, id, 4),
        Origin::Constant(_) => bound(Buffer::Constant(value)),
        Origin::Cache(number) => bound(Buffer::Cache(number)),
        Origin::Node(_) | Origin::Removed => match placement.spot_of_value[value.index()] {
            Some(Spot { slot, offset }) => {
                Ok(Binding { buffer: Buffer::Slot(slot), offset: offset + start, bytes: Some(bytes) })
            }
            None => Err(crate::Error::Internal(format!("value {} has no slot", value.0))),
        },
    }
}
