//! How text is drawn from a model.

use super::moderation::MAX_RULES_BYTES;
use super::train::MAX_TOKENS;
use crate::{Invalid, Moderation, Precision, require};
use serde::{Deserialize, Serialize};

/// Most tokens that are masked before `min_tokens`.
pub const MAX_ENDS: usize = 8;

/// How the next token is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateConfig {
    /// Tokens to write at most.
    pub max_tokens: usize,
    /// Logits are divided by it; 0 is greedy.
    pub temperature: f32,
    /// Keep the k likeliest; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of likeliest tokens whose probabilities reach p (Holtzman et al. 2020); 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest (Nguyen et al. 2024); 0 drops none.
    pub min_p: f32,
    /// Logits of tokens in the window are divided (positive) or multiplied (negative) by it (Keskar et al. 2019); 1 is off.
    pub repetition_penalty: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// Texts that end the generation; what is written stops before them.
    pub stop: Vec<String>,
    /// Tokens that end the generation besides the model's own; they are not written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_tokens: Vec<u32>,
    /// The model's own ends end nothing: it goes on after them.
    pub ignore_end: bool,
    /// No token that would end the text is drawn before it has as many; then [`MAX_ENDS`] of them at most.
    pub min_tokens: usize,
    /// Write special tokens as text too. Otherwise they add nothing to it, and no stop string sees them.
    pub special_tokens: bool,
    /// What a device reads weights as while it writes token by token: `mixed` halves the bytes that each token takes.
    pub precision: Precision,
    /// What is done about words that many do not want to read.
    #[serde(skip_serializing_if = "Moderation::is_default")]
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
            precision: Precision::Auto,
            moderation: Box::default(),
        }
    }
}

impl GenerateConfig {
    /// Checks every rule; the first broken one is named.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.max_tokens >= 1, "max_tokens", self.max_tokens, "be at least 1")?;
        let most = MAX_TOKENS;
        require(self.max_tokens <= most, "max_tokens", self.max_tokens, format!("be at most {most}"))?;
        let (least, most) = (self.min_tokens, self.max_tokens);
        require(least <= most, "min_tokens", least, format!("be at most max_tokens, {most}"))?;
        let ends = self.stop_tokens.len();
        let rule = format!(
            "hold at most {MAX_ENDS} tokens together with the model's own ends, as min_tokens has them masked"
        );
        require(least == 0 || ends <= MAX_ENDS, "stop_tokens", ends, rule)?;
        let longest = self.stop.iter().map(String::len).sum::<usize>() + self.stop.len();
        require(longest <= 1 << 16, "stop", "texts", "hold at most 65536 bytes together")?;
        let rules = self.moderation.rules.as_ref().map_or(0, String::len);
        require(
            rules <= MAX_RULES_BYTES,
            "moderation.rules",
            rules,
            format!("hold at most {MAX_RULES_BYTES} bytes"),
        )?;
        let finite = self.temperature.is_finite() && self.temperature >= 0.0;
        require(finite, "temperature", self.temperature, "be 0 (greedy) or more")?;
        require(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", self.top_p, "lie above 0 and be at most 1")?;
        require((0.0..=1.0).contains(&self.min_p), "min_p", self.min_p, "lie between 0 and 1")?;
        require(
            self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
            "repetition_penalty",
            self.repetition_penalty,
            "be a number above 0",
        )?;
        require(self.stop.iter().all(|stop| !stop.is_empty()), "stop", "\"\"", "hold at least one character")
    }
}
