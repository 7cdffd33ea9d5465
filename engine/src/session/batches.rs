//! Texts being generated, a few tokens at a time, between other work, whichever command asks for them.

use super::Session;
use super::completing::Completing;
use super::writing::{Key, Model, SharedTokenizer};
use crate::generation::{Batch, Decode, Decoder, Generated, GeneratedTokens, Request};
use crate::protocol::{Event, Precision, WrittenToken};
use crate::tokenizer::DecodeStream;
use crate::{Error, Result};
use std::collections::BTreeMap;
use web_time::Instant;

/// Maximum requests for texts at the same time, not counting completions.
const REQUESTS: usize = 8;

/// Texts that share a decoder.
pub(super) struct Pool {
    key: Key,
    precision: Precision,
    decoder: Decoder,
    batch: Batch<Decode<'static>>,
    /// With their numbers in the batch.
    texts: Vec<(usize, Asked)>,
}

impl Pool {
    pub(super) fn push(&mut self, request: Request<Decode<'static>>, asked: Asked) {
        self.texts.push((self.batch.push(request), asked));
    }
}

/// The request of a text.
pub(super) enum Asked {
    Streamed(Box<Streamed>),
    Sample {
        id: u64,
        /// Index among the request's texts.
        number: usize,
        seed: u64,
    },
    Completion(Box<Completing>),
}

impl Asked {
    pub(super) fn id(&self) -> u64 {
        match self {
            Self::Streamed(streamed) => streamed.id,
            Self::Sample { id, .. } => *id,
            Self::Completion(completing) => completing.id,
        }
    }
}

/// A text whose tokens are reported as they come.
pub(super) struct Streamed {
    pub(super) id: u64,
    /// Decodes each token separately.
    pub(super) stream: DecodeStream<SharedTokenizer>,
    /// Moderation hides part of the text, so single tokens must not be shown.
    pub(super) hides: bool,
}

/// A request for several texts.
struct Samples {
    unfinished: usize,
    tokens: usize,
    begun: Instant,
}

/// Texts being generated.
#[derive(Default)]
pub(super) struct Batches {
    pools: Vec<Pool>,
    /// By request.
    samples: BTreeMap<u64, Samples>,
}

impl Batches {
    pub(super) fn is_idle(&self) -> bool {
        self.pools.is_empty()
    }

    fn texts(&self) -> impl Iterator<Item = &Asked> {
        self.pools.iter().flat_map(|pool| &pool.texts).map(|(_, asked)| asked)
    }

    pub(super) fn completions(&self) -> impl Iterator<Item = &Completing> {
        self.texts().filter_map(|asked| match asked {
            Asked::Completion(completing) => Some(&**completing),
            _ => None,
        })
    }

    /// The pool of other completions of the same weights.
    pub(super) fn completions_of(&mut self, key: &Key, precision: Precision) -> Option<&mut Pool> {
        let is_completion = |(_, asked): &(usize, Asked)| matches!(asked, Asked::Completion(_));
        self.pools.iter_mut().find(|pool| {
            pool.key == *key && pool.precision == precision && pool.texts.iter().all(is_completion)
        })
    }
}

impl Session {
    pub(super) fn expect_room(&self) -> Result<()> {
        let batches = &self.generations.batches;
        let streamed = batches.texts().filter(|asked| matches!(asked, Asked::Streamed(_)));
        if streamed.count() + batches.samples.len() >= REQUESTS {
            return Err(Error::Busy(format!(
                "{REQUESTS} texts are already being written; wait for one, or stop one"
            )));
        }
        Ok(())
    }

