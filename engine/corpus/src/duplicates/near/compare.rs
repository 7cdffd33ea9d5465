//! True similarity: the sets of shingles themselves, compared.

use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::shingles::Shingles;
use super::super::words;
use crate::Result;

/// The most shingles held of one document, 8 MB. Beyond, every second one is left out by its hash, and of those every second
/// again: the same ones in each document, so that the similarity of what is left is within 0.002 of the whole.
const LARGEST_SET: usize = 1 << 20;
/// Bytes of sets held for the next comparison.
const HELD_BYTES: usize = 64 << 20;
/// Comparisons remembered, so that a pair that meets in several bands is compared once: about 25 MB.
const REMEMBERED: usize = 1 << 20;

/// The shingles of a document, sorted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    hashes: Vec<u64>,
    /// Only hashes whose lowest so many bits are zero are held.
    thinned: u32,
}

impl Set {
    pub(super) fn of(text: &str, shingle_words: usize) -> Self {
        Self::at_most(text, shingle_words, LARGEST_SET)
    }

    pub(super) fn at_most(text: &str, shingle_words: usize, largest: usize) -> Self {
        let mut set = Self { hashes: Vec::new(), thinned: 0 };
        let mut shingles = Shingles::new(shingle_words);
        words::scan(text, &mut |word| {
            if let Some(hash) = shingles.take(word)
                && has_zeros(hash, set.thinned)
            {
                set.hashes.push(hash);
                if set.hashes.len() >= 2 * largest {
                    set.thin(largest);
                }
            }
        });
        set.hashes.extend(shingles.short());
        set.thin(largest);
        set
    }

    /// Sorts, and thins until no more than so many are left.
    fn thin(&mut self, largest: usize) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        while self.hashes.len() > largest {
            self.thinned += 1;
            self.hashes.retain(|&hash| has_zeros(hash, self.thinned));
        }
    }

    /// Shingles in both over shingles in either: exact unless a set was thinned.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let thinned = self.thinned.max(other.thinned);
        let mut one = self.hashes.iter().filter(|&&hash| has_zeros(hash, thinned)).peekable();
        let mut two = other.hashes.iter().filter(|&&hash| has_zeros(hash, thinned)).peekable();
        let (mut both, mut either) = (0_u64, 0_u64);
        loop {
            match (one.peek(), two.peek()) {
                (Some(first), Some(second)) => {
                    let order = first.cmp(second);
                    both += u64::from(order.is_eq());
                    if order.is_le() {
                        one.next();
                    }
                    if order.is_ge() {
                        two.next();
                    }
                }
                (Some(_), None) => drop(one.next()),
                (None, Some(_)) => drop(two.next()),
                (None, None) => break,
            }
            either += 1;
        }
        if either == 0 { 0.0 } else { both as f64 / either as f64 }
    }
}

fn has_zeros(hash: u64, count: u32) -> bool {
    hash.trailing_zeros() >= count
}

/// Loads the text of a document by its number.
pub(super) type Load<'a> = &'a mut dyn FnMut(u32) -> Result<String>;

/// Compares documents, and remembers what it lately read and found.
pub(super) struct Comparer<'a> {
    load: Load<'a>,
    shingle_words: usize,
    held: FxHashMap<u32, Rc<Set>>,
    held_order: VecDeque<u32>,
    held_bytes: usize,
    found: FxHashMap<u64, f64>,
    pub(super) comparisons: u64,
    pub(super) loads: u64,
}

impl<'a> Comparer<'a> {
    pub(super) fn new(shingle_words: u32, load: Load<'a>) -> Self {
        Self {
            load,
            shingle_words: shingle_words as usize,
            held: FxHashMap::default(),
            held_order: VecDeque::new(),
            held_bytes: 0,
            found: FxHashMap::default(),
            comparisons: 0,
            loads: 0,
        }
    }

    fn set(&mut self, document: u32) -> Result<Rc<Set>> {
        if let Some(set) = self.held.get(&document) {
            return Ok(Rc::clone(set));
        }
        let text = (self.load)(document)?;
        self.loads += 1;
        let set = Rc::new(Set::of(&text, self.shingle_words));
        self.held_bytes += set.hashes.len() * 8;
        self.held.insert(document, Rc::clone(&set));
        self.held_order.push_back(document);
        while self.held_bytes > HELD_BYTES
            && self.held_order.len() > 2
            && let Some(oldest) = self.held_order.pop_front()
        {
            self.held_bytes -= self.held.remove(&oldest).map_or(0, |set| set.hashes.len() * 8);
        }
        Ok(set)
    }

    /// The true similarity of two documents.
    pub(super) fn similarity(&mut self, one: u32, other: u32) -> Result<f64> {
        let pair = u64::from(one.min(other)) << 32 | u64::from(one.max(other));
        if let Some(&similarity) = self.found.get(&pair) {
            return Ok(similarity);
        }
        let (first, second) = (self.set(one)?, self.set(other)?);
        let similarity = first.similarity(&second);
        self.comparisons += 1;
        if self.found.len() < REMEMBERED {
            self.found.insert(pair, similarity);
        }
        Ok(similarity)
    }
}
