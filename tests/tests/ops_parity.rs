//! Every op on every executor against the oracle in f64: forward values, and the gradients of all inputs through the op's own
//! gradient rule and backward ops. The cases are the self-test's.

use crate::common;
use glasshouse_engine::graph::{Graph, Input, Op, Type, ValueId, ops};
use glasshouse_engine::oracle::Device;
use glasshouse_engine::plan::fuse::Fusions;
use glasshouse_engine::plan::lower::{Cooperative, Side, Target, Tier};
use glasshouse_engine::plan::{self, trial};
use glasshouse_engine::step::Data;
use glasshouse_engine::{cpu, gpu};
use glasshouse_parity::cases::{Case, OPERATIONS, Operation};
use glasshouse_parity::task::{Backward, Expectation, Task, floats, has_gradient};
use glasshouse_parity::variants;

enum Tested {
    Cpu,
    /// With the kernels for a target.
    Gpu(Box<gpu::Gpu>, Target),
}

impl Tested {
    fn gpu(target: Target) -> Self {
        let device = pollster::block_on(gpu::Gpu::open(&common::adapter()));
        // The cases already contain the fused ops they test.
        Self::Gpu(
            Box::new(device.expect("the tests' adapter").poisoned()),
            target.with_fusions(Fusions::NONE),
        )
    }

    fn run(&self, case: &Case, task: &Task) -> Vec<Vec<f32>> {
        let Task { graph, inputs, read } = task.fused(case);
        let (graph, inputs, read) = (&graph, &inputs[..], &read[..]);
        let data = match self {
            Self::Cpu => cpu::run_graph(graph, inputs, read),
            Self::Gpu(device, target) => {
                pollster::block_on(gpu::run_graph_for(device, graph, inputs, read, [0, 0], target.clone()))
            }
        };
        floats(data.unwrap_or_else(|error| panic!("{:?}: {error}", graph.nodes))).expect("floats")
    }
}

/// Runs all cases before it fails with every deviation that is too large.
fn check(tested: &Tested, name: &str) {
    let Operation { bounds, cases, .. } = Operation::named(name).expect("an operation of the table");
    let oracle = Device::flex_in_f64();
    let mut wrong = Vec::new();
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for case in cases() {
        let expected = Expectation::of(&case, &oracle).expect("the reference");
        let mut found = expected.of_values(tested.run(&case, &expected.forward));
        if let Some(backward) = &expected.backward {
            found.extend(expected.of_gradients(&tested.run(&case, backward)));
        }
        assert!(!found.is_empty());
        for found in found {
            let bound = if found.is_gradient { bounds.gradient } else { bounds.forward };
            let line = format!("{} of {case:?}: {:.1e}", found.what, found.apart);
            if found.apart > bound {
                wrong.push(format!("{line} > {bound:.0e}"));
            }
            let worst = &mut worst[usize::from(found.is_gradient)];
            if found.apart >= worst.0 {
                *worst = (found.apart, line);
            }
        }
    }
    println!("forward: {}\ngradient: {}", worst[0].1, worst[1].1);
    assert!(wrong.is_empty(), "{} lie too far off:\n{}", wrong.len(), wrong.join("\n"));
}

/// One module per op, with the same cases on each executor.
macro_rules! parity {
    ($($op:ident)*) => {
        #[test]
        fn every_operation_has_its_tests() {
            let tested = [$(stringify!($op)),*];
            assert!(OPERATIONS.iter().all(|operation| tested.contains(&operation.name)));
        }

        $(
        mod $op {
            use super::{Target, Tested, check};

            const NAME: &str = stringify!($op);

            #[test]
            fn on_cpu() {
                check(&Tested::Cpu, NAME);
            }

            #[test]
            fn on_gpu() {
                check(&Tested::gpu(Target::new(false)), NAME);
            }
        }
        )*
    };
}

