//! Recorders, which collect the results of stages while documents are processed, with bounded memory.

use std::collections::BTreeMap;

use super::sample::{Drawn, cut};
use super::{
    About, Amount, Cluster, ClusterSize, Counter, Duplicates, Example, PersonalClass, PersonalSample, Sample,
    Stage, TroubleEntry, TroubleKind, Troubles, Victim,
};

const TROUBLES_LISTED: usize = 1000;
const KINDS: usize = 100;
pub(crate) const CLUSTERS_SHOWN: usize = 12;
const MEMBERS_SHOWN: usize = 6;
/// Maximum bytes of an id, source, reason or masked value in a report: all are untrusted.
const NAME_BYTES: usize = 300;
const EXCERPT_BYTES: usize = 800;
/// Maximum bytes shown of a changed document, around its first change.
const EXAMPLE_BYTES: usize = 1200;
/// Bytes shown before the first change.
const EXAMPLE_LEAD: usize = 160;

#[derive(Clone, Debug, Default)]
pub struct StageRecorder {
    pub(super) stage: Stage,
    counters: BTreeMap<String, u64>,
    victims: Drawn<Victim>,
    changes: Drawn<Example>,
}

impl StageRecorder {
    pub fn new(about: About) -> Self {
        Self { stage: Stage { about, ..Stage::default() }, ..Self::default() }
    }

    pub fn name(&self) -> &str {
        &self.stage.about.name
    }

    /// Records a removed document. `excerpt` returns its beginning, masked, and is called only if it is among the examples.
    pub fn drop(
        &mut self,
        id: &str,
        source: &str,
        amount: Amount,
        reason: &str,
        excerpt: impl FnOnce() -> String,
    ) {
        self.stage.removed.add(amount);
        self.victims.offer(&self.stage.about.name, id, || Victim {
            id: cut(id, NAME_BYTES),
            source: cut(source, NAME_BYTES),
            words: amount.words,
            bytes: amount.bytes,
            reason: cut(reason, NAME_BYTES),
            excerpt: cut(&excerpt(), EXCERPT_BYTES),
        });
    }

    /// Records a changed document. `texts` returns both versions, masked, and is called only if it is among the examples;
    /// returns whether it is.
    pub fn edit(
        &mut self,
        id: &str,
        source: &str,
        before: Amount,
        after: Amount,
        texts: impl FnOnce() -> (String, String),
    ) -> bool {
        self.stage.edited.before.add(before);
        self.stage.edited.after.add(after);
        self.changes.offer(&self.stage.about.name, id, || {
            let (before, after) = texts();
            let (before, after) = around_first_change(&before, &after);
            Example { id: cut(id, NAME_BYTES), source: cut(source, NAME_BYTES), before, after }
        })
    }

    /// Adds to a counter. Names come from the program, so there are few.
    pub fn count(&mut self, name: &str, times: u64) {
        if times > 0 {
            let count = self.counters.entry(name.to_owned()).or_default();
            *count = count.saturating_add(times);
        }
    }

    pub fn finish(self) -> Stage {
        Stage {
            counters: self.counters.into_iter().map(|(name, count)| Counter { name, count }).collect(),
            victims: self.victims.into_items(),
            changes: self.changes.into_items(),
            ..self.stage
        }
    }

    /// The results of consecutive stages, given the input of the first.
    pub fn chain(raw: Amount, recorders: impl IntoIterator<Item = Self>) -> Vec<Stage> {
        let mut before = raw;
        let stages = recorders.into_iter().map(|recorder| {
            let stage = Stage { before, ..recorder.finish() };
            before = stage.after();
            stage
        });
        stages.collect()
    }
}

/// The part of both texts around the first difference, at most [`EXAMPLE_BYTES`] of each.
fn around_first_change(before: &str, after: &str) -> (String, String) {
    let same = before.bytes().zip(after.bytes()).take_while(|(old, new)| old == new).count();
    let start = before.floor_char_boundary(same.saturating_sub(EXAMPLE_LEAD));
    // The text before is equal in both, so a boundary of one is a boundary of the other; words are not cut.
    let lead = before.get(start..same.min(before.len())).unwrap_or_default();
    let word = if start == 0 { 0 } else { lead.find(char::is_whitespace).map_or(0, |space| space + 1) };
    let start = start + word;
    let part = |text: &str| {
        let text = text.get(start..).unwrap_or(text);
        let dots = if start == 0 { "" } else { "… " };
        format!("{dots}{}", cut(text, EXAMPLE_BYTES))
    };
    (part(before), part(after))
}

#[derive(Clone, Debug, Default)]
pub struct PersonalRecorder {
    classes: BTreeMap<String, (PersonalClass, Drawn<PersonalSample>)>,
}

impl PersonalRecorder {
    /// Records `times` occurrences of a class of personal data in a document. `masked` returns one of them with its context,
    /// masked, and is called only if it is among the examples.
    pub fn find(
        &mut self,
        class: &str,
        treatment: &str,
        id: &str,
        times: u64,
        masked: impl FnOnce() -> String,
    ) {
        if times == 0 {
            return;
        }
        let (counts, samples) = self.classes.entry(class.to_owned()).or_default();
        treatment.clone_into(&mut counts.treatment);
        counts.found = counts.found.saturating_add(times);
        counts.documents = counts.documents.saturating_add(1);
        samples.offer(class, id, || PersonalSample {
            id: cut(id, NAME_BYTES),
            masked: cut(&masked(), NAME_BYTES),
        });
    }

