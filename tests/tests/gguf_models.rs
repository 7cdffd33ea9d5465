//! Models are exported to GGUF files and imported again, bit for bit or as quantised. Errors name unsupported and unreadable
//! parts, and hostile files do no harm.

use crate::export::{our_logits, small};
use crate::gguf_llama_cpp::mixed_lines;
use crate::import::{read_json, refusal};
use glasshouse_engine::formats::Found;
use glasshouse_engine::formats::gguf::{
    self, Array, Export, GgmlType, Gguf, Metadata, TensorInfo, Value, Writer,
};
use glasshouse_engine::graph::random;
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::{
    Activation, Bias, CheckpointChoice, Gate, ModelConfig, NormPlacement, Position, PreTokenizerKind, Rope,
    RopeScaling, RunConfig, TokenizerConfig, TokenizerKind, WeightFormat,
};
use glasshouse_engine::tokenizer::{Tokenizer, TokenizerFiles};
use glasshouse_engine::{Result, Yielder, block_on};
use glasshouse_tests::{blocking, output_of, python};
use serde_json::{Value as Json, json};
use std::path::Path;

const TEXTS: [&str; 6] = [
    "The fox sleeps",
    "  two  spaces\n\nand lines\tand tabs",
    "Zoë's 3,50 € 日本 🙂",
    "12345 dogs don't 'll",
    "<|endoftext|>The dog<|endoftext|>",
    "",
];

fn write_gguf(export: &Export<'_>, path: &Path, replace: bool) -> Result<gguf::Exported> {
    block_on(gguf::export(export, path, replace, &Yielder::none()))
}

/// A small model of each architecture: its class and the run. With `blocks`, rows are multiples of 32.
pub fn models(blocks: bool) -> Vec<(&'static str, RunConfig, Tokenizer, Vec<f32>)> {
    let sized = move |model: &mut ModelConfig| {
        if blocks {
            (model.width, model.head_size, model.mlp.hidden) = (64, 16, 96);
        }
    };
    let made = |class, preset, change: fn(&mut ModelConfig)| {
        let (config, tokenizer, arena) = small(preset, |config| {
            sized(&mut config.model);
            change(&mut config.model);
        });
        (class, config, tokenizer, arena)
    };
    vec![
        made("gpt2", "gpt2-124m", |_| {}),
        made("gpt2", "gpt2-124m", |model| model.tied_head = false),
        made("llama", "llama-tiny", |_| {}),
        made("llama", "llama-tiny", |model| {
            model.bias = true.into();
            model.tied_head = false;
        }),
        made("qwen3", "llama-tiny", |model| model.qk_norm = true),
        made("qwen2", "llama-tiny", |model| model.bias = Bias { qkv: true, ..Bias::default() }),
        made("phi3", "llama-tiny", |model| {
            model.position = Position::Rope(Rope { channels: Some(4), ..Rope::new(1e4) });
        }),
        made("granite", "llama-tiny", |model| {
            (model.embedding_scale, model.attention_scale) = (3.0, Some(0.2));
            (model.residual_scale, model.logit_divisor) = (0.5, 4.0);
        }),
        made("olmo2", "llama-tiny", |model| {
            (model.qk_norm, model.qk_norm_whole, model.tied_head) = (true, true, false);
            model.norm.placement = NormPlacement::Output;
        }),
        made("mixtral", "llama-tiny", |model| (model.experts.count, model.tied_head) = (4, false)),
        made("qwen3_moe", "llama-tiny", |model| (model.experts.count, model.qk_norm) = (4, true)),
        made("llama", "llama-tiny", |model| {
            let scaling = RopeScaling::Yarn {
                factor: 4.0,
                original_context_length: 8,
                attention_factor: None,
                beta_fast: 32.0,
                beta_slow: 1.0,
                truncate: true,
            };
            model.position = Position::Rope(Rope { scaling: Some(scaling), ..Rope::new(1e4) });
        }),
        gemma1(sized),
        gemma2(sized),
        gemma3(sized),
    ]
}

/// A Gemma, with weights to which 1 can be added without rounding, and no negative zero.
fn gemma(change: impl Fn(&mut ModelConfig)) -> (RunConfig, Tokenizer, Vec<f32>) {
    let (config, tokenizer, mut arena) = small("llama-tiny", |config| {
        let model = &mut config.model;
        model.norm.placement = NormPlacement::Sandwich;
        model.norm.add_unit_offset = true;
        model.mlp.gate = Gate::Geglu;
        model.attention_scale = Some(0.0);
        change(model);
        model.embedding_scale = (model.width as f32).sqrt();
        model.attention_scale = model.attention_scale.map(|_| 1.0 / (model.head_size as f32).sqrt());
    });
    arena.iter_mut().for_each(|weight| *weight = (*weight * 4096.0).round() / 4096.0 + 0.0);
    (config, tokenizer, arena)
}

fn gemma1(sized: impl Fn(&mut ModelConfig)) -> (&'static str, RunConfig, Tokenizer, Vec<f32>) {
    let (config, tokenizer, arena) = gemma(|model| {
        sized(model);
        (model.attention_scale, model.norm.placement) = (None, NormPlacement::Pre);
    });
    ("gemma", config, tokenizer, arena)
}

fn gemma2(sized: impl Fn(&mut ModelConfig)) -> (&'static str, RunConfig, Tokenizer, Vec<f32>) {
    let (config, tokenizer, arena) = gemma(|model| {
        sized(model);
        (model.layers, model.sliding_window, model.full_attention) = (3, Some(7), vec![1]);
        (model.attention_softcap, model.logit_softcap) = (Some(0.5), Some(5.0));
    });
    ("gemma2", config, tokenizer, arena)
}

fn gemma3(sized: impl Fn(&mut ModelConfig)) -> (&'static str, RunConfig, Tokenizer, Vec<f32>) {
    let (config, tokenizer, arena) = gemma(|model| {
        sized(model);
        (model.layers, model.sliding_window, model.full_attention) = (7, Some(7), vec![5]);
        model.position = Position::Rope(Rope { local_base: Some(1e4), ..Rope::new(1e6) });
        model.qk_norm = true;
    });
    ("gemma3_text", config, tokenizer, arena)
}