parity! {
    embedding embedding_at_cursor norm linear head_norm rope rope_at_cursor attention cached_attention last_row
    activation gate route router_loss weigh_experts expert_linear dropouts noise add scale multiply row_norm softcap stored_weights unpack cross_entropy linear_cross_entropy score preference kto policy policy_as_drawn distil unlikelihood top_k jump_relu jump_relu_penalty squared_error
}

/// Several products of one size in one launch have the bits of each computed separately.
#[test]
fn several_products_equal_single_ones() {
    const COUNT: usize = 3;
    let device =
        pollster::block_on(gpu::Gpu::open(&common::adapter())).expect("the tests' adapter").poisoned();
    let of_shape = |shape: &[usize], count: usize| match count {
        1 => Type::f32(shape),
        _ => Type::f32(&[&[count], shape].concat()),
    };
    for [rows, columns] in [[12, 20], [70, 130], [33, 9]] {
        let linear = ops::Linear { bias: false, residual: true };
        let backward = ops::LinearInputBackward { residual: true };
        let (square, wide) = ([rows, rows], [rows, columns]);
        for (op, shapes) in
            [(Op::from(linear), [wide, wide, square]), (backward.into(), [square, wide, wide])]
        {
            let run = |target: Option<Target>, count: usize, inputs: &[Vec<f32>]| {
                let mut graph = Graph::default();
                let typed = shapes.iter().enumerate();
                let values: Vec<ValueId> = typed
                    .map(|(at, shape)| graph.input(Input::Free(at as u32), of_shape(shape, count)))
                    .collect();
                let read = graph.push(op, &values).expect("a product");
                let given: Vec<(ValueId, Data)> =
                    values.into_iter().zip(inputs.iter().cloned().map(Data::F32)).collect();
                let results = match target {
                    None => cpu::run_graph(&graph, &given, &read),
                    Some(target) => pollster::block_on(gpu::run_graph_for(
                        &device,
                        &graph,
                        &given,
                        &read,
                        [0, 0],
                        target.with_fusions(Fusions::NONE),
                    )),
                };
                floats(results.expect("a result")).expect("floats").swap_remove(0)
            };
            let inputs: Vec<Vec<f32>> = (0..3)
                .zip(shapes)
                .map(|(stream, [rows, columns])| common::numbers(stream, COUNT * rows * columns))
                .collect();
            for target in [None, Some(Target::new(false))] {
                let together = run(target.clone(), COUNT, &inputs);
                let size = together.len() / COUNT;
                for (at, ours) in together.chunks_exact(size).enumerate() {
                    let part = |all: &Vec<f32>| {
                        let size = all.len() / COUNT;
                        all[at * size..(at + 1) * size].to_vec()
                    };
                    let own: Vec<Vec<f32>> = inputs.iter().map(part).collect();
                    assert_eq!(ours, run(target.clone(), 1, &own), "{op:?} {rows} {columns} {at} {target:?}");
                }
            }
        }
    }
}

/// Kernels that no graph op is lowered to: they follow the backward pass, sample the next token or benchmark the device, and
/// have their own tests with the executor.
const BEYOND_OPS: [&str; 11] = [
    "advance",
    "cast_f16",
    "decode_feed",
    "gradient_norm",
    "gradient_squares",
    "muon_momentum",
    "muon_normalise",
    "muon_update",
    "optimizer",
    "peak_flops",
    "sample",
];

