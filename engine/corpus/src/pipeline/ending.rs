//! The end of a cleaning: duplicates, the validation split, and the second pass, which writes.

mod copies;

use super::stages::At;
use super::staging::{ReadCopies, StagedDocument, Staging};
use super::work::Worker;
use super::{Phase, Processor, Sources, lines};
use crate::duplicates::{contamination, near};
use crate::rules::OwnReference;
use glasshouse_documents::Result;
use glasshouse_documents::document::{Document, Kind};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// Documents, and bytes of their lines, read again at a time.
const BATCH: usize = 1024;
const BATCH_BYTES: u64 = 8 << 20;
/// Maximum bytes of the documents from which the corpus learns its spelling.
const LEARNED_BYTES: u64 = 32 << 20;
/// Training documents sampled for n-grams that many of them share.
const SAMPLE: usize = 20_000;

/// The end of the batch that begins at `at` of these documents.
fn batch_end(entries: &[StagedDocument], numbers: &[u32], at: usize) -> usize {
    let size = |number: &u32| entries.get(*number as usize).map_or(0, |entry| entry.length);
    at + batch(numbers.iter().skip(at).map(size))
}

fn batch(sizes: impl Iterator<Item = u32>) -> usize {
    let mut sum = 0;
    let before = |size: &u32| {
        let fits = sum < BATCH_BYTES;
        sum += u64::from(*size);
        fits
    };
    sizes.take(BATCH).take_while(before).count()
}

fn mark(documents: &mut [bool], number: u32, value: bool) {
    if let Some(own) = documents.get_mut(number as usize) {
        *own = value;
    }
}

pub(super) struct Ending {
    staging: Staging,
    copies: ReadCopies,
    near: near::Index,
    sources: Vec<String>,
    /// Number of first documents that are of earlier corpora: compared with, but never written.
    earlier: u32,
    /// Whether a later cleaning can resume from here.
    pub(super) kept: bool,
    /// Staged documents that were not dropped since.
    alive: Vec<bool>,
    /// The corpus as the reference of a rule.
    reference: Option<OwnReference>,
    step: EndingStep,
}

enum EndingStep {
    ExactCopies,
    NearCopies(Box<near::Comparison>),
    Learn,
    Divide,
    Write(Box<Writing>),
}

struct Writing {
    /// Documents by source, in order within each.
    order: Vec<u32>,
    at: usize,
    /// Held-out documents; empty if they are too few, or too unequal in size, to hold out whole ones.
    held_out: Vec<bool>,
    /// Held-out documents for the overlap check of training documents.
    overlap: Option<contamination::Set>,
}

impl Ending {
    pub(super) fn new(
        mut staging: Staging,
        copies: ReadCopies,
        near: near::Index,
        sources: Sources,
        earlier: u32,
        kept: bool,
    ) -> Self {
        let alive = (0..staging.entries().len()).map(|number| number >= earlier as usize).collect();
        let (sources, places) = sources.finish();
        staging.renumber(&places);
        Self {
            staging,
            copies,
            near,
            sources,
            earlier,
            kept,
            alive,
            reference: None,
            step: EndingStep::ExactCopies,
        }
    }

    pub(super) fn staged(&self) -> u64 {
        self.alive.len() as u64
    }

    /// Performs the next step; returns its phase, progress and total.
    pub(super) fn advance(&mut self, processor: &mut Processor<'_>) -> Result<(Phase, u64, u64)> {
        let staged = self.staged();
        match std::mem::replace(&mut self.step, EndingStep::Divide) {
            EndingStep::ExactCopies => {
                self.exact_copies(processor)?;
                self.step = match processor.worker.recipe.duplicates.near.enabled {
                    true => EndingStep::NearCopies(Box::new(near::Comparison::new(&self.near))),
                    false => Self::after_copies(processor),
                };
                Ok((Phase::Comparing, 0, staged))
            }
            EndingStep::NearCopies(mut comparison) => {
                let done = match self.compare(&mut comparison)? {
                    Some(decision) => {
                        self.near_copies(decision, processor)?;
                        self.step = Self::after_copies(processor);
                        staged
                    }
                    None => {
                        let share = comparison.share(&self.near);
                        self.step = EndingStep::NearCopies(comparison);
                        (share * staged as f64) as u64
                    }
                };
                Ok((Phase::Comparing, done, staged))
            }
            EndingStep::Learn => {
                self.reference = self.learn(&processor.worker)?;
                Ok((Phase::Judging, staged, staged))
            }
            EndingStep::Divide => {
                let writing = self.divide(&processor.worker)?;
                if let Some(full) = writing.overlap.as_ref().filter(|set| set.is_full()) {
                    processor.recorders.count(At::HeldOut, "held_out_documents_not_compared", full.left_out);
                }
                let total = writing.order.len() as u64;
                self.step = EndingStep::Write(Box::new(writing));
                Ok((Phase::Writing, 0, total))
            }
            EndingStep::Write(mut writing) => {
                let total = writing.order.len();
                let end = batch_end(self.staging.entries(), &writing.order, writing.at);
                if writing.at == end {
                    return Ok((Phase::Done, total as u64, total as u64));
                }
                let numbers = writing.order.get(writing.at..end).unwrap_or_default().to_vec();
                self.write(&mut writing, &numbers, processor)?;
                writing.at = end;
                self.step = EndingStep::Write(writing);
                Ok((Phase::Writing, end as u64, total as u64))
            }
        }
    }

