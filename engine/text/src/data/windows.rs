//! Windows of the token stream at random offsets.

use super::batch::{IGNORED, MicroBatch, with_capacity};
use super::mixture::{MixtureSampler, scaled};
use super::store::{Split, TokenStore};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::HeldOut;
use glasshouse_protocol::quantity::counted;
use glasshouse_protocol::random::nth;
use std::sync::Arc;

/// Stream ids that separate the draws of training and evaluation.
const TRAINING: u64 = 0x7261_696e;
const EVALUATION: u64 = 0x6576_616c;

/// Draws batches of `batch` windows of `context_length` tokens from a store.
#[derive(Clone, Debug)]
pub struct Windows<'a> {
    pub(super) store: &'a TokenStore,
    /// Distribution of window starts; uniform if `None`.
    mixture: Option<Arc<MixtureSampler>>,
    seed: u64,
    batch: usize,
    /// Micro-batches per step.
    accumulate: usize,
    pub(super) context_length: usize,
    /// The end-of-document token, if documents are separate.
    separator: Option<u32>,
}

impl<'a> Windows<'a> {
    /// Checks that both splits hold at least a window and its last target. Fails if a split is too short; the message gives both lengths
    /// and what to change.
    pub fn new(store: &'a TokenStore, seed: u64, batch: usize, context_length: usize) -> Result<Self> {
        if batch == 0 || context_length == 0 {
            refuse!("a batch of {batch} windows of {context_length} tokens is empty");
        }
        for split in [Split::Train, Split::Validation] {
            let tokens = store.len(split);
            if tokens <= context_length as u64 {
                let shorter = match tokens {
                    0 | 1 => String::new(),
                    _ => format!(", or set model.context_length below {tokens}"),
                };
                refuse!(
                    "the {split} text has {}, but a window needs {} (model.context_length {context_length} and the token \
                     after it); give more text{shorter}{}",
                    counted(tokens, "token"),
                    context_length + 1,
                    match split {
                        Split::Validation => ", or data.validation higher".to_owned(),
                        Split::Train => match store.len(Split::Validation) {
                            held_out if held_out > tokens.max(context_length as u64) => format!(
                                ". {held_out} tokens are held out: hold out less (data.validation, or `validation` in the recipe of a \
                                 cleaned folder)"
                            ),
                            _ => String::new(),
                        },
                    }
                );
            }
        }
        let mixture = MixtureSampler::from_store(store, context_length)?.map(Arc::new);
        Ok(Self { store, mixture, seed, batch, accumulate: 1, context_length, separator: None })
    }

    /// Keeps documents, which end with this token, from attending to each other.
    #[must_use]
    pub fn separating(self, end_of_text: u32) -> Self {
        Self { separator: Some(end_of_text), ..self }
    }

    /// Sets the number of micro-batches per step (default 1).
    #[must_use]
    pub fn accumulating(self, accumulate: usize) -> Self {
        Self { accumulate: accumulate.max(1), ..self }
    }

    /// Returns a training batch: windows at offsets drawn uniformly from `[0, length − T)`, as in nanoGPT, or by the
    /// text's mixture. A step's windows do not depend on its division into micro-batches.
    pub fn train(&self, step: u64, micro_batch: u64) -> Result<MicroBatch> {
        self.windows(Split::Train, self.starts(step, micro_batch))
    }

    /// Start positions of the windows of [`Windows::train`].
    pub fn starts(&self, step: u64, micro_batch: u64) -> Vec<u64> {
        let key = nth(nth(self.seed, TRAINING, step), TRAINING, 0);
        let first = micro_batch * self.batch as u64;
        (first..first + self.batch as u64)
            .map(|row| match &self.mixture {
                None => self.offset(Split::Train, nth(key, 0, row)),
                Some(mixture) => mixture.offset(nth(key, 0, row)),
            })
            .collect()
    }

    pub fn mixture(&self) -> Option<&MixtureSampler> {
        self.mixture.as_deref()
    }

    /// Returns an evaluation micro-batch. All evaluations of a run use the same ones, and a step's worth of them holds
    /// the same windows however steps are divided.
    pub fn evaluation(&self, split: Split, index: u64) -> Result<MicroBatch> {
        let key = nth(self.seed, EVALUATION, split as u64);
        let (rows, first) = ((self.batch * self.accumulate) as u64, index * self.batch as u64);
        let starts = (first..first + self.batch as u64)
            .map(|at| self.offset(split, nth(nth(key, EVALUATION, at / rows), 0, at % rows)));
        self.windows(split, starts.collect())
    }

    /// A uniformly drawn offset in a split.
    fn offset(&self, split: Split, key: u64) -> u64 {
        scaled(key, self.store.len(split) - self.context_length as u64)
    }

