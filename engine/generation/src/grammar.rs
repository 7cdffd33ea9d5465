//! Texts that follow a grammar, with `llguidance`: tokens that cannot continue the text are not drawn.

use glasshouse_compiler::sampler::Constraint;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::Grammar;
use glasshouse_text::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Begins the name of a special token, which no text contains.
const SPECIAL: u8 = TokTrie::SPECIAL_TOKEN_MARKER;

/// A tokenizer's tokens as a tree, which takes a moment to build for a large vocabulary.
pub struct Vocabulary(ParserFactory);

impl Vocabulary {
    pub fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let count = tokenizer.vocabulary_size() as u32;
        let word = |id: u32| match tokenizer.is_special(id) {
            true => [&[SPECIAL][..], tokenizer.describe(id).text.as_bytes()].concat(),
            false => tokenizer.token_bytes(id),
        };
        let mut words: Vec<Vec<u8>> = (0..count).map(word).collect();
        // Stands for all end tokens of a text.
        words.push(vec![SPECIAL, b'<', b'>']);
        let trie = TokTrie::from(&TokRxInfo::new(count + 1, count), &words);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let factory = ParserFactory::new_simple(&tokens);
        let mut factory = factory.map_err(|error| Error::Internal(error.to_string()))?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Self(factory))
    }

    /// The constraint of a text that follows a grammar and then ends with one of `ends`. Fails if the grammar is invalid, cannot be followed
    /// or has unsupported keywords, or the vocabulary lacks its characters.
    pub fn follow(&self, grammar: &Grammar, ends: &[u32]) -> Result<Box<dyn Constraint>> {
        let refused = |reason: String| {
            let what = if let Grammar::JsonSchema(_) = grammar { "JSON Schema" } else { "grammar" };
            Error::Refused(format!("the {what} {reason}"))
        };
        if ends.is_empty() {
            let reason = "needs an end token, but this text has none (ignore_eos, or no end-of-text token)";
            return Err(refused(reason.to_owned()));
        }
        let grammar = match grammar {
            Grammar::Lark(text) => TopLevelGrammar::from_lark(text.clone()),
            Grammar::JsonSchema(text) => {
                let mut schema: Value = serde_json::from_str(text)
                    .map_err(|error| refused(format!("is not valid JSON: {error}")))?;
                if let Value::Object(fields) = &mut schema {
                    // Small models would write spaces without end.
                    fields.entry("x-guidance").or_insert(json!({
                        "whitespace_flexible": false, "item_separator": ", ?", "key_separator": ": ?",
                    }));
                }
                TopLevelGrammar::from_json_schema(schema)
            }
        };
        let matcher = Matcher::new(self.0.create_parser(grammar));
        let end = self.0.tok_env().tok_trie().eos_token();
        let mut following = Following { matcher, end, ends: ends.to_vec() };
        following.allowed().map_err(|error| refused(format!("cannot be followed: {error}")))?;
        Ok(Box::new(following))
    }
}

struct Following {
    matcher: Matcher,
    /// The matcher's end token.
    end: u32,
    ends: Vec<u32>,
}

