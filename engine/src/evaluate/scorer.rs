//! What a model makes of each token of texts, on either executor.

use crate::error::{Error, Result};
use crate::protocol::ModelConfig;

/// A text whose tokens from `from` on are to be scored; `from` is 1 or more, and there are at most a context's tokens and one.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// The text, beginning with what is given.
    pub tokens: &'a [u32],
    /// The first token that is scored.
    pub from: usize,
}

/// What a model made of a token, given those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenScore {
    /// The token.
    pub token: u32,
    /// The natural logarithm of its probability.
    pub log_probability: f32,
    /// How many tokens are as likely or likelier, itself counted once: 1 for the likeliest.
    pub rank: u32,
    /// The likeliest token.
    pub likeliest: u32,
    /// The probability of the likeliest.
    pub confidence: f32,
    /// The likeliest tokens with the natural logarithms of their probabilities, as many as were asked for.
    pub top: Vec<(u32, f32)>,
}

/// What is wanted of each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its log-probability alone; the rest of [`TokenScore`] is zero.
    Losses,
    /// All but the likeliest tokens' list.
    Tokens,
    /// The likeliest so many tokens as well.
    Top(usize),
}

/// A model ready to score texts.
#[derive(Debug)]
pub struct Scorer {
    config: ModelConfig,
}

impl Scorer {
    /// Opens a device as [`crate::gpu::Gpu::from_request`] has it; `threads` are the processor's, or one a core.
    ///
    /// # Errors
    /// Another number of weights than the model has; a model that predicts no tokens; no such device.
    pub async fn open(
        config: &ModelConfig,
        _parameters: &[f32],
        _device: &str,
        _threads: Option<usize>,
    ) -> Result<Self> {
        Ok(Self { config: config.clone() })
    }

    /// The device's name.
    pub fn device(&self) -> &str {
        "cpu"
    }

    /// The model's settings.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Scores texts, in whatever order is fastest; what is told is tokens done, and of how many.
    ///
    /// # Errors
    /// A text that is too long or has a token beyond the vocabulary; a device that fails.
    pub async fn score(
        &mut self,
        _texts: &[Scoring<'_>],
        _detail: Detail,
        _tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        Err(Error::Internal("nothing scores yet".to_owned()))
    }
}
