//! A cleaning from files to a finished folder.
//!
//! Two passes. The first reads documents in batches, works on each by itself on all cores (`work`), and in the documents' order
//! drops exact copies and stages the rest on disk; of each staged document memory keeps a few numbers. Then near copies are
//! decided, caps drawn by lot and documents held out. The second pass writes what is left, source by source.
//!
//! Everything that depends on more than one document happens in the documents' order, so the output is the same on any number
//! of cores. [`Cleaner::advance`] does one batch at a time: a browser's worker answers in between.

mod batches;
pub(crate) mod described;
mod ending;
mod explain;
mod folder;
mod lines;
mod recorders;
mod stages;
mod staging;
mod work;

pub use explain::{compare, judge_sample};
pub use lines::Dropped;
pub use stages::names as stage_names;

use crate::duplicates::{exact, near};
use crate::error::{Error, Result};
use crate::files::Files;
use crate::read::{self, Item};
use crate::recipe::Recipe;
use crate::report::{Input, Report};
use batches::Batch;
use ending::Ending;
use folder::Folder;
use rayon::prelude::*;
use recorders::Recorders;
use stages::At;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use work::{Fate, Worked, Worker};

/// Bytes of memory that stay for each document that passes the rules, beside the batch at hand: its place on disk, the hash
/// that finds exact copies and the keys that find near ones. Nothing else grows with the corpus, but for paragraphs and
/// evaluation sets where the recipe asks for them, whose memory is capped.
pub fn bytes_per_document(recipe: &Recipe) -> u64 {
    // Whether it is left and whether it is held out, and its number by source and by lot.
    let numbers = 2 * size_of::<bool>() + 2 * size_of::<u32>();
    staging::BYTES_A_DOCUMENT as u64 + numbers as u64 + recipe.duplicates.bytes_per_document()
}

/// How far a cleaning is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Done so far: bytes of the files while reading, else documents.
    pub done: u64,
    /// In all.
    pub total: u64,
    /// Documents read so far.
    pub documents: u64,
    /// Documents kept so far.
    pub kept: u64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// First pass.
    Reading,
    /// Near copies are decided.
    Comparing,
    /// Texts are held against those that were kept.
    Judging,
    /// Second pass.
    Writing,
    /// The folder is finished.
    Done,
}

impl Phase {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Comparing => "comparing",
            Self::Judging => "judging",
            Self::Writing => "writing",
            Self::Done => "done",
        }
    }
}

/// A cleaning under way.
pub struct Cleaner<'a> {
    files: &'a dyn Files,
    worker: Worker,
    folder: Folder<'a>,
    recorders: Recorders,
    total_bytes: u64,
    state: State<'a>,
}

/// Where a cleaning stands.
enum State<'a> {
    Reading(Box<Reading<'a>>),
    Ending(Box<Ending>),
    /// Finished, or failed for good.
    Over,
}

/// The first pass.
struct Reading<'a> {
    items: Box<dyn Iterator<Item = Item> + Send + 'a>,
    next: Option<Batch>,
    progress: Arc<AtomicU64>,
    inputs: Vec<(Input, Arc<AtomicU64>)>,
    staging: staging::Writer,
    copies: staging::Copies,
    exact: exact::Index,
    near: near::Index,
    sources: Sources,
}

/// Names of sources, numbered as they appear.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    names: Vec<String>,
    numbers: rustc_hash::FxHashMap<String, u32>,
}

