//! The table of operations that executors are checked on, with test cases and tolerances. Used by the parity tests and by
//! `glasshouse selftest --variants` on a user's device.

mod operations;

pub use operations::OPERATIONS;

use glasshouse_engine::Result;
use glasshouse_engine::blocks;
use glasshouse_engine::graph::{
    Constant, Graph, Input, Op, Origin, Parameter, Type, ValueId, ops, random, token_order,
};
use glasshouse_engine::plan::fuse::{Fusions, HeadFusion, fused};
use glasshouse_engine::plan::lower::Target;
use glasshouse_engine::protocol::{Rope, WeightFormat};
use glasshouse_engine::step::Data;

/// Maximum deviations, relative to the largest entry of the tensor.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub forward: f64,
    pub gradient: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Name in tests.
    pub name: &'static str,
    pub bounds: Bounds,
    pub cases: fn() -> Vec<Case>,
}

impl Operation {
    pub fn named(name: &str) -> Option<Self> {
        OPERATIONS.into_iter().find(|operation| operation.name == name)
    }
}

/// Uniform numbers in [−1, 1): a pure function of the stream and the index.
pub fn numbers(stream: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|at| ((random::nth(7, stream, at) >> 40) as f64 / f64::from(1u32 << 23) - 1.0) as f32)
        .collect()
}

/// Ids below `limit`.
pub fn ids(stream: u64, count: usize, limit: usize) -> Vec<u32> {
    (0..count as u64).map(|at| (random::nth(11, stream, at) % limit as u64) as u32).collect()
}

/// Inputs of [`ops::Policy`] per token: advantages of both signs, log-probabilities from −2 to −1, and penalties.
fn token_scores(stream: u64, count: usize) -> Vec<f32> {
    let of_token = |[advantage, old, penalty, reference]: [f32; ops::POLICY_SCORES]| {
        [advantage, 0.5 * old - 1.5, 0.15 * (penalty + 1.0), 0.5 * reference - 1.5]
    };
    let random = numbers(stream, count * ops::POLICY_SCORES);
    random.as_chunks().0.iter().flat_map(|token| of_token(*token)).collect()
}

/// Start of each position's document, in rows of `time` positions; one position in nine starts a document.
pub fn starts(stream: u64, rows: usize, time: usize) -> Vec<u32> {
    let mut starts = Vec::with_capacity(rows * time);
    for row in 0..rows {
        let mut start = 0;
        for t in 0..time {
            if random::nth(13, stream, (row * time + t) as u64).is_multiple_of(9) {
                start = t as u32;
            }
            starts.push(start);
        }
    }
    starts
}

/// An input of an op.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Floats in [−scale, scale).
    Floats(Vec<usize>, f32),
    /// Floats that also bypass the op through a linear layer added to its result, so that the op's backward kernel must
    /// accumulate into another gradient.
    Shared(Vec<usize>),
    /// A parameter in [−1, 1).
    Weight(Vec<usize>),
    /// A frozen matrix in [−1, 1), as a format stores it.
    Stored(Vec<usize>, WeightFormat),
    /// A parameter near 1, like a norm's scale.
    Scale(usize),
    /// Ids below a limit.
    Tokens(Vec<usize>, usize),
    /// Ids below a limit; if given, every third is the ignored id.
    Targets(Vec<usize>, usize, Option<u32>),
    /// Document starts, in rows of positions.
    Starts(usize, usize),
    /// A vector of floats in [−scale, scale) without gradient.
    Scores(usize, f32),
    /// Floats in [−scale, scale) of a shape, without gradient.
    Given(Vec<usize>, f32),
    /// Inputs of [`ops::Policy`] for a number of tokens.
    TokenScores(usize),
    /// Gates of experts: floats, of which only the first so many in each row, starting at a random one, are not 0. The flag says whether
    /// they have a gradient.
    Gates(Vec<usize>, usize, bool),
    /// Start, length and text of each row.
    Cursor(Vec<[u32; 3]>),
    /// Rotary angles [P, D].
    RopeTable(usize, usize),
    /// A cache, by number.
    Cache(u32, Vec<usize>),
}

/// An op with its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    pub op: Op,
    pub feeds: Vec<Feed>,
}

/// A case as a graph.
#[derive(Clone, Debug)]
pub struct Built {
    pub graph: Graph,
    pub inputs: Vec<(ValueId, Data)>,
    pub outputs: Vec<ValueId>,
    /// Inputs with a gradient.
    pub differentiable: Vec<ValueId>,
    /// Caches that it fills.
    pub caches: Vec<ValueId>,
}

impl Case {
    fn new(op: impl Into<Op>, feeds: impl Into<Vec<Feed>>) -> Self {
        Self { op: op.into(), feeds: feeds.into() }
    }

