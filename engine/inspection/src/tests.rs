//! Tests of the lens with two small random models: a GPT architecture, and a Llama architecture with grouped queries.

pub(crate) mod parts;
mod views;

use super::*;
use glasshouse_compiler::graph::{Graph, Keep, Origin, ParameterId, cut, gradient, random};
use glasshouse_compiler::model::{LossForm, Model, Purpose, build, model_parameters, training_graphs};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::compile;
use glasshouse_compiler::plan::lower::Target;
use glasshouse_executors::cpu::{CpuDecoder, run_graph};
use glasshouse_executors::gpu::test_gpu;
use glasshouse_platform::Yielder;
use glasshouse_project::initial;
use glasshouse_protocol::{
    Activation, Gate, Initialisation, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position,
    Residual, Rope, presets,
};
use pollster::block_on;

const TOKENS: [u32; 9] = [3, 11, 7, 3, 11, 0, 22, 7, 5];

/// LayerNorm, GELU, learned positions, biases.
fn gpt() -> ModelConfig {
    let shape = presets::gpt(23, 37, 2, 3, 15);
    ModelConfig {
        bias: true.into(),
        norm: NormConfig { bias: true, ..shape.norm },
        init: Initialisation { std: 0.3, scale_residual: true },
        ..shape
    }
}

/// RMSNorm, rotary positions, SwiGLU, grouped queries, untied head.
fn llama() -> ModelConfig {
    let shape = gpt();
    ModelConfig {
        width: 13,
        heads: 6,
        kv_heads: 2,
        head_size: 4,
        norm: NormConfig { kind: NormKind::Rms, bias: false, ..shape.norm },
        position: Position::Rope(Rope::new(100.0)),
        mlp: Mlp { hidden: 19, activation: Activation::Silu, gate: Gate::Swiglu },
        bias: false.into(),
        tied_head: false,
        ..shape
    }
}

/// A number in [−1, 1).
fn number(stream: u64, n: usize) -> f32 {
    random::signed((random::nth(23, stream, n as u64) >> 32) as u32)
}

/// Random weights, including parameters that are normally initialised to zeros and ones.
fn weights(config: &ModelConfig) -> Vec<f32> {
    let parameters = model_parameters(config).unwrap();
    let mut arena = block_on(initial::parameters(&parameters, 11, &Yielder::none()));
    for (at, entry) in arena.iter_mut().enumerate() {
        *entry += 0.1 * number(1, at);
    }
    arena
}

fn lens(config: &ModelConfig) -> Lens {
    Lens::on_cpu(config, weights(config), Some(1)).unwrap()
}

fn random_tensor(stream: u64, shape: &[usize]) -> Tensor {
    Tensor::new(shape, (0..shape.iter().product()).map(|n| number(stream, n)).collect())
}

/// The graph for a text of `time` tokens, with its loss.
fn model(config: &ModelConfig, time: usize) -> Model {
    let purpose = Purpose::Loss {
        batch: 1,
        time,
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: None,
        documents: false,
        form: LossForm::CrossEntropy,
    };
    build(config, purpose).unwrap()
}

fn sites(config: &ModelConfig) -> Vec<HookPoint> {
    model(config, 4).sites.iter().map(|(site, _)| site).collect()
}

fn compare(found: &[f32], wanted: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        let near = (found - wanted).abs() <= tolerance * (1.0 + wanted.abs());
        assert!(near, "{what}: {found} for {wanted}");
    }
}

#[test]
fn what_is_not_asked_for_costs_nothing() {
    for (config, preset) in [(gpt(), "nanogpt-cpu"), (llama(), "llama-tiny")] {
        let train = presets::preset(preset).unwrap().train;
        let built = training_graphs(&config, &train).unwrap();
        let purpose = Purpose::Loss {
            batch: train.batch_size,
            time: config.context_length,
            dropout: true,
            label_smoothing: train.label_smoothing,
            ignore_index: train.ignored_target(),
            documents: train.separates_documents(&config),
            form: LossForm::CrossEntropy,
        };
        let Model { graph, loss, sites, .. } = build(&config, purpose).unwrap();
        let loss = loss.unwrap();
        // Everything is needed for the loss.
        let mut alone = cut(&graph, &[], &[loss]);
        assert_eq!(alone.nodes, graph.nodes);
        gradient(&mut alone, loss, 1.0 / train.accumulate as f32, Keep::Everything).unwrap();
        let target = Target::new(true);
        let listed = |graph: &Graph, keep: &[glasshouse_compiler::graph::ValueId]| {
            let plan = compile(graph.clone(), keep, &target).unwrap();
            (format!("{:?}", plan.dispatches), plan.placement.slots.iter().sum::<u64>())
        };
        let ordinary = listed(&built.train, &[built.train_loss]);
        assert!(ordinary == listed(&alone, &[loss]), "another plan of {preset}");
        let kept: Vec<_> = sites.iter().map(|(_, value)| value).chain([loss]).collect();
        assert!(listed(&alone, &kept).1 > ordinary.1, "values that are kept lie somewhere");
    }
}

