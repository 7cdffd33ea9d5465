//! Benchmarks of kernels with a choice of variants: each is a graph of its own with operands of the same shapes, timed to choose.

use super::lower::{
    Choice, Choices, FEW_ROWS, Family, MAX_SLICES, Operands, ShapeBucket, Target, Tier, default_slices,
};
use super::{Plan, compile};
use crate::Result;
use crate::graph::ops;
use crate::graph::{Element, Graph, Input, Node, Op, Parameter, ParameterId, Type, ValueId};
use glasshouse_protocol::order;

/// Minimum inner steps of a slice beyond the default number of slices.
const MIN_SLICE: usize = 64;

/// Maximum bytes of all slices' sums, so that a gradient of the same bucket and four times the size still fits the smallest binding limit.
const MAX_BYTES: u64 = 16 << 20;

/// A shape bucket of a graph's kernels, represented by the largest of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub bucket: ShapeBucket,
    /// FLOPs of all the bucket's kernels in the graph.
    pub flops: f64,
    sizes: [usize; 3],
    /// Element types of a product's operands.
    stored: Operands,
    op: Op,
    /// The op's inputs.
    operands: Vec<Type>,
    /// The weight whose gradient it adds to.
    weight: Option<Type>,
}

impl Trial {
    fn product(family: Family, sizes: [usize; 3], stored: Operands) -> Self {
        let [rows, first, second] = sizes;
        // If only one operand is in f16, both are measured as 32-bit floats.
        let element = if stored == Operands::F16 { Element::F16 } else { Element::F32 };
        let matrix = |rows, columns| Type { element, ..Type::f32(&[rows, columns]) };
        let (op, operands, weight) = match family {
            Family::LinearInputBackward => {
                let op = Op::LinearInputBackward(ops::LinearInputBackward { residual: false });
                (op, vec![matrix(rows, first), matrix(first, second)], None)
            }
            Family::LinearWeightBackward => {
                let operands = vec![matrix(rows, first), matrix(rows, second)];
                (
                    Op::LinearWeightBackward(ops::LinearWeightBackward),
                    operands,
                    Some(Type::f32(&[first, second])),
                )
            }
            _ => {
                let op = Op::Linear(ops::Linear { bias: false, residual: false });
                (op, vec![matrix(rows, first), matrix(second, first)], None)
            }
        };
        let few = family == Family::Linear && rows <= FEW_ROWS;
        let family = if few { Family::LinearFew } else { family };
        let flops = 2.0 * rows as f64 * first as f64 * second as f64;
        let bucket = ShapeBucket::from_product(family, sizes, stored);
        Self { bucket, flops, sizes, stored, op, operands, weight }
    }

    /// Candidates on a device, the default first.
    pub fn candidates(&self, target: &Target) -> Vec<Choice> {
        let default = target.first_admitted(self.bucket.family, self.sizes, self.stored, None);
        let mut all = vec![default];
        all.extend(Tier::ALL.map(Choice::tier).into_iter().filter(|choice| *choice != default));
        let sliced = match (self.bucket.family, self.sizes) {
            (Family::LinearWeightBackward, sizes) => Some(sizes),
            // A weight that is bound in parts is not multiplied in slices.
            (Family::LinearInputBackward, [rows, inner, columns])
                if (inner * columns * 4) as u64 <= target.binding =>
            {
                Some([inner, rows, columns])
            }
            _ => None,
        };
        if let Some([inner, rows, columns]) = sliced {
            let slices = default_slices(default.tier, [inner, rows, columns]);
            let bytes = (rows * columns * 4) as u64;
            let long_enough = |count: &usize| *count > 0 && (*count < slices || inner / count >= MIN_SLICE);
            let small_enough = |count: &usize| *count <= MAX_SLICES && *count as u64 * bytes <= MAX_BYTES;
            let others =
                [slices / 2, slices * 2, slices * 4].into_iter().filter(long_enough).filter(small_enough);
            all.extend(others.map(|count| Choice { slices: Some(count), ..default }));
        }
        all.retain(|choice| target.admits(self.bucket.family, self.sizes, self.stored, *choice));
        all
    }

