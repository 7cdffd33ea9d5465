//! The device's sampler compared with the host's, and generation compared with the naive method: the whole window
//! through the model for each token, sampled on the host.

use super::program::Program;
use super::storage::Storage;
use super::{Gpu, GpuDecoder, run_graph, run_graph_for, test_gpu};
use glasshouse_compiler::graph::{Graph, Input, Origin, Type, ValueId, ops, random};
use glasshouse_compiler::model::{Purpose, build};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::buffers::buffers;
use glasshouse_compiler::plan::decode::{self, DecodeBuffer, DecodeState, SampleSettings};
use glasshouse_compiler::plan::lower::{Family, Target, Tier};
use glasshouse_compiler::plan::{Buffer, compile, trial};
use glasshouse_compiler::sampler::{self, Sampling};
use glasshouse_compiler::step::Data;
use glasshouse_protocol::{
    Bias, GenerateConfig, ModelConfig, NormConfig, NormKind, Position, Residual, Rope, WeightFormat, presets,
};

/// A uniform number in [0, 1).
fn uniform(stream: u64, n: u64) -> f32 {
    (random::nth(99, stream, n) >> 40) as f32 / 16_777_216.0
}

/// The device's sampler over uploaded logits.
struct Bench {
    gpu: Gpu,
    storage: Storage,
    program: Program,
    logits: ValueId,
    context_length: usize,
}

impl Bench {
    fn new(gpu: &Gpu, vocabulary: usize, context_length: usize) -> Self {
        let mut graph = Graph::default();
        let logits = graph.input(Input::Free(0), Type::f32(&[1, 1, vocabulary]));
        let zero = graph.input(Input::Free(1), Type::f32(&[1, 1, vocabulary]));
        let sum = graph.push(ops::Add, &[logits, zero]).unwrap()[0];
        let mut plan = compile(graph, &[sum], &gpu.target()).unwrap();
        plan.dispatches = vec![decode::sampler(&plan, sum, context_length).unwrap()];
        let mut allocations = buffers(&[&plan], None, &[], 1);
        allocations.extend(decode::sampler_allocations(vocabulary, context_length, 1));
        let storage = pollster::block_on(Storage::create(gpu, &allocations, &[&plan], &[])).unwrap();
        let program = pollster::block_on(Program::new(gpu, &plan.dispatches, &storage, 0, 0)).unwrap();
        Self { gpu: gpu.clone(), storage, program, logits: sum, context_length }
    }

    /// Draws several tokens from the same logits.
    fn sample(&self, logits: &[f32], history: &[u32], sampling: &Sampling, draws: &[f32]) -> Vec<u32> {
        let own = |buffer| self.storage.get(0, Buffer::Decode(buffer)).unwrap();
        // The sum's slot is the only one.
        assert!(self.logits.index() > 0);
        let slot = self.storage.get(0, Buffer::Slot(0)).unwrap();
        let state = DecodeState { length: history.len() as u32, ..DecodeState::default() };
        let settings = SampleSettings::new(sampling, 0);
        let capacity = decode::capacity(self.context_length);
        let mut ring = vec![0u32; capacity];
        for (at, token) in history.iter().enumerate() {
            ring[at % capacity] = *token;
        }
        let writes: [(&wgpu::Buffer, &[u8]); 5] = [
            (slot, bytemuck::cast_slice(logits)),
            (own(DecodeBuffer::History), bytemuck::cast_slice(&ring)),
            (own(DecodeBuffer::State), bytemuck::bytes_of(&state)),
            (own(DecodeBuffer::Settings), bytemuck::bytes_of(&settings)),
            (own(DecodeBuffer::Draws), bytemuck::cast_slice(draws)),
        ];
        for (buffer, bytes) in writes {
            self.gpu.queue.write_buffer(buffer, 0, bytes);
        }
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for _ in draws {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            self.program.encode(&mut pass, 0..self.program.len());
        }
        self.gpu.queue.submit([encoder.finish()]);
        let read = |buffer, bytes| pollster::block_on(self.gpu.read(buffer, 0, bytes)).unwrap();
        let written = read(own(DecodeBuffer::Written), draws.len() as u64 * 4);
        let after: DecodeState =
            bytemuck::pod_read_unaligned(&read(own(DecodeBuffer::State), size_of::<DecodeState>() as u64));
        assert_eq!(after.length as usize, history.len() + draws.len());
        assert_eq!(after.drawn as usize, draws.len());
        bytemuck::pod_collect_to_vec(&written)
    }
}

