//! Generation with caches compared with whole windows, greedy and sampled.

use super::double::{self, Values};
use super::training::{gpt, llama};
use crate::cpu::{CpuDecoder, CpuExecutor, run_graph};
use glasshouse_compiler::graph::{Graph, Input, Origin, ParameterId, Type, ValueId, ops, random};
use glasshouse_compiler::model::{LossForm, Purpose, build, model_parameters, training_graphs};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::decode;
use glasshouse_compiler::plan::merge::merged;
use glasshouse_compiler::sampler::{self, Additions, Sampling};
use glasshouse_compiler::step::{ArenaState, Data, MicroBatch, StepInput};
use glasshouse_protocol::{
    Adapter, AdapterKind, GenerateConfig, ModelConfig, NormConfig, NormPlacement, Position, Residual, Rope,
    TrainConfig, WeightFormat,
};

/// Logits after `window`, computed in f64 loops over a graph without caches.
fn logits(model: &ModelConfig, arena: &[f32], window: &[u32]) -> Vec<f32> {
    let purpose = Purpose::Loss {
        batch: 1,
        time: window.len(),
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: None,
        documents: false,
        form: LossForm::CrossEntropy,
    };
    let built = build(model, purpose).unwrap();
    let layout = ArenaLayout::new(&built.graph);
    let mut values = Values::default();
    values.words.insert(built.graph.find(Origin::Input(Input::Tokens)).unwrap(), window.to_vec());
    values.words.insert(built.graph.find(Origin::Input(Input::Targets)).unwrap(), vec![0; window.len()]);
    for at in 0..built.graph.parameters.len() {
        let id = ParameterId(at as u32);
        let entries = arena[layout.range(id)].iter().map(|x| f64::from(*x)).collect();
        values.floats.insert(built.graph.find(Origin::Parameter(id)).unwrap(), entries);
    }
    double::forward(&built.graph, &mut values, [0, 0]);
    let all = &values.floats[&built.logits];
    all[all.len() - model.vocabulary..].iter().map(|x| *x as f32).collect()
}

#[test]
fn caches_write_what_windows_read_at_once_do() {
    for model in [gpt(), llama()] {
        let parameters = model_parameters(&model).unwrap();
        let arena = crate::initial_parameters(&parameters, 11);
        let mut decoder = CpuDecoder::new(&model, &arena, Some(2)).unwrap();
        let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
        let drawn = GenerateConfig {
            temperature: 0.7,
            top_k: 9,
            repetition_penalty: 1.2,
            seed: 4,
            ..GenerateConfig::default()
        };
        // One token, a chunk and one token, the whole context, more than the context.
        for (prompt, config) in
            [(1, &greedy), (33, &greedy), (model.context_length, &drawn), (40, &drawn), (5, &drawn)]
        {
            let prompt: Vec<u32> = (0..prompt as u32).map(|at| at * 7 % model.vocabulary as u32).collect();
            decoder.start(&prompt, config).unwrap();
            decoder.watch(0).unwrap().top = Some(0);
            let mut written = decoder.advance(3).unwrap();
            written.extend(decoder.advance(38).unwrap());
            let mut text = prompt.clone();
            let mut dropped = text.len().saturating_sub(model.context_length);
            for (n, token) in written.iter().enumerate() {
                let penalised = &text[text.len().saturating_sub(model.context_length)..];
                let draw = sampler::draw(config.seed, n as u64);
                let logits = logits(&model, &arena, &text[dropped..]);
                let wanted = sampler::sample(&logits, penalised, &Sampling::new(config), draw);
                assert_eq!(*token, wanted, "token {n} after a prompt of {}", prompt.len());
                let entropy = sampler::entropy(&sampler::probabilities(&logits));
                let kept = f64::from(decoder.watch(0).unwrap().scores[n].entropy);
                assert!((kept - entropy).abs() < 1e-4, "before any setting: {kept} for {entropy}");
                text.push(*token);
                if text.len() - dropped > model.context_length {
                    dropped = text.len() - decode::kept(model.context_length);
                }
            }
            assert_eq!(decoder.watch(0).unwrap().scores.len(), written.len());
        }
        assert!(decoder.start(&[], &greedy).is_err());
        assert!(decoder.start(&[99], &greedy).is_err());
        assert!(decoder.advance(1).is_err(), "nothing was started");
        assert!(CpuDecoder::new(&model, &arena[1..], None).is_err());
    }
}

