//! SentencePiece's BPE (`llama`): pieces with scores; the pair whose result has the highest score is merged first, and characters
//! without a piece are spelled in bytes (Kudo and Richardson 2018). As in transformers, scores are converted to merge ranks, so
//! that the crate's BPE gives the same result.

use super::read::{Listed, Parts};
use super::{BEGINS_KEY, PREFIX_KEY, SCORES_KEY, TokenType};
use crate::gguf::Metadata;
use glasshouse_protocol::order;
use glasshouse_text::tokenizer::shape::bpe_model;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// SentencePiece's space.
const SPACE: &str = "▁";
/// Maximum bytes of a piece, because every split of it is tried. Published ones have about 50.
const MAX_PIECE_BYTES: usize = 1024;

/// Builds the `tokenizer.json`.
pub(super) fn tokenizer(metadata: &Metadata<'_>, listed: &Listed<'_>) -> Result<Value, String> {
    let scores = scores(metadata, listed)?;
    if let Some(piece) = listed.tokens.iter().find(|piece| piece.len() > MAX_PIECE_BYTES) {
        return Err(format!("a token has {} bytes; at most {MAX_PIECE_BYTES} are read", piece.len()));
    }
    let spelt = listed.types.iter().filter(|ty| **ty == TokenType::Byte).count() == 256;
    let mut model = bpe_model(&listed.ids(|id| listed.tokens[id].to_owned()), &merges(listed, &scores));
    model["unk_token"] = json!(listed.special("unk_token").map(|id| listed.tokens[id]));
    model["fuse_unk"] = json!(true);
    model["byte_fallback"] = json!(spelt);
    let prefix = metadata.flag(PREFIX_KEY)?.unwrap_or(true);
    let begins = metadata.flag(BEGINS_KEY)?.unwrap_or(true);
    let mut normalizers = vec![json!({ "type": "Replace", "pattern": { "String": " " }, "content": SPACE })];
    let mut decoders = vec![
        json!({ "type": "Replace", "pattern": { "String": SPACE }, "content": " " }),
        json!({ "type": "ByteFallback" }),
        json!({ "type": "Fuse" }),
    ];
    if prefix {
        normalizers.insert(0, json!({ "type": "Prepend", "prepend": SPACE }));
        decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    let parts = Parts {
        normalizer: json!({ "type": "Sequence", "normalizers": normalizers }),
        pre_tokenizer: Value::Null,
        decoder: json!({ "type": "Sequence", "decoders": decoders }),
        model,
    };
    Ok(listed.assemble(&parts, begins))
}

fn scores(metadata: &Metadata<'_>, listed: &Listed<'_>) -> Result<Vec<f64>, String> {
    let array = metadata.array(SCORES_KEY)?.ok_or_else(|| format!("it has no {SCORES_KEY}"))?;
    // Tokens that pad the embedding were dropped.
    let scores: Option<Vec<f64>> =
        array.items().take(listed.tokens.len()).map(|score| score.to_float()).collect();
    match scores {
        Some(scores) if scores.len() == listed.tokens.len() => Ok(scores),
        Some(scores) => {
            Err(format!("{SCORES_KEY} has {} entries for {} tokens", scores.len(), listed.tokens.len()))
        }
        None => Err(format!("{SCORES_KEY} does not hold floating-point numbers")),
    }
}

/// Every pair of pieces that forms a piece, by descending score.
fn merges(listed: &Listed<'_>, scores: &[f64]) -> Value {
    let ids: HashMap<&str, usize> =
        listed.tokens.iter().enumerate().map(|(id, piece)| (*piece, id)).collect();
    let mut merges = Vec::new();
    for (piece, score) in listed.tokens.iter().zip(scores) {
        let first = merges.len();
        for (at, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(at);
            if let (Some(one), Some(other)) = (ids.get(left), ids.get(right)) {
                merges.push((*score, [scores[*one], scores[*other]], left, right));
            }
        }
        // Of several pairs for one piece, those with better parts come first.
        let falling = |a: &[f64; 2], b: &[f64; 2]| b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1]));
        order::sort_by(&mut merges[first..], |(_, a, ..), (_, b, ..)| falling(a, b));
    }
    order::sort_by(&mut merges, |(a, ..), (b, ..)| b.total_cmp(a));
    merges.into_iter().map(|(_, _, left, right)| json!([left, right])).collect()
}

/// How a tokenizer treats the space that llama.cpp puts before texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Never,
    /// Before every text between special tokens.
    Always,
    /// Not before texts that begin with a space.
    Missing,
    /// As [`Self::Missing`], and only at the start.
    First,
}