    /// Total entries of all float inputs.
    pub fn size(&self) -> usize {
        self.feeds
            .iter()
            .map(|feed| match feed {
                Feed::Floats(shape, _) | Feed::Shared(shape) | Feed::Weight(shape) => shape.iter().product(),
                Feed::Scale(size) => *size,
                _ => 0,
            })
            .sum()
    }

    /// Whether the op has a penalty, whose gradient begins at the loss that follows, with respect to the only parameter.
    pub fn is_penalised(&self) -> bool {
        matches!(self.op, Op::JumpRelu(op) if op.penalty != 0.0)
    }

    /// Builds the graph and its input values.
    ///
    /// # Errors
    /// A shape rule rejects the case.
    pub fn build(&self) -> Result<Built> {
        let mut graph = Graph::default();
        let (mut inputs, mut differentiable, mut caches) = (Vec::new(), Vec::new(), Vec::new());
        for (at, feed) in self.feeds.iter().enumerate() {
            let (number, stream) = (at as u32, at as u64);
            let mut parameter = |shape: &[usize]| {
                graph.parameter(Parameter {
                    trainable: true,
                    ..Parameter::zeros(&format!("input {at}"), Type::f32(shape))
                })
            };
            let count = |shape: &[usize]| shape.iter().product::<usize>();
            let (id, data) = match feed {
                Feed::Floats(shape, scale) => {
                    let id = graph.input(Input::Free(number), Type::f32(shape));
                    differentiable.push(id);
                    (id, Data::F32(numbers(stream, count(shape)).iter().map(|x| x * scale).collect()))
                }
                Feed::Shared(shape) => {
                    let id = graph.input(Input::Free(number), Type::f32(shape));
                    differentiable.push(id);
                    (id, Data::F32(numbers(stream, count(shape))))
                }
                Feed::Weight(shape) => {
                    let id = parameter(shape);
                    differentiable.push(id);
                    (id, Data::F32(numbers(stream, count(shape))))
                }
                Feed::Stored(shape, format) => {
                    let (ty, mut weights) = (
                        Type { shape: shape.clone(), element: (*format).into() },
                        numbers(stream, count(shape)),
                    );
                    blocks::round(ty.element, ty.columns(), &mut weights);
                    let own = Parameter::zeros(&format!("input {at}"), ty);
                    (graph.parameter(own), Data::F32(weights))
                }
                Feed::Scale(size) => {
                    let id = parameter(&[*size]);
                    differentiable.push(id);
                    (id, Data::F32(numbers(stream, *size).iter().map(|x| 1.0 + 0.3 * x).collect()))
                }
                Feed::Tokens(shape, limit) => (
                    graph.input(Input::Tokens, Type::u32(shape)),
                    Data::U32(ids(stream, count(shape), *limit)),
                ),
                Feed::Targets(shape, limit, ignored) => {
                    let mut targets = ids(stream, count(shape), *limit);
                    if let Some(ignored) = ignored {
                        targets.iter_mut().step_by(3).for_each(|target| *target = *ignored);
                    }
                    (graph.input(Input::Targets, Type::u32(shape)), Data::U32(targets))
                }
                Feed::Starts(rows, time) => (
                    graph.input(Input::Starts, Type::u32(&[*rows, *time])),
                    Data::U32(starts(stream, *rows, *time)),
                ),
                Feed::Scores(count, scale) => (
                    graph.input(Input::Scores, Type::f32(&[*count])),
                    Data::F32(numbers(stream, *count).iter().map(|x| x * scale).collect()),
                ),
                Feed::Given(shape, scale) => (
                    graph.input(Input::Free(number), Type::f32(shape)),
                    Data::F32(numbers(stream, count(shape)).iter().map(|x| x * scale).collect()),
                ),
                Feed::Gates(shape, per_token, has_gradient) => {
                    let id = graph.input(Input::Free(number), Type::f32(shape));
                    differentiable.extend(has_gradient.then_some(id));
                    let (rows, experts) = (Type::f32(shape).rows(), shape[shape.len() - 1]);
                    let mut gates = numbers(stream, count(shape));
                    for (gates, first) in gates.chunks_mut(experts).zip(ids(stream, rows, experts)) {
                        gates.rotate_left(first as usize);
                        gates[*per_token..].fill(0.0);
                        gates.rotate_right(first as usize);
                    }
                    (id, Data::F32(gates))
                }
                Feed::TokenScores(count) => (
                    graph.input(Input::Scores, Type::f32(&[*count, ops::POLICY_SCORES])),
                    Data::F32(token_scores(stream, *count)),
                ),
                Feed::Cursor(rows) => (
                    graph.input(Input::Cursor, Type::u32(&[rows.len(), 3])),
                    Data::U32(rows.as_flattened().to_vec()),
                ),
                Feed::RopeTable(positions, size) => {
                    let table = Constant::RopeTable(Rope::new(100.0));
                    (graph.constant(table, Type::f32(&[*positions, *size])), Data::F32(Vec::new()))
                }
                Feed::Cache(number, shape) => {
                    let id = graph.cache(*number, Type::f32(shape));
                    caches.push(id);
                    (id, Data::F32(numbers(stream, count(shape))))
                }
            };
            inputs.push((id, data));
        }
        let operands: Vec<ValueId> = inputs.iter().map(|(id, _)| *id).collect();
        let mut outputs = self.plain(&mut graph, &operands)?;
        if let Some(Feed::Shared(shape)) = self.feeds.first() {
            let columns = graph.ty(outputs[0]).columns();
            let shape = [columns, shape[shape.len() - 1]];
            let weight = graph.input(Input::Free(77), Type::f32(&shape));
            inputs.push((weight, Data::F32(numbers(77, shape[0] * shape[1]))));
            let past = graph.push(ops::Linear { bias: false, residual: false }, &[operands[0], weight])?[0];
            outputs[0] = graph.push(ops::Add, &[outputs[0], past])?[0];
        }
        inputs.retain(|(id, _)| !matches!(graph.values[id.index()].origin, Origin::Constant(_)));
        Ok(Built { graph, inputs, outputs, differentiable, caches })
    }

