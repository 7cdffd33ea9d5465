//! The n-grams of all items, and their lookup in documents.

use rustc_hash::FxHashMap;

use super::super::shingles::Shingles;
use super::super::words;
use super::Settings;

/// Maximum number of distinct n-grams, about half a gigabyte; evaluation sets have a hundredth of it.
pub(super) const MAX_NGRAMS: usize = 1 << 24;
/// Number of finds in a document after which duplicates are merged.
const FINDS: usize = 1 << 16;
/// Sampled documents that must share an n-gram before it is extrapolated to the documents between them.
const SAMPLED: u32 = 3;

#[derive(Clone, Debug)]
pub struct Set {
    settings: Settings,
    items: Vec<Item>,
    ngrams: FxHashMap<u64, Link>,
    /// Bitmap with the bits of the n-grams' hashes, 16 to 32 bits per n-gram: rejects nearly all n-grams of a document with one
    /// lookup in cache.
    sieve: Vec<u64>,
    /// Further items of n-grams that several have.
    more: Vec<Link>,
    /// Number of items by n-gram length: short items have n-grams of their own length.
    lengths: Vec<u32>,
    max_ngrams: usize,
    /// Number of items left out: too short, or the set is full.
    pub left_out: u64,
}

#[derive(Clone, Debug)]
struct Item {
    id: String,
    ngrams: u32,
}

/// An item with an n-gram, and the index of the next one.
#[derive(Clone, Copy, Debug)]
struct Link {
    item: u32,
    more: u32,
}

const NONE: u32 = u32::MAX;
/// The n-gram is in too many items and does not count.
const COMMON: u32 = u32::MAX - 1;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap<'a> {
    /// The item's id, for example `questions.jsonl#17`.
    pub item: &'a str,
    /// Number of n-grams of the item in the document.
    pub ngrams: u32,
    pub item_ngrams: u32,
    pub document_ngrams: u64,
}

impl Overlap<'_> {
    pub fn item_share(&self) -> f64 {
        f64::from(self.ngrams) / f64::from(self.item_ngrams.max(1))
    }

    pub fn document_share(&self) -> f64 {
        f64::from(self.ngrams) / self.document_ngrams.max(1) as f64
    }

    /// Of the item or of the document, whichever is larger.
    fn share(&self) -> f64 {
        self.item_share().max(self.document_share())
    }
}

impl std::fmt::Display for Overlap<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { item, ngrams, item_ngrams, .. } = self;
        let (of_item, of_document) = (100.0 * self.item_share(), 100.0 * self.document_share());
        write!(
            formatter,
            "has {ngrams} of the {item_ngrams} n-grams of {item}: {of_item:.0} % of it, {of_document:.0} % of the document"
        )
    }
}