#[test]
fn ends_are_drawn_once_there_are_enough_tokens() {
    let model = llama();
    let parameters = model_parameters(&model).unwrap();
    let arena = crate::initial_parameters(&parameters, 11);
    let mut decoder = CpuDecoder::new(&model, &arena, Some(2)).unwrap();
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    decoder.start(&[1, 2, 3], &greedy).unwrap();
    let stop_tokens = decoder.advance(4).unwrap();
    let config = GenerateConfig { stop_tokens: stop_tokens.clone(), min_tokens: 3, ..greedy };
    decoder.start(&[1, 2, 3], &config).unwrap();
    let mut text = vec![1, 2, 3];
    for (n, token) in decoder.advance(4).unwrap().into_iter().enumerate() {
        let mut logits = logits(&model, &arena, &text);
        if n < 3 {
            logits = sampler::masked(&logits, &stop_tokens);
            assert!(!stop_tokens.contains(&token), "token {n} is {token}");
        }
        assert_eq!(token, sampler::sample(&logits, &text, &Sampling::new(&config), 0.0), "token {n}");
        text.push(token);
    }
}

/// Models with different attention and positions.
fn models() -> Vec<ModelConfig> {
    let windowed = ModelConfig { sliding_window: Some(5), full_attention: vec![1], ..llama() };
    let bare = ModelConfig { position: Position::None, kv_heads: 1, qk_norm: true, ..llama() };
    let sums = ModelConfig { position: Position::Sinusoidal, width: 14, ..gpt() };
    let mixed = ModelConfig {
        residual: Residual::Parallel,
        position: Position::Rope(Rope { skip_every: 2, ..Rope::new(100.0) }),
        ..windowed.clone()
    };
    let scaled = ModelConfig {
        attention_scale: Some(0.4),
        attention_softcap: Some(0.3),
        logit_divisor: 3.0,
        logit_softcap: Some(0.5),
        qk_norm_whole: true,
        norm: NormConfig { placement: NormPlacement::Sandwich, ..llama().norm },
        position: Position::Rope(Rope { local_base: Some(10.0), ..Rope::new(100.0) }),
        ..windowed.clone()
    };
    let mut experts = llama();
    (experts.experts.count, experts.experts.per_token) = (4, 3);
    vec![gpt(), llama(), windowed, bare, sums, mixed, scaled, experts]
}

fn weights(model: &ModelConfig) -> Vec<f32> {
    let parameters = model_parameters(model).unwrap();
    crate::initial_parameters(&parameters, 11)
}

