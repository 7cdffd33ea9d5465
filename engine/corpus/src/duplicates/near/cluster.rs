//! Families of documents that are alike, and which of each are kept.

use std::collections::BTreeMap;

use super::compare::Comparer;
use super::{Index, Keep};
use crate::Result;

/// Documents kept of one family that others in it are compared with; one that is like none of them is kept as well.
const KEPT_COMPARED: usize = 64;

/// Who belongs to whom: a forest in which each document points towards the first of its family (union-find).
pub(super) struct Families {
    parents: Vec<u32>,
}

impl Families {
    pub(super) fn new(documents: u32) -> Self {
        Self { parents: (0..documents).collect() }
    }

    /// The first document of a document's family; shortens the way for the next time.
    pub(super) fn of(&mut self, document: u32) -> u32 {
        let mut at = document;
        while let Some(&parent) = self.parents.get(at as usize) {
            if parent == at {
                break;
            }
            let grandparent = self.parents.get(parent as usize).copied().unwrap_or(parent);
            if let Some(place) = self.parents.get_mut(at as usize) {
                *place = grandparent;
            }
            at = grandparent;
        }
        at
    }

    /// Joins two families; the smaller number leads, whatever the order of joining.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.of(one), self.of(other));
        if let Some(place) = self.parents.get_mut(one.max(other) as usize) {
            *place = one.min(other);
        }
    }

    /// Every document of a family of more than one, as (first of the family, document), sorted.
    fn shared(&mut self) -> Vec<(u32, u32)> {
        let mut shared = Vec::new();
        for document in 0..self.parents.len() as u32 {
            let family = self.of(document);
            if family != document {
                shared.push((family, document));
                shared.push((family, family));
            }
        }
        shared.sort_unstable();
        shared.dedup();
        shared
    }
}

/// A document that is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropped {
    /// Which.
    pub document: u32,
    /// The kept document that it is a copy of.
    pub kept: u32,
    /// Their true Jaccard similarity, at least the threshold.
    pub similarity: f64,
    /// In how many bands they agree; none where a third one brought them together.
    pub bands: u32,
}

/// A kept document with its copies.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The document that stays.
    pub kept: u32,
    /// Why it is this one, as in `the longest of 4 copies, with 1203 words`.
    pub why: String,
    /// The documents that go, in the order of the corpus.
    pub copies: Vec<Dropped>,
}

/// Which documents go, and what it took to find out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Those that go, in the order of the corpus.
    pub dropped: Vec<Dropped>,
    /// How many pairs were compared.
    pub comparisons: u64,
    /// How many times a text was loaded.
    pub loads: u64,
    /// How often a document was left uncompared with some that it met, since more than 16 distinct ones met at one key, or its
    /// family kept more than 64.
    pub uncompared: u64,
    threshold: f64,
    /// Of so many bands.
    bands: u32,
}

impl Decision {
    /// The reason of a drop, with the kept document named by its id: `similarity 0.931, 13 of 16 bands agree (a copy from 0.50): near
    /// copy of pages/a.html`.
    pub fn reason(&self, dropped: &Dropped, kept_id: &str) -> String {
        let Self { threshold, .. } = self;
        let (similarity, found_by) = (dropped.similarity, self.found_by(dropped));
        format!("similarity {similarity:.3}, {found_by} (a copy from {threshold:.2}): near copy of {kept_id}")
    }

    /// By what a copy was found: `13 of 16 bands agree`.
    pub fn found_by(&self, dropped: &Dropped) -> String {
        format!("{} of {} bands agree", dropped.bands, self.bands)
    }

    /// Every kept document that has copies, in the order of the corpus.
    pub fn clusters(&self, index: &Index) -> Vec<Cluster> {
        let mut by_kept: BTreeMap<u32, Vec<Dropped>> = BTreeMap::new();
        for dropped in &self.dropped {
            by_kept.entry(dropped.kept).or_default().push(*dropped);
        }
        let cluster = |(kept, copies): (u32, Vec<Dropped>)| {
            let number = copies.len() + 1;
            let why = match index.settings().keep {
                Keep::First => format!("the first of {number} copies"),
                Keep::Longest => format!("the longest of {number} copies, with {} words", index.words(kept)),
            };
            Cluster { kept, why, copies }
        };
        by_kept.into_iter().map(cluster).collect()
    }
}

/// In each family, keeps the preferred document, and of the others those that are like none that is kept.
pub(super) fn decide(
    index: &Index,
    families: &mut Families,
    comparer: &mut Comparer<'_>,
    mut uncompared: u64,
) -> Result<Decision> {
    let threshold = index.settings().similarity;
    let mut dropped = Vec::new();
    let mut members = Vec::new();
    let mut kept = Vec::new();
    for family in families.shared().chunk_by(|one, other| one.0 == other.0) {
        members.clear();
        members.extend(family.iter().map(|&(_, document)| document));
        index.sort_by_preference(&mut members);
        kept.clear();
        'members: for &document in &members {
            for &one in kept.iter().take(KEPT_COMPARED) {
                let similarity = comparer.similarity(one, document)?;
                if similarity >= threshold {
                    dropped.push(Dropped {
                        document,
                        kept: one,
                        similarity,
                        bands: index.agreeing(one, document),
                    });
                    continue 'members;
                }
            }
            uncompared += u64::from(kept.len() > KEPT_COMPARED);
            kept.push(document);
        }
    }
    dropped.sort_unstable_by_key(|dropped| dropped.document);
    let (comparisons, loads, bands) = (comparer.comparisons, comparer.loads, index.settings().bands);
    Ok(Decision { dropped, comparisons, loads, uncompared, threshold, bands })
}