impl Set {
    pub fn empty(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            items: Vec::new(),
            ngrams: FxHashMap::default(),
            sieve: vec![0; 64],
            more: Vec::new(),
            lengths: vec![0; settings.words as usize + 1],
            max_ngrams: MAX_NGRAMS,
            left_out: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn with_room_for(settings: &Settings, max_ngrams: usize) -> Self {
        Self { max_ngrams, ..Self::empty(settings) }
    }

    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Whether the set is full, so that further items are left out.
    pub fn is_full(&self) -> bool {
        self.ngrams.len() >= self.max_ngrams
    }

    pub fn ngrams(&self) -> usize {
        self.ngrams.len()
    }

    pub fn add(&mut self, id: &str, text: &str) {
        let most = self.settings.words as usize;
        let mut count = 0_usize;
        words::scan(text, &mut |_: u64| count += 1);
        let number = self.items.len() as u32;
        if count < self.settings.smallest_item_words as usize || self.is_full() || number == COMMON {
            self.left_out += 1;
            return;
        }
        let length = count.min(most);
        let mut shingles = Shingles::new(length);
        let mut hashes = Vec::new();
        words::scan(text, &mut |word: u64| {
            hashes.extend(shingles.take(word));
        });
        hashes.sort_unstable();
        hashes.dedup();
        self.items.push(Item { id: id.to_owned(), ngrams: 0 });
        hashes.into_iter().for_each(|hash| self.add_ngram(hash, number));
        if let Some(items) = self.lengths.get_mut(length) {
            *items += 1;
        }
    }

    fn add_ngram(&mut self, hash: u64, item: u32) {
        let Some(holder) = self.ngrams.get_mut(&hash) else {
            self.ngrams.insert(hash, Link { item, more: NONE });
            if self.ngrams.len() * 16 > self.sieve.len() * 64 {
                self.sieve = vec![0; 2 * self.sieve.len()];
                // The order of setting bits does not matter.
                for &hash in self.ngrams.keys() {
                    pass(&mut self.sieve, hash);
                }
            } else {
                pass(&mut self.sieve, hash);
            }
            self.count(item, 1);
            return;
        };
        if holder.more == COMMON {
            return;
        }
        let (first, more) = (holder.item, holder.more);
        let others: Vec<u32> = chain(&self.more, more).collect();
        if others.len() + 2 > self.settings.common_items as usize {
            holder.more = COMMON;
            self.count(first, -1);
            for other in others {
                self.count(other, -1);
            }
        } else if let Ok(at) = u32::try_from(self.more.len()) {
            holder.more = at;
            self.more.push(Link { item, more });
            self.count(item, 1);
        }
    }

    fn count(&mut self, item: u32, change: i32) {
        if let Some(item) = self.items.get_mut(item as usize) {
            item.ngrams = item.ngrams.saturating_add_signed(change);
        }
    }

    /// Number of distinct n-grams of an item that count. Items are numbered in order of addition, without
    /// those left out.
    pub fn item_ngrams(&self, item: u32) -> u32 {
        self.items.get(item as usize).map_or(0, |item| item.ngrams)
    }

    /// Calls `found` for every n-gram of a text that is in items, with each item and the n-gram's hash, once per occurrence.
    /// Returns the number of n-grams of the text.
    pub fn visit(&self, text: &str, mut found: impl FnMut(u32, u64)) -> u64 {
        let in_use = self.lengths.iter().enumerate().filter(|(_, items)| **items > 0);
        let mut shingles: Vec<Shingles> = in_use.map(|(length, _)| Shingles::new(length)).collect();
        let mut count = 0_u64;
        words::scan(text, &mut |word: u64| {
            count += 1;
            for shingles in &mut shingles {
                if let Some(hash) = shingles.take(word)
                    && passes(&self.sieve, hash)
                    && let Some(holder) = self.ngrams.get(&hash)
                    && holder.more != COMMON
                {
                    found(holder.item, hash);
                    chain(&self.more, holder.more).for_each(|item| found(item, hash));
                }
            }
        });
        (count + 1).saturating_sub(u64::from(self.settings.words)).max(1)
    }

    /// The distinct n-grams of a text that are in items; empty if they are nearly all of it, since it is a copy then.
    pub fn shared(&self, text: &str) -> Vec<u64> {
        let mut ngrams = Vec::new();
        let own = self.visit(text, |_, hash| ngrams.push(hash));
        ngrams.sort_unstable();
        ngrams.dedup();
        if ngrams.len() as u64 * 5 > own * 4 {
            ngrams.clear();
        }
        ngrams
    }

    /// Ignores n-grams that occur in too many of a corpus's `documents`, given the count of each in every `step`-th document:
    /// in more than a twentieth, but at least two, or in more than `common_items`. Fewer than three sampled documents are not
    /// extrapolated.
    pub fn pass_over(&mut self, counts: impl IntoIterator<Item = (u64, u32)>, step: u32, documents: usize) {
        let most = ((documents / 20).max(2) as u32).min(self.settings.common_items);
        let all = |count: u32| if count < SAMPLED { count } else { count.saturating_mul(step) };
        for (hash, _) in counts.into_iter().filter(|(_, count)| all(*count) > most) {
            let Some(holder) = self.ngrams.get_mut(&hash).filter(|holder| holder.more != COMMON) else {
                continue;
            };
            let (first, more) = (holder.item, std::mem::replace(&mut holder.more, COMMON));
            let others: Vec<u32> = chain(&self.more, more).collect();
            std::iter::once(first).chain(others).for_each(|item| self.count(item, -1));
        }
    }

    /// The largest overlap that reaches the thresholds, by share, then by number of n-grams.
    pub fn contaminating(&self, text: &str) -> Option<Overlap<'_>> {
        let Settings { minimum_ngrams, share, .. } = self.settings;
        self.largest(text, |overlap| overlap.ngrams >= minimum_ngrams && overlap.share() >= share)
    }

    pub(super) fn largest(&self, text: &str, counts: impl Fn(&Overlap<'_>) -> bool) -> Option<Overlap<'_>> {
        if self.ngrams.is_empty() {
            return None;
        }
        let mut found: Vec<(u32, u64)> = Vec::new();
        let mut room = FINDS;
        let document_ngrams = self.visit(text, |item, hash| {
            found.push((item, hash));
            if found.len() > room {
                found.sort_unstable();
                found.dedup();
                room = FINDS.max(2 * found.len());
            }
        });
        found.sort_unstable();
        found.dedup();
        let mut best: Option<Overlap<'_>> = None;
        for group in found.chunk_by(|one, other| one.0 == other.0) {
            let Some(item) = group.first().and_then(|(item, _)| self.items.get(*item as usize)) else {
                continue;
            };
            let ngrams = u32::try_from(group.len()).unwrap_or(u32::MAX);
            let overlap = Overlap { item: &item.id, ngrams, item_ngrams: item.ngrams, document_ngrams };
            let size = |overlap: &Overlap<'_>| (overlap.share(), overlap.ngrams);
            if counts(&overlap) && best.as_ref().is_none_or(|best| size(&overlap) > size(best)) {
                best = Some(overlap);
            }
        }
        best
    }
}

fn pass(sieve: &mut [u64], hash: u64) {
    let at = (hash >> 32) as usize & (sieve.len() - 1);
    if let Some(bits) = sieve.get_mut(at) {
        *bits |= 1 << (hash >> 26 & 63);
    }
}

fn passes(sieve: &[u64], hash: u64) -> bool {
    let at = (hash >> 32) as usize & (sieve.len() - 1);
    sieve.get(at).is_some_and(|bits| bits >> (hash >> 26 & 63) & 1 == 1)
}

/// Items of a linked list, which ends at `NONE` or `COMMON`: neither is a valid index.
fn chain(links: &[Link], at: u32) -> impl Iterator<Item = u32> {
    let link = move |at: u32| links.get(at as usize);
    std::iter::successors(link(at), move |last| link(last.more)).map(|link| link.item)
}
