//! Processing of a single document, on any thread: extraction, repair, rules, personal data, and the mark for duplicate
//! detection.

use super::lines::{self, Dropped};
use super::stages::At;
use crate::duplicates::{Mark, Marker, contamination};
use crate::personal::{Action, Class, Counts, Detector, Sample};
use crate::recipe::Recipe;
use crate::report::{Amount, content_key, draw_key};
use crate::rules::{self, Judge, Perplexity};
use glasshouse_documents::Result;
use glasshouse_documents::document::{Document, Kind};
use glasshouse_documents::extract::{self, Prepared};
use glasshouse_documents::files::Files;
use glasshouse_documents::read::Readers;
use serde::{Deserialize, Serialize};

const EXCERPT: usize = 240;

pub(super) struct Worker {
    pub recipe: Recipe,
    pub detector: Detector,
    marker: Marker,
    contamination: Option<contamination::Set>,
    pub(super) judge: Judge,
    /// Page readers outside of this program, if needed.
    pub(super) readers: Option<Readers>,
}

#[derive(Debug)]
pub(super) struct Processed {
    pub log: DocumentLog,
    pub verdict: Verdict,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DocumentLog {
    pub input: usize,
    /// Metadata without text, including the identified language.
    pub about: Document,
    /// Of the document as it was read, so that rules do not change what is held out.
    pub content_key: u64,
    pub raw: Amount,
    pub counters: Vec<(At, String, u64)>,
    /// Stages that changed it, in order, with its size before each.
    pub edits: Vec<Edit>,
    pub found: Counts,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Edit {
    pub at: At,
    pub before: Amount,
    pub after: Amount,
    /// The text before and after, if it may be shown.
    pub texts: Option<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The stage that drops it, and its line.
    Dropped(At, Dropped),
    /// An exact copy of the staged document with this number.
    Copy(u32, Dropped),
    /// With the length of its line in bytes.
    Staged { length: u32, amount: Amount, mark: Mark },
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// The stage that drops it, and its line.
    Dropped(At, Dropped),
    /// With its line of JSON, for staging.
    Passed { document: Box<Document>, line: Vec<u8>, amount: Amount, mark: Mark },
}

impl Worker {
    pub(super) fn new(recipe: Recipe, files: &dyn Files) -> Result<Self> {
        Self::with_off(recipe, false, files)
    }

    /// Rules that are off are `prepared` for [`Judge::judge_each`].
    pub(super) fn with_off(recipe: Recipe, prepared: bool, files: &dyn Files) -> Result<Self> {
        recipe.validate()?;
        Ok(Self {
            detector: Detector::new(&recipe.personal, files)?,
            marker: Marker::new(&recipe.duplicates)?,
            contamination: contamination::Set::read(&recipe.contamination, files)?,
            judge: Judge::with_off(&recipe.rules, |rule| recipe.is_on(rule), prepared, files)?,
            readers: files.readers(),
            recipe,
        })
    }

    pub(super) fn work(&self, mut document: Document) -> Result<Processed> {
        let (raw, content_key) = (Amount::from_text(&document.text), content_key(&document.text));
        let at = if document.kind.is_marked_up() { At::Extraction } else { At::Repair };
        if self.recipe.personal.enabled {
            self.mask_names(&mut document);
        }
        let mut log =
            DocumentLog { about: without_text(&mut document), content_key, raw, ..DocumentLog::default() };
        match extract::prepare(&mut document, &self.recipe.extract, &self.recipe.repair, self.readers) {
            Ok(prepared) => log.counters = counters(&prepared),
            Err(reason) => return Ok(self.goes(log, At::Extraction, &reason, raw, &document.text)),
        }
        if document.kind.is_marked_up() {
            document.kind = Kind::Plain;
        }
        let mut amount = Amount::from_text(&document.text);
        if document.text.trim().is_empty() {
            return Ok(self.goes(log, At::Extraction, "no text is left", raw, ""));
        }
        if amount != raw {
            log.edits.push(Edit { at, before: raw, after: amount, texts: None });
        }
        let judgement = self.judge.judge(&document);
        if let Some(text) = judgement.text {
            let after = Amount::from_text(&text);
            let before = std::mem::replace(&mut document.text, text);
            if let Some(last) = judgement.edited_by.last() {
                let texts = Some((before, document.text.clone()));
                log.edits.push(Edit { at: At::Rule(*last), before: amount, after, texts });
            }
            amount = after;
        }
        if document.language.is_none() && !matches!(document.kind, Kind::Code(_)) {
            // Also for dropped documents: the report has a table of the input.
            let detected = || Some(rules::identify(&document.text)?.code.to_owned());
            document.language = judgement.language.or_else(detected);
            log.about.language.clone_from(&document.language);
        }
        if let Some((number, reason)) = judgement.dropped {
            return Ok(self.goes(log, At::Rule(number), &reason.to_string(), amount, &document.text));
        }
        let overlap = self.contamination.as_ref().and_then(|set| set.contaminating(&document.text));
        if let Some(overlap) = overlap {
            let reason = overlap.to_string();
            return Ok(self.goes(log, At::Contamination, &reason, amount, &document.text));
        }
        if let Some(class) = self.mask(&mut document, &mut log, &mut amount) {
            let reason = format!("contains personal data: {}", class.name());
            return Ok(self.goes(log, At::Personal, &reason, amount, &document.text));
        }
        self.passed(document, log, amount)
    }

    /// A document of an earlier corpus, which is only compared with.
    pub(super) fn mark(&self, mut document: Document) -> Result<Processed> {
        let kind = document.record.as_ref().and_then(|record| record.get("kind")?.get("code")?.as_str());
        if let Some(language) = kind {
            document.kind = Kind::Code(language.to_owned());
        }
        let amount = Amount::from_text(&document.text);
        self.passed(document, DocumentLog::default(), amount)
    }

    fn passed(&self, document: Document, log: DocumentLog, amount: Amount) -> Result<Processed> {
        let mark = match document.kind {
            Kind::Code(_) => self.marker.mark_code(&document.text),
            _ => self.marker.mark(&document.text),
        };
        let line = lines::line(&document)?;
        Ok(Processed { log, verdict: Verdict::Passed { document: Box::new(document), line, amount, mark } })
    }

    /// Replaces personal data; returns the class because of which the document must be dropped.
    fn mask(&self, document: &mut Document, log: &mut DocumentLog, amount: &mut Amount) -> Option<Class> {
        if !self.recipe.personal.enabled {
            return None;
        }
        let applied = self.detector.apply(&document.text);
        log.found = applied.counts;
        log.samples = applied.samples;
        if applied.dropped.is_some() {
            return applied.dropped;
        }
        if let Some(text) = applied.text {
            let after = Amount::from_text(&text);
            log.edits.push(Edit { at: At::Personal, before: *amount, after, texts: None });
            document.text = text;
            *amount = after;
        }
        if let Some(record) = &document.record {
            // Its turns are in the text, so these findings were already counted.
            match self.detector.apply_record(record) {
                Ok(Some(record)) => document.record = Some(record),
                Ok(None) => {}
                Err(class) => return Some(class),
            }
        }
        // Titles and addresses may contain names or accounts too.
        for field in [&mut document.title, &mut document.address] {
            if let Some(text) = field.as_deref().and_then(|text| self.detector.apply(text).text) {
                *field = Some(text);
            }
        }
        None
    }

    /// Replaces personal data in the id and the source, which reports and shards repeat.
    fn mask_names(&self, document: &mut Document) {
        if let Some(id) = self.masked_name(&document.id) {
            document.id = id;
        }
        if let Some(source) = self.masked(&document.source) {
            document.source = source;
        }
    }

    /// A text without its personal data; `None` if it has none.
    fn masked(&self, text: &str) -> Option<String> {
        let applied = self.detector.apply(text);
        applied.text.or_else(|| applied.dropped.map(|_| self.detector.mask(text)))
    }

    /// A name of a file or a record without its personal data; `None` if it has none, or if personal data is kept.
    pub(super) fn masked_name(&self, name: &str) -> Option<String> {
        let masked = self.masked(name).filter(|_| self.recipe.personal.enabled)?;
        // Records have a number. Names of files stay unique.
        let draw_key = draw_key(name) as u32;
        Some(if masked.contains('#') { masked } else { format!("{masked}~{draw_key:08x}") })
    }

    fn goes(&self, log: DocumentLog, at: At, reason: &str, amount: Amount, text: &str) -> Processed {
        let dropped = self.dropped(at, self.detector.mask(reason), &log.about, amount, text);
        Processed { log, verdict: Verdict::Dropped(at, dropped) }
    }

    /// The line of a dropped document; the reason is already masked.
    pub(super) fn dropped(
        &self,
        at: At,
        reason: String,
        about: &Document,
        amount: Amount,
        text: &str,
    ) -> Dropped {
        Dropped {
            id: about.id.clone(),
            source: about.source.clone(),
            rule: at.name(&self.recipe).to_owned(),
            reason,
            words: amount.words,
            bytes: amount.bytes,
            excerpt: self.excerpt(text),
        }
    }

    /// The rule that judges by the whole corpus, and its stage.
    pub(super) fn by_corpus(&self) -> Option<(At, &Perplexity)> {
        self.judge.by_corpus().map(|(number, rule)| (At::Rule(number), rule))
    }

    /// What exact copies of a document have in common.
    pub(super) fn compared_by(document: &Document) -> &'static str {
        if matches!(document.kind, Kind::Code(_)) { "the same bytes" } else { "the same words" }
    }

    pub(super) fn excerpt(&self, text: &str) -> String {
        self.detector.excerpt(text, EXCERPT)
    }

    /// The treatment of a class of personal data, in a word.
    pub(super) fn treatment(&self, class: Class) -> &'static str {
        match self.recipe.personal.action(class) {
            Action::Replace => "replaced",
            Action::Mask => "masked",
            Action::Drop => "document dropped",
            Action::Keep => "kept",
        }
    }
}

