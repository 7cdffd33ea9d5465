//! The journal of the first pass, one line per batch, from which a stopped or killed cleaning resumes.
//!
//! A line records the outcome of the batch's documents, the length of the staging file after it, and the next document to read.
//! Resuming replays the lines through the same code and in the same order as fresh documents, so that the output is the same
//! byte for byte, then reads on. The first line records the pass's dependencies: nothing is resumed with another recipe,
//! program version or input.

use super::lines::Output;
use super::work::{DocumentLog, Outcome};
use crate::recipe::Recipe;
use glasshouse_documents::files::{FileType, Files, Input};
use glasshouse_documents::read::{Source, Trouble};
use glasshouse_documents::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// File name in the output folder; removed at the end.
pub(super) const JOURNAL_FILE: &str = ".journal.jsonl";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    program: String,
    recipe: String,
    files: Vec<Seen>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// Lossy text, since it is only compared.
    path: String,
    bytes: u64,
    /// Modification time, in nanoseconds since 1970.
    changed: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Step {
    /// The next input, and the number of items already taken from it.
    pub next: (usize, u64),
    pub troubles: Vec<Trouble>,
    pub documents: Vec<(DocumentLog, Outcome)>,
    pub staged: u64,
}

impl Header {
    /// Collects the dependencies; `None` if modification times are unavailable, so that nothing can be resumed.
    pub(super) fn new(files: &dyn Files, recipe: &Recipe, sources: &[Source]) -> Result<Option<Self>> {
        let mut seen = Vec::new();
        let mut paths: Vec<PathBuf> = recipe.files();
        paths.extend(sources.iter().map(|source| source.path.clone()));
        // An archive has many sources.
        paths.dedup();
        while let Some(path) = paths.pop() {
            match files.file_type(&path) {
                Ok(FileType::File(bytes)) => match files.changed(&path) {
                    Some(changed) => {
                        seen.push(Seen { path: path.to_string_lossy().into_owned(), bytes, changed });
                    }
                    None => return Ok(None),
                },
                Ok(FileType::Folder) => paths.extend(files.entries(&path).map_err(Error::io(&path))?),
                _ => return Ok(None),
            }
        }
        seen.reverse();
        Ok(Some(Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            recipe: recipe.to_toml()?,
            files: seen,
        }))
    }

    /// Why a stopped pass in a folder must not be replaced without `force`: it has another recipe or other files. A pass by
    /// another version of the program, or of files that have changed since, is useless and may be replaced, and so may one
    /// that failed before its first batch was complete.
    pub(super) fn other_in(&self, files: &dyn Files, folder: &Path) -> Option<&'static str> {
        let mut reader = BufReader::new(files.open(&folder.join(JOURNAL_FILE)).ok()?);
        let (mut line, mut batch) = (Vec::new(), Vec::new());
        reader.read_until(b'\n', &mut line).ok()?;
        reader.read_until(b'\n', &mut batch).ok()?;
        let earlier: Self = serde_json::from_slice(&line).ok()?;
        if self.program != earlier.program || !batch.ends_with(b"\n") {
            return None;
        }
        if self.recipe != earlier.recipe {
            return Some("with another recipe");
        }
        let own: BTreeSet<&str> = self.files.iter().map(|file| &*file.path).collect();
        let goes_in = |file: &Seen| own.contains(&*file.path);
        (!earlier.files.iter().all(goes_in)).then_some("of other files")
    }

    /// Why a pass with this header cannot resume one with another.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.program != other.program {
            return Some("it is from another version of the program");
        }
        if self.recipe != other.recipe {
            return Some("the recipe is different");
        }
        (self.files != other.files).then_some("the input files are different or were changed")
    }
}

pub(super) fn begin(files: &dyn Files, folder: &Path, header: &Header) -> Result<Output> {
    let mut journal = Output::new(files, folder.join(JOURNAL_FILE))?;
    journal.line(header)?;
    journal.flush()?;
    Ok(journal)
}

/// Continues a journal after `length` bytes.
pub(super) fn resume(files: &dyn Files, folder: &Path, length: u64) -> Result<Output> {
    Output::behind(files, folder.join(JOURNAL_FILE), length)
}

pub(super) struct Reader {
    lines: BufReader<Box<dyn Input>>,
    pub length: u64,
    staging: Box<dyn Input>,
    staged: u64,
}

impl Reader {
    /// Opens the journal in a folder; or returns why it cannot be resumed, empty if there was no earlier pass.
    pub(super) fn open(files: &dyn Files, folder: &Path, header: &Header) -> Result<Self, &'static str> {
        let path = folder.join(JOURNAL_FILE);
        let staging = folder.join(super::staging::STAGING_FILE);
        let (Ok(file), Ok(FileType::File(staged))) = (files.open(&path), files.file_type(&staging)) else {
            return Err("");
        };
        let unreadable = "its files cannot be read";
        let staging = files.open(&staging).map_err(|_| unreadable)?;
        let mut reader = Self { lines: BufReader::new(file), length: 0, staging, staged };
        let earlier: Header = reader.line().ok_or(unreadable)?;
        match header.difference(&earlier) {
            Some(difference) => Err(difference),
            None => Ok(reader),
        }
    }

    /// The next complete line; a truncated one is ignored.
    fn line<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).ok().filter(|_| line.ends_with(b"\n"))?;
        let value = serde_json::from_slice(&line).ok()?;
        self.length += line.len() as u64;
        Some(value)
    }

    /// The next batch whose documents are completely in the staging file.
    pub(super) fn step(&mut self) -> Option<Step> {
        let before = self.length;
        let step: Step = self.line()?;
        let mut last = [b'\n'];
        let whole = step.staged <= self.staged
            && step.staged.checked_sub(1).is_none_or(|at| {
                let sought = self.staging.seek(SeekFrom::Start(at)).is_ok();
                sought && self.staging.read_exact(&mut last).is_ok() && last == [b'\n']
            });
        if !whole {
            self.length = before;
        }
        whole.then_some(step)
    }
}