/// Whether rounding decides the draw or the content of the nucleus.
fn excused(logits: &[f32], window: &[u32], sampling: &Sampling, draw: f32, token: u32) -> bool {
    [-1e-5f32, 0.0, 1e-5].iter().any(|shift| {
        let top_p = if sampling.top_p < 1.0 { (sampling.top_p + shift).min(0.999_999) } else { 1.0 };
        let min_p = sampling.min_p * (1.0 + shift);
        let near = Sampling { top_p, min_p, ..*sampling };
        let distribution = sampler::distribution(logits, window, &near);
        [-1e-5f32, 0.0, 1e-5].iter().any(|shift| sampler::choose(&distribution, draw + shift) == token)
    })
}

#[test]
fn the_devices_sampler_agrees_with_the_hosts() {
    let gpu = test_gpu();
    let (mut differing, mut all) = (0, 0);
    for (vocabulary, rounds) in
        [(1, 5), (2, 20), (65, 150), (255, 60), (256, 60), (257, 60), (1000, 60), (5003, 40)]
    {
        let context_length = 24;
        let bench = Bench::new(&gpu, vocabulary, context_length);
        for round in 0..rounds {
            let stream = vocabulary as u64 * 1000 + round;
            let pick =
                |n: u64, choices: &[f32]| choices[(uniform(stream, n) * choices.len() as f32) as usize];
            let sampling = Sampling {
                temperature: pick(0, &[0.0, 0.3, 0.8, 1.0, 1.7]),
                top_k: pick(1, &[0.0, 0.0, 1.0, 5.0, 40.0, 300.0]) as u32,
                top_p: pick(2, &[1.0, 1.0, 0.2, 0.9, 0.95]),
                min_p: pick(3, &[0.0, 0.0, 0.05, 0.4]),
                repetition_penalty: pick(4, &[1.0, 1.2, 0.8]),
            };
            let spread = pick(5, &[0.1, 3.0, 12.0]);
            let steps = pick(6, &[0.0, 2.0]);
            let mut logits: Vec<f32> = (0..vocabulary as u64)
                .map(|id| {
                    let logit = (uniform(stream, 100 + id) - uniform(stream, 50_000 + id)) * spread;
                    // Rounding to steps makes many logits equal.
                    if steps > 0.0 { (logit * steps).round() / steps } else { logit }
                })
                .collect();
            if round % 7 == 3 && vocabulary > 3 {
                logits[0] = f32::NAN;
                logits[1] = f32::NEG_INFINITY;
            }
            let length = (uniform(stream, 7) * 60.0) as usize;
            let token = |n: u64| (uniform(stream, 200_000 + n) * vocabulary as f32) as u32;
            let mut history: Vec<u32> = (0..length as u64).map(token).collect();
            let draws: Vec<f32> = (0..12).map(|n| sampler::draw(stream, n)).collect();
            let tokens = bench.sample(&logits, &history, &sampling, &draws);
            for (token, draw) in tokens.iter().zip(&draws) {
                let window = &history[history.len().saturating_sub(context_length)..];
                let host = sampler::sample(&logits, window, &sampling, *draw);
                all += 1;
                if host != *token {
                    differing += 1;
                    assert!(
                        excused(&logits, window, &sampling, *draw, *token),
                        "{token} for {host} of {vocabulary}, round {round}: {sampling:?}, draw {draw}"
                    );
                }
                history.push(*token);
            }
        }
    }
    assert!(differing * 1000 < all, "{differing} of {all} differ");
}

