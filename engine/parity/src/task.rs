//! Compares a case on an executor with the oracle in f64: forward values, and the gradients of all inputs, computed with the
//! op's own gradient rule and backward ops.

use super::cases::{Built, Case, Feed, numbers};
use glasshouse_engine::graph::{
    Graph, Input, Keep, Op, ParameterId, Type, ValueId, gradient, gradient_from, ops,
};
use glasshouse_engine::oracle::{self, Device};
use glasshouse_engine::selftest::deviation;
use glasshouse_engine::step::Data;
use glasshouse_engine::{Error, Result};

/// Scale of the loss gradient for ops that begin the backward pass.
const SCALE: f32 = 0.25;

/// A graph to run on an executor: input values, and the values to read.
#[derive(Clone, Debug)]
pub struct Task {
    pub graph: Graph,
    pub inputs: Vec<(ValueId, Data)>,
    pub read: Vec<ValueId>,
}

impl Task {
    /// The same task with the case's op fused, if fusion produces it.
    pub fn fused(&self, case: &Case) -> Self {
        Self { graph: case.fused(self.graph.clone(), &self.read), ..self.clone() }
    }
}

/// A case with the oracle's results.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The op's forward pass.
    pub forward: Task,
    values: Vec<Vec<f32>>,
    /// Number of specified entries of the first value; later entries may be anything.
    specified: Option<usize>,
    /// The op's backward pass, if it has a gradient.
    pub backward: Option<Task>,
    gradients: Vec<(usize, Vec<f32>)>,
}

#[derive(Clone, Debug)]
pub struct Deviation {
    pub what: String,
    /// Relative to the oracle's largest entry; infinite if a value is not finite.
    pub apart: f64,
    pub is_gradient: bool,
}

impl Expectation {
    /// Computes a case with the oracle, [`Device::flex_in_f64`].
    ///
    /// # Errors
    /// A shape rule rejects the case.
    pub fn of(case: &Case, oracle: &Device) -> Result<Self> {
        let built = case.build()?;
        let read = [&built.outputs[..], &built.caches].concat();
        let values = oracle::run_graph(&built.graph, &built.inputs, &read, &oracle.without_autodiff())?;
        let mut expectation = Self {
            forward: Task { graph: built.graph.clone(), inputs: built.inputs.clone(), read },
            values: floats(values)?,
            specified: specified(case),
            backward: None,
            gradients: Vec::new(),
        };
        if has_gradient(case) {
            let Backward { graph, seed, seed_value, wrt, read } = Backward::of(case, &built)?;
            let mut inputs = built.inputs.clone();
            inputs.extend(seed_value.map(|value| (value, Data::F32(seed.clone()))));
            inputs.extend(built.token_order(&graph));
            let expected =
                oracle::gradients_of(&built.graph, &built.inputs, built.outputs[0], seed, &wrt, oracle)?;
            let number = |id| built.inputs.iter().position(|(input, _)| *input == id).unwrap_or(usize::MAX);
            expectation.gradients = wrt.into_iter().map(number).zip(floats(expected)?).collect();
            expectation.backward = Some(Task { graph, inputs, read });
        }
        Ok(expectation)
    }

    /// Deviations of an executor's forward values.
    pub fn of_values(&self, mut got: Vec<Vec<f32>>) -> Vec<Deviation> {
        let mut expected = self.values.clone();
        if let (Some(entries), Some(got), Some(expected)) =
            (self.specified, got.first_mut(), expected.first_mut())
        {
            got.truncate(entries);
            expected.truncate(entries);
        }
        let pairs = got.iter().zip(&expected).enumerate();
        let found = pairs.map(|(at, (got, expected))| Deviation {
            what: format!("value {at}"),
            apart: deviation(got, expected),
            is_gradient: false,
        });
        found.collect()
    }

