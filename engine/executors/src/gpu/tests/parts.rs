//! Weights larger than the device's binding or buffer size: a model with matrices split by rows trains and generates
//! like the unsplit one.

use super::super::{Gpu, GpuDecoder, GpuExecutor, run_graph_for, test_gpu};
use super::executor::configs;
use glasshouse_compiler::graph::{Graph, Input, Parameter, Type, ValueId, has_half, ops, random};
use glasshouse_compiler::model::training_graphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::fuse::{Fusions, HeadFusion};
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::plan::{Binding, Buffer, Plan, compile};
use glasshouse_compiler::step::{ArenaState, Data, MicroBatch, StepInput};
use glasshouse_protocol::{Gate, GenerateConfig, ModelConfig, Precision, TrainConfig, WeightFormat};
use pollster::block_on;

/// Maximum binding size in bytes: 150 rows of 20 floats, so parts have 128 rows.
const BINDING: u64 = 12_000;

/// The test device with another target's kernels.
fn gpu_for(target: Target) -> Gpu {
    let mut gpu = test_gpu();
    gpu.target = target;
    gpu
}

const TARGET: Target = Target::new(false);

/// A model with split embedding, head and gated MLP.
fn config(vocabulary: usize, tied: bool, precision: Precision) -> (ModelConfig, TrainConfig) {
    let (mut model, mut train) = configs();
    (model.vocabulary, model.width, model.heads, model.kv_heads, model.head_size) = (vocabulary, 20, 2, 2, 8);
    model.tied_head = tied;
    model.init.std = 0.25;
    (model.mlp.gate, model.mlp.hidden) = (Gate::Swiglu, 100);
    train.precision = precision;
    (model, train)
}

fn fused() -> Fusions {
    Fusions { head: Some(HeadFusion { bytes: 0, vocabulary: 0, chunk: 0 }), ..Fusions::NONE }
}

/// The most bytes of weights or gradients bound by one dispatch of the plan.
fn largest(plan: &Plan) -> u64 {
    let bindings = plan.dispatches.iter().flat_map(|dispatch| &dispatch.bindings);
    let in_arena = |binding: &&Binding| {
        matches!(binding.buffer, Buffer::Parameters(_) | Buffer::HalfParameters(_) | Buffer::Gradients(_))
    };
    bindings.filter(in_arena).filter_map(|binding| binding.bytes).max().unwrap()
}

/// Loss, gradient and evaluation loss of a step.
fn learned(gpu: &Gpu, model: &ModelConfig, train: &TrainConfig) -> (f32, Vec<f32>, f32) {
    let graphs = training_graphs(model, train).unwrap();
    assert_eq!(has_half(&graphs.train), train.precision == Precision::Mixed);
    let most = largest(&compile(graphs.train.clone(), &[], &gpu.target()).unwrap());
    assert_eq!(most <= BINDING, gpu.target().binding == BINDING, "{most}");
    let parameters = crate::initial_parameters(&graphs.train.parameters, 1);
    let batch = |number: u64| {
        let ids = |purpose| -> Vec<u32> {
            let id = |at| (random::nth(5, purpose, number * 24 + at) % model.vocabulary as u64) as u32;
            (0..24).map(id).collect()
        };
        MicroBatch {
            tokens: ids(1),
            targets: ids(2),
            document_starts: None,
            seed: random::dropout_seed(5, number, 0),
            loss_denominator: None,
            scores: None,
        }
    };
    let step = StepInput { step: 0, learning_rate: 0.01, micro_batches: vec![batch(0), batch(1)] };
    block_on(async {
        let mut executor = GpuExecutor::new(gpu, &graphs, Optimizer::new(train), 2).await.unwrap();
        executor.set_state(&ArenaState::from_weights(parameters)).await.unwrap();
        let (loss, gradient) = executor.gradients(&step).await.unwrap();
        (loss, gradient, executor.evaluate(&step.micro_batches).await.unwrap()[0].0)
    })
}

/// Asserts that two vectors differ by at most this share of the largest entry.
pub(super) fn near(found: &[f32], wanted: &[f32], share: f32) {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f32, |most, entry| most.max(entry.abs()));
    let worst = found.iter().zip(wanted).fold(0.0f32, |most, (one, other)| most.max((one - other).abs()));
    assert!(largest > 0.0 && worst <= share * largest, "{worst} off where the largest is {largest}");
}

