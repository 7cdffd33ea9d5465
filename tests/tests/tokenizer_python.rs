//! Every kind of tokenizer against Hugging Face's Python libraries: the same ids, tokens and decoded text for the saved
//! `tokenizer.json`, and for BPE the same merges from the same text.
//!
//! `GLASSHOUSE_PYTHON` names the interpreter; the default is the one that `tests/run` installs.

use glasshouse_engine::data::stories;
use glasshouse_engine::protocol::random::nth;
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_protocol::{PreTokenizerKind, TokenizerConfig, TokenizerKind};
use glasshouse_tests::{blocking, output_of, python};
use serde_json::Value;

const KINDS: [TokenizerKind; 5] = [
    TokenizerKind::Byte,
    TokenizerKind::Char,
    TokenizerKind::Bpe,
    TokenizerKind::WordPiece,
    TokenizerKind::Unigram,
];

/// Parts of the random texts: every UTF-8 length, kinds of white space, contractions, and the text of special tokens.
const PARTS: &[&str] = &[
    "a",
    "the",
    " fox",
    "é",
    "e\u{301}",
    "漢字",
    "あ",
    "😀",
    "👩\u{200d}👧",
    "0",
    "12",
    "½",
    "٣",
    "'s",
    "'LL",
    "'ll",
    "’t",
    "\"",
    ".",
    ",",
    "...",
    "##",
    "#",
    "…",
    "Ġ",
    "_",
    " ",
    " ",
    "  ",
    "    ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\u{85}",
    "\u{7}",
    "\u{1f}",
    "\u{feff}",
    "\u{200b}",
    "<|endoftext|>",
    "<|endoftext",
    "|>",
    "ſ",
    "ß",
    "İ",
    "Ω",
    "𝔘",
    "ᾳ",
];

fn run(arguments: &[&str]) -> Value {
    serde_json::from_slice(&output_of(python("compare_tokenizer.py").args(arguments))).unwrap()
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = (0..400)
        .map(|number| {
            let count = nth(1, number, 0) % 60;
            (1..=count).map(|draw| PARTS[(nth(1, number, draw) % PARTS.len() as u64) as usize]).collect()
        })
        .collect();
    texts.extend(stories::generate(9).take(20));
    // Longer than the encoder's pieces, so that the cuts are tested too.
    texts.push(stories::text(100_000, 3));
    texts.push("no-space-at-all/".repeat(5000));
    texts
}

#[test]
fn ids_tokens_and_text_equal_hugging_faces() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts();
    let texts_path = folder.path().join("texts.json");
    std::fs::write(&texts_path, serde_json::to_vec(&texts).unwrap()).unwrap();
    let mut documents: Vec<String> = stories::generate(1).take(300).collect();
    documents.push(PARTS.concat());
    documents.push("no-space-at-all/".to_owned());
    let kinds = KINDS.map(|kind| (kind, PreTokenizerKind::Gpt2));
    let splits = PreTokenizerKind::ALL[1..].iter().flat_map(|pre_tokenizer| {
        [TokenizerKind::Bpe, TokenizerKind::WordPiece, TokenizerKind::Unigram]
            .map(|kind| (kind, *pre_tokenizer))
    });
    for (kind, pre_tokenizer) in kinds.into_iter().chain(splits) {
        let config = TokenizerConfig {
            special_tokens: vec!["<|user|>".to_owned()],
            pre_tokenizer,
            ..TokenizerConfig::new(kind, 1000)
        };
        let kind = (kind, pre_tokenizer);
        let tokenizer = blocking::train_tokenizer(&config, &documents).unwrap();
        let path = folder.path().join("tokenizer.json");
        tokenizer.save(&path).unwrap();
        let tokenizer = Tokenizer::load(&path).unwrap();
        let theirs = run(&[path.to_str().unwrap(), texts_path.to_str().unwrap()]);
        assert_eq!(theirs["vocabulary"], tokenizer.vocabulary_size(), "{kind:?}");
        for (text, theirs) in texts.iter().zip(theirs["results"].as_array().unwrap()) {
            let (ids, tokens) = tokenizer.encode_tokens(text).unwrap();
            let shown: String = text.chars().take(200).collect();
            assert_eq!(theirs["ids"], serde_json::json!(ids), "{kind:?} {shown:?}");
            assert_eq!(theirs["wrapped_ids"], theirs["ids"], "{kind:?} {shown:?}");
            assert_eq!(theirs["tokens"], serde_json::json!(tokens), "{kind:?} {shown:?}");
            let decoded = tokenizer.decode(&ids);
            assert_eq!(theirs["text"], decoded, "{kind:?}");
            assert_eq!(theirs["wrapped_text"], decoded, "{kind:?}");
            assert_eq!(&decoded, text, "{kind:?}");
        }
        // Arbitrary ids decode the same, including partial characters.
        println!("{kind:?}: {} texts agree with tokenizers {}", texts.len(), theirs["version"]);
    }
}

#[test]
fn merges_equal_hugging_faces() {
    let folder = tempfile::tempdir().unwrap();
    let text = stories::text(300_000, 4) + &PARTS.concat();
    let path = folder.path().join("text.txt");
    std::fs::write(&path, &text).unwrap();
    let config = TokenizerConfig::new(TokenizerKind::Bpe, 1201);
    let tokenizer = blocking::train_tokenizer(&config, [&text]).unwrap();
    let json: Value = serde_json::from_str(&tokenizer.to_json().unwrap()).unwrap();
    let theirs = run(&["--train", "1200", "2", path.to_str().unwrap()]);
    assert_eq!(json["model"]["merges"].as_array().unwrap().len(), theirs.as_array().unwrap().len());
    assert_eq!(json["model"]["merges"], theirs);
}
