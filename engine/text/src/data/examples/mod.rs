//! Batches of whole examples: conversations, whose answers are learned, and texts, whose final label is learned.
//!
//! An example of n tokens takes n − 1 positions of a row: its last token is only a target. Examples longer than a row are cut at the end; a
//! label is kept as the target of the last token that fits. Packing depends only on the examples' lengths, and the order of rows is a new
//! permutation each epoch, so a batch is a pure function of its step and micro-batch numbers.

mod pack;
mod pairs;

use super::batch::{IGNORED, MicroBatch, with_capacity};
use super::store::{Split, TokenStore};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::HeldOut;
use glasshouse_protocol::quantity::counted;
use glasshouse_protocol::random::{nth, split_mix};
pub use pack::Rows;
pub use pairs::{PairBatches, Reference};
use std::ops::Range;
use std::sync::Arc;

/// Stream ids that separate the random draws.
const TRAINING: u64 = 0x6578_7472;
const EVALUATION: u64 = 0x6578_6576;

/// Draws batches of examples from a store.
#[derive(Clone, Debug)]
pub struct ExampleBatches<'a> {
    pub(super) store: &'a TokenStore,
    /// For training and validation.
    rows: [Arc<Rows>; 2],
    settings: BatchSettings,
    /// For training and validation.
    about: [PackingStatistics; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackingStatistics {
    /// Number of examples, or of pairs.
    pub examples: usize,
    /// Those longer than a row, whose ends are cut.
    pub cut: usize,
    /// Learnable tokens that were cut off.
    pub cut_tokens: usize,
    /// Those left out because nothing learnable fits in a row; or, of a pair, an answer is empty there or both are equal.
    pub left_out: usize,
    /// Tokens learned per epoch.
    pub learned: u64,
    /// Rows per epoch; 0 for pairs.
    pub rows: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    pub seed: u64,
    /// B.
    pub batch: usize,
    /// Micro-batches per step.
    pub accumulate: usize,
    /// T.
    pub context_length: usize,
    /// Whether several examples share a row.
    pub packing: bool,
    /// Whether batches include document starts.
    pub starts: bool,
    pub padding: u32,
    /// Whether each example's last token is a label.
    pub labelled: bool,
    /// Whether answers are scored at their last token instead of learned token by token.
    pub scored: bool,
    /// Weights of good and bad answers, if answers are judged individually. Each is then paired with another example's
    /// answer to the same prompt.
    pub judged: Option<[f32; 2]>,
    /// Loss weight of prompt tokens in training; an answer's is 1.
    pub prompt_weight: f32,
}

impl<'a> ExampleBatches<'a> {
    /// Packs both splits' examples into rows. Fails if a split has no example with a learnable token within a row.
    pub fn new(store: &'a TokenStore, settings: BatchSettings) -> Result<Self> {
        let BatchSettings { context_length, packing, labelled, .. } = settings;
        let of = |split| -> Result<(Arc<Rows>, PackingStatistics)> {
            let mut about = PackingStatistics::default();
            let lengths = lengths(store, split, context_length, labelled, &mut about);
            if lengths.is_empty() {
                refuse!(
                    "no example of the {split} data has anything to learn in its first {} tokens; give more or shorter examples, or use a \
                     model with a longer context",
                    context_length + 1
                );
            }
            let rows = if packing { Rows::packed(&lengths, context_length) } else { Rows::padded(&lengths) };
            about.rows = rows.count();
            Ok((Arc::new(rows), about))
        };
        let (train, about) = of(Split::Train)?;
        let (validation, held_out) = of(Split::Validation)?;
        Ok(Self { store, rows: [train, validation], settings, about: [about, held_out] })
    }

    pub fn about(&self, split: Split) -> PackingStatistics {
        self.about[split as usize]
    }

    /// The held-out rows, if their loss is a mean over tokens.
    pub(super) fn held_out(&self) -> Option<HeldOut> {
        let PackingStatistics { examples, left_out, learned, .. } = self.about(Split::Validation);
        let rows = examples.saturating_sub(left_out) as u64;
        let BatchSettings { labelled, scored, judged, .. } = &self.settings;
        (!labelled && !scored && judged.is_none()).then_some(HeldOut { rows, tokens: learned })
    }

    /// Notes for the user, one sentence each. `labels` is empty for conversations.
    pub fn sentences(&self, labels: &[String]) -> Vec<String> {
        let [train, validation] = self.about;
        let lost = validation.lost_examples(labels).into_iter().map(of_held_out);
        train.sentences(labels).into_iter().chain(lost).collect()
    }

    pub fn train(&self, step: u64, micro_batch: u64) -> Result<MicroBatch> {
        let mut batch = self.batch(Split::Train, self.drawn(step, micro_batch).map(Some))?;
        if self.settings.prompt_weight > 0.0 {
            let drawn = self.drawn(step, micro_batch).enumerate();
            let weights = drawn.map(|(number, row)| {
                self.loss_weights(&mut batch, number * self.settings.context_length, row)
            });
            let weights = weights.collect::<Result<Vec<_>>>()?;
            batch.scores = Some(weights.into_iter().flatten().collect());
        }
        Ok(batch)
    }

    /// Makes the prompt tokens of the row at `begins` count as targets; returns the weight of each position.
    fn loss_weights(&self, batch: &mut MicroBatch, begins: usize, row: usize) -> Result<Vec<f32>> {
        let mut weights = vec![0.0; self.settings.context_length];
        let mut at = 0;
        for example in self.rows(Split::Train).row(row) {
            let Some(range) = self.range(u64::from(*example) + 1) else { continue };
            let count = ((range.end - range.start) as usize).min(self.settings.context_length + 1);
            let tokens = self.store.read(Split::Train, range.start, count)?;
            for token in tokens.into_iter().skip(1) {
                let (target, weight) = (&mut batch.targets[begins + at], &mut weights[at]);
                *weight = if *target == IGNORED { self.settings.prompt_weight } else { 1.0 };
                *target = token;
                at += 1;
            }
        }
        Ok(weights)
    }

    /// Row numbers of the batch returned by [`ExampleBatches::train`].
    fn drawn(&self, step: u64, micro_batch: u64) -> impl Iterator<Item = usize> {
        let first = (step * self.settings.accumulate as u64 + micro_batch) * self.settings.batch as u64;
        let count = self.rows(Split::Train).count() as u64;
        (first..first + self.settings.batch as u64).map(move |at| {
            let key = nth(nth(self.settings.seed, TRAINING, 0), TRAINING, at / count);
            permuted(at % count, count, key) as usize
        })
    }

    /// Example numbers of the batch returned by [`ExampleBatches::train`], starting at 1.
    pub fn numbers(&self, step: u64, micro_batch: u64) -> impl Iterator<Item = u64> {
        let rows = self.rows(Split::Train);
        self.drawn(step, micro_batch).flat_map(|row| rows.row(row)).map(|example| u64::from(*example) + 1)
    }

    /// Token range of a training example, numbered from 1.
    pub(super) fn range(&self, number: u64) -> Option<Range<u64>> {
        let example = usize::try_from(number.checked_sub(1)?).ok()?;
        let examples = self.store.examples(Split::Train)?;
        (example < examples.count()).then(|| examples.range(example))
    }

    /// Returns an evaluation batch. All evaluations of a run use the same batches, and no row occurs twice.
    pub fn evaluation(&self, split: Split, index: u64) -> Result<MicroBatch> {
        let count = self.rows(split).count() as u64;
        let key = nth(self.settings.seed, EVALUATION, split as u64);
        let first = index * self.settings.batch as u64;
        let drawn = (first..first + self.settings.batch as u64)
            .map(|at| (at < count).then(|| permuted(at, count, key) as usize));
        self.batch(split, drawn)
    }

    /// Number of non-empty evaluation batches.
    pub fn evaluations(&self, split: Split) -> u64 {
        self.rows(split).count().div_ceil(self.settings.batch) as u64
    }

    /// Batches that hold every example of a split once. Padding rows in the last batch have no counted target.
    pub fn full(&self, split: Split) -> impl Iterator<Item = Result<MicroBatch>> + use<'a> {
        let batches = self.clone();
        let (count, batch) = (self.rows(split).count(), self.settings.batch);
        (0..count.div_ceil(batch)).map(move |index| {
            let rows = index * batch..(index + 1) * batch;
            batches.batch(split, rows.map(|row| (row < count).then_some(row)))
        })
    }

    fn rows(&self, split: Split) -> &Rows {
        &self.rows[split as usize]
    }

    fn batch(&self, split: Split, rows: impl Iterator<Item = Option<usize>>) -> Result<MicroBatch> {
        let BatchSettings { batch: count, context_length, starts, padding, .. } = self.settings;
        let mut batch = with_capacity(count * context_length, starts);
        for (number, row) in rows.enumerate() {
            let begins = number * context_length;
            for example in row.map_or(&[][..], |row| self.rows(split).row(row)) {
                let example = *example as usize;
                append(&mut batch, self.store, split, example, begins, context_length)?;
                self.label(split, example, &mut batch)?;
            }
            fill(&mut batch, begins, context_length, padding);
        }
        Ok(batch)
    }

    /// Replaces the target of the last appended token with the example's label.
    fn label(&self, split: Split, example: usize, batch: &mut MicroBatch) -> Result<()> {
        let Some(examples) = self.store.examples(split).filter(|_| self.settings.labelled) else {
            return Ok(());
        };
        let label = self.store.read(split, examples.range(example).end - 1, 1)?;
        batch.targets.pop();
        batch.targets.extend(label);
        Ok(())
    }
}

