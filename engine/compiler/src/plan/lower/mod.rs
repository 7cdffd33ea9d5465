//! Lowering: selects kernels, arguments and workgroups for each op. One file per family of ops, named as in [`crate::graph::ops`].

mod attention;
mod cached;
mod dictionary;
mod distil;
mod elementwise;
mod embedding;
mod experts;
mod fused;
mod head_norm;
mod linear;
mod loss;
mod matmul;
mod mlp;
mod norm;
mod parts;
mod policy;
mod preference;
mod products;
mod rope;
#[cfg(test)]
mod tests;
mod tuning;
mod unlikelihood;
mod unpack;

pub(super) use matmul::{FEW_ROWS, default_slices};
pub(super) use parts::RowRange;
pub(super) use tuning::MAX_SLICES;
pub use tuning::{Choice, Choices, Cooperative, Family, Operands, ShapeBucket, Side, Tier};

use super::Buffer;
use super::arena::ALIGNMENT;
use super::fuse::Fusions;
use crate::graph::ops::{Named, Operation};
use crate::graph::{Element, Graph, Node, NodeId, Type, ValueId};
use crate::{Result, dispatch};
use glasshouse_shaders::Kernel;
use std::sync::Arc;

/// Device properties that determine the kernel variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A software adapter, which ends long loops early: kernels with such loops are refused.
    pub software: bool,
    /// Maximum bytes of a binding. Larger weights take one launch per range of rows.
    pub binding: u64,
    /// Maximum bytes of a buffer. Larger weights are split over several.
    pub buffer: u64,
    /// Subgroup additions are supported: enables kernels that use them.
    pub subgroups: bool,
    /// Supported cooperative matrices: enables kernels that use them.
    pub cooperative: Cooperative,
    pub fusions: Fusions,
    /// Whether costs are those of a GPU, which computes all experts for all tokens.
    pub computes_all_experts: bool,
    /// Choices that override the defaults.
    choices: Option<Arc<Choices>>,
}

impl Target {
    /// A device without limits on buffers and bindings, with default kernels.
    pub const fn new(software: bool) -> Self {
        Self {
            software,
            binding: u64::MAX,
            buffer: u64::MAX,
            subgroups: false,
            cooperative: Cooperative::NONE,
            fusions: Fusions::ALL,
            computes_all_experts: false,
            choices: None,
        }
    }

    /// Sets the maximum bytes of a binding.
    pub fn with_binding(self, binding: u64) -> Self {
        Self { binding, ..self }
    }

    /// Sets the maximum bytes of a buffer, rounded down to whole arena entries, so that a weight fits exactly if its padding does.
    pub fn with_buffer(self, buffer: u64) -> Self {
        let entry = ALIGNMENT as u64 * 4;
        Self { buffer: buffer / entry * entry, ..self }
    }

    pub fn with_subgroups(self, subgroups: bool) -> Self {
        Self { subgroups, ..self }
    }

    pub fn with_cooperative(self, cooperative: Cooperative) -> Self {
        Self { cooperative, ..self }
    }

    pub fn with_fusions(self, fusions: Fusions) -> Self {
        Self { fusions, ..self }
    }

    pub fn with_all_experts(self, computes_all_experts: bool) -> Self {
        Self { computes_all_experts, ..self }
    }

    pub fn with(self, choices: &Choices) -> Self {
        Self { choices: (!choices.is_empty()).then(|| Arc::new(choices.clone())), ..self }
    }