impl fmt::Debug for Following {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Following").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// Without the backtrace of a panic within the library.
fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

impl Following {
    /// The tokens that may follow.
    fn allowed(&mut self) -> Result<SimpleVob, String> {
        let mask = self.matcher.compute_mask_or_eos().map_err(|error| match first_line(&error) {
            // As of a rule that consists of itself.
            reason if reason.contains("NoExtensionBias") => "no text matches it".to_owned(),
            reason => reason,
        })?;
        if mask.is_zero() {
            Err("no token of the vocabulary can continue the text".to_owned())
        } else {
            Ok(mask)
        }
    }
}

impl Constraint for Following {
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let mask = self.allowed()?;
        let may_end = mask.is_allowed(self.end);
        for (id, logit) in (0..).zip(logits) {
            let is_allowed =
                if self.ends.contains(&id) { may_end } else { id < self.end && mask.is_allowed(id) };
            if !is_allowed {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn take(&mut self, token: u32) -> Result<(), String> {
        if self.ends.contains(&token) {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| first_line(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spread;
    use super::super::{Batch, Decoder, Request, request};
    use super::*;
    use glasshouse_compiler::sampler::Watch;
    use glasshouse_executors::cpu::CpuDecoder;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::{END_OF_TEXT, Ending, GenerateConfig, TokenizerConfig, TokenizerKind};

    #[test]
    fn texts_of_an_untrained_model_follow_their_schemas() {
        let special_tokens = vec![END_OF_TEXT.to_owned()];
        let tokenizer = TokenizerConfig { special_tokens, ..TokenizerConfig::new(TokenizerKind::Byte, 300) };
        let tokenizer = block_on(Tokenizer::train(&tokenizer, &["a"], &Yielder::none())).unwrap();
        let (model, weights) = spread();
        let mut decoder = Decoder::Cpu(Box::new(CpuDecoder::new(&model, &weights, Some(1)).unwrap()));
        let vocabulary = Vocabulary::new(&tokenizer).unwrap();
        let mut write = |grammar: &Grammar, temperature: f32, seed: u64| {
            let config = GenerateConfig { temperature, seed, max_tokens: 300, ..GenerateConfig::default() };
            let plain = request(&tokenizer, &[65, 66], &[], &config);
            let constraint = Some(vocabulary.follow(grammar, &plain.ends).unwrap());
            let watch = Watch { constraint, ..Watch::default() };
            let mut batch = Batch::new(&mut decoder, [Request { watch, ..plain }]).unwrap();
            while !batch.is_over() {
                block_on(batch.next(&mut decoder)).unwrap();
            }
            batch.take(0).unwrap()
        };
        let schema = |schema: Value| Grammar::JsonSchema(schema.to_string());
        let person = schema(json!({
            "type": "object",
            "properties": {
                "age": { "type": "integer", "minimum": 3, "maximum": 99 },
                "kind": { "enum": ["owl", "fox"] },
                "tags": { "type": "array", "items": { "type": "boolean" }, "minItems": 2, "maxItems": 3 },
            },
            "required": ["age", "kind", "tags"],
            "additionalProperties": false,
        }));
        for (temperature, seed) in [(0.0, 1), (0.8, 2), (3.0, 3), (3.0, 4)] {
            let written = write(&person, temperature, seed);
            assert_eq!((written.ending, &written.failure), (Ending::EndOfText, &None), "{written:?}");
            let value: Value = serde_json::from_str(&written.text).unwrap();
            let (age, tags) = (value["age"].as_u64().unwrap(), value["tags"].as_array().unwrap());
            assert!((3..=99).contains(&age) && (2..=3).contains(&tags.len()), "{value}");
            assert!(
                ["owl", "fox"].contains(&value["kind"].as_str().unwrap())
                    && tags.iter().all(Value::is_boolean)
            );
            assert_eq!(value.as_object().unwrap().len(), 3);
        }
        let constant = json!([1, "é"]);
        let written = write(&schema(json!({ "const": constant })), 0.0, 1).text;
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), constant);
        let lines = Grammar::Lark(
            "start: line+\nline: (\"name\" | \"place\") \": \" /[a-z]{1,3}/ \"\\n\"\n".to_owned(),
        );
        for written in [1, 2].map(|seed| write(&lines, 3.0, seed)) {
            let is_named =
                |line: &str| line.split_once(": ").is_some_and(|(kind, _)| ["name", "place"].contains(&kind));
            assert!(written.ending == Ending::MaxTokens || written.text.ends_with('\n'), "{written:?}");
            assert!(written.text.lines().take(1).all(is_named), "{written:?}");
        }
        let follow =
            |vocabulary: &Vocabulary, grammar| vocabulary.follow(&grammar, &[0]).unwrap_err().to_string();
        let nothing = r#"{ "allOf": [{ "type": "null" }, { "type": "string" }] }"#;
        for bad in ["{", r#"{ "type": "owl" }"#, r##"{ "$ref": "#" }"##, nothing] {
            let error = follow(&vocabulary, Grammar::JsonSchema(bad.to_owned()));
            assert!(error.starts_with("the JSON Schema") && !error.contains("NoExtensionBias"), "{error}");
        }
        for bad in ["", "start: missing"] {
            let error = follow(&vocabulary, Grammar::Lark(bad.to_owned()));
            assert!(error.starts_with("the grammar"), "{error}");
        }
        assert!(vocabulary.follow(&schema(json!({})), &[]).is_err());
        let letters = TokenizerConfig::new(TokenizerKind::Char, 300);
        let letters = block_on(Tokenizer::train(&letters, &["abc"], &Yielder::none())).unwrap();
        let error = follow(&Vocabulary::new(&letters).unwrap(), schema(json!({ "type": "object" })));
        assert!(error.contains("cannot be followed"), "{error}");
    }
}