    /// Starts generating texts with a decoder of their own.
    pub(super) fn write_all(
        &mut self,
        (model, mut decoder): (Model, Decoder),
        precision: Precision,
        texts: Vec<(Request<Decode<'static>>, Asked)>,
    ) {
        decoder.set_interactive(self.visible);
        for (_, asked) in &texts {
            if let Asked::Sample { id, .. } = asked {
                let new = || Samples { unfinished: 0, tokens: 0, begun: Instant::now() };
                self.generations.batches.samples.entry(*id).or_insert_with(new).unfinished += 1;
            }
        }
        let batch = Batch::empty(&mut decoder);
        let mut pool = Pool { key: model.key, precision, decoder, batch, texts: Vec::new() };
        texts.into_iter().for_each(|(request, asked)| pool.push(request, asked));
        self.generations.batches.pools.push(pool);
    }

    /// Generates a few tokens of each text.
    pub(super) async fn carry_on_writing(&mut self) {
        for mut pool in std::mem::take(&mut self.generations.batches.pools) {
            let added = match pool.batch.next(&mut pool.decoder).await {
                Ok(added) => added,
                Err(error) => {
                    self.fail(&pool.texts, &error);
                    continue;
                }
            };
            for (number, piece) in added {
                let is_over = pool.batch.finished(number).is_some();
                if let Some((_, asked)) = pool.texts.iter_mut().find(|(own, _)| *own == number) {
                    self.report_piece(asked, piece, is_over);
                }
            }
            for (number, asked) in std::mem::take(&mut pool.texts) {
                match pool.batch.take(number) {
                    Some(generated) => self.end_text(asked, generated),
                    None => pool.texts.push((number, asked)),
                }
            }
            self.put_back(pool);
        }
        self.score_some().await;
    }

    /// Ends the texts of a request, or all of them if it is 0, and frees their places.
    pub(super) fn stop_writing(&mut self, request: u64) {
        let is_meant = |asked: &Asked| request == 0 || asked.id() == request;
        for mut pool in std::mem::take(&mut self.generations.batches.pools) {
            for (number, asked) in pool.texts.extract_if(.., |(_, asked)| is_meant(asked)) {
                match pool.batch.stop(&mut pool.decoder, number) {
                    Some(generated) => self.end_text(asked, generated),
                    None => {
                        self.fail(&[(number, asked)], &Error::Internal("a text without a batch".to_owned()));
                    }
                }
            }
            self.put_back(pool);
        }
        self.stop_scoring(request);
    }

    /// Keeps a pool while it has texts, then its decoder.
    fn put_back(&mut self, pool: Pool) {
        if pool.texts.is_empty() {
            self.generations.keep_decoder(pool.key, pool.precision, pool.decoder);
        } else {
            self.generations.batches.pools.push(pool);
        }
    }

    fn fail(&mut self, texts: &[(usize, Asked)], error: &Error) {
        for (_, asked) in texts {
            // A request for several texts fails once.
            let is_first = !matches!(asked, Asked::Sample { .. })
                || self.generations.batches.samples.remove(&asked.id()).is_some();
            if is_first {
                self.sink.failed(Some(asked.id()), error);
            }
        }
    }

    fn report_piece(&self, asked: &mut Asked, piece: GeneratedTokens, is_over: bool) {
        match asked {
            Asked::Streamed(streamed) => {
                let Streamed { id, stream, hides } = &mut **streamed;
                let mut tokens = written(stream, &piece.tokens, is_over);
                if *hides {
                    for (number, token) in tokens.iter_mut().enumerate() {
                        token.text = if number == 0 { piece.text.clone() } else { String::new() };
                    }
                }
                self.sink.answer(*id, Event::Written { tokens, prompt: false, text: piece.text });
            }
            Asked::Completion(completing) if !piece.text.is_empty() => {
                let run = completing.model.key.0.clone();
                self.sink.answer(completing.id, Event::Completing { run, text: piece.text });
            }
            Asked::Completion(_) | Asked::Sample { .. } => {}
        }
    }

    fn end_text(&mut self, asked: Asked, generated: Generated) {
        match asked {
            Asked::Streamed(streamed) => {
                let ended = Event::WritingEnded {
                    text: generated.text,
                    ending: generated.ending,
                    tokens_per_s: generated.tokens_per_s,
                    seconds: generated.seconds,
                    moderated: generated.moderated,
                };
                self.sink.answer(streamed.id, ended);
                self.sink.finished(streamed.id);
            }
            Asked::Sample { id, number, seed } => self.end_sample(id, number, seed, generated),
            Asked::Completion(completing) => self.complete(*completing, generated.into()),
        }
    }

    fn end_sample(&mut self, id: u64, number: usize, seed: u64, generated: Generated) {
        let Generated { text, tokens, ending, moderated, .. } = generated;
        let count = tokens.len();
        self.sink.answer(id, Event::Sampled { number, seed, text, tokens, ending, moderated });
        let Some(samples) = self.generations.batches.samples.get_mut(&id) else { return };
        samples.tokens += count;
        samples.unfinished -= 1;
        if samples.unfinished > 0 {
            return;
        }
        let (tokens, seconds) = (samples.tokens, samples.begun.elapsed().as_secs_f64());
        self.generations.batches.samples.remove(&id);
        let tokens_per_s = tokens as f64 / seconds.max(1e-9);
        self.sink.answer(id, Event::SamplesEnded { tokens, tokens_per_s, seconds });
        self.sink.finished(id);
    }
}

/// Each token with the text that is final after it; at the `end`, the last token gets the rest.
pub(super) fn written(
    stream: &mut DecodeStream<SharedTokenizer>,
    ids: &[u32],
    end: bool,
) -> Vec<WrittenToken> {
    let token = |id: &u32| WrittenToken {
        id: *id,
        text: if stream.tokenizer().describe(*id).special {
            String::new()
        } else {
            stream.push(*id).unwrap_or_default()
        },
    };
    let mut tokens: Vec<_> = ids.iter().map(token).collect();
    if let Some(last) = tokens.last_mut().filter(|_| end) {
        last.text.extend(stream.flush());
    }
    tokens
}
