//! Pre-tokenizers: the `tokenizer.ggml.pre` names, with their full definitions in `tokenizer.json`.

use glasshouse_text::tokenizer::shape::byte_level;
use serde_json::{Value, json};

#[derive(Debug)]
pub struct PreTokenizer {
    /// Names in files; the first is written.
    pub names: &'static [&'static str],
    words: Words,
    /// Type of the normalizer, if any.
    normalizer: Option<&'static str>,
    /// Words that are tokens are not built by merging.
    pub ignore_merges: bool,
    /// Whether texts begin with the beginning-of-text token if the file does not say.
    pub begins: bool,
}

#[derive(Debug)]
enum Words {
    /// GPT-2's pattern.
    Gpt2,
    /// Single digits, then GPT-2's pattern.
    Digits,
    /// These patterns in sequence; each splits the text left between the matches of the previous ones.
    Patterns(&'static [&'static str]),
}

/// Without the properties that few have.
const PLAIN: PreTokenizer =
    PreTokenizer { names: &[], words: Words::Gpt2, normalizer: None, ignore_merges: false, begins: false };

/// Llama 3's pattern: that of cl100k without possessive quantifiers.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Like [`LLAMA3`] with single digits.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Name of llama.cpp's pre-tokenizer for files without one.
pub const DEFAULT: &str = "default";

/// All supported pre-tokenizers. Each was compared with llama.cpp on a real vocabulary, except the last three: two have the patterns of
/// earlier ones.
static KNOWN: [PreTokenizer; 7] = [
    PreTokenizer { names: &["gpt-2", "phi-2", "mpt", "olmo", "jais"], ..PLAIN },
    PreTokenizer {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        words: Words::Digits,
        ..PLAIN
    },
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        words: Words::Patterns(&[LLAMA3]),
        ignore_merges: true,
        begins: true,
        ..PLAIN
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen"],
        words: Words::Patterns(&[QWEN2]),
        normalizer: Some("NFC"),
        ..PLAIN
    },
    PreTokenizer { names: &["stablelm2"], words: Words::Patterns(&[QWEN2]), ..PLAIN },
    PreTokenizer { names: &["smaug-bpe", "dbrx"], words: Words::Patterns(&[LLAMA3]), ..PLAIN },
    PreTokenizer {
        names: &[DEFAULT],
        words: Words::Patterns(&[
            r"[\p{P}\$\+<=>\^~\|]+",
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
            r"\p{N}+",
            r"[0-9][0-9][0-9]",
        ]),
        ..PLAIN
    },
];

impl PreTokenizer {
    /// Finds a pre-tokenizer by name. The error lists the known names.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        KNOWN.iter().find(|known| known.names.contains(&name)).ok_or_else(|| {
            let names: Vec<_> = KNOWN.iter().flat_map(|known| known.names).copied().collect();
            format!("the pre-tokenizer `{name}` is unknown; known are {}", names.join(", "))
        })
    }

    /// The pre-tokenizer of a `tokenizer.json`.
    pub fn find(tokenizer: &Value) -> Option<&'static Self> {
        let parts = flat(&tokenizer["pre_tokenizer"]);
        let ignores = tokenizer["model"]["ignore_merges"] == true;
        KNOWN.iter().find(|known| {
            flat(&known.json()) == parts
                && known.normalizer() == tokenizer["normalizer"]
                && known.ignore_merges == ignores
        })
    }

    /// `pre_tokenizer` for `tokenizer.json`.
    pub fn json(&self) -> Value {
        let before = |parts: Vec<Value>, last| {
            let all: Vec<Value> = parts.into_iter().chain([last]).collect();
            json!({ "type": "Sequence", "pretokenizers": all })
        };
        match self.words {
            Words::Gpt2 => byte_level(true),
            Words::Digits => {
                before(vec![json!({ "type": "Digits", "individual_digits": true })], byte_level(true))
            }
            Words::Patterns(patterns) => {
                let split = |pattern| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
                before(patterns.iter().map(split).collect(), byte_level(false))
            }
        }
    }

    /// `normalizer` for `tokenizer.json`.
    pub fn normalizer(&self) -> Value {
        self.normalizer.map_or(Value::Null, |kind| json!({ "type": kind }))
    }
}

/// The parts of a pre-tokenizer, ignoring settings that only affect offsets.
fn flat(part: &Value) -> Vec<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_what_it_is_and_by_no_other() {
        for known in &KNOWN {
            let tokenizer = json!({
                "pre_tokenizer": known.json(), "normalizer": known.normalizer(),
                "model": { "ignore_merges": known.ignore_merges },
            });
            assert_eq!(PreTokenizer::find(&tokenizer).unwrap().names, known.names);
            for name in known.names {
                assert_eq!(PreTokenizer::named(name).unwrap().names, known.names);
            }
        }
        let error = PreTokenizer::named("tekken").unwrap_err();
        assert!(error.contains("`tekken` is unknown; known are gpt-2, "), "{error}");
        let other = json!({ "pre_tokenizer": { "type": "Whitespace" }, "model": {} });
        assert!(PreTokenizer::find(&other).is_none());
    }
}
