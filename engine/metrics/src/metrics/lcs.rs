//! Longest common subsequences, 64 positions at a time (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): n·m/64
//! operations for sequences of n and m tokens. A zero at position j of the vector after i tokens means that the table of lengths
//! `t[i][j]` increases there by one.

/// The sequence whose positions are bits.
pub(super) struct Pattern<'a> {
    tokens: &'a [u32],
    /// Each token with its position, sorted.
    places: Vec<(u32, u32)>,
}

impl<'a> Pattern<'a> {
    pub(super) fn new(tokens: &'a [u32]) -> Self {
        let mut places: Vec<(u32, u32)> = tokens.iter().copied().zip(0..).collect();
        places.sort_unstable();
        Self { tokens, places }
    }

    /// Length of the longest common subsequence.
    pub(super) fn length(&self, text: &[u32]) -> usize {
        let mut rows = BitVector::new(self);
        text.iter().for_each(|token| rows.push(*token));
        zeros(&rows.vector, self.tokens.len())
    }

    /// Positions in `text` of a longest common subsequence, from last to first: the one that rouge-score reads from the whole
    /// table, going up on ties. Only every √n-th row of the table is stored; those between are recomputed.
    pub(super) fn positions(&self, text: &[u32]) -> Vec<usize> {
        let spacing = text.len().isqrt().max(1);
        let mut rows = BitVector::new(self);
        let mut kept = Vec::with_capacity(text.len() / spacing + 1);
        for (at, token) in text.iter().enumerate() {
            if at % spacing == 0 {
                kept.push(rows.vector.clone());
            }
            rows.push(*token);
        }
        let (mut found, mut column) = (Vec::new(), self.tokens.len());
        // The table's values at the column, in the token's row and in the row above.
        let mut here = zeros(&rows.vector, column);
        for (block, start) in kept.into_iter().enumerate().rev() {
            if column == 0 {
                break;
            }
            let first = block * spacing;
            let tokens = &text[first..text.len().min(first + spacing)];
            rows.vector = start;
            let mut vectors = vec![rows.vector.clone()];
            for token in tokens {
                rows.push(*token);
                vectors.push(rows.vector.clone());
            }
            for ((at, token), pair) in tokens.iter().enumerate().zip(vectors.windows(2)).rev() {
                let [above_row, row] = pair else { continue };
                let mut above = zeros(above_row, column);
                while column > 0 {
                    let left = here - usize::from(grows(row, column - 1));
                    if self.tokens[column - 1] == *token {
                        found.push(first + at);
                        above -= usize::from(grows(above_row, column - 1));
                        column -= 1;
                        break;
                    }
                    if left <= above {
                        break;
                    }
                    above -= usize::from(grows(above_row, column - 1));
                    (here, column) = (left, column - 1);
                }
                here = above;
            }
        }
        found
    }
}

/// The vector for the tokens read so far.
struct BitVector<'a> {
    pattern: &'a Pattern<'a>,
    vector: Vec<u64>,
    mask: Vec<u64>,
}

impl<'a> BitVector<'a> {
    fn new(pattern: &'a Pattern<'a>) -> Self {
        let words = pattern.tokens.len().div_ceil(64);
        Self { pattern, vector: vec![u64::MAX; words], mask: vec![0; words] }
    }

    fn push(&mut self, token: u32) {
        let places = &self.pattern.places;
        let from = places.partition_point(|place| place.0 < token);
        let matching =
            places[from..].iter().take_while(|place| place.0 == token).map(|place| place.1 as usize);
        for place in matching.clone() {
            self.mask[place / 64] |= 1 << (place % 64);
        }
        let mut carry = false;
        for (word, mask) in self.vector.iter_mut().zip(&self.mask) {
            let matched = *word & mask;
            let (sum, first) = word.overflowing_add(matched);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *word = sum | (*word & !mask);
        }
        for place in matching {
            self.mask[place / 64] = 0;
        }
    }
}

fn grows(vector: &[u64], place: usize) -> bool {
    vector[place / 64] >> (place % 64) & 1 == 0
}

/// Number of zeros before a position.
fn zeros(vector: &[u64], place: usize) -> usize {
    let whole = vector.iter().take(place / 64).map(|word| word.count_zeros() as usize).sum::<usize>();
    let rest = place % 64;
    let part = if rest == 0 { 0 } else { (!vector[place / 64] << (64 - rest)).count_ones() as usize };
    whole + part
}
