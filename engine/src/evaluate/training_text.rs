//! The tokens that a model was trained on, as baselines read them.

use super::documents::HeldOut;
use crate::data::store::{Examples, Split, TokenStore};
use crate::error::Result;
use crate::protocol::RunConfig;
use crate::tokenizer::Tokenizer;

/// Tokens that are read at once.
const READ: u64 = 1 << 14;

/// The tokens of a training split, in the tokens of the model that is evaluated.
#[derive(Debug)]
pub(super) struct TrainingTokens<'a> {
    store: &'a TokenStore,
    /// What the split's tokens are decoded by, and encoded by again, where they are another tokenizer's.
    translated: Option<(&'a Tokenizer, &'a Tokenizer)>,
    /// The split's examples, and by how many the next one that is read stands further.
    examples: Option<(&'a Examples, usize)>,
    /// The next token, or the next example.
    at: u64,
}

/// Some tokens of a training split.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) tokens: Vec<u32>,
    /// They do not follow the ones before.
    pub(super) begins: bool,
}

impl<'a> TrainingTokens<'a> {
    /// Of the text that documents were held out of. Of pairs the better answer is read, which comes first.
    pub(super) fn new(held_out: &'a HeldOut, config: &RunConfig, tokenizer: &'a Tokenizer) -> Self {
        let prepared = held_out.prepared();
        let pairs = config.train.objective.learns_pairs() && !config.train.learns_scores();
        let step = if pairs { 2 } else { 1 };
        Self {
            store: &prepared.store,
            translated: (!held_out.has_own_tokens()).then_some((&prepared.tokenizer, tokenizer)),
            examples: prepared.store.examples(Split::Train).map(|examples| (examples, step)),
            at: 0,
        }
    }

    /// Tokens of the split, in its own tokens, and how many of them were read.
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

    /// From the beginning again.
    pub(super) fn rewind(&mut self) {
        self.at = 0;
    }

    /// The next tokens; none behind the last.
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
