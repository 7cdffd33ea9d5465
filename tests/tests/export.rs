//! transformers opens an exported folder, computes the same logits and generates the same greedy text.

use crate::common::ask_each;
use glasshouse_engine::formats::huggingface::{CardFacts, Export, Family, export};
use glasshouse_engine::graph::{Input, Origin, ParameterId, random};
use glasshouse_engine::model::{LossForm, Purpose, build};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::protocol::{
    Bias, FloatFormat, Gate, NormPlacement, Position, Rope, RunConfig, TokenizerConfig, TokenizerKind,
    presets,
};
use glasshouse_engine::step::Data;
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::{Yielder, block_on, cpu};
use glasshouse_tests::blocking;
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

const TEXT: &str = "The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs home.\n";
const PROMPT: &str = "The fox sleeps";

/// A small model with a preset's architecture and every weight (including biases) far from its initial value.
pub fn small(preset: &str, change: impl FnOnce(&mut RunConfig)) -> (RunConfig, Tokenizer, Vec<f32>) {
    let mut config = presets::preset(preset).unwrap();
    config.tokenizer = TokenizerConfig { min_frequency: 1, ..TokenizerConfig::new(TokenizerKind::Bpe, 300) };
    let tokenizer = blocking::train_tokenizer(&config.tokenizer, [TEXT, TEXT]).unwrap();
    let model = &mut config.model;
    model.vocabulary = tokenizer.vocabulary_size();
    (model.context_length, model.layers, model.width, model.head_size) = (32, 2, 24, 6);
    (model.heads, model.mlp.hidden) = (4, 52);
    model.kv_heads = if preset == "llama-tiny" { 2 } else { 4 };
    change(&mut config);
    let graph = build(&config.model, Purpose::Window { time: 1 }).unwrap().graph;
    let layout = ArenaLayout::new(&graph);
    let mut arena = blocking::initial_parameters(&graph.parameters, 7);
    for (at, _) in graph.parameters.iter().enumerate() {
        for (number, entry) in arena[layout.range(ParameterId(at as u32))].iter_mut().enumerate() {
            let draw = (random::nth(3, at as u64, number as u64) >> 40) as f32 / 16_777_216.0;
            // Weights of norms begin at 1 and stay near it; query and key norms of 6 would make attention a choice of one position, which
            // magnifies rounding.
            let factor = if *entry == 1.0 { 1.0 } else { 6.0 };
            *entry = *entry * factor + 0.2 * (draw - 0.5);
        }
    }
    (config, tokenizer, arena)
}

pub fn write(config: &RunConfig, tokenizer: &Tokenizer, arena: &[f32], folder: &Path) {
    let facts = CardFacts { name: "test".to_owned(), device: "cpu".to_owned(), ..CardFacts::default() };
    let tokenizer = &tokenizer.clone().into();
    block_on(export(
        &Export {
            config,
            tokenizer,
            family: None,
            precision: FloatFormat::F32,
            parameters: arena,
            facts: &facts,
        },
        folder,
        false,
        &Yielder::none(),
    ))
    .unwrap();
}

/// Our logits for a prompt, `[T][V]`.
pub fn our_logits(config: &RunConfig, arena: &[f32], ids: &[u32]) -> Vec<Vec<f32>> {
    let purpose = Purpose::Loss {
        batch: 1,
        time: ids.len(),
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: None,
        documents: false,
        form: LossForm::CrossEntropy,
    };
    let model = build(&config.model, purpose).unwrap();
    let layout = ArenaLayout::new(&model.graph);
    let mut inputs = Vec::new();
    for at in 0..model.graph.parameters.len() {
        let id = ParameterId(at as u32);
        let value = model.graph.find(Origin::Parameter(id)).unwrap();
        inputs.push((value, Data::F32(arena[layout.range(id)].to_vec())));
    }
    for input in [Input::Tokens, Input::Targets] {
        inputs.push((model.graph.find(Origin::Input(input)).unwrap(), Data::U32(ids.to_vec())));
    }
    let read = cpu::run_graph(&model.graph, &inputs, &[model.logits]).unwrap();
    let Data::F32(logits) = &read[0] else { panic!("logits are floats") };
    logits.chunks(config.model.vocabulary).map(<[f32]>::to_vec).collect()
}

