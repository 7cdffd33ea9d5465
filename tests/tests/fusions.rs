//! Fusions change rounding alone: a model trains the same with all of them and with every operation by itself.

use crate::common;
use crate::common::{deviation, ids};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::graph::ops;
use glasshouse_engine::graph::{Fusions, Graph, Op, random};
use glasshouse_engine::initial;
use glasshouse_engine::model::{training_graphs, training_graphs_with};
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::protocol::{ModelConfig, TrainConfig, presets};
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_protocol::model::{Dropout, Mlp};
use glasshouse_protocol::{Activation, Gate, Position};
use pollster::block_on;

/// Small models of the two families: GPT-2's, with biases, and Llama's, with rotary positions and a gate.
fn models() -> Vec<ModelConfig> {
    let small = |name: &str| {
        let mut model = presets::preset(name).unwrap().model;
        (model.vocabulary, model.context_length, model.layers, model.width) = (41, 19, 2, 36);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (4, 4, 8, 52);
        model
    };
    let gpt = small("gpt2-124m");
    let mut llama = small("stories-260k");
    llama.kv_heads = 2;
    llama.position = Position::Rope { base: 10_000.0 };
    let geglu = Mlp { gate: Gate::Geglu, ..llama.mlp };
    let squared = Mlp { activation: Activation::ReluSquared, ..gpt.mlp };
    let dropout = Dropout { embedding: 0.1, attention: 0.2, residual: 0.1 };
    vec![
        gpt.clone(),
        ModelConfig { mlp: squared, dropout, bias: true, ..gpt },
        llama.clone(),
        ModelConfig { mlp: geglu, dropout, bias: true, qk_norm: true, ..llama },
    ]
}

fn count(graph: &Graph, kind: impl Fn(&Op) -> bool) -> usize {
    graph.nodes.iter().filter(|node| kind(&node.op)).count()
}

/// Loss and gradients of a step of two micro-batches.
fn gradients(device: &str, model: &ModelConfig, train: &TrainConfig, fusions: Fusions) -> (f32, Vec<f32>) {
    let graphs = training_graphs_with(model, train, fusions).unwrap();
    let layout = ArenaLayout::of(&graphs.train);
    let parameters = initial::parameters(&graphs.train.parameters, &layout, 5);
    let size = train.batch_size * model.context_length;
    let micro = |at: u64| MicroBatch {
        tokens: ids(2 * at, size, model.vocabulary),
        targets: ids(2 * at + 1, size, model.vocabulary),
        seed: random::dropout_seed(3, 0, at),
    };
    let step = StepInput { step: 0, learning_rate: 0.0, micro_batches: vec![micro(0), micro(1)] };
    block_on(async {
        let opened = Executor::open(device, &graphs, Optimizer::of(train), None).await.unwrap();
        let mut executor = opened.0;
        executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await.unwrap();
        executor.gradients(&step).await.unwrap()
    })
}

fn check(device: &str) {
    for model in models() {
        for activation_checkpointing in [false, true] {
            let train = TrainConfig {
                batch_size: 3,
                accumulate: 2,
                activation_checkpointing,
                ..TrainConfig::default()
            };
            let (loss, alone) = gradients(device, &model, &train, Fusions::NONE);
            for fusions in [
                Fusions { activation: true, ..Fusions::NONE },
                Fusions { rope: true, ..Fusions::NONE },
                Fusions { residual: true, ..Fusions::NONE },
                Fusions::default(),
            ] {
                let (fused_loss, fused) = gradients(device, &model, &train, fusions);
                assert!((fused_loss - loss).abs() < 1e-5 * loss, "{fusions:?}: {fused_loss} for {loss}");
                let apart = deviation(&fused, &alone);
                assert!(apart < 2e-5, "{fusions:?} of {model:?}: {apart:.1e}");
            }
        }
    }
}

#[test]
fn change_rounding_alone_on_cpu() {
    check("cpu");
}

#[test]
fn change_rounding_alone_on_gpu() {
    check(&common::adapter());
}

/// Each switch makes its own nodes and no other; a setting of the run switches them off.
#[test]
fn are_made_where_they_are_switched_on() {
    let [gpt, _, llama, normed] = &models()[..] else { panic!() };
    let train = TrainConfig::default();
    let graph = |model, fusions| training_graphs_with(model, &train, fusions).unwrap().train;
    let activations = |graph: &Graph| {
        let forward = count(graph, |op| matches!(op, Op::LinearActivation(_)));
        let backward = count(graph, |op| matches!(op, Op::LinearInputActivationBackward(_)));
        let alone = count(graph, |op| {
            matches!(op, Op::Activation(_) | Op::Gate(_) | Op::ActivationBackward(_) | Op::GateBackward(_))
        });
        [forward, backward, alone]
    };
    let ropes = |graph: &Graph| {
        let alone = count(graph, |op| matches!(op, Op::Rope(ops::Rope { inverse: false, .. })));
        [count(graph, |op| matches!(op, Op::LinearRope(_))), alone]
    };
    let sums = |graph: &Graph| {
        let with = |op: &Op| {
            matches!(
                op,
                Op::Linear(ops::Linear { residual: true, .. })
                    | Op::Dropout(ops::Dropout { residual: true, .. })
            )
        };
        count(graph, with)
    };
    for model in [gpt, llama] {
        let (plain, fused) = (graph(model, Fusions::NONE), graph(model, Fusions::EPILOGUES));
        assert_eq!((activations(&plain), activations(&fused)), ([0, 0, 4], [2, 2, 0]));
        assert_eq!((sums(&plain), sums(&fused)), (0, 4));
        let only = graph(model, Fusions { activation: true, ..Fusions::NONE });
        assert_eq!((activations(&only), ropes(&only)[0], sums(&only)), ([2, 2, 0], 0, 0));
    }
    assert_eq!(ropes(&graph(llama, Fusions::NONE)), [0, 2]);
    assert_eq!(ropes(&graph(llama, Fusions::EPILOGUES)), [2, 0]);
    // The norm of heads stands between the projection and the rotation.
    assert_eq!(ropes(&graph(normed, Fusions::EPILOGUES)), [0, 2]);
    // What kernels do not take four at a time stays by itself.
    let odd = ModelConfig { mlp: Mlp { hidden: 50, ..gpt.mlp }, ..gpt.clone() };
    assert_eq!(activations(&graph(&odd, Fusions::EPILOGUES)), [0, 0, 4]);
    let off = TrainConfig { fused_epilogues: false, ..train.clone() };
    assert_eq!(activations(&training_graphs(gpt, &off).unwrap().train), [0, 0, 4]);
    assert_eq!(activations(&training_graphs(gpt, &train).unwrap().train), [2, 2, 0]);
}