/// Appends an example, cut to T positions, to the row at `begins`.
fn append(
    batch: &mut MicroBatch,
    store: &TokenStore,
    split: Split,
    example: usize,
    begins: usize,
    context_length: usize,
) -> Result<()> {
    let Some(examples) = store.examples(split) else { return Ok(()) };
    let range = examples.range(example);
    let count = ((range.end - range.start) as usize).min(context_length + 1);
    let tokens = store.read(split, range.start, count)?;
    let start = (batch.tokens.len() - begins) as u32;
    batch.tokens.extend_from_slice(tokens.get(..count - 1).unwrap_or_default());
    let learned = examples.learned(range.start + 1..range.start + count as u64);
    let targets = tokens.iter().skip(1).zip(learned);
    batch.targets.extend(targets.map(|(token, learned)| if learned { *token } else { IGNORED }));
    if let Some(starts) = &mut batch.document_starts {
        starts.extend(std::iter::repeat_n(start, count - 1));
    }
    Ok(())
}

/// Appends an example's tokens, cut to T positions. Only the last position has a target: 0, the single score.
fn append_scored(
    batch: &mut MicroBatch,
    store: &TokenStore,
    split: Split,
    example: usize,
    context_length: usize,
) -> Result<()> {
    let Some(examples) = store.examples(split) else { return Ok(()) };
    let range = examples.range(example);
    let count = ((range.end - range.start) as usize).min(context_length);
    batch.tokens.extend(store.read(split, range.start, count)?);
    batch.targets.extend(std::iter::repeat_n(IGNORED, count.saturating_sub(1)));
    batch.targets.push(0);
    if let Some(starts) = &mut batch.document_starts {
        starts.extend(std::iter::repeat_n(0, count));
    }
    Ok(())
}

