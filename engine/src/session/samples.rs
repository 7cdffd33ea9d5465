//! Generates several texts in a batch, after one prompt or each in its own conversation.

use super::Session;
use super::training::ActiveRun;
use super::writing::{Key, Model};
use crate::generation::{
    Batch, ChatPrompt, Decode, Decoder, Generated, Request, chat_prompt, chat_room, prompt_tokens, request,
};
use crate::protocol::quantity::counted;
use crate::protocol::{ChatMessage, Event, GenerateConfig, Precision, WeightSource};
use crate::{Error, Result};
use web_time::Instant;

/// Maximum batch size; further texts wait for a slot.
const PLACES: usize = 16;

/// Maximum texts per request.
const MAX_TEXTS: usize = 10_000;

/// The texts of a request.
pub(super) struct Samples {
    pub(super) id: u64,
    key: Key,
    precision: Precision,
    decoder: Decoder,
    batch: Batch<Decode<'static>>,
    /// Seed of the first text.
    seed: u64,
    /// Which texts were reported.
    told: Vec<bool>,
    begun: Instant,
    tokens: usize,
}

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
        let (config, judges) = &self.with_judges(config)?;
        let (model, decoder) = self.model_for(id, source, config, count, live).await?;
        self.tell_lost(id, &model.tokenizer, prompt);
        let ids = prompt_tokens(&model.tokenizer, prompt)?;
        let requests = seeds(config, count).map(|config| Request {
            judges: judges.clone(),
            ..request(model.tokenizer.clone(), &ids, &[], &config)
        });
        let requests = requests.collect();
        self.write_all(id, (model, decoder), requests, config)
    }

    /// Generates answers in conversations. If one does not fit, its oldest exchanges are dropped; of a single message that is too
    /// long, the model sees the end.
    pub(super) async fn begin_replies(
        &mut self,
        id: u64,
        source: &WeightSource,
        conversations: &[Vec<ChatMessage>],
        config: &GenerateConfig,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        let (config, judges) = &self.with_judges(config)?;
        let count = conversations.len();
        let (model, decoder) = self.model_for(id, source, config, count, live).await?;
        let (files, context) = (model.tokenizer.files(), model.config.context_length);
        let room = chat_room(context, config.max_tokens);
        let (mut requests, mut longer) = (Vec::with_capacity(count), 0);
        for (messages, config) in conversations.iter().zip(seeds(config, count)) {
            let ChatPrompt { tokens, left_out } =
                chat_prompt(files, messages, room).or_else(|_| chat_prompt(files, messages, usize::MAX))?;
            longer += u64::from(left_out > 0 || tokens.len() > room);
            let ends: Vec<u32> = files.turn_end(messages).into_iter().collect();
            let request = request(model.tokenizer.clone(), &tokens, &ends, &config);
            requests.push(Request { judges: judges.clone(), ..request });
        }
        if longer > 0 {
            let of = counted(count as u64, "conversation");
            let text = format!(
                "{longer} of {of} exceed the {room} tokens that fit the context of {context}: the model sees only their end"
            );
            self.sink.answer(id, Event::Notice { text });
        }
        self.write_all(id, (model, decoder), requests, config)
    }

    /// A model with a decoder for a batch of texts.
    async fn model_for(
        &mut self,
        id: u64,
        source: &WeightSource,
        config: &GenerateConfig,
        count: usize,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<(Model, Decoder)> {
        self.expect_room()?;
        config.validate()?;
        if !(1..=MAX_TEXTS).contains(&count) {
            return Err(Error::Refused(format!(
                "the number of texts must be 1 to {MAX_TEXTS} (got {count})"
            )));
        }
        let places = count.min(PLACES);
        let (model, mut decoder) = self.model_and_decoder(source, config.precision, places, live).await?;
        self.tell_model(id, &model, &decoder);
        decoder.set_interactive(self.visible);
        Ok((model, decoder))
    }

    /// Starts generating the texts.
    fn write_all(
        &mut self,
        id: u64,
        (model, mut decoder): (Model, Decoder),
        requests: Vec<Request<Decode<'static>>>,
        config: &GenerateConfig,
    ) -> Result<()> {
        let told = vec![false; requests.len()];
        let batch = Batch::new(&mut decoder, requests)?;
        let (seed, precision, begun) = (config.seed, config.precision, Instant::now());
        let samples = Samples { id, key: model.key, precision, decoder, batch, seed, told, begun, tokens: 0 };
        self.generations.samples.push(samples);
        Ok(())
    }

    /// Generates a few tokens of all samples.
    pub(super) async fn carry_on_sampling(&mut self) {
        for mut samples in std::mem::take(&mut self.generations.samples) {
            if let Err(error) = samples.batch.next(&mut samples.decoder).await {
                self.sink.failed(Some(samples.id), &error);
                continue;
            }
            for (number, told) in samples.told.iter_mut().enumerate().filter(|(_, told)| !**told) {
                let Some(text) = samples.batch.finished(number) else { continue };
                *told = true;
                samples.tokens += text.tokens.len();
                self.sink.answer(samples.id, sampled(number, samples.seed, text));
            }
            if samples.batch.is_over() {
                self.end_samples(samples);
            } else {
                self.generations.samples.push(samples);
            }
        }
    }

    /// Reports the remaining texts, which end here.
    pub(super) fn end_samples(&mut self, samples: Samples) {
        let Samples { id, key, precision, decoder, batch, seed, told, begun, mut tokens } = samples;
        for (number, text) in batch.finish().iter().enumerate().filter(|(number, _)| !told[*number]) {
            tokens += text.tokens.len();
            self.sink.answer(id, sampled(number, seed, text));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let tokens_per_s = tokens as f64 / seconds.max(1e-9);
        self.sink.answer(id, Event::SamplesEnded { tokens, tokens_per_s, seconds });
        self.sink.finished(id);
        self.generations.keep_decoder(key, precision, decoder);
    }
}

/// Settings of each text, with its own seed.
fn seeds(config: &GenerateConfig, count: usize) -> impl Iterator<Item = GenerateConfig> {
    (0..count as u64)
        .map(|number| GenerateConfig { seed: config.seed.wrapping_add(number), ..config.clone() })
}

fn sampled(number: usize, seed: u64, text: &Generated) -> Event {
    Event::Sampled {
        number,
        seed: seed.wrapping_add(number as u64),
        text: text.text.clone(),
        tokens: text.tokens.clone(),
        ending: text.ending,
        moderated: text.moderated.clone(),
    }
}
