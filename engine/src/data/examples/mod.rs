//! Batches of whole examples: conversations, of which only the answers are learned, and texts, of which the label behind them is.
//!
//! An example of n tokens takes n − 1 positions of a row: its last token is a target alone. One that is longer than a row is cut at its
//! end, a label aside, which is the target of the last token that fits. What rows hold follows from the examples' lengths alone; the order of rows is another permutation in every epoch. So a batch is a
//! pure function of its numbers here, too.

mod pack;
mod pairs;

use super::batch::{Batch, IGNORED};
use super::store::{Split, TokenStore};
use crate::error::{Error, Result};
use crate::protocol::quantity::counted;
use crate::protocol::random::{nth, split_mix};
use pack::Rows;
pub use pairs::{PairBatches, Reference};
use std::ops::Range;
use std::sync::Arc;

/// What the draws of a purpose are named by.
const TRAINING: u64 = 0x6578_7472;
const EVALUATION: u64 = 0x6578_6576;

/// Draws batches of examples from a store.
#[derive(Clone, Debug)]
pub struct ExampleBatches<'a> {
    pub(super) store: &'a TokenStore,
    /// Training's and validation's.
    rows: [Arc<Rows>; 2],
    seed: u64,
    batch: usize,
    accumulate: u64,
    context_length: usize,
    /// Whether batches say where examples start.
    starts: bool,
    /// What fills rows up.
    padding: u32,
    /// Whether the last token of each is a label.
    labelled: bool,
    /// What a token of a prompt weighs in training.
    prompt_weight: f32,
    /// Of training's and of validation's.
    about: [PackingStatistics; 2],
}

/// What becomes of a split's examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackingStatistics {
    /// All examples.
    pub examples: usize,
    /// Those that are longer than a row, whose ends are cut.
    pub cut: usize,
    /// Tokens to learn that are cut off.
    pub cut_tokens: usize,
    /// Those of which nothing is left to learn, which are left out.
    pub left_out: usize,
    /// Tokens that are learned in an epoch.
    pub learned: u64,
    /// Rows of an epoch.
    pub rows: usize,
}

/// How batches of examples are drawn.
#[derive(Clone, Copy, Debug)]
pub struct BatchSettings {
    /// The run's seed.
    pub seed: u64,
    /// B.
    pub batch: usize,
    /// Micro-batches of a step.
    pub accumulate: usize,
    /// T.
    pub context_length: usize,
    /// Whether examples share rows.
    pub packing: bool,
    /// Whether batches say where examples start.
    pub starts: bool,
    /// The token that fills rows up.
    pub padding: u32,
    /// Whether the last token of each example is a label.
    pub labelled: bool,
    /// Whether answers are scored at their last token, rather than learned token by token.
    pub scored: bool,
    /// What good and bad answers weigh, where each pair is an answer that is judged and another example's answer to its prompt.
    pub judged: Option<[f32; 2]>,
    /// What a token of a prompt weighs in training, beside an answer's 1.
    pub prompt_weight: f32,
}

impl<'a> ExampleBatches<'a> {
    /// Divides both splits' examples among rows.
    ///
    /// # Errors
    /// A split has no example with something to learn within a row.
    pub fn new(store: &'a TokenStore, settings: BatchSettings) -> Result<Self> {
        let BatchSettings { seed, batch, accumulate, context_length, .. } = settings;
        let BatchSettings { packing, starts, padding, labelled, .. } = settings;
        let of = |split| -> Result<(Arc<Rows>, PackingStatistics)> {
            let mut about = PackingStatistics::default();
            let lengths = lengths(store, split, context_length, labelled, &mut about);
            if lengths.is_empty() {
                return Err(Error::Refused(format!(
                    "no example of the {split} data has anything to learn in its first {} tokens; give more or shorter examples, or a longer \
                     model.context_length",
                    context_length + 1
                )));
            }
            let rows = if packing { Rows::packed(&lengths, context_length) } else { Rows::padded(&lengths) };
            about.rows = rows.count();
            Ok((Arc::new(rows), about))
        };
        let (train, about) = of(Split::Train)?;
        let (validation, held_out) = of(Split::Validation)?;
        Ok(Self {
            store,
            rows: [train, validation],
            seed,
            batch,
            accumulate: accumulate as u64,
            context_length,
            starts,
            padding,
            labelled,
            prompt_weight: settings.prompt_weight,
            about: [about, held_out],
        })
    }

