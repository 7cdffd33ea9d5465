//! Dictionaries of small models with random weights, on the CPU.

use super::*;
use crate::executor::Subject;
use glasshouse_compiler::model::{Dictionary, model_parameters};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::MicroBatch;
use glasshouse_inspection::Lens;
use glasshouse_platform::block_on;
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{NormPlacement, RunConfig, presets};

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
    let (at, columns) = hook_point(&config.model, at).unwrap();
    block_on(DictionaryExecutor::open(&subject, Dictionary { at, width, k }, columns)).unwrap()
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
    (0..64).for_each(|feature| weights.point(feature, &random(9 + feature as u64, 16), 1.0));
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
    assert_eq!(Weights::from_safetensors(&bytes, 4, 3).unwrap(), weights);
    let refused = |bytes: &[u8], width| Weights::from_safetensors(bytes, width, 3).unwrap_err().to_string();
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
        let [(at, _), (before, _)] = [at, before].map(|name| hook_point(&config.model, name).unwrap());
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
        steered(model, &parameters, hook_point(model, at).unwrap().0, &vector).unwrap_err().to_string()
    };
    assert!(refused(&config.model, "blocks.0.mlp.input").contains("cannot be steered"));
    let mut sandwich = config.model.clone();
    sandwich.norm.placement = NormPlacement::Sandwich;
    assert!(refused(&sandwich, "blocks.0.mlp.output").contains("normalises it after"));
}

#[test]
fn an_unknown_hook_point_lists_those_that_exist() {
    let (config, _) = model();
    let told = hook_point(&config.model, "blocks.7.mlp.output").unwrap_err().to_string();
    assert!(told.contains("blocks.1.mlp.output") && told.contains("norm.output"), "{told}");
}
