//! Hashes of words and of runs of words.
//!
//! Rules that count repetitions compare hashes instead of text. With 64 well-mixed bits, one document of a million n-grams in
//! thirty million has a collision, and a collision changes a share by a few characters, which does not affect decisions. We do
//! not use `rustc-hash`, whose hash has 32 bits in a browser, where collisions would be common.

use crate::duplicates::mixed;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xa076_1d64_78bd_642f;
const SECOND: u64 = 0xe703_7ed1_a0b4_28db;

/// The hash of some bytes; the same on every machine.
pub fn hash(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    // Multiplied in, since the first byte of a short word could cancel the effect of its length.
    let mut state = mixed(SEED ^ (bytes.len() as u64), FIRST);
    for chunk in chunks {
        state = mixed(state ^ u64::from_le_bytes(*chunk), FIRST);
    }
    let rest = match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => rest.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte)),
    };
    mixed(state ^ rest, SECOND)
}

/// The hash of a run of words, from the hash of all but the last and the last word's.
pub fn followed_by(run: u64, word: u64) -> u64 {
    mixed(run.rotate_left(29) ^ FIRST, word ^ SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Words of up to eight bytes are read as two overlapping halves; words of different lengths once had equal hashes.
    #[test]
    fn short_words_of_other_lengths_have_other_hashes() {
        let letters = ["a", "b", "é"];
        let mut words = vec![String::new()];
        let mut seen: HashMap<u64, String> = HashMap::new();
        for _ in 0..7 {
            words = words.iter().flat_map(|word| letters.map(|letter| format!("{word}{letter}"))).collect();
            for word in &words {
                let before = seen.insert(hash(word.as_bytes()), word.clone());
                assert_eq!(before, None, "{word}");
            }
        }
        assert_ne!(hash("aéa".as_bytes()), hash("béaéa".as_bytes()));
    }
}
