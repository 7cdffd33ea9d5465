//! Rows of a corpus on their way into a token store of examples: encoded in batches, divided into the splits, and written.

use super::corpus::Corpus;
use super::lost::Lost;
use super::split::RowSplitter;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{Problems, RowLocation};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::{EncodedText, Tokenizer, TokenizerFiles, template_fails};
use glasshouse_platform::{ChatRenderer, Error, Result, Yielder};
use glasshouse_protocol::{Objective, PreparationStage, RunConfig};
use std::path::Path;

/// A preparation of rows.
pub(super) struct RowPreparation<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) config: &'a RunConfig,
    pub(super) files: &'a TokenizerFiles,
    /// Destination of the store.
    pub(super) folder: &'a Path,
    /// For its index.
    pub(super) recipe: &'a str,
    pub(super) problems: &'a Problems,
    pub(super) yielder: &'a Yielder,
}

/// Rows of an objective.
pub(super) trait Rows {
    type Row;
    /// An encoded row, which waits for its split.
    type Encoded;
    /// The problem reported for a row with nothing left to learn.
    const EMPTIED: &str;

    fn texts(row: &Self::Row) -> impl Iterator<Item = &str>;

    /// Encodes a row with the tokens of its texts; `None` if nothing is left to learn.
    fn encoded(tokenizer: &Tokenizer, row: Self::Row, texts: Vec<RowText>) -> Option<Self::Encoded>;

    fn write(&mut self, writer: &mut Writer, split: Split, row: Self::Encoded) -> Result<()>;

    /// Writes what follows the last row.
    fn end(&mut self, _writer: &mut Writer) -> Result<()> {
        Ok(())
    }
}

/// A text's tokens, and its lost characters with their byte offsets.
pub(super) type RowText = (EncodedText, Vec<(usize, char)>);

/// A row's file, location and, if its file determines it, split.
type Origin<'a> = (Option<Split>, &'a Path, RowLocation);

