//! Converts a file's vocabulary to a tokenizer.

use super::pre_tokenizers::{DEFAULT, PreTokenizer};
use super::{
    BEGINS_KEY, ENDS_KEY, MERGES_KEY, MODEL_KEY, OTHER_ENDS, PRE_KEY, PURPOSES, TEMPLATE_KEY, TOKENS_KEY,
    TYPES_KEY, TokenType, scores,
};
use crate::gguf::{Gguf, Metadata};
use glasshouse_platform::{Error, Result};
use glasshouse_text::tokenizer::TokenizerFiles;
use glasshouse_text::tokenizer::bytes::ByteOf;
use glasshouse_text::tokenizer::shape::{bpe_model, byte_level, fuse};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// The tokenizer of a file, with its special tokens and chat template. Fails if its algorithm or pre-tokenizer is not supported, or its
/// lists are inconsistent; the error names it.
pub fn tokenizer(file: &Gguf<'_>) -> Result<TokenizerFiles> {
    parse(file.metadata()).map_err(|reason| Error::bad_file(file.path(), reason))
}

/// Notices about tokenizer settings that are ignored or assumed.
pub fn notices(metadata: &Metadata<'_>) -> Result<Vec<String>, String> {
    let ends = metadata.flag(ENDS_KEY)? == Some(true);
    let unsplit = metadata.text(MODEL_KEY)? == Some("gpt2") && metadata.text(PRE_KEY)?.is_none();
    // llama.cpp appends it to prompts as well.
    let ends = ends
        .then(|| format!("{ENDS_KEY} is true and was ignored: no end-of-text token is added after a prompt"));
    let unsplit = unsplit.then(|| {
        format!(
            "the file has no {PRE_KEY}, which says how text is split into words: llama.cpp's default is used, and the model's text may \
             become worse; convert the model again with a newer llama.cpp"
        )
    });
    Ok(ends.into_iter().chain(unsplit).collect())
}

fn parse(metadata: &Metadata<'_>) -> Result<TokenizerFiles, String> {
    let listed = Listed::from_metadata(metadata)?;
    let json = match metadata.text(MODEL_KEY)? {
        Some("gpt2") => byte_pairs(metadata, &listed)?,
        Some("llama") => scores::tokenizer(metadata, &listed)?,
        Some(other) => {
            return Err(format!(
                "its {MODEL_KEY} is `{other}`; gpt2 (byte-level BPE) and llama (BPE by scores) can be imported"
            ));
        }
        None => return Err(format!("it has no {MODEL_KEY}: a model without a tokenizer cannot be imported")),
    };
    let mut settings = Map::new();
    settings.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    settings.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
    for (purpose, id) in &listed.special {
        settings.insert((*purpose).to_owned(), json!(listed.tokens[*id]));
    }
    let mut ends: Vec<usize> = listed.special("eos_token").into_iter().collect();
    for key in OTHER_ENDS {
        let id = listed.id(metadata, key)?;
        ends.extend(id.filter(|id| !ends.contains(id)));
    }
    // A single one is already `eos_token`.
    let ends = if ends.len() > 1 { ends.iter().map(|id| *id as u32).collect() } else { Vec::new() };
    TokenizerFiles::from_json(&json, settings, &ends, metadata.text(TEMPLATE_KEY)?.map(str::to_owned))
}

pub(super) struct Listed<'file> {
    pub tokens: Vec<&'file str>,
    pub types: Vec<TokenType>,
    /// Purpose and id of special tokens.
    pub special: Vec<(&'static str, usize)>,
}

impl<'file> Listed<'file> {
    fn from_metadata(metadata: &'file Metadata<'_>) -> Result<Self, String> {
        let array = metadata.array(TOKENS_KEY)?.ok_or_else(|| format!("it has no {TOKENS_KEY}"))?;
        let strings = array.strings().ok_or_else(|| format!("{TOKENS_KEY} does not hold strings"))?;
        let mut tokens: Vec<&str> = strings.collect();
        let mut types = match metadata.array(TYPES_KEY)? {
            None => vec![TokenType::Normal; tokens.len()],
            Some(types) if types.len() == tokens.len() => {
                let ty = |number: Option<u64>| number.and_then(TokenType::from_number);
                let types = types.items().map(|item| ty(item.to_count()).ok_or(item));
                types
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|item| format!("{TYPES_KEY} holds {item:?}; types are 1 to 6"))?
            }
            Some(types) => {
                let (types, tokens) = (types.len(), tokens.len());
                return Err(format!("{TYPES_KEY} has {types} entries, but {TOKENS_KEY} has {tokens}"));
            }
        };
        // Drop unused tokens that pad the embedding to a round number of rows.
        let known = types.iter().rposition(|ty| *ty != TokenType::Unused).map_or(0, |last| last + 1);
        tokens.truncate(known);
        types.truncate(known);
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            if let Some(before) = ids.insert(*token, id) {
                return Err(format!("{TOKENS_KEY}: {before} and {id} are both `{token}`"));
            }
        }
        let mut listed = Self { tokens, types, special: Vec::new() };
        for (key, purpose) in PURPOSES {
            let id = listed.id(metadata, key)?;
            listed.special.extend(id.map(|id| (purpose, id)));
        }
        Ok(listed)
    }

    /// The token id under a key. Like in llama.cpp, nonexistent ids are ignored; some files use them for "none".
    fn id(&self, metadata: &Metadata<'_>, key: &str) -> Result<Option<usize>, String> {
        let id = metadata.count(key)?.and_then(|id| usize::try_from(id).ok());
        Ok(id.filter(|id| *id < self.tokens.len()))
    }

    /// Id of a special token by purpose.
    pub fn special(&self, purpose: &str) -> Option<usize> {
        self.special.iter().find(|(known, _)| *known == purpose).map(|(_, id)| *id)
    }

    /// Ids of the model's own tokens in `tokenizer.json`, with strings from `spelt`; added tokens after the last of them are not included.
    pub fn ids(&self, mut spelt: impl FnMut(usize) -> String) -> Value {
        let own = self.types.iter().rposition(|ty| !ty.is_added()).map_or(0, |last| last + 1);
        Value::Object((0..own).map(|id| (spelt(id), json!(id))).collect())
    }

    /// Builds a `tokenizer.json`. Control, unknown and user-defined tokens are matched in texts first.
    pub fn assemble(&self, parts: &Parts, begins: bool) -> Value {
        let added: Vec<Value> = self
            .tokens
            .iter()
            .zip(&self.types)
            .enumerate()
            .filter(|(_, (_, ty))| ty.is_added())
            .map(|(id, (token, ty))| {
                let special = *ty != TokenType::UserDefined;
                json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": special,
                })
            })
            .collect();
        let first = self.special("bos_token").filter(|_| begins).map(|id| (self.tokens[id], id));
        let post_processor = first.map(|(token, id)| {
            let (special, first) = (json!({ "SpecialToken": { "id": token, "type_id": 0 } }), "A");
            let text = |name: &str, number: u32| json!({ "Sequence": { "id": name, "type_id": number } });
            json!({
                "type": "TemplateProcessing",
                "single": [special, text(first, 0)],
                "pair": [special, text(first, 0), { "SpecialToken": { "id": token, "type_id": 1 } }, text("B", 1)],
                "special_tokens": { token: { "id": token, "ids": [id], "tokens": [token] } },
            })
        });
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer, "post_processor": post_processor,
            "decoder": parts.decoder, "model": parts.model,
        })
    }
}

