//! Generates several texts after one prompt in a batch.

use super::Session;
use super::batches::Asked;
use super::training::ActiveRun;
use crate::generation::{Request, prompt_tokens, request};
use crate::protocol::{GenerateConfig, WeightSource};
use crate::{Error, Result};

/// Maximum batch size; further texts wait for a slot.
const PLACES: usize = 16;

/// Maximum texts per request.
const MAX_TEXTS: usize = 10_000;

impl Session {
    pub(super) async fn begin_samples(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: &str,
        config: &GenerateConfig,
        count: usize,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        self.expect_room()?;
        let (config, judges) = self.with_judges(config)?;
        if !(1..=MAX_TEXTS).contains(&count) {
            return Err(Error::Refused(format!(
                "the number of texts must be 1 to {MAX_TEXTS} (got {count})"
            )));
        }
        let places = count.min(PLACES);
        let (model, decoder) = self.model_and_decoder(source, config.precision, places, live).await?;
        self.tell_model(id, &model, &decoder);
        self.tell_lost(id, &model.tokenizer, prompt);
        let ids = prompt_tokens(&model.tokenizer, prompt)?;
        let text = |number: usize| {
            let seed = config.seed.wrapping_add(number as u64);
            let config = GenerateConfig { seed, ..config.clone() };
            let request = request(model.tokenizer.clone(), &ids, &[], &config);
            (Request { judges: judges.clone(), ..request }, Asked::Sample { id, number, seed })
        };
        let texts = (0..count).map(text).collect();
        self.write_all((model, decoder), config.precision, texts);
        Ok(())
    }
}