/// Small models with widely spread logits.
fn models() -> Vec<ModelConfig> {
    let mut gpt = presets::preset("nanogpt-cpu").unwrap().model;
    gpt.init.std = 0.25;
    (gpt.vocabulary, gpt.context_length, gpt.layers, gpt.width) = (61, 20, 2, 24);
    (gpt.heads, gpt.kv_heads, gpt.head_size, gpt.mlp.hidden) = (3, 3, 8, 40);
    gpt.norm.bias = true;
    gpt.bias = true.into();
    let mut llama = presets::preset("llama-tiny").unwrap().model;
    llama.init.std = 0.25;
    (llama.vocabulary, llama.context_length, llama.layers, llama.width) = (300, 37, 2, 20);
    (llama.heads, llama.kv_heads, llama.head_size, llama.mlp.hidden) = (4, 2, 6, 33);
    llama.qk_norm = true;
    let bare = ModelConfig { position: Position::None, kv_heads: 1, context_length: 9, ..llama.clone() };
    assert_eq!(llama.norm.kind, NormKind::Rms);
    let mixed = ModelConfig {
        layers: 3,
        embedding_scale: 2.5,
        attention_scale: Some(0.3),
        attention_softcap: Some(0.8),
        logit_softcap: Some(5.0),
        qk_norm: false,
        sliding_window: Some(7),
        norm: NormConfig { add_unit_offset: true, ..llama.norm.clone() },
        position: Position::Rope(Rope { channels: Some(4), skip_every: 2, ..Rope::new(100.0) }),
        residual: Residual::Parallel,
        bias: Bias { qkv: true, head: true, ..Bias::default() },
        tied_head: false,
        ..llama.clone()
    };
    let mut experts = llama.clone();
    experts.experts.count = 4;
    vec![gpt, llama, bare, mixed, experts]
}

fn weights(model: &ModelConfig) -> Vec<f32> {
    let graph = build(model, Purpose::Window { time: 1 }).unwrap().graph;
    crate::initial_parameters(&graph.parameters, 3)
}

fn parameters(graph: &Graph, arena: &[f32]) -> Vec<(ValueId, Data)> {
    let layout = ArenaLayout::new(graph);
    let of = |(at, value): (usize, &glasshouse_compiler::graph::Value)| match value.origin {
        Origin::Parameter(id) => Some((ValueId(at as u32), Data::F32(arena[layout.range(id)].to_vec()))),
        _ => None,
    };
    graph.values.iter().enumerate().filter_map(of).collect()
}

fn floats(data: Data) -> Vec<f32> {
    match data {
        Data::F32(entries) => entries,
        Data::U32(_) => panic!("integers"),
    }
}

/// Logits after `tokens`, from the whole window at once.
fn window_logits(gpu: &Gpu, model: &ModelConfig, arena: &[f32], tokens: &[u32]) -> Vec<f32> {
    let built = build(model, Purpose::Window { time: tokens.len() }).unwrap();
    let mut inputs = parameters(&built.graph, arena);
    for (input, data) in [(Input::Tokens, tokens.to_vec()), (Input::Cursor, vec![0, tokens.len() as u32, 0])]
    {
        inputs.push((built.graph.find(Origin::Input(input)).unwrap(), Data::U32(data)));
    }
    let read = pollster::block_on(run_graph(gpu, &built.graph, &inputs, &[built.logits])).unwrap();
    read.into_iter().map(floats).next().unwrap()
}

#[test]
fn cached_chunks_give_the_logits_of_the_whole_window() {
    let gpu = test_gpu();
    for model in models() {
        let arena = weights(&model);
        let text: Vec<u32> = (0..model.context_length as u64)
            .map(|n| (uniform(1, n) * model.vocabulary as f32) as u32)
            .collect();
        let cache_size = model.kv_heads * model.context_length * model.head_size;
        let mut caches: Vec<Vec<f32>> = vec![vec![0.0; cache_size]; 2 * model.layers];
        let mut read = 0;
        // Chunks of 5, the second with 2 real tokens, then one token at a time.
        for (chunk, length) in [(5, 5), (5, 2), (1, 1), (1, 1)] {
            let built =
                build(&model, Purpose::Decode { batch: 1, chunk, texts: 1, weights: WeightFormat::F32 })
                    .unwrap();
            let mut tokens = text[read..read + length].to_vec();
            tokens.resize(chunk, 0);
            let mut inputs = parameters(&built.graph, &arena);
            let find = |origin| built.graph.find(origin).unwrap();
            inputs.push((find(Origin::Input(Input::Tokens)), Data::U32(tokens)));
            let cursor = vec![read as u32, length as u32, 0];
            inputs.push((find(Origin::Input(Input::Cursor)), Data::U32(cursor)));
            let mut wanted = vec![built.logits];
            for (number, cache) in caches.iter().enumerate() {
                let value = find(Origin::Cache(number as u32));
                inputs.push((value, Data::F32(cache.clone())));
                wanted.push(value);
            }
            let mut results = pollster::block_on(run_graph(&gpu, &built.graph, &inputs, &wanted))
                .unwrap()
                .into_iter()
                .map(floats);
            let logits = results.next().unwrap();
            caches = results.collect();
            read += length;
            let truth = window_logits(&gpu, &model, &arena, &text[..read]);
            for (one, other) in logits.iter().zip(&truth) {
                assert!((one - other).abs() < 2e-4, "{one} for {other} after {read} tokens");
            }
        }
        assert_eq!(read, 9);
    }
}

