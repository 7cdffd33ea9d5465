//! Every op on every executor against the reference in f64: forward values, and the gradients of all inputs, for which the
//! op's own gradient rule and backward ops run.
#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as the test itself does")]

mod common;

use common::cases::{self, Built, Case};
use common::{deviation, numbers};
use glasshouse_engine::executor::Data;
use glasshouse_engine::graph::{Graph, Input, Keep, Op, Type, ValueId, gradient, gradient_from};
use glasshouse_engine::plan::lower::{Cooperative, Side, Target, Tier};
use glasshouse_engine::plan::{self, trial};
use glasshouse_engine::reference::{self, Device};
use glasshouse_engine::{cpu, gpu};

/// How far a value may lie off, relative to the largest entry of what it belongs to.
#[derive(Clone, Copy)]
struct Bounds {
    forward: f64,
    gradient: f64,
}

enum Tested {
    Cpu,
    /// With the kernels for a software adapter, or with those for hardware.
    Gpu(Box<gpu::Gpu>, Target),
}

impl Tested {
    fn gpu(target: Target) -> Self {
        let device = pollster::block_on(gpu::Gpu::open(&gpu::DeviceChoice::Named(common::adapter())));
        Self::Gpu(Box::new(device.expect("the tests' adapter")), target)
    }

    fn run(&self, graph: &Graph, inputs: &[(ValueId, Data)], read: &[ValueId]) -> Vec<Vec<f32>> {
        let data = match self {
            Self::Cpu => cpu::run_graph(graph, inputs, read),
            Self::Gpu(device, target) => {
                pollster::block_on(gpu::run_graph_for(device, graph, inputs, read, [0, 0], target.clone()))
            }
        };
        floats(data.unwrap_or_else(|error| panic!("{:?}: {error}", graph.nodes)))
    }
}

fn floats(data: Vec<Data>) -> Vec<Vec<f32>> {
    let float = |data| match data {
        Data::F32(numbers) => numbers,
        Data::U32(_) => panic!("floats are read"),
    };
    data.into_iter().map(float).collect()
}

/// Runs all cases, and only then fails with everything that lies too far off.
fn check(tested: &Tested, cases: &[Case], bounds: Bounds) {
    let oracle = Device::flex_in_f64();
    let mut wrong = Vec::new();
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for case in cases {
        let mut found = Vec::new();
        let built = case.build();
        forward(tested, &oracle, case, &built, &mut found);
        if has_gradient(&case.op) {
            gradients(tested, &oracle, case, &built, &mut found);
        }
        for (what, apart, is_gradient) in found {
            let bound = if is_gradient { bounds.gradient } else { bounds.forward };
            let line = format!("{what} of {case:?}: {apart:.1e}");
            if apart > bound {
                wrong.push(format!("{line} > {bound:.0e}"));
            }
            let worst = &mut worst[usize::from(is_gradient)];
            if apart >= worst.0 {
                *worst = (apart, line);
            }
        }
    }
    println!("forward: {}\ngradient: {}", worst[0].1, worst[1].1);
    assert!(wrong.is_empty(), "{} lie too far off:\n{}", wrong.len(), wrong.join("\n"));
}

fn has_gradient(op: &Op) -> bool {
    match *op {
        Op::CachedAttention { .. } | Op::LastRow => false,
        Op::Embedding { cursor, .. } | Op::Rope { cursor, .. } => !cursor,
        _ => true,
    }
}

/// What was compared, how far it lies off, and whether it is a gradient.
type Found = Vec<(String, f64, bool)>;

