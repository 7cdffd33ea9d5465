//! Shape rules report the operand by name; gradients reach all trainable parameters and nothing else.

use super::*;
use crate::model::{LossForm, Purpose, build, lora_pairs, model_parameters, training_graphs};
use crate::plan::compile;
use crate::plan::estimate::estimate;
use crate::plan::lower::Target;
use glasshouse_protocol::presets::{self, PRESETS};
use glasshouse_protocol::{
    Adapter, AdapterKind, AdapterTarget, Gate, MemoryKind, Mlp, ModelConfig, NormConfig, NormPlacement,
    PlanSummary, Position, Precision, TrainConfig, WeightFormat,
};

fn parameter(name: &str, shape: &[usize], trainable: bool) -> Parameter {
    Parameter { decayed: shape.len() > 1, trainable, ..Parameter::zeros(name, Type::f32(shape)) }
}

#[test]
fn a_linear_layer_refuses_a_weight_of_another_width() {
    let mut graph = Graph::default();
    graph.set_scope("blocks.0.mlp");
    let x = graph.input(Input::Free(0), Type::f32(&[2, 3, 5]));
    let weight = graph.parameter(parameter("w", &[7, 4], true));
    let error = graph.push(ops::Linear { bias: false, residual: false }, &[x, weight]).unwrap_err();
    assert_eq!(error.to_string(), "blocks.0.mlp: linear: input must have 4 columns, not f32[2, 3, 5]");
}

#[test]
fn a_loss_says_what_its_targets_are() {
    let targets_of = |fused: bool| {
        let mut graph = Graph::default();
        assert_eq!(graph.loss_targets(), None);
        let shape: &[usize] = if fused { &[2, 3, 4] } else { &[2, 3, 8] };
        let x = graph.input(Input::Free(0), Type::f32(shape));
        let weight = graph.input(Input::Free(1), Type::f32(&[8, 4]));
        let targets = graph.input(Input::Targets, Type::u32(&[2, 3]));
        let (label_smoothing, ignore_index) = (0.0, Some(9));
        if fused {
            let op = ops::LinearCrossEntropy { label_smoothing, ignore_index, chunk: 6 };
            graph.push(op, &[x, weight, targets]).unwrap();
        } else {
            graph.push(ops::CrossEntropy { label_smoothing, ignore_index }, &[x, targets]).unwrap();
        }
        graph.loss_targets()
    };
    let wanted = Some(ops::LossTargets { classes: 8, ignored: Some(9) });
    assert_eq!((targets_of(false), targets_of(true)), (wanted, wanted));
}

#[test]
fn values_of_2_to_the_31_entries_are_refused() {
    let mut graph = Graph::default();
    let x = graph.input(Input::Free(0), Type::f32(&[1 << 16, 1 << 15]));
    let error = graph.push(ops::Add, &[x, x]).unwrap_err();
    assert!(error.reason.contains("2³¹"), "{error}");
}

#[test]
fn attention_masks_that_would_repeat_are_refused() {
    let heads = Heads { heads: 4, kv_heads: 4, head_size: 8 };
    let attention = |dropout, batch| {
        let mut graph = Graph::default();
        let qkv = graph.input(Input::Free(0), Type::f32(&[batch, 1 << 13, heads.packed()]));
        graph.push(ops::Attention { heads, dropout, ..ops::Attention::default() }, &[qkv])
    };
    let dropout = Some(DropoutSite { rate: 0.1, site: 1 });
    assert!(attention(dropout, 16).is_ok());
    let error = attention(dropout, 17).unwrap_err();
    assert!(error.reason.contains("train.batch_size"), "{error}");
    assert!(attention(None, 17).is_ok());
}

#[test]
fn every_trainable_parameter_of_every_preset_gets_a_gradient() {
    for (name, _) in PRESETS.iter() {
        let config = presets::preset(name).unwrap();
        let graph = training_graphs(&config.model, &config.train).unwrap().train;
        for at in 0..graph.parameters.len() {
            let id = ParameterId(at as u32);
            let gradient = graph.find(Origin::Gradient(id)).unwrap();
            let written = graph.nodes.iter().filter(|node| node.outputs.contains(&gradient)).count();
            assert!(written >= 1, "{name}: {}", graph.parameters[at].name);
        }
    }
}