fn write(
    gpu: &Gpu,
    model: &ModelConfig,
    prompt: &[u32],
    config: &GenerateConfig,
    groups: &[usize],
) -> Vec<u32> {
    pollster::block_on(async {
        let mut decoder = GpuDecoder::new(gpu, model, &weights(model), WeightFormat::F32, 1).await.unwrap();
        decoder.start(prompt, config).await.unwrap();
        let mut written = Vec::new();
        for count in groups {
            let tokens = decoder.advance(*count).await.unwrap();
            assert_eq!(tokens.len(), *count);
            written.extend(tokens);
        }
        written
    })
}

#[test]
fn writes_what_the_plain_way_writes_also_past_the_context() {
    let gpu = test_gpu();
    for (number, model) in models().into_iter().enumerate() {
        let arena = weights(&model);
        for (length, temperature) in
            [(1, 0.0), (3, 0.9), (model.context_length, 0.7), (model.context_length + 5, 0.9)]
        {
            let prompt: Vec<u32> =
                (0..length as u64).map(|n| (uniform(2, n) * model.vocabulary as f32) as u32).collect();
            let config = GenerateConfig {
                temperature,
                top_k: 20,
                top_p: 0.95,
                repetition_penalty: 1.1,
                seed: 11,
                ..GenerateConfig::default()
            };
            let count = model.context_length + 6;
            let ours = write(&gpu, &model, &prompt, &config, &[count]);
            let mut text = prompt.clone();
            let mut dropped = text.len().saturating_sub(model.context_length);
            for (n, token) in ours.iter().enumerate() {
                let penalised = &text[text.len().saturating_sub(model.context_length)..];
                let logits = window_logits(&gpu, &model, &arena, &text[dropped..]);
                let draw = sampler::draw(config.seed, n as u64);
                let plain = sampler::sample(&logits, penalised, &Sampling::new(&config), draw);
                assert_eq!(*token, plain, "model {number}, prompt of {length}, token {n}");
                text.push(*token);
                if text.len() - dropped > model.context_length {
                    dropped = text.len() - decode::kept(model.context_length);
                }
            }
            // Masked tokens are not drawn before `min_tokens`.
            let stop_tokens = ours[..2].to_vec();
            let masked = GenerateConfig { stop_tokens: stop_tokens.clone(), min_tokens: 3, ..config };
            let others = write(&gpu, &model, &prompt, &masked, &[2, 1]);
            assert!(others.iter().all(|token| !stop_tokens.contains(token)), "{others:?}, {stop_tokens:?}");
        }
    }
}

/// Logits after a chunk of tokens over empty caches, with matrices in a format and the kernels for `target`.
fn first_logits(
    gpu: &Gpu,
    model: &ModelConfig,
    (arena, weights): (&[f32], WeightFormat),
    chunk: usize,
    target: &Target,
) -> Vec<f32> {
    let given = ArenaLayout::new(&build(model, Purpose::STEP).unwrap().graph);
    let built = build(model, Purpose::Decode { batch: 1, chunk, texts: 1, weights }).unwrap();
    let (logits, graph) = (built.logits, built.graph);
    let arena = given.moved_to(&ArenaLayout::new(&graph), arena.to_vec());
    let mut inputs = parameters(&graph, &arena);
    let tokens = (0..chunk as u32).map(|at| 7 + 3 * at).collect();
    for (input, data) in [(Input::Tokens, tokens), (Input::Cursor, vec![0, chunk as u32, 0])] {
        inputs.push((graph.find(Origin::Input(input)).unwrap(), Data::U32(data)));
    }
    for number in 0..2 * model.layers as u32 {
        let cache = graph.find(Origin::Cache(number)).unwrap();
        inputs.push((cache, Data::F32(vec![0.0; graph.ty(cache).count()])));
    }
    let read = pollster::block_on(run_graph_for(gpu, &graph, &inputs, &[logits], [0, 0], target.clone()));
    read.unwrap().into_iter().map(floats).next().unwrap()
}

