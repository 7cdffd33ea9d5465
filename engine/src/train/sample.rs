//! Samples of a run in training: texts from its weights as they are.

use super::{SampleRequest, Trainer};
use crate::error::Result;
use crate::generate::{self, Decoder, TextGeneration};
use crate::protocol::{GenerateConfig, Precision};
use crate::tokenizer::Tokenizer;

/// A sample under way: carried on by a few tokens at a time, held with its run, and given up when the run is to end.
pub struct Sample<'text> {
    decoder: Decoder,
    generation: TextGeneration<'text>,
    prompt: String,
}

impl<'text> Sample<'text> {
    /// Begins it with the weights as they are, on the device that trains.
    ///
    /// # Errors
    /// The device fails, or cannot hold a decoder beside the run.
    pub async fn begin(
        trainer: &mut Trainer<'_>,
        tokenizer: &'text Tokenizer,
        request: SampleRequest,
        interactive: bool,
    ) -> Result<Self> {
        let model = trainer.config().model.clone();
        let parameters = trainer.weights().await?;
        let mut decoder = Decoder::beside(trainer.executor(), &model, &parameters, Precision::F32).await?;
        decoder.set_interactive(interactive);
        let config = GenerateConfig { max_tokens: request.tokens, ..GenerateConfig::default() };
        let prompt = generate::prompt_tokens(tokenizer, &request.prompt)?;
        let generation = generate::begin(&mut decoder, tokenizer, &prompt, &[], &config).await?;
        Ok(Self { decoder, generation, prompt: request.prompt })
    }

    /// A few more tokens; the whole text once it is written.
    ///
    /// # Errors
    /// The device fails.
    pub async fn carry_on(&mut self) -> Result<Option<String>> {
        if !self.generation.is_over() {
            self.generation.next(&mut self.decoder).await?;
        }
        Ok(self.generation.is_over().then(|| format!("{}{}", self.prompt, self.generation.text())))
    }
}
