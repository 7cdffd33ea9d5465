//! Likelihood of the held-out text under a model, and statistics derived from it.

use super::documents::{Document, HeldOut};
use super::errors::{self, KINDS, WorstDocument};
use super::frequencies::{self, Frequencies, GROUPS};
use super::tally::{Tally, ratio};
use super::windows::Window;
use super::{Detail, OnProgress, Scorer, Scoring, Subject, TokenScore, calibration, repetition, stories};
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::EvaluateSettings;
use glasshouse_protocol::evaluation::{DocumentLoss, Likelihood, LossBy, LossGrouping, Metric};
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use web_time::Instant;

/// Tokens scored together, across documents.
const TOGETHER: u64 = 1 << 15;

/// Tokens used to measure the loss by context length.
const BY_POSITION: u64 = 1 << 16;

/// Evaluates a model on its run's validation split, or the part selected in the settings. The stride defaults to half a window.
pub async fn likelihood(
    subject: &mut Subject<'_>,
    settings: &EvaluateSettings,
    on_progress: OnProgress<'_>,
) -> Result<Likelihood> {
    let yielder = Yielder::new();
    let tokenizer = &subject.tokenizer.tokenizer;
    let window = subject.scorer.config().context_length;
    let stride = stride_of(settings, window)?;
    let held_out = HeldOut::open(subject.run, subject.tokenizer, settings.documents, &yielder).await?;
    let bootstrap = Bootstrap { resamples: settings.resamples, seed: settings.seed };
    on_progress("reading the text", 0, 1);
    let frequencies = Frequencies::count(&held_out, tokenizer, &yielder).await?;
    let mut tally = Tally::new(&held_out, &frequencies);
    let begun = Instant::now();
    // The temperature is fitted on the first half, so that its effect on the second can be measured while that is scored.
    for half in [0, 1] {
        let detail = match half {
            0 => Detail::Temperatures,
            _ => Detail::Temperature(tally.inverse() as f32),
        };
        let walk = Walk { window, stride, detail, half: Some(half), every: 1, most: u64::MAX };
        let before = tally.tokens();
        let mut heard = |done: u64, of: u64| {
            // The second half is about as long.
            let of = if half == 0 { 2 * of } else { before + of };
            on_progress("predicting the text", before + done, of);
        };
        let mut note = |number, document: &Document, window: &Window, scores: &[TokenScore]| {
            tally.note(number, document, window, scores);
        };
        walk.run(subject.scorer, tokenizer, &held_out, &mut note, &mut heard).await?;
    }
    tally.put_in_order();
    let tokens_per_s = tally.tokens() as f64 / begun.elapsed().as_secs_f64().max(1e-9);

    let mut metrics = tally.metrics(&bootstrap, &yielder).await;
    let mut by = vec![by_position(subject.scorer, tokenizer, &held_out, &bootstrap, on_progress).await?];
    let mut of = |name: LossGrouping, mut groups: Vec<(String, Metric)>| {
        groups.retain(|(_, metric)| metric.count > 0);
        by.extend((!groups.is_empty()).then_some(LossBy { name, groups }));
    };
    let mut groups = Vec::new();
    for group in 0..GROUPS {
        groups.push((frequencies::label(group), tally.group(group, &bootstrap)));
        yielder.maybe_yield().await;
    }
    of(LossGrouping::Frequency, groups);
    let mut groups = Vec::new();
    for (number, source) in held_out.sources.iter().enumerate() {
        groups.push((source.clone(), tally.source(number, &bootstrap)));
        yielder.maybe_yield().await;
    }
    of(LossGrouping::Source, groups);
    let mut kinds = Vec::new();
    for kind in 0..KINDS.len() {
        kinds.push(tally.kind(kind, (tokenizer, window), &bootstrap));
        yielder.maybe_yield().await;
    }
    let errors = vec![
        errors::documents_table(&worst_documents(&tally, &held_out, tokenizer, &yielder).await?),
        tally.worst.table(tokenizer, window),
        errors::kinds_table(&kinds),
    ];
    let calibration = calibration::calibration(&tally, &bootstrap, &yielder).await;
    metrics.extend(repetition::repetition(subject, settings, &held_out, on_progress).await?);
    if stories::writes_stories(&subject.run.config()?, subject) {
        metrics.extend(stories::stories(subject, settings, on_progress).await?);
    }
    Ok(Likelihood {
        split: held_out.split.clone(),
        documents: held_out.count() as u64,
        tokens: tally.tokens(),
        bytes: tally.bytes(),
        window,
        stride,
        tokens_per_s: Some(tokens_per_s),
        metrics,
        by,
        calibration: Some(calibration),
        errors,
        by_document: tally.by_document,
        kept_from: None,
    })
}

