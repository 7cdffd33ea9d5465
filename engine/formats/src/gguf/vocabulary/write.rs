//! Converts a tokenizer to a file's vocabulary.

use super::pre_tokenizers::PreTokenizer;
use super::scores::{self, Prefix};
use super::{
    BEGINS_KEY, MERGES_KEY, MODEL_KEY, NO_MERGE, OTHER_ENDS, PRE_KEY, PREFIX_KEY, PURPOSES, SCORES_KEY,
    TEMPLATE_KEY, TOKENS_KEY, TYPES_KEY, TokenType,
};
use crate::gguf::{Array, Metadata, Value as Stored};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::order;
use glasshouse_text::tokenizer::TokenizerFiles;
use glasshouse_text::tokenizer::bytes::alphabet;
use glasshouse_text::tokenizer::shape::fuse;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A tokenizer whose keys were appended.
pub struct Pushed {
    /// Notices for the user, one line each.
    pub notices: Vec<String>,
    /// Whether its special tokens drop the white space after them like Phi-3's.
    pub strips_like_phi3: bool,
}

/// Appends a tokenizer's keys, with a token for each row of the embedding; missing tokens are filled with unused ones. Fails with
/// [`Error::Refused`] if llama.cpp does not support the algorithm or pre-tokenizer.
pub fn push_tokenizer(files: &TokenizerFiles, rows: usize, metadata: &mut Metadata<'_>) -> Result<Pushed> {
    let json: Value = serde_json::from_slice(files.tokenizer.to_json()?.as_bytes())
        .map_err(|error| Error::Internal(format!("tokenizer from JSON: {error}")))?;
    let form = TokenizerForm::from_json(&json).map_err(Error::Refused)?;
    let listed = listed(files, &json, rows, &form)?;
    let end = files.tokenizer.end_of_text();
    let begins = files.tokenizer.begins();
    if begins.len() > 1 {
        return Err(Error::Refused(format!(
            "this tokenizer puts {} tokens before each text; GGUF has a place for one",
            begins.len()
        )));
    }
    let special = |purpose: &str| match purpose {
        "eos_token" => end,
        "bos_token" => begins.first().copied().or_else(|| files.special(purpose)).or(end),
        _ => files.special(purpose),
    };
    let others: Vec<u32> = files.tokenizer.ends().into_iter().skip(1).collect();
    let special: Vec<_> = PURPOSES
        .into_iter()
        .filter_map(|(key, purpose)| Some((key, special(purpose)?)))
        .chain(OTHER_ENDS.into_iter().zip(others.iter().copied()))
        .collect();
    let mut push =
        |key: &'static str, value: Stored<'static>| metadata.push(key, value).map_err(Error::Internal);
    push(MODEL_KEY, if let TokenizerForm::Scores(_) = form { "llama" } else { "gpt2" }.into())?;
    push(PRE_KEY, form.name().into())?;
    push(TOKENS_KEY, Array::new(listed.iter().map(|(token, _)| token.as_str())).into())?;
    push(TYPES_KEY, Array::new(listed.iter().map(|(_, ty)| *ty as i32)).into())?;
    if let TokenizerForm::Scores(prefix) = form {
        let scores = scores::from_merges(&json, &listed).map_err(|reason| {
            Error::Refused(format!(
                "this tokenizer cannot be written as GGUF: {reason}; export a Hugging Face folder"
            ))
        })?;
        push(SCORES_KEY, Array::new(scores).into())?;
        push(PREFIX_KEY, (prefix != Prefix::Never).into())?;
    } else {
        let merges = form.merges(&json, &listed);
        push(MERGES_KEY, Array::new(merges.iter().map(String::as_str)).into())?;
    }
    for (key, id) in special {
        push(key, id.into())?;
    }
    push(BEGINS_KEY, (!begins.is_empty()).into())?;
    if let Some(template) = &files.chat_template {
        push(TEMPLATE_KEY, template.clone().into())?;
    }
    // llama.cpp's default if the key is missing.
    let id = if let TokenizerForm::Scores(_) = form { 2 } else { 11 };
    let default = listed.get(id).filter(|_| end.is_none()).map(|(token, _)| {
        format!("this vocabulary has no end-of-text token; llama.cpp uses token {id}, `{token}`")
    });
    let spaces = match form {
        TokenizerForm::Scores(Prefix::First) => Some(
            "llama.cpp puts a space before every text, also after special tokens; this tokenizer only at the start",
        ),
        TokenizerForm::Scores(Prefix::Missing) => {
            Some("llama.cpp puts a space also before texts that begin with one, unlike this tokenizer")
        }
        _ => None,
    };
    let (strips_like_phi3, stripping) = strips(&json);
    let lost = others.get(OTHER_ENDS.len()..).filter(|lost| !lost.is_empty()).map(|lost| {
        let names: Vec<String> = lost.iter().filter_map(|id| files.tokenizer.token(*id)).collect();
        format!(
            "GGUF has keys for three tokens that end a text; {} will not end one in llama.cpp",
            names.join(", ")
        )
    });
    let notices = default.into_iter().chain(lost).chain(spaces.map(str::to_owned)).chain(stripping).collect();
    Ok(Pushed { notices, strips_like_phi3 })
}

