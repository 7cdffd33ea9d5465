//! Fusions: a pass over a whole training graph, forward and backward, that replaces several nodes by one that uses less memory
//! or time. Model building and differentiation are independent of fusions: they are made when a graph is lowered, and the
//! result is the same up to rounding.
//!
//! Values keep their ids. Those that are no longer computed become [`Origin::Removed`].

use super::lower::Target;
use crate::graph::ops::*;
use crate::graph::{Element, Graph, Node, NodeId, Op, Origin, Type, ValueId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusions {
    /// Head and cross-entropy ([`LinearCrossEntropy`]), and their gradients.
    pub head: Option<HeadFusion>,
    /// Residual additions with the linear layer or dropout before them.
    pub residual: bool,
    /// Linear layers with the conversion of their quantised weight, and experts with that of any stored weight, for an executor that
    /// multiplies it as it is stored.
    pub quantised: bool,
}

impl Fusions {
    pub const NONE: Self = Self { head: None, residual: false, quantised: false };
    /// Those of every executor.
    pub const ALL: Self = Self { head: Some(HeadFusion::LARGE), residual: true, ..Self::NONE };
}

/// Fuses the head with the cross-entropy, a chunk of rows at a time. The backward pass recomputes the product, so that the
/// logits are never stored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadFusion {
    /// Logits above this size are not stored whole.
    pub bytes: u64,
    /// Minimum number of columns of the logits. Below it, a chunk's weight gradient has few tiles, and its rows are not sliced
    /// as a linear layer's would be.
    pub vocabulary: usize,
    pub chunk: u64,
}

impl HeadFusion {
    /// For logits larger than half of what any WebGPU device can bind.
    pub const LARGE: Self = Self { bytes: 64 << 20, vocabulary: 2048, chunk: 32 << 20 };

    /// Rows per chunk: a multiple of 64, or all.
    fn rows(self, rows: usize, vocabulary: usize) -> usize {
        let fitting = (self.chunk / (vocabulary as u64 * 4)) as usize / 64 * 64;
        fitting.max(rows.div_ceil(MAX_CHUNKS).next_multiple_of(64)).min(rows)
    }
}

/// Maximum number of chunks: each takes six or seven dispatches. If a device cannot bind so large a chunk, the batch must be smaller.
const MAX_CHUNKS: usize = 5;

/// Returns the graph with the target's fusions, except those that would remove a value of `keep`.
pub fn fused(graph: Graph, keep: &[ValueId], target: &Target) -> Graph {
    let Fusions { head, residual, quantised } = target.fusions;
    let mut pass = Pass::new(graph, keep);
    for at in 0..pass.nodes.len() {
        let Some(node) = pass.nodes[at].clone() else { continue };
        match node.op {
            Op::Linear(op) if quantised => pass.quantised(at, op, node.named(&op)),
            Op::ExpertLinear(op) if quantised => pass.stored_experts(at, op, node.named(&op)),
            Op::Add(op) if residual => pass.residual(at, node.named(&op)),
            Op::CrossEntropy(op) => head.and_then(|head| pass.head(at, op, node.named(&op), head)),
            _ => None,
        };
    }
    pass.done()
}

struct Pass<'plan> {
    graph: Graph,
    /// The graph's nodes; `None` if absorbed by another.
    nodes: Vec<Option<Node>>,
    /// Indices of the nodes that read each value.
    users: Vec<Vec<usize>>,
    keep: &'plan [ValueId],
}

