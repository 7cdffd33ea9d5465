//! Documents that are the same but for case, punctuation and white space; source code, that is the same to the byte.
//!
//! Each document is reduced to a hash of 128 bits of its words, in order; a later one with the hash of an earlier one is
//! dropped at once, so that nothing has to be read twice. Among a thousand million documents, the chance that any two that
//! differ share a hash is below one in 10¹³ (104 of the bits are compared).
//! The hash is fixed and public: it guards against chance, and someone who wants a document of theirs to count as a copy
//! could as well submit a copy.

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::table::{Entry, ShardedSet};
use super::words::{self, FIRST_FACTOR, SECOND_FACTOR, Visitor, mixed};
use crate::Result;

/// The recipe's table `[duplicates.exact]`.
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether later copies are dropped.
    #[default = true]
    pub enabled: bool,
    /// Whether case, punctuation and white space are folded before comparing, see [the words](super::Marker); without it, only
    /// documents that agree byte for byte are copies, as for source code in any case.
    #[default = true]
    pub normalised: bool,
}

/// A document's hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl Fingerprint {
    /// Of a text's words: the same for texts that differ only in case, punctuation and white space. A text without words is
    /// hashed as it is, so that a page of dashes and a page of stars stay two pages.
    pub fn of_words(text: &str) -> Self {
        let mut lanes = Lanes::default();
        words::scan(text, &mut lanes);
        lanes.finish(text)
    }

    /// Of a text as it is.
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

/// Tells the last chunk of a word from one that goes on.
const CONTINUES: u64 = 0xD6E8_FEB8_6659_FD93;
/// Tells bytes from words.
const BYTES: u64 = 0xA076_1D64_78BD_642F;

/// Two hashes of 64 bits that take in the same chunks in different ways.
#[derive(Clone, Copy, Debug, SmartDefault)]
pub(super) struct Lanes {
    #[default(SECOND_FACTOR)]
    first: u64,
    #[default(FIRST_FACTOR)]
    second: u64,
    any: bool,
}

impl Lanes {
    #[inline(always)]
    fn add(&mut self, chunk: u64, kind: u64) {
        self.first = mixed(self.first ^ chunk, FIRST_FACTOR ^ kind).rotate_left(29);
        self.second = mixed(self.second.wrapping_add(chunk.rotate_left(32)), SECOND_FACTOR ^ kind)
            .rotate_left(17)
            ^ chunk;
        self.any = true;
    }

    fn value(self) -> Fingerprint {
        let first = mixed(self.first ^ self.second.rotate_left(32), SECOND_FACTOR);
        let second = mixed(self.second ^ 0xE703_7ED1_A0B4_28DB, FIRST_FACTOR) ^ self.first;
        Fingerprint(u128::from(first) << 64 | u128::from(second))
    }

    /// The hash of the words taken in, or of the text where there were none.
    pub(super) fn finish(self, text: &str) -> Fingerprint {
        if self.any { self.value() } else { Fingerprint::of_bytes(text) }
    }
}

impl Visitor for Lanes {
    #[inline(always)]
    fn chunk(&mut self, packed: u64, continues: bool) {
        self.add(packed, if continues { CONTINUES } else { 0 });
    }

    #[inline(always)]
    fn word(&mut self, _hash: u64) {}
}

/// The most bytes that [`ExactIndex`] takes for each document kept.
pub const BYTES_PER_DOCUMENT: u64 = 24;

/// The documents seen so far, each under its hash: between 19 and 24 bytes for each that was kept, nothing for a copy.
#[derive(Clone, Debug)]
pub struct ExactIndex {
    seen: ShardedSet<SeenDocument>,
}

/// 96 bits of the hash (the shard stands for another 8) and the document's number.
#[derive(Clone, Copy, Debug)]
struct SeenDocument {
    high: [u32; 3],
    document: u32,
}

impl Entry for SeenDocument {
    const VACANT: Self = Self { high: [0; 3], document: u32::MAX };

    fn is_vacant(&self) -> bool {
        self.document == u32::MAX
    }

    fn place(&self) -> u64 {
        u64::from(self.high[0]) << 32 | u64::from(self.high[1])
    }

    fn equals(&self, other: &Self) -> bool {
        self.high == other.high
    }
}

impl Default for ExactIndex {
    fn default() -> Self {
        Self { seen: ShardedSet::new() }
    }
}

impl ExactIndex {
    /// The number of the earlier document with this hash, or none once this one is remembered under the number given.
    ///
    /// # Errors
    /// The number is 2³² − 1, one more than are counted.
    pub fn first(&mut self, fingerprint: Fingerprint, document: u32) -> Result<Option<u32>> {
        if document == u32::MAX {
            return Err(super::too_many());
        }
        let bits = fingerprint.0;
        let entry =
            SeenDocument { high: [(bits >> 96) as u32, (bits >> 64) as u32, (bits >> 32) as u32], document };
        Ok(self.seen.get_or_insert(bits as u8, entry).map(|seen| seen.document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_only_in_dress_is_the_same() {
        let plain = Fingerprint::of_words("it was the best of times it was the worst of times");
        assert_eq!(plain, Fingerprint::of_words("It was the best of times;\r\n  it was the WORST of times."));
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
        // A fair coin thrown 4096 times: mean 2048, deviation 32; five of those on either side.
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
        let bytes_each = index.seen.bytes() as f64 / 60_000.0;
        assert!((19.0..=24.5).contains(&bytes_each), "{bytes_each}");
        assert!(index.first(Fingerprint(1), u32::MAX).unwrap_err().to_string().contains("in parts"));
    }
}
