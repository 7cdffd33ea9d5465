//! Computes log-probabilities of generated completions, and embeddings of prompts, many in one pass.

use super::super::Session;
use super::super::models::Model;
use super::{Asked, Behind, Unscored, pieces};
use crate::evaluation::{Detail, Scorer, Scoring, TokenScore};
use crate::generation::{Decode, Generated, Request, Writer};
use crate::protocol::{Completion, CompletionToken, Ending, LikelyToken};
use crate::tokenizer::{DecodeStream, Tokenizer};
use crate::{Error, Result};
use std::collections::VecDeque;

/// Tokens scored per pass between other work; a longer text is a pass of its own.
const TOKENS: usize = 2048;
/// Stands for ln 0, as in OpenAI's server, because JSON has no infinity.
const NEVER: f32 = -9999.0;

impl Session {
    /// Scores the completions that have waited longest: as many with the same weights as fit into one pass.
    pub(in super::super) async fn score_some(&mut self) {
        let waiting = std::mem::take(&mut self.generations.scoring.unscored);
        let Some(first) = waiting.front() else { return };
        let (key, embeds) = (first.asked.model.key.clone(), first.asked.settings.embeds);
        let (mut due, mut rest, mut tokens) = (Vec::new(), VecDeque::new(), 0);
        for text in waiting {
            let own = text.asked.prompt.ids.len() + text.written();
            let is_alike = text.asked.model.key == key && text.asked.settings.embeds == embeds;
            if is_alike && (due.is_empty() || tokens + own <= TOKENS) {
                tokens += own;
                due.push(text);
            } else {
                rest.push_back(text);
            }
        }
        self.generations.scoring.unscored = rest;
        if embeds {
            return self.embed(due).await;
        }
        match self.scores(&due).await {
            Ok(scores) => {
                for (text, scores) in due.into_iter().zip(scores) {
                    let id = text.asked.id;
                    match text.behind.settle(scores) {
                        Ok((generated, scores)) => {
                            let tokens = tokens_of(&text.asked, &generated, &scores);
                            let found = Completion { tokens, ..Completion::default() };
                            self.report_completed(text.asked, generated, found, true);
                        }
                        Err(error) => self.sink.failed(Some(id), &error),
                    }
                }
            }
            Err(error) => due.iter().for_each(|text| self.sink.failed(Some(text.asked.id), &error)),
        }
    }

    async fn embed(&mut self, texts: Vec<Unscored>) {
        match self.embeddings(&texts).await {
            Ok(embeddings) => {
                for (text, embedding) in texts.into_iter().zip(embeddings) {
                    let found = Completion { embedding, ..Completion::default() };
                    self.report_completed(text.asked, Generated::default(), found, true);
                }
            }
            Err(error) => texts.iter().for_each(|text| self.sink.failed(Some(text.asked.id), &error)),
        }
    }

    async fn embeddings(&mut self, texts: &[Unscored]) -> Result<Vec<Vec<f32>>> {
        let Some(first) = texts.first() else { return Ok(Vec::new()) };
        let mut scorer = self.scorer(&first.asked.model).await?;
        let prompts: Vec<&[u32]> = texts.iter().map(|text| text.asked.prompt.ids.as_slice()).collect();
        let means = scorer.means(&prompts).await?;
        self.generations.scoring.scorer = Some((first.asked.model.key.clone(), scorer));
        Ok(means)
    }

    /// The scorer of a model: the last one, or a new one.
    async fn scorer(&mut self, model: &Model) -> Result<Scorer> {
        let known = self.generations.scoring.scorer.take().filter(|(key, _)| *key == model.key);
        if let Some((_, scorer)) = known {
            return Ok(scorer);
        }
        let (device, threads) = (&self.device.request, self.options.threads);
        Scorer::open(&model.config, model.parameters().await?, device, threads).await
    }

    /// Scores of each text's tokens, from the first requested one; empty if none are requested.
    async fn scores(&mut self, texts: &[Unscored]) -> Result<Vec<Vec<TokenScore>>> {
        let Some(first) = texts.first() else { return Ok(Vec::new()) };
        let model = &first.asked.model;
        let mut scorer = self.scorer(model).await?;
        let count = texts.iter().filter_map(|text| text.asked.settings.log_probabilities).max();
        let whole: Vec<Vec<u32>> = texts.iter().map(Unscored::whole).collect();
        let asked: Vec<Scoring<'_>> = texts
            .iter()
            .zip(&whole)
            .map(|(text, whole)| Scoring { tokens: whole, from: text.from() })
            .filter(|scoring| scoring.from < scoring.tokens.len())
            .collect();
        // The top token is needed at least, to know what would be generated.
        let detail = Detail::Top(count.unwrap_or(0).max(1));
        let mut scored = scorer.score(&asked, detail, &mut |_, _| {}).await?.into_iter();
        self.generations.scoring.scorer = Some((model.key.clone(), scorer));
        let has_any = texts.iter().zip(&whole).map(|(text, whole)| text.from() < whole.len());
        Ok(has_any.map(|any| if any { scored.next() } else { None }.unwrap_or_default()).collect())
    }
}

