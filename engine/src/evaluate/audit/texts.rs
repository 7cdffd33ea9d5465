//! The texts that a model learned from: its run's, and those of the runs that it began with.

use crate::data::store::{INDEX_FILE, Split, TokenStore};
use crate::error::Result;
use crate::platform::{Turns, files};
use crate::project::{Project, Run};
use crate::protocol::quantity::whole;
use crate::tokenizer::{Frame, Tokenizer, TokenizerFiles};
use std::path::{Path, PathBuf};

/// Runs that one began with, at most: whoever edits files can make them begin with each other.
const MAX_RUNS: usize = 32;

/// Tokens of a text that are read at most: its first ones.
const MAX_TOKENS: u64 = 1 << 24;

/// Tokens that are read at once, and of a document that are decoded at once.
const READ: usize = 1 << 15;

/// The texts, the run's own first.
#[derive(Debug)]
pub(in crate::evaluate) struct Texts {
    texts: Vec<(PathBuf, TokenStore)>,
    /// There is all that the model ever learned from: it does not begin with one that was imported, or is gone.
    pub(in crate::evaluate) is_all: bool,
    /// It is of a model from outside.
    is_from_outside: bool,
}

/// How much of texts was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::evaluate) struct ReadShare {
    /// Tokens.
    pub(in crate::evaluate) read: u64,
    /// Of so many.
    pub(in crate::evaluate) of: u64,
}

impl Texts {
    /// Of a run.
    ///
    /// # Errors
    /// Its records or its text are damaged.
    pub(in crate::evaluate) fn of(run: &Run) -> Result<Self> {
        let mut found = Self { texts: Vec::new(), is_all: true, is_from_outside: run.is_from_outside()? };
        let mut next = Some(run.clone());
        for _ in 0..MAX_RUNS {
            let Some(run) = next.take() else { return Ok(found) };
            let folder = run.data_folder()?;
            if !files::is_file(&folder.join(INDEX_FILE)) {
                found.is_all = false;
            } else if found.texts.iter().all(|(known, _)| *known != folder) {
                let store = TokenStore::open(&folder)?;
                found.texts.push((folder, store));
            }
            let Some(start) = run.record()?.restored_from.or(run.config()?.start) else { return Ok(found) };
            let project = match &start.project {
                Some(folder) => Project::open(Path::new(folder)),
                None => run.project(),
            };
            next = project.and_then(|project| project.recorded_run(&start.run)).ok();
            found.is_all &= next.is_some();
        }
        found.is_all = false;
        Ok(found)
    }

    /// Whether there is any.
    pub(in crate::evaluate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Why there is none, where there is none.
    pub(in crate::evaluate) fn absence(&self) -> Option<&'static str> {
        match (self.is_empty(), self.is_from_outside) {
            (false, _) => None,
            (true, true) => Some("it is an imported model, whose training text is not here"),
            (true, false) => Some("the training text is not here"),
        }
    }

    /// What a reader should know where not all was read: that there is nothing, or of the rest what `rest` says.
    pub(in crate::evaluate) fn unread(&self, reading: ReadShare, rest: &str) -> Option<String> {
        match self.absence() {
            Some(absence) => Some(format!("No training text was searched: {absence}.")),
            None if self.is_all && reading.is_whole() => None,
            None => Some(format!("Only a part of the training text was read: {rest}.")),
        }
    }

    /// Their folders.
    pub(in crate::evaluate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().map(|(folder, _)| folder.as_path())
    }

    /// Reads what the model learned from: examples, without the marks of their turns, or documents; of one that is very long by parts, where a
    /// word may be cut in two.
    ///
    /// # Errors
    /// A text cannot be read.
    pub(in crate::evaluate) async fn read(
        &self,
        tokenizer: &Tokenizer,
        turns: &Turns,
        tell: &mut dyn FnMut(u64, u64),
        mut hear: impl FnMut(&str),
    ) -> Result<ReadShare> {
        let of = |store: &TokenStore| store.len(Split::Train);
        let total = self.texts.iter().map(|(_, store)| of(store)).sum();
        let most: u64 = self.texts.iter().map(|(_, store)| of(store).min(MAX_TOKENS)).sum();
        let mut reading = ReadShare { read: 0, of: total };
        for (folder, store) in &self.texts {
            let end = of(store).min(MAX_TOKENS);
            if let Some(examples) = store.examples(Split::Train) {
                let frame = Frame::new(&TokenizerFiles::with(tokenizer.clone(), folder)?);
                // The last token of a text with a label is the label's number.
                let label = u64::from(store.index().is_some_and(|index| !index.labels.is_empty()));
                let ranges = (0..examples.count()).map(|example| examples.range(example));
                for range in ranges.take_while(|range| range.end <= end) {
                    let count = (range.end - range.start).saturating_sub(label);
                    let tokens = store.read(Split::Train, range.start, count as usize)?;
                    hear(&frame.contents(&tokenizer.decode(&tokens)));
                    reading.read += range.end - range.start;
                    tell(reading.read, most);
                    turns.give().await;
                }
                continue;
            }
            let separator = store.index().and_then(|index| index.end_of_text);
            let mut waiting = Vec::new();
            for from in (0..end).step_by(READ) {
                let read = store.read(Split::Train, from, READ.min((end - from) as usize))?;
                reading.read += read.len() as u64;
                waiting.extend(read);
                let last = waiting.iter().rposition(|token| Some(*token) == separator);
                let whole = match last {
                    Some(last) => last + 1,
                    None if waiting.len() >= READ => waiting.len(),
                    None => 0,
                };
                let rest = waiting.split_off(whole);
                let documents = std::mem::replace(&mut waiting, rest);
                for document in documents.split(|token| Some(*token) == separator) {
                    hear(&tokenizer.decode(document));
                    turns.give().await;
                }
                tell(reading.read, most);
            }
            hear(&tokenizer.decode(&waiting));
        }
        Ok(reading)
    }
}

impl ReadShare {
    /// Nothing was left out.
    pub(in crate::evaluate) fn is_whole(self) -> bool {
        self.read == self.of
    }

    /// `all 1,204,117 tokens of the training text`.
    pub(in crate::evaluate) fn words(self) -> String {
        let Self { read, of } = self;
        let text = "tokens of the training text";
        if self.is_whole() {
            format!("all {} {text}", whole(of))
        } else {
            format!("{} of {} {text}", whole(read), whole(of))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_a_text_is_not_said_to_have_a_part_of_it() {
        let of = |is_from_outside| Texts { texts: Vec::new(), is_all: false, is_from_outside };
        let unread = of(true).unread(ReadShare::default(), "of the rest nothing is known").unwrap();
        assert_eq!(
            unread,
            "No training text was searched: it is an imported model, whose training text is not here."
        );
        assert_eq!(of(false).absence(), Some("the training text is not here"));
    }

    #[test]
    fn a_text_that_was_read_in_part_is_said_to_be() {
        let of = |is_all| {
            let store = TokenStore::in_memory(vec![0; 7], Vec::new());
            Texts { texts: vec![(PathBuf::new(), store)], is_all, is_from_outside: false }
        };
        let [part, whole] = [3, 7].map(|read| ReadShare { read, of: 7 });
        assert_eq!((of(true).absence(), of(true).unread(whole, "x")), (None, None));
        let said = Some("Only a part of the training text was read: x.".to_owned());
        assert_eq!((of(true).unread(part, "x"), of(false).unread(whole, "x")), (said.clone(), said));
    }
}