fn number(stream: u64, n: usize) -> f32 {
    (random::nth(7, stream, n as u64) >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Logits of tokens at different positions of cached texts, computed by one graph.
fn logits_at_once(
    model: &ModelConfig,
    arena: &[f32],
    rows: &[(u32, [u32; 3])],
    texts: std::ops::Range<usize>,
) -> Vec<Vec<f32>> {
    let built = build(
        model,
        Purpose::Decode { batch: rows.len(), chunk: 1, texts: texts.len(), weights: WeightFormat::F32 },
    )
    .unwrap();
    let layout = ArenaLayout::new(&built.graph);
    let (tokens, cursor) =
        (rows.iter().map(|row| row.0).collect(), rows.iter().flat_map(|row| row.1).collect());
    let mut inputs: Vec<(ValueId, Data)> = [(Input::Tokens, tokens), (Input::Cursor, cursor)]
        .map(|(input, words)| (built.graph.find(Origin::Input(input)).unwrap(), Data::U32(words)))
        .to_vec();
    for (at, value) in built.graph.values.iter().enumerate() {
        let data = match value.origin {
            Origin::Parameter(id) => arena[layout.range(id)].to_vec(),
            Origin::Cache(cache) => {
                let each = value.ty.count() / texts.len();
                (texts.start * each..texts.end * each).map(|n| number(u64::from(cache), n)).collect()
            }
            _ => continue,
        };
        inputs.push((ValueId(at as u32), Data::F32(data)));
    }
    let read = run_graph(&built.graph, &inputs, &[built.logits]).unwrap();
    let Some(Data::F32(logits)) = read.into_iter().next() else { panic!("logits are floats") };
    logits.chunks_exact(model.vocabulary).map(<[f32]>::to_vec).collect()
}

#[test]
fn a_token_among_others_has_the_bits_that_it_has_alone() {
    for model in models() {
        let arena = weights(&model);
        for batch in [2, 3, 5, 8, 17] {
            let starts = (0..batch).map(|row| (row * 11 + 3) as u32 % model.context_length as u32);
            let row = |(row, start): (usize, u32)| {
                let text = ((row * 5 + 1) % (batch + 1)) as u32;
                ((row * 7 % model.vocabulary) as u32, [start, 1, text])
            };
            let mut rows: Vec<_> = starts.enumerate().map(row).collect();
            rows.sort_by_key(|row| row.1[2]);
            rows.dedup_by_key(|row| row.1[2]);
            let together = logits_at_once(&model, &arena, &rows, 0..batch + 1);
            for ((token, [start, length, text]), together) in rows.into_iter().zip(together) {
                let text = text as usize;
                let alone =
                    logits_at_once(&model, &arena, &[(token, [start, length, 0])], text..text + 1).remove(0);
                let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&together), bits(&alone), "row {text} of {batch}");
            }
        }
    }
}