/// The parts that differ between kinds of tokenizers.
pub(super) struct Parts {
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub decoder: Value,
    pub model: Value,
}

/// Byte-level BPE, including our own byte and character vocabularies.
fn byte_pairs(metadata: &Metadata<'_>, listed: &Listed<'_>) -> Result<Value, String> {
    let pre = PreTokenizer::named(metadata.text(PRE_KEY)?.unwrap_or(DEFAULT))?;
    let begins = metadata.flag(BEGINS_KEY)?.unwrap_or(pre.begins);
    let spelling = ByteOf::default();
    if let Some(characters) = characters(listed, &spelling) {
        let ids = listed.ids(|id| match characters[id] {
            Some(character) => character.to_string(),
            None => listed.tokens[id].to_owned(),
        });
        let model = bpe_model(&ids, &json!([]));
        let parts = Parts { normalizer: Value::Null, pre_tokenizer: Value::Null, decoder: fuse(), model };
        return Ok(listed.assemble(&parts, begins));
    }
    let merges = merges(metadata, listed, &spelling)?;
    let pre_tokenizer = if merges.is_empty() { byte_level(false) } else { pre.json() };
    let normalizer = if merges.is_empty() { Value::Null } else { pre.normalizer() };
    let mut model = bpe_model(&listed.ids(|id| listed.tokens[id].to_owned()), &Value::Array(merges));
    model["ignore_merges"] = json!(pre.ignore_merges);
    Ok(listed.assemble(&Parts { normalizer, pre_tokenizer, decoder: byte_level(true), model }, begins))
}

/// The character of each normal token, if all stand for a single one (a character vocabulary).
fn characters(listed: &Listed<'_>, spelling: &ByteOf) -> Option<Vec<Option<char>>> {
    let mut any = false;
    let characters = listed.tokens.iter().zip(&listed.types).map(|(token, ty)| {
        if *ty != TokenType::Normal {
            return Some(None);
        }
        any = true;
        let text = String::from_utf8(spelling.bytes(token)?).ok()?;
        let mut characters = text.chars();
        characters.next().filter(|_| characters.next().is_none()).map(Some)
    });
    let characters = characters.collect::<Option<Vec<_>>>();
    characters.filter(|_| any)
}

/// The merges that texts can use, in `tokenizer.json`'s format.
fn merges(metadata: &Metadata<'_>, listed: &Listed<'_>, spelling: &ByteOf) -> Result<Vec<Value>, String> {
    let array = metadata.array(MERGES_KEY)?.ok_or_else(|| format!("it has no {MERGES_KEY}"))?;
    let strings = array.strings().ok_or_else(|| format!("{MERGES_KEY} does not hold strings"))?;
    let tokens: HashSet<&str> = listed.tokens.iter().copied().collect();
    let mut merges = Vec::with_capacity(array.len());
    for (number, merge) in strings.enumerate() {
        // A token may begin with a space, except in byte spelling.
        let space = merge.char_indices().skip(1).find(|(_, letter)| *letter == ' ');
        let Some((left, right)) = space.and_then(|(at, _)| Some((merge.get(..at)?, merge.get(at + 1..)?)))
        else {
            return Err(format!(
                "{MERGES_KEY}: number {number}, `{merge}`, is not two parts separated by a space"
            ));
        };
        let whole = [left, right].concat();
        match [left, right, whole.as_str()].into_iter().find(|part| !tokens.contains(part)) {
            None => merges.push(json!([left, right])),
            // No text is spelled like this.
            Some(_) if spelling.bytes(&whole).is_none() => {}
            Some(missing) => {
                return Err(format!(
                    "{MERGES_KEY}: number {number}, `{merge}`, needs a token `{missing}`, which does not exist"
                ));
            }
        }
    }
    Ok(merges)
}