impl Unscored {
    fn written(&self) -> usize {
        match &self.behind {
            Behind::Written(generated) => generated.ids().count(),
            Behind::Likeliest(_) => 1,
        }
    }

    /// Index of the first token to score.
    fn from(&self) -> usize {
        if self.asked.settings.echo { 1 } else { self.asked.prompt.ids.len() }
    }

    /// All tokens without scores. A placeholder stands for a token not known yet; it does not influence its own prediction.
    fn whole(&self) -> Vec<u32> {
        let prompt = &self.asked.prompt.ids;
        match &self.behind {
            Behind::Written(generated) if !generated.scores.is_empty() => prompt.clone(),
            Behind::Written(generated) => prompt.iter().copied().chain(generated.ids()).collect(),
            Behind::Likeliest(_) => [prompt.as_slice(), &[0]].concat(),
        }
    }
}

impl Behind {
    /// The generated text, with all requested scores.
    fn settle(self, mut scores: Vec<TokenScore>) -> Result<(Generated, Vec<TokenScore>)> {
        let Request { config, ends, classifier, decode, .. } = match self {
            Self::Written(mut generated) => {
                scores.append(&mut generated.scores);
                return Ok((generated, scores));
            }
            Self::Likeliest(request) => request,
        };
        let none = || Error::Internal("a token without a score".to_owned());
        let last = scores.last_mut().ok_or_else(none)?;
        let (token, log_probability) = *last.top.first().ok_or_else(none)?;
        (last.token, last.log_probability, last.rank) = (token, log_probability, 1);
        let mut writer = Writer::<Decode<'static>>::new(&config, ends, classifier, decode);
        writer.push(token);
        let ending = writer.ending().unwrap_or(Ending::MaxTokens);
        let (tokens, end) =
            if ending == Ending::EndOfText { (Vec::new(), Some(token)) } else { (vec![token], None) };
        let (text, moderated) = (writer.text().to_owned(), writer.moderated());
        Ok((Generated { text, tokens, end, ending, moderated, ..Generated::default() }, scores))
    }
}

/// The tokens of an echoed prompt and of the text, with their scores as far as there are any.
pub(super) fn tokens_of(asked: &Asked, generated: &Generated, scores: &[TokenScore]) -> Vec<CompletionToken> {
    let tokenizer: &Tokenizer = &asked.model.tokenizer;
    let count = asked.settings.log_probabilities.unwrap_or(0);
    let mut told: Vec<(u32, usize)> = Vec::new();
    let mut offset = 0;
    if asked.settings.echo {
        let prompt = pieces(DecodeStream::new(tokenizer), &asked.prompt.ids, true);
        for (at, (id, piece)) in asked.prompt.ids.iter().zip(prompt).enumerate() {
            told.push((*id, offset));
            offset += if at < asked.prompt.unwritten { 0 } else { piece.chars().count() };
        }
        if let Some(text) = &asked.prompt.text {
            offset = text.chars().count();
        }
    }
    let unscored = told.len().min(1);
    let behind = DecodeStream::after(tokenizer, &asked.prompt.ids);
    let ids: Vec<u32> = generated.ids().collect();
    for (id, piece) in ids.iter().zip(pieces(behind, &ids, asked.special)) {
        told.push((*id, offset));
        offset += piece.chars().count();
    }
    let scores =
        std::iter::repeat_n(None, unscored).chain(scores.iter().map(Some)).chain(std::iter::repeat(None));
    let token = |((id, offset), score): ((u32, usize), Option<&TokenScore>)| CompletionToken {
        id,
        text: tokenizer.describe(id).text,
        bytes: tokenizer.token_bytes(id),
        offset,
        // Use the listed value, so that clients can compare the two for equality.
        log_probability: score.map(|score| {
            let listed = score.top.iter().find(|(likely, _)| *likely == id);
            finite(listed.map_or(score.log_probability, |(_, log_probability)| *log_probability))
        }),
        top: score.map_or_else(Vec::new, |score| {
            let likely = |(id, log_probability): &(u32, f32)| LikelyToken {
                id: *id,
                text: tokenizer.describe(*id).text,
                bytes: tokenizer.token_bytes(*id),
                log_probability: finite(*log_probability),
            };
            score.top.iter().take(count).map(likely).collect()
        }),
    };
    told.into_iter().zip(scores).map(token).collect()
}

fn finite(log_probability: f32) -> f32 {
    if log_probability.is_nan() { NEVER } else { log_probability.max(NEVER) }
}
