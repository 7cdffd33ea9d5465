//! Counter-based 64-bit random numbers: each is a pure function of a seed, a purpose and an index.

/// SplitMix64 (Steele et al. 2014): one step of the stream from a 64-bit state.
pub fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The n-th number of a stream, a pure function of (seed, purpose, n); used for batches, dropout seeds and initial weights.
pub fn nth(seed: u64, purpose: u64, n: u64) -> u64 {
    split_mix(split_mix(split_mix(seed) ^ purpose).wrapping_add(n.wrapping_mul(0xd134_2543_de82_ef95)))
}
