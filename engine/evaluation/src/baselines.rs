//! Baselines on the evaluated text: n-gram models over the same tokens, and compressors.

use super::documents::{Document, HeldOut};
use super::training_text::TrainingTokens;
use super::{OnProgress, Subject};
use glasshouse_metrics::baselines::{Compressor, MAX_ORDER, NGram, Unigram, XZ_WINDOW};
use glasshouse_metrics::statistics::{self, Bootstrap, finite, ratio, sum};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::EvaluateSettings;
use glasshouse_protocol::evaluation::{Baseline, Better, DocumentLoss, Likelihood, Metric};
use glasshouse_protocol::quantity::{bytes, whole};
use glasshouse_text::data::store::Split;
use std::f64::consts::LN_2;

/// Tokens learned, and bytes compressed, between yields.
const TOKENS: usize = 1 << 11;
const BYTES: usize = 1 << 13;

/// n-gram models may take this multiple of the memory limit of a training-text index: only one model exists at a time.
const OF_INDEX: u64 = 3;

/// n-gram models of each order, unigrams, the uniform distribution, gzip and xz on the documents evaluated by
/// `likelihood`; the best first.
pub async fn baselines(
    subject: &Subject<'_>,
    likelihood: &Likelihood,
    settings: &EvaluateSettings,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Baseline>> {
    let yielder = Yielder::new();
    let tokenizer = &subject.tokenizer.tokenizer;
    let held_out = HeldOut::open(subject.run, subject.tokenizer, settings.documents, &yielder).await?;
    let evaluated = Evaluated::read(&held_out, subject, likelihood, settings, &yielder).await?;
    let vocabulary = subject.scorer.config().vocabulary;
    let mut training = TrainingTokens::new(&held_out, &subject.run.config()?, tokenizer);
    let mut found = Vec::new();
    let about = format!("Each of {} tokens is equally likely.", whole(vocabulary as u64));
    found.push(evaluated.baseline("uniform", about, |_| (vocabulary.max(1) as f64).ln(), &yielder).await);
    let unigram = unigram(&mut training, vocabulary, on_progress, &yielder).await?;
    let about = format!(
        "Token frequencies in the {} training tokens, with add-one smoothing.",
        whole(unigram.tokens)
    );
    found.push(evaluated.baseline("unigram", about, |token| unigram.nats(token), &yielder).await);
    for order in 1..=MAX_ORDER {
        let learned =
            ngram(&mut training, (order, vocabulary), tokenizer.end_of_text(), on_progress, &yielder).await?;
        found.push(evaluated.ngram(&learned, &yielder).await);
    }
    found.extend(compressors(&held_out, &evaluated, on_progress, &yielder).await?);
    let value = |baseline: &Baseline| baseline.bits_per_byte.value.unwrap_or(f64::INFINITY);
    glasshouse_protocol::order::sort_by(&mut found, |one, other| value(one).total_cmp(&value(other)));
    Ok(found)
}

/// The evaluated documents, with the model's results.
struct Evaluated {
    documents: Vec<Document>,
    /// Per part of each document: number of predicted tokens, and their length in bytes.
    tokens: Vec<u32>,
    bytes: Vec<f64>,
    /// The model's bits and the bytes per part, if it read the same parts.
    model: Option<Vec<[f64; 2]>>,
    /// Count and unit of a metric.
    count: (u64, String),
    text: String,
    bootstrap: Bootstrap,
}

impl Evaluated {
    async fn read(
        held_out: &HeldOut,
        subject: &Subject<'_>,
        likelihood: &Likelihood,
        settings: &EvaluateSettings,
        yielder: &Yielder,
    ) -> Result<Self> {
        let tokenizer = &subject.tokenizer.tokenizer;
        let mut own = Self {
            documents: Vec::with_capacity(held_out.count()),
            tokens: Vec::new(),
            bytes: Vec::new(),
            model: None,
            count: (0, "documents".to_owned()),
            text: String::new(),
            bootstrap: Bootstrap { resamples: settings.resamples, seed: settings.seed },
        };
        // In conversations, only the answers are predicted.
        let is_whole = held_out.prepared.store.examples(Split::Validation).is_none();
        for at in 0..held_out.count() {
            let mut document = held_out.document(at, tokenizer)?;
            if document.tokens.len() <= document.given.max(1) {
                // It has no predicted tokens.
                continue;
            }
            for part in &document.parts {
                own.tokens.push(document.part(part).filter(|(_, is)| *is).count() as u32);
                own.bytes.push(f64::from(part.bytes));
            }
            let text = std::mem::take(&mut document.text);
            if is_whole {
                own.text.push_str(&text);
            } else {
                own.text.push_str(&tokenizer.decode_plain(&document.predicted_tokens()));
            }
            document.starts = Vec::new();
            own.documents.push(document);
            yielder.maybe_yield().await;
        }
        own.count.0 = own.bytes.len() as u64;
        let metric = likelihood.metrics.iter().find(|metric| metric.name == "bits_per_byte");
        if let Some(metric) = metric.filter(|metric| !metric.of.is_empty()) {
            own.count = (metric.count, metric.of.clone());
        }
        own.model = own.bits_of(&likelihood.by_document);
        Ok(own)
    }

    /// The model's bits and the bytes per part, if it read exactly these parts.
    fn bits_of(&self, losses: &[DocumentLoss]) -> Option<Vec<[f64; 2]>> {
        let own = self.tokens.iter().copied().zip(self.bytes.iter().copied());
        let theirs = losses.iter().map(|loss| (loss.tokens, f64::from(loss.bytes)));
        own.eq(theirs).then(|| losses.iter().map(|loss| [loss.nats / LN_2, f64::from(loss.bytes)]).collect())
    }

    /// The result of a model that assigns each token a loss independent of context.
    async fn baseline(
        &self,
        name: &str,
        about: String,
        nats: impl Fn(u32) -> f64,
        yielder: &Yielder,
    ) -> Baseline {
        let mut sums = Vec::with_capacity(self.tokens.len());
        for document in &self.documents {
            for part in &document.parts {
                let own = document.part(part).filter(|(_, is)| *is);
                sums.push(own.map(|(token, _)| nats(token)).sum());
                yielder.maybe_yield().await;
            }
        }
        self.of_parts(name, about, sums, yielder).await
    }

    async fn ngram(&self, learned: &Learned, yielder: &Yielder) -> Baseline {
        let mut sums = Vec::with_capacity(self.tokens.len());
        for document in &self.documents {
            let mut reading = learned.model.reading();
            for part in &document.parts {
                let mut sum = 0.0;
                for (at, (token, is_predicted)) in document.part(part).enumerate() {
                    let nats = reading.nats(token);
                    sum += if is_predicted { nats } else { 0.0 };
                    if at % TOKENS == 0 {
                        yielder.maybe_yield().await;
                    }
                }
                sums.push(sum);
            }
        }
        self.of_parts(&format!("{}-gram", learned.model.order()), learned.about(), sums, yielder).await
    }

    async fn of_parts(&self, name: &str, about: String, nats: Vec<f64>, yielder: &Yielder) -> Baseline {
        let own: Vec<_> = nats.iter().zip(&self.bytes).map(|(nats, bytes)| [nats / LN_2, *bytes]).collect();
        let [all, of] = sum(&own);
        let tokens: f64 = self.tokens.iter().map(|tokens| f64::from(*tokens)).sum();
        let yield_now = async || yielder.maybe_yield().await;
        let difference = match &self.model {
            Some(model) => {
                let interval = self.bootstrap.paired_sums(&own, model, ratio, &yield_now).await;
                let difference = self.metric((all - sum(model)[0]) / of, interval);
                Some(Metric { better: Better::Higher, ..difference })
            }
            None => None,
        };
        yielder.maybe_yield().await;
        let interval = self.bootstrap.sums(&own, ratio);
        yielder.maybe_yield().await;
        Baseline {
            name: name.to_owned(),
            about,
            bits_per_byte: self.metric(all / of, interval),
            perplexity: finite((all * LN_2 / tokens).exp()),
            difference,
            nats,
            kept_from: None,
        }
    }

    fn metric(&self, value: f64, interval: Option<[f64; 2]>) -> Metric {
        let (count, of) = &self.count;
        statistics::metric("bits_per_byte", finite(value), interval, (*count, of))
    }

    fn compressed(&self, name: &str, about: String, compressed: u64) -> Baseline {
        let bits = compressed as f64 * 8.0 / self.text.len() as f64;
        let metric = self.metric(bits, None);
        let bits_per_byte = Metric { count: self.text.len() as u64, of: "bytes".to_owned(), ..metric };
        Baseline { name: name.to_owned(), about, bits_per_byte, ..Baseline::default() }
    }
}

async fn unigram(
    training: &mut TrainingTokens<'_>,
    vocabulary: usize,
    on_progress: OnProgress<'_>,
    yielder: &Yielder,
) -> Result<Unigram> {
    let mut model = Unigram::new(vocabulary);
    training.rewind();
    while let Some(piece) = training.next()? {
        model.learn(&piece.tokens);
        let (done, of) = training.progress();
        on_progress("counting tokens", done, of);
        yielder.maybe_yield().await;
    }
    Ok(model)
}

/// An n-gram model, and how much training text it read.
struct Learned {
    model: NGram,
    /// Its memory limit in bytes, if that was reached.
    full: Option<u64>,
}

impl Learned {
    fn about(&self) -> String {
        let tokens = whole(self.model.tokens);
        let of = match self.full {
            None => format!("the {tokens} training tokens"),
            Some(budget) => {
                format!("the first {tokens} training tokens, as many as fit in {}", bytes(budget))
            }
        };
        format!(
            "Interpolated modified Kneser–Ney smoothing (Chen and Goodman 1998) over the model's own tokens, trained on {of}."
        )
    }
}

async fn ngram(
    training: &mut TrainingTokens<'_>,
    (order, vocabulary): (usize, usize),
    end: Option<u32>,
    on_progress: OnProgress<'_>,
    yielder: &Yielder,
) -> Result<Learned> {
    let room = glasshouse_platform::available_memory().map_or(u64::MAX, |available| available / 4);
    let budget = (OF_INDEX * glasshouse_platform::INDEX_BYTES).min(room);
    let mut model = NGram::new(order, vocabulary, end);
    let what = format!("counting {order}-grams");
    training.rewind();
    while let Some(piece) = training.next()? {
        if piece.begins {
            model.begin_document();
        }
        for tokens in piece.tokens.chunks(TOKENS) {
            model.learn(tokens);
            yielder.maybe_yield().await;
        }
        if model.bytes() > budget {
            return Ok(Learned { model, full: Some(budget) });
        }
        let (done, of) = training.progress();
        on_progress(&what, done, of);
    }
    Ok(Learned { model, full: None })
}

/// Compressors on the text alone, and conditional on the training text.
async fn compressors(
    held_out: &HeldOut,
    evaluated: &Evaluated,
    on_progress: OnProgress<'_>,
    yielder: &Yielder,
) -> Result<Vec<Baseline>> {
    let text = evaluated.text.as_bytes();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let length = text.len() as u64;
    let internal = |error: std::io::Error| Error::Internal(format!("a compressor: {error}"));
    let gzip = compress(Compressor::gzip(), &[text], on_progress, yielder).await?;
    let xz = compress(Compressor::xz(length).map_err(internal)?, &[text], on_progress, yielder).await?;
    // The part that fits in the window together with the text, but at least half the window.
    let room = XZ_WINDOW.saturating_sub(length).max(XZ_WINDOW / 2);
    let before = end_of_training(held_out, room as usize, yielder).await?;
    let before = before.as_bytes();
    let both = before.len() as u64 + length;
    let alone = compress(Compressor::xz(both).map_err(internal)?, &[before], on_progress, yielder).await?;
    let together =
        compress(Compressor::xz(both).map_err(internal)?, &[before, text], on_progress, yielder).await?;
    let of_text = "the evaluated text, without preceding text";
    let after = format!(
        "xz -6: the bits that each byte of the evaluated text adds when it is compressed after the last {} of the training text.",
        bytes(before.len() as u64)
    );
    Ok(vec![
        evaluated.compressed("gzip", format!("gzip -9 of {of_text}."), gzip),
        evaluated.compressed("xz", format!("xz -6 of {of_text}."), xz),
        evaluated.compressed("xz after training text", after, together.saturating_sub(alone)),
    ])
}

async fn compress(
    mut compressor: Compressor,
    texts: &[&[u8]],
    on_progress: OnProgress<'_>,
    yielder: &Yielder,
) -> Result<u64> {
    let internal = |error: std::io::Error| Error::Internal(format!("a compressor: {error}"));
    let (mut done, all) = (0, texts.iter().map(|text| text.len() as u64).sum());
    for piece in texts.iter().flat_map(|text| text.chunks(BYTES)) {
        compressor.take(piece).map_err(internal)?;
        done += piece.len() as u64;
        on_progress("compressing the text", done, all);
        yielder.maybe_yield().await;
    }
    compressor.finish().map_err(internal)
}

async fn end_of_training(held_out: &HeldOut, room: usize, yielder: &Yielder) -> Result<String> {
    let prepared = &held_out.prepared;
    let Some(index) = prepared.store.index() else { return Ok(String::new()) };
    let length = prepared.store.len(Split::Train);
    let share = (room as f64 / index.train.bytes.max(1) as f64).min(1.0);
    let mut from = length - ((share * length as f64).ceil() as u64).min(length);
    let mut text = String::new();
    while from < length {
        let count = (length - from).min(1 << 14);
        let tokens = prepared.store.read(Split::Train, from, count as usize)?;
        let documents = tokens.split(|token| Some(*token) == index.end_of_text);
        documents.for_each(|document| text.push_str(&prepared.tokenizer.decode(document)));
        from += count;
        yielder.maybe_yield().await;
    }
    let cut = text.ceil_char_boundary(text.len().saturating_sub(room));
    Ok(text.split_off(cut))
}

#[cfg(test)]
mod tests;
