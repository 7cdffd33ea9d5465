//! Generation with the GPU's decoder.

use super::*;
use glasshouse_compiler::model::{Purpose, build};
use glasshouse_executors::gpu::test_gpu;
use glasshouse_platform::{Yielder, block_on};
use glasshouse_project::initial;
use glasshouse_protocol::{ModelConfig, WeightFormat, presets};

/// A small model with widely spread logits.
fn model() -> ModelConfig {
    let mut llama = presets::preset("llama-tiny").unwrap().model;
    llama.init.std = 0.25;
    (llama.vocabulary, llama.context_length, llama.layers, llama.width) = (300, 37, 2, 20);
    (llama.heads, llama.kv_heads, llama.head_size, llama.mlp.hidden) = (4, 2, 6, 33);
    llama
}

/// The model with its weights.
pub fn spread() -> (ModelConfig, Vec<f32>) {
    let graph = build(&model(), Purpose::Window { time: 1 }).unwrap().graph;
    (model(), block_on(initial::parameters(&graph.parameters, 3, &Yielder::none())))
}

async fn decoder(gpu: &Gpu, texts: usize) -> GpuDecoder {
    let (model, weights) = spread();
    GpuDecoder::new(gpu, &model, &weights, WeightFormat::F32, texts).await.unwrap()
}

#[test]
fn a_generation_ends_at_its_limit_at_an_end_token_or_when_interrupted() {
    let gpu = test_gpu();
    let config = GenerateConfig { max_tokens: 9, ..GenerateConfig::default() };
    pollster::block_on(async {
        let mut decoder = decoder(&gpu, 1).await;
        decoder.start(&[1, 2, 3], &config).await.unwrap();
        let first = decoder.advance(40).await.unwrap();
        let mut decoder = Decoder::Gpu(Box::new(decoder), Box::new(gpu.clone()));
        let mut pieces = String::new();
        let spell = |token: Option<u32>| token.map(|token| format!("{token} "));
        let request = |ends: Vec<u32>| Request {
            prompt: vec![1, 2, 3],
            config: config.clone(),
            ends,
            classifier: None,
            watch: Default::default(),
            decode: spell,
        };
        let mut batch = Batch::new(&mut decoder, [request(Vec::new())]).unwrap();
        let mut counts = Vec::new();
        while !batch.is_over() {
            for (_, piece) in batch.next(&mut decoder).await.unwrap() {
                counts.push(piece.tokens.len());
                pieces.push_str(&piece.text);
            }
        }
        assert_eq!(counts, [1, 2, 4, 2], "a single text begins to appear at once");
        let done = batch.take(0).unwrap();
        assert_eq!((done.tokens.as_slice(), done.ending), (&first[..9], Ending::MaxTokens));
        assert_eq!(done.text, pieces);
        let mut batch = Batch::new(&mut decoder, [request(vec![first[4]])]).unwrap();
        while !batch.is_over() {
            batch.next(&mut decoder).await.unwrap();
        }
        let ended = batch.take(0).unwrap();
        let at = first.iter().position(|token| *token == first[4]).unwrap();
        assert_eq!((ended.tokens.as_slice(), ended.ending), (&first[..at], Ending::EndOfText));
        let mut batch = Batch::new(&mut decoder, [request(Vec::new())]).unwrap();
        batch.next(&mut decoder).await.unwrap();
        assert_eq!(batch.stop(&mut decoder, 0).unwrap().tokens, first[..1]);
    });
}

#[test]
fn more_texts_than_places_wait_and_end_on_their_own() {
    let gpu = test_gpu();
    let spell = |token: Option<u32>| token.map(|token| format!("{token} "));
    let lengths = [3, 40, 1, 7, 12];
    let request = |(number, length): (usize, &usize)| Request {
        prompt: vec![number as u32 + 1; number + 1],
        config: GenerateConfig { max_tokens: *length, seed: number as u64, ..GenerateConfig::default() },
        ends: Vec::new(),
        classifier: None,
        watch: Default::default(),
        decode: spell,
    };
    let requests = || lengths.iter().enumerate().map(request);
    pollster::block_on(async {
        let two = decoder(&gpu, 2).await;
        let mut decoder = Decoder::Gpu(Box::new(two), Box::new(gpu.clone()));
        let mut batch = Batch::new(&mut decoder, requests()).unwrap();
        let mut texts = vec![String::new(); lengths.len()];
        while !batch.is_over() {
            for (number, added) in batch.next(&mut decoder).await.unwrap() {
                texts[number].push_str(&added.text);
            }
        }
        let written = batch.finish();
        for (number, request) in requests().enumerate() {
            decoder.start(&request.prompt, &request.config).await.unwrap();
            let alone = decoder.advance(lengths[number]).await.unwrap();
            assert_eq!(written[number].tokens, alone, "text {number}");
            assert_eq!((&written[number].text, written[number].ending), (&texts[number], Ending::MaxTokens));
        }
        let none = Batch::new(&mut decoder, requests().take(0));
        assert!(none.is_err_and(|error| error.to_string().contains("batch size must be at least 1")));
        // What is given up ends where it stands.
        let mut batch = Batch::new(&mut decoder, requests()).unwrap();
        batch.next(&mut decoder).await.unwrap();
        assert_eq!(batch.finished(0).map(|text| text.ending), Some(Ending::MaxTokens));
        let ends: Vec<_> = batch.finish().into_iter().map(|text| (text.tokens.len(), text.ending)).collect();
        let (given_up, waited) = ((3, Ending::Interrupted), (0, Ending::Interrupted));
        assert_eq!(ends, [(3, Ending::MaxTokens), given_up, waited, waited, waited]);
    });
}