pub fn write(
    model: &ModelConfig,
    tokenizer: &TokenizerFiles,
    arena: &[f32],
    quantization: WeightFormat,
    family: Option<&str>,
    path: &Path,
) -> Vec<String> {
    let export = Export {
        model,
        tokenizer,
        family,
        parameters: arena,
        name: "test",
        quantization,
        is_rounded: false,
        kept: None,
    };
    write_gguf(&export, path, false).unwrap().notices
}

/// The Modelfile of a GGUF file.
fn beside(path: &Path) -> std::path::PathBuf {
    path.with_extension("gguf.Modelfile")
}

/// The file of a small Llama.
fn exported(folder: &Path) -> Vec<u8> {
    let (config, tokenizer, arena) = small("llama-tiny", |config| config.model.tied_head = false);
    let path = folder.join("whole.gguf");
    write(&config.model, &tokenizer.into(), &arena, WeightFormat::F32, None, &path);
    std::fs::read(path).unwrap()
}

fn without_training(model: &ModelConfig) -> ModelConfig {
    let mut model = model.clone();
    (model.dropout, model.init) = Default::default();
    // Not used with a gate.
    if model.mlp.gate != Gate::None {
        model.mlp.activation = Activation::default();
    }
    model
}

#[test]
fn every_architecture_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, config, tokenizer, arena)) in models(false).into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.gguf"));
        let notices =
            write(&config.model, &tokenizer.clone().into(), &arena, WeightFormat::F32, Some(name), &path);
        assert_eq!(notices, Vec::<String>::new(), "{name}");
        let found = Found::look(&path, None).unwrap();
        assert_eq!(found.family.model_type, name);
        assert_eq!(found.notices, Vec::<String>::new(), "{name}");
        assert_eq!(without_training(&found.model), without_training(&config.model), "{name}");
        let weights = found.weights().unwrap();
        assert!(weights.iter().zip(&arena).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
        assert_eq!(weights.len(), arena.len());
        let again = &found.tokenizer.tokenizer;
        assert_eq!(again.to_json().unwrap(), tokenizer.to_json().unwrap(), "{name}");
        assert_eq!(again.end_of_text(), tokenizer.end_of_text(), "{name}");
    }
}

#[test]
fn a_logit_divisor_that_an_architecture_lacks_is_folded_into_the_final_norm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let (config, tokenizer, arena) = small("gpt2-124m", |config| config.model.logit_divisor = 1.5);
    write(&config.model, &tokenizer.into(), &arena, WeightFormat::F32, None, &path);
    let found = Found::look(&path, None).unwrap();
    assert_eq!((found.family.model_type, found.model.logit_divisor), ("gpt2", 1.0));
    let (ids, weights) = ([3, 1, 4, 1, 5], found.weights().unwrap());
    let read = RunConfig { model: found.model, ..config.clone() };
    let pairs = our_logits(&config, &arena, &ids).concat().into_iter();
    for (ours, theirs) in pairs.zip(our_logits(&read, &weights, &ids).concat()) {
        assert!((ours - theirs).abs() < 1e-5 * ours.abs().max(1.0), "{ours} {theirs}");
    }
}

#[test]
fn quantised_models_are_what_their_blocks_say_and_go_out_again_alike() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, config, tokenizer, arena)) in models(true).into_iter().enumerate() {
        let tokenizer = TokenizerFiles::from(tokenizer);
        let file = |label: &str| folder.path().join(format!("{number}-{label}.gguf"));
        let whole = file("f32");
        write(&config.model, &tokenizer, &arena, WeightFormat::F32, Some(name), &whole);
        let whole = std::fs::read(whole).unwrap();
        let whole = Gguf::read(Path::new("f32"), &whole).unwrap();
        for quantization in [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0] {
            let path = file(quantization.name());
            let notices = write(&config.model, &tokenizer, &arena, quantization, Some(name), &path);
            assert_eq!(notices, Vec::<String>::new(), "{name}");
            let found = Found::look(&path, None).unwrap();
            let weights = found.weights().unwrap();

            // Quantising the unquantised export gives the same blocks.
            let bytes = std::fs::read(&path).unwrap();
            let stored = Gguf::read(&path, &bytes).unwrap();
            let mut types = Vec::new();
            for (tensor, plain) in stored.tensors().iter().zip(whole.tensors()) {
                let mut blocks = Vec::new();
                gguf::quantise(tensor.info.ty, &plain.floats(), &mut blocks);
                assert!(blocks == tensor.bytes(), "{name} {}", tensor.info.name);
                types.push((tensor.info.name.to_string(), tensor.info.ty));
            }
            let ty = |tensor: &str| types.iter().find(|(name, _)| name == tensor).map(|(_, ty)| *ty);
            let expected = match quantization {
                WeightFormat::F16 => GgmlType::F16,
                WeightFormat::Q8_0 => GgmlType::Q8_0,
                _ => GgmlType::Q4_0,
            };
            assert_eq!(ty("blk.0.ffn_down.weight").or(ty("blk.0.ffn_down_exps.weight")), Some(expected));
            assert!(matches!(ty("blk.0.ffn_gate_inp.weight"), None | Some(GgmlType::F32)));
            assert_eq!(ty("output_norm.weight"), Some(GgmlType::F32));
            assert!(matches!(ty("position_embd.weight"), None | Some(GgmlType::F32)));
            // As in llama.cpp, because 64 is not a multiple of 256.
            let head = if quantization == WeightFormat::Q4_0 { GgmlType::Q8_0 } else { expected };
            let tied = config.model.tied_head;
            assert_eq!(ty(if tied { "token_embd.weight" } else { "output.weight" }), Some(head));

            let again = file("again");
            write(&found.model, &found.tokenizer, &weights, quantization, Some(name), &again);
            assert!(std::fs::read(&again).unwrap() == bytes, "{name} {}", quantization.name());
            std::fs::remove_file(&again).unwrap();
            std::fs::remove_file(beside(&again)).unwrap();
            let worst = weights.iter().zip(&arena).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst > 0.0 && worst < 0.3, "{name} {}: {worst}", quantization.name());
        }
    }
}

#[test]
fn rows_of_no_whole_blocks_are_f16_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (config, tokenizer, arena) = small("llama-tiny", |_| {});
    let path = folder.path().join("m.gguf");
    let notices = write(&config.model, &tokenizer.into(), &arena, WeightFormat::Q4_0, None, &path);
    assert!(
        notices[0].ends_with("have rows that blocks of Q4_0 do not divide and are stored as F16"),
        "{notices:?}"
    );
    let bytes = std::fs::read(&path).unwrap();
    let file = Gguf::read(&path, &bytes).unwrap();
    assert!(file.tensors().iter().all(|tensor| matches!(tensor.info.ty, GgmlType::F16 | GgmlType::F32)));
}

