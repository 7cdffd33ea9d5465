//! Generation with caches against whole windows, greedy and drawn.

use super::double::{self, Values};
use super::training::{gpt, llama};
use crate::cpu::{CpuDecoder, run_graph};
use crate::graph::ops;
use crate::graph::{Graph, Input, Origin, ParameterId, Type};
use crate::initial;
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::sampler::{self, Sampling};
use crate::step::Data;
use glasshouse_protocol::{GenerateConfig, ModelConfig};

/// Logits after `window` by the f64 loops, over a graph without caches.
fn logits(model: &ModelConfig, arena: &[f32], window: &[u32]) -> Vec<f32> {
    let purpose = Purpose::Loss {
        batch: 1,
        time: window.len(),
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: None,
        documents: false,
        preference: None,
    };
    let built = build(model, purpose).unwrap();
    let layout = ArenaLayout::of(&built.graph);
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
fn caches_and_windows_write_what_whole_texts_do() {
    for model in [gpt(), llama()] {
        let parameters = build(&model, Purpose::Window { time: 1 }).unwrap().graph.parameters;
        let arena = initial::parameters(&parameters, &ArenaLayout::of_parameters(&parameters), 11);
        let mut decoder = CpuDecoder::new(&model, &arena, Some(2)).unwrap();
        let greedy = GenerateConfig { temperature: 0.0, ..GenerateConfig::default() };
        let drawn = GenerateConfig {
            temperature: 0.7,
            top_k: 9,
            repetition_penalty: 1.2,
            seed: 4,
            ..GenerateConfig::default()
        };
        // One token, a chunk and a token, the whole context, more than the context.
        for (prompt, config) in
            [(1, &greedy), (33, &greedy), (model.context_length, &drawn), (40, &drawn), (5, &drawn)]
        {
            let prompt: Vec<u32> = (0..prompt as u32).map(|at| at * 7 % model.vocabulary as u32).collect();
            decoder.start(&prompt, config).unwrap();
            let mut written = decoder.advance(3).unwrap();
            written.extend(decoder.advance(38).unwrap());
            let mut text = prompt.clone();
            for (n, token) in written.iter().enumerate() {
                let window = &text[text.len().saturating_sub(model.context_length)..];
                let draw = sampler::draw(config.seed, n as u64);
                let wanted =
                    sampler::sample(&logits(&model, &arena, window), window, &Sampling::of(config), draw);
                assert_eq!(*token, wanted, "token {n} after a prompt of {}", prompt.len());
                text.push(*token);
            }
        }
        assert!(decoder.start(&[], &greedy).is_err());
        assert!(decoder.start(&[99], &greedy).is_err());
        assert!(decoder.advance(1).is_err(), "nothing was started");
        assert!(CpuDecoder::new(&model, &arena[1..], None).is_err());
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