/// Encodes rows in batches and writes them to a store. [`RowSplitter`] selects the held-out rows unless held-out files are given.
pub(super) struct RowQueue<'a, R: Rows> {
    preparation: &'a RowPreparation<'a>,
    progress: &'a mut dyn FnMut(Progress),
    rows: R,
    splitter: RowSplitter<R::Encoded>,
    writer: Writer,
    waiting: Vec<(Origin<'a>, R::Row)>,
    waiting_bytes: usize,
    emptied: Vec<(&'a Path, RowLocation)>,
    lost: Lost,
    characters: u64,
    bytes: u64,
    /// Bytes of all rows.
    total: u64,
}

impl<'a, R: Rows> RowQueue<'a, R> {
    /// A queue of tokens below `vocabulary`.
    pub(super) fn new(
        preparation: &'a RowPreparation<'a>,
        vocabulary: usize,
        rows: R,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            preparation,
            progress,
            rows,
            splitter: RowSplitter::new(&preparation.config.data),
            writer: Writer::new(preparation.folder, vocabulary),
            waiting: Vec::new(),
            waiting_bytes: 0,
            emptied: Vec::new(),
            lost: Lost::default(),
            characters: 0,
            bytes: 0,
            total: preparation.corpus.bytes(),
        }
    }

    /// Adds a row of `bytes` bytes, which may spell a special token; `None` for one that is only counted.
    pub(super) fn push(
        &mut self,
        origin: Origin<'a>,
        spelled: Option<String>,
        bytes: usize,
        row: Option<R::Row>,
    ) -> Result<()> {
        self.lost.note_spelled(spelled);
        if self.waiting_bytes >= ENCODE_BYTES {
            self.waiting_bytes = 0;
            self.flush()?;
            let (bytes, total) = (self.bytes.min(self.total), self.total);
            (self.progress)((PreparationStage::Encoding, bytes, total));
        }
        self.waiting_bytes += bytes;
        self.bytes += bytes as u64;
        self.waiting.extend(row.map(|row| (origin, row)));
        Ok(())
    }

    /// Encodes the waiting rows, and writes those whose split is known.
    fn flush(&mut self) -> Result<()> {
        let tokenizer = &self.preparation.files.tokenizer;
        let waiting = std::mem::take(&mut self.waiting);
        let texts: Vec<&str> = waiting.iter().flat_map(|(_, row)| R::texts(row)).collect();
        let mut encoded = tokenizer.encode_spans(&texts)?.into_iter();
        for ((split, path, place), row) in waiting {
            let (mut own, mut content) = (Vec::new(), String::new());
            for (text, encoded) in R::texts(&row).zip(encoded.by_ref()) {
                let lost: Vec<(usize, char)> = tokenizer.lost(text, &encoded).collect();
                let characters = lost.iter().map(|(_, character)| *character);
                self.lost.note(split.unwrap_or(Split::Train), text, characters);
                content.push_str(text);
                own.push((encoded, lost));
            }
            let Some(row) = R::encoded(tokenizer, row, own) else {
                self.emptied.push((path, place));
                continue;
            };
            self.characters += content.chars().count() as u64;
            let placed = self.splitter.place(&content, split, row);
            self.write(placed)?;
        }
        Ok(())
    }

    fn write(&mut self, placed: Vec<(Split, R::Encoded)>) -> Result<()> {
        placed.into_iter().try_for_each(|(split, row)| self.rows.write(&mut self.writer, split, row))
    }

    /// Writes the remaining rows and records the problems. Returns what the rows collected, and the store's writer and index. Fails if no
    /// readable text is left, or a split has no row; without any, with the `fault` that may be the cause.
    pub(super) fn finish(mut self, fault: impl FnOnce() -> Option<Error>) -> Result<(R, Writer, Index)> {
        self.flush()?;
        let placed = self.splitter.finish();
        self.write(placed)?;
        self.rows.end(&mut self.writer)?;
        let RowPreparation { corpus, config, files, recipe, problems, .. } = self.preparation;
        self.splitter.report(problems, &corpus.name(), config.train.objective.row());
        for (path, place) in self.emptied {
            problems.note(path, &format!("{place}: {}", R::EMPTIED));
        }
        let objective = config.train.objective;
        self.lost.report(problems, &corpus.name(), objective.row())?;
        let documents = self.splitter.counts.iter().sum();
        if let Some(missing) = missing(self.splitter.counts, objective, corpus.has_held_out(), problems) {
            let fault = if documents == 0 { fault() } else { None };
            return Err(fault.unwrap_or(Error::Refused(missing)));
        }
        let index = Index {
            documents,
            characters: self.characters,
            bytes: self.bytes,
            ..index_of(corpus, &files.tokenizer, recipe, problems)?
        };
        Ok((self.rows, self.writer, index))
    }
}

/// Records the fault of a row that a template cannot write.
pub(super) fn written<T>(
    read: Result<T, String>,
    renderer: &ChatRenderer,
    problems: &Problems,
    (path, place): (&Path, RowLocation),
) -> Result<Option<T>, String> {
    read.map(Some).or_else(|reason| {
        // In a browser the template's module may be gone, which would fail every further line.
        renderer.still_there().map_err(|gone| format!("cannot be written: {gone}"))?;
        problems.note(path, &format!("{place}: {reason}"));
        Ok(None)
    })
}

/// The error, if any, of a template that cannot write even a plain conversation.
pub(super) fn template_fault(renderer: &ChatRenderer) -> Option<Error> {
    const PLAIN: &str =
        r#"{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hello"}]}"#;
    renderer.example(PLAIN, Objective::Chat).err().map(|reason| template_fails(&reason))
}

/// Describes the missing examples, given the number of training and held-out ones.
fn missing(
    [train, held_out]: [u64; 2],
    objective: Objective,
    has_files: bool,
    problems: &Problems,
) -> Option<String> {
    let noun = objective.row();
    if train + held_out == 0 {
        let nothing = format!("the given data has no {noun} to learn from");
        return Some(match problems.list().first() {
            Some(problem) => {
                format!("{nothing}: {} {}; fix the file, or give another", problem.name, problem.reason)
            }
            None => nothing,
        });
    }
    if train == 0 && has_files {
        return Some(super::NOTHING_TRAINS.to_owned());
    }
    if train == 0 {
        return Some(format!("all {held_out} {noun}s are held out; give others with different content"));
    }
    (held_out == 0).then(|| {
        format!(
            "none of the {train} {noun}s is held out: give at least two, and held-out files with at least one"
        )
    })
}