#[test]
fn a_model_in_parts_learns_as_the_whole_one() {
    for (vocabulary, tied, precision, bound) in [
        (300, true, Precision::F32, 1e-5),
        (385, false, Precision::F32, 1e-5),
        // Sums of rounded parts are rounded again.
        (700, true, Precision::Mixed, 3e-3),
    ] {
        let (model, train) = config(vocabulary, tied, precision);
        for fusions in [Fusions::NONE, fused()] {
            let target = TARGET.with_fusions(fusions);
            let whole = learned(&gpu_for(target.clone()), &model, &train);
            let parts = learned(&gpu_for(target.with_binding(BINDING)), &model, &train);
            assert!(
                (parts.0 - whole.0).abs() < 1e-4 && (parts.2 - whole.2).abs() < 1e-4,
                "{parts:?} {whole:?}"
            );
            near(&parts.1, &whole.1, bound);
        }
    }
}

#[test]
fn a_model_in_parts_writes_as_the_whole_one() {
    let (model, _) = config(301, true, Precision::F32);
    let graph =
        glasshouse_compiler::model::build(&model, glasshouse_compiler::model::Purpose::Window { time: 1 })
            .unwrap()
            .graph;
    let weights = crate::initial_parameters(&graph.parameters, 3);
    let settings = GenerateConfig { temperature: 0.9, seed: 4, ..GenerateConfig::default() };
    let written = |target: Target| {
        block_on(async {
            let mut decoder =
                GpuDecoder::new(&gpu_for(target), &model, &weights, WeightFormat::F32, 1).await.unwrap();
            decoder.start(&[300, 1, 17, 299], &settings).await.unwrap();
            // Also beyond the context length.
            decoder.advance(model.context_length + 6).await.unwrap()
        })
    };
    assert_eq!(written(TARGET.with_binding(BINDING)), written(TARGET));
}

/// Bias and residual are added once, whichever part a column belongs to.
#[test]
fn parts_of_a_linear_layer_take_their_share_of_bias_and_residual() {
    for (rows, vocabulary) in [(70, 300), (3, 301)] {
        let mut graph = Graph::default();
        let mut inputs = Vec::new();
        let mut input = |shape: &[usize]| -> ValueId {
            let value = graph.input(Input::Free(inputs.len() as u32), Type::f32(shape));
            let number = inputs.len() as u64;
            let entry = |at| (random::nth(9, number, at) >> 40) as f32 / 16_777_216.0 - 0.5;
            let count = shape.iter().product::<usize>() as u64;
            inputs.push((value, Data::F32((0..count).map(entry).collect())));
            value
        };
        let (x, dy) = (input(&[rows, 20]), input(&[rows, vocabulary]));
        let (b, r, rx) = (input(&[vocabulary]), input(&[rows, vocabulary]), input(&[rows, 20]));
        let w = graph.parameter(Parameter::zeros("w", Type::f32(&[vocabulary, 20])));
        inputs.push((w, Data::F32((0..vocabulary * 20).map(|at| (at % 37) as f32 / 37.0 - 0.4).collect())));
        let mut wanted = Vec::new();
        for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
            let added =
                [b, r].into_iter().zip([bias, residual]).filter_map(|(value, is)| is.then_some(value));
            let operands: Vec<ValueId> = [x, w].into_iter().chain(added).collect();
            wanted.extend(graph.push(ops::Linear { bias, residual }, &operands).unwrap());
        }
        for residual in [false, true] {
            let operands = if residual { vec![dy, w, rx] } else { vec![dy, w] };
            wanted.extend(graph.push(ops::LinearInputBackward { residual }, &operands).unwrap());
        }
        let gpu = test_gpu();
        let run = |target| block_on(run_graph_for(&gpu, &graph, &inputs, &wanted, [0, 0], target)).unwrap();
        let whole = run(TARGET);
        let cut = [TARGET.with_binding(BINDING), TARGET.with_buffer(BINDING)].map(run);
        for (found, wanted) in cut.iter().flat_map(|found| found.iter().zip(&whole)) {
            match (found, wanted) {
                (Data::F32(found), Data::F32(wanted)) => near(found, wanted, 1e-6),
                other => panic!("{other:?}"),
            }
        }
    }
}