/// Pads the row at `begins` to T positions.
fn fill(batch: &mut MicroBatch, begins: usize, context_length: usize, padding: u32) {
    let (filled, length) = (batch.tokens.len() - begins, begins + context_length);
    batch.tokens.resize(length, padding);
    batch.targets.resize(length, IGNORED);
    if let Some(starts) = &mut batch.document_starts {
        starts.resize(length, filled as u32);
    }
}

/// The examples with a learnable token within a row, each with its length in positions.
fn lengths(
    store: &TokenStore,
    split: Split,
    context_length: usize,
    labelled: bool,
    about: &mut PackingStatistics,
) -> Vec<(u32, usize)> {
    let Some(examples) = store.examples(split) else { return Vec::new() };
    about.examples = examples.count();
    let mut lengths = Vec::new();
    for example in 0..examples.count() {
        let range = examples.range(example);
        let whole = (range.end - range.start) as usize;
        let count = whole.min(context_length + 1);
        let kept = range.start + count as u64;
        let learned = |range| examples.learned(range).filter(|learned| *learned).count();
        let within = if labelled { 1 } else { learned((range.start + 1).min(kept)..kept) };
        if whole > count {
            about.cut += 1;
            about.cut_tokens += if labelled { 0 } else { learned(kept..range.end) };
        }
        if within == 0 {
            about.left_out += 1;
        } else {
            about.learned += within as u64;
            lengths.push((example as u32, count - 1));
        }
    }
    lengths
}

