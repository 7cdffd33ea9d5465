//! Batches of preferences: pairs of answers to one prompt, one answer per row, the better one first.
//!
//! A store holds the two answers of a pair next to each other. Pairs are drawn whole, so a batch has an even number of rows; their order is
//! a new permutation each epoch. Scored answers are read to their last token, whose target marks the position of the score.

use super::{
    BatchSettings, EVALUATION, PackingStatistics, TRAINING, append, append_scored, fill, of_held_out,
    permuted,
};
use crate::data::batch::{MicroBatch, with_capacity};
use crate::data::store::{Split, TokenStore};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::quantity::counted;
use glasshouse_protocol::random::nth;
use std::sync::Arc;

/// Log-probabilities of both splits' answers under the initial weights: (better, worse), in the order of [`PairBatches::full`].
pub type Reference = [Vec<f32>; 2];

#[derive(Clone, Debug)]
pub struct PairBatches<'a> {
    store: &'a TokenStore,
    settings: BatchSettings,
    /// Pairs with something to learn, by number, for training and validation.
    pairs: [Arc<[u32]>; 2],
    reference: Arc<Reference>,
    /// For training and validation.
    about: [PackingStatistics; 2],
}

impl<'a> PairBatches<'a> {
    /// Selects the usable pairs of both splits. Fails if a split has no pair whose answers differ within a row, or a shard cannot be read.
    pub fn new(store: &'a TokenStore, settings: BatchSettings) -> Result<Self> {
        let mut about = [PackingStatistics::default(); 2];
        let [of_train, of_validation] = &mut about;
        let train = kept(store, Split::Train, settings, of_train)?;
        let validation = kept(store, Split::Validation, settings, of_validation)?;
        let pairs = [train.into(), validation.into()];
        Ok(Self { store, settings, pairs, reference: Arc::default(), about })
    }

    pub fn about(&self, split: Split) -> PackingStatistics {
        self.about[split as usize]
    }

    /// Notes for the user, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let [train, validation] = self.about;
        let lost = lost(&validation, self.settings).into_iter().map(of_held_out);
        sentences(&train, self.settings).into_iter().chain(lost).collect()
    }

    pub fn count(&self, split: Split) -> usize {
        self.of(split).len()
    }

    /// The store's recipe; an equal recipe means equal pairs.
    pub fn recipe(&self) -> &str {
        self.store.index().map_or("", |index| &index.recipe)
    }

    /// Sets the reference log-probabilities for batches; they default to 0.
    pub fn set_reference(&mut self, reference: Reference) {
        self.reference = Arc::new(reference);
    }

    pub fn train(&self, step: u64, micro_batch: u64) -> Result<MicroBatch> {
        let BatchSettings { seed, accumulate, .. } = self.settings;
        let (count, pairs) = (self.count(Split::Train) as u64, self.pairs_of_batch());
        let first = (step * accumulate as u64 + micro_batch) * pairs;
        let drawn = (first..first + pairs).map(|at| {
            let key = nth(nth(seed, TRAINING, 0), TRAINING, at / count);
            Some(permuted(at % count, count, key) as usize)
        });
        self.batch(Split::Train, drawn)
    }

    /// Returns an evaluation batch. All evaluations of a run use the same batches, and no pair occurs twice.
    pub fn evaluation(&self, split: Split, index: u64) -> Result<MicroBatch> {
        let (count, pairs) = (self.count(split) as u64, self.pairs_of_batch());
        let key = nth(self.settings.seed, EVALUATION, split as u64);
        let drawn = (index * pairs..(index + 1) * pairs)
            .map(|at| (at < count).then(|| permuted(at, count, key) as usize));
        self.batch(split, drawn)
    }

    /// Number of non-empty evaluation batches.
    pub fn evaluations(&self, split: Split) -> u64 {
        (self.count(split) as u64).div_ceil(self.pairs_of_batch())
    }

    /// Batches that contain every pair of a split once, in order. Padding rows in the last batch have no counted target.
    pub fn full(&self, split: Split) -> impl Iterator<Item = Result<MicroBatch>> + use<'a> {
        let (batches, pairs) = (self.clone(), self.pairs_of_batch() as usize);
        (0..self.count(split).div_ceil(pairs)).map(move |index| batches.part(split, index * pairs))
    }

    /// Returns a batch of consecutive pairs starting at `from`.
    pub fn part(&self, split: Split, from: usize) -> Result<MicroBatch> {
        let (count, pairs) = (self.count(split), self.pairs_of_batch() as usize);
        self.batch(split, (from..from + pairs).map(|pair| (pair < count).then_some(pair)))
    }

    /// Whether a judged answer is good: then its first token, which is never learned, is marked.
    fn is_good(&self, split: Split, pair: u32) -> bool {
        let examples = self.store.examples(split);
        examples.is_some_and(|examples| {
            let first = examples.range(2 * pair as usize).start;
            examples.learned(first..first + 1).any(|good| good)
        })
    }

    fn pairs_of_batch(&self) -> u64 {
        (self.settings.batch as u64 / 2).max(1)
    }

    fn of(&self, split: Split) -> &[u32] {
        &self.pairs[split as usize]
    }

    /// Builds a batch of pairs given by index among the usable ones.
    fn batch(&self, split: Split, drawn: impl Iterator<Item = Option<usize>>) -> Result<MicroBatch> {
        let BatchSettings { batch: rows, context_length, starts, padding, scored, judged, .. } =
            self.settings;
        let (pairs, reference) = (self.of(split), &self.reference[split as usize]);
        let mut batch = with_capacity(rows * context_length, starts);
        let mut scores = Vec::with_capacity(rows);
        let mut weights = Vec::new();
        for place in drawn {
            for side in 0..2 {
                let begins = batch.tokens.len();
                if let Some(place) = place {
                    let example = 2 * pairs[place] as usize + side;
                    if scored {
                        append_scored(&mut batch, self.store, split, example, context_length)?;
                    } else {
                        append(&mut batch, self.store, split, example, begins, context_length)?;
                    }
                }
                fill(&mut batch, begins, context_length, padding);
                if let (0, Some([good, bad])) = (side, judged) {
                    let is_good = place.is_some_and(|place| self.is_good(split, pairs[place]));
                    let weight = if is_good { good } else { -bad };
                    weights.push(if place.is_some() { weight } else { 0.0 });
                }
                scores.push(place.and_then(|place| reference.get(2 * place + side).copied()).unwrap_or(0.0));
            }
        }
        scores.append(&mut weights);
        batch.scores = Some(scores);
        Ok(batch)
    }
}

