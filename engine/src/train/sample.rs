//! Samples of a run in training: texts from its weights as they are.

use super::{SampleRequest, Trainer};
use crate::data::Prepared;
use crate::error::Result;
use crate::generate::{self, ChatPrompt, Decoder, TextGeneration, chat_prompt};
use crate::protocol::{ChatMessage, GenerateConfig, Role};
use crate::tokenizer::TokenizerFiles;

/// A sample under way: carried on by a few tokens at a time, held with its run, and given up when the run is to end.
pub struct PendingSample<'text> {
    decoder: Decoder,
    generation: TextGeneration<'text>,
    /// What stands before what is written.
    before: String,
}

impl<'text> PendingSample<'text> {
    /// Begins it with the weights as they are, on the device that trains. A run that learns from conversations answers the prompt.
    ///
    /// # Errors
    /// The device fails, or cannot hold a decoder beside the run.
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
        let generation = TextGeneration::start(&mut decoder, request).await?;
        Ok(Self { decoder, generation, before })
    }

    /// A few more tokens; the whole text once it is written.
    ///
    /// # Errors
    /// The device fails.
    pub async fn carry_on(&mut self) -> Result<Option<String>> {
        if !self.generation.is_over() {
            self.generation.next(&mut self.decoder).await?;
        }
        Ok(self.generation.is_over().then(|| format!("{}{}", self.before, self.generation.text())))
    }
}
