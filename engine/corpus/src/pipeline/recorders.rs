//! All counts of a running cleaning.

use super::Dropped;
use super::stages::{At, Stages};
use super::work::{DocumentLog, Worker};
use crate::balance::{self, Tally};
use crate::output::{CorpusIndex, SourceIndex};
use crate::recipe::Recipe;
use crate::report::{
    Amount, CleaningReport, DuplicateRecorder, Input, PersonalRecorder, RecipeText, SampleRecorder,
    TroubleKind, TroubleRecorder,
};
use glasshouse_documents::document::Document;
use glasshouse_documents::read::Trouble;
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::quantity::counted;

const LICENCES: usize = 64;

#[derive(Debug)]
pub(super) struct Recorders {
    pub stages: Stages,
    pub inputs: Vec<Input>,
    pub exact: DuplicateRecorder,
    pub near: DuplicateRecorder,
    raw: Amount,
    kept: Amount,
    held_out: Amount,
    personal: PersonalRecorder,
    samples: SampleRecorder,
    troubles: TroubleRecorder,
    before: Tally,
    after: Tally,
    index: CorpusIndex,
}

impl Recorders {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let duplicates = &recipe.duplicates;
        Self {
            stages: Stages::new(recipe),
            inputs: Vec::new(),
            exact: DuplicateRecorder::new(
                At::Exact.about(recipe),
                "a hash of the words, without case, punctuation and white space; of source code, of its bytes",
                Some(crate::duplicates::exact::BYTES_PER_DOCUMENT),
            ),
            near: DuplicateRecorder::new(
                At::Near.about(recipe),
                &format!(
                    "MinHash of {} permutations in {} bands of {}, verified by true Jaccard similarity of at least {}",
                    duplicates.near.permutations,
                    duplicates.near.bands,
                    duplicates.near.rows,
                    duplicates.near.similarity
                ),
                Some(duplicates.near.bytes_per_document()),
            ),
            raw: Amount::default(),
            kept: Amount::default(),
            held_out: Amount::default(),
            personal: PersonalRecorder::default(),
            samples: SampleRecorder::default(),
            troubles: TroubleRecorder::default(),
            before: Tally::default(),
            after: Tally::default(),
            index: CorpusIndex::new(&recipe.name, recipe.validation),
        }
    }

    pub(super) fn counts(&self) -> (u64, u64) {
        (self.raw.documents, self.kept.documents)
    }

    pub(super) fn check_anything_read(&self) -> Result<()> {
        if self.raw.documents > 0 {
            return Ok(());
        }
        let count = counted(self.inputs.len() as u64, "file");
        let why = match self.troubles.most_frequent() {
            Some(TroubleKind { count: 1, first }) => format!(": {} {}", first.place, first.reason),
            Some(TroubleKind { count, first }) => {
                format!(": {} {} ({} more of this kind)", first.place, first.reason, count - 1)
            }
            None => ": the files contain no text".to_owned(),
        };
        Err(Error::Refused(format!("no document was read from {count}{why}")))
    }

    pub(super) fn troubles(&mut self, worker: &Worker, troubles: &[Trouble]) {
        for Trouble { place, reason } in troubles {
            // Other names are needed to find the file.
            let masked = worker.masked_name(place).filter(|_| place.contains('@'));
            self.troubles.add(masked.as_ref().unwrap_or(place), reason);
        }
    }

    /// Counts a document of the first pass: what was read, repaired, edited and found in it. Frees texts that are not shown.
    pub(super) fn log(&mut self, worker: &Worker, log: &mut DocumentLog) {
        let DocumentLog { input, about, raw, counters, edits, found, samples, .. } = log;
        if let Some(input) = self.inputs.get_mut(*input) {
            input.documents += 1;
        }
        self.raw.add(*raw);
        self.before.add(about, *raw);
        for (at, name, count) in counters {
            self.count(*at, name, *count);
        }
        for edit in edits {
            let Some(recorder) = self.stages.at(edit.at) else { continue };
            let texts = edit.texts.take().unwrap_or_default();
            let shown = recorder.edit(&about.id, &about.source, edit.before, edit.after, || {
                (worker.detector.mask(&texts.0), worker.detector.mask(&texts.1))
            });
            edit.texts = shown.then_some(texts);
        }
        for (class, times) in found {
            let sample = samples.iter().find(|sample| sample.class == *class);
            self.personal.find(class.name(), worker.treatment(*class), &about.id, *times, || {
                sample.map(|sample| sample.excerpt.clone()).unwrap_or_default()
            });
        }
    }

    pub(super) fn dropped(&mut self, at: At, dropped: &Dropped) {
        let amount = Amount { documents: 1, bytes: dropped.bytes, words: dropped.words };
        if let Some(recorder) = self.stages.at(at) {
            recorder.drop(&dropped.id, &dropped.source, amount, &dropped.reason, || dropped.excerpt.clone());
        }
    }

    pub(super) fn count(&mut self, at: At, name: &str, times: u64) {
        if let Some(recorder) = self.stages.at(at) {
            recorder.count(name, times);
        }
    }

    /// Counts a kept document under this source; documents come source by source.
    pub(super) fn kept(&mut self, worker: &Worker, document: &Document, source: &str, is_held_out: bool) {
        let amount = Amount::from_text(&document.text);
        self.kept.add(amount);
        if is_held_out {
            self.held_out.add(amount);
        }
        self.after.add(document, amount);
        self.samples.keep(&document.id, &document.source, amount, || worker.excerpt(&document.text));
        self.index.documents += 1;
        self.index.bytes += amount.bytes;
        if self.index.sources.last().is_none_or(|last| last.name != source) {
            self.index.sources.push(SourceIndex { name: source.to_owned(), ..SourceIndex::default() });
        }
        if let Some(source) = self.index.sources.last_mut() {
            source.documents += 1;
            source.bytes += amount.bytes;
            if let Some(licence) =
                document.licence.as_ref().filter(|licence| !source.licences.contains(licence))
                && source.licences.len() < LICENCES
            {
                source.licences.push(licence.clone());
            }
        }
    }

    pub(super) fn finish(mut self, recipe: &Recipe) -> Result<(CleaningReport, CorpusIndex)> {
        let sizes: Vec<(&str, u64)> =
            self.index.sources.iter().map(|source| (source.name.as_str(), source.bytes)).collect();
        self.index.mixture = recipe.mixture.shares(&sizes)?;
        for remark in recipe.mixture.remarks(&sizes) {
            self.troubles.add("mixture", &remark);
        }
        let mut tables = balance::tables(&self.before, &self.after);
        tables.extend(recipe.mixture.table(&sizes)?);
        let report = CleaningReport {
            recipe: RecipeText { name: recipe.name.clone(), toml: recipe.to_toml()? },
            inputs: self.inputs,
            raw: self.raw,
            kept: self.kept,
            held_out: self.held_out,
            stages: self.stages.finish(self.raw),
            personal: self.personal.finish(),
            duplicates: vec![self.exact.finish(), self.near.finish()],
            tables,
            samples: self.samples.finish(),
            troubles: self.troubles.finish(),
            ..CleaningReport::default()
        };
        Ok((report, self.index))
    }
}