/// A keyed permutation of `0..count`: a four-round Feistel network over the next power of four, cycle-walked until the
/// result is below `count` (Black and Rogaway 2002).
pub(super) fn permuted(at: u64, count: u64, key: u64) -> u64 {
    let half = (64 - count.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut number = at;
    loop {
        let (mut left, mut right) = (number >> half, number & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (split_mix(key ^ split_mix(right ^ (round << 32))) & mask));
        }
        number = left << half | right;
        if number < count {
            return number;
        }
    }
}

/// Prefixes a sentence about held-out examples.
pub(super) fn of_held_out(mut sentence: String) -> String {
    sentence.insert_str(0, "of those held out ");
    sentence
}

impl PackingStatistics {
    /// Notes on the training examples, one sentence each. `labels` is empty for conversations.
    fn sentences(&self, labels: &[String]) -> Vec<String> {
        let Self { examples, left_out, learned, rows, .. } = *self;
        let of = |number: usize, thing: &str| counted(number as u64, thing);
        let first = if labels.is_empty() {
            let (rows, tokens) = (of(rows, "row"), counted(learned, "token"));
            format!("{} in {rows}: {tokens} learned in an epoch", of(examples - left_out, "conversation"))
        } else {
            let (texts, rows) = (of(examples, "text"), of(rows, "row"));
            format!("{texts} in {rows}, with the labels: {}", labels.join(", "))
        };
        std::iter::once(first).chain(self.lost_examples(labels)).collect()
    }

    fn lost_examples(&self, labels: &[String]) -> Vec<String> {
        let (one, cut) =
            if labels.is_empty() { ("conversation", Some("to learn in it")) } else { ("text", None) };
        self.lost(one, cut, "nothing to learn within the context length")
    }

    /// Notes on what was cut and left out, one sentence each: what `one` is called, what tokens of the cut end were for, if they are
    /// counted, and why some are left out.
    fn lost(&self, one: &str, cut: Option<&str>, why: &str) -> Vec<String> {
        let of = |number: usize, thing: &str| counted(number as u64, thing);
        let tokens = cut.map(|cut| format!(", {} {cut}", of(self.cut_tokens, "token"))).unwrap_or_default();
        let longer = of(self.cut, one);
        let cut = format!("{longer} longer than the context length: the end was cut off{tokens}");
        let left_out = format!("{} left out: {why}", of(self.left_out, one));
        let all = [(self.cut, cut), (self.left_out, left_out)].into_iter();
        all.filter(|(count, _)| *count > 0).map(|(_, sentence)| sentence).collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
