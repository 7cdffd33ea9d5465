//! Clusters of similar documents, and which documents of each are kept.

use std::collections::BTreeMap;

use super::Index;
use super::compare::Comparer;
use glasshouse_documents::Result;

/// Maximum number of kept documents per family that others are compared with; a document unlike all of them is kept as well.
const KEPT_COMPARED: usize = 64;

/// Union-find over documents; the root is the first document of the family.
pub(super) struct Families {
    parents: Vec<u32>,
}

impl Families {
    pub(super) fn new(documents: u32) -> Self {
        Self { parents: (0..documents).collect() }
    }

    /// The first document of a document's family; shortens the path.
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

    /// Joins two families; the smaller number becomes the root in any order of joining.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.of(one), self.of(other));
        if let Some(place) = self.parents.get_mut(one.max(other) as usize) {
            *place = one.min(other);
        }
    }

    /// All documents of families with more than one, as (first of the family, document), sorted.
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

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropped {
    pub document: u32,
    pub kept: u32,
    /// True Jaccard similarity of both documents, at least the threshold.
    pub similarity: f64,
    /// Number of equal bands; 0 if a third document brought them together.
    pub bands: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub dropped: Vec<Dropped>,
    pub comparisons: u64,
    pub loads: u64,
    threshold: f64,
    bands: u32,
}

impl Decision {
    /// The reason of a drop, with the id of the kept document: `similarity 0.931, 13 of 16 bands agree (threshold 0.50): near
    /// copy of pages/a.html`.
    pub fn reason(&self, dropped: &Dropped, kept_id: &str) -> String {
        let Self { threshold, .. } = self;
        let (similarity, found_by) = (dropped.similarity, self.found_by(dropped));
        format!("similarity {similarity:.3}, {found_by} (threshold {threshold:.2}): near copy of {kept_id}")
    }

    /// How a copy was found: `13 of 16 bands agree`.
    pub fn found_by(&self, dropped: &Dropped) -> String {
        format!("{} of {} bands agree", dropped.bands, self.bands)
    }

    /// The copies of each kept document.
    pub fn clusters(&self) -> BTreeMap<u32, Vec<Dropped>> {
        let mut clusters: BTreeMap<u32, Vec<Dropped>> = BTreeMap::new();
        for dropped in &self.dropped {
            clusters.entry(dropped.kept).or_default().push(*dropped);
        }
        clusters
    }
}

/// Keeps the first document of each family, and those that are not similar to a kept one.
pub(super) fn decide(
    index: &Index,
    families: &mut Families,
    comparer: &mut Comparer<'_>,
) -> Result<Decision> {
    let threshold = index.settings.similarity;
    let mut dropped = Vec::new();
    let mut kept = Vec::new();
    for family in families.shared().chunk_by(|one, other| one.0 == other.0) {
        kept.clear();
        'members: for &(_, document) in family {
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
            kept.push(document);
        }
    }
    dropped.sort_unstable_by_key(|dropped| dropped.document);
    let (comparisons, loads) = (comparer.cache.comparisons, comparer.cache.loads);
    let bands = index.settings.bands;
    Ok(Decision { dropped, comparisons, loads, threshold, bands })
}
