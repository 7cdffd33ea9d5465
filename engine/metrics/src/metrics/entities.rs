//! F1 of named entities as in seqeval 1.2.2: an entity is correct if its type, first and last token are. By default, tags are
//! read like conlleval (an I without a B also begins an entity; IOB, IOE and IOBES alike); in strict mode, only valid IOB2
//! counts. The two can differ greatly on the same tags, so always state which one was used.

use super::Score;
use super::classification::{Averages, Line, Tally, lines, report};
use crate::statistics::Bootstrap;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// seqeval's default, like conlleval.
    #[default]
    Lenient,
    /// seqeval's `mode="strict", scheme=IOB2`. Tags that begin with none of I, O and B are an error in seqeval and read as O
    /// here.
    Iob2,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entities {
    /// Types of all expected or predicted entities, sorted.
    pub types: Vec<String>,
    pub tallies: Vec<Tally>,
    /// Averages over types; `micro.f1` is the usual entity F1.
    pub averages: Averages,
    /// Correct, predicted and expected entities of each row.
    pub rows: Vec<[f64; 3]>,
}

/// Type, first and last token, counted across all rows.
type Entity = (String, usize, usize);

/// Compares each row's expected and predicted tags. Missing predictions count as O, surplus ones are ignored.
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
    let averages = Averages::new(&tallies, Tally::harmonic);
    Entities { types, tallies, averages, rows: counts }
}

impl Entities {
    /// Bootstrap interval of the micro F1 over rows.
    pub fn interval(&self, bootstrap: &Bootstrap) -> Option<[f64; 2]> {
        bootstrap.sums(&self.rows, f1)
    }

    /// The lines of seqeval's `classification_report`: types, then averages. Empty without entities.
    pub fn lines(&self) -> [Vec<Line>; 2] {
        if self.types.is_empty() {
            return Default::default();
        }
        let all: u64 = self.tallies.iter().map(|tally| tally.expected).sum();
        let Averages { micro, macro_average, weighted } = self.averages;
        let averages = [("micro avg", micro), ("macro avg", macro_average), ("weighted avg", weighted)];
        [
            lines(&self.types, &self.tallies, Tally::harmonic),
            averages.into_iter().map(|(name, score)| Line::new(name, score, all)).collect(),
        ]
    }

    /// The report as printed by seqeval's `classification_report`; empty without entities.
    pub fn report(&self) -> String {
        report(&self.lines(), "")
    }
}

/// Micro F1 from the sum of rows' counts.
pub fn f1([right, answered, expected]: [f64; 3]) -> f64 {
    Score::new(right as usize, answered as usize, expected as usize).f1
}

/// Reads tags across rows. seqeval joins rows with an O between them, so the state carried over is part of the definition.
struct TagReader {
    scheme: Scheme,
    /// Letter and type of the previous tag.
    before: (char, String),
    start: usize,
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

/// A tag's letter and type (`_` if none); an empty tag is O.
fn lenient(tag: &str) -> (char, String) {
    let mut letters = tag.chars();
    let letter = letters.next().unwrap_or('O');
    let rest = letters.as_str();
    let name = rest.split_once('-').map_or(rest, |(_, name)| name);
    (letter, if name.is_empty() { "_" } else { name }.to_owned())
}

/// IOB2: an I continues an entity of its own type and is O otherwise.
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
