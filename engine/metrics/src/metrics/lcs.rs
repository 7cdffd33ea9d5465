//! Longest common subsequences, 64 positions at a time (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): n·m/64
//! operations for sequences of n and m tokens. A zero at position j of the vector after i tokens means that the table of lengths
//! `t[i][j]` increases there by one.

pub(super) fn length(pattern: &[u32], text: &[u32]) -> usize {
    // Each token with its position.
    let mut places: Vec<(u32, usize)> = pattern.iter().copied().zip(0..).collect();
    places.sort_unstable();
    let mut vector = vec![u64::MAX; pattern.len().div_ceil(64)];
    let mut mask = vec![0_u64; vector.len()];
    for token in text {
        let from = places.partition_point(|place| place.0 < *token);
        let matching = places[from..].iter().take_while(|place| place.0 == *token).map(|place| place.1);
        for place in matching.clone() {
            mask[place / 64] |= 1 << (place % 64);
        }
        let mut carry = false;
        for (word, mask) in vector.iter_mut().zip(&mask) {
            let (sum, over) = word.carrying_add(*word & mask, carry);
            carry = over;
            *word = sum | (*word & !mask);
        }
        for place in matching {
            mask[place / 64] = 0;
        }
    }
    vector.iter().map(|word| word.count_zeros() as usize).sum()
}