    fn windows(&self, split: Split, starts: Vec<u64>) -> Result<MicroBatch> {
        let mut batch = self.empty();
        starts.into_iter().try_for_each(|start| self.window(split, start, &mut batch))?;
        Ok(batch)
    }

    fn empty(&self) -> MicroBatch {
        with_capacity(self.batch * self.context_length, self.separator.is_some())
    }

    fn window(&self, split: Split, offset: u64, batch: &mut MicroBatch) -> Result<()> {
        let window = self.store.read(split, offset, self.context_length + 1)?;
        let tokens = window.get(..self.context_length).unwrap_or_default();
        if let (Some(starts), Some(separator)) = (&mut batch.document_starts, self.separator) {
            let mut start = 0;
            for (at, token) in (1..).zip(tokens) {
                starts.push(start);
                if *token == separator {
                    start = at;
                }
            }
        }
        batch.tokens.extend_from_slice(tokens);
        batch.targets.extend_from_slice(window.get(1..).unwrap_or_default());
        Ok(())
    }

    pub(super) fn held_out(&self) -> HeldOut {
        // The first token of a split is no target.
        let tokens = self.store.len(Split::Validation).saturating_sub(1);
        HeldOut { rows: tokens.div_ceil(self.context_length as u64), tokens }
    }

