//! Counts documents, bytes and words by metadata.

use crate::report::{Amount, CorpusCell, CorpusTable, Unit};
use crate::rules::language_name;
use glasshouse_documents::document::Document;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of names in a table; later ones are counted under [`OTHER`].
const MAX_NAMES: usize = 10_000;
/// Maximum bytes of a name; longer ones are truncated.
const MAX_NAME_BYTES: usize = 200;
const MAX_ROWS: usize = 100;
const UNKNOWN: &str = "unknown";
/// Name for values beyond the limit.
const OTHER: &str = "(others)";

/// Amounts by name, for at most ten thousand names.
#[derive(Clone, Debug, Default)]
pub struct Names(pub(super) BTreeMap<String, Amount>);

impl Names {
    pub fn add(&mut self, name: &str, amount: Amount) {
        let name = name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or_default();
        let name = if name.trim().is_empty() { UNKNOWN } else { name };
        if let Some(own) = self.0.get_mut(name) {
            own.add(amount);
            return;
        }
        let name = if self.0.len() < MAX_NAMES { name } else { OTHER };
        self.0.entry(name.to_owned()).or_default().add(amount);
    }

    fn get(&self, name: &str) -> Amount {
        self.0.get(name).copied().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub source: Names,
    pub genre: Names,
    pub language: Names,
    pub licence: Names,
    pub year: Names,
    /// By length: bin `n + 1` holds documents of `2^n` up to below `2^(n + 1)` words, bin 0 those without words.
    pub length: BTreeMap<u32, Amount>,
}

impl Tally {
    /// Counts a document of this amount; does not read its text.
    pub fn add(&mut self, document: &Document, amount: Amount) {
        let said = |name: &Option<String>| name.clone().unwrap_or_default();
        self.source.add(&document.source, amount);
        self.genre.add(&said(&document.genre), amount);
        self.language.add(&said(&document.language), amount);
        self.licence.add(&said(&document.licence), amount);
        self.year.add(document.date.as_deref().and_then(year).unwrap_or_default(), amount);
        self.length.entry(u64::BITS - amount.words.leading_zeros()).or_default().add(amount);
    }
}

/// The year of a date: its first run of exactly four digits.
fn year(date: &str) -> Option<&str> {
    date.split(|character: char| !character.is_ascii_digit()).find(|run| run.len() == 4)
}

/// Tables that compare raw and kept documents by each kind of metadata. Tables without any known value, often genre and date,
/// are omitted.
pub fn tables(raw: &Tally, kept: &Tally) -> Vec<CorpusTable> {
    let named = [
        ("source", "By source", "Source", &raw.source, &kept.source),
        ("genre", "By genre", "Genre", &raw.genre, &kept.genre),
        ("language", "By language", "Language", &raw.language, &kept.language),
        ("licence", "By licence", "Licence", &raw.licence, &kept.licence),
    ];
    let mut tables = Vec::new();
    for (key, title, first, raw, kept) in named {
        let mut rows = beside(raw, kept);
        glasshouse_protocol::order::sort_by_key(&mut rows, |(_, raw, kept)| {
            std::cmp::Reverse((raw.documents.max(kept.documents), raw.bytes))
        });
        if rows.iter().all(|(name, ..)| name == UNKNOWN) {
            continue;
        }
        let mut note = "";
        if key == "language" {
            note = "From the records, or detected if they do not state it.";
            rows.iter_mut().for_each(|(name, ..)| *name = language_name(name));
        }
        tables.push(table([key, title, note, first], rows));
    }
    let bins: BTreeSet<u32> = raw.length.keys().chain(kept.length.keys()).copied().collect();
    if let (Some(first), Some(last)) = (bins.first(), bins.last()) {
        let amount = |tally: &Tally, bin: u32| tally.length.get(&bin).copied().unwrap_or_default();
        let rows = (*first..=*last).map(|bin| (range(bin), amount(raw, bin), amount(kept, bin))).collect();
        tables.push(table(
            ["length", "By length", "Each row is twice as long as the one before.", "Words"],
            rows,
        ));
    }
    let years = beside(&raw.year, &kept.year);
    if years.iter().any(|(name, ..)| name != UNKNOWN) {
        tables.push(table(["date", "By date", "", "Year"], years));
    }
    tables
}

fn range(bin: u32) -> String {
    let from = |bin: u32| 1_u64.checked_shl(bin.saturating_sub(1)).unwrap_or(u64::MAX);
    match bin {
        0 | 1 => bin.to_string(),
        _ => format!("{}–{}", from(bin), from(bin + 1).saturating_sub(1)),
    }
}

/// The union of names, with the amounts of both.
fn beside(raw: &Names, kept: &Names) -> Vec<(String, Amount, Amount)> {
    let names: BTreeSet<&String> = raw.0.keys().chain(kept.0.keys()).collect();
    names.into_iter().map(|name| (name.clone(), raw.get(name), kept.get(name))).collect()
}

/// A table; its last row sums up those beyond the hundredth.
fn table([key, title, note, first]: [&str; 4], mut rows: Vec<(String, Amount, Amount)>) -> CorpusTable {
    let sums = |rows: &[(String, Amount, Amount)]| {
        let mut sums = [Amount::default(); 2];
        for (_, before, after) in rows {
            sums[0].add(*before);
            sums[1].add(*after);
        }
        sums
    };
    let [raw, kept] = sums(&rows);
    if rows.len() > MAX_ROWS {
        let rest = rows.split_off(MAX_ROWS - 1);
        let [before, after] = sums(&rest);
        rows.push((format!("{} others", rest.len()), before, after));
    }
    let share = |part: u64, whole: u64| CorpusCell::from(part as f64 / whole as f64);
    let rows = rows.into_iter().map(|(name, before, after)| {
        [
            name.into(),
            before.documents.into(),
            after.documents.into(),
            share(before.documents, raw.documents),
            share(after.documents, kept.documents),
            after.bytes.into(),
            after.words.into(),
        ]
    });
    let columns = [
        (first, Unit::Text),
        ("Documents raw", Unit::Count),
        ("Documents kept", Unit::Count),
        ("Share raw", Unit::Share),
        ("Share kept", Unit::Share),
        ("Text kept", Unit::Bytes),
        ("Words kept", Unit::Count),
    ];
    CorpusTable::new([key, title, note], columns, rows)
}