#[test]
fn vocabularies_of_every_kind_that_a_file_can_say_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let documents = ["The quick brown fox; 12 Käuze – 日本 🙂.\n", "Zoë's second\ttext."];
    let (config, ..) = small("llama-tiny", |_| {});
    let kinds = TokenizerKind::ALL.into_iter().map(|kind| (kind, PreTokenizerKind::Gpt2));
    let splits = PreTokenizerKind::ALL[1..].iter().map(|pre_tokenizer| (TokenizerKind::Bpe, *pre_tokenizer));
    for (kind, pre_tokenizer) in kinds.chain(splits) {
        for count in [1, 2] {
            let settings =
                TokenizerConfig { min_frequency: 1, pre_tokenizer, ..TokenizerConfig::new(kind, 600) };
            let tokenizer = blocking::train_tokenizer(&settings, documents.into_iter().take(count)).unwrap();
            // Three rows without a token.
            let model = ModelConfig { vocabulary: tokenizer.vocabulary_size() + 3, ..config.model.clone() };
            let (_, _, arena) = small("llama-tiny", |small| small.model.vocabulary = model.vocabulary);
            let path = folder.path().join(format!("{kind}-{pre_tokenizer}-{count}.gguf"));
            let files = TokenizerFiles::from(tokenizer.clone());
            let export = Export {
                model: &model,
                tokenizer: &files,
                family: None,
                parameters: &arena,
                name: "test",
                quantization: WeightFormat::F32,
                is_rounded: false,
                kept: None,
            };
            let written = write_gguf(&export, &path, false);
            if matches!(kind, TokenizerKind::WordPiece | TokenizerKind::Unigram) {
                let error = written.unwrap_err().to_string();
                assert!(error.contains("tokenizer cannot be written as GGUF"), "{error}");
                assert!(!path.exists());
                continue;
            }
            let ends = tokenizer.end_of_text().is_some();
            assert_eq!(ends, count == 2 || kind == TokenizerKind::Bpe);
            assert_eq!(written.unwrap().notices.len(), usize::from(!ends));
            let again = Found::look(&path, None).unwrap().tokenizer.tokenizer;
            assert_eq!(again.to_json().unwrap(), tokenizer.to_json().unwrap(), "{kind:?}");
            assert_eq!(again.end_of_text(), tokenizer.end_of_text());
            for text in TEXTS {
                assert_eq!(again.encode(text).unwrap(), tokenizer.encode(text).unwrap(), "{kind:?} {text:?}");
            }
        }
    }
}

/// A tokenizer like SentencePiece's BPE, with parts that differ between models: all parts of some words are pieces, words with more
/// letters before others. Characters without a piece are bytes.
pub fn sentencepiece(change: impl FnOnce(&mut Json)) -> TokenizerFiles {
    let words = "▁the ▁quick ▁brown ▁fox ing ▁and ▁don't ▁▁▁▁ ▁naïve ▁Привет 日本語 123 ▁x=y+1; tion \n\n";
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).into();
    tokens.extend((0..=255).map(|byte: u8| format!("<0x{byte:02X}>")));
    for length in (1..=8).rev() {
        for word in words.split(' ') {
            let letters: Vec<char> = word.chars().collect();
            for piece in letters.windows(length).map(|piece| piece.iter().collect()) {
                if !tokens.contains(&piece) {
                    tokens.push(piece);
                }
            }
        }
    }
    let id = |piece: &str| tokens.iter().position(|token| token == piece);
    let mut merges = Vec::new();
    for piece in &tokens[259..] {
        let splits = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
        let mut pairs: Vec<_> = splits.map(|(left, right)| [id(left).unwrap(), id(right).unwrap()]).collect();
        pairs.sort_unstable();
        merges.extend(pairs.into_iter().map(|pair| pair.map(|id| tokens[id].clone())));
    }
    let vocabulary: serde_json::Map<_, _> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let special = |id: usize| {
        json!({
            "id": id, "content": tokens[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let mut tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [special(0), special(1), special(2)],
        "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "Prepend", "prepend": "▁" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "▁" },
        ] },
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "<s>", "type_id": 1 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { "<s>": { "id": "<s>", "ids": [1], "tokens": ["<s>"] } },
        },
        "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "▁" }, "content": " " },
            { "type": "ByteFallback" },
            { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 },
        ] },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges,
        },
    });
    change(&mut tokenizer);
    let names = [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
    let names = names.into_iter().map(|(purpose, token)| (purpose.to_owned(), json!(token)));
    TokenizerFiles::from_json(&tokenizer, names.collect(), &[], None).unwrap()
}

/// Without a space before texts, with an added token that is no special one and without a token that begins texts, as in some models.
pub fn without_prefix(tokenizer: &mut Json) {
    let id = tokenizer["model"]["vocab"].as_object().unwrap().len();
    let user = json!({
        "id": id, "content": "<b>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": false,
    });
    tokenizer["added_tokens"].as_array_mut().unwrap().push(user);
    tokenizer["normalizer"]["normalizers"].as_array_mut().unwrap().remove(0);
    tokenizer["decoder"]["decoders"].as_array_mut().unwrap().pop();
    tokenizer["post_processor"] = Json::Null;
}

/// Checksums of the tokens that llama.cpp makes of 2,000 mixed lines with both of these vocabularies.
pub const SENTENCEPIECE_TOKENS: [u32; 2] = [0xaa6d_0758, 0xed1d_4861];

/// The checksum of the tokens of several texts (FNV-1a of their ids).
pub fn checksum(texts: impl IntoIterator<Item = Vec<u32>>) -> u32 {
    texts.into_iter().flatten().fold(0x811c_9dc5, |sum: u32, id| (sum ^ id).wrapping_mul(0x0100_0193))
}

/// A small Llama with a tokenizer.
pub fn with_vocabulary(tokenizer: &TokenizerFiles) -> (RunConfig, Vec<f32>) {
    let vocabulary = tokenizer.tokenizer.vocabulary_size();
    let (config, _, arena) = small("llama-tiny", |config| config.model.vocabulary = vocabulary);
    (config, arena)
}

