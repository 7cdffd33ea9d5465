//! Dictionaries on both executors, and against SAELens' formulas; influence against PyTorch.

use crate::common::{self, deviation};
use glasshouse_engine::Yielder;
use glasshouse_engine::features::influence::{Gradients, Passage};
use glasshouse_engine::features::{DictionaryExecutor, DictionaryFolder, Place, Subject, Weights};
use glasshouse_engine::graph::random::nth;
use glasshouse_engine::model::model_parameters;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::protocol::features::{self as protocol, DictionaryKind};
use glasshouse_engine::step::{IGNORED, MicroBatch, StepInput};
use glasshouse_protocol::RunConfig;
use glasshouse_tests::{output_of, python};
use pollster::block_on;
use serde_json::{Value, json};

const WIDTH: usize = 40;
const K: usize = 5;
const COLUMNS: usize = 16;

fn random(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|at| (nth(seed, 0, at) >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
}

fn settings(kind: DictionaryKind) -> protocol::DictionarySettings {
    let at = "blocks.1.mlp.output".to_owned();
    protocol::DictionarySettings {
        at,
        width: WIDTH,
        kind,
        k: K,
        penalty: 0.1,
        bandwidth: 0.8,
        ..Default::default()
    }
}

fn weights(kind: DictionaryKind) -> Weights {
    let mut weights = Weights::new(WIDTH, COLUMNS);
    (weights.encoder, weights.decoder) = (random(1, WIDTH * COLUMNS), random(2, WIDTH * COLUMNS));
    (weights.encoder_bias, weights.decoder_bias) = (random(3, WIDTH), random(4, COLUMNS));
    if kind == DictionaryKind::JumpRelu {
        // Some are below 0.
        weights.threshold = random(8, WIDTH).iter().map(|own| 0.3 + own).collect();
    }
    weights
}

fn opened(device: &str, kind: DictionaryKind) -> (RunConfig, DictionaryExecutor) {
    let mut config = crate::runs::config();
    (config.train.accumulate, config.train.gradient_clipping) = (1, 0.0);
    let parameters = model_parameters(&config.model).unwrap();
    let weights_of_model = random(5, ArenaLayout::unfrozen(&parameters).length);
    let place = Place::named(&config.model, "blocks.1.mlp.output").unwrap();
    assert_eq!(place.columns, COLUMNS);
    let subject = Subject { config: &config, parameters: &weights_of_model, device, threads: Some(2) };
    let mut executor =
        block_on(DictionaryExecutor::open(&subject, place.dictionary(&settings(kind)), COLUMNS)).unwrap();
    block_on(executor.set_weights(weights(kind))).unwrap();
    (config, executor)
}

fn batch(config: &RunConfig) -> MicroBatch {
    let count = config.train.batch_size * config.model.context_length;
    let ids =
        |seed| (0..count as u64).map(move |at| (nth(seed, 1, at) % crate::runs::VOCABULARY as u64) as u32);
    MicroBatch { tokens: ids(6).collect(), targets: ids(7).collect(), ..MicroBatch::default() }
}

/// Two of five rows do not count.
fn partly_ignored(config: &RunConfig) -> StepInput {
    let mut own = step(config);
    let targets = own.micro_batches[0].targets.iter_mut().enumerate();
    targets.filter(|(at, _)| at % 5 < 2).for_each(|(_, target)| *target = IGNORED);
    own
}

fn step(config: &RunConfig) -> StepInput {
    StepInput { step: 0, learning_rate: 0.0, micro_batches: vec![batch(config)] }
}

fn parts(weights: &Weights) -> Vec<&[f32]> {
    let Weights { encoder, encoder_bias, decoder, decoder_bias, threshold } = weights;
    let all = [encoder, encoder_bias, decoder, decoder_bias, threshold];
    all.into_iter().map(Vec::as_slice).filter(|part| !part.is_empty()).collect()
}

#[test]
fn cpu_and_gpu_agree_on_losses_gradients_and_features() {
    for kind in DictionaryKind::ALL {
        let (config, mut cpu) = opened("cpu", kind);
        let (_, mut gpu) = opened(&common::adapter(), kind);
        let [(loss, ours), (other, theirs)] =
            [&mut cpu, &mut gpu].map(|on| block_on(on.gradients(&partly_ignored(&config))).unwrap());
        assert!((loss - other).abs() < 1e-4 * loss, "{kind}: {loss} {other}");
        for (ours, theirs) in parts(&ours).into_iter().zip(parts(&theirs)) {
            assert!(deviation(theirs, ours) < 1e-4, "{kind}");
        }
        let [ours, theirs] = [&mut cpu, &mut gpu].map(|on| block_on(on.values(&batch(&config))).unwrap());
        assert!(deviation(&theirs.features, &ours.features) < 1e-4, "{kind}");
        assert!(deviation(&theirs.reconstruction, &ours.reconstruction) < 1e-4, "{kind}");
        assert!(deviation(&theirs.clean, &ours.clean) < 1e-4, "{kind}");
        let [ours, theirs] = [&mut cpu, &mut gpu].map(|on| block_on(on.loss(&batch(&config))).unwrap().0);
        assert!((ours - theirs).abs() < 1e-4 * ours, "{kind}: {ours} {theirs}");
    }
}

#[test]
fn slow_python_sae_lens_formulas_give_the_same_loss_and_gradients() {
    for kind in DictionaryKind::ALL {
        let (config, mut executor) = opened("cpu", kind);
        let (_folder, project) = crate::runs::project();
        let run = crate::runs::create(&project, &config);
        let (folder, number) = DictionaryFolder::next(&run);
        let settings = settings(kind);
        let given = [settings.penalty, settings.bandwidth].map(|own| own.to_string());
        let mut record = protocol::Dictionary { number, settings, columns: COLUMNS, ..Default::default() };
        folder.save(&mut record, &weights(kind)).unwrap();
        let values = block_on(executor.values(&batch(&config))).unwrap();
        let x = folder.path().join("x");
        let bytes: Vec<u8> = values.input.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        std::fs::write(&x, bytes).unwrap();
        let told = output_of(python("sae_lens.py").arg(folder.path()).arg(&x).args(given));
        let told: Value = serde_json::from_slice(&told).unwrap();
        let (loss, gradients) = block_on(executor.gradients(&step(&config))).unwrap();
        let theirs = told["loss"].as_f64().unwrap();
        assert!((f64::from(loss) / theirs - 1.0).abs() < 1e-5, "{kind}: {loss} {theirs}");
        let l0 = values.features.iter().filter(|feature| **feature > 0.0).count() as f64
            / (values.features.len() / WIDTH) as f64;
        assert_eq!(l0, told["l0"].as_f64().unwrap(), "{kind}");
        // As SAELens stores them.
        let stored = gradients.to_safetensors().unwrap();
        let stored = safetensors::SafeTensors::deserialize(&stored).unwrap();
        assert_eq!(stored.len(), if kind == DictionaryKind::TopK { 4 } else { 5 });
        for (name, tensor) in stored.tensors() {
            let theirs: Vec<f32> = serde_json::from_value(told[&name].clone()).unwrap();
            let floats = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let ours: Vec<f32> = floats.collect();
            assert!(deviation(&ours, &theirs) < 1e-5, "{kind} {name}: {:.1e}", deviation(&ours, &theirs));
        }
    }
}

#[test]
fn slow_python_influence_is_a_product_of_gradients_in_torch() {
    let config = crate::runs::config();
    let listed = model_parameters(&config.model).unwrap();
    let layout = ArenaLayout::unfrozen(&listed);
    let parameters = random(5, layout.length);
    let tokens =
        |seed| (0..12).map(|at| (nth(seed, 1, at) % crate::runs::VOCABULARY as u64) as u32).collect();
    let asked: Vec<Passage> = (0..6).map(|seed| Passage::new(tokens(seed), 1 + 2 * seed as usize)).collect();
    let folder = tempfile::tempdir().unwrap();
    let [toml, weights, passages] =
        ["run.toml", "weights.safetensors", "asked.json"].map(|name| folder.path().join(name));
    std::fs::write(&toml, config.to_toml().unwrap()).unwrap();
    let told = asked
        .iter()
        .map(|own| json!({ "tokens": own.tokens, "predicted": own.predicted }))
        .collect::<Value>();
    std::fs::write(&passages, told.to_string()).unwrap();
    let bytes: Vec<u8> = parameters.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let tensors = listed.iter().zip(&layout.offsets).zip(&layout.counts).map(|((own, at), count)| {
        let bytes = &bytes[4 * at..4 * (at + count)];
        let shape = own.ty.shape.clone();
        (&*own.name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap())
    });
    std::fs::write(&weights, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let told = output_of(python("influence.py").args([&toml, &weights, &passages]));
    let told: Value = serde_json::from_slice(&told).unwrap();

    let subject = Subject { config: &config, parameters: &parameters, device: "cpu", threads: Some(2) };
    let mut gradients = block_on(Gradients::open(&subject)).unwrap();
    block_on(gradients.set_weights(&config.model, &parameters)).unwrap();
    for (plain, name) in [(true, "plain"), (false, "preconditioned")] {
        let (mut scores, yielder) = (vec![0.0; 5], Yielder::none());
        let added =
            gradients.add_influences(&asked[0], &asked[1..], (1.0, plain), &mut scores, |_| (), &yielder);
        let loss = block_on(added).unwrap();
        assert!((loss / told["loss"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{loss} {told}");
        let ours: Vec<f32> = scores.iter().map(|score| *score as f32).collect();
        let theirs: Vec<f32> = serde_json::from_value(told[name].clone()).unwrap();
        assert!(deviation(&ours, &theirs) < 1e-4, "{name}: {ours:?} {theirs:?}");
    }
}
