//! Previews a recipe on a few documents without writing anything: for the app's cards, and to explain why a document was
//! dropped. Both yield for each document read.

use super::stages::{At, Stages};
use super::work::{self, Worker};
use crate::recipe::Recipe;
use crate::report::diff;
use glasshouse_documents::document::Document;
use glasshouse_documents::extract;
use glasshouse_documents::files::Files;
use glasshouse_documents::read::{self, Item, Source};
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::cleaning::{
    ComparedDocument, JudgedDocument, MAX_JUDGED, SampleJudgement, SampleStage, Verdict, VerdictKind,
};
use rayon::prelude::*;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const COMPARED: usize = 200_000;

fn sources(files: &dyn Files, recipe: &Recipe, inputs: &[PathBuf]) -> Result<Vec<Source>> {
    Ok(super::find(files, recipe, inputs, |_| true)?.sources)
}

fn items(files: &dyn Files, recipe: &Recipe, source: &Source) -> Box<dyn Iterator<Item = Item> + Send> {
    read::open(files, source, &recipe.reading, &Arc::new(AtomicU64::new(0)))
}

/// A recipe made ready for previews: rules that learn have learned.
pub struct PreparedRecipe {
    worker: Worker,
}

impl PreparedRecipe {
    pub fn new(recipe: Recipe, files: &dyn Files) -> Result<Self> {
        Ok(Self { worker: Worker::with_off(recipe, true, files)? })
    }

    pub fn recipe(&self) -> &Recipe {
        &self.worker.recipe
    }
}

/// Judges the first documents of each source, at most `count` in total.
pub async fn judge_sample(
    files: &dyn Files,
    preview: &PreparedRecipe,
    inputs: &[PathBuf],
    count: usize,
    yield_now: &impl AsyncFn(),
) -> Result<SampleJudgement> {
    if count > MAX_JUDGED {
        return Err(Error::Invalid(format!(
            "a sample of {count} documents exceeds {MAX_JUDGED}: clean all of them instead"
        )));
    }
    let PreparedRecipe { worker } = preview;
    let recipe = &worker.recipe;
    let sources = sources(files, recipe, inputs)?;
    // Round robin, so that one large source does not fill the sample.
    let mut open: VecDeque<_> =
        sources.iter().take(count).map(|source| items(files, recipe, source)).collect();
    let mut sample = Vec::new();
    while sample.len() < count
        && let Some(mut items) = open.pop_front()
    {
        yield_now().await;
        match items.next() {
            Some(Ok(document)) => {
                sample.push(document);
                open.push_back(items);
            }
            // An unreadable record does not count as a turn.
            Some(Err(_)) => open.push_front(items),
            None => {}
        }
    }
    let stages = Stages::new(recipe);
    let mut tally: Vec<SampleStage> =
        stages.names().into_iter().map(|name| SampleStage { name, ..SampleStage::default() }).collect();
    // The document; the stages that edited and that dropped it; and the rules that would drop it on their own.
    let judge = |document: Document| -> Result<_> {
        let alone = alone(worker, &document);
        let processed = worker.work(document)?;
        let edits: Vec<At> = processed.log.edits.iter().map(|edit| edit.at).collect();
        let (dropped, at, excerpt) = match processed.verdict {
            work::Verdict::Dropped(at, line) => (Some((line.rule, line.reason)), Some(at), line.excerpt),
            work::Verdict::Passed { document, .. } => (None, None, worker.excerpt(&document.text)),
        };
        let Document { id, source, .. } = processed.log.about;
        Ok((JudgedDocument { id, source, dropped, excerpt }, edits, at, alone))
    };
    let (mut judged, threads) = (Vec::new(), rayon::current_num_threads());
    while !sample.is_empty() {
        yield_now().await;
        let several: Vec<_> = sample.drain(..sample.len().min(threads)).collect();
        judged.extend(several.into_par_iter().map(judge).collect::<Result<Vec<_>>>()?);
    }
    let mut result = SampleJudgement { documents: judged.len(), ..SampleJudgement::default() };
    for (document, edits, at, alone) in judged {
        let mut count = |at: At, what: fn(&mut SampleStage)| {
            if let Some(stage) = tally.get_mut(stages.place(at)) {
                what(stage);
            }
        };
        edits.into_iter().for_each(|at| count(at, |stage| stage.edited += 1));
        for (number, _) in alone.into_iter().enumerate().filter(|(_, drops)| *drops) {
            count(At::Rule(number), |stage| stage.alone += 1);
        }
        at.into_iter().for_each(|at| count(at, |stage| stage.dropped += 1));
        result.kept += usize::from(document.dropped.is_none());
        result.judged.push(document);
    }
    result.stages = tally;
    Ok(result)
}