/// Checks that a text goes on with the expected tokens by greedy decoding, and returns it with them.
pub fn continues(
    config: &RunConfig,
    arena: &[f32],
    mut ids: Vec<u32>,
    expected: &Value,
    what: &str,
) -> Vec<u32> {
    for expected in expected.as_array().unwrap() {
        let last = our_logits(config, arena, &ids).pop().unwrap();
        let best = last.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1)).unwrap().0;
        assert_eq!(best as u64, expected.as_u64().unwrap(), "{what} after {} tokens", ids.len());
        ids.push(best as u32);
    }
    ids
}

type Model = (RunConfig, Tokenizer, Vec<f32>);

/// Compares models with what transformers computes from their exported folders, each with the class that opens it there.
fn check(cases: &[(&str, Model)]) {
    let folder = tempfile::tempdir().unwrap();
    let calls: Vec<Vec<OsString>> = cases
        .iter()
        .enumerate()
        .map(|(at, (_, (config, tokenizer, arena)))| {
            let exported = folder.path().join(at.to_string());
            write(config, tokenizer, arena, &exported);
            let asked = ["--prompt", PROMPT, "--max-tokens", "16"].map(OsString::from);
            std::iter::once(exported.into()).chain(asked).collect()
        })
        .collect();
    for ((class, (config, tokenizer, arena)), theirs) in cases.iter().zip(ask_each("check_export.py", &calls))
    {
        assert_eq!(theirs["class"], *class);
        let ids: Vec<u32> = serde_json::from_value(theirs["ids"].clone()).unwrap();
        assert_eq!(ids, tokenizer.encode(PROMPT).unwrap());
        assert_eq!(theirs["decoded"], PROMPT);

        let logits = our_logits(config, arena, &ids);
        let mut worst = 0.0f64;
        for (ours, theirs) in logits.iter().zip(theirs["logits"].as_array().unwrap()) {
            for (ours, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
                worst = worst.max((f64::from(*ours) - theirs.as_f64().unwrap()).abs());
            }
        }
        assert!(worst < 2e-4, "{class}: logits differ by {worst}");

        continues(config, arena, ids, &theirs["greedy"], class);
    }
}

fn with_mup(preset: &str, placement: NormPlacement) -> Model {
    small(preset, |config| {
        let model = &mut config.model;
        (model.base_width, model.logit_divisor, model.norm.placement) = (Some(16), 1.5, placement);
        let normed = placement == NormPlacement::Output;
        (model.qk_norm, model.qk_norm_whole) = (normed, normed);
    })
}

