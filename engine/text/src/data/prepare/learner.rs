//! Training of the tokenizer in the pass that counts the text, before the split is known.

use super::Count;
use super::split::{Splitter, draw};
use crate::data::read::TextPiece;
use crate::data::store::Split;
use crate::tokenizer::TokenizerTrainer;
use glasshouse_protocol::DataConfig;
use std::collections::BTreeMap;

/// Maximum bytes of documents that wait for the split.
const WAITING_BYTES: usize = 16 << 20;

/// Feeds training documents to a tokenizer's trainer. [`held_out`](super::held_out) takes documents in the order of their draws up to the
/// share `validation`, so the side of a draw far from that share is sure; documents with the nearest draws wait for the split.
pub(super) struct Learner {
    trainer: TokenizerTrainer,
    seed: u64,
    /// Draws below this are probably held out.
    limit: u64,
    /// The current document; `None` if it is too long to wait.
    text: Option<String>,
    /// Documents with their probable split, by the distance of their draw from the limit and their number.
    waiting: BTreeMap<(u64, usize), (Split, String)>,
    bytes: usize,
    /// The split of each document; `None` while it waits, or if it was too long.
    placed: Vec<Option<Split>>,
}

impl Learner {
    pub(super) fn new(trainer: TokenizerTrainer, config: &DataConfig) -> Self {
        Self {
            trainer,
            seed: config.validation_seed,
            limit: (config.validation * 2.0_f64.powi(64)) as u64,
            text: Some(String::new()),
            waiting: BTreeMap::new(),
            bytes: 0,
            placed: Vec::new(),
        }
    }

    /// Takes a piece of the current document.
    pub(super) fn add(&mut self, piece: &str) {
        if let Some(text) = &mut self.text {
            text.push_str(piece);
            if text.len() > WAITING_BYTES {
                self.text = None;
            }
        }
    }

    /// Ends the current document, with the key of its content and its split if that is known.
    pub(super) fn end(&mut self, key: u64, split: Option<Split>) {
        let number = self.placed.len();
        self.placed.push(None);
        let Some(text) = self.text.replace(String::new()) else { return };
        if let Some(split) = split {
            return self.place(number, split, &text);
        }
        let draw = draw(self.seed, key);
        let probable = if draw < self.limit { Split::Validation } else { Split::Train };
        self.bytes += text.len();
        self.waiting.insert((draw.abs_diff(self.limit), number), (probable, text));
        while self.bytes > WAITING_BYTES
            && let Some(((_, number), (split, text))) = self.waiting.pop_last()
        {
            self.bytes -= text.len();
            self.place(number, split, &text);
        }
    }

    fn place(&mut self, number: usize, split: Split, text: &str) {
        if split == Split::Train {
            self.trainer.feed(text);
        }
        if let Some(placed) = self.placed.get_mut(number) {
            *placed = Some(split);
        }
    }

    /// The trainer with the whole training split; `None` if a document was placed wrongly or was too long, so that the text must be read
    /// again.
    pub(super) fn finish(mut self, count: &Count, validation: f64) -> Option<TokenizerTrainer> {
        let waiting: BTreeMap<usize, String> = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|((_, number), (_, text))| (number, text))
            .collect();
        let is_right = |(number, placed): (usize, &Option<Split>)| match (placed, &count.held_out) {
            (Some(Split::Validation), Some(held_out)) => held_out.get(number) == Some(&true),
            (Some(Split::Train), Some(held_out)) => held_out.get(number) == Some(&false),
            (Some(_), None) => false,
            (None, _) => waiting.contains_key(&number),
        };
        if !self.placed.iter().enumerate().all(is_right) {
            return None;
        }
        let mut splitter = Splitter::new(validation, count);
        for (number, text) in waiting {
            splitter.documents = number;
            let piece = TextPiece { text, ends_document: true, mark: None };
            let parts = splitter.divide(piece).into_iter().filter(|part| part.split == Split::Train);
            parts.for_each(|part| self.trainer.feed(&part.piece.text));
        }
        Some(self.trainer)
    }
}