/// For each rule of the recipe, on or off, whether it would drop a document on its own.
fn alone(worker: &Worker, document: &Document) -> Vec<bool> {
    let mut document = document.clone();
    if extract::prepare(&mut document, &worker.recipe.extract, &worker.recipe.repair, worker.readers).is_err()
    {
        return Vec::new();
    }
    worker.judge.judge_each(&document).iter().map(Result::is_err).collect()
}

/// Compares a document as read and extracted with the recipe's result, and lists every rule's verdict. Personal data is masked
/// in both texts.
pub async fn compare(
    files: &dyn Files,
    preview: &PreparedRecipe,
    inputs: &[PathBuf],
    id: &str,
    yield_now: &impl AsyncFn(),
) -> Result<ComparedDocument> {
    let PreparedRecipe { worker } = preview;
    let recipe = &worker.recipe;
    let document = named(files, recipe, inputs, id, yield_now).await?;
    let mut before = document.clone();
    let mut verdicts = Vec::new();
    if let Err(reason) = extract::prepare(&mut before, &recipe.extract, &recipe.repair, worker.readers) {
        verdicts.push(Verdict {
            stage: At::Extraction.name(recipe).to_owned(),
            verdict: VerdictKind::Drops,
            reason,
            on: true,
        });
    } else {
        for (rule, outcome) in recipe.rules.iter().zip(worker.judge.judge_each(&before)) {
            let (verdict, reason) = match outcome {
                Ok(false) => (VerdictKind::Keeps, String::new()),
                Ok(true) => (VerdictKind::Edits, String::new()),
                Err(reason) => (VerdictKind::Drops, worker.detector.mask(&reason.to_string())),
            };
            verdicts.push(Verdict { stage: rule.name().to_owned(), verdict, reason, on: recipe.is_on(rule) });
        }
    }
    let after = match worker.work(document)?.verdict {
        work::Verdict::Passed { document, .. } => document.text,
        work::Verdict::Dropped(..) => String::new(),
    };
    let (before, cut) = beginning(&before.text);
    let (after, cut_after) = beginning(&after);
    let before = worker.detector.mask(before);
    let changes = diff::words(&before, after);
    Ok(ComparedDocument { id: id.to_owned(), changes, verdicts, cut: cut || cut_after })
}

async fn named(
    files: &dyn Files,
    recipe: &Recipe,
    inputs: &[PathBuf],
    id: &str,
    yield_now: &impl AsyncFn(),
) -> Result<Document> {
    let mut sources = sources(files, recipe, inputs)?;
    // Starts with the source named in the id; records may have their own ids, so the others follow.
    glasshouse_protocol::order::sort_by_key(&mut sources, |Source { name, .. }| {
        id != name && !id.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('#'))
    });
    for source in &sources {
        for item in items(files, recipe, source) {
            yield_now().await;
            if let Ok(document) = item
                && document.id == id
            {
                return Ok(document);
            }
        }
    }
    Err(Error::Refused(format!(
        "there is no document {id:?} in the input; kept.jsonl and dropped.jsonl of a cleaning have the ids"
    )))
}

/// The compared part of a text, and whether it was truncated.
fn beginning(text: &str) -> (&str, bool) {
    let end = text.floor_char_boundary(COMPARED);
    (text.get(..end).unwrap_or(text), end < text.len())
}
