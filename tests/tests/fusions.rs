//! Fusions change only rounding: a model trains the same with all of them and with none.

use crate::common;
use crate::common::{deviation, ids};
use glasshouse_engine::cpu;
use glasshouse_engine::gpu::{self, Gpu};
use glasshouse_engine::graph::{Graph, Input, Op, Origin, ValueId, ops, random, token_order};
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::plan::fuse::{Fusions, HeadFusion, fused};
use glasshouse_engine::plan::lower::Target;
use glasshouse_engine::protocol::{ModelConfig, TrainConfig, presets};
use glasshouse_engine::step::Data;
use glasshouse_parity::task::floats;
use glasshouse_protocol::model::{Dropout, Mlp};
use glasshouse_protocol::{Activation, Adapter, Gate, Position, Rope};
use glasshouse_tests::blocking;
use pollster::block_on;

/// Small models of two families: GPT-2 with biases, and Llama with rotary positions and a gated MLP.
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
    llama.position = Position::Rope(Rope::new(10_000.0));
    let geglu = Mlp { gate: Gate::Geglu, ..llama.mlp };
    let squared = Mlp { activation: Activation::ReluSquared, ..gpt.mlp };
    let dropout = Dropout { embedding: 0.1, attention: 0.2, residual: 0.1 };
    vec![
        gpt.clone(),
        ModelConfig { mlp: squared, dropout, bias: true.into(), ..gpt },
        llama.clone(),
        ModelConfig { mlp: geglu, dropout, bias: true.into(), qk_norm: true, ..llama },
    ]
}

fn count(graph: &Graph, kind: impl Fn(&Op) -> bool) -> usize {
    graph.nodes.iter().filter(|node| kind(&node.op)).count()
}

/// Loss and gradients of a batch.
fn gradients(gpu: Option<&Gpu>, model: &ModelConfig, train: &TrainConfig, fusions: Fusions) -> Vec<Vec<f32>> {
    let graphs = training_graphs(model, train).unwrap();
    let graph = graphs.train;
    let layout = ArenaLayout::new(&graph);
    let mut parameters = blocking::initial_parameters(&graph.parameters, 5);
    common::draw_adapters(&graph.parameters, &layout, &mut parameters);
    let size = train.batch_size * model.context_length;
    let tokens = ids(0, size, model.vocabulary);
    let (mut inputs, mut read) = (Vec::new(), vec![graphs.train_loss]);
    for (at, value) in graph.values.iter().enumerate() {
        let data = match value.origin {
            Origin::Parameter(id) => Data::F32(parameters[layout.range(id)].to_vec()),
            Origin::Input(Input::Tokens) => Data::U32(tokens.clone()),
            Origin::Input(Input::TokenOrder) => Data::U32(token_order(&tokens)),
            Origin::Input(Input::Targets) => Data::U32(ids(1, size, model.vocabulary)),
            Origin::Gradient(_) => {
                read.push(ValueId(at as u32));
                continue;
            }
            _ => continue,
        };
        inputs.push((ValueId(at as u32), data));
    }
    let seed = random::dropout_seed(3, 0, 0);
    let found = match gpu {
        Some(gpu) => {
            let target = gpu.target().with_fusions(fusions);
            block_on(gpu::run_graph_for(gpu, &graph, &inputs, &read, seed, target))
        }
        None => {
            let graph = fused(graph, &read, &Target::new(false).with_fusions(fusions));
            cpu::run_graph_seeded(&graph, &inputs, &read, seed)
        }
    };
    floats(found.unwrap()).unwrap()
}

fn check(gpu: Option<&Gpu>) {
    for model in models() {
        let adapter = Adapter { rank: 4, alpha: 6.0, dropout: 0.1, ..Adapter::default() };
        for (activation_checkpointing, adapter) in [(false, None), (true, None), (true, Some(adapter))] {
            let train =
                TrainConfig { batch_size: 3, activation_checkpointing, adapter, ..TrainConfig::default() };
            let alone = gradients(gpu, &model, &train, Fusions::NONE);
            let loss = alone[0][0];
            let head = Some(HeadFusion { bytes: 0, vocabulary: 0, chunk: 0 });
            for fusions in [
                Fusions { residual: true, ..Fusions::NONE },
                Fusions { head, ..Fusions::NONE },
                Fusions { head, ..Fusions::ALL },
            ] {
                let found = gradients(gpu, &model, &train, fusions);
                let apart = (found[0][0] - loss).abs();
                assert!(apart < 1e-5 * loss, "{fusions:?}: {} for {loss}", found[0][0]);
                let apart = deviation(&found[1..].concat(), &alone[1..].concat());
                assert!(apart < 2e-5, "{fusions:?} of {model:?}: {apart:.1e}");
            }
        }
    }
}

#[test]
fn change_rounding_alone_on_cpu() {
    check(None);
}

#[test]
fn change_rounding_alone_on_gpu() {
    let gpu = block_on(Gpu::open(&common::adapter())).unwrap();
    check(Some(&gpu));
}

/// Each switch creates its own fused nodes and no others.
#[test]
fn are_made_where_they_are_switched_on() {
    let [gpt, _, llama, _] = &models()[..] else { panic!() };
    let train = TrainConfig::default();
    let graph = |model, fusions| {
        let graphs = training_graphs(model, &train).unwrap();
        fused(graphs.train, &[graphs.train_loss], &Target::new(false).with_fusions(fusions))
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
        let residual = Fusions { residual: true, ..Fusions::NONE };
        assert_eq!([Fusions::NONE, residual].map(|fusions| sums(&graph(model, fusions))), [0, 4]);
    }
    // Values that will be read back are not fused away.
    let keep: Vec<ValueId> =
        (0..training_graphs(llama, &train).unwrap().train.values.len() as u32).map(ValueId).collect();
    let kept = fused(training_graphs(llama, &train).unwrap().train, &keep, &Target::new(false));
    assert_eq!(sums(&kept), 0);
    for activation_checkpointing in [false, true] {
        let train = TrainConfig { activation_checkpointing, ..train.clone() };
        let graphs = training_graphs(gpt, &train).unwrap();
        let logits = |name: &str| {
            let node = graphs.train.nodes.iter().find(|node| node.op.name() == name).unwrap();
            if name == "cross_entropy" { node.inputs[0] } else { node.outputs[0] }
        };
        let head = Some(HeadFusion { bytes: 0, vocabulary: 0, chunk: 0 });
        let target = Target::new(false).with_fusions(Fusions { head, ..Fusions::NONE });
        let heads = |keep: &[ValueId]| {
            let graph = fused(graphs.train.clone(), keep, &target);
            let forward = count(&graph, |op| matches!(op, Op::LinearCrossEntropy(_)));
            [forward, count(&graph, |op| matches!(op, Op::LinearCrossEntropyBackward(_)))]
        };
        assert_eq!(heads(&[graphs.train_loss]), [1, 1]);
        assert_eq!(heads(&[logits("cross_entropy")]), [0, 0]);
        assert_eq!(heads(&[logits("cross_entropy_backward")]), [0, 0]);
    }
}
