//! The training tokens, as read by the baselines.

use super::documents::HeldOut;
use glasshouse_platform::Result;
use glasshouse_protocol::RunConfig;
use glasshouse_text::data::store::{Examples, Split, TokenStore};
use glasshouse_text::tokenizer::Tokenizer;

const READ: u64 = 1 << 14;

/// The tokens of a training split, in the evaluated model's vocabulary.
#[derive(Debug)]
pub(super) struct TrainingTokens<'a> {
    store: &'a TokenStore,
    /// Tokenizers to decode and re-encode with, if the split has other tokens.
    translated: Option<(&'a Tokenizer, &'a Tokenizer)>,
    /// The split's examples, and the step from one read example to the next.
    examples: Option<(&'a Examples, usize)>,
    /// Index of the next token or example.
    at: u64,
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) tokens: Vec<u32>,
    /// Whether the tokens do not continue the previous piece.
    pub(super) begins: bool,
}

impl<'a> TrainingTokens<'a> {
    /// The training text belonging to held-out documents. Of pairs, only the better answer, which comes first, is read.
    pub(super) fn new(held_out: &'a HeldOut, config: &RunConfig, tokenizer: &'a Tokenizer) -> Self {
        let prepared = &held_out.prepared;
        let pairs = config.train.objective.learns_pairs() && !config.train.learns_scores();
        let step = if pairs { 2 } else { 1 };
        Self {
            store: &prepared.store,
            translated: (!held_out.own_tokens).then_some((&prepared.tokenizer, tokenizer)),
            examples: prepared.store.examples(Split::Train).map(|examples| (examples, step)),
            at: 0,
        }
    }

    /// (tokens read, total), in the split's own tokens.
    pub(super) fn progress(&self) -> (u64, u64) {
        let all = self.store.len(Split::Train);
        match self.examples {
            Some((examples, _)) if (self.at as usize) < examples.count() => {
                (examples.range(self.at as usize).start, all)
            }
            Some(_) => (all, all),
            None => (self.at, all),
        }
    }

    pub(super) fn rewind(&mut self) {
        self.at = 0;
    }

    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        if let Some((examples, step)) = self.examples {
            let at = self.at as usize;
            if at >= examples.count() {
                return Ok(None);
            }
            self.at += step as u64;
            let range = examples.range(at);
            let tokens = self.store.read(Split::Train, range.start, (range.end - range.start) as usize)?;
            return Ok(Some(Piece { tokens, begins: true }));
        }
        let count = READ.min(self.store.len(Split::Train).saturating_sub(self.at));
        if count == 0 {
            return Ok(None);
        }
        let tokens = self.store.read(Split::Train, self.at, count as usize)?;
        self.at += count;
        let Some((from, to)) = self.translated else { return Ok(Some(Piece { tokens, begins: false })) };
        let end = self.store.index().and_then(|index| index.end_of_text);
        let mut own = Vec::with_capacity(tokens.len());
        for document in tokens.split_inclusive(|token| Some(*token) == end) {
            let text = document.strip_suffix(end.as_slice());
            own.append(&mut to.encode(&from.decode(text.unwrap_or(document)))?);
            own.extend(text.and(to.end_of_text()).filter(|_| end.is_some()));
        }
        Ok(Some(Piece { tokens: own, begins: false }))
    }
}
