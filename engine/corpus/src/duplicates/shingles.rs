//! Rolling hashes of runs of words: a polynomial in the hashes of the words, which takes two multiplications per word whatever
//! the run's length.

use super::words::{FIRST_FACTOR, SECOND_FACTOR, mixed};

const MAX_SHINGLE_WORDS: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Shingles {
    recent: [u64; MAX_SHINGLE_WORDS],
    pub(super) words: usize,
    length: usize,
    rolled: u64,
    /// Factor of the word that leaves the run.
    leaving: u64,
}

/// The polynomial's variable: odd, so that multiplying by it loses no bits.
const VARIABLE: u64 = 0xD134_2543_DE82_EF95;

impl Shingles {
    pub(super) fn new(length: usize) -> Self {
        let length = length.clamp(1, MAX_SHINGLE_WORDS);
        let leaving = (0..length).fold(1_u64, |power, _| power.wrapping_mul(VARIABLE));
        Self { recent: [0; MAX_SHINGLE_WORDS], words: 0, length, rolled: 0, leaving }
    }

    /// Adds a word; returns the hash of the shingle that ends with it, once there are enough words.
    #[inline(always)]
    pub(super) fn take(&mut self, word: u64) -> Option<u64> {
        let left = self.words.checked_sub(self.length).map_or(0, |at| self.recent[at % MAX_SHINGLE_WORDS]);
        self.recent[self.words % MAX_SHINGLE_WORDS] = word;
        self.words += 1;
        self.rolled = self
            .rolled
            .wrapping_mul(VARIABLE)
            .wrapping_add(word)
            .wrapping_sub(left.wrapping_mul(self.leaving));
        (self.words >= self.length).then(|| mixed(self.rolled ^ SECOND_FACTOR, FIRST_FACTOR))
    }

    /// The hash of all words if there are fewer than in a shingle, so that short documents can be compared too.
    pub(super) fn short(&self) -> Option<u64> {
        (self.words > 0 && self.words < self.length).then(|| mixed(self.rolled ^ FIRST_FACTOR, SECOND_FACTOR))
    }
}
