//! Verifies that chosen kernels compute the same as the defaults. Drivers advertise cooperative matrices that few
//! programs have used, and an occasional wrong product would silently ruin a run.

use super::super::Gpu;
use super::super::run::run_plan;
use glasshouse_compiler::graph::{Element, Graph, Input, Node, Op, Origin, ParameterId, Type, ValueId, ops};
use glasshouse_compiler::plan::lower::{Choices, ShapeBucket, Target, Tier};
use glasshouse_compiler::plan::{compile, trial};
use glasshouse_compiler::step::Data;
use glasshouse_platform::Result;

/// Tolerance relative to the largest entry: rounding of 16-bit floats, and the order of sums.
const APART: f32 = 2e-3;

/// Returns the buckets whose cooperative-matrix kernels are wrong: a node of the graph with that bucket, including its
/// epilogue, differs from the default kernels or cannot run.
pub(super) async fn wrong(gpu: &Gpu, graph: &Graph, chosen: &[ShapeBucket]) -> Result<Vec<ShapeBucket>> {
    let mut wrong = Vec::new();
    let mut seen: Vec<(Op, Vec<Type>)> = Vec::new();
    for node in &graph.nodes {
        let all = trial::of_node(graph, node).into_iter().map(|trial| trial.bucket);
        let buckets: Vec<ShapeBucket> = all.filter(|bucket| chosen.contains(bucket)).collect();
        let operands = node.inputs.iter().chain(&node.outputs).map(|value| graph.ty(*value).clone());
        let kind = (node.op, operands.collect());
        if buckets.is_empty() || seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        let agrees = match Alone::new(graph, node) {
            Ok(alone) => alone.agrees(gpu).await,
            Err(error) => Err(error),
        };
        gpu.check()?;
        if !agrees.unwrap_or(false) {
            wrong.extend(buckets.into_iter().filter(|bucket| !wrong.contains(bucket)).collect::<Vec<_>>());
        }
    }
    Ok(wrong)
}

/// A node's products in a separate graph, over one window of a batch.
struct Alone {
    graph: Graph,
    given: Vec<(ValueId, Data)>,
    read: Vec<ValueId>,
}

impl Alone {
    fn new(graph: &Graph, node: &Node) -> Result<Self> {
        let mut alone = Self { graph: Graph::default(), given: Vec::new(), read: Vec::new() };
        // The head's products are plain ones over chunks of rows, and the loss uses no matrices.
        let (op, inputs, outputs) = match node.op {
            Op::LinearCrossEntropy(_) | Op::LinearCrossEntropyBackward(_) => {
                (Op::Linear(ops::Linear { bias: false, residual: false }), &node.inputs[..2], &[][..])
            }
            op => (op, &node.inputs[..], &node.outputs[..]),
        };
        let inputs: Vec<ValueId> = inputs.iter().map(|value| alone.input(graph, *value)).collect();
        let gradients: Vec<ValueId> = outputs
            .iter()
            .filter_map(|value| match graph.values[value.index()].origin {
                Origin::Gradient(id) => Some(alone.gradient(graph, id)),
                _ => None,
            })
            .collect();
        alone.read = alone.graph.push_into(op, &inputs, &gradients)?;
        // Shape inference does not know f16.
        for (value, like) in alone.read.iter().zip(outputs) {
            alone.graph.values[value.index()].ty.element = graph.ty(*like).element;
        }
        for (value, like) in inputs.iter().zip(&node.inputs) {
            alone.graph.values[value.index()].ty.element = graph.ty(*like).element;
        }
        Ok(alone)
    }

    fn input(&mut self, graph: &Graph, value: ValueId) -> ValueId {
        let number = self.given.len() as u32;
        let mut ty = Type { element: Element::F32, ..graph.ty(value).clone() };
        let input = match graph.values[value.index()].origin {
            Origin::Parameter(id) => self.graph.parameter(graph.parameters[id.index()].clone()),
            // A position table is the same for every window.
            Origin::Constant(_) => self.graph.input(Input::Free(number), ty),
            _ => {
                if let [batch, _, _, ..] = ty.shape.as_mut_slice() {
                    *batch = 1;
                }
                self.graph.input(Input::Free(number), ty)
            }
        };
        self.with_noise(input)
    }