    pub fn choices(&self) -> Option<&Choices> {
        self.choices.as_deref()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BindingSource {
    Value(ValueId),
    /// Rows of a value: first row, whose offset is a multiple of 256 bytes, and count.
    Rows(ValueId, usize, usize),
    /// A value from this entry on, whose offset is a multiple of 256 bytes.
    From(ValueId, usize),
    /// A weight's 16-bit copy.
    Half(ValueId),
    /// Rows of a weight's 16-bit copy: first row, whose offset is a multiple of 256 bytes, and count.
    HalfRows(ValueId, usize, usize),
    /// The node's scratch, by index in [`Lowering::scratch`].
    Scratch(usize),
    /// One of the executor's buffers, whole.
    Buffer(Buffer),
}

impl BindingSource {
    pub const CONTROL: Self = Self::Buffer(Buffer::Control);
    pub const SCHEDULE: Self = Self::Buffer(Buffer::Schedule);
    pub const REPORTS: Self = Self::Buffer(Buffer::Reports);
    /// For a binding that a kernel does not read with its arguments: WebGPU has no empty bindings. Of all buffers, every plan has this.
    pub const UNREAD: Self = Self::CONTROL;
}

/// A dispatch before memory is laid out.
#[derive(Clone, Debug)]
pub struct Launch {
    pub kernel: &'static Kernel,
    /// Bytes of the kernel's arguments (binding 0).
    pub arguments: Vec<u8>,
    /// Bindings 1, 2, … in order.
    pub bindings: Vec<BindingSource>,
    pub groups: [u32; 3],
}

impl Launch {
    /// Creates a launch and checks it against the kernel's declaration. `groups` come from [`grid`] or from the caller.
    pub fn new(
        kernel: &'static Kernel,
        arguments: Vec<u8>,
        bindings: Vec<BindingSource>,
        groups: [u32; 3],
    ) -> Result<Self> {
        let declared = kernel.bindings.first().map_or(0, |arguments| arguments.stride as usize);
        let fault = |what: String| Err(crate::Error::Internal(format!("{}: {what}", kernel.name)));
        if arguments.len() != declared {
            return fault(format!("{} bytes of arguments, {declared} declared", arguments.len()));
        }
        if bindings.len() + 1 != kernel.bindings.len() {
            return fault(format!("{} bindings, {} declared", bindings.len() + 1, kernel.bindings.len()));
        }
        if groups.iter().any(|count| *count > MAX_WORKGROUPS) {
            return fault(format!("{groups:?} workgroups"));
        }
        Ok(Self { kernel, arguments, bindings, groups })
    }

    /// A launch with one invocation for each of `count` items.
    fn each(
        kernel: &'static Kernel,
        arguments: Vec<u8>,
        bindings: Vec<BindingSource>,
        count: usize,
    ) -> Result<Self> {
        Self::new(kernel, arguments, bindings, grid(count.div_ceil(kernel.workgroup_size[0] as usize))?)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Lowering {
    pub launches: Vec<Launch>,
    /// Sizes of shared scratch buffers in bytes.
    pub scratch: Vec<u64>,
}

impl Lowering {
    pub fn new(launches: Vec<Launch>) -> Self {
        Self { launches, scratch: Vec::new() }
    }

    pub fn one(launch: Launch) -> Self {
        Self::new(vec![launch])
    }
}

/// WebGPU's limit on workgroups per dimension.
const MAX_WORKGROUPS: u32 = 65_535;

/// Workgroups per row of a folded dispatch; `shared/grid.wgsl` has the same number.
const GROUPS_IN_ROW: u32 = 32_768;

/// A one-dimensional dispatch, folded into two: kernels get their index from `group_number`.
pub fn grid(groups: usize) -> Result<[u32; 3]> {
    let row = GROUPS_IN_ROW as usize;
    if groups <= row {
        Ok([groups as u32, 1, 1])
    } else if groups.div_ceil(row) <= MAX_WORKGROUPS as usize {
        Ok([GROUPS_IN_ROW, groups.div_ceil(row) as u32, 1])
    } else {
        Err(crate::Error::Refused(format!("{groups} workgroups are more than a device can start at once")))
    }
}

/// Total loop iterations after which llvmpipe silently ends an invocation's loops (Mesa's `LP_MAX_TGSI_LOOP_ITERATIONS`,
/// 65,535), with a margin for nested loops.
const MAX_LOOP_ITERATIONS: usize = 60_000;

/// Refuses loops that a software adapter might end early, since it would silently return wrong numbers.
fn within_longest_loop(site: NodeContext<'_>, turns: usize, advice: &str) -> Result<()> {
    if site.target.software && turns > MAX_LOOP_ITERATIONS {
        return Err(crate::Error::Refused(format!(
            "{}: a loop of {turns} iterations, which a software adapter may end early; {advice}, or choose the CPU (device cpu)",
            site.node.scope
        )));
    }
    Ok(())
}

/// Selects the variant for `count` entries: single floats, vectors of four, or four f16 values. f16 requires a multiple of four.
fn by_width<Variant>(count: usize, half: bool, [one, four, f16s]: [Variant; 3]) -> Result<Variant> {
    match (count.is_multiple_of(4), half) {
        (true, true) => Ok(f16s),
        (true, false) => Ok(four),
        (false, false) => Ok(one),
        (false, true) => {
            Err(crate::Error::Internal(format!("{count} 16-bit entries are not a multiple of 4")))
        }
    }
}

/// Sizes as arguments of kernels.
fn words<const N: usize>(sizes: [usize; N]) -> [u32; N] {
    sizes.map(|size| size as u32)
}

/// For the column-sum kernels (`shared/columns.wgsl`): whether lanes share a column, and the workgroups. Short or wide matrices
/// fill a device without sharing.
fn tall(rows: usize, columns: usize) -> Result<(bool, [u32; 3])> {
    let shared = rows > 64 && columns < 16_384;
    Ok((shared, grid(columns.div_ceil(if shared { 4 } else { 16 }))?))
}

/// A node in its graph and the target that it is lowered for.
#[derive(Clone, Copy)]
pub struct NodeContext<'graph> {
    pub graph: &'graph Graph,
    pub node: &'graph Node,
    pub target: &'graph Target,
}

#[derive(Clone, Copy)]
pub struct Operand<'graph> {
    pub value: ValueId,
    pub ty: &'graph Type,
}

impl Operand<'_> {
    pub fn place(self) -> BindingSource {
        BindingSource::Value(self.value)
    }

    /// Whether it is stored in 16-bit floats.
    pub fn half(self) -> bool {
        self.ty.element == Element::F16
    }

    /// A weight's 16-bit copy, or the matrix itself if it is in 16 bits.
    pub fn half_weight(self) -> BindingSource {
        if self.half() { self.place() } else { BindingSource::Half(self.value) }
    }

    pub fn rows(self) -> usize {
        self.ty.rows()
    }

    pub fn columns(self) -> usize {
        self.ty.columns()
    }
}

trait Lower: Operation {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering>;
}

pub fn node(graph: &Graph, node: NodeId, target: &Target) -> Result<Lowering> {
    fn lower<O: Lower>(op: &O, site: NodeContext<'_>) -> Result<Lowering> {
        let operand = |value: &ValueId| Operand { value: *value, ty: site.graph.ty(*value) };
        let inputs = site.node.inputs.iter().map(operand);
        match Named::try_new(op, inputs, site.node.outputs.iter().map(operand)) {
            Some(operands) => op.lower(site, operands),
            None => Err(crate::Error::Internal(format!("{}: operands are missing", site.node.scope))),
        }
    }
    let site = NodeContext { graph, node: &graph.nodes[node.index()], target };
    if site.node.inputs.iter().any(|value| matches!(graph.ty(*value).element, Element::Gguf { .. })) {
        return Err(crate::Error::Internal("no kernel reads the blocks of a GGUF file".to_owned()));
    }
    dispatch!(&site.node.op, op => lower(op, site))
}