/// Stride between windows of the model's context length; defaults to half of it.
pub fn stride_of(settings: &EvaluateSettings, window: usize) -> Result<usize> {
    let stride = settings.stride.unwrap_or(window.div_ceil(2));
    if (1..=window).contains(&stride) {
        return Ok(stride);
    }
    // A context length of 0 is rejected when the model is read.
    let nearest = stride.clamp(1, window.max(1));
    Err(Error::Refused(format!(
        "a stride of {stride} does not fit windows of {window} tokens (the model's context); the nearest is {nearest} (1 to {window})"
    )))
}

/// Called with a document's number, the document, one of its windows, and the window's token scores.
type Note<'note> = &'note mut dyn FnMut(usize, &Document, &Window, &[TokenScore]);

struct Walk {
    window: usize,
    stride: usize,
    detail: Detail,
    /// Reads only every other document (or passage, if the text is counted in passages), starting with the first or second.
    half: Option<usize>,
    /// Reads one in this many documents.
    every: usize,
    most: u64,
}

impl Walk {
    /// Scores documents in order, with many windows per batch. `on_progress` gets the tokens done, and an estimate of their total number.
    async fn run(
        &self,
        scorer: &mut Scorer,
        tokenizer: &Tokenizer,
        held_out: &HeldOut,
        note: Note<'_>,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let (mut waiting, mut bytes, yielder) = (Waiting::default(), 0, Yielder::new());
        let is_in = |number: usize| self.half.is_none_or(|half| number % 2 == half);
        let by_document = !held_out.passages;
        let every = if by_document && self.half.is_some() { 2 * self.every } else { self.every };
        for number in (0..held_out.count()).step_by(self.every).filter(|at| !by_document || is_in(*at)) {
            let document = Rc::new(held_out.document(number, tokenizer)?);
            bytes += document.text.len();
            // The total is estimated from the share of the text read so far.
            let share = (bytes * every) as f64 / held_out.bytes().max(1) as f64;
            waiting.share = share.clamp(1e-9, 1.0);
            let windows = document.windows(self.window, self.stride, held_out.separate);
            // If windows are longer than passages, the windows alternate instead.
            let by_window = windows.len() < document.parts.len();
            for (at, window) in windows.into_iter().enumerate() {
                let passage = document.parts.partition_point(|part| part.tokens.end <= window.from);
                if !by_document && !is_in(number + if by_window { at } else { passage }) {
                    continue;
                }
                waiting.tokens += (window.tokens.end - window.from) as u64;
                waiting.windows.push((number, document.clone(), window));
                if waiting.tokens >= TOGETHER.min(self.most - waiting.done) {
                    self.score(&mut waiting, scorer, note, on_progress).await?;
                }
                if waiting.done >= self.most {
                    return Ok(());
                }
            }
            yielder.maybe_yield().await;
        }
        self.score(&mut waiting, scorer, note, on_progress).await
    }

    async fn score(
        &self,
        waiting: &mut Waiting,
        scorer: &mut Scorer,
        note: Note<'_>,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let scorings: Vec<Scoring<'_>> =
            waiting.windows.iter().map(|(_, document, window)| window.of(&document.tokens)).collect();
        let (done, tokens) = (waiting.done, waiting.tokens);
        let of = (((done + tokens) as f64 / waiting.share) as u64).min(self.most).max(done + tokens);
        let mut heard = |now, _| on_progress(done + now, of);
        let scores = scorer.score(&scorings, self.detail, &mut heard).await?;
        let yielder = Yielder::new();
        for ((number, document, window), scores) in waiting.windows.drain(..).zip(&scores) {
            note(number, &document, &window, scores);
            yielder.maybe_yield().await;
        }
        waiting.done += std::mem::take(&mut waiting.tokens);
        Ok(())
    }
}