fn counters(extracted: &Prepared) -> Vec<(At, String, u64)> {
    let repaired = &extracted.repaired;
    let counters = [
        (At::Extraction, "pages_without_main_content", extracted.fallbacks),
        (At::Extraction, "unknown_templates_in_sentences", extracted.templates),
        (At::Extraction, "sentences_left_out_for_templates", extracted.sentences),
        (At::Extraction, "words_seen_on_pages", extracted.words),
        (At::Extraction, "words_of_pages_left_out", extracted.words_left_out),
        (At::Repair, "mojibake_characters", repaired.mojibake),
        (At::Repair, "control_characters", repaired.controls),
        (At::Repair, "invisible_characters", repaired.invisible),
        (At::Repair, "line_endings", repaired.line_endings),
        (At::Repair, "texts_composed", repaired.composed),
        (At::Repair, "white_space_bytes", repaired.white_space),
        (At::Repair, "replacement_characters_left", repaired.replacements),
    ];
    let met = counters.into_iter().filter(|(_, _, count)| *count > 0);
    met.map(|(at, name, count)| (at, name.to_owned(), count)).collect()
}

fn without_text(document: &mut Document) -> Document {
    let (text, record) = (std::mem::take(&mut document.text), document.record.take());
    let about = document.clone();
    (document.text, document.record) = (text, record);
    about
}