    fn gradient(&mut self, graph: &Graph, id: ParameterId) -> ValueId {
        self.graph.parameter(graph.parameters[id.index()].clone());
        let gradient = self.graph.gradient_of(ParameterId(self.graph.parameters.len() as u32 - 1));
        self.with_noise(gradient)
    }

    /// Fills a value with noise that differs between values, so that swapped operands are noticed.
    fn with_noise(&mut self, value: ValueId) -> ValueId {
        let number = self.given.len();
        let noise = |at: usize| ((at * (number + 3)) % (251 - number)) as f32 / 251.0 - 0.5;
        let entries = (0..self.graph.ty(value).count()).map(noise).collect();
        self.given.push((value, Data::F32(entries)));
        value
    }

    /// Whether cooperative matrices, used wherever possible, give the same result as the default kernels.
    async fn agrees(&self, gpu: &Gpu) -> Result<bool> {
        let everywhere =
            trial::everywhere(&self.graph, Tier::Cooperative, |bucket| bucket.family.multiplies());
        let default = self.results(gpu, &gpu.target().with(&Choices::default())).await?;
        let chosen = self.results(gpu, &gpu.target().with(&everywhere)).await?;
        Ok(default.iter().zip(&chosen).all(|(default, chosen)| alike(default, chosen)))
    }

    async fn results(&self, gpu: &Gpu, target: &Target) -> Result<Vec<Vec<f32>>> {
        let plan = compile(self.graph.clone(), &self.read, target)?;
        let floats = |data| match data {
            Data::F32(entries) => entries,
            Data::U32(_) => Vec::new(),
        };
        let found = run_plan(gpu, &plan, &self.given, &self.read, [0, 0]).await?;
        Ok(found.into_iter().map(floats).collect())
    }
}

fn alike(default: &[f32], chosen: &[f32]) -> bool {
    let largest = default.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
    // NaN is close to nothing.
    let close = |(one, other): (&f32, &f32)| (one - other).abs() <= APART * largest;
    default.len() == chosen.len() && default.iter().zip(chosen).all(close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::test_gpu;
    use glasshouse_compiler::model::training_graphs;
    use glasshouse_compiler::plan::fuse::fused;
    use glasshouse_protocol::Precision;
    use glasshouse_protocol::presets::preset;
    use pollster::block_on;

    #[test]
    fn one_entry_that_is_wrong_tells() {
        let default = vec![0.5, -4.0, 1.0];
        assert!(alike(&default, &[0.503, -4.003, 1.003]));
        for wrong in [vec![0.52, -4.0, 1.0], vec![0.5, f32::NAN, 1.0], vec![0.5, -4.0]] {
            assert!(!alike(&default, &wrong), "{wrong:?}");
        }
    }

    /// Every product of a step can be extracted and run; where the device has matrices, they are used and correct.
    #[test]
    fn products_of_a_step_agree_with_the_default_ones() {
        let gpu = test_gpu();
        for name in ["stories-260k", "nanogpt-cpu"] {
            let mut config = preset(name).unwrap();
            config.train.precision = Precision::Mixed;
            let graph =
                fused(training_graphs(&config.model, &config.train).unwrap().train, &[], &gpu.target());
            let trials = trial::of_graph(&graph).into_iter();
            let buckets: Vec<ShapeBucket> =
                trials.map(|trial| trial.bucket).filter(|bucket| bucket.family.multiplies()).collect();
            assert!(buckets.iter().any(|bucket| bucket.in_f16));
            for node in &graph.nodes {
                if trial::of_node(&graph, node).iter().any(|trial| trial.bucket.family.multiplies()) {
                    let alone = Alone::new(&graph, node).unwrap();
                    let results = block_on(alone.results(&gpu, &gpu.target())).unwrap();
                    let full = |entries: &Vec<f32>| entries.iter().any(|entry| *entry != 0.0);
                    assert!(!results.is_empty() && results.iter().all(full), "{:?}", node.op);
                }
            }
            assert_eq!(block_on(wrong(&gpu, &graph, &buckets)).unwrap(), []);
        }
    }
}