    pub fn finish(self) -> Vec<PersonalClass> {
        let classes = self.classes.into_iter().map(|(class, (counts, samples))| PersonalClass {
            class,
            samples: samples.into_items(),
            ..counts
        });
        classes.collect()
    }
}

/// Counts groups of copies, and keeps the largest.
#[derive(Clone, Debug)]
pub struct DuplicateRecorder {
    found: Duplicates,
    sizes: BTreeMap<u64, u64>,
}

impl DuplicateRecorder {
    /// For groups found by this stage, with a description of the method, and the memory per signature.
    pub fn new(about: About, method: &str, bytes_per_document: Option<u64>) -> Self {
        let (About { name, title, .. }, method) = (about, method.to_owned());
        let found = Duplicates { name, title, method, bytes_per_document, ..Duplicates::default() };
        Self { found, sizes: BTreeMap::new() }
    }

    /// Records a group of `size` documents. `show` returns its details and is called only if it is among the largest so far.
    /// Among groups of equal size the first ones are kept, so groups must be passed in the order of their kept members.
    pub fn cluster(&mut self, size: u64, show: impl FnOnce() -> Cluster) {
        if size < 2 {
            return;
        }
        self.found.clusters += 1;
        self.found.documents = self.found.documents.saturating_add(size);
        *self.sizes.entry(size).or_default() += 1;
        if self.shows(size) {
            let place = self.found.largest.partition_point(|other| other.size >= size);
            let mut cluster = show();
            cluster.size = size;
            cluster.members.truncate(MEMBERS_SHOWN);
            for member in &mut cluster.members {
                member.id = cut(&member.id, NAME_BYTES);
                member.source = cut(&member.source, NAME_BYTES);
                member.excerpt = cut(&member.excerpt, EXCERPT_BYTES);
            }
            self.found.largest.insert(place, cluster);
            self.found.largest.truncate(CLUSTERS_SHOWN);
        }
    }

    pub fn shows(&self, size: u64) -> bool {
        self.found.largest.partition_point(|other| other.size >= size) < CLUSTERS_SHOWN
    }

    pub fn finish(self) -> Duplicates {
        let sizes = self.sizes.into_iter().map(|(size, clusters)| ClusterSize { size, clusters }).collect();
        Duplicates { sizes, ..self.found }
    }
}

#[derive(Clone, Debug, Default)]
pub struct SampleRecorder {
    chosen: Drawn<Sample>,
}

impl SampleRecorder {
    /// Records a kept document; `excerpt` returns its beginning, masked, and is called only if it is selected.
    pub fn keep(&mut self, id: &str, source: &str, amount: Amount, excerpt: impl FnOnce() -> String) {
        self.chosen.offer("kept", id, || Sample {
            id: cut(id, NAME_BYTES),
            source: cut(source, NAME_BYTES),
            amount,
            excerpt: cut(&excerpt(), EXCERPT_BYTES),
        });
    }

    pub fn finish(self) -> Vec<Sample> {
        self.chosen.into_items()
    }
}

/// A reason without the variable parts: numbers, and text in quotes or brackets.
fn kind(reason: &str) -> String {
    let mut kind = String::new();
    let mut closing = None;
    for letter in cut(reason, 2 * NAME_BYTES).chars() {
        if let Some(end) = closing {
            closing = closing.filter(|_| letter != end);
            continue;
        }
        closing = match letter {
            '"' | '`' => Some(letter),
            '(' => Some(')'),
            '\u{201c}' => Some('\u{201d}'),
            _ => None,
        };
        let is_digit = letter.is_ascii_digit();
        if closing.is_none() && !(is_digit && kind.ends_with('0')) {
            kind.push(if is_digit { '0' } else { letter });
        }
    }
    kind
}

#[derive(Clone, Debug, Default)]
pub struct TroubleRecorder {
    troubles: Troubles,
    kinds: BTreeMap<String, usize>,
}

impl TroubleRecorder {
    pub fn add(&mut self, place: &str, reason: &str) {
        self.troubles.count += 1;
        let entry = || TroubleEntry { place: cut(place, NAME_BYTES), reason: cut(reason, 2 * NAME_BYTES) };
        if self.troubles.listed.len() < TROUBLES_LISTED {
            self.troubles.listed.push(entry());
        }
        let kinds = &mut self.troubles.kinds;
        let kind = kind(reason);
        if let Some(known) = self.kinds.get(&kind).and_then(|known| kinds.get_mut(*known)) {
            known.count += 1;
        } else if kinds.len() < KINDS {
            self.kinds.insert(kind, kinds.len());
            kinds.push(TroubleKind { count: 1, first: entry() });
        }
    }

    pub fn most_frequent(&self) -> Option<&TroubleKind> {
        self.troubles.kinds.iter().rev().max_by_key(|kind| kind.count)
    }

    pub fn finish(mut self) -> Troubles {
        glasshouse_protocol::order::sort_by_key(&mut self.troubles.kinds, |kind| {
            std::cmp::Reverse(kind.count)
        });
        self.troubles
    }
}
