//! The first pass as it went, a line for each batch, so that a cleaning that was stopped or killed goes on where it was.
//!
//! A line says what became of the batch's documents, up to where the staged ones reach in their file, and which document of which input
//! comes next. Whoever goes on takes the lines in as if the documents had just been worked on, by the same code and in the same
//! order, so that the output is the same to the byte; then reads on. The first line says what the pass depends on: with another
//! recipe, program or input nothing is continued.

use super::lines::Output;
use super::work::{Outcome, Told};
use crate::error::{Error, Result};
use crate::files::{FileType, Files, Input};
use crate::read::{Source, Trouble};
use crate::recipe::Recipe;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// What the file is called, inside the output folder until the end.
pub(super) const JOURNAL_FILE: &str = ".journal.jsonl";

/// What a first pass depends on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    program: String,
    recipe: String,
    files: Vec<Seen>,
}

/// A file as it was when the pass began.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// As text: a name that is none is no reason to fail, and this is only compared.
    path: String,
    bytes: u64,
    /// When it was last changed, in nanoseconds since 1970.
    changed: u64,
}

/// A batch.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Step {
    /// The number of the input that is to be read next, and how many items of it were taken.
    pub next: (usize, u64),
    pub troubles: Vec<Trouble>,
    pub documents: Vec<(Told, Outcome)>,
    /// Bytes of staged documents after the batch.
    pub staged: u64,
}

impl Header {
    /// What the pass depends on; none where files do not say when they were changed, so that nothing can be continued.
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

    /// What a stopped pass in a folder is that this one may not take the place of unasked: by another recipe, or of other files. One of
    /// another version of the program, or of files that were changed, is of no use to anybody.
    pub(super) fn other_in(&self, files: &dyn Files, folder: &Path) -> Option<&'static str> {
        let mut line = Vec::new();
        let file = files.open(&folder.join(JOURNAL_FILE)).ok()?;
        BufReader::new(file).read_until(b'\n', &mut line).ok()?;
        let earlier: Self = serde_json::from_slice(&line).ok()?;
        if self.program != earlier.program {
            return None;
        }
        if self.recipe != earlier.recipe {
            return Some("by another recipe");
        }
        let own: BTreeSet<&str> = self.files.iter().map(|file| &*file.path).collect();
        let goes_in = |file: &Seen| own.contains(&*file.path);
        (!earlier.files.iter().all(goes_in)).then_some("of other files")
    }

    /// Why a pass by this header does not continue one by another.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.program != other.program {
            return Some("this is another version of the program");
        }
        if self.recipe != other.recipe {
            return Some("the recipe is another one");
        }
        (self.files != other.files).then_some("the files that go in are others or were changed")
    }
}

/// A new journal.
pub(super) fn begin(files: &dyn Files, folder: &Path, header: &Header) -> Result<Output> {
    let mut journal = Output::new(files, folder.join(JOURNAL_FILE))?;
    journal.line(header)?;
    journal.flush()?;
    Ok(journal)
}

/// One that goes on behind so many bytes.
pub(super) fn resume(files: &dyn Files, folder: &Path, length: u64) -> Result<Output> {
    Output::behind(files, folder.join(JOURNAL_FILE), length)
}

/// Reads a journal that an earlier pass left.
pub(super) struct Reader {
    lines: BufReader<Box<dyn Input>>,
    /// Bytes of the lines that were taken.
    pub length: u64,
    staging: Box<dyn Input>,
    staged: u64,
}

impl Reader {
    /// The journal in a folder; or why there is none to continue, empty where there was no earlier pass.
    pub(super) fn open(files: &dyn Files, folder: &Path, header: &Header) -> Result<Self, &'static str> {
        let path = folder.join(JOURNAL_FILE);
        let staging = folder.join(super::staging::STAGING_FILE);
        let (Ok(file), Ok(FileType::File(staged))) = (files.open(&path), files.file_type(&staging)) else {
            return Err("");
        };
        let unreadable = "what the earlier one left cannot be read";
        let staging = files.open(&staging).map_err(|_| unreadable)?;
        let mut reader = Self { lines: BufReader::new(file), length: 0, staging, staged };
        let earlier: Header = reader.line().ok_or(unreadable)?;
        match header.difference(&earlier) {
            Some(difference) => Err(difference),
            None => Ok(reader),
        }
    }

    /// The next whole line; what was cut off while it was written is left.
    fn line<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).ok().filter(|_| line.ends_with(b"\n"))?;
        let value = serde_json::from_slice(&line).ok()?;
        self.length += line.len() as u64;
        Some(value)
    }

    /// The next batch whose documents are whole in the staging file.
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
