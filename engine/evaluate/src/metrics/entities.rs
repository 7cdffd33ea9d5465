//! F1 of named entities as seqeval 1.2.2 counts them: an entity is right where type, first and last token are. By default it reads tags
//! as conlleval does (an I without a B begins an entity too; IOB, IOE and IOBES alike); strictly only what IOB2 says is one. The two
//! differ much on the same tags, so say which it is.

use super::Score;
use super::classification::{Averages, Line, Tally, lines, report};
use crate::statistics::Bootstrap;
use std::collections::{BTreeMap, BTreeSet};

/// What counts as an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// seqeval's default, as conlleval.
    #[default]
    Lenient,
    /// seqeval's `mode="strict", scheme=IOB2`. What begins with none of I, O and B, where seqeval stops, is O here.
    Iob2,
}

/// How well entities were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entities {
    /// Types of all entities that were expected or answered, sorted.
    pub types: Vec<String>,
    /// Counts by type.
    pub tallies: Vec<Tally>,
    /// Averages over types; `micro.f1` is what people call the entity F1.
    pub averages: Averages,
    /// Of each row how many entities were right, answered and expected.
    pub rows: Vec<[f64; 3]>,
}

/// Type, first and last token, counted through all rows.
type Entity = (String, usize, usize);

/// Compares tags, given by row as expected and answered. An answer's missing tags are O, and those too many do not count.
pub fn entities<S: AsRef<str>>(rows: &[(Vec<S>, Vec<S>)], scheme: Scheme) -> Entities {
    let mut readers = [TagReader::new(scheme), TagReader::new(scheme)];
    let mut types: BTreeMap<String, Tally> = BTreeMap::new();
    let mut counts = Vec::with_capacity(rows.len());
    for (expected, answered) in rows {
        let [of_expected, of_answered] = &mut readers;
        let missing = expected.len().saturating_sub(answered.len());
        let answered = answered.iter().map(AsRef::as_ref).take(expected.len());
        let answered = of_answered.row(answered.chain(std::iter::repeat_n("O", missing)));
        let expected = of_expected.row(expected.iter().map(AsRef::as_ref));
        let right = answered.intersection(&expected);
        for entity in right.clone() {
            types.entry(entity.0.clone()).or_default().right += 1;
        }
        for entity in &answered {
            types.entry(entity.0.clone()).or_default().answered += 1;
        }
        for entity in &expected {
            types.entry(entity.0.clone()).or_default().expected += 1;
        }
        counts.push([right.count(), answered.len(), expected.len()].map(|count| count as f64));
    }
    let (types, tallies): (Vec<String>, Vec<Tally>) = types.into_iter().unzip();
    let averages = Averages::of(&tallies, Tally::harmonic);
    Entities { types, tallies, averages, rows: counts }
}

impl Entities {
    /// The interval of the entity F1 (micro) over resampled rows.
    pub fn interval(&self, bootstrap: &Bootstrap) -> Option<[f64; 2]> {
        bootstrap.sums(&self.rows, f1)
    }

    /// The lines of seqeval's `classification_report`: a type each, then averages. None without an entity.
    pub fn lines(&self) -> [Vec<Line>; 2] {
        if self.types.is_empty() {
            return Default::default();
        }
        let all: u64 = self.tallies.iter().map(|tally| tally.expected).sum();
        let Averages { micro, macro_average, weighted } = self.averages;
        let averages = [("micro avg", micro), ("macro avg", macro_average), ("weighted avg", weighted)];
        [
            lines(&self.types, &self.tallies, Tally::harmonic),
            averages.into_iter().map(|(name, score)| Line::of(name, score, all)).collect(),
        ]
    }

    /// The report as seqeval's `classification_report` prints it; empty without an entity.
    pub fn report(&self) -> String {
        report(&self.lines(), "")
    }
}

/// The entity F1 (micro) from the sum of rows' counts.
pub fn f1([right, answered, expected]: [f64; 3]) -> f64 {
    Score::of(right as usize, answered as usize, expected as usize).f1
}

/// Reads tags of row after row. seqeval joins rows with an O between them, so what a row leaves behind is part of the definition.
struct TagReader {
    scheme: Scheme,
    /// The tag before, its letter and its type.
    before: (char, String),
    /// Where the entity at hand began.
    start: usize,
    /// Tags that were read.
    read: usize,
}

impl TagReader {
    fn new(scheme: Scheme) -> Self {
        Self { scheme, before: ('O', String::new()), start: 0, read: 0 }
    }

    fn row<'a>(&mut self, tags: impl Iterator<Item = &'a str>) -> BTreeSet<Entity> {
        let mut found = BTreeSet::new();
        for tag in tags.chain(["O"]) {
            let tag = match self.scheme {
                Scheme::Lenient => lenient(tag),
                Scheme::Iob2 => strict(tag, &self.before),
            };
            let (letter, before) = (tag.0, self.before.0);
            let other = self.before.1 != tag.1;
            let ends = matches!(before, 'E' | 'S')
                || matches!((before, letter), ('B' | 'I', 'B' | 'S' | 'O'))
                || (!matches!(before, 'O' | '.') && other);
            let starts = matches!(letter, 'B' | 'S')
                || matches!((before, letter), ('E' | 'S' | 'O', 'E' | 'I'))
                || (!matches!(letter, 'O' | '.') && other);
            if ends {
                found.insert((self.before.1.clone(), self.start, self.read.saturating_sub(1)));
            }
            if starts {
                self.start = self.read;
            }
            self.before = tag;
            self.read += 1;
        }
        found
    }
}

/// A tag's letter and its type, `_` where it has none; an empty tag is O.
fn lenient(tag: &str) -> (char, String) {
    let mut letters = tag.chars();
    let letter = letters.next().unwrap_or('O');
    let rest = letters.as_str();
    let name = rest.split_once('-').map_or(rest, |(_, name)| name);
    (letter, if name.is_empty() { "_" } else { name }.to_owned())
}

/// As IOB2 has it: an I continues an entity of its own type and is else O.
fn strict(tag: &str, before: &(char, String)) -> (char, String) {
    let mut letters = tag.chars();
    let letter = letters.next().unwrap_or('O');
    let name = letters.as_str().trim_matches('-');
    let name = if name.is_empty() { "_" } else { name };
    match letter {
        'B' => ('B', name.to_owned()),
        'I' if before.0 != 'O' && before.1 == name => ('I', name.to_owned()),
        _ => ('O', "_".to_owned()),
    }
}
