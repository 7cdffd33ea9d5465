//! The text that a model was trained on, as baselines and look-ups read it.

use super::documents::HeldOut;
use crate::data::store::{Examples, INDEX_FILE, Split, TokenStore};
use crate::error::Result;
use crate::platform::files;
use crate::project::Run;
use crate::protocol::{Objective, RunConfig};
use crate::tokenizer::Tokenizer;

/// Tokens that are read at once.
const READ: u64 = 1 << 14;

/// Runs that begin with each other at most.
const GENERATIONS: usize = 32;

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
        let pairs = config.train.objective == Objective::Preference && !config.train.learns_scores();
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

/// Tokens by which texts that are read overlap, so that no run of words is cut: more than 13 words take in any vocabulary.
const OVERLAP: u64 = 512;

/// The training texts of a run and of those that it began from, as far as the project has them.
#[derive(Debug)]
pub(super) struct TrainingTexts {
    stores: Vec<(TokenStore, Tokenizer)>,
    /// Whether there is one whose text is not known: an imported model, or a run of another project.
    pub(super) incomplete: bool,
    store: usize,
    at: u64,
    done: u64,
}

impl TrainingTexts {
    /// Opens them.
    ///
    /// # Errors
    /// One is damaged.
    pub(super) fn open(run: &Run) -> Result<Self> {
        let mut texts = Self { stores: Vec::new(), incomplete: false, store: 0, at: 0, done: 0 };
        let (mut next, mut known) = (Some(run.clone()), Vec::new());
        for _ in 0..GENERATIONS {
            let Some(run) = next.take() else { break };
            let config = run.config()?;
            let folder = run.data_folder()?;
            if run.is_imported() || !files::is_file(&folder.join(INDEX_FILE)) {
                texts.incomplete = true;
            } else if !known.contains(&folder) {
                texts
                    .stores
                    .push((TokenStore::open(&folder)?, crate::data::prepare::open_tokenizer(&folder)?));
                known.push(folder);
            }
            next = texts.beginning(&run, &config);
        }
        Ok(texts)
    }

    /// The run that another began from.
    fn beginning(&mut self, run: &Run, config: &RunConfig) -> Option<Run> {
        let start = config.start.as_ref()?;
        let found = match &start.project {
            None => run.project().and_then(|project| project.run(&start.run)).ok(),
            Some(_) => None,
        };
        self.incomplete |= found.is_none();
        found
    }

    /// Tokens that were read, and of how many.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.done, self.stores.iter().map(|(store, _)| store.len(Split::Train)).sum())
    }

    /// The next stretch of text; none behind the last.
    pub(super) fn next(&mut self) -> Result<Option<String>> {
        while let Some((store, tokenizer)) = self.stores.get(self.store) {
            let length = store.len(Split::Train);
            if self.at >= length {
                (self.store, self.at) = (self.store + 1, 0);
                continue;
            }
            let from = self.at.saturating_sub(OVERLAP);
            let to = length.min(self.at + READ);
            self.done += to - self.at;
            self.at = to;
            // What ends a document is a word of its own: no run goes across it.
            return Ok(Some(tokenizer.decode(&store.read(Split::Train, from, (to - from) as usize)?)));
        }
        Ok(None)
    }
}
