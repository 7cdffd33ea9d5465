//! The n-grams of all items, and their lookup in documents.

use rustc_hash::FxHashMap;

use super::super::shingles::Shingles;
use super::super::words;
use super::Settings;

/// Maximum number of distinct n-grams, about half a gigabyte; evaluation sets have a hundredth of it.
pub(super) const MAX_RUNS: usize = 1 << 24;
/// Number of finds in a document after which duplicates are merged.
const FINDS: usize = 1 << 16;
/// Sampled documents that must share an n-gram before it is extrapolated to the documents between them.
const SAMPLED: u32 = 3;

#[derive(Clone, Debug)]
pub struct Set {
    settings: Settings,
    items: Vec<Item>,
    runs: FxHashMap<u64, Link>,
    /// Bitmap with the bits of the n-grams' hashes, 16 to 32 bits per n-gram: rejects nearly all n-grams of a document with one
    /// lookup in cache.
    sieve: Vec<u64>,
    /// Further items of n-grams that several have.
    more: Vec<Link>,
    /// Number of items by n-gram length: short items have n-grams of their own length.
    lengths: Vec<u32>,
    most_runs: usize,
    /// Number of items left out: too short, or the set is full.
    pub left_out: u64,
}

#[derive(Clone, Debug)]
struct Item {
    id: String,
    runs: u32,
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

#[derive(Clone, Debug, PartialEq)]
pub struct Overlap {
    /// The item's id, for example `questions.jsonl#17`.
    pub item: String,
    pub runs: u32,
    /// Number of its n-grams.
    pub item_runs: u32,
    /// Number of n-grams of the document.
    pub document_runs: u64,
}

impl Overlap {
    pub fn item_share(&self) -> f64 {
        f64::from(self.runs) / f64::from(self.item_runs.max(1))
    }

    pub fn document_share(&self) -> f64 {
        f64::from(self.runs) / self.document_runs.max(1) as f64
    }
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { item, runs, item_runs, .. } = self;
        let (of_item, of_document) = (100.0 * self.item_share(), 100.0 * self.document_share());
        write!(
            formatter,
            "has {runs} of the {item_runs} runs of words of {item}: {of_item:.0} % of it, {of_document:.0} % of the document"
        )
    }
}

impl Set {
    pub fn empty(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            items: Vec::new(),
            runs: FxHashMap::default(),
            sieve: vec![0; 64],
            more: Vec::new(),
            lengths: vec![0; settings.words as usize + 1],
            most_runs: MAX_RUNS,
            left_out: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn with_room_for(settings: &Settings, most_runs: usize) -> Self {
        Self { most_runs, ..Self::empty(settings) }
    }

    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Whether the set is full, so that further items are left out.
    pub fn is_full(&self) -> bool {
        self.runs.len() >= self.most_runs
    }

    pub fn runs(&self) -> usize {
        self.runs.len()
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
        self.items.push(Item { id: id.to_owned(), runs: 0 });
        hashes.into_iter().for_each(|hash| self.add_run(hash, number));
        if let Some(items) = self.lengths.get_mut(length) {
            *items += 1;
        }
    }

    fn add_run(&mut self, hash: u64, item: u32) {
        let Some(holder) = self.runs.get_mut(&hash) else {
            self.runs.insert(hash, Link { item, more: NONE });
            if self.runs.len() * 16 > self.sieve.len() * 64 {
                self.sieve = vec![0; 2 * self.sieve.len()];
                // The order of setting bits does not matter.
                for &hash in self.runs.keys() {
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
            item.runs = item.runs.saturating_add_signed(change);
        }
    }

    /// Number of distinct n-grams of an item that count. Items are numbered in order of addition, without
    /// those left out.
    pub fn item_runs(&self, item: u32) -> u32 {
        self.items.get(item as usize).map_or(0, |item| item.runs)
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
                    && let Some(holder) = self.runs.get(&hash)
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
        let mut runs = Vec::new();
        let own = self.visit(text, |_, hash| runs.push(hash));
        runs.sort_unstable();
        runs.dedup();
        if runs.len() as u64 * 5 > own * 4 {
            runs.clear();
        }
        runs
    }

    /// Ignores n-grams that occur in too many of a corpus's `documents`, given the count of each in every `step`-th document:
    /// in more than a twentieth, but at least two, or in more than `common_items`. Fewer than three sampled documents are not
    /// extrapolated.
    pub fn pass_over(&mut self, counts: impl IntoIterator<Item = (u64, u32)>, step: u32, documents: usize) {
        let most = ((documents / 20).max(2) as u32).min(self.settings.common_items);
        let all = |count: u32| if count < SAMPLED { count } else { count.saturating_mul(step) };
        for (hash, _) in counts.into_iter().filter(|(_, count)| all(*count) > most) {
            let Some(holder) = self.runs.get_mut(&hash).filter(|holder| holder.more != COMMON) else {
                continue;
            };
            let (first, more) = (holder.item, std::mem::replace(&mut holder.more, COMMON));
            let others: Vec<u32> = chain(&self.more, more).collect();
            std::iter::once(first).chain(others).for_each(|item| self.count(item, -1));
        }
    }

    /// The item with the largest overlap, by fraction, then by number of n-grams; `None` if no n-gram is shared.
    pub fn find(&self, text: &str) -> Option<Overlap> {
        if self.runs.is_empty() {
            return None;
        }
        let mut found: Vec<(u32, u64)> = Vec::new();
        let mut room = FINDS;
        let document_runs = self.visit(text, |item, hash| {
            found.push((item, hash));
            if found.len() > room {
                found.sort_unstable();
                found.dedup();
                room = FINDS.max(2 * found.len());
            }
        });
        found.sort_unstable();
        found.dedup();
        let mut best: Option<(f64, &Item, u32)> = None;
        for group in found.chunk_by(|one, other| one.0 == other.0) {
            let Some(item) = group.first().and_then(|(item, _)| self.items.get(*item as usize)) else {
                continue;
            };
            let runs = u32::try_from(group.len()).unwrap_or(u32::MAX);
            let share = f64::from(runs) / (f64::from(item.runs.max(1))).min(document_runs as f64);
            if best.is_none_or(|(most, _, most_runs)| (share, runs) > (most, most_runs)) {
                best = Some((share, item, runs));
            }
        }
        best.map(|(_, item, runs)| Overlap {
            item: item.id.clone(),
            runs,
            item_runs: item.runs,
            document_runs,
        })
    }

    /// Whether an overlap reaches the thresholds of the settings.
    pub fn is_contaminated(&self, overlap: &Overlap) -> bool {
        overlap.runs >= self.settings.runs
            && overlap.item_share().max(overlap.document_share()) >= self.settings.share
    }

    /// The largest overlap, if it reaches the thresholds, regardless of the action.
    pub fn contaminating(&self, text: &str) -> Option<Overlap> {
        self.find(text).filter(|overlap| self.is_contaminated(overlap))
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