impl Sources {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

impl<'a> Cleaner<'a> {
    /// Looks at the inputs and opens the output folder, which is new, empty, or holds an earlier cleaning.
    ///
    /// # Errors
    /// A recipe that breaks a rule or names a missing file; inputs that hold nothing to read; a folder that holds other files.
    pub fn new(files: &'a dyn Files, recipe: Recipe, inputs: &[PathBuf], out: &Path) -> Result<Self> {
        Folder::check(files, out)?;
        let worker = Worker::new(recipe, files)?;
        let recipe = &worker.recipe;
        let mut recorders = Recorders::new(recipe, files)?;
        // What an earlier cleaning wrote is no input of the next.
        let found = find(files, recipe, inputs, |source| !source.path.starts_with(out))?;
        for trouble in &found.troubles {
            recorders.trouble(trouble);
        }
        let sources = found.sources;
        let folder = Folder::open(files, out)?;
        let progress = Arc::new(AtomicU64::new(0));
        let total_bytes = sources.iter().map(|source| source.size).sum();
        let (mut inputs, mut opened) = (Vec::new(), Vec::new());
        for source in sources {
            let count = Arc::new(AtomicU64::new(0));
            let input = Input {
                path: source.name.clone(),
                format: format_name(&source.format),
                bytes: source.size,
                documents: 0,
            };
            inputs.push((input, count.clone()));
            opened.push((source, count));
        }
        let (settings, read) = (recipe.reading.clone(), progress.clone());
        let items = opened.into_iter().flat_map(move |(source, count)| {
            read::open(files, &source, &settings, &read).inspect(move |item| {
                if item.is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let reading = Reading {
            items: Box::new(items),
            next: None,
            progress,
            inputs,
            staging: staging::Writer::new(files, out)?,
            copies: staging::Copies::new(files, out)?,
            exact: exact::Index::default(),
            near: near::Index::new(&recipe.duplicates.near)?,
            sources: Sources::default(),
        };
        Ok(Self { files, worker, folder, recorders, total_bytes, state: State::Reading(Box::new(reading)) })
    }

    /// Does the next piece of work. After [`Phase::Done`], [`finish`](Self::finish) gives the report.
    ///
    /// # Errors
    /// The output cannot be written; what an earlier cleaning left in the folder is as it was.
    pub fn advance(&mut self) -> Result<Progress> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading(mut reading) => {
                if reading.next.is_none() {
                    reading.next = batches::next(&mut *reading.items);
                }
                if let Some(batch) = reading.next.take() {
                    self.read(&mut reading, batch)?;
                    let done = reading.progress.load(Ordering::Relaxed).min(self.total_bytes);
                    self.state = State::Reading(reading);
                    return Ok(self.progress(Phase::Reading, done, self.total_bytes));
                }
                let ending = self.end_reading(*reading)?;
                let total = ending.staged();
                self.state = State::Ending(Box::new(ending));
                Ok(self.progress(Phase::Comparing, 0, total))
            }
            State::Ending(mut ending) => {
                let (phase, done, total) =
                    ending.advance(&self.worker, &mut self.folder, &mut self.recorders)?;
                if phase != Phase::Done {
                    self.state = State::Ending(ending);
                    return Ok(self.progress(phase, done, total));
                }
                ending.clear_away(self.files)?;
                Ok(self.progress(phase, done, total))
            }
            State::Over => Ok(self.progress(Phase::Done, 0, 0)),
        }
    }

    /// Writes the report and the index, which makes the folder a finished corpus.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> Result<Report> {
        let (report, index) = self.recorders.finish(&self.worker.recipe)?;
        self.folder.finish(&report, &self.worker.recipe, &index)?;
        Ok(report)
    }

    /// Everything at once; `tell` hears how far it is, and stops it by returning `false`.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`advance`](Self::advance); [`Error::Refused`] where it was stopped.
    pub fn run(mut self, tell: &mut dyn FnMut(Progress) -> bool) -> Result<Report> {
        loop {
            let progress = self.advance()?;
            if !tell(progress) {
                self.clear_away()?;
                return Err(Error::Refused("the cleaning was stopped; nothing was changed".to_owned()));
            }
            if progress.phase == Phase::Done {
                return self.finish();
            }
        }
    }

    /// Removes what an unfinished cleaning left; an earlier cleaning in the folder stays.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear_away(self) -> Result<()> {
        drop(self.state);
        self.folder.clear_away()
    }

    fn progress(&self, phase: Phase, done: u64, total: u64) -> Progress {
        let (documents, kept) = self.recorders.counts();
        Progress { phase, done, total, documents, kept }
    }