fn forward(tested: &Tested, oracle: &Device, case: &Case, built: &Built, found: &mut Found) {
    // A chunk of logits is left behind for nobody.
    let results = if let Op::LinearCrossEntropy { .. } = case.op { 2 } else { built.outputs.len() };
    let read = [&built.outputs[..results], &built.caches].concat();
    let got = tested.run(&built.graph, &built.inputs, &read);
    let expected = floats(
        reference::run_graph(&built.graph, &built.inputs, &read, &oracle.without_autodiff())
            .expect("the reference"),
    );
    for (at, (mut got, mut expected)) in got.into_iter().zip(expected).enumerate() {
        if let (Op::CachedAttention { heads }, 0) = (case.op, at) {
            // Rows past the cursor's length are unspecified.
            let rows = match case.feeds[3] {
                cases::Feed::Cursor(_, length) => length as usize,
                _ => panic!("a cursor"),
            };
            got.truncate(rows * heads.width());
            expected.truncate(rows * heads.width());
        }
        found.push((format!("value {at}"), deviation(&got, &expected), false));
    }
}

fn gradients(tested: &Tested, oracle: &Device, case: &Case, built: &Built, found: &mut Found) {
    let (mut inputs, backward) = (built.inputs.clone(), Backward::of(case, built));
    if let Some(value) = backward.seed_value {
        inputs.push((value, Data::F32(backward.seed.clone())));
    }
    inputs.extend(built.token_order(&backward.graph));
    let got = tested.run(&backward.graph, &inputs, &backward.read);
    let expected = reference::gradients_of(
        &built.graph,
        &built.inputs,
        built.outputs[0],
        backward.seed,
        &backward.wrt,
        oracle,
    );
    let expected = floats(expected.expect("the reference"));
    for ((got, expected), id) in got.iter().zip(&expected).zip(&backward.wrt) {
        let number = built.inputs.iter().position(|(input, _)| input == id).expect("an input");
        found.push((format!("gradient of input {number}"), deviation(got, expected), true));
    }
}

/// A case's graph with the op's gradient rule appended.
struct Backward {
    graph: Graph,
    /// What the output is weighted by, and the input that holds it.
    seed: Vec<f32>,
    seed_value: Option<ValueId>,
    /// Inputs of the op, and their gradients.
    wrt: Vec<ValueId>,
    read: Vec<ValueId>,
}

impl Backward {
    fn of(case: &Case, built: &Built) -> Self {
        let (mut graph, output) = (built.graph.clone(), built.outputs[0]);
        let logits = built.inputs[0].0;
        if let Op::CrossEntropy { label_smoothing, ignore_index } = case.op {
            // The loss begins a backward pass; it has no seed but its scale.
            let scale = 0.25;
            let op = Op::CrossEntropyBackward { label_smoothing, ignore_index, scale };
            let read = graph.push(op, &[logits, built.inputs[1].0, built.outputs[1], output]);
            let (wrt, read) = (vec![logits], read.expect("a backward op"));
            return Self { graph, seed: vec![scale, 0.0], seed_value: None, wrt, read };
        }
        if let Op::LinearCrossEntropy { .. } = case.op {
            let scale = 0.25;
            gradient(&mut graph, output, scale, Keep::Everything).expect("a gradient");
            let backward = graph.nodes.last().expect("a backward op").clone();
            let (wrt, read) = (built.differentiable.clone(), vec![backward.outputs[0], backward.outputs[3]]);
            return Self { graph, seed: vec![scale, 0.0], seed_value: None, wrt, read };
        }
        let shape = graph.ty(output).clone();
        let seed = graph.input(Input::Free(99), Type::f32(&shape.shape));
        let wrt = built.differentiable.clone();
        let read = gradient_from(&mut graph, &[(output, seed)], &wrt).expect("a gradient");
        let read = read.into_iter().map(|gradient| gradient.expect("a gradient of every input")).collect();
        Self { graph, seed: numbers(99, shape.count()), seed_value: Some(seed), wrt, read }
    }
}