#[test]
fn what_a_run_freezes_costs_it_no_gradients_moments_and_launches() {
    let mut config = presets::preset("llama-tiny").unwrap();
    // A tied head is reached through all blocks.
    config.model.tied_head = false;
    let needs = |trainable: &str| {
        let train = TrainConfig { trainable: trainable.parse().unwrap(), ..config.train.clone() };
        let graph = training_graphs(&config.model, &train).unwrap().train;
        for (at, parameter) in graph.parameters.iter().enumerate() {
            let gradient = graph.find(Origin::Gradient(ParameterId(at as u32)));
            assert_eq!(gradient.is_some(), parameter.trainable, "{trainable}: {}", parameter.name);
        }
        estimate(&config.model, &train, &Target::new(false)).unwrap()
    };
    let (all, last, head) = (needs("all"), needs("last:1"), needs("head"));
    let norms = needs("norms");
    assert_eq!(all.trained_parameters, all.parameters);
    assert_eq!(norms.trained_parameters, norms.parameters_by_part["norms"]);
    for (some, name) in [(&last, "last:1"), (&head, "head"), (&norms, "norms")] {
        // Gradients and moments scale with the trained parameters; weights stay.
        for kind in [MemoryKind::Gradients, MemoryKind::OptimizerState] {
            let (of_all, of_some) = (all.bytes_by_kind[&kind], some.bytes_by_kind[&kind]);
            let share = some.trained_parameters as f64 / all.parameters as f64;
            let apart = (of_some as f64 - of_all as f64 * share).abs();
            assert!(apart <= 0.01 * of_all as f64, "{name}, {kind:?}: {of_some} of {of_all}, {share}");
        }
        assert_eq!(some.bytes_by_kind[&MemoryKind::Weights], all.bytes_by_kind[&MemoryKind::Weights]);
        assert!(some.dispatches_per_step < all.dispatches_per_step, "{name}");
        assert!(some.flops_per_token_by_pass.backward < all.flops_per_token_by_pass.backward, "{name}");
        assert_eq!(some.flops_per_token_by_pass.forward, all.flops_per_token_by_pass.forward);
    }
    // No gradient flows through blocks below the first trained one: one block's backward pass remains.
    let a_block = (all.dispatches_per_step - last.dispatches_per_step) / (config.model.layers - 1);
    assert!(a_block >= 10, "{a_block}");
    let fewer = head.dispatches_per_step + a_block;
    assert!(fewer < last.dispatches_per_step + a_block, "{fewer}");
}

/// Hu et al. 2021: everything but A and B is frozen, so only they have gradients and moments.
#[test]
fn an_adapter_alone_has_gradients_and_moments() {
    let mut config = presets::preset("llama-tiny").unwrap();
    config.model.tied_head = false;
    config.model.vocabulary = 300;
    let plain = model_parameters(&config.model).unwrap();
    let all = estimate(&config.model, &config.train, &Target::new(false)).unwrap();
    for targets in
        [&AdapterTarget::ALL[..], &AdapterTarget::ALL[..4], &[AdapterTarget::Qkv], &[AdapterTarget::Head]]
    {
        let adapter = Adapter { rank: 4, dropout: 0.1, targets: targets.to_vec(), ..Adapter::default() };
        let train = TrainConfig { adapter: Some(adapter), ..config.train.clone() };
        let graph = training_graphs(&config.model, &train).unwrap().train;
        assert_eq!(graph.parameters, crate::model::parameters(&config.model, &train).unwrap());
        // The model's parameters keep their positions and are frozen.
        for (own, parameter) in plain.iter().zip(&graph.parameters) {
            assert_eq!(*parameter, Parameter { trainable: false, ..own.clone() });
        }
        let added = &graph.parameters[plain.len()..];
        let layers = |target: &AdapterTarget| {
            if *target == AdapterTarget::Head { 1 } else { config.model.layers }
        };
        assert_eq!(added.len(), 2 * targets.iter().map(layers).sum::<usize>());
        for pair in added.chunks(2) {
            let layer = pair[0].name.strip_suffix(crate::model::LORA_A).unwrap();
            assert_eq!(pair[1].name, format!("{layer}{}", crate::model::LORA_B));
            let weight = plain.iter().find(|own| own.name == format!("{layer}.weight")).unwrap();
            let [out, columns] = weight.ty.shape[..] else { panic!("{weight:?}") };
            assert_eq!(AdapterTarget::from_layer(layer).unwrap().shape(&config.model), [out, columns]);
            assert_eq!((&pair[0].ty.shape[..], &pair[1].ty.shape[..]), (&[4, columns][..], &[out, 4][..]));
            assert_eq!(pair[0].init, Init::Uniform(1.0 / (columns as f32).sqrt()));
            assert_eq!(pair[1].init, Init::Constant(0.0));
        }
        for (at, parameter) in graph.parameters.iter().enumerate() {
            let gradient = graph.find(Origin::Gradient(ParameterId(at as u32)));
            assert_eq!(gradient.is_some(), at >= plain.len(), "{}", parameter.name);
            assert_eq!(parameter.trainable, at >= plain.len(), "{}", parameter.name);
        }
        let some = estimate(&config.model, &train, &Target::new(false)).unwrap();
        let own: u64 = added.iter().map(|parameter| parameter.ty.count() as u64).sum();
        assert_eq!((some.trained_parameters, some.parameters), (own, all.parameters + own));
        assert_eq!(some.parameters_by_part["adapter"], own);
        for kind in [MemoryKind::Gradients, MemoryKind::OptimizerState] {
            assert!(some.bytes_by_kind[&kind] < all.bytes_by_kind[&kind] / 4, "{kind:?}");
        }
        assert!(some.bytes < all.bytes);
        assert!(some.flops_per_token_by_pass.backward < 0.75 * all.flops_per_token_by_pass.backward);
        assert!(some.flops_per_token_by_pass.forward < 1.2 * all.flops_per_token_by_pass.forward);
    }
}

