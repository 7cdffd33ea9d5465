//! Counts unwanted words, with masked examples.

use super::Settings;
use crate::personal::lists::{self, WordList};
use crate::personal::{around, hide};
use crate::report::{CorpusTable, Unit, lot};
use glasshouse_documents::document::Document;
use glasshouse_documents::files::Files;
use glasshouse_documents::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

const MAX_PLACES: usize = 20;
const MARGIN: usize = 60;
/// Maximum number of distinct sources; later ones are counted together.
const MAX_SOURCES: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Occurrence {
    id: String,
    source: String,
    /// Context with listed words and personal data masked.
    excerpt: String,
}

#[derive(Debug)]
pub struct Safety {
    entries: Vec<String>,
    list: WordList,
    examined: u64,
    affected: u64,
    words: Vec<[u64; 2]>,
    sources: BTreeMap<String, [u64; 2]>,
    occurrences: BTreeSet<(u64, Occurrence)>,
}

impl Safety {
    pub fn new(settings: &Settings, files: &dyn Files) -> Result<Self> {
        settings.validate()?;
        let entries = lists::gather(&settings.safety_words, settings.safety_file.as_deref(), files)?;
        let list = WordList::new(&entries, true)
            .map_err(|reason| Error::Invalid(format!("balance.safety_words: {reason}")))?;
        Ok(Self {
            list,
            examined: 0,
            affected: 0,
            words: vec![[0; 2]; entries.len()],
            sources: BTreeMap::new(),
            occurrences: BTreeSet::new(),
            entries,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Counts a document; `mask` removes personal data from what is shown.
    pub fn add(&mut self, document: &Document, mask: impl FnOnce(&str) -> String) {
        if self.is_empty() {
            return;
        }
        self.examined += 1;
        let mut found = 0;
        let mut first = None;
        let mut own = BTreeSet::new();
        for (entry, start, end) in self.list.find(&document.text) {
            found += 1;
            // The longest of the overlapping words that begin first, so that no part remains visible.
            first = match first {
                Some((begin, past)) if start >= past => Some((begin, past)),
                Some((begin, past)) => Some((start.min(begin), end.max(past))),
                None => Some((start, end)),
            };
            if let Some([occurrences, documents]) = self.words.get_mut(entry) {
                *occurrences += 1;
                *documents += u64::from(own.insert(entry));
            }
        }
        let Some((start, end)) = first else { return };
        self.affected += 1;
        let known = self.sources.contains_key(&document.source) || self.sources.len() < MAX_SOURCES;
        let source = if known { document.source.as_str() } else { "(others)" };
        let [occurrences, documents] = self.sources.entry(source.to_owned()).or_default();
        *occurrences += found;
        *documents += 1;

        let draw = lot(&document.id);
        let full = self.occurrences.len() >= MAX_PLACES;
        if full && self.occurrences.last().is_some_and(|(last, _)| *last <= draw) {
            return;
        }
        let excerpt = self.excerpt(&document.text, start, end, mask);
        self.occurrences
            .insert((draw, Occurrence { id: document.id.clone(), source: document.source.clone(), excerpt }));
        if full {
            self.occurrences.pop_last();
        }
    }

    fn excerpt(&self, text: &str, start: usize, end: usize, mask: impl FnOnce(&str) -> String) -> String {
        let line = mask(text.get(around(text, start..end, MARGIN)).unwrap_or_default());
        let hidden = hide(&line, self.list.find(&line).map(|(_, start, end)| start..end));
        hidden.replace(char::is_control, " ").trim().to_owned()
    }

    pub fn tables(&self) -> Vec<CorpusTable> {
        if self.examined == 0 {
            return Vec::new();
        }
        let words = self.entries.iter().zip(self.words.iter().copied()).collect();
        let note =
            format!("{} of {} kept documents contain words of the list.", self.affected, self.examined);
        let mut tables = vec![self.ranked("safety", "Listed words", &note, "Word", words)];
        if !self.occurrences.is_empty() {
            let sources = self.sources.iter().map(|(name, counts)| (name, *counts)).collect();
            let title = "Listed words by source";
            tables.push(self.ranked("safety_sources", title, "", "Source", sources));
            let texts = |(_, place): &(u64, Occurrence)| {
                [&place.id, &place.source, &place.excerpt].map(|text| text.as_str().into())
            };
            let note = "A random sample of these documents; listed words and personal data are masked.";
            tables.push(CorpusTable::new(
                ["safety_places", "Listed words in context", note],
                ["Document", "Source", "Context"].map(|title| (title, Unit::Text)),
                self.occurrences.iter().map(texts),
            ));
        }
        tables
    }

    /// A table of occurrences and documents per name, most frequent first, without zeros.
    fn ranked(
        &self,
        key: &str,
        title: &str,
        note: &str,
        first: &str,
        mut counts: Vec<(&String, [u64; 2])>,
    ) -> CorpusTable {
        counts.retain(|(_, [found, _])| *found > 0);
        glasshouse_protocol::order::sort_by_key(&mut counts, |(name, [found, _])| {
            (std::cmp::Reverse(*found), *name)
        });
        let row = |(name, [found, documents]): &(&String, [u64; 2])| {
            let share = *documents as f64 / self.examined as f64;
            [name.as_str().into(), (*found).into(), (*documents).into(), share.into()]
        };
        let columns = [
            (first, Unit::Text),
            ("Found", Unit::Count),
            ("Documents", Unit::Count),
            ("Share of all documents", Unit::Share),
        ];
        CorpusTable::new([key, title, note], columns, counts.iter().take(100).map(row))
    }
}