    /// The plan that computes the op as chosen, with operands in the arena. Fails if the device's limits refuse it.
    pub fn plan(&self, target: &Target, choice: Choice) -> Result<Plan> {
        let mut graph = Graph::default();
        let operand = |graph: &mut Graph, ty: &Type, trainable| {
            graph.parameter(Parameter { trainable, ..Parameter::zeros("operand", ty.clone()) })
        };
        let mut inputs = Vec::with_capacity(self.operands.len());
        for ty in &self.operands {
            inputs.push(match ty.element {
                Element::F16 => graph.input(Input::Free(inputs.len() as u32), ty.clone()),
                _ => operand(&mut graph, ty, false),
            });
        }
        let mut gradients = Vec::new();
        if let Some(weight) = &self.weight {
            operand(&mut graph, weight, true);
            gradients.push(graph.gradient_of(ParameterId(graph.parameters.len() as u32 - 1)));
        }
        let outputs = graph.push_into(self.op, &inputs, &gradients)?;
        if self.stored == Operands::F16 && self.weight.is_none() {
            for output in &outputs {
                graph.values[output.index()].ty.element = Element::F16;
            }
        }
        let kept: Vec<ValueId> = outputs.into_iter().filter(|value| !gradients.contains(value)).collect();
        let choices = Choices::from_iter([(self.bucket, choice)]);
        compile(graph, &kept, &target.clone().with(&choices))
    }
}

/// The trials of a node; empty if its kernels have no choice.
pub fn of_node(graph: &Graph, node: &Node) -> Vec<Trial> {
    let shape = |at: usize| graph.ty(node.inputs[at]);
    let half = |value: ValueId| graph.ty(value).element == Element::F16;
    let input = |at: usize| node.inputs.get(at).is_some_and(|value| half(*value));
    let output = |at: usize| node.outputs.get(at).is_some_and(|value| half(*value));
    let (rows, columns) = node.inputs.first().map_or((0, 0), |_| (shape(0).rows(), shape(0).columns()));
    match node.op {
        Op::Linear(_) => {
            let stored = Operands::from_f16s([input(0); 2]);
            vec![Trial::product(Family::Linear, [rows, columns, shape(1).rows()], stored)]
        }
        Op::LinearInputBackward(_) => {
            let stored = Operands::from_f16s([input(0), output(0)]);
            vec![Trial::product(Family::LinearInputBackward, [rows, columns, shape(1).columns()], stored)]
        }
        Op::LinearWeightBackward(ops::LinearWeightBackward) => {
            let stored = Operands::from_f16s([input(0), input(1)]);
            vec![Trial::product(Family::LinearWeightBackward, [rows, columns, shape(1).columns()], stored)]
        }
        Op::ExpertLinear(_) => {
            vec![Trial::product(Family::Linear, [rows, columns, shape(2).rows()], Operands::Floats)]
        }
        Op::ExpertLinearInputBackward(_) => {
            let sizes = [shape(1).rows(), shape(2).rows(), shape(2).columns()];
            vec![Trial::product(Family::LinearInputBackward, sizes, Operands::Floats)]
        }
        Op::ExpertLinearWeightBackward(_) => {
            let rows = shape(1).rows();
            let sizes = [rows, shape(0).count() / rows, shape(2).count() / rows];
            vec![Trial::product(Family::LinearWeightBackward, sizes, Operands::Floats)]
        }
        Op::LinearCrossEntropy(ops::LinearCrossEntropy { chunk, .. }) => {
            let sizes = [chunk.min(rows), columns, shape(1).rows()];
            vec![with_chunks(Trial::product(Family::Linear, sizes, Operands::from_f16s([input(0); 2])), rows)]
        }
        Op::LinearCrossEntropyBackward(ops::LinearCrossEntropyBackward { chunk, weight, .. }) => {
            let (chunk, vocabulary) = (chunk.min(rows), shape(1).rows());
            let (x, dx, dlogits) = (input(0), output(0), output(2));
            let product = |family, sizes, f16s| Trial::product(family, sizes, Operands::from_f16s(f16s));
            let mut all = vec![
                product(Family::Linear, [chunk, columns, vocabulary], [x; 2]),
                product(Family::LinearInputBackward, [chunk, vocabulary, columns], [dlogits, dx]),
            ];
            if weight {
                all.push(product(Family::LinearWeightBackward, [chunk, vocabulary, columns], [dlogits, x]));
            }
            all.into_iter().map(|trial| with_chunks(trial, rows)).collect()
        }
        _ => Vec::new(),
    }
}

/// A product of a chunk of rows, with the FLOPs of all rows.
fn with_chunks(trial: Trial, rows: usize) -> Trial {
    Trial { flops: trial.flops * rows as f64 / trial.sizes[0].max(1) as f64, ..trial }
}