/// A step with an adapter on all products of a block takes at most 45 % of the memory of a full fine-tuning step, for one
/// window of `gpt2-124m`. On a CPU executor, both graphs are measured after its own fusions.
#[test]
fn a_step_with_an_adapter_takes_at_most_45_percent_of_the_bytes_of_a_whole_one() {
    let mut config = presets::preset("gpt2-124m").unwrap();
    (config.train.batch_size, config.train.accumulate) = (1, 1);
    let bytes =
        |train: &TrainConfig, target: &Target| estimate(&config.model, train, target).unwrap().bytes as f64;
    let adapted = |dropout| {
        let adapter = Adapter { dropout, ..Adapter::default() };
        TrainConfig { adapter: Some(adapter), ..config.train.clone() }
    };
    let target = Target::new(false);
    let whole = bytes(&config.train, &target);
    // A mask before A copies the layer's input, and the copy is recomputed too.
    for dropout in [0.0, 0.1] {
        let share = bytes(&adapted(dropout), &target) / whole;
        assert!(share <= 0.45, "{share:.3} with dropout {dropout}");
    }
}

/// A 16-bit base takes half the bytes of the blocks' matrices, plus at most one of them in 32 bits.
#[test]
fn a_base_in_16_bits_halves_the_matrices_of_the_blocks() {
    let mut config = presets::preset("gpt2-124m").unwrap();
    (config.train.batch_size, config.train.accumulate) = (1, 1);
    let needs = |base| {
        let adapter = Adapter { base, ..Adapter::default() };
        let train = TrainConfig { adapter: Some(adapter), ..config.train.clone() };
        estimate(&config.model, &train, &Target::new(false)).unwrap()
    };
    let [whole, half] = [WeightFormat::F32, WeightFormat::F16].map(needs);
    assert_eq!((half.parameters, half.trained_parameters), (whole.parameters, whole.trained_parameters));
    let width = config.model.width as u64;
    let matrices = 12 * (4 + 8) * width * width;
    let weights = |needs: &PlanSummary| needs.bytes_by_kind[&MemoryKind::Weights];
    assert_eq!(weights(&whole) - weights(&half), 2 * matrices);
    let largest = 4 * 4 * width * width;
    let more = half.bytes_by_kind[&MemoryKind::Activations]
        .saturating_sub(whole.bytes_by_kind[&MemoryKind::Activations]);
    assert!(more <= largest, "{more} for {largest}");
    assert!(half.bytes < whole.bytes - 150_000_000);
}

/// With an adapter, no output of activations, gates, norms and masks is kept from the forward pass for the backward pass.
#[test]
fn what_takes_no_product_is_computed_again_where_an_adapter_trains() {
    let mut config = presets::preset("llama-tiny").unwrap();
    config.model.vocabulary = 300;
    config.train.adapter = Some(Adapter { dropout: 0.1, ..Adapter::default() });
    let graph = training_graphs(&config.model, &config.train).unwrap().train;
    let goes_back = graph.nodes.iter().position(|node| node.op.name() == "cross_entropy_backward").unwrap();
    let cheap = |op: &Op| matches!(op, Op::Gate(_) | Op::Norm(_) | Op::Dropout(_));
    let (forward, backward) = graph.nodes.split_at(goes_back);
    let made: Vec<_> = forward.iter().filter(|node| cheap(&node.op)).collect();
    for node in &made {
        let kept = backward.iter().find(|later| later.inputs.contains(&node.outputs[0]));
        assert!(kept.is_none(), "{}: {kept:?}", node.scope);
    }
    let again = backward.iter().filter(|node| cheap(&node.op)).count();
    assert!(again > 0 && again < 2 * made.len(), "{again} of {}", made.len());
}

