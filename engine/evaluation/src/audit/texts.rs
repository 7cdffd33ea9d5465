//! The texts a model learned from: its run's, and those of the runs it started from.

use glasshouse_platform::{Result, Yielder, files};
use glasshouse_project::{Project, Run};
use glasshouse_protocol::quantity::whole;
use glasshouse_text::data::store::{INDEX_FILE, Split, TokenStore};
use glasshouse_text::tokenizer::{Frame, Tokenizer, TokenizerFiles};
use std::path::{Path, PathBuf};

/// Maximum chain of starting runs; edited files could form a cycle.
const MAX_RUNS: usize = 32;

/// Maximum tokens read of a text, from its beginning.
const MAX_TOKENS: u64 = 1 << 24;

/// Tokens read at once, and decoded at once within a document.
const READ: usize = 1 << 15;

/// The texts, the run's own first.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<(PathBuf, TokenStore)>,
    /// Whether these are all texts the model learned from: no starting model was imported or is missing.
    pub(crate) is_all: bool,
    is_from_outside: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadShare {
    pub(crate) read: u64,
    pub(crate) of: u64,
}

impl Texts {
    /// Collects the texts of a run.
    pub(crate) fn from_run(run: &Run) -> Result<Self> {
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

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Why there is no text, if there is none.
    pub(crate) fn absence(&self) -> Option<&'static str> {
        match (self.is_empty(), self.is_from_outside) {
            (false, _) => None,
            (true, true) => Some("it is an imported model, whose training text is not available"),
            (true, false) => Some("the training text is not available"),
        }
    }

    /// A note for the reader if not all text was searched; `rest` describes the consequence for the unread part.
    pub(crate) fn unread(&self, reading: ReadShare, rest: &str) -> Option<String> {
        match self.absence() {
            Some(absence) => Some(format!("No training text was searched: {absence}.")),
            None if self.is_all && reading.is_whole() => None,
            None => Some(format!("Only a part of the training text was read: {rest}.")),
        }
    }

    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().map(|(folder, _)| folder.as_path())
    }

    /// Reads the texts: examples without the markers of their turns, or documents. Very long documents come in parts,
    /// which may cut a word.
    pub(crate) async fn read(
        &self,
        tokenizer: &Tokenizer,
        yielder: &Yielder,
        on_progress: &mut dyn FnMut(u64, u64),
        mut on_text: impl FnMut(&str),
    ) -> Result<ReadShare> {
        let of = |store: &TokenStore| store.len(Split::Train);
        let total = self.texts.iter().map(|(_, store)| of(store)).sum();
        let most: u64 = self.texts.iter().map(|(_, store)| of(store).min(MAX_TOKENS)).sum();
        let mut reading = ReadShare { read: 0, of: total };
        for (folder, store) in &self.texts {
            let end = of(store).min(MAX_TOKENS);
            if let Some(examples) = store.examples(Split::Train) {
                let frame = Frame::new(&TokenizerFiles::with(tokenizer.clone(), folder)?);
                // The last token of a labelled text is the label's number.
                let label = u64::from(store.index().is_some_and(|index| !index.labels.is_empty()));
                let ranges = (0..examples.count()).map(|example| examples.range(example));
                for range in ranges.take_while(|range| range.end <= end) {
                    let count = (range.end - range.start).saturating_sub(label);
                    let tokens = store.read(Split::Train, range.start, count as usize)?;
                    on_text(&frame.contents(&tokenizer.decode(&tokens)));
                    reading.read += range.end - range.start;
                    on_progress(reading.read, most);
                    yielder.maybe_yield().await;
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
                    on_text(&tokenizer.decode(document));
                    yielder.maybe_yield().await;
                }
                on_progress(reading.read, most);
            }
            on_text(&tokenizer.decode(&waiting));
        }
        Ok(reading)
    }
}

impl ReadShare {
    pub(crate) fn is_whole(self) -> bool {
        self.read == self.of
    }

    /// `all 1,204,117 tokens of the training text`.
    pub(crate) fn words(self) -> String {
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
            "No training text was searched: it is an imported model, whose training text is not available."
        );
        assert_eq!(of(false).absence(), Some("the training text is not available"));
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