impl<'plan> Pass<'plan> {
    fn new(mut graph: Graph, keep: &'plan [ValueId]) -> Self {
        let mut users = vec![Vec::new(); graph.values.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|input| users[input.index()].push(at));
        }
        let nodes = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
        Self { graph, nodes, users, keep }
    }

    /// The node that computes a value, if it still exists.
    fn producer(&self, value: ValueId) -> Option<(usize, &Node)> {
        let Origin::Node(at) = self.graph.values[value.index()].origin else { return None };
        Some((at.index(), self.nodes[at.index()].as_ref()?))
    }

    /// Whether a value may be removed: it has exactly one reader and is not kept.
    fn has_one_user(&self, value: ValueId) -> bool {
        self.users[value.index()].len() == 1 && !self.keep.contains(&value)
    }

    fn element(&self, value: ValueId) -> Element {
        self.graph.ty(value).element
    }

    /// The linear layer without residual that computes a value: its index and inputs.
    fn linear(&self, value: ValueId) -> Option<(usize, LinearInputs<ValueId>)> {
        let (at, producer) = self.producer(value)?;
        match producer.op {
            Op::Linear(op) if !op.residual => Some((at, producer.named(&op)?.inputs)),
            _ => None,
        }
    }

    /// Replaces node `at`, the last of the fused nodes, by `op`; removes the `absorbed` ones.
    fn replace<O: Operation>(
        &mut self,
        at: usize,
        absorbed: &[usize],
        op: O,
        Named { inputs, outputs, gradients }: Named<O, ValueId>,
    ) -> Option<()> {
        let scope = self.nodes[at].as_ref()?.scope.clone();
        for other in absorbed {
            self.nodes[*other] = None;
        }
        let mut outputs = outputs.list();
        for output in &outputs {
            self.graph.values[output.index()].origin = Origin::Node(NodeId(at as u32));
        }
        outputs.extend(gradients.list());
        self.nodes[at] = Some(Node { op: op.into(), inputs: inputs.list(), outputs, scope });
        Some(())
    }

    /// Gives a linear layer its quantised weight.
    fn quantised(&mut self, at: usize, op: Linear, node: Option<Named<Linear, ValueId>>) -> Option<()> {
        let Named { inputs, outputs, gradients } = node?;
        let (before, weight) = self.stored(inputs.weight)?;
        self.element(weight).is_quantised().then_some(())?;
        let inputs = LinearInputs { weight, ..inputs };
        self.replace(at, &[before], op, Named { inputs, outputs, gradients })
    }

    /// Gives experts their stored weight.
    fn stored_experts(
        &mut self,
        at: usize,
        op: ExpertLinear,
        node: Option<Named<ExpertLinear, ValueId>>,
    ) -> Option<()> {
        let Named { inputs, outputs, gradients } = node?;
        let (before, weight) = self.stored(inputs.weight)?;
        let inputs = ExpertLinearInputs { weight, ..inputs };
        self.replace(at, &[before], op, Named { inputs, outputs, gradients })
    }

    /// The conversion that makes a value for one reader: its node, and the stored weight.
    fn stored(&self, value: ValueId) -> Option<(usize, ValueId)> {
        let (at, producer) = self.producer(value)?;
        let Op::Unpack(unpack) = producer.op else { return None };
        let weight = producer.named(&unpack)?.inputs.x;
        self.has_one_user(value).then_some((at, weight))
    }

    /// Fuses a residual addition with the linear layer or dropout that computes its first operand.
    fn residual(&mut self, at: usize, node: Option<Named<Add, ValueId>>) -> Option<()> {
        let Named { inputs: AddInputs { a, b }, outputs, .. } = node?;
        let (before, producer) = self.producer(a)?;
        let full = [a, b, outputs.y].iter().all(|value| self.element(*value) == Element::F32);
        (full && self.has_one_user(a)).then_some(())?;
        match producer.op {
            Op::Linear(op) if !op.residual => {
                let inputs = LinearInputs { residual: Some(b), ..producer.named(&op)?.inputs };
                let op = Linear { residual: true, ..op };
                self.replace(at, &[before], op, Named { inputs, outputs, gradients: Nothing })
            }
            Op::Dropout(op) if !op.residual => {
                let inputs = DropoutInputs { residual: Some(b), ..producer.named(&op)?.inputs };
                let op = Dropout { residual: true, ..op };
                self.replace(at, &[before], op, Named { inputs, outputs, gradients: Nothing })
            }
            _ => None,
        }
    }

    /// Fuses the head with its cross-entropy, if the logits are too large, and all their readers in the backward pass.
    /// Unsupported cases keep their logits whole: a head with a bias, other readers of the logits, another gradient added to
    /// that of x, and a run that trains only the head.
    fn head(
        &mut self,
        at: usize,
        CrossEntropy { label_smoothing, ignore_index }: CrossEntropy,
        node: Option<Named<CrossEntropy, ValueId>>,
        fusion: HeadFusion,
    ) -> Option<()> {
        let Named { inputs, outputs, .. } = node?;
        let (CrossEntropyInputs { logits, targets }, CrossEntropyOutputs { loss, rows }) = (inputs, outputs);
        let ty = self.graph.ty(logits).clone();
        let (head, LinearInputs { x, weight, bias, .. }) = self.linear(logits)?;
        let large = ty.bytes() > fusion.bytes && ty.columns() >= fusion.vocabulary;
        (large && bias.is_none() && !self.keep.contains(&logits)).then_some(())?;
        let others = self.users[logits.index()].iter().copied().filter(|user| *user != at);
        let back = match others.collect::<Vec<_>>()[..] {
            [] => None,
            [back] => Some(self.head_backward(back, x, weight)?),
            _ => return None,
        };
        let chunk = fusion.rows(ty.rows(), ty.columns());
        let op = LinearCrossEntropy { label_smoothing, ignore_index, chunk };
        let inputs = LinearCrossEntropyInputs { x, weight, targets };
        let outputs =
            LinearCrossEntropyOutputs { loss, rows, logits: self.rows_of(&ty, chunk, Element::F32) };
        self.replace(at, &[head], op, Named { inputs, outputs, gradients: Nothing })?;
        let Some(HeadBackward { back, dlogits, gradient, dx, last, absorbed }) = back else {
            return Some(());
        };
        let (CrossEntropyBackward { scale, weighted, .. }, share) = back;
        let inputs = LinearCrossEntropyBackwardInputs { x, weight, targets, rows, share };
        let outputs = LinearCrossEntropyBackwardOutputs {
            dx,
            logits: self.rows_of(&ty, chunk, Element::F32),
            dlogits: self.rows_of(&ty, chunk, self.element(dlogits)),
        };
        let weight = gradient.is_some();
        let op = LinearCrossEntropyBackward { label_smoothing, ignore_index, scale, chunk, weighted, weight };
        let gradients = HeadGradients { weight: gradient };
        let scope = self.nodes[absorbed[0]].as_ref()?.scope.clone();
        self.nodes[last].as_mut()?.scope = scope;
        self.replace(last, &absorbed, op, Named { inputs, outputs, gradients })
    }

    /// The nodes that carry the gradient of logits x·wᵀ back, starting at the cross-entropy's gradient, node `at`.
    fn head_backward(&self, at: usize, x: ValueId, weight: ValueId) -> Option<HeadBackward> {
        let node = self.nodes[at].as_ref()?;
        let Op::CrossEntropyBackward(op) = node.op else { return None };
        let Named { inputs, outputs: Dx { dx: dlogits }, .. } = node.named(&op)?;
        let (mut absorbed, mut gradient, mut last) = (vec![at], None, None);
        for user in &self.users[dlogits.index()] {
            let node = self.nodes[*user].as_ref()?;
            match node.op {
                Op::LinearWeightBackward(op) => {
                    let Named { inputs, gradients, .. } = node.named(&op)?;
                    (inputs.x == x).then_some(())?;
                    gradient = Some(gradients.weight);
                    absorbed.push(*user);
                }
                Op::LinearInputBackward(op @ LinearInputBackward { residual: false }) => {
                    let Named { inputs, outputs, .. } = node.named(&op)?;
                    (inputs.weight == weight).then_some(())?;
                    last = Some((*user, outputs.dx));
                }
                _ => return None,
            }
        }
        let (last, dx) = last?;
        let behind = absorbed.iter().all(|other| *other < last);
        let found = HeadBackward { back: (op, inputs.share), dlogits, gradient, dx, last, absorbed };
        (behind && !self.keep.contains(&dlogits)).then_some(found)
    }

    /// A new value: a chunk of the logits or of their gradient.
    fn rows_of(&mut self, logits: &Type, chunk: usize, element: Element) -> ValueId {
        let ty = Type { element, ..Type::f32(&[chunk, logits.columns()]) };
        self.graph.value(ty, Origin::Removed)
    }

    /// The graph of the remaining nodes.
    fn done(self) -> Graph {
        let Self { mut graph, nodes, .. } = self;
        for value in &mut graph.values {
            if matches!(value.origin, Origin::Node(_)) {
                value.origin = Origin::Removed;
            }
        }
        graph.nodes = nodes.into_iter().flatten().collect();
        for (at, node) in graph.nodes.iter().enumerate() {
            for output in &node.outputs {
                let origin = &mut graph.values[output.index()].origin;
                if *origin == Origin::Removed {
                    *origin = Origin::Node(NodeId(at as u32));
                }
            }
        }
        graph
    }
}

/// The backward nodes of a head and its loss.
struct HeadBackward {
    /// The cross-entropy's gradient op and its `share` input.
    back: (CrossEntropyBackward, ValueId),
    dlogits: ValueId,
    /// The weight's gradient, if needed.
    gradient: Option<ValueId>,
    dx: ValueId,
    last: usize,
    /// The other nodes, the cross-entropy's first.
    absorbed: Vec<usize>,
}
