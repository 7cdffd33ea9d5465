//! Lowering: which kernels an op becomes, with which arguments and how many workgroups. One file a family of ops, named as in
//! [`crate::graph::ops`].

mod attention;
mod attention_direct;
mod cached;
mod distil;
mod elementwise;
mod embedding;
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
#[cfg(test)]
mod reach;
mod rope;
mod tuning;
mod unlikelihood;

pub(super) use matmul::{FEW_ROWS, default_slices};
pub(super) use parts::RowRange;
pub(super) use tuning::MAX_SLICES;
pub use tuning::{Choice, Choices, Cooperative, Family, Operands, ShapeBucket, Side, Tier};

use super::Buffer;
use super::arena::ALIGNMENT;
use super::fuse::Fusions;
use crate::Result;
use crate::dispatch;
use crate::graph::ops::{Named, Operation};
use crate::graph::{Element, Graph, Node, NodeId, Type, ValueId};
use glasshouse_shaders::Kernel;
use std::sync::Arc;

/// What the kernels will run on, as far as the choice of variants goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A software adapter, which pays dearly for barriers: kernels without workgroup memory, unless chosen otherwise.
    pub software: bool,
    /// A software adapter that takes loads lane by lane, as SwiftShader: products with more registers.
    pub slow_loads: bool,
    /// Bytes that a kernel can bind at once. Of a larger weight each launch takes some rows.
    pub binding: u64,
    /// Bytes of a buffer. More weights than that lie in several.
    pub buffer: u64,
    /// Invocations can add up within subgroups: kernels that do are a choice.
    pub subgroups: bool,
    /// Matrices that subgroups multiply together: kernels that do are a choice.
    pub cooperative: Cooperative,
    /// Products of a few rows read weights from the copy in 16-bit floats.
    pub half_weights: bool,
    /// Which fusions are made.
    pub fusions: Fusions,
    /// What was chosen otherwise.
    choices: Option<Arc<Choices>>,
}

impl Target {
    /// A kind of device, with the kernels that suit it as a rule; its buffers hold whatever is there, and it binds them whole.
    pub const fn new(software: bool) -> Self {
        Self {
            software,
            slow_loads: false,
            binding: u64::MAX,
            buffer: u64::MAX,
            subgroups: false,
            cooperative: Cooperative::NONE,
            half_weights: false,
            fusions: Fusions::ALL,
            choices: None,
        }
    }

    /// The same device, told how it loads.
    pub fn with_slow_loads(self, slow_loads: bool) -> Self {
        Self { slow_loads, ..self }
    }

    /// The same device, which binds so many bytes at once.
    pub fn with_binding(self, binding: u64) -> Self {
        Self { binding, ..self }
    }

    /// The same device, whose buffers hold so many bytes: of that the whole entries of arenas, so that whether a weight fits and
    /// whether its padding does is one question.
    pub fn with_buffer(self, buffer: u64) -> Self {
        let entry = ALIGNMENT as u64 * 4;
        Self { buffer: buffer / entry * entry, ..self }
    }

    /// The same device, told whether it has subgroups.
    pub fn with_subgroups(self, subgroups: bool) -> Self {
        Self { subgroups, ..self }
    }

    /// The same device, told which cooperative matrices it has.
    pub fn with_cooperative(self, cooperative: Cooperative) -> Self {
        Self { cooperative, ..self }
    }

    /// The same device, where products of a few rows read f16 weights, or do not.
    pub fn with_half_weights(self, half_weights: bool) -> Self {
        Self { half_weights, ..self }
    }

    /// The same device, for which these fusions are made.
    pub fn with_fusions(self, fusions: Fusions) -> Self {
        Self { fusions, ..self }
    }

    /// The same device with choices of its own.
    pub fn with(self, choices: &Choices) -> Self {
        Self { choices: (!choices.is_empty()).then(|| Arc::new(choices.clone())), ..self }
    }

    /// What was chosen otherwise, if anything was.
    pub fn choices(&self) -> Option<&Choices> {
        self.choices.as_deref()
    }
}

/// What a launch binds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BindingSource {
    /// A value of the graph.
    Value(ValueId),
    /// Some rows of a value, the first at a multiple of 256 bytes: first row, how many.
    Rows(ValueId, usize, usize),
    /// A value from one of its entries on, which stands at a multiple of 256 bytes.
    From(ValueId, usize),
    /// A weight, from the copy in 16-bit floats.
    Half(ValueId),
    /// Some rows of that copy, the first at a multiple of 256 bytes: first row, how many.
    HalfRows(ValueId, usize, usize),
    /// The node's own scratch, by its position in [`Lowering::scratch`].
    Scratch(usize),
    /// One of the executor's buffers, whole.
    Buffer(Buffer),
}

/// A dispatch before memory is laid out.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What runs.
    pub kernel: &'static Kernel,
    /// Bytes of the kernel's arguments (binding 0).
    pub arguments: Vec<u8>,
    /// Bindings 1, 2, … in order.
    pub bindings: Vec<BindingSource>,
    /// Workgroups.
    pub groups: [u32; 3],
}

impl Launch {
    /// A launch, checked against what the kernel declares. Groups are [`grid`]'s or the caller's own.
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
}

/// What a node becomes.
#[derive(Clone, Debug, Default)]
pub struct Lowering {
    /// Launches in order.
    pub launches: Vec<Launch>,
    /// Bytes of scratch that they share.
    pub scratch: Vec<u64>,
}