    /// Batches that contain every target of a split exactly once (the split's first token is no target).
    ///
    /// Windows follow one another without overlap. The last window is moved back to end with the split; targets already
    /// counted in the window before are [`IGNORED`]. Padding rows of the last batch repeat the last window with all
    /// targets ignored. So the mean over counted targets is the split's exact loss at this window length.
    pub fn full(&self, split: Split) -> impl Iterator<Item = Result<MicroBatch>> + use<'a> {
        let batches = self.clone();
        let targets = self.store.len(split) - 1;
        let context_length = self.context_length as u64;
        let windows = targets.div_ceil(context_length);
        let rows = self.batch as u64;
        (0..windows.div_ceil(rows)).map(move |index| {
            let mut batch = batches.empty();
            for row in index * rows..(index + 1) * rows {
                let nominal = row * context_length;
                let offset = nominal.min(targets - context_length);
                let seen = (nominal - offset).min(context_length) as usize;
                let start = batch.targets.len();
                batches.window(split, offset, &mut batch)?;
                if let Some(targets) = batch.targets.get_mut(start..start + seen) {
                    targets.fill(IGNORED);
                }
            }
            Ok(batch)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn store(train: u32, validation: u32) -> TokenStore {
        TokenStore::in_memory((0..train).collect(), (0..validation).map(|token| 5 * token).collect())
    }

    #[test]
    fn a_text_that_is_too_short_says_how_much_is_held_out_where_that_is_more() {
        let told =
            |train, validation| Windows::new(&store(train, validation), 7, 4, 16).unwrap_err().to_string();
        let most_is_held_out = told(10, 500);
        assert!(most_is_held_out.contains("the training text has 10 tokens"), "{most_is_held_out}");
        assert!(most_is_held_out.contains("500 tokens are held out: hold out less"), "{most_is_held_out}");
        assert!(!told(10, 5).contains("held out"));
        assert!(told(500, 10).contains("data.validation higher"));
        // Nothing to set, and nothing to hold out less of.
        let shortest = told(0, 1);
        assert!(shortest.ends_with("give more text"), "{shortest}");
        assert!(told(1, 1).ends_with("give more text") && told(2, 1).contains("context_length below 2"));
    }

    #[test]
    fn each_token_knows_where_its_document_begins() {
        // Documents of seven tokens: ids are positions in the text, and every seventh ends a document.
        let store = TokenStore::in_memory(
            (0..1000).map(|at| if at % 7 == 6 { 9999 } else { at }).collect(),
            (0..99).collect(),
        );
        let batches = Windows::new(&store, 7, 4, 16).unwrap();
        assert_eq!(batches.train(3, 1).unwrap().document_starts, None);
        let batch = batches.clone().separating(9999).train(3, 1).unwrap();
        assert_eq!(batch.tokens, batches.train(3, 1).unwrap().tokens);
        let starts = batch.document_starts.unwrap();
        for (row, starts) in batch.tokens.chunks(16).zip(starts.chunks(16)) {
            for (at, start) in starts.iter().enumerate() {
                let before = row[..at].iter().rposition(|token| *token == 9999);
                assert_eq!(*start as usize, before.map_or(0, |end| end + 1), "{row:?} at {at}");
            }
        }
        // The validation text is one document.
        let whole = batches.separating(9999).full(Split::Validation).next().unwrap().unwrap();
        assert!(whole.document_starts.unwrap().iter().all(|start| *start == 0));
    }

    #[test]
    fn a_batch_is_a_function_of_its_numbers() {
        let store = store(1000, 500);
        let batches = Windows::new(&store, 7, 4, 16).unwrap();
        let batch = batches.train(3, 1).unwrap();
        assert_eq!((batch.tokens.len(), batch.targets.len()), (64, 64));
        assert_eq!(batch, batches.train(3, 1).unwrap());
        for other in [batches.train(3, 0), batches.train(4, 1), batches.evaluation(Split::Train, 3)] {
            assert_ne!(batch, other.unwrap());
        }
        assert_ne!(batch, Windows::new(&store, 8, 4, 16).unwrap().train(3, 1).unwrap());
        for (row, targets) in batch.tokens.chunks(16).zip(batch.targets.chunks(16)) {
            assert!(row.iter().zip(targets).all(|(token, target)| token + 1 == *target));
            assert!(row.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        }
        let evaluation = batches.evaluation(Split::Validation, 0).unwrap();
        assert!(evaluation.tokens.iter().all(|token| token % 5 == 0));
    }

    #[test]
    fn a_step_has_the_same_windows_however_it_is_divided() {
        let store = store(1000, 500);
        let (step, index) = (5, 2);
        let drawn = |batch: usize, accumulate: usize| {
            let windows = Windows::new(&store, 7, batch, 8).unwrap().accumulating(accumulate);
            let micro_batches = 0..accumulate as u64;
            let tokens = |batches: Vec<Result<MicroBatch>>| -> Vec<u32> {
                batches.into_iter().flat_map(|batch| batch.unwrap().tokens).collect()
            };
            let first = index * accumulate as u64;
            let evaluated = first..first + accumulate as u64;
            (
                tokens(micro_batches.map(|micro| windows.train(step, micro)).collect()),
                tokens(evaluated.map(|at| windows.evaluation(Split::Validation, at)).collect()),
            )
        };
        let whole = drawn(16, 1);
        assert_eq!(whole.0.len(), 16 * 8);
        assert_eq!([drawn(4, 4), drawn(1, 16), drawn(2, 8)], [(); 3].map(|()| whole.clone()));
    }

    #[test]
    fn the_draw_is_pinned() {
        // A change in the draw would silently change every published run: these offsets must never change.
        let store = store(1_003_854, 500);
        let batch = Windows::new(&store, 1337, 3, 1).unwrap().train(0, 0).unwrap();
        assert_eq!(batch.tokens, PINNED);
    }
    const PINNED: [u32; 3] = [605_935, 770_907, 702_373];

    #[test]
    fn every_offset_can_be_drawn_and_none_beyond() {
        let store = store(10, 10);
        let batches = Windows::new(&store, 1, 64, 4).unwrap();
        let mut seen = [0_usize; 6];
        for step in 0..20 {
            for row in batches.train(step, 0).unwrap().tokens.chunks(4) {
                seen[row[0] as usize] += 1;
            }
        }
        // 1280 draws over 6 offsets: 213 each, within six standard deviations.
        assert!(seen.iter().all(|count| (130..300).contains(count)), "{seen:?}");
    }

    #[test]
    fn a_text_shorter_than_a_window_is_refused() {
        let store = store(100, 10);
        let message = Windows::new(&store, 1, 2, 16).unwrap_err().to_string();
        assert!(
            message.contains("validation text has 10 tokens") && message.contains("needs 17"),
            "{message}"
        );
        assert!(Windows::new(&store, 1, 2, 9).is_ok());
        let message = Windows::new(&store, 1, 2, 100).unwrap_err().to_string();
        assert!(message.starts_with("the training text has 100 tokens"), "{message}");
    }

    proptest! {
        #[test]
        fn a_full_pass_counts_every_target_once(length in 2_u32..200, batch in 1_usize..6, context_length in 1_usize..40) {
            prop_assume!(length as usize > context_length);
            let store = store(length, length);
            let batches = Windows::new(&store, 1, batch, context_length).unwrap();
            let mut counted: Vec<u32> = Vec::new();
            let mut yielded = 0;
            for full in batches.full(Split::Train) {
                let full = full.unwrap();
                prop_assert_eq!(full.tokens.len(), batch * context_length);
                let before = counted.len();
                for (token, target) in full.tokens.iter().zip(&full.targets) {
                    if *target != IGNORED {
                        prop_assert_eq!(token + 1, *target);
                        counted.push(*target);
                    }
                }
                prop_assert_eq!(counted.len() - before, super::super::batch::counted_targets(&full));
                yielded += 1;
            }
            prop_assert_eq!(counted, (1..length).collect::<Vec<_>>());
            prop_assert_eq!(yielded, (length as usize - 1).div_ceil(context_length).div_ceil(batch));
        }
    }
}
