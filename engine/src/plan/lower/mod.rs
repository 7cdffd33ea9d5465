//! Lowering: which kernels an op becomes, with which arguments and how many workgroups. One file a family of ops.

use super::Buffer;
use crate::error::Result;
use crate::graph::{Graph, NodeId, ValueId};
use glasshouse_shaders::Kernel;

/// What the kernels will run on, as far as the choice of variants goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// A software adapter, which pays dearly for barriers: kernels without workgroup memory.
    pub software: bool,
}

/// What a launch binds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// A value of the graph.
    Value(ValueId),
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
    pub bindings: Vec<Place>,
    /// Workgroups.
    pub groups: [u32; 3],
}

/// What a node becomes.
#[derive(Clone, Debug, Default)]
pub struct Lowering {
    /// Launches in order.
    pub launches: Vec<Launch>,
    /// Bytes of scratch that they share.
    pub scratch: Vec<u64>,
}

/// Lowers one node.
pub fn node(graph: &Graph, node: NodeId, _target: &Target) -> Result<Lowering> {
    let op = graph.nodes[node.index()].op;
    Err(crate::Error::Internal(format!("no kernel for {}", op.name())))
}
