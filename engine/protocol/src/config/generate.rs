//! Sampling settings.

use super::train::MAX_TOKENS;
use crate::setting::{Settings as _, above, above_to, settings};
use crate::{Invalid, Moderation, WeightFormat, require, rules};
use serde::{Deserialize, Serialize};

/// Maximum number of end tokens that `min_tokens` masks.
pub const MAX_ENDS: usize = 8;
const MAX_GRAMMAR_BYTES: usize = 1 << 18;
/// Maximum number of tokens with a bias.
const MAX_BIASED: usize = 1024;

/// Rules of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grammar {
    JsonSchema(String),
    /// In Lark's notation, as llguidance reads it.
    Lark(String),
}

settings! {
    pub struct GenerateConfig: "" {
        /// Maximum number of tokens to generate; the model may end the text earlier.
        pub max_tokens: usize = 200, "Max tokens", 1..=MAX_TOKENS;
        /// Divisor of the logits. Below 1 favours likely tokens, above 1 unlikely ones; 0 is greedy: always the most likely token.
        pub temperature: f32 = 0.8, "Temperature", 0.0..;
        /// Draws from the k most likely tokens; 0 keeps all.
        pub top_k: usize = 0, "Top-k", 0..;
        /// Draws from the smallest set of most likely tokens with a total probability of at least p; 1 keeps all.
        pub top_p: f32 = 1.0, "Top-p", above_to(0.0, 1.0);
        /// Drops tokens less likely than this share of the most likely one; 0 keeps all.
        pub min_p: f32 = 0.0, "Min-p", 0.0..=1.0;
        /// Makes recently written tokens less likely; 1 disables it.
        ///
        /// Divides positive and multiplies negative logits of tokens in the window.
        pub repetition_penalty: f32 = 1.0, "Repetition penalty", above(0.0);
        /// Seed of the random choices: the same seed and prompt give the same text again.
        pub seed: u64 = 1, "Seed";
        /// Subtracted from a token's logit for each time that it was generated.
        #[serde(skip_serializing_if = "crate::is_default")]
        pub frequency_penalty: f32 = 0.0;
        /// Subtracted from the logits of generated tokens.
        #[serde(skip_serializing_if = "crate::is_default")]
        pub presence_penalty: f32 = 0.0;
        /// Added to the logits of these tokens.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub logit_bias: Vec<(u32, f32)> = Vec::new();
        /// What the text follows; the end tokens are masked until it does.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub grammar: Option<Grammar> = None;
        /// The text ends before the first of these strings that is generated.
        pub stop: Vec<String> = Vec::new();
        /// End tokens in addition to the model's own; they are not part of the text.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub stop_tokens: Vec<u32> = Vec::new();
        /// Ignore the model's end tokens and continue.
        pub ignore_end: bool = false;
        /// Mask end tokens until this many tokens are generated; there may then be at most [`MAX_ENDS`] end tokens.
        pub min_tokens: usize = 0;
        /// Include special tokens in the text. Otherwise they add nothing to it, and stop strings do not match them.
        pub special_tokens: bool = false;
        /// Storage format of the matrices, which are read once per token; `None` is f16 on a GPU that has 16-bit floats, else f32.
        pub weights: Option<WeightFormat> = None;
        #[serde(skip_serializing_if = "crate::is_default")]
        pub moderation: Box<Moderation> = Box::default();
    }
}

impl GenerateConfig {
    /// Whether tokens are drawn from logits on the host: those with penalties for generated tokens, biases, or a grammar.
    pub fn needs_logits(&self) -> bool {
        let adds =
            self.frequency_penalty != 0.0 || self.presence_penalty != 0.0 || !self.logit_bias.is_empty();
        adds || self.grammar.is_some()
    }

    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        self.weights.map_or(Ok(()), |weights| weights.check_is_made("weights"))?;
        let (least, most, ends) = (self.min_tokens, self.max_tokens, self.stop_tokens.len());
        let longest = self.stop.iter().map(String::len).sum::<usize>() + self.stop.len();
        let bias = self.logit_bias.len();
        let (name, grammar) = match &self.grammar {
            Some(Grammar::JsonSchema(text)) => ("json_schema", text.len()),
            Some(Grammar::Lark(text)) => ("grammar", text.len()),
            None => ("grammar", 0),
        };
        let penalties =
            [("frequency_penalty", self.frequency_penalty), ("presence_penalty", self.presence_penalty)];
        for (name, penalty) in penalties {
            require((-2.0..=2.0).contains(&penalty), name, penalty, "be between -2 and 2")?;
        }
        rules! {
            grammar <= MAX_GRAMMAR_BYTES => name, grammar, format!("have at most {MAX_GRAMMAR_BYTES} bytes");
            bias <= MAX_BIASED => "logit_bias", bias, format!("have at most {MAX_BIASED} tokens");
            self.logit_bias.iter().all(|(_, bias)| (-100.0..=100.0).contains(bias)) => "logit_bias", "a value",
                "be between -100 and 100";
            least <= most => "min_tokens", least, format!("be at most max_tokens, {most}");
            least == 0 || ends <= MAX_ENDS => "stop_tokens", ends,
                format!("have at most {MAX_ENDS} tokens, including the model's own end tokens, because min_tokens masks them");
            longest <= 1 << 16 => "stop", "texts", "have at most 65536 bytes in total";
            self.stop.iter().all(|stop| !stop.is_empty()) => "stop", "\"\"", "have at least one character";
        }
        Ok(())
    }
}