#[derive(Default)]
struct Waiting {
    windows: Vec<(usize, Rc<Document>, Window)>,
    /// Tokens to score in the waiting windows.
    tokens: u64,
    /// Tokens scored before.
    done: u64,
    /// Share of the text read so far.
    share: f64,
}

/// Loss by number of preceding tokens in the window. Windows do not overlap here, so that every position is equally frequent.
async fn by_position(
    scorer: &mut Scorer,
    tokenizer: &Tokenizer,
    held_out: &HeldOut,
    bootstrap: &Bootstrap,
    on_progress: OnProgress<'_>,
) -> Result<LossBy> {
    let window = scorer.config().context_length;
    // Assuming at least two bytes per token; at least 64 documents form the sample.
    let every = (held_out.bytes() / 2 / BY_POSITION).clamp(1, held_out.count().div_ceil(64) as u64) as usize;
    let walk = Walk { window, stride: window, detail: Detail::Losses, half: None, every, most: BY_POSITION };
    let groups = window.ilog2() as usize + 1;
    let mut windows: Vec<Vec<[f64; 2]>> = vec![Vec::new(); groups];
    let mut note = |_, document: &Document, window: &Window, scores: &[TokenScore]| {
        let mut sums = vec![[0.0; 2]; groups];
        for (at, score) in (window.from..window.tokens.end).zip(scores) {
            let group = (at - window.tokens.start).checked_ilog2().map_or(0, |power| power as usize);
            if let (Some([nats, tokens]), Some(true)) = (sums.get_mut(group), document.predicted.get(at)) {
                *nats -= f64::from(score.log_probability);
                *tokens += 1.0;
            }
        }
        for (group, sums) in windows.iter_mut().zip(sums) {
            group.extend((sums[1] > 0.0).then_some(sums));
        }
    };
    let mut heard = |done, of| on_progress("scoring the text with shorter contexts", done, of);
    walk.run(scorer, tokenizer, held_out, &mut note, &mut heard).await?;
    let (yielder, mut named) = (Yielder::new(), Vec::new());
    for (group, windows) in windows.iter().enumerate().filter(|(_, windows)| !windows.is_empty()) {
        let (from, to) = (1_usize << group, ((2_usize << group) - 1).min(window));
        let label = if from == to { from.to_string() } else { format!("{from} to {to}") };
        named.push((label, ratio("loss", "tokens", windows, bootstrap)));
        yielder.maybe_yield().await;
    }
    Ok(LossBy { name: LossGrouping::Position, groups: named })
}

/// The documents with the most bits per byte, re-read for their text; a document with several passages is listed once.
async fn worst_documents(
    tally: &Tally<'_>,
    held_out: &HeldOut,
    tokenizer: &Tokenizer,
    yielder: &Yielder,
) -> Result<Vec<WorstDocument>> {
    let long =
        tally.by_document.iter().enumerate().filter(|(_, own)| own.tokens >= errors::FEW && own.bytes > 0);
    let bits = |own: &DocumentLoss| own.nats / std::f64::consts::LN_2 / f64::from(own.bytes);
    let mut all: Vec<_> = long.map(|(at, own)| (bits(own), own.tokens, at)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.truncate(errors::WORST);
    let mut worst = Vec::with_capacity(all.len());
    let mut read: BTreeMap<usize, Document> = BTreeMap::new();
    for (bits_per_byte, tokens, at) in all {
        let Some((number, part)) = tally.places.get(at).copied() else { continue };
        let document = match read.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(held_out.document(number, tokenizer)?),
        };
        yielder.maybe_yield().await;
        let text = document.parts.get(part).and_then(|part| document.text.get(part.text.clone()));
        worst.push(WorstDocument { text: text.unwrap_or_default().to_owned(), bits_per_byte, tokens });
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stride_that_would_leave_tokens_out_is_refused() {
        let of = |stride| EvaluateSettings { stride, ..EvaluateSettings::default() };
        assert_eq!(stride_of(&of(None), 65).unwrap(), 33);
        assert_eq!(stride_of(&of(Some(64)), 64).unwrap(), 64);
        for (stride, nearest) in [(0, 1), (65, 64)] {
            let error = stride_of(&of(Some(stride)), 64).unwrap_err().to_string();
            assert!(error.contains(&format!("the nearest is {nearest} ")), "{error}");
        }
    }
}