    /// What becomes of a split's examples.
    pub fn about(&self, split: Split) -> PackingStatistics {
        let [train, validation] = self.about;
        match split {
            Split::Train => train,
            Split::Validation => validation,
        }
    }

    /// What a person should know, a sentence each; of texts with `labels`, where there are any.
    pub fn sentences(&self, labels: &[String]) -> Vec<String> {
        let [train, validation] = self.about;
        let lost = validation.lost(!labels.is_empty()).into_iter().map(of_held_out);
        train.sentences(labels).into_iter().chain(lost).collect()
    }

    /// The batch of a step's micro-batch.
    ///
    /// # Errors
    /// A shard cannot be read.
    pub fn train(&self, step: u64, micro_batch: u64) -> Result<Batch> {
        let mut batch = self.batch(Split::Train, self.drawn(step, micro_batch).map(Some))?;
        if self.prompt_weight > 0.0 {
            let drawn = self.drawn(step, micro_batch).enumerate();
            let weights =
                drawn.map(|(number, row)| self.weigh(&mut batch, number * self.context_length, row));
            let weights = weights.collect::<Result<Vec<_>>>()?;
            batch.scores = Some(weights.into_iter().flatten().collect());
        }
        Ok(batch)
    }

    /// Has prompts' tokens of a row, which begins there in a batch, count as well; what each position weighs.
    fn weigh(&self, batch: &mut Batch, begins: usize, row: usize) -> Result<Vec<f32>> {
        let mut weights = vec![0.0; self.context_length];
        let mut at = 0;
        for example in self.rows(Split::Train).row(row) {
            let Some(range) = self.range(u64::from(*example) + 1) else { continue };
            let count = ((range.end - range.start) as usize).min(self.context_length + 1);
            let tokens = self.store.read(Split::Train, range.start, count)?;
            for token in tokens.into_iter().skip(1) {
                let (target, weight) = (&mut batch.targets[begins + at], &mut weights[at]);
                *weight = if *target == IGNORED { self.prompt_weight } else { 1.0 };
                *target = token;
                at += 1;
            }
        }
        Ok(weights)
    }

    /// The rows of [`ExampleBatches::train`].
    fn drawn(&self, step: u64, micro_batch: u64) -> impl Iterator<Item = usize> {
        let first = (step * self.accumulate + micro_batch) * self.batch as u64;
        let count = self.rows(Split::Train).count() as u64;
        (first..first + self.batch as u64).map(move |at| {
            let key = nth(nth(self.seed, TRAINING, 0), TRAINING, at / count);
            permuted(at % count, count, key) as usize
        })
    }

    /// The numbers of the examples of [`ExampleBatches::train`], from 1 on.
    pub fn numbers(&self, step: u64, micro_batch: u64) -> impl Iterator<Item = u64> {
        let rows = self.rows(Split::Train);
        self.drawn(step, micro_batch).flat_map(|row| rows.row(row)).map(|example| u64::from(*example) + 1)
    }

    /// The tokens of the example of a number, from 1 on, in the training split.
    pub(super) fn range(&self, number: u64) -> Option<Range<u64>> {
        let example = usize::try_from(number.checked_sub(1)?).ok()?;
        let examples = self.store.examples(Split::Train)?;
        (example < examples.count()).then(|| examples.range(example))
    }

    /// The evaluation batch of that index: every evaluation of a run uses the same ones, and no row twice.
    ///
    /// # Errors
    /// As [`ExampleBatches::train`].
    pub fn evaluation(&self, split: Split, index: u64) -> Result<Batch> {
        let count = self.rows(split).count() as u64;
        let key = nth(self.seed, EVALUATION, split as u64);
        let first = index * self.batch as u64;
        let drawn = (first..first + self.batch as u64)
            .map(|at| (at < count).then(|| permuted(at, count, key) as usize));
        self.batch(split, drawn)
    }

    /// Evaluation batches that hold a row.
    pub fn evaluations(&self, split: Split) -> u64 {
        self.rows(split).count().div_ceil(self.batch) as u64
    }

