//! Texts that follow a JSON Schema, with `llguidance`: tokens that cannot continue the text are not drawn.

use glasshouse_compiler::sampler::Constraint;
use glasshouse_platform::{Error, Result};
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

    /// The constraint of a text that follows a JSON Schema and then ends with one of `ends`. Fails if the schema is invalid, cannot be
    /// followed or has unsupported keywords, or the vocabulary lacks its characters.
    pub fn follow(&self, schema: &str, ends: &[u32]) -> Result<Box<dyn Constraint>> {
        let refused = |reason: String| Error::Refused(format!("the JSON Schema {reason}"));
        if ends.is_empty() {
            return Err(refused(
                "needs an end token, but this text has none (ignore_eos, or no end-of-text token)".to_owned(),
            ));
        }
        let mut schema: Value =
            serde_json::from_str(schema).map_err(|error| refused(format!("is not valid JSON: {error}")))?;
        if let Value::Object(fields) = &mut schema {
            // Small models would write spaces without end.
            let compact =
                json!({ "whitespace_flexible": false, "item_separator": ", ?", "key_separator": ": ?" });
            fields.entry("x-guidance").or_insert(compact);
        }
        let matcher = Matcher::new(self.0.create_parser(TopLevelGrammar::from_json_schema(schema)));
        let end = self.0.tok_env().tok_trie().eos_token();
        let mut following = Following { matcher, end, ends: ends.to_vec() };
        following.allowed().map_err(|error| refused(format!("cannot be followed: {error}")))?;
        Ok(Box::new(following))
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Vocabulary")
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

impl Following {
    /// The tokens that may follow.
    fn allowed(&mut self) -> Result<SimpleVob, String> {
        let mask = self.matcher.compute_mask_or_eos().map_err(|error| error.to_string())?;
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
        self.matcher.consume_token(token).map_err(|error| error.to_string())
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
    use glasshouse_protocol::{Ending, GenerateConfig, TokenizerConfig, TokenizerKind};

    #[test]
    fn texts_of_an_untrained_model_follow_their_schemas() {
        let tokenizer = TokenizerConfig::new(TokenizerKind::Byte, 300);
        let tokenizer = block_on(Tokenizer::train(&tokenizer, &["a"], &Yielder::none())).unwrap();
        let (model, weights) = spread();
        let mut decoder = Decoder::Cpu(Box::new(CpuDecoder::new(&model, &weights, Some(1)).unwrap()));
        let vocabulary = Vocabulary::new(&tokenizer).unwrap();
        let mut write = |schema: &Value, temperature: f32, seed: u64| {
            let config = GenerateConfig { temperature, seed, max_tokens: 300, ..GenerateConfig::default() };
            let plain = request(&tokenizer, &[65, 66], &[], &config);
            let constraint = Some(vocabulary.follow(&schema.to_string(), &plain.ends).unwrap());
            let watch = Watch { constraint, ..Watch::default() };
            let mut batch = Batch::new(&mut decoder, [Request { watch, ..plain }]).unwrap();
            while !batch.is_over() {
                block_on(batch.next(&mut decoder)).unwrap();
            }
            batch.take(0).unwrap()
        };
        let person = json!({
            "type": "object",
            "properties": {
                "age": { "type": "integer", "minimum": 3, "maximum": 99 },
                "kind": { "enum": ["owl", "fox"] },
                "tags": { "type": "array", "items": { "type": "boolean" }, "minItems": 2, "maxItems": 3 },
            },
            "required": ["age", "kind", "tags"],
            "additionalProperties": false,
        });
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
        for (schema, valid) in
            [(json!({ "const": [1, "é"] }), "[1, \"é\"]"), (json!({ "type": "null" }), "null")]
        {
            let written = write(&schema, 0.0, 1).text;
            assert_eq!(
                serde_json::from_str::<Value>(&written).unwrap(),
                serde_json::from_str::<Value>(valid).unwrap()
            );
        }
        for bad in ["{", r#"{ "type": "owl" }"#, r#"{ "allOf": [{ "type": "null" }, { "type": "string" }] }"#]
        {
            let error = vocabulary.follow(bad, &[0]).unwrap_err().to_string();
            assert!(error.starts_with("the JSON Schema"), "{error}");
        }
        assert!(vocabulary.follow("{}", &[]).is_err());
        let letters = block_on(Tokenizer::train(
            &TokenizerConfig::new(TokenizerKind::Char, 300),
            &["abc"],
            &Yielder::none(),
        ));
        let letters = Vocabulary::new(&letters.unwrap()).unwrap();
        let error = letters.follow(r#"{ "type": "object" }"#, &[0]).unwrap_err().to_string();
        assert!(error.contains("cannot be followed"), "{error}");
    }
}