    /// Deviations of an executor's gradients.
    pub fn of_gradients(&self, got: &[Vec<f32>]) -> Vec<Deviation> {
        let found = got.iter().zip(&self.gradients).map(|(got, (number, expected))| Deviation {
            what: format!("gradient of input {number}"),
            apart: deviation(got, expected),
            is_gradient: true,
        });
        found.collect()
    }
}

/// Unwraps results that must be floats.
///
/// # Errors
/// A result is not floats.
pub fn floats(data: Vec<Data>) -> Result<Vec<Vec<f32>>> {
    let float = |data| match data {
        Data::F32(numbers) => Ok(numbers),
        Data::U32(_) => Err(Error::Internal("floats are read".to_owned())),
    };
    data.into_iter().map(float).collect()
}

/// Rows of cached attention after a chunk's length are unspecified; chunks of several texts are full in these cases.
fn specified(case: &Case) -> Option<usize> {
    let Op::CachedAttention(ops::CachedAttention { heads, .. }) = case.op else { return None };
    let length = case.feeds.iter().find_map(|feed| match feed {
        Feed::Cursor(chunks) => Some(chunks.iter().map(|[_, length, _]| *length as usize).sum::<usize>()),
        _ => None,
    });
    length.map(|rows| rows * heads.width())
}

/// Whether an op has a gradient; decoding ops have none.
pub fn has_gradient(case: &Case) -> bool {
    match case.op {
        _ if case.feeds.iter().any(|feed| matches!(feed, Feed::Stored(..))) => false,
        Op::CachedAttention(_) | Op::LastRow(ops::LastRow) | Op::RowNorm(_) => false,
        Op::Embedding(ops::Embedding { cursor, .. }) | Op::Rope(ops::Rope { cursor, .. }) => !cursor,
        _ => true,
    }
}

/// A case's graph extended by the op's backward pass.
#[derive(Clone, Debug)]
pub struct Backward {
    pub graph: Graph,
    /// Weights of the output entries.
    pub seed: Vec<f32>,
    /// The input that holds `seed`.
    pub seed_value: Option<ValueId>,
    /// Inputs of the op.
    pub wrt: Vec<ValueId>,
    /// Gradients of `wrt`.
    pub read: Vec<ValueId>,
}