#[test]
fn a_product_of_single_tokens_has_the_bits_of_each() {
    // Whole registers and remainders for every machine; results in fours and remainders.
    for (inner, outer) in [(1, 1), (31, 7), (64, 4), (100, 37), (288, 130)] {
        let product = |rows: std::ops::Range<usize>| {
            let mut graph = Graph::default();
            let x = graph.input(Input::Free(0), Type::f32(&[rows.len(), 1, inner]));
            let weight = graph.input(Input::Free(1), Type::f32(&[outer, inner]));
            let residual = graph.input(Input::Free(2), Type::f32(&[rows.len(), 1, outer]));
            let op = ops::Linear { bias: false, residual: true };
            let y = graph.push(op, &[x, weight, residual]).unwrap()[0];
            let some =
                |stream, range: std::ops::Range<usize>| Data::F32(range.map(|n| number(stream, n)).collect());
            let inputs = [
                (x, some(1, rows.start * inner..rows.end * inner)),
                (weight, some(2, 0..outer * inner)),
                (residual, some(3, rows.start * outer..rows.end * outer)),
            ];
            let Some(Data::F32(y)) = run_graph(&graph, &inputs, &[y]).unwrap().pop() else {
                panic!("floats")
            };
            y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let alone: Vec<u32> = (0..17).flat_map(|row| product(row..row + 1)).collect();
        for rows in [2, 3, 4, 5, 8, 16, 17] {
            assert_eq!(product(0..rows), alone[..rows * outer], "{rows} rows, {inner} by {outer}");
        }
    }
}

#[test]
fn each_of_many_texts_is_what_it_is_by_itself() {
    for model in models() {
        let arena = weights(&model);
        let context = model.context_length;
        let prompt = |length: usize, first: usize| -> Vec<u32> {
            (0..length).map(|at| ((at * 7 + first) % model.vocabulary) as u32).collect()
        };
        let config = |seed: u64| GenerateConfig {
            seed,
            temperature: [0.0, 0.7, 1.1][seed as usize % 3],
            top_k: [0, 9, 0][seed as usize % 3],
            top_p: [1.0, 1.0, 0.9][seed as usize % 3],
            repetition_penalty: [1.2, 1.0, 1.1][seed as usize % 3],
            ..GenerateConfig::default()
        };
        // Prompt lengths: one token, a chunk, beyond it, one length twice, around the context length.
        let prompts = [1, 5, 33, 33, context - 1, context, context + 9];
        let mut alone = CpuDecoder::new(&model, &arena, Some(1)).unwrap();
        let mut together = CpuDecoder::with_texts(&model, &arena, WeightFormat::F32, Some(2), 6).unwrap();
        let mut written: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
        // The text in each place; texts start and end at different times.
        let mut places = [None; 6];
        for (number, length) in prompts.iter().enumerate().take(4) {
            let place = together.admit(&prompt(*length, *length), &config(number as u64)).unwrap();
            places[place] = Some(number);
        }
        let mut go_on = |together: &mut CpuDecoder, places: &[Option<usize>; 6], count: usize| {
            for (place, tokens) in together.advance_all(count).unwrap() {
                assert_eq!(tokens.len(), count);
                written[places[place].unwrap()].extend(tokens);
            }
        };
        go_on(&mut together, &places, 1);
        go_on(&mut together, &places, 6);
        for (number, length) in prompts.iter().enumerate().take(6).skip(4) {
            let place = together.admit(&prompt(*length, 3), &config(number as u64)).unwrap();
            places[place] = Some(number);
        }
        let refused = together.admit(&[1], &config(0));
        assert!(refused.is_err_and(|error| error.to_string().contains("slots")));
        go_on(&mut together, &places, 9);
        together.release(1);
        let place = together.admit(&prompt(prompts[6], 3), &config(6)).unwrap();
        assert_eq!(place, 1, "the place that became free");
        places[place] = Some(6);
        go_on(&mut together, &places, context / 2);
        (0..5).for_each(|place| together.release(place));
        go_on(&mut together, &places, 3);
        for (number, written) in written.iter().enumerate() {
            let first = if number < 4 { prompts[number] } else { 3 };
            alone.start(&prompt(prompts[number], first), &config(number as u64)).unwrap();
            assert_eq!(*written, alone.advance(written.len()).unwrap(), "text {number}");
        }
        together.release(5);
        assert!(together.advance_all(1).is_err(), "no text is left");
        assert!(together.admit(&[], &config(0)).is_err(), "an empty prompt");
    }
}

#[test]
fn a_graph_runs_by_itself() {
    let mut graph = Graph::default();
    let a = graph.input(Input::Free(0), Type::f32(&[2, 3]));
    let b = graph.input(Input::Free(1), Type::f32(&[2, 3]));
    let sum = graph.push(ops::Add, &[a, b]).unwrap()[0];
    let twice = graph.push(ops::Add, &[sum, sum]).unwrap()[0];
    let fill = |x: f32| Data::F32(vec![x; 6]);
    let inputs = [(a, fill(1.0)), (b, fill(0.5))];
    assert_eq!(run_graph(&graph, &inputs, &[twice, sum]).unwrap(), [fill(3.0), fill(1.5)]);
    assert!(run_graph(&graph, &[(a, Data::F32(vec![0.0; 5]))], &[sum]).is_err(), "five of six entries");
    assert!(run_graph(&graph, &[(sum, fill(0.0))], &[sum]).is_err(), "a computed value");
}

/// f16 weights write what unpacked ones do. With fewer bits, inputs are rounded too: logits differ a little, and by the same for one
/// text and for several.
#[test]
fn stored_weights_write_what_unpacked_ones_do() {
    let mut model = llama();
    (model.width, model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (64, 4, 2, 16, 96);
    let parameters = build(&model, Purpose::STEP).unwrap().graph.parameters;
    let layout = ArenaLayout::from_parameters(&parameters);
    let arena = crate::initial_parameters(&parameters, 11);
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    let full = CpuDecoder::new(&model, &arena, Some(2)).unwrap().bytes();
    let prompt = |text: u32| (0..9 + text).map(|at| at * 7 % model.vocabulary as u32).collect::<Vec<_>>();
    for format in [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0] {
        let purpose = Purpose::Decode { batch: 1, chunk: 1, texts: 1, weights: format };
        let stored = ArenaLayout::new(&build(&model, purpose).unwrap().graph);
        let floats = stored.floats(&layout, &arena).into_owned();
        let rounded = stored.moved_to(&layout, stored.all_floats(floats, &stored.pack(&layout, &arena)));
        assert_ne!(rounded, arena);
        let decoder = |format, arena: &[f32], texts| {
            let decoder = CpuDecoder::with_texts(&model, arena, format, Some(2), texts).unwrap();
            assert_eq!(decoder.weights(), format);
            decoder
        };
        let written = |format, arena: &[f32], texts: u32| {
            let mut decoder = decoder(format, arena, texts as usize);
            (0..texts).for_each(|text| _ = decoder.admit(&prompt(text), &greedy).unwrap());
            decoder.advance_all(20).unwrap()
        };
        let together = written(format, &arena, 5);
        assert_eq!(together[..1], written(format, &arena, 1), "{format:?}: alone and with others");
        let [floats, eight, sixteen] =
            [(WeightFormat::F32, &rounded, false), (format, &arena, false), (format, &arena, true)].map(
                |(format, arena, precise)| {
                    let mut decoder = decoder(format, arena, 1);
                    decoder.set_precise(precise);
                    decoder.logits(&prompt(40)).unwrap()
                },
            );
        let root_mean_square =
            |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
        let size = root_mean_square(&mut floats.iter().copied());
        let [error, precise] = [eight, sixteen]
            .map(|logits| root_mean_square(&mut logits.iter().zip(&floats).map(|(one, other)| one - other)));
        if format == WeightFormat::F16 {
            assert_eq!(together, written(WeightFormat::F32, &rounded, 5));
            assert_eq!([error, precise], [0.0; 2]);
        } else {
            assert!(error > 0.0 && error < 0.1 * size, "{format:?}: {error} of {size}");
            assert!(precise < 0.02 * error, "{format:?}: {precise} for {error}");
        }
        let mut decoder = decoder(format, &arena, 1);
        assert!(decoder.bytes() < full, "{format:?}: {} of {full}", decoder.bytes());
        decoder.set_weights(&rounded).unwrap();
        assert!(decoder.set_weights(&arena[1..]).is_err());
    }
}

#[test]
fn kept_scores_are_of_the_logits_that_tokens_are_drawn_from() {
    let mut model = llama();
    (model.width, model.mlp.hidden) = (32, 64);
    let arena = crate::initial_parameters(&model_parameters(&model).unwrap(), 11);
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    for format in [WeightFormat::F32, WeightFormat::Q8_0, WeightFormat::Q4_0] {
        let mut decoder = CpuDecoder::with_texts(&model, &arena, format, Some(2), 1).unwrap();
        decoder.start(&[1, 2, 3], &greedy).unwrap();
        decoder.watch(0).unwrap().top = Some(3);
        let mut text = vec![1, 2, 3];
        text.extend(decoder.advance(12).unwrap());
        let scores = decoder.watch(0).unwrap().scores.clone();
        assert_eq!(scores.len(), 12);
        for (at, score) in (3..).zip(&scores) {
            assert_eq!((score.token, score.rank), (text[at], 1), "{format:?}");
            assert_eq!((score.top.len(), score.top[0]), (3, (text[at], score.log_probability)));
            let again = sampler::score(&decoder.logits(&text[..at]).unwrap(), text[at], 0);
            assert!((again.log_probability - score.log_probability).abs() < 1e-3, "{format:?}, {at}");
        }
    }
}

#[test]
fn biases_and_penalties_change_which_tokens_are_drawn() {
    let model = llama();
    let arena = crate::initial_parameters(&model_parameters(&model).unwrap(), 11);
    let mut decoder = CpuDecoder::new(&model, &arena, Some(1)).unwrap();
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    let mut written = |config: &GenerateConfig| {
        decoder.start(&[1, 2, 3], config).unwrap();
        decoder.advance(12).unwrap()
    };
    let plain = written(&greedy);
    let forced = GenerateConfig { logit_bias: vec![(5, 100.0)], ..greedy.clone() };
    assert_eq!(written(&forced), [5; 12]);
    let banned = GenerateConfig { logit_bias: vec![(plain[0], -100.0)], ..greedy.clone() };
    assert!(!written(&banned).contains(&plain[0]));
    // Of two tokens, the other one follows once the penalties of the first add up.
    let logit_bias = vec![(5, 100.0), (6, 100.0)];
    let both = written(&GenerateConfig { frequency_penalty: 2.0, logit_bias, ..greedy.clone() });
    assert!(both.contains(&5) && both.contains(&6) && both.iter().all(|token| [5, 6].contains(token)));
    let logit_bias = vec![(0, 2.0), (9, 1.0)];
    let penalties =
        GenerateConfig { frequency_penalty: 0.5, presence_penalty: 1.0, logit_bias, ..greedy.clone() };
    let (mut additions, mut logits) = (Additions::new(&penalties).unwrap(), [0.0; 4]);
    [1, 1, 2].into_iter().for_each(|token| additions.count(token));
    additions.add(&mut logits);
    assert_eq!(logits, [2.0, -2.0, -1.5, 0.0]);
    let too_large = GenerateConfig { frequency_penalty: 3.0, ..greedy };
    assert!(decoder.start(&[1], &too_large).is_err());
}

#[test]
fn a_decoder_shares_the_weights_of_a_run_with_its_adapter() {
    let mut model = llama();
    (model.width, model.mlp.hidden) = (32, 64);
    for (kind, base) in [
        (AdapterKind::Lora, WeightFormat::F32),
        (AdapterKind::Lora, WeightFormat::Q8_0),
        (AdapterKind::Dora, WeightFormat::Q4_0),
    ] {
        let adapter = Some(Adapter { kind, rank: 2, base, ..Adapter::default() });
        let train =
            TrainConfig { adapter: adapter.clone(), batch_size: 1, accumulate: 1, ..TrainConfig::default() };
        let graphs = training_graphs(&model, &train).unwrap();
        let mut executor = CpuExecutor::new(&graphs, Optimizer::new(&train), Some(2)).unwrap();
        let list = &graphs.train.parameters;
        let weights: Vec<f32> =
            (0..ArenaLayout::from_parameters(list).length).map(|at| (at as f32 * 0.7).sin() * 0.1).collect();
        executor.set_state(&ArenaState::from_weights(weights)).unwrap();
        let mut shares = CpuDecoder::sharing(&executor, &model, &train, 1).unwrap().unwrap();
        assert!(shares.is_snapshot());
        let whole = executor.weights();
        let whole = pollster::block_on(merged(list, adapter.as_ref(), whole, &async || ()));
        let mut copies = CpuDecoder::new(&model, &whole, Some(2)).unwrap();
        let tokens = [3, 1, 4, 1, 5];
        let before = shares.logits(&tokens).unwrap();
        for (one, other) in before.iter().zip(copies.logits(&tokens).unwrap()) {
            assert!((one - other).abs() < 1e-4, "{base:?}: {one} for {other}");
        }
        // Steps change the executor's weights, and not the decoder's.
        let time = model.context_length;
        let batch = MicroBatch { tokens: vec![1; time], targets: vec![2; time], ..MicroBatch::default() };
        let step = StepInput { step: 0, learning_rate: 0.1, micro_batches: vec![batch] };
        pollster::block_on(executor.train(&[step])).unwrap();
        assert_eq!(shares.logits(&tokens).unwrap(), before);
        let mut later = CpuDecoder::sharing(&executor, &model, &train, 1).unwrap().unwrap();
        assert!(later.logits(&tokens).unwrap() != before, "{base:?}");
    }
}
