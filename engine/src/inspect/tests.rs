//! The lens and its views over two small models of random weights: GPT's shape, and Llama's with grouped queries.

use super::*;
use crate::cpu::{CpuDecoder, run_graph};
use crate::gpu::test_gpu;
use crate::graph::{Graph, Keep, Origin, ParameterId, cut, gradient, random};
use crate::initial;
use crate::model::{LossForm, Model, Purpose, build, training_graphs};
use crate::plan::arena::ArenaLayout;
use crate::plan::compile;
use crate::plan::lower::Target;
use crate::project::Project;
use crate::protocol::{
    Activation, Gate, Initialisation, Mlp, ModelConfig, NormConfig, NormKind, Position, Rope,
    TokenizerConfig, TokenizerKind, presets,
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

/// RMSNorm, rotary positions, SwiGLU, grouped queries, a head of its own.
fn llama() -> ModelConfig {
    let shape = gpt();
    ModelConfig {
        width: 13,
        heads: 6,
        kv_heads: 2,
        head_size: 4,
        norm: NormConfig { kind: NormKind::Rms, bias: false, ..shape.norm },
        position: Position::Rope(Rope::of_base(100.0)),
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

/// Random weights, also where a run begins with zeros and ones.
fn weights(config: &ModelConfig) -> Vec<f32> {
    let parameters = build(config, Purpose::Window { time: 1 }).unwrap().graph.parameters;
    let mut arena = initial::parameters(&parameters, &ArenaLayout::of_parameters(&parameters), 11);
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

/// The graph of a text of so many tokens, with its loss.
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

fn sites(config: &ModelConfig) -> Vec<Site> {
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
            label_smoothing: 0.0,
            ignore_index: train.ignored_target(),
            documents: train.separates_documents(&config),
            form: LossForm::CrossEntropy,
        };
        let Model { graph, loss, sites, .. } = build(&config, purpose).unwrap();
        let loss = loss.unwrap();
        // What the loss alone needs is all that there is.
        let mut alone = cut(&graph, &[], &[loss]);
        assert_eq!(alone.nodes, graph.nodes);
        gradient(&mut alone, loss, 1.0, Keep::Everything).unwrap();
        let target = Target::new(true);
        let listed = |graph: &Graph, keep: &[crate::graph::ValueId]| {
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
    for config in [gpt(), llama(), windowed] {
        let Model { graph, sites, .. } = model(&config, TOKENS.len());
        let (arena, layout) = (weights(&config), ArenaLayout::of(&graph));
        let mut inputs = Vec::new();
        for at in 0..graph.parameters.len() {
            let id = ParameterId(at as u32);
            let value = graph.find(Origin::Parameter(id)).unwrap();
            inputs.push((value, Data::F32(arena[layout.range(id)].to_vec())));
        }
        let find = |input| graph.find(Origin::Input(input)).unwrap();
        inputs.push((find(crate::graph::Input::Tokens), Data::U32(TOKENS.to_vec())));
        inputs.push((find(crate::graph::Input::Targets), Data::U32(vec![0; TOKENS.len()])));
        let (places, values): (Vec<Site>, Vec<_>) = sites.iter().unzip();
        let wanted = run_graph(&graph, &inputs, &values).unwrap();
        let found = block_on(lens(&config).probe(&TOKENS, &places)).unwrap();
        for ((site, found), wanted) in places.iter().zip(&found).zip(wanted) {
            let Data::F32(wanted) = wanted else { panic!("{site:?} is no float") };
            assert_eq!(found.shape[0], TOKENS.len());
            compare(&found.data, &wanted, 3e-6, &format!("{site:?}"));
        }
    }
}

#[test]
fn logits_are_those_that_the_model_writes_by() {
    for config in [gpt(), llama()] {
        let mut decoder = CpuDecoder::new(&config, &weights(&config), Some(1)).unwrap();
        let logits = block_on(lens(&config).probe(&TOKENS, &[Site::Logits])).unwrap();
        for (at, row) in logits[0].rows().enumerate() {
            compare(row, &decoder.logits(&TOKENS[..=at]).unwrap(), 1e-5, "logits");
        }
    }
}

#[test]
fn a_pass_that_goes_on_from_a_layers_stream_ends_alike() {
    for config in [gpt(), llama()] {
        let mut lens = lens(&config);
        let wanted = block_on(lens.probe(&TOKENS, &[Site::Logits])).unwrap();
        for layer in 0..=config.layers {
            let stream = block_on(lens.probe(&TOKENS, &[Site::Stream(layer)])).unwrap();
            let (time, width) = (TOKENS.len(), config.width);
            // Two texts: this one, and nothing of use.
            let mut both = vec![0.5; time * width];
            both.extend(&stream[0].data);
            let both = Tensor::new(&[2, time, width], both);
            let found = block_on(lens.probe_from(Site::Stream(layer), &both, &[Site::Logits])).unwrap();
            assert_eq!(found[0].shape, [2, time, config.vocabulary]);
            let (other, own) = found[0].data.split_at(time * config.vocabulary);
            compare(own, &wanted[0].data, 3e-6, &format!("logits from layer {layer}"));
            assert!(other != own);
        }
    }
}

#[test]
fn probabilities_times_values_are_what_attention_found() {
    let windowed = ModelConfig { sliding_window: Some(4), qk_norm: true, ..llama() };
    for config in [gpt(), llama(), windowed] {
        for layer in 0..config.layers {
            let sites = [Site::QueriesKeysValues(layer), Site::Attended(layer)];
            let found = block_on(lens(&config).probe(&TOKENS, &sites)).unwrap();
            let attention = probabilities::Attention::new(&config, &found[0]);
            for head in 0..config.heads {
                let own = attention.probabilities(head);
                for (query, row) in own.chunks_exact(TOKENS.len()).enumerate() {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                    let first = (query + 1).saturating_sub(config.sliding_window.unwrap_or(99));
                    assert!(row[..first].iter().chain(&row[query + 1..]).all(|hidden| *hidden == 0.0));
                }
                let size = config.head_size;
                let wanted: Vec<f32> =
                    found[1].rows().flat_map(|row| &row[head * size..(head + 1) * size]).copied().collect();
                compare(&attention.weighted(head, &own), &wanted, 1e-5, "attended");
            }
        }
    }
}

/// Σ logits·seed of a text.
fn total(logits: &Tensor, seed: &Tensor) -> f64 {
    linear::dot(&logits.data, &seed.data)
}

/// Whether the change of a sum along a direction is what its gradient says.
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
        let sites: Vec<Site> = (0..=config.layers).map(Site::Stream).collect();
        let values = block_on(lens.probe(&TOKENS, &sites)).unwrap();
        let gradients = block_on(lens.gradients(&TOKENS, &seed, &sites)).unwrap();
        for ((site, values), gradient) in sites.iter().zip(&values).zip(&gradients) {
            assert_eq!(values.shape, gradient.shape);
            let direction = random_tensor(6, &values.shape).data;
            let step = 2e-3;
            let mut at = |factor: f32| {
                let moved = values.data.iter().zip(&direction).map(|(x, d)| x + factor * d).collect();
                let moved = Tensor::new(&[1, TOKENS.len(), config.width], moved);
                let logits = block_on(lens.probe_from(*site, &moved, &[Site::Logits])).unwrap();
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
        let gradients = block_on(lens.parameter_gradients(&TOKENS, &seed)).unwrap();
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
                let logits = block_on(lens.probe(&TOKENS, &[Site::Logits])).unwrap();
                total(&logits[0], &seed)
            };
            let measured = (at(step) - at(-step)) / (2.0 * f64::from(step));
            at(0.0);
            agree(&gradient.data, &direction, measured, name);
        }
    }
}

#[test]
fn a_gpu_has_the_processors_values() {
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
            let streams = [Site::Stream(0), Site::Stream(config.layers)];
            let [found, wanted] =
                [&mut gpu, &mut cpu].map(|lens| block_on(lens.gradients(&TOKENS, &seed, &streams)).unwrap());
            for (found, wanted) in found.iter().zip(wanted) {
                compare(&found.data, &wanted.data, 1e-3, "gradients of the stream");
            }
            // Weights that change reach the device.
            for lens in [&mut gpu, &mut cpu] {
                lens.weights_mut("blocks.1.mlp.up.weight")
                    .unwrap()
                    .iter_mut()
                    .for_each(|entry| *entry *= 0.5);
            }
        }
    }
}