/// DoRA adds a vector to each pair, reads norms of rows, and leaves biases unscaled.
#[test]
fn magnitudes_are_trained_with_an_adapter_and_norms_are_constants() {
    let mut config = presets::preset("gpt2-124m").unwrap();
    config.model.layers = 2;
    for checkpointing in [false, true] {
        config.train.activation_checkpointing = checkpointing;
        let lora = config.train.clone();
        let [lora, dora] = [AdapterKind::Lora, AdapterKind::Dora].map(|kind| {
            let train = TrainConfig { adapter: Some(Adapter { kind, ..Adapter::default() }), ..lora.clone() };
            let some = estimate(&config.model, &train, &Target::new(false)).unwrap();
            (training_graphs(&config.model, &train).unwrap().train, some)
        });
        let adapted = lora_pairs(&dora.0.parameters);
        let magnitudes: u64 = adapted
            .iter()
            .map(|pair| {
                let weight = &dora.0.parameters[pair.weight.index()];
                let id = pair.magnitude.unwrap();
                let magnitude = &dora.0.parameters[id.index()];
                assert_eq!(magnitude.ty, Type::f32(&weight.ty.shape[..1]), "{}", weight.name);
                assert!(magnitude.trainable && !magnitude.decayed);
                assert!(dora.0.find(Origin::Gradient(id)).is_some());
                magnitude.ty.count() as u64
            })
            .sum();
        assert!(lora_pairs(&lora.0.parameters).iter().all(|pair| pair.magnitude.is_none()));
        assert_eq!(dora.1.parameters_by_part["adapter"], lora.1.parameters_by_part["adapter"] + magnitudes);
        let biased = |node: &&Node| matches!(node.op, Op::Multiply(ops::Multiply { bias: true }));
        let goes_back =
            dora.0.nodes.iter().position(|node| node.op.name() == "cross_entropy_backward").unwrap();
        assert_eq!(dora.0.nodes[..goes_back].iter().filter(biased).count(), adapted.len());
        assert!(dora.1.bytes < 2 * lora.1.bytes, "adapted weights are not stored");
    }
}

/// Fusions, f16 and activation checkpointing work for graphs with an adapter as for others.
#[test]
fn graphs_with_an_adapter_compile_as_others_do() {
    for name in ["llama-tiny", "nanogpt-cpu", "stories-15m", "gpt2-124m"] {
        let mut config = presets::preset(name).unwrap();
        config.model.vocabulary = config.model.vocabulary.max(65);
        config.train.batch_size = 2;
        for (rank, precision, checkpointing) in [
            (8, Precision::F32, false),
            (8, Precision::Mixed, false),
            (3, Precision::Mixed, true),
            (1, Precision::F32, true),
        ] {
            let kind = if checkpointing { AdapterKind::Dora } else { AdapterKind::Lora };
            let adapter = Adapter { kind, rank, dropout: 0.1, ..Adapter::default() };
            config.train.adapter = Some(adapter);
            (config.train.precision, config.train.activation_checkpointing) = (precision, checkpointing);
            let target = Target::new(false);
            let graphs = training_graphs(&config.model, &config.train).unwrap();
            let train = compile(graphs.train, &[graphs.train_loss], &target);
            let train = train.unwrap_or_else(|error| panic!("{name}, rank {rank}, {precision:?}: {error}"));
            let evaluate = compile(graphs.evaluate, &[graphs.evaluate_loss], &target).unwrap();
            assert!(train.dispatches.len() > evaluate.dispatches.len(), "{name}");
            assert_eq!(train.arena.offsets, evaluate.arena.offsets, "{name}");
        }
    }
}

#[test]
fn patterns_that_fit_nothing_are_refused_by_name() {
    let config = presets::preset("llama-tiny").unwrap();
    let graphs = |trainable: &str| {
        let train = TrainConfig { trainable: trainable.parse().unwrap(), ..config.train.clone() };
        training_graphs(&config.model, &train).map(|_| ())
    };
    graphs("blocks.*.mlp.*,norm.weight").unwrap();
    let told = graphs("blocks.*.mlp.*,blocks.9.*").unwrap_err().to_string();
    assert!(told.starts_with("train.trainable = blocks.9.* must match a parameter's name"), "{told}");
}