#[test]
fn a_text_in_a_longer_window_has_the_values_of_its_own_length() {
    let windowed = ModelConfig { sliding_window: Some(4), ..llama() };
    let parallel = ModelConfig { residual: Residual::ParallelOneNorm, ..llama() };
    let post = ModelConfig { norm: NormConfig { placement: NormPlacement::Post, ..gpt().norm }, ..gpt() };
    for config in [gpt(), llama(), windowed, parallel, post] {
        let Model { graph, sites, .. } = model(&config, TOKENS.len());
        let (arena, layout) = (weights(&config), ArenaLayout::new(&graph));
        let mut inputs = Vec::new();
        for at in 0..graph.parameters.len() {
            let id = ParameterId(at as u32);
            let value = graph.find(Origin::Parameter(id)).unwrap();
            inputs.push((value, Data::F32(arena[layout.range(id)].to_vec())));
        }
        let find = |input| graph.find(Origin::Input(input)).unwrap();
        inputs.push((find(glasshouse_compiler::graph::Input::Tokens), Data::U32(TOKENS.to_vec())));
        inputs.push((find(glasshouse_compiler::graph::Input::Targets), Data::U32(vec![0; TOKENS.len()])));
        let (places, values): (Vec<HookPoint>, Vec<_>) = sites.iter().unzip();
        let wanted = run_graph(&graph, &inputs, &values).unwrap();
        let found = block_on(lens(&config).probe(&TOKENS, &places)).unwrap();
        for ((site, found), wanted) in places.iter().zip(&found).zip(wanted) {
            let Data::F32(wanted) = wanted else { panic!("{site:?} is no float") };
            assert_eq!(found.shape[0], TOKENS.len());
            compare(&found.data, &wanted, 1e-5, &format!("{site:?}"));
        }
    }
}

#[test]
fn logits_are_those_that_the_model_writes_by() {
    for config in [gpt(), llama()] {
        let mut decoder = CpuDecoder::new(&config, &weights(&config), Some(1)).unwrap();
        let logits = block_on(lens(&config).probe(&TOKENS, &[HookPoint::Logits])).unwrap();
        for (at, row) in logits[0].rows().enumerate() {
            compare(row, &decoder.logits(&TOKENS[..=at]).unwrap(), 1e-5, "logits");
        }
    }
}

#[test]
fn a_pass_that_goes_on_from_a_layers_stream_ends_alike() {
    for config in [gpt(), llama()] {
        let mut lens = lens(&config);
        let wanted = block_on(lens.probe(&TOKENS, &[HookPoint::Logits])).unwrap();
        for layer in 0..=config.layers {
            let stream = block_on(lens.probe(&TOKENS, &[HookPoint::Stream(layer)])).unwrap();
            let (time, width) = (TOKENS.len(), config.width);
            // Two texts: this one and a dummy.
            let mut both = vec![0.5; time * width];
            both.extend(&stream[0].data);
            let both = Tensor::new(&[2, time, width], both);
            let found =
                block_on(lens.probe_from(HookPoint::Stream(layer), &both, &[HookPoint::Logits])).unwrap();
            assert_eq!(found[0].shape, [2, time, config.vocabulary]);
            let (other, own) = found[0].data.split_at(time * config.vocabulary);
            compare(own, &wanted[0].data, 1e-5, &format!("logits from layer {layer}"));
            assert!(other != own);
        }
    }
}

