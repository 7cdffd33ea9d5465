//! Dictionaries of small models with random weights, on the CPU.

use super::*;
use crate::attribution::Linear;
use crate::executor::Subject;
use crate::influence::{Gradients, Passage, half, passage, passages, rank_correlation};
use crate::survey::Reading;
use glasshouse_compiler::model::model_parameters;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::MicroBatch;
use glasshouse_inspection::Lens;
use glasshouse_platform::{Yielder, block_on};
use glasshouse_protocol::features::{Dictionary, DictionaryKind, DictionarySettings};
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{NormPlacement, RunConfig, TokenizerConfig, TokenizerKind, presets};
use glasshouse_text::data::store::TokenStore;
use glasshouse_text::tokenizer::Tokenizer;
use std::cell::RefCell;

fn random(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|at| (nth(seed, 0, at) >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
}

/// Two blocks of width 16 with random weights, in the layout of an unfrozen model.
fn model() -> (RunConfig, Vec<f32>) {
    let mut config = presets::preset("llama-tiny").unwrap();
    let model = &mut config.model;
    (model.vocabulary, model.context_length, model.layers, model.width) = (29, 12, 2, 16);
    (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (2, 1, 8, 24);
    (config.train.batch_size, config.train.accumulate) = (3, 1);
    config.train.learning_rate = 1e-2;
    let parameters = model_parameters(model).unwrap();
    let count = ArenaLayout::unfrozen(&parameters).length;
    (config, random(1, count).iter().map(|x| 0.4 * x).collect())
}

fn batch(config: &RunConfig) -> MicroBatch {
    let count = config.train.batch_size * config.model.context_length;
    let ids = |seed| (0..count as u64).map(|at| (nth(seed, 1, at) % 29) as u32).collect();
    let starts = config.train.separates_documents(&config.model).then(|| vec![0; count]);
    MicroBatch { tokens: ids(2), targets: ids(3), document_starts: starts, ..MicroBatch::default() }
}

fn open(config: &RunConfig, parameters: &[f32], at: &str, width: usize, k: usize) -> DictionaryExecutor {
    let subject = Subject { config, parameters, device: "cpu", threads: Some(2) };
    let place = Place::named(&config.model, at).unwrap();
    let settings = DictionarySettings { width, k, ..DictionarySettings::default() };
    block_on(DictionaryExecutor::open(&subject, place.dictionary(&settings), place.columns)).unwrap()
}

/// x̂ = relu(x) − relu(−x) = x.
fn identity(columns: usize) -> Weights {
    let mut weights = Weights::new(2 * columns, columns);
    for column in 0..columns {
        for (feature, sign) in [(2 * column, 1.0), (2 * column + 1, -1.0)] {
            weights.encoder[feature * columns + column] = sign;
            weights.decoder[column * 2 * columns + feature] = sign;
        }
    }
    weights
}

#[test]
fn an_exact_reconstruction_leaves_the_loss_as_it_is_and_zeros_do_not() {
    let (config, parameters) = model();
    for (at, columns) in
        [("blocks.0.mlp.output", 16), ("stream.1", 16), ("blocks.1.mlp.hidden", 24), ("norm.output", 16)]
    {
        let mut executor = open(&config, &parameters, at, 2 * columns, columns);
        block_on(executor.set_weights(identity(columns))).unwrap();
        let values = block_on(executor.values(&batch(&config))).unwrap();
        let (loss, count) = block_on(executor.loss(&batch(&config))).unwrap();
        assert_eq!([loss, count], values.clean, "{at}");
        assert_eq!(values.input, values.reconstruction, "{at}");
        block_on(executor.set_weights(Weights::new(2 * columns, columns))).unwrap();
        let (zero, _) = block_on(executor.loss(&batch(&config))).unwrap();
        assert!((zero - loss).abs() > 1e-5, "{at}: {zero} {loss}");
    }
}

#[test]
fn steps_lower_the_error_and_leave_the_model_alone() {
    let (config, parameters) = model();
    let mut executor = open(&config, &parameters, "blocks.1.mlp.output", 64, 4);
    let mut weights = Weights::new(64, 16);
    (0..64).for_each(|feature| {
        let direction = random(9 + feature as u64, 16);
        weights.point(feature, [&direction, &direction], &[0.0; 16], 1.0);
    });
    block_on(executor.set_weights(weights)).unwrap();
    let before = block_on(executor.values(&batch(&config))).unwrap();
    let step = |step| glasshouse_compiler::step::StepInput {
        step,
        learning_rate: 1e-2,
        micro_batches: vec![batch(&config)],
    };
    let first = block_on(executor.train(&[step(0)])).unwrap();
    let rest: Vec<_> = (1..80).map(step).collect();
    block_on(executor.train(&rest)).unwrap();
    block_on(executor.settle(|_| ())).unwrap();
    let last = block_on(executor.train(&[step(80)])).unwrap();
    assert!(last < 0.2 * first, "{first} {last}");
    let after = block_on(executor.values(&batch(&config))).unwrap();
    assert_eq!([after.input, after.clean.to_vec()], [before.input, before.clean.to_vec()]);
    for feature in 0..64 {
        let norm = crate::weights::norm(&executor.weights.direction(feature));
        assert!((norm - 1.0).abs() < 1e-5, "{norm}");
    }
    let active = |row: &[f32]| row.iter().filter(|feature| **feature > 0.0).count();
    assert!(after.features.chunks(64).all(|row| active(row) <= 4));
}

#[test]
fn thresholds_leave_k_features_active_and_a_penalty_leaves_fewer() {
    let (config, parameters) = model();
    let place = Place::named(&config.model, "blocks.1.mlp.output").unwrap();
    let subject = Subject { config: &config, parameters: &parameters, device: "cpu", threads: Some(2) };
    let [plain, strict] = [0.0, 0.05].map(|penalty| {
        let settings = DictionarySettings {
            width: 64,
            kind: DictionaryKind::JumpRelu,
            penalty,
            bandwidth: 0.5,
            ..DictionarySettings::default()
        };
        let open = |variance| {
            let dictionary = place.scaled_dictionary(&settings, variance);
            block_on(DictionaryExecutor::open(&subject, dictionary, 16)).unwrap()
        };
        let input = block_on(open(1.0).values(&batch(&config))).unwrap().input;
        let squares = input.iter().map(|entry| f64::from(*entry).powi(2)).sum::<f64>();
        let mut executor = open(squares / (input.len() / 16) as f64);
        let mut weights = executor.weights.clone();
        (0..64).for_each(|feature| {
            let direction = random(9 + feature as u64, 16);
            weights.point(feature, [&direction, &direction], &[0.0; 16], 1.0);
        });
        block_on(executor.set_weights(weights)).unwrap();
        block_on(executor.set_thresholds(&batch(&config), 8)).unwrap();
        let features = block_on(executor.values(&batch(&config))).unwrap().features;
        for (x, row) in input.chunks(16).zip(features.chunks(64)) {
            let own = executor.weights.activations(1, x);
            assert!(own.iter().zip(row).all(|(own, other)| (own - other).abs() < 1e-5));
        }
        let active = |executor: &mut DictionaryExecutor| {
            let features = block_on(executor.values(&batch(&config))).unwrap().features;
            features.iter().filter(|feature| **feature > 0.0).count()
        };
        assert_eq!(active(&mut executor), 8 * input.len() / 16);
        let step = |step| glasshouse_compiler::step::StepInput {
            step,
            learning_rate: 1e-2,
            micro_batches: vec![batch(&config)],
        };
        let first = block_on(executor.train(&[step(0)])).unwrap();
        block_on(executor.train(&(1..80).map(step).collect::<Vec<_>>())).unwrap();
        block_on(executor.settle(|_| ())).unwrap();
        let last = block_on(executor.train(&[step(80)])).unwrap();
        assert!(last < first, "{first} {last}");
        active(&mut executor)
    });
    assert!(3 * strict < 2 * plain, "{strict} {plain}");
}

#[test]
fn normalising_keeps_the_product_of_encoder_and_decoder() {
    let mut weights = Weights::new(5, 3);
    (weights.encoder, weights.decoder) = (random(4, 15), random(5, 15));
    weights.encoder_bias = random(6, 5);
    let product = |weights: &Weights| -> Vec<f32> {
        let of = |row: usize, column: usize| (0..5).map(move |f| (row * 5 + f, f * 3 + column));
        let all = (0..3).flat_map(|row| (0..3).map(move |column| (row, column)));
        all.map(|(row, column)| of(row, column).map(|(d, e)| weights.decoder[d] * weights.encoder[e]).sum())
            .collect()
    };
    let before = product(&weights);
    weights.normalise();
    assert!(product(&weights).iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!((0..5).all(|feature| (crate::weights::norm(&weights.direction(feature)) - 1.0).abs() < 1e-6));
    let nearest = weights.neighbours(0, 9);
    assert!(nearest.len() == 4 && nearest.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{nearest:?}");
}

#[test]
fn files_are_read_as_written_and_refused_if_they_do_not_fit() {
    let mut weights = Weights::new(4, 3);
    (weights.encoder, weights.decoder, weights.decoder_bias) = (random(4, 12), random(5, 12), random(6, 3));
    let bytes = weights.to_safetensors().unwrap();
    let read = |bytes: &[u8], kind, width| Weights::from_safetensors(bytes, kind, [width, 3]);
    assert_eq!(read(&bytes, DictionaryKind::TopK, 4).unwrap(), weights);
    let thresholds = Weights { threshold: random(7, 4), ..weights.clone() };
    let with = thresholds.to_safetensors().unwrap();
    assert_eq!(read(&with, DictionaryKind::JumpRelu, 4).unwrap(), thresholds);
    assert!(read(&bytes, DictionaryKind::JumpRelu, 4).unwrap_err().to_string().contains("threshold"));
    let refused = |bytes: &[u8], width| read(bytes, DictionaryKind::TopK, width).unwrap_err().to_string();
    assert!(refused(&bytes, 5).contains("W_enc is F32 [3, 4]"), "{}", refused(&bytes, 5));
    assert!(!refused(&bytes[..bytes.len() - 1], 4).is_empty());
    weights.decoder[0] = f32::NAN;
    assert!(refused(&weights.to_safetensors().unwrap(), 4).contains("not finite"));
}

#[test]
fn a_steered_model_adds_the_vector_at_the_hook_point_and_nothing_before_it() {
    let (config, parameters) = model();
    let vector = random(8, 16);
    let tokens = [3, 1, 4, 1, 5, 9, 2, 6];
    for (at, before) in [
        ("blocks.0.mlp.output", "blocks.0.between"),
        ("blocks.1.attention.output", "stream.1"),
        ("stream.2", "blocks.1.between"),
    ] {
        let [at, before] = [at, before].map(|name| Place::named(&config.model, name).unwrap().at);
        let (changed, weights) = steered(&config.model, &parameters, at, &vector).unwrap();
        let mut plain = Lens::on_cpu(&config.model, parameters.clone(), Some(1)).unwrap();
        let mut moved = Lens::on_cpu(&changed, weights, Some(1)).unwrap();
        let [old, new] =
            [&mut plain, &mut moved].map(|lens| block_on(lens.probe(&tokens, &[before, at])).unwrap());
        assert_eq!(old[0], new[0]);
        for (old, new) in old[1].data.chunks(16).zip(new[1].data.chunks(16)) {
            let added =
                old.iter().zip(new).zip(&vector).all(|((old, new), add)| (new - old - add).abs() < 1e-5);
            assert!(added, "{at}: {old:?} {new:?}");
        }
    }
    let refused = |model: &ModelConfig, at: &str| {
        steered(model, &parameters, Place::named(model, at).unwrap().to, &vector).unwrap_err().to_string()
    };
    assert!(refused(&config.model, "blocks.0.mlp.input").contains("cannot be steered"));
    let mut sandwich = config.model.clone();
    sandwich.norm.placement = NormPlacement::Sandwich;
    assert!(refused(&sandwich, "blocks.0.mlp.output").contains("normalises it after"));
}

#[test]
fn an_unknown_hook_point_lists_those_that_exist() {
    let (config, _) = model();
    let told = Place::named(&config.model, "blocks.7.mlp.output").unwrap_err().to_string();
    assert!(told.contains("blocks.1.mlp.output, blocks.1.mlp, ") && told.contains("norm.output"), "{told}");
}

#[test]
fn a_transcoder_learns_the_output_of_an_mlp_from_its_input() {
    let (config, parameters) = model();
    let mut executor = open(&config, &parameters, "blocks.0.mlp", 64, 8);
    let place = Place::named(&config.model, "blocks.0.mlp").unwrap();
    let mut weights = Weights::new(64, 16);
    (0..64).for_each(|feature| {
        let [from, to] = [9, 99].map(|seed| random(seed + feature as u64, 16));
        weights.point(feature, [&from, &to], &[0.0; 16], 1.0);
    });
    block_on(executor.set_weights(weights)).unwrap();
    let step = |step| glasshouse_compiler::step::StepInput {
        step,
        learning_rate: 1e-2,
        micro_batches: vec![batch(&config)],
    };
    let first = block_on(executor.train(&[step(0)])).unwrap();
    let rest: Vec<_> = (1..120).map(step).collect();
    block_on(executor.train(&rest)).unwrap();
    let values = block_on(executor.values(&batch(&config))).unwrap();
    let errors = values.target().iter().zip(&values.reconstruction).map(|(y, found)| (y - found).powi(2));
    let error = errors.sum::<f32>() / (config.train.batch_size * config.model.context_length) as f32;
    assert!(f64::from(error) < 0.3 * first, "{first} {error}");
    let mut lens = Lens::on_cpu(&config.model, parameters.clone(), Some(1)).unwrap();
    let text = &batch(&config).tokens[..config.model.context_length];
    let of_lens = block_on(lens.probe(text, &[place.at, place.to])).unwrap();
    for (own, ours) in of_lens.iter().zip([&values.input[..], values.target()]) {
        assert!(own.data.iter().zip(ours).all(|(one, other)| (one - other).abs() < 1e-5));
    }
    // The loss with the transcoder in place of the MLP differs from that of the model, which the values contain.
    let (loss, _) = block_on(executor.loss(&batch(&config))).unwrap();
    assert!(loss.is_finite() && loss != values.clean[0]);
}

#[test]
fn a_clamped_feature_has_its_value_whatever_it_had_before() {
    let (config, parameters) = model();
    let tokens = [3, 1, 4, 1, 5, 9, 2, 6];
    let (feature, k, value) = (5, 4, 1.5);
    for name in ["blocks.0.mlp.output", "blocks.1.attention.output", "stream.1", "blocks.0.mlp"] {
        let place = Place::named(&config.model, name).unwrap();
        let mut weights = Weights::new(32, 16);
        (weights.encoder, weights.decoder) = (random(4, 512), random(5, 512));
        let mut lens = Lens::on_cpu(&config.model, parameters.clone(), Some(1)).unwrap();
        let logits = |lens: &mut Lens, weights: &Weights| {
            let clamped = Clamped::new(&config.model, place, weights, (feature, k), value).unwrap();
            block_on(clamped.logits(lens, &tokens)).unwrap()
        };
        // A feature that is never active is added.
        weights.encoder_bias[feature] = -1e6;
        let ours = logits(&mut lens, &weights);
        let vector: Vec<f32> = weights.direction(feature).iter().map(|entry| value * entry).collect();
        let (changed, moved) = steered(&config.model, &parameters, place.to, &vector).unwrap();
        let mut moved = Lens::on_cpu(&changed, moved, Some(1)).unwrap();
        let added = block_on(moved.probe(&tokens, &[HookPoint::Logits])).unwrap().remove(0);
        let near = |one: &[f32], other: &[f32]| one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near(&ours, added.row(7)), "{name}");
        // One that is active everywhere with the value that it has anyway changes nothing.
        weights.encoder[feature * 16..(feature + 1) * 16].fill(0.0);
        weights.encoder_bias.fill(-1e6);
        weights.encoder_bias[feature] = value;
        let plain = block_on(lens.probe(&tokens, &[HookPoint::Logits])).unwrap().remove(0);
        assert!(near(&logits(&mut lens, &weights), plain.row(7)), "{name}");
    }
    let weights = Weights::new(32, 16);
    let refused = Clamped::new(
        &config.model,
        Place::named(&config.model, "norm.output").unwrap(),
        &weights,
        (0, 4),
        1.0,
    );
    assert!(refused.unwrap_err().to_string().contains("cannot be steered"));
}

#[test]
fn an_activation_counts_only_among_the_k_largest() {
    let mut weights = Weights::new(3, 1);
    weights.encoder = vec![1.0, 2.0, -1.0];
    let of = |k| weights.activations(k, &[3.0]);
    assert_eq!([of(1), of(2), of(3)], [[0.0, 6.0, 0.0], [3.0, 6.0, 0.0], [3.0, 6.0, 0.0]]);
}

/// SAELens' `cfg.json` with other values.
fn sae_lens(changes: &serde_json::Value) -> Vec<u8> {
    let mut config = serde_json::json!({
        "architecture": "topk", "d_in": 3, "d_sae": 4, "k": 2, "dtype": "float32", "apply_b_dec_to_input": false,
        "normalize_activations": "none", "metadata": {"hook_name": "stream.1", "training_tokens": 70},
    });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    serde_json::to_vec(&config).unwrap()
}

#[test]
fn sae_lens_files_are_read_with_the_same_function_or_refused_by_name() {
    let mut weights = Weights::new(4, 3);
    (weights.encoder, weights.decoder, weights.decoder_bias) = (random(4, 12), random(5, 12), random(6, 3));
    let bytes = weights.to_safetensors().unwrap();
    let read = |changes: serde_json::Value| read_sae_lens(&sae_lens(&changes), &bytes, None);
    let (settings, own) = read(serde_json::json!({})).unwrap();
    assert_eq!((settings.at.as_str(), settings.width, settings.k, settings.tokens), ("stream.1", 4, 2, 70));
    assert_eq!(own, weights);
    let x = random(7, 3);
    // E·(x − d) + e as they compute it.
    let (_, centered) = read(serde_json::json!({"apply_b_dec_to_input": true})).unwrap();
    let less: Vec<f32> = x.iter().zip(&weights.decoder_bias).map(|(x, d)| x - d).collect();
    for (ours, theirs) in centered.activations(4, &x).into_iter().zip(weights.activations(4, &less)) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
    let (relu, _) = read(serde_json::json!({"architecture": "standard", "k": null})).unwrap();
    assert_eq!(relu.k, 4);
    for (changes, named) in [
        (serde_json::json!({"architecture": "gated"}), "gated"),
        (serde_json::json!({"architecture": "jumprelu"}), "threshold"),
        (serde_json::json!({"normalize_activations": "layer_norm"}), "normalize_activations"),
        (serde_json::json!({"activation_fn_str": "tanh-relu"}), "tanh-relu"),
        (serde_json::json!({"finetuning_scaling_factor": true}), "finetuning_scaling_factor true"),
        (serde_json::json!({"k": null}), "has no k"),
        (serde_json::json!({"k": 9}), "k up to the width"),
        (serde_json::json!({"d_in": 2}), "W_enc is F32 [3, 4]"),
        (serde_json::json!({"d_sae": 1_000_000_000}), "more weights"),
    ] {
        let refused = read(changes).unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
    let jump = serde_json::json!({"architecture": "jumprelu", "k": null, "activation_fn_str": "relu"});
    weights.threshold = vec![0.5, -1.0, 0.0, 2.0];
    let (settings, own) = read_sae_lens(&sae_lens(&jump), &weights.to_safetensors().unwrap(), None).unwrap();
    assert_eq!((settings.kind, &own), (DictionaryKind::JumpRelu, &weights));
    for config in [&b"{}"[..], b"["] {
        assert!(read_sae_lens(config, &bytes, None).is_err());
    }
}

#[test]
fn configurations_of_sae_lens_5_and_6_are_read() {
    let mut weights = Weights::new(4, 3);
    (weights.encoder, weights.decoder, weights.decoder_bias) = (random(4, 12), random(5, 12), random(6, 3));
    let bytes = weights.to_safetensors().unwrap();
    let fifth = |activation: &str, kwargs: serde_json::Value, hook: &str| {
        serde_json::json!({
            "architecture": "standard", "d_in": 3, "d_sae": 4, "activation_fn_str": activation,
            "activation_fn_kwargs": kwargs, "apply_b_dec_to_input": false, "finetuning_scaling_factor": false,
            "context_size": 128, "model_name": "a-model", "hook_name": hook, "hook_layer": 1,
            "hook_head_index": null, "prepend_bos": true, "dataset_path": "a/text",
            "dataset_trust_remote_code": true, "normalize_activations": "none", "dtype": "torch.float32",
            "device": "cpu", "sae_lens_training_version": "5.5.1", "neuronpedia_id": null,
            "model_from_pretrained_kwargs": {}, "seqpos_slice": [null],
        })
    };
    let sixth = serde_json::json!({
        "d_in": 3, "d_sae": 4, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": true,
        "normalize_activations": "none", "reshape_activations": "none", "k": 2,
        "rescale_acts_by_decoder_norm": true, "architecture": "topk",
        "metadata": {
            "sae_lens_version": "6.12.1", "sae_lens_training_version": "6.12.1", "dataset_path": "a/text",
            "hook_name": "blocks.0.hook_resid_post", "model_name": "a-model",
            "model_class_name": "HookedTransformer", "hook_head_index": null, "context_size": 128,
            "seqpos_slice": [null], "model_from_pretrained_kwargs": {}, "prepend_bos": true,
            "exclude_special_tokens": false, "sequence_separator_token": "bos",
        },
    });
    let read = |config: &serde_json::Value, at: Option<&str>| {
        read_sae_lens(&serde_json::to_vec(config).unwrap(), &bytes, at.map(str::to_owned)).unwrap()
    };
    let (settings, own) = read(&fifth("topk", serde_json::json!({"k": 2}), "blocks.1.hook_mlp_out"), None);
    assert_eq!((&*settings.at, settings.width, settings.k, &own), ("blocks.1.mlp.output", 4, 2, &weights));
    let relu = fifth("relu", serde_json::json!({}), "blocks.1.hook_resid_pre");
    let (settings, own) = read(&relu, None);
    assert_eq!((&*settings.at, settings.k, &own), ("stream.1", 4, &weights));
    assert_eq!(read(&relu, Some("norm.output")).0.at, "norm.output");
    let (settings, own) = read(&sixth, None);
    assert_eq!((&*settings.at, settings.k), ("stream.1", 2));
    // |W_dec|·(W_enc·(x − b_dec) + b_enc), and unit columns.
    let x = random(7, 3);
    let less: Vec<f32> = x.iter().zip(&weights.decoder_bias).map(|(x, d)| x - d).collect();
    let [ours, theirs] = [own.activations(4, &x), weights.activations(4, &less)];
    for feature in 0..4 {
        let norm = crate::weights::norm(&weights.direction(feature));
        assert!((ours[feature] - norm * theirs[feature]).abs() < 1e-5, "{ours:?} {theirs:?}");
        assert!((crate::weights::norm(&own.direction(feature)) - 1.0).abs() < 1e-6);
    }
    for (hook, name) in [
        ("blocks.0.attn.hook_z", "blocks.0.attention.heads"),
        ("blocks.0.hook_attn_out", "blocks.0.attention.output"),
        ("blocks.0.hook_mlp_in", "blocks.0.between"),
        ("blocks.0.ln2.hook_normalized", "blocks.0.mlp.input"),
        ("blocks.0.mlp.hook_post", "blocks.0.mlp.hidden"),
        ("blocks.1.hook_resid_post", "stream.2"),
    ] {
        let (settings, _) = read(&fifth("relu", serde_json::json!({}), hook), None);
        assert_eq!(settings.at, name);
        assert!(Place::named(&model().0.model, name).is_ok(), "{name}");
    }
}

#[test]
fn a_pattern_is_what_predicts_a_feature_best() {
    // Windows of five tokens; the targets of the last are ignored.
    let tokens = vec![1, 2, 3, 2, 4, 9, 2, 3, 1, 2, 3, 3, 2, 3, 9];
    let targets = [vec![0; 14], vec![u32::MAX]].concat();
    let batch = MicroBatch { tokens: tokens.clone(), targets, ..MicroBatch::default() };
    // Feature 0: at 3 after 2. Feature 1: after a 3. Feature 2: at every 2 but one. Feature 3: once.
    let mut features = vec![0.0; 15 * 4];
    for (at, token) in tokens.iter().enumerate().take(14) {
        let before = (at % 5 > 0).then(|| tokens[at - 1]);
        features[at * 4] = f32::from(*token == 3 && before == Some(2));
        features[at * 4 + 1] = if before == Some(3) { 2.0 } else { 0.0 };
        features[at * 4 + 2] = f32::from(*token == 2 && at != 1);
        features[at * 4 + 3] = f32::from(at == 7);
    }
    let mut reading = Reading::new(4);
    for _ in 0..2 {
        reading.add(&features, &batch, 5);
    }
    let pattern = |feature| reading.pattern(feature, |id| id.to_string());
    let of = |feature| pattern(feature).map(|own| (own.before, own.token, own.precision, own.recall));
    let some = |id: u32| Some(id.to_string());
    assert_eq!(of(0), Some((some(2), some(3), 1.0, 1.0)));
    assert_eq!(of(1), Some((some(3), None, 1.0, 1.0)));
    assert_eq!(of(2), Some((None, some(2), 0.8, 1.0)));
    assert_eq!(of(3), None);
    assert_eq!((reading.tokens, reading.strongest(1), reading.strongest(3)), (28, (2.0, 2), (1.0, 3)));
    let passages = crate::passages::top_passages(reading.windows_of(3), 9, |id| {
        glasshouse_protocol::inspect::TokenText { id, text: String::new() }
    });
    let peaks: Vec<_> = passages.iter().map(|own| (own.peak, own.activations[own.peak])).collect();
    assert_eq!(peaks, [(2, 1.0), (2, 1.0)]);
}

#[test]
fn influence_is_the_change_of_a_loss_by_a_step_on_a_passage() {
    let (config, mut parameters) = model();
    let subject = Subject { config: &config, parameters: &parameters, device: "cpu", threads: Some(2) };
    let mut gradients = block_on(Gradients::open(&subject)).unwrap();
    block_on(gradients.set_weights(&config.model, &parameters)).unwrap();
    let tokens = |seed| (0..9).map(|at| (nth(seed, 1, at) % 29) as u32).collect();
    let (query, own) = (Passage::new(tokens(5), 4), Passage::new(tokens(6), 1));
    let passages = [query.clone(), own.clone()];
    let mut scores = [0.0; 2];
    let (given, yielder) = ((1.0, true), Yielder::none());
    let added = gradients.add_influences(&query, &passages, given, &mut scores, |_| (), &yielder);
    let loss = block_on(added).unwrap();
    assert!(scores[0] > 0.0, "a text does not help itself: {scores:?}");
    // Five of nine tokens are predicted.
    assert!((5.0 * 2.0..5.0 * 6.0).contains(&loss), "{loss}");
    // One step of gradient descent on the passage.
    let (_, gradient) = block_on(gradients.of(&own)).unwrap();
    let rate = 1e-4;
    parameters.iter_mut().zip(&gradient).for_each(|(weight, entry)| *weight -= rate * entry);
    block_on(gradients.set_weights(&config.model, &parameters)).unwrap();
    let (after, _) = block_on(gradients.of(&query)).unwrap();
    let measured = (loss - f64::from(after)) / f64::from(rate);
    assert!(
        (measured - scores[1]).abs() < 0.05 * scores[1].abs().max(1.0),
        "{measured}, predicted {}",
        scores[1]
    );
}

#[test]
fn passages_are_documents_cut_to_the_window() {
    let tokens = vec![1, 2, 9, 3, 4, 5, 6, 7, 9, 9, 8];
    let store = TokenStore::in_memory(tokens, vec![0; 9]);
    let ranges = |end, window| block_on(passages(&store, end, window, &Yielder::none())).unwrap();
    // Of the empty document after the first two nothing can be predicted, nor of a single token.
    assert_eq!(ranges(Some(9), 3), [0..3, 3..7, 7..9]);
    assert_eq!(ranges(None, 4), [0..5, 5..10]);
    assert_eq!(
        passage(&store, &(3..7)).unwrap(),
        Passage { tokens: vec![3, 4, 5, 6], predicted: vec![true; 4] }
    );
}

#[test]
fn halves_hold_half_and_ranks_correlate() {
    let halves: Vec<Vec<bool>> = (0..4).map(|number| half(7, number, 11)).collect();
    assert!(halves.iter().all(|half| half.iter().filter(|is_in| **is_in).count() == 6));
    assert!(halves.windows(2).all(|pair| pair[0] != pair[1]) && halves[0] == half(7, 0, 11));
    assert_eq!(rank_correlation(&[1.0, 2.0, 30.0], &[-5.0, 0.0, 0.1]), 1.0);
    assert_eq!(rank_correlation(&[1.0, 2.0, 30.0], &[3.0, 2.0, 1.0]), -1.0);
    assert_eq!(rank_correlation(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0]), 0.8);
}

/// Two transcoders with random weights.
fn transcoders(config: &RunConfig) -> Vec<Transcoder> {
    let transcoder = |block: usize| {
        let mut weights = Weights::new(24, 16);
        let seed = 40 + 4 * block as u64;
        (weights.encoder, weights.decoder) = (random(seed, 384), random(seed + 1, 384));
        (weights.encoder_bias, weights.decoder_bias) = (random(seed + 2, 24), random(seed + 3, 16));
        let settings =
            DictionarySettings { at: format!("blocks.{block}.mlp"), width: 24, k: 6, ..Default::default() };
        Transcoder { record: Dictionary { number: 7, settings, ..Default::default() }, weights }
    };
    (0..config.model.layers).map(transcoder).collect()
}

#[test]
fn shares_of_tokens_features_and_errors_add_up_to_the_logit_and_to_activations() {
    let (llama, _) = model();
    let mut gpt = presets::preset("nanogpt-cpu").unwrap();
    (gpt.model.vocabulary, gpt.model.context_length, gpt.model.layers, gpt.model.width) = (29, 12, 2, 16);
    (gpt.model.heads, gpt.model.kv_heads, gpt.model.head_size, gpt.model.mlp.hidden) = (2, 2, 8, 24);
    gpt.model.bias.qkv = true;
    (gpt.model.bias.output, gpt.model.norm.bias, gpt.model.residual_scale) = (true, true, 0.7);
    let bytes = TokenizerConfig::new(TokenizerKind::Byte, 0);
    let tokenizer = block_on(Tokenizer::train(&bytes, ["bytes"], &Yielder::none())).unwrap();
    for config in [llama, gpt] {
        let parameters = model_parameters(&config.model).unwrap();
        let parameters = random(3, ArenaLayout::unfrozen(&parameters).length);
        let parameters = parameters.iter().map(|x| 0.4 * x).collect();
        let mut lens = Lens::on_cpu(&config.model, parameters, Some(1)).unwrap();
        let (tokens, transcoders) = ([3, 1, 4, 1, 5, 9], transcoders(&config));
        let mut graph = |chosen, count| {
            let told = RefCell::new(Vec::new());
            let on_progress = |done, total| told.borrow_mut().push((done, total));
            let asked = (chosen, count);
            let found = attribution_graph(&mut lens, &tokenizer, &transcoders, &tokens, asked, on_progress);
            let found = block_on(found).unwrap();
            let total = (config.model.layers + found.nodes.len()) as u64;
            assert_eq!(told.into_inner(), (1..=total).map(|done| (done, total)).collect::<Vec<_>>());
            found
        };
        let found = graph(Some(5), usize::MAX);
        let sum = |to| found.inputs(to).iter().map(|(_, weight)| weight).sum::<f64>();
        assert!((sum(None) + found.constant - found.logit).abs() < 1e-9);
        let features = found.nodes.iter().enumerate().filter(|(_, own)| own.ablated.is_some());
        assert!(features.clone().count() > 2 * 6);
        let mut weights: Vec<f64> = features.map(|(at, _)| sum(Some(at))).collect();
        // Fewer nodes have the same edges.
        let few = graph(Some(5), 30);
        assert_eq!((few.nodes.len(), few.logit, &few.nodes[..]), (30, found.logit, &found.nodes[..30]));
        assert!(few.correlation.is_some_and(|own| own.abs() <= 1.0));
        let shares: f64 =
            found.nodes.iter().filter(|own| own.activation == 0.0).map(|own| own.influence).sum();
        assert!((shares + found.omitted - 1.0).abs() < 1e-9, "{shares} {}", found.omitted);
        // At most 36 features of a block are omitted, each with less than a thousandth.
        assert!(found.omitted < 0.072, "{}", found.omitted);
        let model = block_on(Linear::new(&mut lens, &transcoders, &tokens)).unwrap();
        let mut of_rows = Vec::new();
        for (node, own) in model.nodes.iter().enumerate() {
            let Some((_, activation)) = own.feature else { continue };
            let row = block_on(model.row_of_feature(node)).unwrap();
            of_rows.push(row.shares.iter().sum::<f64>());
            let sum = of_rows.last().unwrap() + row.constant;
            assert!((sum - f64::from(activation)).abs() < 1e-4, "{sum} {activation}");
        }
        weights.sort_by(f64::total_cmp);
        of_rows.sort_by(f64::total_cmp);
        assert_eq!(weights.len(), of_rows.len());
        assert!(weights.iter().zip(&of_rows).all(|(edges, row)| (edges - row).abs() < 1e-9));
        let logits = block_on(lens.probe(&tokens, &[HookPoint::Logits])).unwrap().remove(0);
        let logit = f64::from(logits.row(5)[5]);
        assert!((found.logit - logit).abs() < 1e-4 * logit.abs().max(1.0), "{} {logit}", found.logit);
    }
}
