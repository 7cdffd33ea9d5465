//! Mixed precision (Micikevicius et al. 2018, "Mixed Precision Training"): decides, value by value, what of a training graph is
//! stored in 16-bit floats. Arithmetic stays in 32 bits everywhere; what is saved is memory and the time to move it.
//!
//! A value is stored in half where the kernel that writes it can and every kernel that reads it can, which [`admitted`] says
//! operation by operation. What decides how well a model trains is in no kernel's list and so stays in 32 bits: the residual
//! stream and its gradient, the norms' statistics, log-sum-exp, logits, losses, weights, and the gradients of weights, which
//! are sums. Of the weights, matrix products read a copy in half ([`crate::plan::lower::Place::Half`]) where their other operand
//! is in half too.

use super::{Element, Graph, Node, Op, Origin, ValueId};

/// An operand of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Input(usize),
    Output(usize),
}

use Operand::{Input, Output};

impl Operand {
    fn of(self, node: &Node) -> ValueId {
        match self {
            Input(number) => node.inputs[number],
            Output(number) => node.outputs[number],
        }
    }
}

/// Stores in half what can be. To be called once a graph has its backward nodes: shape rules know nothing of halves.
pub fn store_in_half(graph: &mut Graph) {
    let made = |origin| matches!(origin, Origin::Node(_));
    let floats = graph.values.iter().map(|value| made(value.origin) && value.ty.element == Element::F32);
    let mut half: Vec<bool> = floats.collect();
    let rules: Vec<Vec<Rule>> = graph.nodes.iter().map(|node| admitted(graph, node)).collect();
    // Everything begins in half; what one node cannot have so may decide another's.
    while let Some(value) = first_misfit(graph, &rules, &half) {
        half[value.index()] = false;
    }
    for (value, half) in graph.values.iter_mut().zip(half) {
        if half {
            value.ty.element = Element::F16;
        }
    }
}

/// Whether any value of a graph is stored in half.
pub fn has_half(graph: &Graph) -> bool {
    graph.values.iter().any(|value| value.ty.element == Element::F16)
}

/// A value that is in half where a node does not admit it.
fn first_misfit(graph: &Graph, rules: &[Vec<Rule>], half: &[bool]) -> Option<ValueId> {
    graph.nodes.iter().zip(rules).find_map(|(node, rules)| {
        let fits = |operand: Operand| {
            rules.iter().any(|rule| {
                rule.operand == operand && rule.with.iter().all(|other| half[other.of(node).index()])
            })
        };
        let inputs = (0..node.inputs.len()).map(Input);
        let operands = inputs.chain((0..node.outputs.len()).map(Output));
        let misfit = operands.into_iter().find(|operand| half[operand.of(node).index()] && !fits(*operand));
        misfit.map(|operand| operand.of(node))
    })
}

/// An operand may be in half if those that go with it are.
struct Rule {
    operand: Operand,
    with: Vec<Operand>,
}

/// Which operands a node's kernels have variants for.
fn admitted(graph: &Graph, node: &Node) -> Vec<Rule> {
    let alone = |operand| Rule { operand, with: Vec::new() };
    let together = |operands: &[Operand]| -> Vec<Rule> {
        operands.iter().map(|operand| Rule { operand: *operand, with: operands.to_vec() }).collect()
    };
    // Matrix products take halves four at a time.
    let by_four = |operand: Operand| graph.ty(operand.of(node)).columns().is_multiple_of(4);
    let alone_by_four =
        |operands: &[Operand]| operands.iter().copied().filter(|each| by_four(*each)).map(alone).collect();
    match node.op {
        Op::Linear { residual, .. } if by_four(Input(0)) => {
            let mut rules = vec![alone(Input(0))];
            if !residual {
                rules.push(Rule { operand: Output(0), with: vec![Input(0)] });
            }
            rules
        }
        Op::LinearActivation { .. } if by_four(Input(0)) => together(&[Input(0), Output(0), Output(1)]),
        Op::LinearRope { .. } if by_four(Input(0)) => together(&[Input(0), Output(0)]),
        Op::LinearInputActivationBackward(_) => {
            let mut rules = together(&[Input(2), Output(0)]);
            rules.extend(alone_by_four(&[Input(0)]));
            rules
        }
        Op::LinearInputBackward { residual: false } => alone_by_four(&[Input(0), Output(0)]),
        Op::LinearInputBackward { residual: true } => alone_by_four(&[Input(0)]),
        Op::LinearWeightBackward => alone_by_four(&[Input(0), Input(1)]),
        Op::LinearCrossEntropy { .. } => alone_by_four(&[Input(0)]),
        Op::LinearCrossEntropyBackward { .. } => alone_by_four(&[Input(0), Output(0), Output(2)]),
        Op::CrossEntropyBackward { .. } | Op::Norm { .. } => vec![alone(Output(0))],
        Op::Dropout { residual: false, .. } => vec![alone(Input(0)), alone(Output(0))],
        Op::Dropout { residual: true, .. } | Op::SumRows { .. } => vec![alone(Input(0))],
        Op::NormBackward { .. } => vec![alone(Input(3))],
        Op::NormWeightBackward { .. } => vec![alone(Input(2))],
        Op::Gate(_) | Op::Activation(_) | Op::Rope { .. } | Op::HeadNorm { .. } | Op::Attention { .. } => {
            together(&[Input(0), Output(0)])
        }
        Op::GateBackward(_) | Op::ActivationBackward(_) => together(&[Input(0), Input(1), Output(0)]),
        Op::AttentionDelta { .. } => together(&[Input(0), Input(1)]),
        Op::AttentionBackward { .. } => together(&[Input(0), Input(3), Output(0)]),
        Op::HeadNormBackward { .. } => together(&[Input(0), Input(4), Output(0)]),
        Op::HeadNormWeightBackward { .. } => together(&[Input(0), Input(2)]),
        Op::Linear { .. }
        | Op::LinearActivation { .. }
        | Op::LinearRope { .. }
        | Op::Embedding { .. }
        | Op::CachedAttention { .. }
        | Op::LastRow
        | Op::Add
        | Op::CrossEntropy { .. }
        | Op::EmbeddingBackward => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
