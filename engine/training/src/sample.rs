//! Samples from a run's current weights.

use super::{SampleRequest, Trainer};
use glasshouse_generation::{self as generate, Batch, ChatPrompt, Decode, Decoder, chat_prompt};
use glasshouse_platform::Result;
use glasshouse_protocol::{ChatMessage, GenerateConfig, Role};
use glasshouse_text::data::Prepared;
use glasshouse_text::tokenizer::TokenizerFiles;

/// A sample in progress, generated a few tokens at a time; it pauses with its run and is dropped when the run stops.
pub struct PendingSample<'text> {
    decoder: Decoder,
    batch: Batch<Decode<'text>>,
    before: String,
}

impl<'text> PendingSample<'text> {
    /// Starts a sample with the current weights on the training device. A run that trains on conversations answers the prompt. Fails if the
    /// device failed, or has no room for a decoder next to the run.
    pub async fn begin(
        trainer: &mut Trainer<'_>,
        prepared: &'text Prepared,
        request: SampleRequest,
        interactive: bool,
    ) -> Result<Self> {
        let model = trainer.config().model.clone();
        let mut decoder = trainer.decoder(1).await?;
        decoder.set_interactive(interactive);
        let config = GenerateConfig { max_tokens: request.tokens, ..GenerateConfig::default() };
        let tokenizer = &prepared.tokenizer;
        let (prompt, ends, before) = if trainer.config().train.objective.needs_chat_template() {
            let files = TokenizerFiles::with(tokenizer.clone(), &prepared.folder)?;
            let messages = [ChatMessage::new(Role::User, &request.prompt)];
            let room = model.context_length - config.max_tokens.min(model.context_length / 2);
            let ChatPrompt { tokens, .. } = chat_prompt(&files, &messages, room)?;
            (tokens, files.turn_end(&messages), format!("{}\n> ", request.prompt))
        } else {
            (generate::prompt_tokens(tokenizer, &request.prompt)?, None, request.prompt)
        };
        let ends: Vec<u32> = ends.into_iter().collect();
        let request = generate::request(tokenizer, &prompt, &ends, &config);
        let batch = Batch::new(&mut decoder, [request])?;
        Ok(Self { decoder, batch, before })
    }

    /// Generates a few more tokens; returns the whole text once it is complete.
    pub async fn carry_on(&mut self) -> Result<Option<String>> {
        self.batch.next(&mut self.decoder).await?;
        Ok(self.batch.finished(0).map(|sample| format!("{}{}", self.before, sample.text)))
    }
}