#[test]
fn sentencepiece_vocabularies_come_back_with_scores_types_and_prefix() {
    let folder = tempfile::tempdir().unwrap();
    type Change = fn(&mut Json);
    let plain: Change = |_| {};
    let changes: [(Change, bool); 2] = [(plain, true), (without_prefix, false)];
    let mut tokens_of_lines = Vec::new();
    for (number, (change, prefix)) in changes.into_iter().enumerate() {
        let tokenizer = sentencepiece(change);
        let (config, arena) = with_vocabulary(&tokenizer);
        let path = folder.path().join(format!("{number}.gguf"));
        let notices = write(&config.model, &tokenizer, &arena, WeightFormat::F32, None, &path);
        assert_eq!(notices, Vec::<String>::new());
        let found = Found::look(&path, None).unwrap();
        let (own, again) = (&tokenizer.tokenizer, &found.tokenizer.tokenizer);
        assert_eq!(again.to_json().unwrap(), own.to_json().unwrap());
        assert_eq!((again.begins(), again.end_of_text()), (own.begins(), Some(2)));
        for text in TEXTS {
            assert_eq!(again.encode(text).unwrap(), own.encode(text).unwrap(), "{text:?}");
        }
        let tokens = mixed_lines(2_000).into_iter().map(|line| again.encode(&line).unwrap());
        tokens_of_lines.push(checksum(tokens));
        let bytes = std::fs::read(&path).unwrap();
        let file = Gguf::read(&path, &bytes).unwrap();
        let keys = file.metadata();
        assert_eq!(keys.text("tokenizer.ggml.model").unwrap(), Some("llama"));
        assert_eq!(keys.flag("tokenizer.ggml.add_space_prefix").unwrap(), Some(prefix));
        assert_eq!(keys.flag("tokenizer.ggml.add_bos_token").unwrap(), Some(prefix));
        let numbers = |key: &str| -> Vec<f64> {
            keys.array(key)
                .unwrap()
                .unwrap()
                .items()
                .map(|item| item.to_float().or(item.to_count().map(|own| own as f64)).unwrap())
                .collect()
        };
        let (types, scores) = (numbers("tokenizer.ggml.token_type"), numbers("tokenizer.ggml.scores"));
        assert_eq!((types.len(), scores.len()), (config.model.vocabulary, config.model.vocabulary));
        assert_eq!((&types[..4], types[258], types[259]), (&[2.0, 3.0, 3.0, 6.0][..], 6.0, 1.0));
        assert_eq!(types.last(), Some(if prefix { &1.0 } else { &4.0 }));
        // Pieces are in order of their merges.
        let end = scores.len() - usize::from(!prefix);
        assert_eq!(scores[259], 0.0);
        assert!(scores[259..end].windows(2).all(|pair| pair[0] > pair[1]), "{scores:?}");
    }
    assert_eq!(tokens_of_lines, SENTENCEPIECE_TOKENS);
    // What llama.cpp would do otherwise is refused or said.
    let write_one = |change: fn(&mut Json), name: &str| {
        let tokenizer = sentencepiece(change);
        let (config, arena) = with_vocabulary(&tokenizer);
        let export = Export {
            model: &config.model,
            tokenizer: &tokenizer,
            family: None,
            parameters: &arena,
            name,
            quantization: WeightFormat::F32,
            is_rounded: false,
            kept: None,
        };
        let path = folder.path().join("other.gguf");
        let written = write_gguf(&export, &path, true).map_err(|error| error.to_string())?;
        let bytes = std::fs::read(&path).unwrap();
        let named =
            Gguf::read(&path, &bytes).unwrap().metadata().text("general.name").unwrap().map(str::to_owned);
        Ok((written.notices, named.unwrap()))
    };
    let lacks_a_merge: fn(&mut Json) = |own| {
        own["model"]["merges"].as_array_mut().unwrap().retain(|pair| *pair != json!(["▁th", "e"]));
    };
    let lacks_bytes: fn(&mut Json) = |own| own["model"]["byte_fallback"] = json!(false);
    for (change, reason) in [
        (
            lacks_a_merge,
            "llama.cpp would merge `▁th` and `e`, which this tokenizer does not; export a Hugging Face",
        ),
        (lacks_bytes, "splits text in a way that llama.cpp does not know"),
    ] {
        let error: String = write_one(change, "x").unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let first: fn(&mut Json) = |own| {
        own["normalizer"] = Json::Null;
        own["pre_tokenizer"] =
            json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false });
    };
    let (notices, _) = write_one(first, "x").unwrap();
    assert!(
        notices[0].contains("also after special tokens; this tokenizer only at the start"),
        "{notices:?}"
    );
    let strips: fn(&mut Json) = |own| {
        let id = own["model"]["vocab"].as_object().unwrap().len();
        let added = own["added_tokens"].as_array_mut().unwrap();
        added[2]["rstrip"] = json!(true);
        added.push(added[0].clone());
        (added[3]["id"], added[3]["content"]) = (json!(id), json!("<|endoftext|>"));
    };
    // llama.cpp treats special tokens by the model's name.
    for (change, name, expected) in [
        (plain, "my-phi3-test PHI-3 Modern-BERT", "my-phi 3-test PHI 3 Modern BERT"),
        (plain, "phi-35", "phi 35"),
        (strips, "mine", "mine (Phi-3)"),
        (strips, "my-phi3-test", "my-phi3-test"),
    ] {
        assert_eq!(write_one(change, name).unwrap().1, expected);
    }
    let one: fn(&mut Json) = |own| own["added_tokens"][2]["rstrip"] = json!(true);
    let (notices, _) = write_one(one, "x").unwrap();
    assert!(notices[0].contains("</s> and others drop the white space after them"), "{notices:?}");
}

