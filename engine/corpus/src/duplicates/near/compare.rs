//! True similarity: compares the sets of shingles.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::super::shingles::Shingles;
use super::super::words;
use super::Index;
use super::cluster::Families;
use super::index::BATCH;
use glasshouse_documents::{Error, Result};

/// Bytes of cached sets.
const HELD_BYTES: usize = 64 << 20;
/// Words of the documents read together, about 12 MB of text, unless one has more.
const WORDS_AHEAD: u64 = 2_000_000;
/// Number of remembered comparisons, so that a pair that meets in several bands is compared once: about 25 MB.
const REMEMBERED: usize = 1 << 20;

/// A document's shingles, sorted and without duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    pub(super) fn of(text: &str, shingle_words: usize) -> Self {
        let mut shingles = Shingles::new(shingle_words);
        let mut hashes = Vec::new();
        words::scan(text, &mut |word| hashes.extend(shingles.take(word)));
        hashes.extend(shingles.short());
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// Jaccard similarity.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let mut others = other.0.iter().peekable();
        let is_shared = |hash: &&u64| {
            while others.next_if(|other| other < hash).is_some() {}
            others.peek() == Some(hash)
        };
        let both = self.0.iter().filter(is_shared).count();
        let either = self.0.len() + other.0.len() - both;
        if either == 0 { 0.0 } else { both as f64 / either as f64 }
    }
}

pub(super) type Load<'a> = &'a mut dyn FnMut(&[u32]) -> Result<Vec<String>>;

/// Sets and results of comparisons.
#[derive(Default)]
pub(super) struct Cache {
    held: FxHashMap<u32, Arc<Set>>,
    held_order: VecDeque<u32>,
    held_bytes: usize,
    found: FxHashMap<u64, f64>,
    pub(super) comparisons: u64,
    pub(super) loads: u64,
}

pub(super) struct Comparer<'a> {
    pub(super) index: &'a Index,
    pub(super) load: Load<'a>,
    pub(super) cache: &'a mut Cache,
}

impl Comparer<'_> {
    /// Whether the documents of a bucket need no comparison: they are one family, or a pair that was compared.
    pub(super) fn is_settled(&self, members: &[u32], families: &mut Families) -> bool {
        if let &[one, other] = members
            && self.cache.found.contains_key(&pair(one, other))
        {
            return true;
        }
        let mut all = members.iter().map(|&member| families.of(member));
        let first = all.next();
        all.all(|family| Some(family) == first)
    }

    /// Reads documents that will be compared soon, and shingles them on all threads.
    pub(super) fn read_ahead(&mut self, documents: &[u32]) -> Result<()> {
        let mut wanted: Vec<u32> =
            documents.iter().copied().filter(|one| !self.cache.held.contains_key(one)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let mut words = 0;
            let fitting = rest.iter().take(BATCH).take_while(|&&document| {
                words += u64::from(self.index.words(document));
                words <= WORDS_AHEAD
            });
            let (batch, later) = rest.split_at(fitting.count().max(1));
            rest = later;
            let texts = (self.load)(batch)?;
            let length = self.index.settings.shingle_words as usize;
            let sets: Vec<Set> = texts.par_iter().map(|text| Set::of(text, length)).collect();
            self.cache.loads += batch.len() as u64;
            for (&document, set) in batch.iter().zip(sets) {
                self.hold(document, Arc::new(set));
            }
        }
        Ok(())
    }

    fn hold(&mut self, document: u32, set: Arc<Set>) {
        self.cache.held_bytes += set.0.len() * 8;
        self.cache.held.insert(document, set);
        self.cache.held_order.push_back(document);
        while self.cache.held_bytes > HELD_BYTES
            && self.cache.held_order.len() > 2
            && let Some(oldest) = self.cache.held_order.pop_front()
        {
            self.cache.held_bytes -= self.cache.held.remove(&oldest).map_or(0, |set| set.0.len() * 8);
        }
    }

    fn set(&mut self, document: u32) -> Result<Arc<Set>> {
        if !self.cache.held.contains_key(&document) {
            self.read_ahead(&[document])?;
        }
        let missing = || Error::Refused(format!("document {document} could not be read again to compare it"));
        self.cache.held.get(&document).map(Arc::clone).ok_or_else(missing)
    }

    pub(super) fn similarity(&mut self, one: u32, other: u32) -> Result<f64> {
        let pair = pair(one, other);
        if let Some(&similarity) = self.cache.found.get(&pair) {
            return Ok(similarity);
        }
        let (first, second) = (self.set(one)?, self.set(other)?);
        let similarity = first.similarity(&second);
        self.cache.comparisons += 1;
        if self.cache.found.len() < REMEMBERED {
            self.cache.found.insert(pair, similarity);
        }
        Ok(similarity)
    }
}

fn pair(one: u32, other: u32) -> u64 {
    u64::from(one.min(other)) << 32 | u64::from(one.max(other))
}
