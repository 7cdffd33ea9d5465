//! Batched generation: texts fill the decoder's places, and each one that ends makes room for the next.

use super::{Decoder, Generated, GeneratedTokens, Generation};
use glasshouse_compiler::sampler::Watch;
use glasshouse_metrics::moderation::Classifier;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Ending, GenerateConfig};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub struct Request<Decode> {
    pub prompt: Vec<u32>,
    /// Sampling settings with their own seed, and limits.
    pub config: GenerateConfig,
    pub ends: Vec<u32>,
    /// Judges sentences in addition to moderation's word list.
    pub classifier: Option<Arc<Classifier>>,
    /// What to keep and demand of the text, on the CPU.
    pub watch: Watch,
    /// Decodes tokens to text, as in [`super::Writer::new`].
    pub decode: Decode,
}

/// Texts being generated, advanced a few tokens at a time between other work. Each text equals its separate generation
/// with the same seed: bit for bit on the CPU, up to rounding on a GPU.
pub struct Batch<Decode> {
    /// Number of requests so far.
    asked: usize,
    waiting: VecDeque<(usize, Request<Decode>)>,
    under_way: Vec<UnderWay<Decode>>,
    /// By request number.
    finished: BTreeMap<usize, Generated>,
}

/// A text with a place in the decoder.
struct UnderWay<Decode> {
    number: usize,
    place: usize,
    generation: Generation<Decode>,
}

impl<Decode: FnMut(Option<u32>) -> Option<String>> Batch<Decode> {
    /// Takes over the decoder, ending its current texts. Requests without a place wait.
    ///
    /// # Errors
    /// There are no requests.
    pub fn new(decoder: &mut Decoder, requests: impl IntoIterator<Item = Request<Decode>>) -> Result<Self> {
        let mut batch = Self::empty(decoder);
        for request in requests {
            batch.push(request);
        }
        if batch.asked == 0 {
            return Err(Error::Refused("batch size must be at least 1".to_owned()));
        }
        Ok(batch)
    }

    /// Takes over the decoder, for requests added later.
    pub fn empty(decoder: &mut Decoder) -> Self {
        (0..decoder.places()).for_each(|place| decoder.release(place));
        Self { asked: 0, waiting: VecDeque::new(), under_way: Vec::new(), finished: BTreeMap::new() }
    }

    /// Adds a request and returns its number.
    pub fn push(&mut self, request: Request<Decode>) -> usize {
        self.waiting.push_back((self.asked, request));
        self.asked += 1;
        self.asked - 1
    }

    /// Ends a text early and frees its place. Returns an empty text if it was still waiting, and `None` if there is no such text.
    pub fn stop(&mut self, decoder: &mut Decoder, number: usize) -> Option<Generated> {
        if let Some(at) = self.under_way.iter().position(|text| text.number == number) {
            let text = self.under_way.swap_remove(at);
            decoder.release(text.place);
            return Some(text.generation.finish());
        }
        if let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == number) {
            let (_, request) = self.waiting.remove(at)?;
            return Some(Generation::new(request).1.finish());
        }
        self.take(number)
    }

    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Prefills texts for free places, then generates the next few tokens of all texts. Returns the new tokens with the
    /// request numbers.
    ///
    /// # Errors
    /// A prompt is rejected, or the device fails.
    pub async fn next(&mut self, decoder: &mut Decoder) -> Result<Vec<(usize, GeneratedTokens)>> {
        while self.under_way.len() < decoder.places()
            && let Some((number, request)) = self.waiting.pop_front()
        {
            let (prompt, mut generation) = Generation::new(request);
            let place = decoder.admit(&prompt, &generation.config).await?;
            if let Some(watch) = decoder.watch(place) {
                *watch = std::mem::take(&mut generation.watch);
            }
            self.under_way.push(UnderWay { number, place, generation });
        }
        let count = match &self.under_way[..] {
            [] => return Ok(Vec::new()),
            // A single text starts with one token, so that output appears at once.
            [only] => only.generation.left().min(only.generation.count),
            several => several.iter().map(|text| text.generation.left()).min().unwrap_or(0),
        };
        let written = decoder.advance_all(count.min(decoder.batch())).await?;
        let mut added = Vec::with_capacity(written.len());
        for text in &mut self.under_way {
            if let Some((_, tokens)) = written.iter().find(|(place, _)| *place == text.place) {
                added.push((text.number, text.generation.take(tokens)));
            }
            if decoder.watch(text.place).is_some_and(|watch| watch.failure.is_some()) {
                text.generation.writer.finish(Ending::Interrupted);
            }
        }
        for text in self.under_way.extract_if(.., |text| text.generation.is_over()) {
            let Watch { scores, failure, .. } =
                decoder.watch(text.place).map(std::mem::take).unwrap_or_default();
            decoder.release(text.place);
            let mut finished = Generated { scores, ..text.generation.finish() };
            // A complete text may be followed by tokens that are not part of it.
            finished.failure = failure.filter(|_| finished.ending == Ending::Interrupted);
            // Drop those of tokens drawn after its end.
            let count = finished.ids().count();
            finished.scores.truncate(count);
            self.finished.insert(text.number, finished);
        }
        Ok(added)
    }

    /// Number of finished texts.
    pub fn written(&self) -> usize {
        self.finished.len()
    }

    pub fn finished(&self, number: usize) -> Option<&Generated> {
        self.finished.get(&number)
    }

    /// Removes and returns a finished text.
    pub fn take(&mut self, number: usize) -> Option<Generated> {
        self.finished.remove(&number)
    }

    /// All texts in request order. Unfinished texts end where they are; waiting ones are empty.
    pub fn finish(mut self) -> Vec<Generated> {
        let waiting = self.waiting.into_iter().map(|(number, request)| (number, Generation::new(request).1));
        let under_way = self.under_way.into_iter().map(|text| (text.number, text.generation));
        for (number, generation) in under_way.chain(waiting) {
            self.finished.insert(number, generation.finish());
        }
        self.finished.into_values().collect()
    }
}