/// Chooses one tier for all of a graph's buckets that match `takes`.
pub fn everywhere(graph: &Graph, tier: Tier, takes: impl Fn(&ShapeBucket) -> bool) -> Choices {
    let buckets = of_graph(graph).into_iter().map(|trial| trial.bucket).filter(takes);
    buckets.map(|bucket| (bucket, Choice::tier(tier))).collect()
}

/// The trials of a graph, one per bucket, sorted by FLOPs in descending order.
pub fn of_graph(graph: &Graph) -> Vec<Trial> {
    let mut all: Vec<(Trial, f64)> = Vec::new();
    for trial in graph.nodes.iter().flat_map(|node| of_node(graph, node)) {
        let flops = trial.flops;
        match all.iter_mut().find(|(other, _)| other.bucket == trial.bucket) {
            Some((other, together)) => {
                *together += flops;
                if flops > other.flops {
                    *other = trial;
                }
            }
            None => all.push((trial, flops)),
        }
    }
    // Stable, so that equal ones keep the order of the graph.
    order::sort_by(&mut all, |(_, one), (_, other)| other.total_cmp(one));
    all.into_iter().map(|(trial, flops)| Trial { flops, ..trial }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::training_graphs;
    use crate::plan::fuse::fused;
    use crate::plan::work;
    use glasshouse_protocol::presets;

    fn graph(preset: &str) -> Graph {
        let config = presets::preset(preset).unwrap();
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        fused(graphs.train, &[graphs.train_loss], &Target::new(false))
    }

    /// Every FLOP of a step but attention's belongs to a bucket, and equal blocks share theirs.
    #[test]
    fn the_classes_share_the_products_of_a_graph() {
        for name in ["nanogpt-cpu", "stories-260k", "gpt2-124m"] {
            let graph = graph(name);
            let trials = of_graph(&graph);
            assert!(trials.len() < 30, "{name}: {}", trials.len());
            assert!(trials.is_sorted_by(|one, other| one.flops >= other.flops));
            let together: f64 = trials.iter().map(|trial| trial.flops).sum();
            let attends = |node: &&Node| matches!(node.op, Op::Attention(_) | Op::AttentionBackward(_));
            let attention = graph.nodes.iter().filter(attends).map(|node| work::of_node(&graph, node).flops);
            let all = crate::plan::estimate::work(&graph) - attention.sum::<f64>();
            assert!((together / all - 1.0).abs() < 1e-9, "{name}: {together} of {all}");
        }
    }

    /// A candidate's plan runs the same kernel as the step, with the same sizes and workgroups; a step may add a bias or residual.
    #[test]
    fn a_trial_runs_what_the_step_runs() {
        // Bytes of rows, columns and inner size.
        const SIZES: usize = 12;
        let graph = graph("nanogpt-cpu");
        let target = Target::new(false);
        let step = compile(graph.clone(), &[], &target).unwrap();
        for trial in of_graph(&graph) {
            let plan = trial.plan(&target, trial.bucket.default_choice()).unwrap();
            let dispatch = &plan.dispatches[0];
            assert!(trial.bucket.family.has(dispatch.kernel.name), "{}", dispatch.kernel.name);
            let same = step.dispatches.iter().any(|other| {
                trial.bucket.family.has(other.kernel.name)
                    && other.arguments[..SIZES] == dispatch.arguments[..SIZES]
                    && other.groups == dispatch.groups
            });
            assert!(same, "{}", trial.bucket);
            assert!(work::of_dispatch(&plan, 0).flops > 0.0, "{}", trial.bucket);
        }
    }

    #[test]
    fn candidates_begin_with_the_rule_and_differ() {
        let target = Target::new(false);
        for trial in of_graph(&graph("nanogpt-cpu")) {
            let candidates = trial.candidates(&target);
            assert_eq!(candidates[0], trial.bucket.default_choice());
            assert!((2..=5).contains(&candidates.len()), "{}: {candidates:?}", trial.bucket);
            let kernels: Vec<String> = candidates
                .iter()
                .map(|choice| {
                    let plan = trial.plan(&target, *choice).unwrap();
                    let first = &plan.dispatches[0];
                    format!("{} {:?} {}", first.kernel.name, first.groups, plan.dispatches.len())
                })
                .collect();
            for (at, kernel) in kernels.iter().enumerate() {
                assert!(!kernels[..at].contains(kernel), "{}: {candidates:?} {kernels:?}", trial.bucket);
            }
        }
    }
}