/// Single tokens read stored matrices as they are, chunks unpack them; both compute with the unpacked weights.
#[test]
fn stored_weights_give_the_logits_of_unpacked_ones() {
    let gpu = test_gpu();
    let mut models = models();
    for model in &mut models {
        (model.width, model.heads, model.kv_heads, model.head_size) = (64, 4, 2, 16);
        model.mlp.hidden = 96;
    }
    for model in models {
        let arena = weights(&model);
        let graph = build(&model, Purpose::STEP).unwrap().graph;
        let given = ArenaLayout::new(&graph);
        let default = first_logits(&gpu, &model, (&arena, WeightFormat::F32), 1, &gpu.target());
        let largest = default.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
        let near = |ours: &[f32], theirs: &[f32], share: f32| {
            ours.iter().zip(theirs).all(|(one, other)| (one - other).abs() <= share * largest)
        };
        for (format, word) in
            [(WeightFormat::F16, "half"), (WeightFormat::Q8_0, "q8_0"), (WeightFormat::Q4_0, "q4_0")]
        {
            let purpose = Purpose::Decode { batch: 1, chunk: 1, texts: 1, weights: format };
            let graph = build(&model, purpose).unwrap().graph;
            let layout = ArenaLayout::new(&graph);
            let floats = layout.floats(&given, &arena).into_owned();
            let rounded = layout.moved_to(&given, layout.all_floats(floats, &layout.pack(&given, &arena)));
            for tier in [Tier::Tiled, Tier::Subgroup] {
                let choices = trial::everywhere(&graph, tier, |class| class.family == Family::LinearFew);
                let target = gpu.target().with(&choices);
                let kernels = compile(graph.clone(), &[], &target).unwrap().dispatches;
                let wanted = format!("linear_few:{},{word}", tier.name());
                assert!(kernels.iter().any(|dispatch| dispatch.kernel.name.starts_with(&wanted)), "{wanted}");
                for chunk in [1, 5] {
                    let ours = first_logits(&gpu, &model, (&arena, format), chunk, &target);
                    let wanted = first_logits(&gpu, &model, (&rounded, WeightFormat::F32), chunk, &target);
                    assert!(near(&ours, &wanted, 1e-5), "{format:?}, {tier:?}: {ours:?} for {wanted:?}");
                }
            }
            let ours = first_logits(&gpu, &model, (&arena, format), 1, &gpu.target());
            assert!(!near(&ours, &default, 1e-6), "nothing was rounded");
        }
    }
}

#[test]
fn a_decoder_of_16_bit_weights_takes_the_likeliest_token() {
    let gpu = test_gpu();
    let model = models().remove(0);
    let arena = weights(&model);
    let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
    let mut text = vec![3, 1, 4];
    let written = pollster::block_on(async {
        let mut decoder = GpuDecoder::new(&gpu, &model, &arena, WeightFormat::F16, 1).await.unwrap();
        let plain = GpuDecoder::new(&gpu, &model, &arena, WeightFormat::F32, 1).await.unwrap();
        assert_eq!((decoder.weights(), plain.weights()), (WeightFormat::F16, WeightFormat::F32));
        assert!(decoder.bytes() < plain.bytes());
        decoder.start(&text, &greedy).await.unwrap();
        decoder.advance(model.context_length - 3).await.unwrap()
    });
    for token in written {
        let logits = window_logits(&gpu, &model, &arena, &text);
        let best = logits.iter().copied().fold(f32::MIN, f32::max);
        let largest = logits.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
        let chosen = logits[token as usize];
        assert!(chosen >= best - 0.01 * largest, "{chosen} for {best} after {} tokens", text.len());
        text.push(token);
    }
}

#[test]
fn tokens_do_not_depend_on_how_many_are_asked_for_at_once() {
    let gpu = test_gpu();
    let model = models().remove(1);
    let config = GenerateConfig { temperature: 1.2, seed: 5, ..GenerateConfig::default() };
    let at_once = write(&gpu, &model, &[3, 1, 4], &config, &[150]);
    assert_eq!(write(&gpu, &model, &[3, 1, 4], &config, &[1; 150]), at_once);
    assert_eq!(write(&gpu, &model, &[3, 1, 4], &config, &[7, 30, 3, 100, 10]), at_once);
    let other = GenerateConfig { seed: 6, ..config };
    assert_ne!(write(&gpu, &model, &[3, 1, 4], &other, &[150]), at_once);
}

