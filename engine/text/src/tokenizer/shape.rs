//! Parts of a `tokenizer.json`: writes ours, and detects in any file the properties we rely on (token spelling, safe split positions).

use super::bytes::ByteOf;
use super::cut::{Cut, CutRule};
use super::words::{WordRule, flat};
use serde_json::{Value, json};

/// Prefix of WordPiece tokens that continue a word. It is not part of the byte alphabet, so text can contain BERT's `##`.
pub(super) const CONTINUES: &str = "…";

/// Maximum characters of a WordPiece word: enough for 32 characters of 4 bytes and a space.
const MAX_WORD_CHARACTERS: usize = 256;

/// More ids than any model has.
pub(super) const MAX_VOCABULARY: usize = 1 << 24;

/// Builds one of our `tokenizer.json` files. `special` tokens get ids from `first_special` on.
pub(super) fn assemble(
    model: &Value,
    pre_tokenizer: &Value,
    decoder: &Value,
    special: &[String],
    first_special: usize,
) -> Value {
    let added: Vec<Value> = special
        .iter()
        .enumerate()
        .map(|(index, content)| {
            json!({
                "id": first_special + index, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": decoder, "model": model,
    })
}

pub fn byte_level(use_regex: bool) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex })
}

pub fn fuse() -> Value {
    json!({ "type": "Fuse" })
}

/// Removes the continuation prefix, then joins bytes.
pub(super) fn word_piece_decoder() -> Value {
    let replace = json!({ "type": "Replace", "pattern": { "String": CONTINUES }, "content": "" });
    json!({ "type": "Sequence", "decoders": [replace, byte_level(true)] })
}

pub fn bpe_model(vocabulary: &Value, merges: &Value) -> Value {
    json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": merges,
    })
}

pub(super) fn word_piece_model(vocabulary: &Value) -> Value {
    json!({
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": CONTINUES,
        "max_input_chars_per_word": MAX_WORD_CHARACTERS, "vocab": vocabulary,
    })
}

pub(super) fn unigram_model(vocabulary: &Value) -> Value {
    json!({ "type": "Unigram", "unk_id": null, "vocab": vocabulary, "byte_fallback": false })
}

/// How a token's string encodes bytes.
pub(super) enum Spelling {
    /// The token's own UTF-8.
    Plain,
    /// GPT-2's alphabet, with an optional continuation prefix that encodes nothing.
    ByteLevel(ByteOf, Option<String>),
}

impl Spelling {
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        match self {
            Self::Plain => token.as_bytes().to_vec(),
            Self::ByteLevel(table, mark) => {
                let token = match mark {
                    Some(mark) => token.replace(mark.as_str(), ""),
                    None => token.to_owned(),
                };
                table.bytes(&token).unwrap_or_else(|| token.into_bytes())
            }
        }
    }
}

/// The properties of a tokenizer that we rely on.
pub(super) struct Shape {
    pub cut: Cut,
    pub words: Option<WordRule>,
    pub spelling: Option<Spelling>,
    pub drops_unknown: bool,
    pub unknown: Option<String>,
}

/// Rejects files on which the `tokenizers` crate would fail without an error.
pub(super) fn check(json: &Value) -> Result<(), String> {
    let model = &json["model"];
    if !model.is_object() {
        return Err("not a tokenizer.json: it has no `model`".to_owned());
    }
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    if model["type"] != "WordPiece" && !prefix.is_empty() {
        return Err(format!("its model joins subwords by the prefix `{prefix}`, which is not supported"));
    }
    let vocabulary = &model["vocab"];
    let ids = vocabulary.as_object().into_iter().flatten().map(|(_, id)| id);
    let added = json["added_tokens"].as_array().map_or(&[][..], Vec::as_slice);
    // The largest id determines a table's size, so it must be bounded by the file's length. Published vocabularies have only short gaps.
    let entries = vocabulary.as_object().map_or(0, serde_json::Map::len)
        + vocabulary.as_array().map_or(0, Vec::len)
        + added.len();
    let bound = (2 * entries + 1024).min(MAX_VOCABULARY) as u64;
    let mut ids = ids.chain(added.iter().map(|token| &token["id"]));
    match ids.find(|id| id.as_u64().is_none_or(|id| id >= bound)) {
        Some(id) => Err(format!("token id {id} must be below {bound} in a vocabulary of {entries} entries")),
        None => Ok(()),
    }
}

/// Detects the spelling of tokens and the safe split positions of a `tokenizer.json`.
pub(super) fn recognise(json: &Value) -> Shape {
    let (model, pre_tokenizer, decoder) = (&json["model"], &json["pre_tokenizer"], &json["decoder"]);
    let added = json["added_tokens"].as_array().map_or(&[][..], Vec::as_slice);
    let contents: Vec<&str> = added.iter().filter_map(|token| token["content"].as_str()).collect();
    let plain_added = added.iter().all(|token| {
        ["single_word", "lstrip", "rstrip", "normalized"].iter().all(|flag| token[*flag] == false)
    }) && contents.iter().all(|content| !content.contains(char::is_whitespace));
    let without_merges = model["type"] == "BPE" && model["merges"].as_array().is_some_and(Vec::is_empty);
    let deterministic = model["dropout"].is_null();
    let is_plain = json["normalizer"].is_null() && plain_added && deterministic;
    let words = WordRule::find(pre_tokenizer).filter(|_| is_plain);
    let rule = if !is_plain {
        CutRule::Never
    } else if without_merges
        && model["end_of_word_suffix"].is_null()
        && ["fuse_unk", "ignore_merges"].iter().all(|joins| model[*joins] != true)
        && (pre_tokenizer.is_null() || flat(pre_tokenizer) == flat(&byte_level(false)))
    {
        CutRule::Anywhere
    } else {
        words.map_or(CutRule::Never, WordRule::cut)
    };
    let spelling = match decoder["type"].as_str() {
        Some("Fuse") => Some(Spelling::Plain),
        Some("ByteLevel") => Some(Spelling::ByteLevel(ByteOf::default(), None)),
        Some("Sequence") if *decoder == word_piece_decoder() => {
            Some(Spelling::ByteLevel(ByteOf::default(), Some(CONTINUES.to_owned())))
        }
        _ => None,
    };
    let drops_unknown = without_merges && pre_tokenizer.is_null() && model["unk_token"].is_null();
    Shape {
        cut: Cut { rule, special: contents.into_iter().map(str::to_owned).collect() },
        words,
        spelling,
        drops_unknown,
        unknown: model["unk_token"].as_str().map(str::to_owned).or_else(|| {
            let at = usize::try_from(model["unk_id"].as_u64()?).ok()?;
            model["vocab"][at][0].as_str().map(str::to_owned)
        }),
    }
}