#[test]
fn frozen_parameters_get_no_gradient_and_prune_what_only_they_need() {
    let mut graph = Graph::default();
    let tokens = graph.input(Input::Tokens, Type::u32(&[2, 3]));
    let targets = graph.input(Input::Targets, Type::u32(&[2, 3]));
    let table = graph.parameter(parameter("table", &[5, 4], false));
    let head = graph.parameter(parameter("head", &[5, 4], true));
    let x = graph.push(ops::Embedding { positions: false, cursor: false }, &[tokens, table]).unwrap()[0];
    let logits = graph.push(ops::Linear { bias: false, residual: false }, &[x, head]).unwrap()[0];
    let op = Op::CrossEntropy(ops::CrossEntropy { label_smoothing: 0.0, ignore_index: None });
    let loss = graph.push(op, &[logits, targets]).unwrap()[0];
    gradient(&mut graph, loss, 1.0, Keep::Everything).unwrap();
    assert_eq!(graph.find(Origin::Gradient(ParameterId(0))), None);
    assert!(graph.find(Origin::Gradient(ParameterId(1))).is_some());
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.op.name()).collect();
    assert!(!names.contains(&"linear_input_backward"), "{names:?}");
    assert!(!names.contains(&"embedding_backward"), "{names:?}");
}

#[test]
fn attention_takes_a_start_for_each_position() {
    let heads = Heads { heads: 2, kv_heads: 1, head_size: 4 };
    let attend = |documents: bool, starts: Option<Type>| {
        let mut graph = Graph::default();
        let qkv = graph.input(Input::Free(0), Type::f32(&[2, 3, heads.packed()]));
        let starts = starts.map(|ty| graph.input(Input::Starts, ty));
        let inputs: Vec<_> = [Some(qkv), starts].into_iter().flatten().collect();
        graph.push(ops::Attention { heads, documents, ..Default::default() }, &inputs)
    };
    assert!(attend(false, None).is_ok());
    assert!(attend(true, Some(Type::u32(&[2, 3]))).is_ok());
    for (documents, starts) in [
        (true, None),
        (false, Some(Type::u32(&[2, 3]))),
        (true, Some(Type::u32(&[3, 2]))),
        (true, Some(Type::u32(&[6]))),
        (true, Some(Type::f32(&[2, 3]))),
    ] {
        assert!(attend(documents, starts).is_err());
    }
}

#[test]
fn parameters_come_in_one_order_for_every_purpose() {
    for (name, _) in PRESETS.iter() {
        let config = presets::preset(name).unwrap().model;
        let names = |purpose| -> Vec<String> {
            let graph = build(&config, purpose).unwrap().graph;
            graph.parameters.into_iter().map(|parameter| parameter.name).collect()
        };
        let decode = names(Purpose::STEP);
        assert_eq!(decode, names(Purpose::Window { time: config.context_length }));
        let loss = Purpose::Loss {
            batch: 2,
            time: config.context_length,
            dropout: true,
            label_smoothing: 0.0,
            ignore_index: None,
            documents: false,
            form: LossForm::CrossEntropy,
        };
        assert_eq!(decode, names(loss));
    }
}

#[test]
fn published_parameter_counts() {
    let count = |name: &str| {
        let config = presets::preset(name).unwrap().model;
        build(&config, Purpose::Window { time: 1 }).unwrap().graph.parameter_count()
    };
    // nanoGPT prints 0.80 M and 10.65 M without positions; OpenAI's smallest GPT-2 has 124,439,808.
    assert_eq!(count("nanogpt-cpu"), 795_904 + 64 * 128);
    assert_eq!(count("nanogpt-gpu"), 10_646_784 + 256 * 384);
    assert_eq!(count("gpt2-124m"), 124_439_808);
    // llama2.c's stories15M has 15,191,712 with its tied head.
    assert_eq!(count("stories-15m"), 15_191_712);
    // OLMo 2 1B and Gemma 3 270M.
    let shaped = |vocabulary, layers, heads, width, hidden, placement| {
        let shape = presets::gpt(vocabulary, 64, layers, heads, width);
        ModelConfig {
            qk_norm: true,
            norm: NormConfig { placement, ..shape.norm },
            position: Position::None,
            mlp: Mlp { hidden, gate: Gate::Swiglu, ..shape.mlp },
            ..shape
        }
    };
    let count =
        |model: &ModelConfig| build(model, Purpose::Window { time: 1 }).unwrap().graph.parameter_count();
    let olmo = shaped(100_352, 16, 16, 2048, 8192, NormPlacement::Output);
    assert_eq!(count(&ModelConfig { qk_norm_whole: true, tied_head: false, ..olmo }), 1_484_916_736);
    let gemma = shaped(262_144, 18, 4, 640, 2048, NormPlacement::Sandwich);
    assert_eq!(count(&ModelConfig { kv_heads: 1, head_size: 256, ..gemma }), 268_098_176);
}