#[test]
fn probabilities_times_values_are_what_attention_found() {
    let yielder = Yielder::none();
    let windowed = ModelConfig { sliding_window: Some(4), full_attention: vec![1], qk_norm: true, ..llama() };
    let scaled = ModelConfig { attention_scale: Some(0.4), qk_norm_whole: true, ..windowed.clone() };
    let capped = ModelConfig { attention_softcap: Some(0.5), ..scaled.clone() };
    for config in [gpt(), llama(), windowed, scaled, capped] {
        for layer in 0..config.layers {
            let sites = [HookPoint::QueriesKeysValues(layer), HookPoint::Attended(layer)];
            let found = block_on(lens(&config).probe(&TOKENS, &sites)).unwrap();
            let attention = probabilities::Attention::new(&config, layer, &found[0]);
            for head in 0..config.heads {
                let own = block_on(attention.probabilities(head, &yielder));
                for (query, row) in own.chunks_exact(TOKENS.len()).enumerate() {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                    let first = (query + 1).saturating_sub(config.window(layer).unwrap_or(99));
                    assert!(row[..first].iter().chain(&row[query + 1..]).all(|hidden| *hidden == 0.0));
                }
                let size = config.head_size;
                let wanted: Vec<f32> =
                    found[1].rows().flat_map(|row| &row[head * size..(head + 1) * size]).copied().collect();
                let weighted = block_on(attention.weighted(head, &own, &yielder));
                compare(&weighted, &wanted, 1e-5, "attended");
            }
        }
    }
}

/// Σ logits·seed of a text.
fn total(logits: &Tensor, seed: &Tensor) -> f64 {
    linear::dot(&logits.data, &seed.data)
}

/// Asserts that a measured change along a direction agrees with the gradient.
fn agree(gradient: &[f32], direction: &[f32], measured: f64, what: &str) {
    let wanted = linear::dot(gradient, direction);
    let size = gradient.iter().zip(direction).map(|(g, d)| f64::from(g * d).powi(2)).sum::<f64>().sqrt();
    assert!(
        (measured - wanted).abs() <= 0.02 * size + 0.05,
        "{what}: {measured} measured, {wanted} by its gradient"
    );
}

#[test]
fn gradients_of_the_stream_are_its_finite_differences() {
    for config in [gpt(), llama()] {
        let mut lens = lens(&config);
        let seed = random_tensor(5, &[TOKENS.len(), config.vocabulary]);
        let sites: Vec<HookPoint> = (0..=config.layers).map(HookPoint::Stream).collect();
        let values = block_on(lens.probe(&TOKENS, &sites)).unwrap();
        let gradients = block_on(lens.gradients(&TOKENS, &seed, &sites)).unwrap();
        for ((site, values), gradient) in sites.iter().zip(&values).zip(&gradients) {
            assert_eq!(values.shape, gradient.shape);
            let direction = random_tensor(6, &values.shape).data;
            let step = 2e-3;
            let mut at = |factor: f32| {
                let moved = values.data.iter().zip(&direction).map(|(x, d)| x + factor * d).collect();
                let moved = Tensor::new(&[1, TOKENS.len(), config.width], moved);
                let logits = block_on(lens.probe_from(*site, &moved, &[HookPoint::Logits])).unwrap();
                total(&logits[0], &seed)
            };
            let measured = (at(step) - at(-step)) / (2.0 * f64::from(step));
            agree(&gradient.data, &direction, measured, &format!("{site:?}"));
        }
    }
}

#[test]
fn gradients_of_weights_are_their_finite_differences() {
    for config in [gpt(), llama()] {
        let mut lens = lens(&config);
        let seed = random_tensor(5, &[TOKENS.len(), config.vocabulary]);
        let found = block_on(lens.all_gradients(&TOKENS, &seed)).unwrap();
        let of_values = found.of().len();
        let gradients = found.tensors().unwrap().split_off(of_values);
        let names: Vec<String> = lens.parameters().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(gradients.len(), names.len());
        for (name, gradient) in names.iter().zip(&gradients) {
            let (own, shape) = lens.weight(name).unwrap();
            assert_eq!(gradient.shape, shape);
            let (own, direction) = (own.to_vec(), random_tensor(6, shape).data);
            let step = 2e-3;
            let mut at = |factor: f32| {
                let weights = lens.weights_mut(name).unwrap();
                for ((weight, own), direction) in weights.iter_mut().zip(&own).zip(&direction) {
                    *weight = own + factor * direction;
                }
                let logits = block_on(lens.probe(&TOKENS, &[HookPoint::Logits])).unwrap();
                total(&logits[0], &seed)
            };
            let measured = (at(step) - at(-step)) / (2.0 * f64::from(step));
            at(0.0);
            agree(&gradient.data, &direction, measured, name);
        }
    }
}

