//! Many texts at once: as many as the decoder has places go through the model together, and whichever ends makes room for the next.

use super::{Decoder, Generated, GeneratedTokens, Generation};
use crate::error::{Error, Result};
use crate::evaluation::moderation::Judges;
use glasshouse_protocol::{Ending, GenerateConfig};
use std::collections::{BTreeMap, VecDeque};

/// A text that is to be written.
#[derive(Debug)]
pub struct Request<Decode> {
    /// Tokens that it goes on from.
    pub prompt: Vec<u32>,
    /// How its tokens are drawn, under a seed of its own, and when it ends.
    pub config: GenerateConfig,
    /// Tokens that end it.
    pub ends: Vec<u32>,
    /// What moderation judges by, where that is more than our rules or it is parsed already.
    pub judges: Option<Judges>,
    /// From tokens to text, as [`super::Writer::new`] has it.
    pub decode: Decode,
}

/// Texts under way, to be carried on by a few tokens between other work. Each becomes what it would by itself under its seed: on the
/// CPU bit for bit, on a GPU but for rounding.
pub struct Batch<Decode> {
    /// Requests so far.
    asked: usize,
    waiting: VecDeque<(usize, Request<Decode>)>,
    under_way: Vec<UnderWay<Decode>>,
    /// By their numbers: in the order in which they were asked for.
    finished: BTreeMap<usize, Generated>,
}

/// A text that has a place in the decoder.
struct UnderWay<Decode> {
    /// Its number among the requests.
    number: usize,
    place: usize,
    generation: Generation<Decode>,
}

impl<Decode: FnMut(Option<u32>) -> Option<String>> Batch<Decode> {
    /// Takes the decoder for these texts; those that it has are over. What has no place waits for one.
    ///
    /// # Errors
    /// There is nothing to write.
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

    /// Takes the decoder for texts to come.
    pub fn empty(decoder: &mut Decoder) -> Self {
        (0..decoder.places()).for_each(|place| decoder.release(place));
        Self { asked: 0, waiting: VecDeque::new(), under_way: Vec::new(), finished: BTreeMap::new() }
    }

    /// Takes up another text, whatever the others are at, and returns its number.
    pub fn push(&mut self, request: Request<Decode>) -> usize {
        self.waiting.push_back((self.asked, request));
        self.asked += 1;
        self.asked - 1
    }

    /// Ends a text where it stands: its place is free for another. An empty one where it had no place yet; `None` where there is no such
    /// text any more.
    pub fn stop(&mut self, decoder: &mut Decoder, number: usize) -> Option<Generated> {
        if let Some(at) = self.under_way.iter().position(|text| text.number == number) {
            let mut text = self.under_way.swap_remove(at);
            decoder.release(text.place);
            text.generation.interrupt();
            return Some(text.generation.finish());
        }
        if let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == number) {
            let (_, request) = self.waiting.remove(at)?;
            let (_, mut generation) = Generation::new(request);
            generation.interrupt();
            return Some(generation.finish());
        }
        self.take(number)
    }

    /// Whether every text is written.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Reads the prompts of texts for which there is a place, then the next few tokens of all that are under way, each with the text's
    /// number among the requests.
    ///
    /// # Errors
    /// A prompt is refused, or the device fails.
    pub async fn next(&mut self, decoder: &mut Decoder) -> Result<Vec<(usize, GeneratedTokens)>> {
        while self.under_way.len() < decoder.places()
            && let Some((number, request)) = self.waiting.pop_front()
        {
            let (prompt, generation) = Generation::new(request);
            let place = decoder.admit(&prompt, &generation.config).await?;
            self.under_way.push(UnderWay { number, place, generation });
        }
        let shortest = self.under_way.iter().map(|text| text.generation.left()).min();
        let Some(shortest) = shortest else { return Ok(Vec::new()) };
        let written = decoder.advance_all(shortest.min(decoder.batch())).await?;
        let mut added = Vec::with_capacity(written.len());
        for text in &mut self.under_way {
            if let Some((_, tokens)) = written.iter().find(|(place, _)| *place == text.place) {
                added.push((text.number, text.generation.take(tokens)));
            }
        }
        for text in self.under_way.extract_if(.., |text| text.generation.is_over()) {
            let entropies = decoder.entropies(text.place).to_vec();
            decoder.release(text.place);
            let mut finished = text.generation.finish();
            finished.entropies = entropies;
            // What was drawn beyond its end is nothing to it.
            finished
                .entropies
                .truncate(finished.tokens.len() + usize::from(finished.ending == Ending::EndOfText));
            self.finished.insert(text.number, finished);
        }
        Ok(added)
    }

    /// How many texts are written.
    pub fn written(&self) -> usize {
        self.finished.len()
    }

    /// A text that is written.
    pub fn finished(&self, number: usize) -> Option<&Generated> {
        self.finished.get(&number)
    }

    /// Gives a text away that is written.
    pub fn take(&mut self, number: usize) -> Option<Generated> {
        self.finished.remove(&number)
    }

    /// All of them, in the order in which they were asked for: those that are not written end where they stand, and one that had no place
    /// yet is empty.
    pub fn finish(mut self) -> Vec<Generated> {
        let waiting = self.waiting.into_iter().map(|(number, request)| (number, Generation::new(request).1));
        let under_way = self.under_way.into_iter().map(|text| (text.number, text.generation));
        for (number, mut generation) in under_way.chain(waiting) {
            generation.interrupt();
            self.finished.insert(number, generation.finish());
        }
        self.finished.into_values().collect()
    }
}
