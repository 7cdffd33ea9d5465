//! The cleaning pipeline, from files to a finished folder.
//!
//! There are two passes. The first reads documents in batches, processes each independently on all cores (`work`), and in
//! document order drops exact copies and stages the rest on disk; memory holds a few numbers per staged document. Then near
//! copies are decided and the validation split is made. The second pass writes the remaining documents, source
//! by source.
//!
//! Everything that depends on more than one document happens in document order, so the output is the same with any number of
//! cores. [`Cleaner::advance`] processes one batch at a time, so that a browser's worker can answer in between. If files
//! outlive the program, a `journal` records the outcome of each batch, so that a killed cleaning can resume.

mod batches;
mod ending;
mod explain;
mod folder;
mod journal;
mod lines;
mod recorders;
mod sources;
pub(crate) mod stages;
mod staging;
mod work;

pub use explain::{PreparedRecipe, compare, judge_sample};
pub use folder::{UNFINISHED, is_unfinished};
pub use glasshouse_protocol::cleaning::{CleaningProgress, CleaningStart, Phase};
pub use lines::Dropped;

use crate::duplicates::{Mark, exact, near};
use crate::output::{CORPUS_FILE, KEPT_FILE};
use crate::recipe::Recipe;
use crate::report::{Amount, CleaningReport, Input};
use batches::{Batch, Numbered};
use ending::Ending;
use folder::Folder;
use glasshouse_documents::document::Document;
use glasshouse_documents::files::Files;
use glasshouse_documents::read;
use glasshouse_documents::{Error, Result};
pub(crate) use lines::Output;
use rayon::prelude::*;
use recorders::Recorders;
use sources::Sources;
use stages::At;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use work::{DocumentLog, Outcome, Processed, Verdict, Worker};

/// Permanent memory in bytes per document that passes the rules, in addition to the current batch: its position on disk, the
/// hash for exact copies and the keys for near copies. Nothing else grows with the corpus, except evaluation sets if the recipe
/// uses them, whose memory is capped.
pub fn bytes_per_document(recipe: &Recipe) -> u64 {
    // Two flags (not dropped, held out), its number by source and its content key.
    let numbers = 2 * size_of::<bool>() + 2 * size_of::<u32>();
    staging::BYTES_PER_DOCUMENT as u64 + numbers as u64 + recipe.duplicates.bytes_per_document()
}

pub struct Cleaner<'a> {
    files: &'a dyn Files,
    /// Dropped before the folder, whose lock must go last.
    state: State<'a>,
    processor: Processor<'a>,
    total_bytes: u64,
    /// Number of first inputs that are files of earlier corpora.
    earlier: usize,
    start: CleaningStart,
}

/// Processes documents, and writes and counts the results.
struct Processor<'a> {
    worker: Worker,
    folder: Folder<'a>,
    recorders: Recorders,
}

impl Processor<'_> {
    fn gone(&mut self, at: At, dropped: &Dropped) -> Result<()> {
        self.recorders.dropped(at, dropped);
        self.folder.dropped(dropped)
    }

    fn drop_document(&mut self, at: At, reason: String, document: &Document) -> Result<()> {
        let dropped =
            self.worker.dropped(at, reason, document, Amount::from_text(&document.text), &document.text);
        self.gone(at, &dropped)
    }
}

enum State<'a> {
    Reading(Box<Reading<'a>>),
    Ending(Box<Ending>),
    /// Finished, or failed permanently.
    Over,
}

struct Reading<'a> {
    items: Box<dyn Iterator<Item = Numbered> + Send + 'a>,
    next: Option<Batch>,
    progress: Arc<AtomicU64>,
    staging: staging::StagingWriter,
    copies: Output,
    exact: exact::ExactIndex,
    near: near::Index,
    sources: Sources,
    /// Number of staged documents of earlier corpora, which are the first.
    earlier: u32,
    /// `None` if resuming is not possible.
    journal: Option<Output>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// Whether to start over even if a stopped cleaning of the same recipe and files could be resumed.
    pub restart: bool,
    /// Whether to replace another cleaning, finished or stopped, and to accept foreign files in the folder.
    pub force: bool,
}