/// Whether the special tokens drop the white space after them as llama.cpp assumes of models named after Phi-3; otherwise a notice if some
/// do.
fn strips(json: &Value) -> (bool, Option<String>) {
    let added = json["added_tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut stripping = added.iter().filter(|token| token["rstrip"] == true).peekable();
    let Some(first) = stripping.peek() else { return (false, None) };
    let has = |name: &str| added.iter().any(|token| token["content"] == name);
    let never = ["<unk>", "<s>", "<|endoftext|>"];
    let like_phi3 = never.into_iter().chain(["</s>"]).all(has)
        && added.iter().all(|token| {
            let strips = !never.iter().any(|name| token["content"] == *name);
            (token["rstrip"] == true) == strips
        });
    let notice = format!(
        "{} and others drop the white space after them, which llama.cpp keeps",
        first["content"].as_str().unwrap_or_default()
    );
    (like_phi3, (!like_phi3).then_some(notice))
}

/// The kind of a tokenizer that a file can represent.
enum TokenizerForm {
    /// Characters; those outside the vocabulary are dropped.
    Characters,
    /// The 256 bytes without merges.
    Bytes,
    /// Byte-level BPE.
    Words(&'static PreTokenizer),
    /// SentencePiece's BPE.
    Scores(Prefix),
}

impl TokenizerForm {
    fn from_json(json: &Value) -> std::result::Result<Self, String> {
        let model = &json["model"];
        let kind = model["type"].as_str().unwrap_or_default();
        if kind != "BPE" {
            return Err(format!(
                "a {kind} tokenizer cannot be written as GGUF for llama.cpp's models; byte-level BPE, SentencePiece's BPE, bytes and characters can"
            ));
        }
        let plain = model["merges"].as_array().is_none_or(Vec::is_empty);
        let bytes = json["decoder"]["type"] == "ByteLevel";
        if plain && json["normalizer"].is_null() {
            if json["pre_tokenizer"].is_null() && json["decoder"] == fuse() {
                return Ok(Self::Characters);
            }
            if bytes
                && json["pre_tokenizer"]["type"] == "ByteLevel"
                && json["pre_tokenizer"]["add_prefix_space"] == false
            {
                return Ok(Self::Bytes);
            }
        }
        let known = match bytes {
            true => PreTokenizer::find(json).map(Self::Words),
            false => scores::prefix(json).map(Self::Scores),
        };
        known.ok_or_else(|| {
            "this tokenizer splits text in a way that llama.cpp does not know, so its GGUF would be read differently; export a Hugging \
             Face folder"
                .to_owned()
        })
    }

    fn name(&self) -> &'static str {
        match self {
            // Its words never split characters or bytes.
            Self::Characters | Self::Bytes => "gpt-2",
            Self::Words(known) => known.names.first().copied().unwrap_or_default(),
            Self::Scores(_) => "default",
        }
    }

    /// The merges; llama.cpp requires at least one.
    fn merges(&self, json: &Value, listed: &[(String, TokenType)]) -> Vec<String> {
        let mut merges: Vec<String> = match self {
            Self::Bytes | Self::Scores(_) => Vec::new(),
            Self::Characters => {
                // Merges the bytes of a character in order. No lead byte is a continuation byte.
                let spelt = listed.iter().filter(|(_, ty)| *ty == TokenType::Normal);
                let pairs = spelt.flat_map(|(token, _)| {
                    let letters: Vec<char> = token.chars().collect();
                    let part = move |end: usize| {
                        let (left, right) = (letters[..end].iter().collect::<String>(), letters[end]);
                        (end, format!("{left} {right}"))
                    };
                    (1..token.chars().count()).map(part)
                });
                order::distinct(pairs).into_iter().map(|(_, pair)| pair).collect()
            }
            Self::Words(_) => {
                let merges = json["model"]["merges"].as_array().into_iter().flatten();
                merges
                    .filter_map(|pair| Some(format!("{} {}", pair[0].as_str()?, pair[1].as_str()?)))
                    .collect()
            }
        };
        if merges.is_empty() {
            merges.push(NO_MERGE.to_owned());
        }
        merges
    }
}

/// A token for each row, with its type.
fn listed(
    files: &TokenizerFiles,
    json: &Value,
    rows: usize,
    form: &TokenizerForm,
) -> Result<Vec<(String, TokenType)>> {
    let tokenizer = &files.tokenizer;
    if tokenizer.vocabulary_size() > rows {
        return Err(Error::Refused(format!(
            "the tokenizer has {} tokens, but the model's embedding has {rows} rows",
            tokenizer.vocabulary_size()
        )));
    }
    let added = json["added_tokens"].as_array().into_iter().flatten();
    let added: HashMap<&str, TokenType> = added
        .filter_map(|token| {
            let ty = if token["special"] == true { TokenType::Control } else { TokenType::UserDefined };
            Some((token["content"].as_str()?, ty))
        })
        .collect();
    let unknown = json["model"]["unk_token"].as_str();
    let letters = alphabet();
    let in_bytes = |text: &str| text.bytes().map(|byte| letters[usize::from(byte)]).collect::<String>();
    let mut known = HashSet::new();
    let mut all = Vec::with_capacity(rows);
    for id in 0..rows {
        let token = u32::try_from(id).ok().and_then(|id| tokenizer.token(id));
        let (token, ty) = match token {
            Some(token) => match (added.get(token.as_str()), form) {
                (_, TokenizerForm::Scores(_)) if unknown == Some(&token) => (token, TokenType::Unknown),
                (Some(ty), _) => (token, *ty),
                (None, TokenizerForm::Scores(_)) => {
                    let ty = scores::type_of(&token);
                    (token, ty)
                }
                (None, TokenizerForm::Characters) => (in_bytes(&token), TokenType::Normal),
                (None, _) => (token, TokenType::Normal),
            },
            None => {
                let mut filler = format!("[PAD{id}]");
                while known.contains(&filler) || tokenizer.id(&filler).is_some() {
                    filler.push('_');
                }
                (filler, TokenType::Unused)
            }
        };
        if !known.insert(token.clone()) {
            // A special token spelled like a character in byte spelling.
            return Err(Error::Refused(format!("two tokens would both be written as `{token}`")));
        }
        all.push((token, ty));
    }
    Ok(all)
}