/// The space before texts of a `tokenizer.json` with SentencePiece's BPE and spaces as `▁`; `None` for other tokenizers.
pub(super) fn prefix(json: &Value) -> Option<Prefix> {
    let model = &json["model"];
    if model["byte_fallback"] != true
        || model["ignore_merges"] == true
        || !model["continuing_subword_prefix"].as_str().unwrap_or_default().is_empty()
        || !model["end_of_word_suffix"].as_str().unwrap_or_default().is_empty()
    {
        return None;
    }
    let replaces = |part: &Value| {
        part["type"] == "Replace" && part["pattern"]["String"] == " " && part["content"] == SPACE
    };
    let prepends = |part: &Value| part["type"] == "Prepend" && part["prepend"] == SPACE;
    let normalizers = match json["normalizer"]["normalizers"].as_array() {
        Some(all) => all.as_slice(),
        None if json["normalizer"].is_null() => &[],
        None => std::slice::from_ref(&json["normalizer"]),
    };
    let before = &json["pre_tokenizer"];
    // Words begin with their space, so that they are whole words only if no piece has one within it.
    let has_inner = |piece: &String| piece.chars().skip(1).any(|letter| SPACE.starts_with(letter));
    let keeps_words = || model["vocab"].as_object().is_some_and(|vocab| !vocab.keys().any(has_inner));
    match (normalizers, before["type"].as_str()) {
        ([first, second], None) if prepends(first) && replaces(second) => Some(Prefix::Always),
        ([only], None) if replaces(only) => Some(Prefix::Never),
        // No space is left to split at.
        ([only], Some("Split")) if replaces(only) && before["pattern"]["String"] == " " => {
            Some(Prefix::Never)
        }
        ([], Some("Metaspace"))
            if before["replacement"] == SPACE && (before["split"] == false || keeps_words()) =>
        {
            match before["prepend_scheme"].as_str() {
                Some("never") => Some(Prefix::Never),
                Some("first") => Some(Prefix::First),
                _ => Some(Prefix::Missing),
            }
        }
        _ => None,
    }
}

/// The type of a token of the model's own.
pub(super) fn type_of(token: &str) -> TokenType {
    let hex = token.strip_prefix("<0x").and_then(|token| token.strip_suffix('>'));
    match hex.is_some_and(|hex| hex.len() == 2 && u8::from_str_radix(hex, 16).is_ok()) {
        true => TokenType::Byte,
        false => TokenType::Normal,
    }
}

/// The score of each token of a `tokenizer.json`: minus the rank of the first merge that forms it. Characters and pieces that no merge
/// forms follow. Pieces whose merges take turns have the same score. The error names a pair that llama.cpp, which merges whatever forms a
/// piece, would merge, unlike this tokenizer, or a missing byte.
pub(super) fn from_merges(json: &Value, listed: &[(String, TokenType)]) -> Result<Vec<f32>, String> {
    let mut bytes = [false; 256];
    for (token, _) in listed.iter().filter(|(_, ty)| *ty == TokenType::Byte) {
        let byte = token.get(3..5).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or_default();
        bytes[usize::from(byte)] = true;
    }
    if let Some(missing) = bytes.iter().position(|known| !known) {
        return Err(format!(
            "it has no token <0x{missing:02X}>, which llama.cpp needs for unknown characters"
        ));
    }
    let merges = json["model"]["merges"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs: Vec<(&str, &str)> =
        merges.iter().filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?))).collect();
    let known: HashSet<(&str, &str)> = pairs.iter().copied().collect();
    let mut ranks: HashMap<String, [usize; 2]> = HashMap::new();
    for (rank, (left, right)) in pairs.iter().enumerate() {
        ranks.entry([*left, *right].concat()).or_insert([rank; 2])[1] = rank;
    }
    let normal = || listed.iter().filter(|(_, ty)| *ty == TokenType::Normal).map(|(token, _)| token.as_str());
    let own: HashSet<&str> = normal().collect();
    let is_symbol =
        |part: &str| own.contains(part) && (ranks.contains_key(part) || part.chars().nth(1).is_none());
    for piece in normal() {
        if piece.len() > MAX_PIECE_BYTES {
            return Err(format!("a token has {} bytes; at most {MAX_PIECE_BYTES} can be read", piece.len()));
        }
        let mut splits = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
        let missing = splits.find(|pair| !known.contains(pair) && is_symbol(pair.0) && is_symbol(pair.1));
        if let Some((left, right)) = missing {
            return Err(format!(
                "llama.cpp would merge `{left}` and `{right}`, which this tokenizer does not"
            ));
        }
    }
    // Pieces in order of their first merge; those before the last merge of an earlier one have its score.
    let mut order: Vec<(&String, &[usize; 2])> = ranks.iter().collect();
    order.sort_unstable_by_key(|(_, [first, _])| *first);
    let (mut scores, mut tied, mut end) = (HashMap::new(), 0, None);
    for (piece, [first, last]) in order {
        if end.is_none_or(|end| *first > end) {
            tied = *first;
        }
        end = end.max(Some(*last));
        scores.insert(piece.as_str(), -(tied as f32));
    }
    let score = |(id, (token, ty)): (usize, &(String, TokenType))| match ty {
        TokenType::Normal => scores.get(token.as_str()).copied().unwrap_or(-((pairs.len() + id) as f32)),
        _ => 0.0,
    };
    Ok(listed.iter().enumerate().map(score).collect())
}