/// A model that a view looks at, with a prompt.
struct Bench {
    lens: Lens,
    tokenizer: Tokenizer,
    run: Run,
    tokens: Vec<u32>,
    settings: InspectSettings,
    reference: Option<Vec<f32>>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A model of bytes.
    fn new(config: ModelConfig, tokens: &[u32]) -> Self {
        let config = ModelConfig { vocabulary: 256, ..config };
        let kind = TokenizerKind::Byte;
        let tokenizer = TokenizerConfig { kind, vocabulary: 0, min_frequency: 2, special_tokens: Vec::new() };
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("project")).unwrap();
        let data = project.folder().join("data");
        Self {
            lens: lens(&config),
            tokenizer: Tokenizer::train(&tokenizer, ["bytes"]).unwrap(),
            run: project.create_run(&presets::preset("nanogpt-cpu").unwrap(), &data).unwrap(),
            tokens: tokens.to_vec(),
            settings: InspectSettings::default(),
            reference: None,
            _folder: folder,
        }
    }

    fn subject(&mut self) -> Subject<'_> {
        let last = self.tokens.len() - 1;
        Subject {
            lens: &mut self.lens,
            tokenizer: &self.tokenizer,
            tokens: &self.tokens,
            prompt: "",
            position: self.settings.position.unwrap_or(last),
            settings: &self.settings,
            run: &self.run,
            reference: self.reference.as_deref(),
        }
    }
}