    /// Works on a batch while the next one is read.
    fn read(&mut self, reading: &mut Reading<'a>, batch: Batch) -> Result<()> {
        let Batch { documents, troubles } = batch;
        let (worker, items) = (&self.worker, &mut reading.items);
        let (worked, next) = rayon::join(
            || documents.into_par_iter().map(|document| worker.work(document)).collect::<Result<Vec<_>>>(),
            || batches::next(&mut **items),
        );
        reading.next = next;
        for trouble in &troubles {
            self.recorders.trouble(trouble);
        }
        for worked in worked? {
            self.take(reading, worked)?;
        }
        Ok(())
    }

    /// Takes a document in its turn.
    fn take(&mut self, reading: &mut Reading<'a>, worked: Worked) -> Result<()> {
        self.recorders.worked(&self.worker, &worked);
        match worked.fate {
            Fate::Dropped { at, reason, amount, excerpt } => {
                let dropped = Dropped {
                    id: worked.id,
                    source: worked.source,
                    rule: self.recorders.stages.name(at),
                    reason,
                    words: amount.words,
                    bytes: amount.bytes,
                    excerpt,
                };
                gone(at, &mut self.recorders, &mut self.folder, &dropped)
            }
            Fate::Passed { document, line, amount, mark } => {
                let number = reading.staging.len() as u32;
                let exact = self.worker.recipe.duplicates.exact.enabled;
                let first = if exact { reading.exact.first(mark.fingerprint, number)? } else { None };
                if let Some(first) = first {
                    // Its reason names the first one, whose id is on disk: told when that can be read.
                    return reading.copies.append(
                        first,
                        &Dropped {
                            excerpt: self.worker.excerpt(&document.text),
                            id: worked.id,
                            source: worked.source,
                            rule: stage_names::EXACT.to_owned(),
                            reason: String::new(),
                            words: amount.words,
                            bytes: amount.bytes,
                        },
                    );
                }
                reading.near.push(mark.keys.as_ref())?;
                let source = reading.sources.number(&worked.source);
                reading.staging.append(&line, source, staging::lot(&worked.id), amount)
            }
        }
    }

    fn end_reading(&mut self, reading: Reading<'a>) -> Result<Ending> {
        let Reading { inputs, staging, copies, near, sources, .. } = reading;
        let count = |(input, count): (Input, Arc<AtomicU64>)| Input {
            documents: count.load(Ordering::Relaxed),
            ..input
        };
        self.recorders.inputs = inputs.into_iter().map(count).collect();
        Ok(Ending::new(staging.finish(self.files)?, copies.finish(self.files)?, near, sources))
    }
}

impl std::fmt::Debug for Cleaner<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cleaner").field("recipe", &self.worker.recipe.name).finish_non_exhaustive()
    }
}

/// The files that are read, those among them that are `wanted`.
///
/// # Errors
/// There is none; the first reason is told.
fn find(
    files: &dyn Files,
    recipe: &Recipe,
    inputs: &[PathBuf],
    wanted: impl Fn(&read::Source) -> bool,
) -> Result<read::Found> {
    let mut found = read::find(files, inputs, &recipe.reading);
    found.sources.retain(wanted);
    if found.sources.is_empty() {
        let why = found.troubles.first().map(|trouble| format!(": {}: {}", trouble.place, trouble.reason));
        return Err(Error::Refused(format!("there is nothing to read{}", why.unwrap_or_default())));
    }
    Ok(found)
}

/// A document goes: counted, and written where dropped ones are.
fn gone(at: At, recorders: &mut Recorders, folder: &mut Folder<'_>, dropped: &Dropped) -> Result<()> {
    recorders.dropped(at, dropped);
    folder.dropped(dropped)
}

/// What a format is called in the account.
fn format_name(format: &read::Format) -> String {
    match serde_json::to_value(format) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "code".to_owned(),
    }
}

#[cfg(test)]
mod tests;