impl<'a> Cleaner<'a> {
    /// Examines the inputs and opens the output folder. Resumes a stopped or killed cleaning of the same recipe and files; a
    /// finished one stays until this one is finished. Fails if the recipe breaks a rule or names a missing file, the inputs
    /// contain nothing to read, the folder contains something else, or another program cleans into it.
    pub fn new(
        files: &'a dyn Files,
        recipe: Recipe,
        inputs: &[PathBuf],
        out: &Path,
        start: StartOptions,
    ) -> Result<Self> {
        let worker = Worker::new(recipe, files)?;
        let recipe = &worker.recipe;
        let mut recorders = Recorders::new(recipe);
        if let Some(input) = inputs.iter().find(|input| input.starts_with(out)) {
            return Err(Error::bad_file(input, "is in the output folder; name another output folder"));
        }
        // The output of an earlier cleaning is not an input.
        let found = find(files, recipe, inputs, |source| !source.path.starts_with(out))?;
        recorders.troubles(&worker, &found.troubles);
        recorders.inputs = found.sources.iter().map(|source| input(&worker, source)).collect();
        let mut sources = earlier_corpora(files, recipe)?;
        let count = sources.len();
        sources.extend(found.sources);
        let header = journal::Header::new(files, recipe, &sources)?;
        let mut folder = Folder::claim(files, out)?;
        if !start.force {
            folder.check(recipe, &recorders.inputs, header.as_ref())?;
        }
        let earlier = match &header {
            Some(header) if !start.restart => journal::Reader::open(files, out, header),
            _ => Err(""),
        };
        let total_bytes = sources.iter().map(|source| source.size).sum();
        folder.open()?;
        let staging = match &earlier {
            Ok(_) => staging::StagingWriter::left(out),
            Err(_) => staging::StagingWriter::new(files, out)?,
        };
        let reading = Reading {
            items: Box::new(std::iter::empty()),
            next: None,
            progress: Arc::default(),
            staging,
            copies: staging::copies(files, out)?,
            exact: exact::ExactIndex::default(),
            near: near::Index::new(&recipe.duplicates.near)?,
            sources: Sources::new(&recipe.mixture),
            earlier: 0,
            journal: None,
        };
        let processor = Processor { worker, folder, recorders };
        let start = CleaningStart::New;
        let mut cleaner = Self { files, processor, total_bytes, earlier: count, start, state: State::Over };
        let reading = cleaner.begin(reading, earlier, header, sources, out)?;
        cleaner.state = State::Reading(Box::new(reading));
        Ok(cleaner)
    }