#[test]
fn tokens_are_as_likely_as_the_sampler_has_them() {
    let mut bench = Bench::new(llama(), &TOKENS);
    let found = block_on(tokens::view(&mut bench.subject())).unwrap();
    let logits = block_on(bench.lens.probe(&TOKENS, &[Site::Logits])).unwrap();
    let bits = found.get("surprise");
    assert_eq!((found.get("log_probabilities")[0], bits[0]), (0.0, 0.0));
    for (at, row) in logits[0].rows().enumerate() {
        let probabilities = crate::sampler::probabilities(row);
        let entropy = crate::sampler::entropy(&probabilities) / std::f64::consts::LN_2;
        assert!((f64::from(found.get("entropy")[at]) - entropy).abs() < 1e-4);
        if let Some(next) = TOKENS.get(at + 1) {
            let wanted = probabilities[*next as usize];
            assert!((f64::from(found.get("log_probabilities")[at + 1]).exp() / wanted - 1.0).abs() < 1e-4);
            assert!((f64::from(-bits[at + 1]).exp2() / wanted - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn a_head_that_reads_the_token_before_is_called_so() {
    let plain = presets::gpt(256, 16, 1, 1, 16);
    let mut bench = Bench::new(plain, &[5, 6, 7, 5, 6, 7, 8]);
    // Positions are one-hot, queries those shifted by one, keys those themselves.
    let fill = |lens: &mut Lens, name: &str, entry: &dyn Fn(usize, usize) -> f32| {
        for (at, weight) in lens.weights_mut(name).unwrap().iter_mut().enumerate() {
            *weight = entry(at / 16, at % 16);
        }
    };
    let is = |equal: bool| if equal { 1.0 } else { 0.0 };
    fill(&mut bench.lens, "embedding.tokens", &|_, _| 0.0);
    fill(&mut bench.lens, "embedding.positions", &|row, column| is(row == column));
    fill(&mut bench.lens, "blocks.0.attention.norm.weight", &|_, _| 1.0);
    fill(&mut bench.lens, "blocks.0.attention.qkv.weight", &|row, column| match row / 16 {
        0 => 10.0 * is(row + 1 == column),
        1 => is(row - 16 == column),
        _ => 0.0,
    });
    let found = block_on(attention::view(&mut bench.subject())).unwrap();
    let [previous, first, duplicate, induction] = found.get("scores") else { panic!("scores of one head") };
    assert!(*previous > 0.999, "{previous}");
    assert!((first - 1.0 / 6.0).abs() < 1e-3, "the second token's is the first: {first}");
    assert!(*duplicate < 1e-3 && *induction < 1e-3, "{duplicate} {induction}");
    assert!(found.get("entropy")[0] < 0.01);
    let grid = found.get("probabilities");
    assert_eq!(grid.len(), 49);
    assert!((1..7).all(|query| grid[query * 7 + query - 1] > 0.999));
}

#[test]
fn heads_together_are_what_attention_adds() {
    let mut bench = Bench::new(gpt(), &TOKENS);
    let wanted = block_on(bench.lens.probe(&TOKENS, &[Site::AttentionOutput(1)])).unwrap();
    let bias = bench.lens.weight("blocks.1.attention.output.bias").unwrap().0.to_vec();
    let mut sum: Vec<f32> = TOKENS.iter().flat_map(|_| &bias).copied().collect();
    for head in 0..3 {
        bench.settings.head = Some(head);
        let found = block_on(head::view(&mut bench.subject())).unwrap();
        for (sum, own) in sum.iter_mut().zip(found.get("output")) {
            *sum += own;
        }
        // Softmax of what the mask leaves of the scores.
        let (scores, own) = (found.get("scores"), found.get("probabilities"));
        let mut row = scores[4 * 9..4 * 9 + 5].to_vec();
        linear::softmax(&mut row);
        compare(&own[4 * 9..4 * 9 + 5], &row, 1e-6, "probabilities");
    }
    compare(&sum, &wanted[0].data, 1e-5, "all heads");
}

#[test]
fn the_walk_ends_with_the_logits_of_its_position() {
    for config in [gpt(), llama()] {
        let mut bench = Bench::new(config.clone(), &TOKENS);
        bench.settings.position = Some(6);
        bench.settings.layer = Some(0);
        let (inspected, bytes) = block_on(inspect(View::Walk, &mut bench.subject())).unwrap();
        let logits = block_on(bench.lens.probe(&TOKENS, &[Site::Logits])).unwrap();
        for (tensor, bytes) in inspected.tensors.iter().zip(&bytes) {
            assert_eq!(4 * tensor.count(), bytes.len(), "{}", tensor.name);
        }
        let at = inspected.tensors.iter().position(|tensor| tensor.name == "logits").unwrap();
        let found: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes[at]);
        compare(&found, logits[0].row(6), 3e-6, "logits");
        let keys = inspected.tensors.iter().find(|tensor| tensor.name == "keys").unwrap();
        assert_eq!(keys.shape(), [TOKENS.len(), config.kv_heads * config.head_size]);
    }
}

#[test]
fn positions_that_turn_alike_are_alike() {
    let mut bench = Bench::new(llama(), &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    // θ₀ = 1 and θ₁ = 100^(−1/2).
    compare(found.get("frequencies"), &[1.0, 0.1], 1e-6, "frequencies");
    let wanted = |distance: f32| (distance.cos() + (0.1 * distance).cos()) / 2.0;
    let similarity = found.get("similarity");
    for (query, key) in [(0, 0), (5, 2), (2, 5), (36, 0)] {
        compare(&similarity[query * 37 + key..][..1], &[wanted(query as f32 - key as f32)], 1e-5, "rotary");
    }
    compare(&found.get("rotations")[10..12], &[5.0, 0.5], 1e-6, "angles of position 5");

    let mut bench = Bench::new(gpt(), &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    let (table, _) = bench.lens.weight("embedding.positions").unwrap();
    let wanted = linear::cosine(&table[3 * 15..4 * 15], &table[8 * 15..9 * 15]);
    compare(&[found.get("similarity")[3 * 37 + 8]], &[wanted], 1e-5, "learned");

    let mut bench = Bench::new(ModelConfig { position: Position::None, ..llama() }, &TOKENS);
    let found = block_on(positions::view(&mut bench.subject())).unwrap();
    assert!(found.tensors.is_empty() && found.notices.len() == 1);
}

#[test]
fn a_map_turns_to_where_it_was() {
    let mut bench = Bench::new(gpt(), &TOKENS);
    bench.settings.count = 4;
    let before = block_on(embeddings::view(&mut bench.subject())).unwrap();
    let (table, _) = bench.lens.weight("embedding.tokens").unwrap();
    let table = table.to_vec();
    let here = &table[5 * 15..6 * 15];
    let others = table.chunks_exact(15).enumerate().filter(|(id, _)| *id != 5);
    let mut cosines: Vec<f32> = others.map(|(_, row)| linear::cosine(here, row)).collect();
    cosines.sort_by(|a, b| b.total_cmp(a));
    compare(before.get("cosines"), &cosines[..4], 1e-6, "neighbours of the last token");
    let [first, second] = before.get("explained") else { panic!("two components") };
    assert!(first >= second && *second > 0.0 && first + second < 1.0);

    // The same points, mirrored and moved in all dimensions: their map comes to lie where the first one does.
    let weights = bench.lens.weights_mut("embedding.tokens").unwrap();
    for row in weights.chunks_exact_mut(15) {
        row.reverse();
        row.iter_mut().for_each(|entry| *entry = 3.0 - *entry);
    }
    bench.reference = Some(table);
    let after = block_on(embeddings::view(&mut bench.subject())).unwrap();
    compare(after.get("map"), before.get("map"), 1e-3, "the map");
}