/// A module an op: the same cases on each executor.
macro_rules! parity {
    ($($op:ident: $forward:literal, $gradient:literal;)*) => {
        fn all_cases() -> Vec<Case> {
            [$(cases::$op()),*].concat()
        }

        $(
        mod $op {
            use super::{Bounds, Target, Tested, cases, check};

            const BOUNDS: Bounds = Bounds { forward: $forward, gradient: $gradient };

            #[test]
            fn on_cpu() {
                check(&Tested::Cpu, &cases::$op(), BOUNDS);
            }

            #[test]
            fn on_gpu_with_kernels_for_software() {
                check(&Tested::gpu(Target::new(true)), &cases::$op(), BOUNDS);
            }

            #[test]
            fn on_gpu_with_kernels_for_hardware() {
                check(&Tested::gpu(Target::new(false)), &cases::$op(), BOUNDS);
            }

            #[test]
            fn on_gpu_with_kernels_for_slow_loads() {
                check(&Tested::gpu(Target::new(true).with_slow_loads(true)), &cases::$op(), BOUNDS);
            }
        }
        )*
    };
}

// Exact copies and single additions are bound by a rounding; sums and functions by a few.
parity! {
    embedding: 2e-7, 5e-6;
    embedding_at_cursor: 2e-7, 0.0;
    norm: 5e-6, 5e-5;
    linear: 5e-6, 5e-5;
    linear_activation: 1e-5, 5e-5;
    linear_rope: 5e-6, 5e-5;
    head_norm: 2e-6, 5e-5;
    rope: 2e-6, 2e-6;
    rope_at_cursor: 2e-6, 0.0;
    attention: 2e-5, 5e-5;
    cached_attention: 2e-5, 0.0;
    last_row: 0.0, 0.0;
    activation: 5e-6, 5e-6;
    gate: 5e-6, 5e-6;
    dropouts: 2e-7, 2e-7;
    add: 2e-7, 2e-7;
    cross_entropy: 5e-6, 2e-5;
    linear_cross_entropy: 5e-6, 5e-5;
}

/// Kernels that no op of a graph is lowered to: they follow the backward pass, draw the next token, or measure the device, and
/// have tests of their own beside the executor.
const BEYOND_OPS: [&str; 7] =
    ["advance", "decode_feed", "gradient_norm", "gradient_squares", "optimizer", "peak_flops", "sample"];

#[test]
fn the_cases_reach_every_variant_of_every_kernel() {
    let mut reached = std::collections::BTreeSet::new();
    let mut reach = |graph: &Graph, read: &[ValueId]| {
        let everywhere = |tier| trial::everywhere(graph, tier, |_| true);
        let with_subgroups = Target::new(false).with_subgroups(true);
        let subgroups = with_subgroups.clone().with(&everywhere(Tier::Subgroup));
        let cooperative = |side| {
            let matrices = Cooperative { floats: Some(side), halves: None };
            with_subgroups.clone().with_cooperative(matrices).with(&everywhere(Tier::Cooperative))
        };
        let software = Target::new(true);
        let slow_loads = software.clone().with_slow_loads(true);
        let [small, large] = [Side::Eight, Side::Sixteen].map(cooperative);
        let whole = [Target::new(false), software, slow_loads, subgroups, small, large];
        // So little at once that a weight of 256 rows or more comes in parts.
        let parts = whole.clone().map(|target| target.with_binding(40_000));
        for target in whole.into_iter().chain(parts) {
            let plan = plan::compile(graph.clone(), read, &target).expect("a plan");
            reached.extend(plan.dispatches.iter().map(|dispatch| dispatch.kernel.name));
        }
    };
    for case in all_cases() {
        let built = case.build();
        reach(&built.graph, &built.outputs);
        if has_gradient(&case.op) {
            let backward = Backward::of(&case, &built);
            reach(&backward.graph, &backward.read);
        }
    }
    let missed: Vec<&str> = glasshouse_shaders::KERNELS
        .iter()
        .filter(|kernel| !kernel.needs_half())
        .map(|kernel| kernel.name)
        .filter(|name| !BEYOND_OPS.contains(&name.split(':').next().unwrap_or(name)))
        .filter(|name| !reached.contains(name))
        .collect();
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), glasshouse_shaders::KERNELS.len());
}