/// The pairs of a split whose answers, within a row, are both non-empty and differ.
fn kept(
    store: &TokenStore,
    split: Split,
    settings: BatchSettings,
    about: &mut PackingStatistics,
) -> Result<Vec<u32>> {
    // The last token of an answer is only a target, unless answers are scored there.
    let most = settings.context_length + usize::from(!settings.scored);
    let mut kept = Vec::new();
    if let Some(examples) = store.examples(split) {
        about.examples = examples.count() / 2;
        for pair in 0..about.examples {
            let (mut answers, mut within, mut beyond) = ([(0, 0); 2], [0; 2], 0);
            for (side, (answer, within)) in answers.iter_mut().zip(&mut within).enumerate() {
                let range = examples.range(2 * pair + side);
                let end = range.end.min(range.start + most as u64);
                let learned = |range| examples.learned(range).filter(|learned| *learned).count();
                *within = learned((range.start + 1).min(end)..end);
                beyond += learned(end..range.end);
                *answer = (range.start, (end - range.start) as usize);
            }
            if beyond > 0 {
                about.cut += 1;
                about.cut_tokens += beyond;
            }
            // Most answers differ in length, so reading the tokens is rarely needed.
            let [(better, length), (worse, other)] = answers;
            let alike = settings.judged.is_none()
                && length == other
                && store.read(split, better, length)? == store.read(split, worse, other)?;
            if within.contains(&0) || alike {
                about.left_out += 1;
            } else {
                about.learned += (within[0] + if settings.judged.is_some() { 0 } else { within[1] }) as u64;
                kept.push(pair as u32);
            }
        }
    }
    if kept.is_empty() && settings.judged.is_some() {
        refuse!(
            "no answer of the {split} data begins within its first {most} tokens; give more answers or shorter prompts, or use a \
             model with a longer context"
        );
    }
    if kept.is_empty() {
        refuse!(
            "no pair of the {split} data has two answers that differ in their first {most} tokens; give more or shorter pairs, or use a model \
             with a longer context"
        );
    }
    Ok(kept)
}