    /// Batches that together hold every example of a split once. Rows that fill up the last one have no target that counts.
    pub fn full(&self, split: Split) -> impl Iterator<Item = Result<Batch>> + use<'a> {
        let batches = self.clone();
        let (count, batch) = (self.rows(split).count(), self.batch);
        (0..count.div_ceil(batch)).map(move |index| {
            let rows = index * batch..(index + 1) * batch;
            batches.batch(split, rows.map(|row| (row < count).then_some(row)))
        })
    }

    fn rows(&self, split: Split) -> &Rows {
        let [train, validation] = &self.rows;
        match split {
            Split::Train => train,
            Split::Validation => validation,
        }
    }

    fn batch(&self, split: Split, rows: impl Iterator<Item = Option<usize>>) -> Result<Batch> {
        let mut batch = Batch::with_capacity(self.batch * self.context_length, self.starts);
        for (number, row) in rows.enumerate() {
            let begins = number * self.context_length;
            for example in row.map_or(&[][..], |row| self.rows(split).row(row)) {
                batch.append(self.store, split, *example as usize, begins, self.context_length)?;
                self.label(split, *example as usize, &mut batch)?;
            }
            batch.fill(begins, self.context_length, self.padding);
        }
        Ok(batch)
    }

    /// Makes an example's label the target of the last of its tokens that fits, which was just appended.
    fn label(&self, split: Split, example: usize, batch: &mut Batch) -> Result<()> {
        let Some(examples) = self.store.examples(split).filter(|_| self.labelled) else { return Ok(()) };
        let label = self.store.read(split, examples.range(example).end - 1, 1)?;
        batch.targets.pop();
        batch.targets.extend(label);
        Ok(())
    }
}

impl Batch {
    /// Appends an example, cut to what a row of T positions holds, to the row that begins there.
    fn append(
        &mut self,
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
        let start = (self.tokens.len() - begins) as u32;
        self.tokens.extend_from_slice(tokens.get(..count - 1).unwrap_or_default());
        let learned = examples.learned(range.start + 1..range.start + count as u64);
        let targets = tokens.iter().skip(1).zip(learned);
        self.targets.extend(targets.map(|(token, learned)| if learned { *token } else { IGNORED }));
        if let Some(starts) = &mut self.starts {
            starts.extend(std::iter::repeat_n(start, count - 1));
        }
        Ok(())
    }

    /// Appends all tokens of an example, cut to a row of T positions, of which the last that fits is scored: its target is 0, the only one
    /// that there is.
    fn append_scored(
        &mut self,
        store: &TokenStore,
        split: Split,
        example: usize,
        context_length: usize,
    ) -> Result<()> {
        let Some(examples) = store.examples(split) else { return Ok(()) };
        let range = examples.range(example);
        let count = ((range.end - range.start) as usize).min(context_length);
        self.tokens.extend(store.read(split, range.start, count)?);
        self.targets.extend(std::iter::repeat_n(IGNORED, count.saturating_sub(1)));
        self.targets.push(0);
        if let Some(starts) = &mut self.starts {
            starts.extend(std::iter::repeat_n(0, count));
        }
        Ok(())
    }

    /// Fills the row that begins there up to T positions.
    fn fill(&mut self, begins: usize, context_length: usize, padding: u32) {
        let (filled, length) = (self.tokens.len() - begins, begins + context_length);
        self.tokens.resize(length, padding);
        self.targets.resize(length, IGNORED);
        if let Some(starts) = &mut self.starts {
            starts.resize(length, filled as u32);
        }
    }
}

/// The examples of a split that have something to learn within a row, each with the positions that it takes.
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

/// A permutation of `0..count`, another for every key: a Feistel network of four rounds over the next power of four, walked until it
/// comes back below `count` (Black and Rogaway 2002).
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

/// A sentence of examples that are held out.
pub(super) fn of_held_out(mut sentence: String) -> String {
    sentence.insert_str(0, "of those held out ");
    sentence
}

impl PackingStatistics {
    /// What a person should know of those that are trained on, a sentence each; of texts with `labels`, where there are any.
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
        std::iter::once(first).chain(self.lost(!labels.is_empty())).collect()
    }

    /// What is cut and left out, a sentence each, of texts with labels or of conversations.
    fn lost(&self, labelled: bool) -> Vec<String> {
        let Self { cut, cut_tokens, left_out, .. } = *self;
        let of = |number: usize, thing: &str| counted(number as u64, thing);
        let mut all = Vec::new();
        if cut > 0 && labelled {
            let longer = of(cut, "text");
            all.push(format!("{longer} longer than the context length: the end was cut off"));
        } else if cut > 0 {
            let tokens = of(cut_tokens, "token");
            let longer = of(cut, "conversation");
            all.push(format!(
                "{longer} longer than the context length: the end was cut off, {tokens} to learn in it"
            ));
        }
        if left_out > 0 {
            let left_out = of(left_out, "conversation");
            all.push(format!("{left_out} left out: nothing to learn within the context length"));
        }
        all
    }
}

#[cfg(test)]
pub(super) mod tests;
