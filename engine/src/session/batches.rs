//! Texts being generated, a few tokens at a time, between other work, whichever command asks for them.

use super::Session;
use super::generation::Encoded;
use super::models::{Model, SharedTokenizer, Use, expect_writes};
use super::training::ActiveRun;
use crate::generation::{Batch, Decode, Decoder, Generated, GeneratedTokens, Request};
use crate::protocol::{CompletionSettings, Event, GenerateConfig, WrittenToken, order};
use crate::tokenizer::DecodeStream;
use crate::{Error, Result};
use std::sync::Arc;

/// Maximum requests for texts at the same time, not counting completions.
const REQUESTS: usize = 8;
/// Slots of a decoder for texts that arrive while others use the same weights. The first text has its own decoder, which is faster.
const SHARED: usize = 4;

/// Texts that share a decoder.
pub(super) struct Pool {
    used: Use,
    decoder: Decoder,
    batch: Batch<Decode<'static>>,
    /// With their numbers in the batch.
    texts: Vec<(usize, Asked)>,
}

impl Pool {
    /// Whether `count` more texts find places, or wait only for other completions, as completions do.
    fn takes(&self, count: usize, completes: bool) -> bool {
        let is_completion = |(_, asked): &(usize, Asked)| matches!(asked.form, Form::Completion);
        self.texts.len() + count <= self.decoder.places() || completes && self.texts.iter().all(is_completion)
    }
}

/// A text in progress.
pub(super) struct Asked {
    /// The request's number.
    pub(super) id: u64,
    /// Index among the request's texts.
    pub(super) number: usize,
    pub(super) seed: u64,
    pub(super) model: Model,
    pub(super) prompt: Arc<Encoded>,
    pub(super) settings: CompletionSettings,
    /// Write special tokens as text.
    pub(super) special: bool,
    pub(super) form: Form,
}

pub(super) enum Form {
    /// Tokens are reported as they come.
    Tokens {
        /// Decodes each token separately.
        stream: Box<DecodeStream<SharedTokenizer>>,
        /// Moderation hides part of the text, so single tokens must not be shown.
        hides: bool,
    },
    Sample,
    Completion,
}

#[derive(Default)]
pub(super) struct Batches {
    pools: Vec<Pool>,
}

impl Batches {
    pub(super) fn is_idle(&self) -> bool {
        self.pools.is_empty()
    }

    fn texts(&self) -> impl Iterator<Item = &Asked> {
        self.pools.iter().flat_map(|pool| &pool.texts).map(|(_, asked)| asked)
    }

    pub(super) fn completions(&self) -> impl Iterator<Item = &Asked> {
        self.texts().filter(|asked| matches!(asked.form, Form::Completion))
    }

    pub(super) fn push(&mut self, pool: usize, request: Request<Decode<'static>>, asked: Asked) {
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.texts.push((pool.batch.push(request), asked));
        }
    }
}

impl Session {
    pub(super) fn expect_room(&self) -> Result<()> {
        let texts = self.generations.batches.texts();
        let others = texts.filter(|asked| !matches!(asked.form, Form::Completion)).map(|asked| asked.id);
        if order::distinct(others).len() >= REQUESTS {
            return Err(Error::Busy(format!(
                "{REQUESTS} texts are already being generated; wait for one to end, or stop one"
            )));
        }
        Ok(())
    }

