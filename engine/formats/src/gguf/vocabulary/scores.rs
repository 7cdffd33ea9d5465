//! SentencePiece's BPE (`llama`): pieces with scores; the pair whose result has the highest score is merged first, and characters
//! without a piece are spelled in bytes (Kudo and Richardson 2018). As in transformers, scores are converted to merge ranks, so
//! that the crate's BPE gives the same result.

use super::read::{Listed, Parts};
use super::{BEGINS_KEY, PREFIX_KEY, SCORES_KEY, TokenType};
use crate::gguf::Metadata;
use glasshouse_protocol::order;
use glasshouse_text::tokenizer::shape::bpe_model;
use serde_json::{Value, json};
use std::collections::HashMap;

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