impl Lowering {
    /// A node that is one launch.
    pub fn one(launch: Launch) -> Self {
        Self { launches: vec![launch], scratch: Vec::new() }
    }
}

/// WebGPU's limit on workgroups in a dimension.
const MAX_WORKGROUPS: u32 = 65_535;

/// Groups in a row of a folded dispatch; `shared/grid.wgsl` holds the same number.
const GROUPS_IN_ROW: u32 = 32_768;

/// A one-dimensional dispatch, folded into two: kernels ask `group_number` for their place.
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

/// Iterations of all its loops together after which llvmpipe ends an invocation's loops without a word, whatever they still
/// have to do (Mesa's `LP_MAX_TGSI_LOOP_ITERATIONS`, 65,535), with room for loops around loops.
const MAX_LOOP_ITERATIONS: usize = 60_000;

/// Refuses, on a software adapter, loops that it might end early: wrong numbers without a word are worse than none.
fn within_longest_loop(site: Site<'_>, turns: usize, advice: &str) -> Result<()> {
    if site.target.software && turns > MAX_LOOP_ITERATIONS {
        return Err(crate::Error::Refused(format!(
            "{}: a loop of {turns} turns, which a software adapter may end early; {advice}, or choose the CPU (device cpu)",
            site.node.scope
        )));
    }
    Ok(())
}

/// The variant for so many entries in a row or all together: float by float, four at a time, or four f16 values at a time, without which there are
/// no f16.
fn by_width<Variant>(count: usize, half: bool, [one, four, f16s]: [Variant; 3]) -> Result<Variant> {
    match (count.is_multiple_of(4), half) {
        (true, true) => Ok(f16s),
        (true, false) => Ok(four),
        (false, false) => Ok(one),
        (false, true) => {
            Err(crate::Error::Internal(format!("{count} entries in 16-bit floats: none are left over")))
        }
    }
}

/// Groups for the kernels that go row by row (`shared/rows.wgsl`): 64 rows a group in the direct tier, else one.
fn row_groups(tier: Tier, rows: usize) -> Result<[u32; 3]> {
    grid(if tier == Tier::Direct { rows.div_ceil(64) } else { rows })
}

/// The tier of one of the kernels that go row by row, whose modules are alike.
macro_rules! row_tier {
    ($module:ident, $tier:expr) => {
        match $tier {
            $crate::plan::lower::Tier::Direct | $crate::plan::lower::Tier::Wide => $module::Tier::Direct,
            $crate::plan::lower::Tier::Tiled | $crate::plan::lower::Tier::Cooperative => $module::Tier::Tiled,
            $crate::plan::lower::Tier::Subgroup => $module::Tier::Subgroup,
        }
    };
}
use row_tier;

/// For the kernels that add up columns (`shared/columns.wgsl`): whether lanes share a column, and how many groups there
/// are. Short or wide matrices fill a device without sharing, and a software adapter should not meet barriers unless a column is longer than
/// its longest loop.
fn tall(target: &Target, rows: usize, columns: usize) -> Result<(bool, [u32; 3])> {
    let shared = if target.software { rows > MAX_LOOP_ITERATIONS } else { rows > 64 && columns < 16_384 };
    Ok((shared, grid(columns.div_ceil(if shared { 4 } else { 16 }))?))
}

/// A node in its graph, as the families see it.
#[derive(Clone, Copy)]
pub struct Site<'graph> {
    /// The graph.
    pub graph: &'graph Graph,
    /// The node.
    pub node: &'graph Node,
    /// What it is lowered for.
    pub target: &'graph Target,
}

/// An operand of a node that is lowered.
#[derive(Clone, Copy)]
pub struct Operand<'graph> {
    /// The value.
    pub value: ValueId,
    /// Its type.
    pub ty: &'graph Type,
}

impl Operand<'_> {
    /// Where it lies.
    pub fn place(self) -> BindingSource {
        BindingSource::Value(self.value)
    }

    /// Whether it is stored in 16-bit floats.
    pub fn half(self) -> bool {
        self.ty.element == Element::F16
    }

    /// Where it lies in 16-bit floats, being a weight.
    pub fn half_weight(self) -> BindingSource {
        if self.half() { self.place() } else { BindingSource::Half(self.value) }
    }

    /// Its rows.
    pub fn rows(self) -> usize {
        self.ty.rows()
    }

    /// Its columns.
    pub fn columns(self) -> usize {
        self.ty.columns()
    }
}

/// An operation that kernels can do.
trait Lower: Operation {
    /// Its launches for a node.
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering>;
}

/// Lowers one node.
pub fn node(graph: &Graph, node: NodeId, target: &Target) -> Result<Lowering> {
    fn lower<O: Lower>(op: &O, site: Site<'_>) -> Result<Lowering> {
        let operand = |value: &ValueId| Operand { value: *value, ty: site.graph.ty(*value) };
        let inputs = site.node.inputs.iter().map(operand);
        match Named::of(op, inputs, site.node.outputs.iter().map(operand)) {
            Some(operands) => op.lower(site, operands),
            None => Err(crate::Error::Internal(format!("{}: operands are missing", site.node.scope))),
        }
    }
    let site = Site { graph, node: &graph.nodes[node.index()], target };
    dispatch!(&site.node.op, op => lower(op, site))
}