/// Notes for the user, one sentence each.
fn sentences(about: &PackingStatistics, settings: BatchSettings) -> Vec<String> {
    let kept = (about.examples - about.left_out) as u64;
    let (pairs, tokens) = (counted(kept, "pair"), counted(about.learned, "token"));
    let first = if settings.judged.is_some() {
        format!("{} rated good or bad: {tokens} learned in an epoch", counted(kept, "answer"))
    } else if settings.scored {
        format!("{pairs} of answers, each scored at its last token")
    } else {
        format!("{pairs} of answers: {tokens} learned in an epoch")
    };
    std::iter::once(first).chain(lost(about, settings)).collect()
}

/// Notes on cut and left-out pairs, one sentence each.
fn lost(about: &PackingStatistics, settings: BatchSettings) -> Vec<String> {
    let (one, why) = match settings.judged {
        Some(_) => ("answer", "the answer is beyond the context length"),
        None => ("pair", "an answer is beyond the context length, or both are the same up to it"),
    };
    about.lost(one, Some("of answers in it"), why)
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;
    use crate::data::IGNORED;
    use crate::data::batch::counted_targets;

    const SETTINGS: BatchSettings = BatchSettings {
        batch: 4,
        context_length: 6,
        packing: false,
        starts: false,
        ..super::super::tests::SETTINGS
    };

    /// Answers of one and two tokens after a prompt of two.
    fn answers(pair: u32) -> [(Vec<u32>, Vec<bool>); 2] {
        let prompt = [pair, 500];
        let of = |answer: &[u32]| {
            let learned = [vec![false; 2], vec![true; answer.len()]].concat();
            ([&prompt[..], answer].concat(), learned)
        };
        [of(&[600 + pair]), of(&[700 + pair, 1])]
    }

    fn stored(folder: &std::path::Path, pairs: u32, more: &[(&[u32], &[bool])]) -> TokenStore {
        let all: Vec<_> = (0..pairs).flat_map(answers).collect();
        let mut all: Vec<(&[u32], &[bool])> =
            all.iter().map(|(tokens, learned)| (&tokens[..], &learned[..])).collect();
        all.extend(more);
        store(folder, &all, &all[..2])
    }

    #[test]
    fn pairs_stay_together_and_every_epoch_has_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path(), 5, &[]);
        let mut batches = PairBatches::new(&store, SETTINGS).unwrap();
        let of_numbers = |from: u32| (0..10).map(|at| (from + at) as f32).collect::<Vec<f32>>();
        batches.set_reference([of_numbers(10), of_numbers(50)]);
        let epoch = |from: u64| {
            let batches = (from..from + 5).map(|step| batches.train(step, 0).unwrap());
            let pairs = batches.flat_map(|batch| {
                let scores = batch.scores.clone().unwrap();
                let rows = batch.tokens.chunks(12).zip(batch.targets.chunks(12)).zip(scores.chunks(2));
                rows.map(|((tokens, targets), scores)| {
                    let pair = tokens[0];
                    assert_eq!(tokens, [pair, 500, 99, 99, 99, 99, pair, 500, 700 + pair, 99, 99, 99]);
                    let i = IGNORED;
                    assert_eq!(targets, [i, 600 + pair, i, i, i, i, i, 700 + pair, 1, i, i, i]);
                    assert_eq!(scores, [10.0 + 2.0 * pair as f32, 11.0 + 2.0 * pair as f32]);
                    pair
                })
                .collect::<Vec<u32>>()
            });
            pairs.collect::<Vec<u32>>()
        };
        // Two pairs per batch: five batches are two epochs.
        let (first, again) = (epoch(0), epoch(0));
        assert_eq!(first, again);
        for epoch in first.chunks(5) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert_ne!(first[..5], first[5..]);
        // The validation split has one pair; padding rows do not count.
        let batch = batches.full(Split::Validation).next().unwrap().unwrap();
        assert_eq!((batch.tokens.len(), counted_targets(&batch)), (24, 3));
        assert_eq!(batch.scores.unwrap(), [50.0, 51.0, 0.0, 0.0]);
        assert_eq!(counted_targets(&batches.evaluation(Split::Validation, 1).unwrap()), 0);
        assert_eq!([Split::Train, Split::Validation].map(|split| batches.evaluations(split)), [3, 1]);
    }

    #[test]
    fn judged_answers_say_whether_they_are_good_and_what_that_weighs() {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<_> = (0..2).flat_map(answers).collect();
        // The mark makes the second answer a good one.
        all[2].1[0] = true;
        let all: Vec<(&[u32], &[bool])> =
            all.iter().map(|(tokens, learned)| (&tokens[..], &learned[..])).collect();
        let store = store(folder.path(), &all, &all[2..]);
        let settings = BatchSettings { judged: Some([1.5, 0.5]), ..SETTINGS };
        let mut batches = PairBatches::new(&store, settings).unwrap();
        let reference = [vec![-1.0, -2.0, -3.0, -4.0], vec![-5.0, -6.0]];
        batches.set_reference(reference);
        let batch = batches.part(Split::Train, 0).unwrap();
        assert_eq!(batch.scores.unwrap(), [-1.0, -2.0, -3.0, -4.0, -0.5, 1.5]);
        assert_eq!(batch.targets[..2], [IGNORED, 600], "the mark is no target");
        let batch = batches.part(Split::Validation, 0).unwrap();
        assert_eq!(batch.scores.unwrap(), [-5.0, -6.0, 0.0, 0.0, 1.5, 0.0]);
        assert!(batches.sentences()[0].contains("2 answers rated good or bad: 2 tokens"));
    }

    #[test]
    fn answers_are_scored_at_their_last_token_that_fits() {
        let folder = tempfile::tempdir().unwrap();
        let long: Vec<u32> = (0..20).collect();
        let mut other = long.clone();
        other[5] = 900;
        let learned: Vec<bool> = (0..20).map(|at| at >= 3).collect();
        let store = stored(folder.path(), 1, &[(&long, &learned), (&other, &learned)]);
        let settings = BatchSettings { scored: true, starts: true, ..SETTINGS };
        let batches = PairBatches::new(&store, settings).unwrap();
        let batch = batches.part(Split::Train, 0).unwrap();
        let i = IGNORED;
        assert_eq!(batch.tokens[..12], [0, 500, 600, 99, 99, 99, 0, 500, 700, 1, 99, 99]);
        assert_eq!(batch.targets[..12], [i, i, 0, i, i, i, i, i, i, 0, i, i]);
        assert_eq!(batch.tokens[12..], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 900]);
        assert_eq!(batch.targets[12..], [i, i, i, i, i, 0, i, i, i, i, i, 0]);
        assert_eq!(
            (counted_targets(&batch), batch.document_starts.unwrap()[..6].to_vec()),
            (4, vec![0, 0, 0, 3, 3, 3])
        );
        assert!(batches.sentences()[0].contains("each scored at its last token"));
        // Answers that first differ beyond the row are indistinguishable.
        let short = BatchSettings { context_length: 5, ..settings };
        assert_eq!(PairBatches::new(&store, short).unwrap().about(Split::Train).left_out, 1);
        // A row learned token by token fits one more token, the last target.
        let learned = PairBatches::new(&store, BatchSettings { scored: false, ..short }).unwrap();
        assert_eq!(learned.about(Split::Train).left_out, 0);
    }

    #[test]
    fn answers_that_are_cut_are_told_and_lost_ones_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let long: Vec<u32> = (0..20).collect();
        let [late, early] = [10, 3].map(|from| (0..20).map(|at| at >= from).collect::<Vec<bool>>());
        let mut other = long.clone();
        other[4] = 900;
        let lost: [(&[u32], &[bool]); 2] = [(&long, &late), (&other, &early)];
        let alike: [(&[u32], &[bool]); 2] = [(&long, &early), (&long, &early)];
        let cut: [(&[u32], &[bool]); 2] = [(&long, &early), (&other, &early)];
        let store = stored(folder.path(), 1, &[lost, alike, cut].concat());
        let batches = PairBatches::new(&store, SETTINGS).unwrap();
        let about = batches.about(Split::Train);
        let wanted = PackingStatistics {
            examples: 4,
            cut: 3,
            cut_tokens: 10 + 5 * 13,
            left_out: 2,
            learned: 3 + 8,
            rows: 0,
        };
        assert_eq!(about, wanted);
        let none = PairBatches::new(&store, BatchSettings { context_length: 1, ..SETTINGS }).unwrap_err();
        assert!(none.to_string().contains("no pair of the training data"), "{none}");
        let said = batches.sentences().join("; ");
        assert!(said.contains("2 pairs of answers") && said.contains("2 pairs left out"), "{said}");
        assert!(!said.contains("held out"), "{said}");
        // Losses of the held-out split are reported too.
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::tests::store(folder.path(), &cut, &[lost, cut].concat());
        let said = PairBatches::new(&store, SETTINGS).unwrap().sentences().join("; ");
        for wanted in [
            "of those held out 2 pairs longer than the context length: the end was cut off, 49 tokens of answers in it",
            "of those held out 1 pair left out",
        ] {
            assert!(said.contains(wanted), "{said}");
        }
    }
}