#[test]
fn the_cases_reach_every_variant_of_every_kernel() {
    let mut reached = std::collections::BTreeSet::new();
    let mut reach = |graph: &Graph, read: &[ValueId]| {
        let everywhere = |tier| trial::everywhere(graph, tier, |_| true);
        let with_subgroups = Target::new(false).with_subgroups(true);
        let subgroups = with_subgroups.clone().with(&everywhere(Tier::Subgroup));
        let cooperative = |side| {
            let matrices = Cooperative { floats: Some(side), f16s: Some(side) };
            with_subgroups.clone().with_cooperative(matrices).with(&everywhere(Tier::Cooperative))
        };
        let [small, large] = [Side::Eight, Side::Sixteen].map(cooperative);
        let tiled = Target::new(false).with(&everywhere(Tier::Tiled));
        let whole = [Target::new(false), tiled, subgroups, small, large];
        // A binding limit small enough to split weights of 256 rows or more.
        let parts = whole.clone().map(|target| target.with_binding(40_000));
        for target in whole.into_iter().chain(parts).map(|target| target.with_fusions(Fusions::NONE)) {
            let plan = plan::compile(graph.clone(), read, &target).expect("a plan");
            reached.extend(plan.dispatches.iter().map(|dispatch| dispatch.kernel.name));
        }
    };
    let cases: Vec<Case> = OPERATIONS.iter().flat_map(|operation| (operation.cases)()).collect();
    for case in cases {
        let built = case.build().expect("a graph");
        reach(&case.fused(built.graph.clone(), &built.outputs), &built.outputs);
        if has_gradient(&case) {
            let backward = Backward::of(&case, &built).expect("a gradient");
            reach(&case.fused(backward.graph, &backward.read), &backward.read);
        }
    }
    let missed: Vec<&str> = glasshouse_shaders::KERNELS
        .iter()
        // f16 kernels are used only by whole models that store values in f16; `half_tests` runs them.
        .filter(|kernel| !kernel.needs_half())
        .map(|kernel| kernel.name)
        .filter(|name| !BEYOND_OPS.contains(&name.split(':').next().unwrap_or(name)))
        .filter(|name| !reached.contains(name))
        .collect();
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), glasshouse_shaders::KERNELS.len());
}

/// The cases of the fused operation contain it, forward and backward.
#[test]
fn fused_cases_have_their_operation() {
    let has = |graph: &Graph, name: &str| graph.nodes.iter().filter(|node| node.op.name() == name).count();
    for case in (Operation::named("linear_cross_entropy").unwrap().cases)() {
        let built = case.build().unwrap();
        let graph = case.fused(built.graph.clone(), &built.outputs);
        let fused = has(&graph, "linear_cross_entropy");
        assert!(fused == 1 && graph.nodes.iter().any(|node| node.op == case.op), "{case:?}");
        let Backward { graph, read, .. } = Backward::of(&case, &built).unwrap();
        assert_eq!(has(&case.fused(graph, &read), "linear_cross_entropy_backward"), 1, "{case:?}");
    }
}

/// The self-test runs the same cases: a few of them in every variant that the tests' adapter supports.
#[test]
fn the_selftest_tries_the_variants_of_a_device() {
    let device = common::adapter();
    let run =
        |seconds, filter| pollster::block_on(variants::run(&device, seconds, filter)).expect("a report").0;
    let report = run(f64::INFINITY, "last_row");
    assert!(report.passed() && report.is_whole(), "{report}");
    assert_eq!((report.rows.len(), report.kernels, report.kernels_of_device), (1, 1, 1));
    assert_eq!((report.rows[0].cases, report.rows[0].runs), (5, 5), "launches that are alike run once");
    let report = run(f64::INFINITY, "embedding_at_cursor");
    assert!(report.passed() && report.rows[0].forward > 0.0 || report.rows[0].runs >= 4, "{report}");
    // With a time limit of zero, nothing runs and everything is left.
    let report = run(0.0, "linear_cross_entropy");
    assert!(
        report.passed() && !report.is_whole() && report.kernels == 0 && report.left.len() >= 4,
        "{report:?}"
    );
    let refused = pollster::block_on(variants::run(&device, 1.0, "kitchen"));
    assert!(refused.is_err_and(|error| error.to_string().contains("linear_cross_entropy")));
    let cpu = pollster::block_on(variants::run("cpu", 1.0, ""));
    assert!(cpu.is_err_and(|error| error.to_string().contains("choose a GPU")));
}