#[test]
fn the_losss_gradient_is_that_of_its_seed_and_every_value_has_its_own_beside_it() {
    for config in [gpt(), llama()] {
        let mut lens = lens(&config);
        let logits = block_on(lens.probe(&TOKENS, &[HookPoint::Logits])).unwrap().remove(0);
        let seed = block_on(outputs::cross_entropy_gradient(&logits, &TOKENS, &Yielder::none()));
        let sites: Vec<HookPoint> = (0..=config.layers).map(HookPoint::Stream).collect();
        let wanted = block_on(lens.loss_gradients(&TOKENS)).unwrap().tensors().unwrap();
        let of_sites = block_on(lens.gradients(&TOKENS, &seed, &sites)).unwrap();
        let forward = block_on(lens.forward(&TOKENS)).unwrap();
        let found = block_on(lens.all_gradients(&TOKENS, &seed)).unwrap();
        let of = found.of().to_vec();
        let mut all = found.tensors().unwrap();
        let of_parameters = all.split_off(of.len());
        assert_eq!(of_parameters.len(), lens.parameters().len());
        for ((found, wanted), (name, _)) in of_parameters.iter().zip(&wanted).zip(lens.parameters()) {
            assert_eq!(found.shape, wanted.shape);
            let largest = wanted.data.iter().fold(0.0_f32, |most, entry| most.max(entry.abs()));
            assert!(largest > 0.0, "{name}");
            let scaled = |own: &Tensor| own.data.iter().map(|entry| entry / largest).collect::<Vec<_>>();
            compare(&scaled(found), &scaled(wanted), 1e-4, name);
        }
        for (site, wanted) in sites.iter().zip(&of_sites) {
            let value = forward.sites.get(*site).unwrap();
            let found = &all[of.iter().position(|own| *own == value).unwrap()];
            compare(&found.data[..wanted.data.len()], &wanted.data, 1e-5, "gradients of the stream");
        }
        // The last node's output is the logits.
        let (_, nodes) = forward.graph.nodes.split_last().unwrap();
        for node in nodes {
            assert!(of.contains(&node.outputs[0]), "{} of {} has no gradient", node.op.name(), node.scope);
        }
    }
}

#[test]
fn a_gpu_has_the_cpu_values() {
    for config in [gpt(), llama()] {
        let mut cpu = lens(&config);
        let mut gpu = Lens::on_gpu(&config, weights(&config), test_gpu()).unwrap();
        let sites = sites(&config);
        let seed = random_tensor(5, &[TOKENS.len(), config.vocabulary]);
        for round in 0..2 {
            let [found, wanted] =
                [&mut gpu, &mut cpu].map(|lens| block_on(lens.probe(&TOKENS, &sites)).unwrap());
            for ((site, found), wanted) in sites.iter().zip(found).zip(wanted) {
                assert_eq!(found.shape, wanted.shape);
                compare(&found.data, &wanted.data, 2e-4, &format!("{site:?} in round {round}"));
            }
            let streams = [HookPoint::Stream(0), HookPoint::Stream(config.layers)];
            let [found, wanted] =
                [&mut gpu, &mut cpu].map(|lens| block_on(lens.gradients(&TOKENS, &seed, &streams)).unwrap());
            for (found, wanted) in found.iter().zip(wanted) {
                compare(&found.data, &wanted.data, 1e-3, "gradients of the stream");
            }
            let [found, wanted] = [&mut gpu, &mut cpu]
                .map(|lens| block_on(lens.loss_gradients(&TOKENS)).unwrap().tensors().unwrap());
            for (found, wanted) in found.iter().zip(wanted) {
                compare(&found.data, &wanted.data, 1e-3, "gradients of the loss");
            }
            // Changed weights reach the device.
            for lens in [&mut gpu, &mut cpu] {
                lens.weights_mut("blocks.1.mlp.up.weight")
                    .unwrap()
                    .iter_mut()
                    .for_each(|entry| *entry *= 0.5);
            }
        }
    }
}