impl Backward {
    /// Extends a case's graph.
    ///
    /// # Errors
    /// The op has no gradient.
    pub fn of(case: &Case, built: &Built) -> Result<Self> {
        let (mut graph, output) = (built.graph.clone(), built.outputs[0]);
        if let Op::CrossEntropy(ops::CrossEntropy { label_smoothing, ignore_index })
        | Op::LinearCrossEntropy(ops::LinearCrossEntropy { label_smoothing, ignore_index, .. }) = case.op
        {
            // The loss begins the backward pass; its only seed is the scale.
            let weighted = false;
            let back = ops::CrossEntropyBackward { label_smoothing, ignore_index, scale: SCALE, weighted };
            let missing = || Error::Internal("a loss without its node".to_owned());
            let loss = built.graph.nodes.last().ok_or_else(missing)?;
            let (logits, targets) = (loss.inputs[0], loss.inputs[1]);
            let dlogits = graph.push(back, &[logits, targets, built.outputs[1], output])?[0];
            return Self::from(graph, built, (logits, dlogits), vec![SCALE, 0.0]);
        }
        if let Op::Score(op) = case.op {
            // Likewise, with the same gradient.
            let missing = || Error::Internal("a loss without its node".to_owned());
            let loss = built.graph.nodes.last().ok_or_else(missing)?;
            let (logits, targets) = (loss.inputs[0], loss.inputs[1]);
            let inputs = [logits, targets, built.outputs[1], output];
            let dlogits = graph.push(op.backward(SCALE, false), &inputs)?[0];
            return Self::from(graph, built, (logits, dlogits), vec![SCALE, 0.0]);
        }
        if let Op::RouterLoss(forward) = case.op {
            let (x, shares, load) = (built.inputs[0].0, built.inputs[2].0, built.outputs[1]);
            let dx = graph.push(ops::RouterLossBackward { forward, scale: SCALE }, &[x, load, shares])?[0];
            let rows = graph.ty(output).count();
            return Self::from(graph, built, (x, dx), vec![SCALE; rows]);
        }
        if let Op::Distil(forward) = case.op {
            let back = ops::DistilBackward { forward, scale: SCALE };
            let given = built.inputs.iter().map(|(id, _)| *id);
            let [loss, rows, softened] = [0, 1, 2].map(|at| built.outputs[at]);
            let inputs: Vec<ValueId> = given.chain([rows, softened, loss]).collect();
            let dlogits = graph.push(back, &inputs)?[0];
            return Self::from(graph, built, (inputs[0], dlogits), vec![SCALE, 0.0]);
        }
        if let Op::SquaredError(forward) = case.op {
            let [y, x, targets] = [0, 1, 2].map(|at| built.inputs[at].0);
            let back = ops::SquaredErrorBackward { forward, scale: SCALE };
            let dy = graph.push(back, &[y, x, targets, output])?[0];
            return Self::from(graph, built, (y, dy), vec![SCALE, 0.0]);
        }
        if case.is_penalised() {
            gradient(&mut graph, output, SCALE, Keep::Everything)?;
            let read = vec![graph.gradient_of(ParameterId(0))];
            let (seed, wrt) = (vec![SCALE, 0.0], built.differentiable.clone());
            return Ok(Self { graph, seed, seed_value: None, wrt, read });
        }
        if let Op::Unlikelihood(forward) = case.op {
            let back = ops::UnlikelihoodBackward { forward, scale: SCALE, documents: forward.documents };
            let given: Vec<ValueId> = built.inputs.iter().map(|(id, _)| *id).collect();
            let (read, starts) = given.split_at(3);
            let inputs = [read, &[built.outputs[2], output], starts].concat();
            let dlogits = graph.push(back, &inputs)?[0];
            return Self::from(graph, built, (inputs[0], dlogits), vec![SCALE, 0.0]);
        }
        let ignored = match case.op {
            Op::Preference(op) => Some(op.ignored),
            Op::Policy(op) => Some(op.ignored),
            _ => None,
        };
        if let Some(ignored) = ignored {
            // Likewise; its second output holds the rows' weights.
            let missing = || Error::Internal("a loss without its rows".to_owned());
            let loss = built.graph.nodes.first().ok_or_else(missing)?;
            let (ignore_index, weighted) = (Some(ignored), true);
            let back =
                ops::CrossEntropyBackward { label_smoothing: 0.0, ignore_index, scale: SCALE, weighted };
            let inputs = [loss.inputs[0], loss.inputs[1], loss.outputs[1], built.outputs[1]];
            let dlogits = graph.push(back, &inputs)?[0];
            let mut seed = vec![SCALE];
            seed.resize(graph.ty(output).count(), 0.0);
            return Self::from(graph, built, (inputs[0], dlogits), seed);
        }
        let shape = graph.ty(output).clone();
        let seed = graph.input(Input::Free(99), Type::f32(&shape.shape));
        let weights = numbers(99, shape.count());
        let found = Self::from(graph, built, (output, seed), weights)?;
        Ok(Self { seed_value: Some(seed), ..found })
    }

    /// Backpropagates from a value's gradient.
    fn from(mut graph: Graph, built: &Built, from: (ValueId, ValueId), seed: Vec<f32>) -> Result<Self> {
        let wrt = built.differentiable.clone();
        let read: Option<Vec<ValueId>> = gradient_from(&mut graph, &[from], &wrt)?.into_iter().collect();
        let read = read.ok_or_else(|| Error::Internal("an input without a gradient".to_owned()))?;
        Ok(Self { graph, seed, seed_value: None, wrt, read })
    }
}