    fn after_copies(processor: &Processor<'_>) -> EndingStep {
        match processor.worker.by_corpus() {
            Some(_) => EndingStep::Learn,
            None => EndingStep::Divide,
        }
    }

    /// Learns the corpus's spelling from an even sample of the documents that were not dropped.
    fn learn(&mut self, worker: &Worker) -> Result<Option<OwnReference>> {
        let Some((_, rule)) = worker.by_corpus() else { return Ok(None) };
        let entries = self.staging.entries();
        let alive: Vec<u32> = (0..entries.len() as u32).filter(|number| self.is_alive(*number)).collect();
        let bytes = |number: &u32| entries.get(*number as usize).map_or(0, |entry| u64::from(entry.bytes));
        let all: u64 = alive.iter().map(bytes).sum();
        let step = usize::try_from(all.div_ceil(LEARNED_BYTES)).unwrap_or(usize::MAX).max(1);
        let sample: Vec<u32> = alive.iter().step_by(step).copied().collect();
        let (mut texts, mut at) = (Vec::with_capacity(sample.len()), 0);
        while at < sample.len() {
            let end = batch_end(self.staging.entries(), &sample, at);
            let documents = self.staging.documents(sample.get(at..end).unwrap_or_default())?;
            texts.extend(documents.into_iter().map(|document| document.text));
            at = end;
        }
        Ok(rule.learn(&texts, alive.len(), all))
    }

    fn is_alive(&self, number: u32) -> bool {
        self.alive.get(number as usize) == Some(&true)
    }

    /// Orders the remaining documents by source and draws the validation split.
    fn divide(&mut self, worker: &Worker) -> Result<Writing> {
        let entries = self.staging.entries();
        let mut order: Vec<u32> = (0..entries.len() as u32).filter(|number| self.is_alive(*number)).collect();
        let source = |number: u32| entries.get(number as usize).map_or(0, |entry| entry.source);
        let content_key = |number: u32| entries.get(number as usize).map_or(0, |entry| entry.content_key);
        let bytes = |number: u32| entries.get(number as usize).map_or(0, |entry| u64::from(entry.bytes));
        order.sort_by_key(|number| (source(*number), *number));
        let mut held_out = vec![false; entries.len()];
        let mut hold = |number: u32| mark(&mut held_out, number, true);
        let mut by_draw = order.clone();
        by_draw.sort_by_key(|number| (source(*number), content_key(*number), *number));
        let share = |documents: usize| (documents as f64 * worker.recipe.validation).round() as usize;
        // Sources with too few documents for one to be held out are pooled.
        let mut few: Vec<u32> = Vec::new();
        for own in by_draw.chunk_by(|one, other| source(*one) == source(*other)) {
            match share(own.len()) {
                0 => few.extend(own),
                // Every other source keeps at least one training document.
                count => own.iter().take(count.min(own.len() - 1)).for_each(|number| hold(*number)),
            }
        }
        few.sort_by_key(|number| (content_key(*number), *number));
        few.iter().take(share(few.len())).for_each(|number| hold(*number));
        let all: u64 = order.iter().map(|number| bytes(*number)).sum();
        // Maximum held-out bytes. The draw counts documents, and a large one may be most of the text.
        let highest = all as f64 * (1.0 + worker.recipe.validation) / 2.0;
        // With few documents in total, hold out one, if there is one that is neither most of the text nor negligible.
        if !held_out.contains(&true) && order.len() > 1 && worker.recipe.validation > 0.0 {
            let lowest = all as f64 * worker.recipe.validation / 2.0;
            let fits = |number: u32| (lowest..=highest).contains(&(bytes(number) as f64));
            let fitting = order.iter().filter(|number| fits(**number));
            if let Some(number) = fitting.min_by_key(|number| (content_key(**number), **number)) {
                mark(&mut held_out, *number, true);
            }
        }
        // If that is most of the text, the largest drawn documents become training documents.
        let is_drawn = |number: &u32| held_out.get(*number as usize) == Some(&true);
        let mut drawn: Vec<u32> = order.iter().copied().filter(is_drawn).collect();
        let (mut sum, mut others) = (drawn.iter().map(|number| bytes(*number)).sum::<u64>(), all);
        drawn.sort_unstable_by_key(|number| (bytes(*number), *number));
        while sum as f64 > highest {
            let Some(largest) = drawn.pop() else { break };
            sum -= bytes(largest);
            others -= bytes(largest);
            mark(&mut held_out, largest, false);
        }
        // Hold out nothing rather than a negligible part: training then holds out a share of the text instead of whole
        // documents.
        let lowest = others as f64 * worker.recipe.validation / 2.0;
        if others < all && (sum as f64) < lowest {
            held_out.fill(false);
        }
        let any = held_out.contains(&true);
        let overlap = if any && worker.recipe.contamination.held_out {
            let mut set = contamination::Set::empty(&worker.recipe.contamination);
            for number in order.iter().filter(|number| held_out.get(**number as usize) == Some(&true)) {
                let document = self.staging.document(*number)?;
                set.add(&document.id, &document.text);
            }
            self.boilerplate(&order, &held_out, &mut set)?;
            Some(set)
        } else {
            None
        };
        Ok(Writing { order, at: 0, held_out: if any { held_out } else { Vec::new() }, overlap })
    }