#[test]
fn scalings_of_rotary_positions_are_those_of_transformers() {
    // From `modeling_rope_utils.py`, for eight channels, a base of 100 and 48 positions.
    let yarn = |truncate| RopeScaling::Yarn {
        factor: 4.0,
        original_context_length: 64,
        attention_factor: None,
        beta_fast: 4.0,
        beta_slow: 1.0,
        truncate,
    };
    let longrope = |original_context_length| RopeScaling::Longrope {
        short_factor: vec![1.0; 4],
        long_factor: vec![1.0, 1.5, 2.0, 4.0],
        original_context_length,
        attention_factor: None,
    };
    let dynamic = RopeScaling::Dynamic { factor: 2.0, original_context_length: 16 };
    let plain = [1.0, 0.316_227_766, 0.1, 0.031_622_776_6];
    for (scaling, wanted, factor) in [
        (dynamic, [1.0, 0.184_931_119, 0.034_199_518_9, 0.006_324_555_32], 1.0),
        (yarn(true), [1.0, 0.237_170_825, 0.05, 0.007_905_694_15], 1.138_629_436),
        (yarn(false), [1.0, 0.279_174_547, 0.025_996_591_6, 0.007_905_694_15], 1.138_629_436),
        (longrope(16), [1.0, 0.210_818_511, 0.05, 0.007_905_694_15], 1.181_626_262),
        (longrope(48), plain, 1.0),
    ] {
        let rope = Rope { scaling: Some(scaling), ..Rope::new(100.0) };
        for (own, wanted) in rope_waves(&rope, 8, 48).into_iter().zip(wanted) {
            let near = |own: f64, wanted: f64| (own / wanted - 1.0).abs() < 1e-8;
            assert!(near(own.0, wanted) && near(own.1, factor), "{rope:?}: {own:?}, not {wanted}");
        }
        // Other channels are neither rotated nor scaled.
        let partial = Rope { channels: Some(8), ..rope };
        assert_eq!(rope_waves(&partial, 12, 48)[4..], [(0.0, 1.0); 2]);
    }
}

#[test]
fn factors_of_1_add_no_node() {
    let mut run = presets::preset("llama-tiny").unwrap();
    run.model.vocabulary = 300;
    let nodes = |model: &ModelConfig| training_graphs(model, &run.train).unwrap().train.nodes.len();
    let plain = nodes(&run.model);
    let (block, layers) = (ModelConfig { residual_scale: 0.5, ..run.model.clone() }, run.model.layers);
    // A factor and its gradient, for each part.
    assert_eq!(nodes(&block), plain + 4 * layers);
    let (scale, divisor) = (Some(0.5), 2.0);
    let scores = ModelConfig { attention_scale: scale, attention_softcap: scale, ..run.model.clone() };
    assert_eq!(nodes(&scores), plain);
    assert_eq!(nodes(&ModelConfig { logit_divisor: divisor, ..run.model.clone() }), plain + 2);
    assert_eq!(nodes(&ModelConfig { logit_softcap: scale, ..run.model.clone() }), plain + 2);
}

#[test]
fn token_order_lists_runs_in_order_of_position() {
    let order = token_order(&[3, 1, 3, 0, 1, 3]);
    assert_eq!(order, [3, 1, 4, 0, 2, 5, 1, 2, 0, 3, 0, 0]);
}

#[test]
fn a_value_too_large_to_count_has_the_largest_count() {
    let large = Type::f32(&[1 << (usize::BITS - 2), 8, 3]);
    assert_eq!((large.count(), large.rows(), large.bytes()), (usize::MAX, usize::MAX, u64::MAX));
    assert_eq!(Type::f32(&[usize::MAX, 2, 0]).count(), 0);
    assert_eq!(
        (Type::f32(&[2, 3, 4]).count(), Type::f32(&[2, 3, 4]).rows(), Type::f32(&[]).count()),
        (24, 6, 1)
    );
}