#[test]
fn python_transformers_agrees_on_a_model_of_each_class() {
    let llama = |change: fn(&mut RunConfig)| small("llama-tiny", change);
    check(&[
        ("GPT2LMHeadModel", small("gpt2-124m", |_| {})),
        // Without biases, with the exact GELU.
        ("GPT2LMHeadModel", small("nanogpt-cpu", |config| config.model.tied_head = false)),
        ("LlamaForCausalLM", llama(|_| {})),
        (
            "LlamaForCausalLM",
            llama(|config| {
                config.model.bias = true.into();
                config.model.head_size = 10;
                config.model.mlp.gate = Gate::Geglu;
                config.model.tied_head = false;
            }),
        ),
        ("Qwen3ForCausalLM", llama(|config| config.model.qk_norm = true)),
        ("GraniteForCausalLM", with_mup("llama-tiny", NormPlacement::Pre)),
        ("Olmo2ForCausalLM", with_mup("llama-tiny", NormPlacement::Output)),
        ("GPT2LMHeadModel", with_mup("gpt2-124m", NormPlacement::Pre)),
        // The usual classes reject a width that is not a multiple of the head count, or default to a padding id outside a small
        // vocabulary.
        (
            "MistralForCausalLM",
            llama(|config| {
                (config.model.width, config.model.heads, config.model.kv_heads) = (30, 7, 7);
            }),
        ),
        (
            "SmolLM3ForCausalLM",
            llama(|config| {
                config.model.layers = 4;
                let Position::Rope(rope) = &mut config.model.position else { panic!("no rotary positions") };
                rope.skip_every = 2;
            }),
        ),
        (
            "GPTNeoForCausalLM",
            small("gpt2-124m", |config| {
                let model = &mut config.model;
                (model.attention_scale, model.bias) = (Some(1.0), Bias { qkv: false, ..true.into() });
                (model.sliding_window, model.full_attention) = (Some(4), vec![0]);
            }),
        ),
        (
            "Phi3ForCausalLM",
            llama(|config| {
                config.model.position = Position::Rope(Rope { channels: Some(4), ..Rope::new(1e4) });
            }),
        ),
        (
            "GraniteForCausalLM",
            llama(|config| (config.model.residual_scale, config.model.logit_divisor) = (0.3, 2.0)),
        ),
        (
            "Olmo2ForCausalLM",
            llama(|config| {
                (config.model.qk_norm, config.model.qk_norm_whole) = (true, true);
                config.model.norm.placement = NormPlacement::Output;
            }),
        ),
        (
            "Gemma3ForCausalLM",
            llama(|config| {
                let model = &mut config.model;
                (model.qk_norm, model.mlp.gate, model.logit_softcap) = (true, Gate::Geglu, Some(30.0));
                model.embedding_scale = (model.width as f32).sqrt();
                (model.norm.placement, model.norm.add_unit_offset) = (NormPlacement::Sandwich, true);
                (model.sliding_window, model.full_attention) = (Some(4), vec![1]);
                model.position = Position::Rope(Rope { local_base: Some(100.0), ..Rope::new(1e4) });
            }),
        ),
        (
            "Gemma2ForCausalLM",
            llama(|config| {
                let model = &mut config.model;
                model.mlp.gate = Gate::Geglu;
                (model.attention_softcap, model.logit_softcap) = (Some(0.5), None);
                model.embedding_scale = (model.width as f32).sqrt();
                (model.norm.placement, model.norm.add_unit_offset) = (NormPlacement::Sandwich, true);
                (model.sliding_window, model.full_attention) = (Some(4), vec![1]);
            }),
        ),
    ]);
}

#[test]
fn a_model_that_fits_no_class_is_refused_with_the_setting() {
    let refuse = |change: fn(&mut RunConfig), setting: &str| {
        let (config, ..) = small("nanogpt-cpu", change);
        let error = Family::for_model(&config.model, None).unwrap_err().to_string();
        assert!(error.contains(setting), "{error}");
    };
    refuse(|config| config.model.norm.placement = NormPlacement::Post, "model.norm.placement");
    refuse(|config| config.model.position = Position::Sinusoidal, "model.position");
    refuse(|config| config.model.qk_norm = true, "model.qk_norm");
    refuse(|config| config.model.kv_heads = 2, "model.kv_heads");
    refuse(|config| config.model.logit_softcap = Some(30.0), "model.logit_softcap = 30");
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let (config, tokenizer, arena) = small("nanogpt-cpu", |_| {});
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.docx"), "irreplaceable").unwrap();
    let facts = CardFacts::default();
    let tokenizer = &tokenizer.into();
    let wanted = Export {
        config: &config,
        tokenizer,
        family: None,
        precision: FloatFormat::F32,
        parameters: &arena,
        facts: &facts,
    };
    let error = block_on(export(&wanted, folder.path(), false, &Yielder::none())).unwrap_err().to_string();
    assert!(error.contains("thesis.docx"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