#[test]
fn what_llama_cpp_cannot_say_is_refused_or_said_to_become_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |preset: &str, change: fn(&mut RunConfig), named: &str| {
        let (config, tokenizer, arena) = small(preset, change);
        let (path, tokenizer) = (folder.path().join("m.gguf"), &tokenizer.into());
        let (model, quantization) = (&config.model, WeightFormat::F32);
        let export = Export {
            model,
            tokenizer,
            family: None,
            parameters: &arena,
            name: "test",
            quantization,
            is_rounded: false,
            kept: None,
        };
        let error = write_gguf(&export, &path, false).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{named}");
    };
    refuse("gpt2-124m", |config| config.model.qk_norm = true, "model.qk_norm");
    refuse("gpt2-124m", |config| config.model.kv_heads = 2, "model.kv_heads");
    refuse("nanogpt-cpu", |config| config.model.mlp.activation = Activation::ReluSquared, "relu_squared");
    refuse("nanogpt-cpu", |config| config.model.norm.placement = NormPlacement::Post, "model.norm.placement");
    refuse("llama-tiny", |config| config.model.mlp.gate = Gate::Geglu, "model.mlp.gate = geglu");
    refuse(
        "llama-tiny",
        |config| (config.model.experts.count, config.model.experts.renormalise) = (4, false),
        "renormalise = false",
    );
    refuse("llama-tiny", |config| config.model.sliding_window = Some(4), "model.sliding_window = 4");
    refuse("llama-tiny", |config| config.model.position = Position::None, "model.position");
    let (config, tokenizer, mut arena) = small("nanogpt-cpu", |_| {});
    let (path, tokenizer) = (folder.path().join("m.gguf"), TokenizerFiles::from(tokenizer));
    let notices = write(&config.model, &tokenizer, &arena, WeightFormat::F32, None, &path);
    assert!(notices[0].contains("gelu_exact becomes gelu_tanh"), "{notices:?}");
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(beside(&path)).unwrap();
    arena[7] = f32::NAN;
    let (model, quantization) = (&config.model, WeightFormat::Q8_0);
    let tokenizer = &tokenizer;
    let export = Export {
        model,
        tokenizer,
        family: None,
        parameters: &arena,
        name: "test",
        quantization,
        is_rounded: false,
        kept: None,
    };
    let error = write_gguf(&export, &path, false).unwrap_err().to_string();
    assert!(error.contains("token_embd.weight holds NaN"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_there_is_replaced_only_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (config, tokenizer, arena) = small("llama-tiny", |_| {});
    let (path, tokenizer) = (folder.path().join("m.gguf"), &tokenizer.into());
    let (model, quantization) = (&config.model, WeightFormat::F16);
    let export = Export {
        model,
        tokenizer,
        family: None,
        parameters: &arena,
        name: "test",
        quantization,
        is_rounded: false,
        kept: None,
    };
    std::fs::write(&path, "thesis").unwrap();
    let error = write_gguf(&export, &path, false).unwrap_err().to_string();
    assert!(error.contains("already exists; replace it"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"thesis");
    let bytes = write_gguf(&export, &path, true).unwrap().bytes;
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the file and its Modelfile");
    let error = write_gguf(&export, folder.path(), true).unwrap_err().to_string();
    assert!(error.contains("is a folder; choose a file"), "{error}");
}

/// Keys and tensors of a file, to be changed and written again.
struct Parts {
    keys: Vec<(String, Value<'static>)>,
    tensors: Vec<(TensorInfo<'static>, Vec<f32>)>,
}

impl Parts {
    fn set(&mut self, key: &str, value: impl Into<Value<'static>>) {
        self.keys.retain(|(known, _)| known != key);
        self.keys.push((key.to_owned(), value.into()));
    }

    fn tensor(&mut self, name: &str) -> &mut (TensorInfo<'static>, Vec<f32>) {
        self.tensors.iter_mut().find(|(info, _)| info.name == name).unwrap()
    }

    fn tokens(&mut self) -> Vec<String> {
        let (_, tokens) = self.keys.iter().find(|(key, _)| key == "tokenizer.ggml.tokens").unwrap();
        tokens.as_array().unwrap().strings().unwrap().map(str::to_owned).collect()
    }
}

/// A copy of a file with changed keys or tensors.
fn changed(bytes: &'static [u8], change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let file = Gguf::read(Path::new("whole.gguf"), bytes).unwrap();
    let keys = file.metadata().entries().iter().map(|(key, value)| (key.to_string(), value.clone()));
    let tensors = file.tensors().iter().map(|tensor| {
        let info = TensorInfo { name: tensor.info.name.to_string().into(), ..tensor.info.clone() };
        (info, tensor.floats())
    });
    let mut parts = Parts { keys: keys.collect(), tensors: tensors.collect() };
    change(&mut parts);
    let mut metadata = Metadata::new();
    for (key, value) in parts.keys {
        metadata.push(key, value).unwrap();
    }
    let infos: Vec<_> = parts.tensors.iter().map(|(info, _)| info.clone()).collect();
    let mut writer = Writer::begin(Path::new("changed.gguf"), Vec::new(), &metadata, &infos).unwrap();
    for (_, entries) in &parts.tensors {
        writer.write(entries).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn files_that_are_not_whole_are_refused_by_what_is_wrong() {
    type Change = fn(&mut Parts);
    let folder = tempfile::tempdir().unwrap();
    let bytes: &'static [u8] = exported(folder.path()).leak();
    let path = folder.path().join("m.gguf");
    let cases: [(&str, Change); 25] = [
        ("it was taken", |_| {}),
        ("general.architecture is `mamba`; these can be imported: gpt2, llama, qwen3, qwen2", |parts| {
            parts.set("general.architecture", "mamba");
        }),
        ("it has no llama.block_count", |parts| parts.keys.retain(|(key, _)| key != "llama.block_count")),
        ("metadata llama.block_count: expected a non-negative whole number", |parts| {
            parts.set("llama.block_count", "two");
        }),
        ("tensors are missing, starting with blk.2.attn_norm.weight", |parts| {
            parts.set("llama.block_count", 3_u32);
        }),
        ("model.layers", |parts| parts.set("llama.block_count", u64::MAX)),
        ("blk.0.attn_q.weight is [24, 24], but the metadata says", |parts| {
            parts.set("llama.attention.head_count", 8_u32);
            parts.set("llama.attention.key_length", 6_u32);
        }),
        ("rope.dimension_count is 4: only 6 can be represented", |parts| {
            parts.set("llama.rope.dimension_count", 4_u32);
        }),
        ("rope.scaling.type is `longrope`", |parts| parts.set("llama.rope.scaling.type", "longrope")),
        ("rope.scaling.attn_factor is 1.5", |parts| parts.set("llama.rope.scaling.attn_factor", 1.5_f32)),
        ("llama.attention.causal is false", |parts| parts.set("llama.attention.causal", false)),
        ("it has no llama.expert_used_count", |parts| parts.set("llama.expert_count", 8_u32)),
        ("model.heads", |parts| parts.set("llama.attention.head_count", 0_u32)),
        ("2 weights are NaN or infinite, in 1 of its tensors, starting with output_norm.weight", |parts| {
            let (_, entries) = parts.tensor("output_norm.weight");
            (entries[0], entries[5]) = (f32::NAN, f32::INFINITY);
        }),
        ("starting with blk.0.secret.weight", |parts| {
            let info = TensorInfo { name: "blk.0.secret.weight".into(), shape: vec![1], ty: GgmlType::F32 };
            parts.tensors.push((info, vec![0.0]));
        }),
        ("1 tensors are missing, starting with blk.1.ffn_up.weight", |parts| {
            parts.tensors.retain(|(info, _)| info.name != "blk.1.ffn_up.weight");
        }),
        ("its tokenizer has 300 tokens, but the model's embedding has 299 rows", |parts| {
            for name in ["token_embd.weight", "output.weight"] {
                let (info, entries) = parts.tensor(name);
                info.shape[0] = 299;
                entries.truncate(299 * 24);
            }
        }),
        ("rope_freqs.weight are not those of Llama 3's formula", |parts| {
            let info = TensorInfo { name: "rope_freqs.weight".into(), shape: vec![3], ty: GgmlType::F32 };
            parts.tensors.push((info, vec![1.0, 7.0, 2.0]));
        }),
        ("part 1 of a split model; its name must end in -00001-of-00003.gguf", |parts| {
            parts.set("split.count", 3_u16);
        }),
        ("its tokenizer.ggml.model is `bert`", |parts| parts.set("tokenizer.ggml.model", "bert")),
        ("the pre-tokenizer `tekken` is unknown; known are gpt-2", |parts| {
            parts.set("tokenizer.ggml.pre", "tekken");
        }),
        ("token_type has 2 entries, but tokenizer.ggml.tokens has 300", |parts| {
            parts.set("tokenizer.ggml.token_type", Array::new([1_i32, 1]));
        }),
        ("2 and 3 are both `#`", |parts| {
            let mut tokens = parts.tokens();
            (tokens[2], tokens[3]) = ("#".to_owned(), "#".to_owned());
            parts.set("tokenizer.ggml.tokens", Array::new(tokens.iter().map(String::as_str)));
        }),
        ("number 0, `Q Q`, needs a token `QQ`", |parts| {
            parts.set("tokenizer.ggml.merges", Array::new(["Q Q"]));
        }),
        ("number 1, `ab`, is not two parts", |parts| {
            parts.set("tokenizer.ggml.merges", Array::new(["∅ ∅", "ab"]));
        }),
    ];
    for (expected, change) in cases {
        std::fs::write(&path, changed(bytes, change)).unwrap();
        let error = refusal(&path);
        assert!(error.contains(expected), "{expected}: {error}");
        // Errors about inconsistent parts say what to do.
        let parts =
            ["tensors are missing", "the metadata says", "starting with ", "NaN", "its tokenizer has"];
        let says = ["; convert the model again", "; get all its files again"];
        let needs = parts.iter().any(|part| expected.contains(part));
        assert!(!needs || says.iter().any(|step| error.contains(step)), "{error}");
    }
    // The type of the tensor with this name follows one dimension of 24.
    let name = b"output_norm.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 8;
    let mut damaged = bytes.to_vec();
    damaged[at..at + 4].copy_from_slice(&16_u32.to_le_bytes());
    std::fs::write(&path, damaged).unwrap();
    let error = refusal(&path);
    assert!(
        error.contains("output_norm.weight: the quantization IQ2_XXS cannot be read; these can: F32, F16"),
        "{error}"
    );
    std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    assert!(refusal(&path).contains("is the file truncated?"), "{}", refusal(&path));
    std::fs::write(&path, "no model").unwrap();
    assert!(refusal(&path).contains("this is not a GGUF file"), "{}", refusal(&path));
}

#[test]
fn what_a_file_leaves_unsaid_is_what_llama_cpp_takes() {
    type Change = fn(&mut Parts);
    let folder = tempfile::tempdir().unwrap();
    let bytes: &'static [u8] = exported(folder.path()).leak();
    let path = folder.path().join("m.gguf");
    let linear = |factor| Some(RopeScaling::Linear { factor });
    let cases: [(Option<RopeScaling>, Change); 6] = [
        (None, |_| {}),
        (linear(4.0), |parts| parts.set("llama.rope.scaling.factor", 4.0_f32)),
        // The key that converters used before.
        (linear(4.0), |parts| parts.set("llama.rope.scale_linear", 4.0_f32)),
        (linear(2.0), |parts| {
            parts.set("llama.rope.scaling.factor", 2.0_f32);
            parts.set("llama.rope.scale_linear", 4.0_f32);
        }),
        (None, |parts| parts.set("llama.rope.scaling.factor", 0.0_f32)),
        (None, |parts| {
            parts.set("llama.rope.scaling.type", "none");
            parts.set("llama.rope.scaling.factor", 4.0_f32);
            parts.set("llama.rope.scaling.attn_factor", 1.0_f32);
            parts.set("llama.attention.causal", true);
        }),
    ];
    for (expected, change) in cases {
        std::fs::write(&path, changed(bytes, change)).unwrap();
        let found = Found::look(&path, None).unwrap();
        let Position::Rope(rope) = found.model.position else { panic!("no rotary positions") };
        assert_eq!((rope.scaling, found.notices), (expected, Vec::new()));
    }
    // llama.cpp's way of splitting text, which is rarely that of the model.
    let unsplit = |parts: &mut Parts| parts.keys.retain(|(key, _)| key != "tokenizer.ggml.pre");
    std::fs::write(&path, changed(bytes, unsplit)).unwrap();
    let found = Found::look(&path, None).unwrap();
    assert!(found.notices[0].starts_with("the file has no tokenizer.ggml.pre"), "{:?}", found.notices);
    let back = folder.path().join("back.gguf");
    write(&found.model, &found.tokenizer, &found.weights().unwrap(), WeightFormat::F32, None, &back);
    let written = std::fs::read(&back).unwrap();
    let written = Gguf::read(&back, &written).unwrap();
    assert_eq!(written.metadata().text("tokenizer.ggml.pre").unwrap(), Some("default"));
    // An end-of-text token after the prompt, which we do not add.
    for (ends, said) in [(false, 0), (true, 1)] {
        std::fs::write(&path, changed(bytes, |parts| parts.set("tokenizer.ggml.add_eos_token", ends)))
            .unwrap();
        let notices = Found::look(&path, None).unwrap().notices;
        assert_eq!(notices.len(), said, "{notices:?}");
        assert!(
            notices.iter().all(|notice| notice.starts_with("tokenizer.ggml.add_eos_token is true")),
            "{notices:?}"
        );
    }
}

#[test]
fn a_tied_head_that_llama_cpp_does_not_read_is_stored_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (config, tokenizer, arena) = small("llama-tiny", |config| {
        let model = &mut config.model;
        (model.qk_norm, model.qk_norm_whole, model.tied_head) = (true, true, true);
        model.norm.placement = NormPlacement::Output;
    });
    let path = folder.path().join("m.gguf");
    let notices = write(&config.model, &tokenizer.into(), &arena, WeightFormat::F32, None, &path);
    assert!(notices[0].contains("stored twice"), "{notices:?}");
    let bytes = std::fs::read(&path).unwrap();
    let file = Gguf::read(&path, &bytes).unwrap();
    let [embedding, head] = ["token_embd.weight", "output.weight"].map(|name| file.tensor(name).unwrap());
    assert!(embedding.bytes() == head.bytes() && embedding.info.shape == head.info.shape);
    let found = Found::look(&path, None).unwrap();
    let (ids, weights) = ([3, 1, 4, 1, 5], found.weights().unwrap());
    let read = RunConfig { model: found.model, ..config.clone() };
    assert_eq!(our_logits(&read, &weights, &ids), our_logits(&config, &arena, &ids));
}

#[test]
fn parts_of_a_split_model_are_read_together() {
    let folder = tempfile::tempdir().unwrap();
    let (config, tokenizer, arena) = small("llama-tiny", |config| config.model.tied_head = false);
    let whole = folder.path().join("whole.gguf");
    write(&config.model, &tokenizer.into(), &arena, WeightFormat::F32, None, &whole);
    let bytes = std::fs::read(&whole).unwrap();
    let file = Gguf::read(&whole, &bytes).unwrap();
    let path = |number: usize| folder.path().join(format!("m-0000{number}-of-00003.gguf"));
    let half = file.tensors().len() / 2;
    for (number, tensors) in
        [&file.tensors()[..1], &file.tensors()[1..half], &file.tensors()[half..]].into_iter().enumerate()
    {
        let mut keys = if number == 0 { file.metadata().clone() } else { Metadata::new() };
        keys.push("split.no", number as u16).unwrap();
        keys.push("split.count", 3_u16).unwrap();
        let infos: Vec<_> = tensors.iter().map(|tensor| tensor.info.clone()).collect();
        let output = std::fs::File::create(path(number + 1)).unwrap();
        let mut writer = Writer::begin(&path(number + 1), output, &keys, &infos).unwrap();
        tensors.iter().for_each(|tensor| writer.write_blocks(tensor.bytes()).unwrap());
        writer.finish().unwrap();
    }
    let found = Found::look(&path(1), None).unwrap();
    assert!(found.weights().unwrap() == arena);
    // Other parts have neither settings nor a tokenizer.
    assert!(refusal(&path(2)).contains("part 2 of 3 of a split model; import m-00001-of-00003.gguf"));
    std::fs::copy(path(3), path(2)).unwrap();
    assert!(refusal(&path(1)).contains("not part 2 of 3 of a split model, as its name says"));
    std::fs::remove_file(path(2)).unwrap();
    assert!(refusal(&path(1)).contains("m-00002-of-00003.gguf is not next to it"));
}

/// End-of-turn and end-of-message tokens also end a text, as in llama.cpp.
#[test]
fn all_tokens_that_end_a_text_go_out_and_come_back() {
    let (_, config, tokenizer, arena) = models(false).swap_remove(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ends.gguf");
    let end = tokenizer.end_of_text().unwrap();
    let with =
        |ends: &[u32]| TokenizerFiles::from(tokenizer.clone()).generating(&json!({ "eos_token_id": ends }));
    let notices = write(&config.model, &with(&[9, end, 8]), &arena, WeightFormat::F32, None, &path);
    assert_eq!(notices, Vec::<String>::new());
    let bytes = std::fs::read(&path).unwrap();
    let file = Gguf::read(&path, &bytes).unwrap();
    let ids = ["eos", "eot", "eom"]
        .map(|name| file.metadata().count(&format!("tokenizer.ggml.{name}_token_id")).unwrap());
    assert_eq!(ids, [Some(9), Some(u64::from(end)), Some(8)]);
    let found = Found::look(&path, None).unwrap();
    assert_eq!(found.tokenizer.tokenizer.ends(), [9, end, 8]);
    assert_eq!(found.tokenizer.generation["eos_token_id"], json!([9, end, 8]));
    // There is no key for a fourth one.
    let path = folder.path().join("more.gguf");
    let notices = write(&config.model, &with(&[9, end, 8, 7]), &arena, WeightFormat::F32, None, &path);
    assert!(notices[0].contains("three tokens that end a text"), "{notices:?}");
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_imported_is_an_error_and_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    for (quantization, name) in [(WeightFormat::F32, "f32"), (WeightFormat::Q8_0, "q8_0")] {
        let (_, config, tokenizer, arena) = models(true).swap_remove(2);
        let path = folder.path().join(name);
        write(&config.model, &tokenizer.into(), &arena, quantization, None, &path);
        let found = Found::look(&path, None).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        for error in [found.weights().unwrap_err(), blocking::import(&project, &found, name).unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains(name) && error.contains("it became shorter while it was read"), "{error}");
        }
        assert!(project.runs().unwrap().is_empty());
    }
}

#[test]
fn no_changed_byte_does_harm() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = exported(folder.path());
    let path = folder.path().join("m.gguf");
    let head = bytes.len().min(24_000) as u64;
    let mut taken = 0;
    for number in 0..400_u64 {
        let mut damaged = bytes.clone();
        for place in 0..=number % 3 {
            let draw = random::nth(9, number, 2 * place);
            // Most fields that can be invalid are near the start.
            let at = draw % if number.is_multiple_of(2) { 700 } else { head };
            damaged[at as usize] = (random::nth(9, number, 2 * place + 1) >> 13) as u8;
        }
        std::fs::write(&path, damaged).unwrap();
        let said = refusal(&path);
        taken += usize::from(said == "it was taken");
        assert!(!said.is_empty());
    }
    assert!(taken > 20 && taken < 380, "{taken} of 400 were taken");
}

#[test]
fn an_imported_file_is_a_run_that_writes_and_goes_out_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    for (number, (name, config, tokenizer, arena)) in models(false).into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.gguf"));
        let mut files = TokenizerFiles::from(tokenizer);
        files.chat_template = Some("{{ messages }}".to_owned());
        write(&config.model, &files, &arena, WeightFormat::F32, Some(name), &path);
        let found = Found::look(&path, Some(24)).unwrap();
        assert!(found.notices[0].contains("from 32 to 24 tokens"), "{:?}", found.notices);
        let run = blocking::import(&project, &found, name).unwrap();
        let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
        let ids = trained.tokenizer.encode("The fox sleeps").unwrap();
        assert_eq!(our_logits(&trained.config, &trained.parameters, &ids), our_logits(&config, &arena, &ids));
        let back = folder.path().join(format!("{number}-back.gguf"));
        block_on(gguf::export_trained(&trained, Some(WeightFormat::F32), &back, false, &Yielder::none()))
            .unwrap();
        let [before, after] = [&path, &back].map(|path| std::fs::read(path).unwrap());
        let [before, after] = [&before, &after].map(|bytes| Gguf::read(&path, bytes).unwrap());
        for (one, other) in before.tensors().iter().zip(after.tensors()) {
            if one.info.name == "position_embd.weight" {
                // The context was shortened.
                assert_eq!(other.bytes(), &one.bytes()[..other.bytes().len()]);
            } else {
                assert_eq!((&one.info, one.bytes()), (&other.info, other.bytes()), "{name}");
            }
        }
        let tokenizer_keys = |file: &Gguf<'_>| {
            let keys = file.metadata().entries().iter().filter(|(key, _)| key.starts_with("tokenizer."));
            keys.map(|(key, value)| (key.to_string(), format!("{value:?}"))).collect::<Vec<_>>()
        };
        assert_eq!(tokenizer_keys(&before), tokenizer_keys(&after), "{name}");
        let transformers = folder.path().join(format!("{number}-folder"));
        block_on(glasshouse_engine::formats::huggingface::export_trained(
            &trained,
            None,
            &transformers,
            false,
            &Yielder::none(),
        ))
        .unwrap();
        let again = Found::look(&transformers, None).unwrap();
        assert_eq!(again.weights().unwrap(), trained.parameters, "{name}");
    }
}

/// The largest difference between our logits and the referee's at all positions, and the referee's largest logit.
pub fn furthest(config: &RunConfig, arena: &[f32], expected: &Json) -> (f64, f64) {
    let ids: Vec<u32> = serde_json::from_value(expected["ids"].clone()).unwrap();
    let theirs: Vec<Vec<f64>> = serde_json::from_value(expected["logits"].clone()).unwrap();
    let ours = our_logits(config, arena, &ids);
    assert_eq!((ours.len(), ours[0].len()), (theirs.len(), theirs[0].len()));
    let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
    let worst = pairs.map(|(ours, theirs)| (f64::from(*ours) - theirs).abs()).fold(0.0, f64::max);
    (worst, theirs.iter().flatten().fold(0.0, |largest, logit| largest.max(logit.abs())))
}

#[test]
fn python_files_of_the_gguf_package_hold_the_models_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    output_of(python("make_gguf.py").arg(folder.path()));
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let expected = read_json(&folder.path().join("expected.json"));
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 14);
    for (name, expected) in expected {
        let found = Found::look(&folder.path().join(format!("{name}.gguf")), None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(expected["class"], found.family.class, "{name}");
        let notices = usize::from(name.ends_with("longrope"));
        assert_eq!(found.notices.len(), notices, "{name}: {:?}", found.notices);
        let trained =
            blocking::load(blocking::import(&project, &found, name).unwrap(), &CheckpointChoice::Best)
                .unwrap();
        let (worst, largest) = furthest(&trained.config, &trained.parameters, expected);
        assert!(worst < 2e-4, "{name}: logits differ by {worst} of {largest}");
        for text in expected["texts"].as_array().unwrap() {
            let ids = trained.tokenizer.encode(text["text"].as_str().unwrap()).unwrap();
            assert_eq!(json!(ids), text["ids"], "{name}: {}", text["text"]);
        }
        let end = expected["end"].as_u64().map(|end| end as u32);
        assert_eq!(trained.tokenizer.end_of_text(), end, "{name}");
        assert_eq!(json!(trained.tokenizer.encode_prompt("The").unwrap()), expected["prompt"], "{name}");
    }
}

