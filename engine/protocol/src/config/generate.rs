//! Sampling settings.

use super::moderation::MAX_RULES_BYTES;
use super::train::MAX_TOKENS;
use crate::{Invalid, Moderation, WeightFormat, require};
use serde::{Deserialize, Serialize};

/// Maximum number of end tokens that `min_tokens` masks.
pub const MAX_ENDS: usize = 8;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateConfig {
    pub max_tokens: usize,
    /// Divisor of the logits; 0 is greedy.
    pub temperature: f32,
    /// Keep the k most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of most likely tokens whose total probability reaches p (nucleus sampling, Holtzman et al. 2020); 1 keeps
    /// all.
    pub top_p: f32,
    /// Drop tokens below this fraction of the most likely token's probability (Nguyen et al. 2024); 0 drops none.
    pub min_p: f32,
    /// Divide positive and multiply negative logits of tokens in the window by this (Keskar et al. 2019); 1 is off.
    pub repetition_penalty: f32,
    pub seed: u64,
    /// Stop strings: the text ends before the first one generated.
    pub stop: Vec<String>,
    /// Further end tokens besides the model's own; they are not part of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_tokens: Vec<u32>,
    /// Ignore the model's end tokens and continue.
    pub ignore_end: bool,
    /// Mask end tokens until this many tokens are generated; there may then be at most [`MAX_ENDS`] end tokens.
    pub min_tokens: usize,
    /// Include special tokens in the text. Otherwise they add nothing to it, and stop strings do not match them.
    pub special_tokens: bool,
    /// Storage format of the matrices, which are read once per token; `None` is f16 on a GPU that has 16-bit floats, else f32.
    pub weights: Option<WeightFormat>,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub moderation: Box<Moderation>,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            max_tokens: 200,
            temperature: 0.8,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 1,
            stop: Vec::new(),
            stop_tokens: Vec::new(),
            ignore_end: false,
            min_tokens: 0,
            special_tokens: false,
            weights: None,
            moderation: Box::default(),
        }
    }
}

impl GenerateConfig {
    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.max_tokens >= 1, "max_tokens", self.max_tokens, "be at least 1")?;
        let most = MAX_TOKENS;
        require(self.max_tokens <= most, "max_tokens", self.max_tokens, format!("be at most {most}"))?;
        let (least, most) = (self.min_tokens, self.max_tokens);
        require(least <= most, "min_tokens", least, format!("be at most max_tokens, {most}"))?;
        let ends = self.stop_tokens.len();
        let rule = format!(
            "have at most {MAX_ENDS} tokens, including the model's own end tokens, because min_tokens masks them"
        );
        require(least == 0 || ends <= MAX_ENDS, "stop_tokens", ends, rule)?;
        let longest = self.stop.iter().map(String::len).sum::<usize>() + self.stop.len();
        require(longest <= 1 << 16, "stop", "texts", "have at most 65536 bytes in total")?;
        let rules = self.moderation.rules.as_ref().map_or(0, String::len);
        require(
            rules <= MAX_RULES_BYTES,
            "moderation.rules",
            rules,
            format!("have at most {MAX_RULES_BYTES} bytes"),
        )?;
        let finite = self.temperature.is_finite() && self.temperature >= 0.0;
        require(finite, "temperature", self.temperature, "be 0 (greedy) or more")?;
        require(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", self.top_p, "be above 0 and at most 1")?;
        require((0.0..=1.0).contains(&self.min_p), "min_p", self.min_p, "be between 0 and 1")?;
        require(
            self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
            "repetition_penalty",
            self.repetition_penalty,
            "be a number above 0",
        )?;
        require(self.stop.iter().all(|stop| !stop.is_empty()), "stop", "\"\"", "have at least one character")
    }
}