    /// Replays an earlier pass, and opens the inputs after it.
    fn begin(
        &mut self,
        mut reading: Reading<'a>,
        earlier: Result<journal::Reader, &'static str>,
        header: Option<journal::Header>,
        sources: Vec<read::Source>,
        out: &Path,
    ) -> Result<Reading<'a>> {
        let files = self.files;
        let (mut first, mut skipped) = (0, 0);
        match earlier {
            Ok(mut earlier) => {
                while let Some(step) = earlier.step() {
                    (first, skipped) = step.next;
                    self.processor.recorders.troubles(&self.processor.worker, &step.troubles);
                    for (mut log, outcome) in step.documents {
                        if let Outcome::Staged { mark, .. } = &outcome {
                            self.is_copy(&mut reading, mark)?;
                        }
                        self.take(&mut reading, &mut log, &outcome)?;
                    }
                }
                reading.staging.resume(files)?;
                reading.journal = Some(journal::resume(files, out, earlier.length)?);
                self.start = CleaningStart::Resumed { documents: self.processor.recorders.counts().0 };
            }
            Err(reason) => {
                let journal = header.map(|header| journal::begin(files, out, &header));
                reading.journal = journal.transpose()?;
                if !reason.is_empty() {
                    self.start = CleaningStart::StartedOver { reason: reason.to_owned() };
                }
            }
        }
        let before: u64 = sources.iter().take(first).map(|source| source.size).sum();
        reading.progress.store(before, Ordering::Relaxed);
        let (settings, progress) = (self.processor.worker.recipe.reading.clone(), reading.progress.clone());
        let (earlier, plain) = (self.earlier, read::Settings::default());
        let items = sources.into_iter().enumerate().skip(first).flat_map(move |(input, source)| {
            let taken = if input == first { skipped } else { 0 };
            let settings = if input < earlier { &plain } else { &settings };
            let items = (0..).zip(read::open(files, &source, settings, &progress));
            items.skip(taken as usize).map(move |(number, item)| (input, number, item))
        });
        reading.items = Box::new(items);
        Ok(reading)
    }

    /// How the cleaning starts: new, resumed or over again.
    pub fn start(&self) -> &CleaningStart {
        &self.start
    }

    /// Performs the next step. After [`Phase::Done`], [`finish`](Self::finish) returns the report. Fails if no document could be
    /// read, or the output cannot be written; an earlier cleaning in the folder is unchanged.
    pub fn advance(&mut self) -> Result<CleaningProgress> {
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
                if let Err(error) = self.processor.recorders.check_anything_read() {
                    // Resuming would skip what could not be read.
                    drop(reading);
                    self.processor.folder.clear_away()?;
                    return Err(error);
                }
                let ending = self.end_reading(*reading)?;
                let total = ending.staged();
                self.state = State::Ending(Box::new(ending));
                Ok(self.progress(Phase::Comparing, 0, total))
            }
            State::Ending(mut ending) => {
                let (phase, done, total) = ending.advance(&mut self.processor)?;
                if phase != Phase::Done {
                    self.state = State::Ending(ending);
                }
                Ok(self.progress(phase, done, total))
            }
            State::Over => Ok(self.progress(Phase::Done, 0, 0)),
        }
    }

    /// Writes the report and the index, which makes the folder a finished corpus.
    pub fn finish(self) -> Result<CleaningReport> {
        let Processor { worker, mut folder, recorders } = self.processor;
        let (report, index) = recorders.finish(&worker.recipe)?;
        folder.finish(&report, &worker.recipe, &index)?;
        Ok(report)
    }

    pub fn run(mut self) -> Result<CleaningReport> {
        while self.advance()?.phase != Phase::Done {}
        self.finish()
    }

    /// Stops before the end, so that a later cleaning can resume: returns the number of documents to resume after, or `None` if
    /// that is not possible. An earlier finished cleaning in the folder stays.
    pub fn stop(mut self) -> Result<Option<u64>> {
        let kept = matches!(&self.state, State::Reading(reading) if reading.journal.is_some())
            || matches!(&self.state, State::Ending(ending) if ending.kept);
        if kept {
            return Ok(Some(self.processor.recorders.counts().0));
        }
        drop(self.state);
        self.processor.folder.clear_away()?;
        Ok(None)
    }

    fn progress(&self, phase: Phase, done: u64, total: u64) -> CleaningProgress {
        let (documents, kept) = self.processor.recorders.counts();
        CleaningProgress { phase, done, total, documents, kept }
    }

    /// Processes a batch while the next one is read.
    fn read(&mut self, reading: &mut Reading<'a>, batch: Batch) -> Result<()> {
        let Batch { documents, troubles, end } = batch;
        let (worker, items, earlier) = (&self.processor.worker, &mut reading.items, self.earlier);
        let work = |(input, document)| {
            let mut processed = if input < earlier { worker.mark(document) } else { worker.work(document) }?;
            processed.log.input = input;
            Ok(processed)
        };
        let (processed, next) = rayon::join(
            || documents.into_par_iter().map(work).collect::<Result<Vec<_>>>(),
            || batches::next(&mut **items),
        );
        reading.next = next;
        self.processor.recorders.troubles(&self.processor.worker, &troubles);
        let mut step = journal::Step { next: end, troubles, ..journal::Step::default() };
        for Processed { mut log, verdict } in processed? {
            let outcome = self.decide(reading, verdict, log.input)?;
            self.take(reading, &mut log, &outcome)?;
            if reading.journal.is_some() {
                step.documents.push((log, outcome));
            }
        }
        self.note(reading, step)
    }

    /// Appends a batch to the journal, after its documents were staged.
    fn note(&self, reading: &mut Reading<'a>, mut step: journal::Step) -> Result<()> {
        let Some(journal) = &mut reading.journal else { return Ok(()) };
        step.staged = reading.staging.flush()?;
        journal.line(&step)?;
        journal.flush()
    }

    /// Decides about a document in document order, and stages it if it is kept.
    fn decide(&self, reading: &mut Reading<'a>, verdict: Verdict, input: usize) -> Result<Outcome> {
        Ok(match verdict {
            Verdict::Dropped(at, dropped) => Outcome::Dropped(at, dropped),
            Verdict::Passed { document, line, amount, mark } => match self.is_copy(reading, &mark)? {
                Some(first) if input >= self.earlier => {
                    // Its reason names the original, whose id is on disk: added once it can be read.
                    let worker = &self.processor.worker;
                    let reason = Worker::compared_by(&document).to_owned();
                    let dropped = worker.dropped(At::Exact, reason, &document, amount, &document.text);
                    Outcome::Copy(first, dropped)
                }
                _ => Outcome::Staged { length: reading.staging.write(&line)?, amount, mark },
            },
        })
    }

    /// The number of the staged document that this one is an exact copy of.
    fn is_copy(&self, reading: &mut Reading<'a>, mark: &Mark) -> Result<Option<u32>> {
        if !self.processor.worker.recipe.duplicates.exact.enabled {
            return Ok(None);
        }
        reading.exact.first(mark.fingerprint, reading.staging.len() as u32)
    }

    /// Counts a document and records its outcome, both for new documents and when resuming.
    fn take(&mut self, reading: &mut Reading<'a>, log: &mut DocumentLog, outcome: &Outcome) -> Result<()> {
        let is_earlier = log.input < self.earlier;
        if !is_earlier {
            log.input -= self.earlier;
            self.processor.recorders.log(&self.processor.worker, log);
            log.input += self.earlier;
        }
        match outcome {
            Outcome::Dropped(at, dropped) => self.processor.gone(*at, dropped),
            Outcome::Copy(first, dropped) => reading.copies.line(&(first, dropped)),
            Outcome::Staged { length, amount, mark } => {
                reading.near.push(mark.keys.as_ref())?;
                let source = match is_earlier {
                    true => reading.sources.number(sources::OTHERS, 0),
                    false => reading.sources.number(&log.about.source, amount.bytes),
                };
                if is_earlier {
                    reading.earlier += 1;
                }
                reading.staging.note(*length, source, log.content_key, *amount);
                Ok(())
            }
        }
    }

    fn end_reading(&mut self, mut reading: Reading<'a>) -> Result<Ending> {
        // A cleaning that resumes from here reads nothing.
        self.note(&mut reading, journal::Step { next: (usize::MAX, 0), ..journal::Step::default() })?;
        let Reading { staging, copies, near, sources, earlier, journal, .. } = reading;
        let (staging, copies) = (staging.finish(self.files)?, staging::ReadCopies::new(copies, self.files)?);
        Ok(Ending::new(staging, copies, near, sources, earlier, journal.is_some()))
    }
}

