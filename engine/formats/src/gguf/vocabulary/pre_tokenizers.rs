//! Pre-tokenizers: the `tokenizer.ggml.pre` names, with their full definitions in `tokenizer.json`.

use glasshouse_protocol::PreTokenizerKind;
use glasshouse_text::tokenizer::shape::byte_level;
use glasshouse_text::tokenizer::words::{WordRule, flat};
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
    /// One of our pre-tokenizers.
    Own(PreTokenizerKind),
    /// These patterns in sequence; each splits the text left between the matches of the previous ones.
    Patterns(&'static [&'static str]),
}

/// Without the properties that few have.
const PLAIN: PreTokenizer = PreTokenizer {
    names: &[],
    words: Words::Own(PreTokenizerKind::Gpt2),
    normalizer: None,
    ignore_merges: false,
    begins: false,
};

/// Name of llama.cpp's pre-tokenizer for files without one.
pub const DEFAULT: &str = "default";

/// All supported pre-tokenizers. Each was compared with llama.cpp on a real vocabulary, except the last three: two have the patterns of
/// earlier ones.
static KNOWN: [PreTokenizer; 7] = [
    PreTokenizer { names: &["gpt-2", "phi-2", "mpt", "olmo", "jais"], ..PLAIN },
    PreTokenizer {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        words: Words::Own(PreTokenizerKind::Gpt2Digits),
        ..PLAIN
    },
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        words: Words::Own(PreTokenizerKind::Gpt4),
        ignore_merges: true,
        begins: true,
        ..PLAIN
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen"],
        words: Words::Own(PreTokenizerKind::Gpt4Digits),
        normalizer: Some("NFC"),
        ..PLAIN
    },
    PreTokenizer { names: &["stablelm2"], words: Words::Own(PreTokenizerKind::Gpt4Digits), ..PLAIN },
    PreTokenizer { names: &["smaug-bpe", "dbrx"], words: Words::Own(PreTokenizerKind::Gpt4), ..PLAIN },
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
        match self.words {
            Words::Own(kind) => WordRule { kind, bounded: false }.json(),
            Words::Patterns(patterns) => {
                let split = |pattern| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
                let parts: Vec<Value> = patterns.iter().map(split).chain([byte_level(false)]).collect();
                json!({ "type": "Sequence", "pretokenizers": parts })
            }
        }
    }

    /// `normalizer` for `tokenizer.json`.
    pub fn normalizer(&self) -> Value {
        self.normalizer.map_or(Value::Null, |kind| json!({ "type": kind }))
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