    /// Appends the op; for a fused op, the operations it is fused from.
    fn plain(&self, graph: &mut Graph, operands: &[ValueId]) -> Result<Vec<ValueId>> {
        Ok(match self.op {
            Op::LinearCrossEntropy(ops::LinearCrossEntropy { label_smoothing, ignore_index, .. }) => {
                let logits = graph.push(ops::Linear { bias: false, residual: false }, &operands[..2])?[0];
                let loss = ops::CrossEntropy { label_smoothing, ignore_index };
                graph.push(loss, &[logits, operands[2]])?
            }
            // The objective takes the output of a cross-entropy.
            Op::Preference(op) => {
                let loss = ops::CrossEntropy { label_smoothing: 0.0, ignore_index: Some(op.ignored) };
                let rows = graph.push(loss, &operands[..2])?[1];
                graph.push(op, &[rows, operands[1], operands[2]])?
            }
            Op::Policy(op) => {
                let loss = ops::CrossEntropy { label_smoothing: 0.0, ignore_index: Some(op.ignored) };
                let rows = graph.push(loss, &operands[..2])?[1];
                graph.push(op, &[rows, operands[1], operands[2]])?
            }
            Op::JumpRelu(op) if self.is_penalised() => {
                let y = graph.push(op, &operands[..3])?[0];
                let loss = ops::SquaredError { ignore_index: op.ignore_index };
                graph.push(loss, &[y, operands[3], operands[2]])?
            }
            // Values of experts that were not chosen are unspecified until they are weighed.
            Op::ExpertLinear(op) => {
                let (x, gates, weight) = (operands[0], operands[1], operands[2]);
                if op.down {
                    let x = graph.push(ops::WeighExperts, &[x, gates])?[0];
                    graph.push(op, &[x, gates, weight])?
                } else {
                    let y = graph.push(op, &[x, gates, weight])?[0];
                    graph.push(ops::WeighExperts, &[y, gates])?
                }
            }
            op => graph.push(op, operands)?,
        })
    }

    /// The graph with only the case's own op fused.
    pub fn fused(&self, graph: Graph, keep: &[ValueId]) -> Graph {
        let fusions = match self.op {
            Op::LinearCrossEntropy(ops::LinearCrossEntropy { chunk, .. }) => {
                let row = graph.nodes.first().map_or(0, |head| 4 * graph.ty(head.outputs[0]).columns());
                let head = HeadFusion { bytes: 0, vocabulary: 0, chunk: (chunk * row) as u64 };
                Fusions { head: Some(head), ..Fusions::NONE }
            }
            _ => Fusions::NONE,
        };
        fused(graph, keep, &Target::new(false).with_fusions(fusions))
    }
}

impl Built {
    /// The order of the tokens, if a backward op needs it.
    pub fn token_order(&self, graph: &Graph) -> Option<(ValueId, Data)> {
        let order = graph.find(Origin::Input(Input::TokenOrder))?;
        let tokens = graph.find(Origin::Input(Input::Tokens))?;
        let (_, Data::U32(tokens)) = self.inputs.iter().find(|(id, _)| *id == tokens)? else { return None };
        Some((order, Data::U32(token_order(tokens))))
    }
}