impl std::fmt::Debug for Cleaner<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cleaner")
            .field("recipe", &self.processor.worker.recipe.name)
            .finish_non_exhaustive()
    }
}

/// Finds the files to read, and keeps those that are `wanted`. Fails if there are no files, with the first reason; or a given path
/// does not exist, since explicitly named paths are required.
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
    let is_missing = |input: &&PathBuf| {
        files.file_type(input).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    if let Some(missing) = inputs.iter().find(is_missing) {
        return Err(Error::bad_file(missing, "does not exist; check the path, or leave it out"));
    }
    Ok(found)
}

/// The files of the recipe's earlier corpora.
fn earlier_corpora(files: &dyn Files, recipe: &Recipe) -> Result<Vec<read::Source>> {
    let mut sources = Vec::new();
    for path in &recipe.duplicates.against {
        let cleaned = files.file_type(&path.join(CORPUS_FILE)).is_ok();
        let path = if cleaned { path.join(KEPT_FILE) } else { path.clone() };
        let found = read::find(files, std::slice::from_ref(&path), &read::Settings::default());
        if let (Some(trouble), true) = (found.troubles.first(), found.sources.is_empty()) {
            return Err(Error::Refused(format!("duplicates.against: {}: {}", trouble.place, trouble.reason)));
        }
        sources.extend(found.sources);
    }
    Ok(sources)
}

fn input(worker: &Worker, source: &read::Source) -> Input {
    let path = worker.masked_name(&source.name).unwrap_or_else(|| source.name.clone());
    Input { path, format: format_name(&source.format), bytes: source.size, documents: 0 }
}

fn format_name(format: &read::Format) -> String {
    match serde_json::to_value(format) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "code".to_owned(),
    }
}

#[cfg(test)]
mod tests;