#[test]
fn python_transformers_agrees_on_every_architecture_that_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    // transformers gives Phi-3 a padding token that small vocabularies lack, and knows no Granite and OLMo 2. Of the others, it
    // ignores these keys: GPT-2's positions and MLP width (it assumes 1,024 and four times the model's width), Qwen3's head size
    // (128), and Llama's biases and scaled positions.
    let plain = |model: &ModelConfig, name: &str| match name {
        "llama" => {
            let is_scaled = matches!(&model.position, Position::Rope(Rope { scaling: Some(_), .. }));
            !model.bias.any() && !is_scaled
        }
        name => name == "qwen2",
    };
    let mut all: Vec<_> =
        models(true).into_iter().filter(|(name, config, ..)| plain(&config.model, name)).collect();
    let (config, tokenizer, arena) = small("gpt2-124m", |config| {
        let model = &mut config.model;
        (model.width, model.head_size, model.mlp.hidden, model.context_length) = (64, 16, 256, 1024);
    });
    all.push(("gpt2", config, tokenizer, arena));
    let (config, tokenizer, arena) = small("llama-tiny", |config| {
        (config.model.qk_norm, config.model.head_size) = (true, 128);
    });
    all.push(("qwen3", config, tokenizer, arena));
    for (number, (name, config, tokenizer, arena)) in all.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.gguf"));
        write(&config.model, &tokenizer.into(), &arena, WeightFormat::F32, Some(name), &path);
        files.push((name, config, arena, path));
    }
    let mut command = python("check_gguf_models.py");
    command.args(files.iter().map(|(.., path)| path));
    let said: Vec<Json> = serde_json::from_slice(&output_of(&mut command)).unwrap();
    assert_eq!(said.len(), files.len());
    for ((name, config, arena, path), said) in files.iter().zip(&said) {
        let (worst, largest) = furthest(config, arena, said);
        assert!(worst < 2e-4, "{name} {}: logits differ by {worst} of {largest}", path.display());
    }
}
