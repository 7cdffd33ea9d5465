//! Exact duplicates: documents that are equal up to case, punctuation and white space; documents below 50 words, in which a sign may
//! be the whole difference, up to case and white space; source code byte for byte.
//!
//! Each document is reduced to a 128-bit hash of its words in order; a document with the hash of an earlier one is dropped at
//! once, so that nothing is read twice. Among a thousand million documents, the probability that any two different ones share a
//! hash is below 10⁻¹⁰ (96 of the bits are compared). The hash is fixed and public: it protects against chance, not against
//! crafted collisions, which would achieve no more than submitting a copy.

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::words::{self, FIRST_FACTOR, SECOND_FACTOR, Visitor, mixed};
use glasshouse_documents::Result;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    #[default = true]
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl Fingerprint {
    /// Hashes a text: equal for texts that differ only in case and white space, and from 50 words on also in punctuation.
    pub fn of_words(text: &str) -> Self {
        let mut lanes = Lanes::default();
        words::scan(text, &mut lanes);
        lanes.finish(text)
    }

    pub fn of_bytes(text: &str) -> Self {
        let mut lanes = Lanes::default();
        let (chunks, rest) = text.as_bytes().as_chunks::<8>();
        for chunk in chunks {
            lanes.add(u64::from_le_bytes(*chunk), BYTES);
        }
        let mut last = [0; 8];
        for (into, &byte) in last.iter_mut().zip(rest) {
            *into = byte;
        }
        lanes.add(u64::from_le_bytes(last), BYTES);
        lanes.add(text.len() as u64, BYTES);
        lanes.value()
    }
}

/// Number of words below which punctuation counts: `-5 °C` is no copy of `5 °C`.
pub(super) const SHORT: u32 = 50;

/// Distinguishes the last chunk of a word from one that continues.
const CONTINUES: u64 = 0xD6E8_FEB8_6659_FD93;
/// Distinguishes bytes from words.
const BYTES: u64 = 0xA076_1D64_78BD_642F;

/// Two 64-bit hashes that process the same chunks differently.
#[derive(Clone, Copy, Debug, SmartDefault)]
pub(super) struct Lanes {
    #[default(SECOND_FACTOR)]
    first: u64,
    #[default(FIRST_FACTOR)]
    second: u64,
    pub(super) words: u32,
}

impl Lanes {
    #[inline(always)]
    fn add(&mut self, chunk: u64, kind: u64) {
        self.first = mixed(self.first ^ chunk, FIRST_FACTOR ^ kind).rotate_left(29);
        self.second = mixed(self.second.wrapping_add(chunk.rotate_left(32)), SECOND_FACTOR ^ kind)
            .rotate_left(17)
            ^ chunk;
    }

    fn value(self) -> Fingerprint {
        let first = mixed(self.first ^ self.second.rotate_left(32), SECOND_FACTOR);
        let second = mixed(self.second ^ 0xE703_7ED1_A0B4_28DB, FIRST_FACTOR) ^ self.first;
        Fingerprint(u128::from(first) << 64 | u128::from(second))
    }

    pub(super) fn is_short(&self) -> bool {
        self.words < SHORT
    }

    /// The hash of the words, or of a short text.
    pub(super) fn finish(self, text: &str) -> Fingerprint {
        if !self.is_short() {
            return self.value();
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            Fingerprint::of_bytes(text)
        } else {
            Fingerprint::of_bytes(&words.join(" ").to_lowercase())
        }
    }
}

impl Visitor for Lanes {
    #[inline(always)]
    fn chunk(&mut self, packed: u64, continues: bool) {
        self.add(packed, if continues { CONTINUES } else { 0 });
    }

    #[inline(always)]
    fn word(&mut self, _hash: u64) {
        self.words = self.words.saturating_add(1);
    }
}

pub const BYTES_PER_DOCUMENT: u64 = 39;

/// The documents seen so far by 96 bits of their hash: between 19 and 39 bytes for each kept document, nothing for a copy.
#[derive(Clone, Debug, Default)]
pub struct ExactIndex {
    seen: FxHashMap<[u32; 3], u32>,
}

impl ExactIndex {
    /// Returns the number of the earlier document with this hash, or stores this one and returns `None`.
    pub fn first(&mut self, fingerprint: Fingerprint, document: u32) -> Result<Option<u32>> {
        if document == u32::MAX {
            return Err(super::too_many());
        }
        let bits = fingerprint.0;
        let key = [(bits >> 96) as u32, (bits >> 64) as u32, (bits >> 32) as u32];
        Ok(match self.seen.entry(key) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(document);
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_copies_ignore_case_and_space_long_ones_also_punctuation() {
        let (plain, marked) = ("it was the best of times ", "It was the best of times;\r\n ");
        let plain = |times: usize| Fingerprint::of_words(&plain.repeat(times));
        assert_ne!(plain(2), Fingerprint::of_words(&marked.repeat(2)));
        assert_eq!(plain(2), Fingerprint::of_words("It was the best of times\r\n IT was the best of times"));
        assert_eq!(plain(9), Fingerprint::of_words(&marked.repeat(9)));
        for (one, other) in [("T = -5 °C", "T = 5 °C"), ("if a > b", "if a < b"), ("แม่", "ไม่")]
        {
            assert_ne!(Fingerprint::of_words(one), Fingerprint::of_words(other));
        }
        let plain = Fingerprint::of_words("it was the best of times it was the worst of times");
        assert_ne!(plain, Fingerprint::of_words("it was the best of times it was the worst of time"));
        assert_ne!(Fingerprint::of_words("ab c"), Fingerprint::of_words("a bc"));
        assert_ne!(Fingerprint::of_words("a b"), Fingerprint::of_words("b a"));
        assert_ne!(Fingerprint::of_words("abcdefgh ij"), Fingerprint::of_words("abcdefghij"));
        assert_ne!(Fingerprint::of_words("-----"), Fingerprint::of_words("*****"));
        assert_ne!(Fingerprint::of_words(""), Fingerprint::of_words(" "));
        assert_ne!(Fingerprint::of_bytes("a,b"), Fingerprint::of_bytes("a;b"));
        assert_ne!(Fingerprint::of_bytes("a"), Fingerprint::of_bytes("a\0"));
    }

    #[test]
    fn every_bit_of_a_hash_depends_on_a_word() {
        let mut counts = [0_u32; 128];
        for number in 0..4096_u32 {
            let one = Fingerprint::of_words(&format!("page {number} of the book")).0;
            let other = Fingerprint::of_words(&format!("page {} of the book", number + 1)).0;
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += u32::from((one ^ other) >> bit & 1 == 1);
            }
        }
        // A fair coin tossed 4096 times: mean 2048, deviation 32; five deviations on either side.
        assert!(counts.iter().all(|count| (1888..=2208).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_first_is_named_and_the_bytes_are_as_stated() {
        let mut index = ExactIndex::default();
        for document in 0..100_000_u32 {
            let earlier =
                index.first(Fingerprint::of_words(&format!("text {}", document % 60_000)), document).unwrap();
            assert_eq!(earlier, (document >= 60_000).then(|| document - 60_000));
        }
        // Of each bucket an entry and a control byte; seven eighths of them are filled.
        let buckets = index.seen.capacity() * 8 / 7;
        let bytes_each = (buckets * (size_of::<([u32; 3], u32)>() + 1)) as f64 / 60_000.0;
        assert!((19.0..=39.0).contains(&bytes_each), "{bytes_each}");
        assert!(index.first(Fingerprint(1), u32::MAX).unwrap_err().to_string().contains("in parts"));
    }
}