    /// The index of the pool for `count` more texts of request `id`: one of the same weights that takes them, or a new one with `places`.
    pub(super) async fn pool(
        &mut self,
        id: u64,
        model: &Model,
        config: &GenerateConfig,
        [count, places]: [usize; 2],
        completes: bool,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<usize> {
        expect_writes(model)?;
        // Without opening a device.
        let may_be_gpu = match &mut live {
            Some(live) => live.trainer.executor().gpu().is_some(),
            None => self.device.request != "cpu",
        };
        let (weights, on_cpu) = (config.weights, may_be_gpu && config.needs_logits());
        let used = (model.key.clone(), weights, on_cpu);
        let pools = &self.generations.batches.pools;
        let is_same = |pool: &Pool| pool.used == used;
        let at = match pools.iter().position(|pool| is_same(pool) && pool.takes(count, completes)) {
            Some(at) => at,
            None => {
                let places = if pools.iter().any(is_same) { places.max(SHARED) } else { places };
                let mut decoder = if !on_cpu {
                    self.decoder(model, weights, places, live).await?
                } else if let Some(idle) = self.generations.idle_decoder(&used, places) {
                    idle
                } else {
                    let format = weights.unwrap_or(model.weights);
                    Decoder::Cpu(Box::new(model.on_cpu(format, self.options.threads, places).await?))
                };
                decoder.set_interactive(self.visible);
                if let Decoder::Cpu(decoder) = &mut decoder {
                    decoder.set_precise(self.options.precise);
                }
                let batch = Batch::empty(&mut decoder);
                self.generations.batches.pools.push(Pool { used, decoder, batch, texts: Vec::new() });
                self.generations.batches.pools.len() - 1
            }
        };
        self.sink.answer(id, model.opened(&self.generations.batches.pools[at].decoder));
        Ok(at)
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
            let mut ended = Vec::new();
            for (number, asked) in std::mem::take(&mut pool.texts) {
                match pool.batch.take(number) {
                    Some(generated) => ended.push((asked, generated)),
                    None => pool.texts.push((number, asked)),
                }
            }
            self.end_texts(ended, pool);
        }
        self.score_some().await;
    }

    /// Ends the texts of a request, or all of them if it is 0, and frees their places.
    pub(super) fn stop_writing(&mut self, request: u64) {
        let is_meant = |asked: &Asked| request == 0 || asked.id == request;
        for mut pool in std::mem::take(&mut self.generations.batches.pools) {
            let mut ended = Vec::new();
            for (number, asked) in pool.texts.extract_if(.., |(_, asked)| is_meant(asked)) {
                match pool.batch.stop(&mut pool.decoder, number) {
                    Some(generated) => ended.push((asked, generated)),
                    None => {
                        self.fail(&[(number, asked)], &Error::Internal("a text without a batch".to_owned()));
                    }
                }
            }
            self.end_texts(ended, pool);
        }
        self.stop_scoring(request);
    }

    /// Reports texts that ended, and keeps their pool while it has others, then its decoder. A request with a text that failed ends once, with
    /// all its texts.
    fn end_texts(&mut self, mut ended: Vec<(Asked, Generated)>, mut pool: Pool) {
        let failure = |(asked, generated): &(Asked, Generated)| Some((asked.id, generated.failure.clone()?));
        while let Some((id, reason)) = ended.iter().find_map(failure) {
            let reason = format!("the grammar cannot be followed any further: {reason}");
            self.sink.failed(Some(id), &Error::Refused(reason));
            ended.retain(|(asked, _)| asked.id != id);
            for (number, _) in pool.texts.extract_if(.., |(_, asked)| asked.id == id) {
                pool.batch.stop(&mut pool.decoder, number);
            }
        }
        let mut ended = ended.into_iter();
        while let Some((asked, generated)) = ended.next() {
            let mut others = ended.as_slice().iter().map(|(other, _)| other.id);
            let is_last = others.all(|other| other != asked.id)
                && pool.texts.iter().all(|(_, other)| other.id != asked.id);
            self.end_text(asked, generated, is_last);
        }
        if pool.texts.is_empty() {
            self.generations.keep_decoder(pool.used, pool.decoder);
        } else {
            self.generations.batches.pools.push(pool);
        }
    }

    fn fail(&mut self, texts: &[(usize, Asked)], error: &Error) {
        // A request for several texts fails once.
        for id in order::distinct(texts.iter().map(|(_, asked)| asked.id)) {
            self.sink.failed(Some(id), error);
        }
    }

    fn report_piece(&self, asked: &mut Asked, piece: GeneratedTokens, is_over: bool) {
        let tokens = match &mut asked.form {
            Form::Tokens { stream, hides } => {
                let mut tokens = written(stream, &piece.tokens, is_over);
                if *hides {
                    for (number, token) in tokens.iter_mut().enumerate() {
                        token.text = if number == 0 { piece.text.clone() } else { String::new() };
                    }
                }
                tokens
            }
            Form::Completion if !piece.text.is_empty() => Vec::new(),
            Form::Completion | Form::Sample => return,
        };
        self.sink.answer(asked.id, Event::Written { tokens, prompt: false, text: piece.text });
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