#[test]
fn a_decoder_starts_again_and_refuses_what_it_cannot_read() {
    let gpu = test_gpu();
    let model = models().remove(0);
    let config = GenerateConfig { max_tokens: 9, ..GenerateConfig::default() };
    pollster::block_on(async {
        let mut decoder =
            GpuDecoder::new(&gpu, &model, &weights(&model), WeightFormat::F32, 1).await.unwrap();
        assert!(decoder.advance(1).await.is_err_and(|error| error.to_string().contains("started")));
        let empty = decoder.start(&[], &config).await;
        assert!(empty.is_err_and(|error| error.to_string().contains("prompt is empty")));
        let unknown = decoder.start(&[61], &config).await;
        assert!(unknown.is_err_and(|error| error.to_string().contains("token 61")));
        decoder.start(&[1, 2, 3], &config).await.unwrap();
        let first = decoder.advance(40).await.unwrap();
        decoder.start(&[1, 2, 3], &config).await.unwrap();
        assert_eq!(decoder.advance(40).await.unwrap(), first);
    });
    let short = pollster::block_on(GpuDecoder::new(&gpu, &model, &[0.0; 3], WeightFormat::F32, 1));
    assert!(short.is_err_and(|error| error.to_string().contains("3 weights")));
}

#[test]
fn each_of_many_texts_is_what_it_is_by_itself() {
    let gpu = test_gpu();
    for (number, model) in models().into_iter().enumerate() {
        let context = model.context_length;
        let prompt = |length: usize| -> Vec<u32> {
            (0..length as u64).map(|n| (uniform(3, n) * model.vocabulary as f32) as u32).collect()
        };
        let config = |seed: u64| GenerateConfig {
            seed,
            temperature: [0.0, 0.9, 1.2][seed as usize % 3],
            top_k: [0, 20, 0][seed as usize % 3],
            top_p: [1.0, 0.95, 1.0][seed as usize % 3],
            repetition_penalty: [1.0, 1.1, 1.0][seed as usize % 3],
            ..GenerateConfig::default()
        };
        let prompts = [1, 3, context - 2, context, context + 5];
        let mut written: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
        let bytes = pollster::block_on(async {
            let arena = weights(&model);
            let mut decoder = GpuDecoder::new(&gpu, &model, &arena, WeightFormat::F32, 4).await.unwrap();
            // Place of each text; the last text takes the second's place.
            let mut places = [0, 1, 2, 3];
            for (text, length) in prompts.iter().enumerate().take(4) {
                let place = decoder.admit(&prompt(*length), &config(text as u64)).await.unwrap();
                assert_eq!(place, text);
            }
            let full = decoder.admit(&[1], &config(0)).await;
            assert!(full.is_err_and(|error| error.to_string().contains("slots")));
            for count in [1, 5, context, 2] {
                for (place, tokens) in decoder.advance_all(count).await.unwrap() {
                    assert_eq!(tokens.len(), count);
                    written[places[place]].extend(tokens);
                }
                if count == 5 {
                    decoder.release(1);
                    places[1] = 4;
                    assert_eq!(decoder.admit(&prompt(prompts[4]), &config(4)).await.unwrap(), 1);
                }
            }
            (0..4).for_each(|place| decoder.release(place));
            assert!(decoder.advance_all(1).await.is_err(), "no text is left");
            assert!(GpuDecoder::new(&gpu, &model, &arena, WeightFormat::F32, 0).await.is_err());
            let single = GpuDecoder::new(&gpu, &model, &arena, WeightFormat::F32, 1).await.unwrap();
            decoder.bytes() - single.bytes()
        });
        let cache = 2 * model.layers * model.kv_heads * context * model.head_size * 4;
        assert!(bytes as usize >= 3 * cache, "{bytes} bytes for three texts more");
        for (text, written) in written.iter().enumerate() {
            let alone = write(&gpu, &model, &prompt(prompts[text]), &config(text as u64), &[written.len()]);
            assert_eq!(*written, alone, "model {number}, text {text}");
        }
    }
}
