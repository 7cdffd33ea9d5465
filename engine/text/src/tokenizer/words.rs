//! Words: the parts of a text within which pieces are merged, split as the pre-tokenizer of our `tokenizer.json` splits them.
//!
//! The patterns look ahead only in `\s+(?!\S)|\s+`: a run of white space leaves its last character to the word after it. Without that
//! alternative, an automaton finds the words, many times as fast as the backtracking of the `tokenizers` crate; `Words::split` then
//! shortens the runs.

use super::cut::CutRule;
use super::shape::byte_level;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::PreTokenizerKind;
use regex::Regex;
use serde_json::{Value, json};

/// GPT-2's pattern (Radford et al. 2019), which the pre-tokenizer `ByteLevel` has built in.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// Llama 3's pattern: that of cl100k without possessive quantifiers.
const GPT4: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Like [`GPT4`] with single digits; Qwen 2's pattern.
const GPT4_DIGITS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const LOOKAHEAD: &str = r"\s+(?!\S)|";

/// A pre-tokenizer, by its kind and whether its runs have at most 32 characters, because WordPiece's longest-match search is quadratic in
/// a word's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordRule {
    pub kind: PreTokenizerKind,
    pub bounded: bool,
}

impl WordRule {
    /// The rule of a `pre_tokenizer` in a `tokenizer.json`, if it is one of ours.
    pub(super) fn find(pre_tokenizer: &Value) -> Option<Self> {
        let parts = flat(pre_tokenizer);
        let kinds = PreTokenizerKind::ALL.into_iter();
        let mut rules = kinds.flat_map(|kind| [false, true].map(|bounded| Self { kind, bounded }));
        rules.find(|rule| flat(&rule.json()) == parts)
    }

    /// `pre_tokenizer` for `tokenizer.json`.
    pub fn json(self) -> Value {
        let digits = json!({ "type": "Digits", "individual_digits": true });
        let own = self.kind != PreTokenizerKind::Gpt2Digits;
        let mut parts = if own { Vec::new() } else { vec![digits] };
        if self.cut() == CutRule::BeforeWhitespace && !self.bounded {
            parts.push(byte_level(true));
        } else {
            let pattern = self.within(self.pattern());
            parts.push(
                json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false }),
            );
            parts.push(byte_level(false));
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => json!({ "type": "Sequence", "pretokenizers": parts }),
        }
    }

    /// Where its words never join the two sides.
    pub(super) fn cut(self) -> CutRule {
        match self.kind {
            PreTokenizerKind::Gpt2 | PreTokenizerKind::Gpt2Digits => CutRule::BeforeWhitespace,
            PreTokenizerKind::Gpt4 | PreTokenizerKind::Gpt4Digits => CutRule::BeforeSpaceAfterLine,
        }
    }

    fn pattern(self) -> &'static str {
        match self.kind {
            PreTokenizerKind::Gpt2 | PreTokenizerKind::Gpt2Digits => GPT2,
            PreTokenizerKind::Gpt4 => GPT4,
            PreTokenizerKind::Gpt4Digits => GPT4_DIGITS,
        }
    }

    fn within(self, pattern: &str) -> String {
        match self.bounded {
            true => pattern.replace('+', "{1,32}").replace('*', "{0,32}"),
            false => pattern.to_owned(),
        }
    }
}

/// The parts of a pre-tokenizer, ignoring settings that only affect offsets.
pub fn flat(part: &Value) -> Vec<Value> {
    match part["type"].as_str() {
        Some("Sequence") => part["pretokenizers"].as_array().into_iter().flatten().flat_map(flat).collect(),
        Some("ByteLevel") => {
            let regex = part["use_regex"].as_bool().unwrap_or(true);
            vec![
                json!({ "type": "ByteLevel", "add_prefix_space": part["add_prefix_space"], "use_regex": regex }),
            ]
        }
        _ => vec![part.clone()],
    }
}

#[derive(Clone, Debug)]
pub(super) struct Words {
    rule: WordRule,
    pattern: Regex,
}

impl Words {
    pub(super) fn new(rule: WordRule) -> Result<Self> {
        let pattern = rule.pattern().replace(LOOKAHEAD, "");
        let pattern = Regex::new(&format!(r"\A(?:{})", rule.within(&pattern)))
            .map_err(|error| Error::Internal(format!("splitting pattern: {error}")))?;
        Ok(Self { rule, pattern })
    }

    pub(super) fn cut(&self) -> CutRule {
        self.rule.cut()
    }

    /// The words of a text in order; joined, they are the text.
    pub(super) fn split<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        // `Digits` divides the text before the pattern does, by the standard library's newer Unicode.
        let divides = self.rule.kind == PreTokenizerKind::Gpt2Digits;
        let (mut rest, mut part) = (text, text.len());
        if divides {
            part = 0;
        }
        std::iter::from_fn(move || {
            if divides && part == 0 {
                part = match rest.chars().next() {
                    Some(digit) if digit.is_numeric() => digit.len_utf8(),
                    _ => rest.find(char::is_numeric).unwrap_or(rest.len()),
                };
            }
            let own = rest.get(..part)?;
            let end = self.pattern.find(own).map_or(own.len(), |found| found.end());
            let (word, after) = rest.split_at_checked(end - self.left(own, end))?;
            part -= word.len();
            rest = after;
            (!word.is_empty()).then_some(word)
        })
    }

    /// Bytes that a word of white space leaves to the next one.
    fn left(&self, text: &str, end: usize) -> usize {
        let (Some(last), Some(next)) = (text[..end].chars().next_back(), text[end..].chars().next()) else {
            return 0;
        };
        let ends_lines = self.cut() == CutRule::BeforeSpaceAfterLine && matches!(last, '\r' | '\n');
        let leaves = last.is_whitespace() && !ends_lines && !next.is_whitespace();
        if leaves && end > last.len_utf8() { last.len_utf8() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_models() {
        let text = "I'LL say: 12345  times!\n\n  x";
        let expected: [(PreTokenizerKind, &[&str]); 4] = [
            (
                PreTokenizerKind::Gpt2,
                &["I", "'", "LL", " say", ":", " 12345", " ", " times", "!", "\n\n ", " x"],
            ),
            (
                PreTokenizerKind::Gpt2Digits,
                &[
                    "I", "'", "LL", " say", ":", " ", "1", "2", "3", "4", "5", " ", " times", "!", "\n\n ",
                    " x",
                ],
            ),
            (
                PreTokenizerKind::Gpt4,
                &["I", "'LL", " say", ":", " ", "123", "45", " ", " times", "!\n\n", " ", " x"],
            ),
            (
                PreTokenizerKind::Gpt4Digits,
                &["I", "'LL", " say", ":", " ", "1", "2", "3", "4", "5", " ", " times", "!\n\n", " ", " x"],
            ),
        ];
        for (kind, words) in expected {
            for bounded in [false, true] {
                let split = Words::new(WordRule { kind, bounded }).unwrap();
                assert_eq!(split.split(text).collect::<Vec<_>>(), words, "{kind:?}");
            }
        }
    }

    #[test]
    fn white_space_is_the_same_for_pattern_and_standard_library() {
        let class = Regex::new(r"\A\s\z").unwrap();
        let other = |letter: &char| class.is_match(letter.encode_utf8(&mut [0; 4])) != letter.is_whitespace();
        assert_eq!(('\0'..=char::MAX).find(other), None);
    }
}