    /// Ignores n-grams of held-out documents that many training documents share: footers, notices, form headings. Examines all
    /// training documents, or an even sample.
    fn boilerplate(&mut self, order: &[u32], held_out: &[bool], set: &mut contamination::Set) -> Result<()> {
        let trains = |number: &&u32| held_out.get(**number as usize) == Some(&false);
        let training = order.iter().filter(trains).count();
        let step = training.div_ceil(SAMPLE).max(1);
        let sample: Vec<u32> = order.iter().filter(trains).step_by(step).copied().collect();
        let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
        let mut at = 0;
        while at < sample.len() {
            let end = batch_end(self.staging.entries(), &sample, at);
            let documents = self.staging.documents(sample.get(at..end).unwrap_or_default())?;
            let shared: Vec<Vec<u64>> =
                documents.par_iter().map(|document| set.shared(&document.text)).collect();
            shared.into_iter().flatten().for_each(|run| *counts.entry(run).or_default() += 1);
            at = end;
        }
        set.pass_over(counts, step as u32, order.len());
        Ok(())
    }

    fn write(&mut self, writing: &mut Writing, numbers: &[u32], processor: &mut Processor<'_>) -> Result<()> {
        let documents = self.staging.documents(numbers)?;
        let mut passed: Vec<(Document, Option<&'static str>, &str)> = Vec::with_capacity(documents.len());
        let entries = self.staging.entries();
        let source = |number: &u32| {
            let entry = entries.get(*number as usize);
            entry.and_then(|entry| self.sources.get(entry.source as usize)).map_or("", String::as_str)
        };
        let split = |number: &u32| match writing.held_out.get(*number as usize) {
            None => None,
            Some(true) => Some("validation"),
            Some(false) => Some("train"),
        };
        let overlap = writing.overlap.as_ref();
        let by_corpus = processor.worker.by_corpus().zip(self.reference.as_ref());
        let checked: Vec<_> = numbers
            .par_iter()
            .zip(documents)
            .map(|(number, document)| {
                let split = split(number);
                let trains = split == Some("train");
                let found = overlap.filter(|_| trains).and_then(|set| set.contaminating(&document.text));
                let judged = by_corpus
                    .filter(|_| !matches!(document.kind, Kind::Code(_)))
                    .map(|((_, rule), reference)| rule.judge_by_corpus(&document.text, reference));
                (document, split, source(number), judged, found.map(|found| found.to_string()))
            })
            .collect();
        let at = by_corpus.map_or(At::Repair, |((at, _), _)| at);
        for (document, split, source, judged, overlaps) in checked {
            match judged {
                Some(Err(reason)) => {
                    processor.drop_document(at, reason.to_string(), &document)?;
                    continue;
                }
                Some(Ok(Some(language))) => {
                    processor.recorders.count(at, &format!("texts_kept_in_{language}"), 1);
                }
                Some(Ok(None)) | None => {}
            }
            // Source files share much and differ in details: they are counted and kept.
            if let Some(reason) = overlaps {
                if !matches!(document.kind, Kind::Code(_)) {
                    processor.drop_document(At::HeldOut, reason, &document)?;
                    continue;
                }
                processor.recorders.count(At::HeldOut, "overlapping_documents_kept", 1);
            }
            passed.push((document, split, source));
        }
        for (document, split, source) in &passed {
            processor.recorders.kept(&processor.worker, document, source, *split == Some("validation"));
        }
        let lines: Vec<Vec<u8>> = passed
            .par_iter_mut()
            .map(|(document, split, source)| lines::kept(document, *split, source))
            .collect::<Result<_>>()?;
        lines.iter().try_for_each(|line| processor.folder.kept(line))
    }
}
