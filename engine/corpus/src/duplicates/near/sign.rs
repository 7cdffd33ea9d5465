//! MinHash: computes the keys of the bands from a document's words.
//!
//! Each shingle takes one rolling hash (a polynomial in its words' hashes), then a multiplication, an addition and a minimum on
//! 32 bits for each permutation. Blocks of shingles are processed against lanes of permutations, so that minima stay in
//! registers and the compiler vectorizes the lanes; the vector width is chosen at run time. `a·x + b` modulo 2³² with odd `a`
//! is a true permutation of 32 bits: minima collide only if shingles do, and no modulus is needed (Bohman, Cooper and Frieze
//! 2000, *Min-wise independent linear permutations*).

use super::super::shingles::Shingles;
use super::super::words::{FIRST_FACTOR, SECOND_FACTOR, Visitor, mixed};
use super::Settings;

/// The keys of a document's bands, and its number of words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keys {
    pub(super) bands: Box<[u32]>,
    /// Number of words, at most 2³² − 1.
    pub(super) words: u32,
}

/// Permutations processed together: as many as fit into registers with 256-bit vectors.
const LANES: usize = 32;
/// Shingles processed together: 4 KB, well within the L1 cache.
const BLOCK: usize = 1024;
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    factors: Vec<[u32; LANES]>,
    offsets: Vec<[u32; LANES]>,
    bands: usize,
    rows: usize,
    shingle_words: usize,
    vectors: pulp::Arch,
}

impl Signer {
    pub(crate) fn new(settings: &Settings) -> Self {
        let groups = (settings.permutations as usize).div_ceil(LANES);
        // SplitMix64 from a fixed seed: the same permutations on every machine.
        let mut state = 0x0123_4567_89AB_CDEF_u64;
        let mut next = || {
            state = state.wrapping_add(FIRST_FACTOR);
            let mut value = (state ^ (state >> 30)).wrapping_mul(SECOND_FACTOR);
            value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((value ^ (value >> 31)) >> 32) as u32
        };
        let mut lanes = |odd: u32| -> Vec<[u32; LANES]> {
            (0..groups).map(|_| std::array::from_fn(|_| next() | odd)).collect()
        };
        Self {
            factors: lanes(1),
            offsets: lanes(0),
            bands: settings.bands as usize,
            rows: settings.rows as usize,
            shingle_words: settings.shingle_words as usize,
            vectors: pulp::Arch::new(),
        }
    }

    pub(crate) fn begin(&self) -> Signature<'_> {
        Signature {
            signer: self,
            minima: vec![[u32::MAX; LANES]; self.factors.len()],
            shingles: Shingles::new(self.shingle_words),
            block: [0; BLOCK],
            filled: 0,
        }
    }

    /// Updates the minima with more shingles.
    fn lower(&self, minima: &mut [[u32; LANES]], shingles: &[u32]) {
        self.vectors.dispatch(|| {
            for ((minima, factors), offsets) in minima.iter_mut().zip(&self.factors).zip(&self.offsets) {
                let mut least = *minima;
                for &shingle in shingles {
                    for ((least, &factor), &offset) in least.iter_mut().zip(factors).zip(offsets) {
                        *least = (*least).min(factor.wrapping_mul(shingle).wrapping_add(offset));
                    }
                }
                *minima = least;
            }
        });
    }

    fn keys(&self, minima: &[[u32; LANES]], words: u32) -> Keys {
        let minima = minima.as_flattened();
        let key = |band: &[u32]| {
            let folded = band.iter().fold(SECOND_FACTOR, |hash, &value| {
                mixed(hash ^ u64::from(value), FIRST_FACTOR).rotate_left(31)
            });
            (mixed(folded, SECOND_FACTOR) >> 32) as u32
        };
        Keys { bands: minima.chunks_exact(self.rows).take(self.bands).map(key).collect(), words }
    }
}

pub(crate) struct Signature<'a> {
    signer: &'a Signer,
    minima: Vec<[u32; LANES]>,
    shingles: Shingles,
    block: [u32; BLOCK],
    filled: usize,
}

impl Signature<'_> {
    #[inline(always)]
    fn add(&mut self, shingle: u64) {
        if let Some(place) = self.block.get_mut(self.filled) {
            *place = (shingle >> 32) as u32;
            self.filled += 1;
        }
        if self.filled == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.signer.lower(&mut self.minima, self.block.get(..self.filled).unwrap_or_default());
        self.filled = 0;
    }

    /// The keys; `None` for a document without words, which is not a copy.
    pub(crate) fn finish(mut self) -> Option<Keys> {
        if let Some(shingle) = self.shingles.short() {
            self.add(shingle);
        }
        self.flush();
        let words = u32::try_from(self.shingles.words).unwrap_or(u32::MAX);
        (words > 0).then(|| self.signer.keys(&self.minima, words))
    }

    #[cfg(test)]
    pub(super) fn minima(mut self) -> Vec<u32> {
        self.flush();
        self.minima.as_flattened().to_vec()
    }
}

impl Visitor for Signature<'_> {
    #[inline(always)]
    fn word(&mut self, hash: u64) {
        if let Some(shingle) = self.shingles.take(hash) {
            self.add(shingle);
        }
    }
}
