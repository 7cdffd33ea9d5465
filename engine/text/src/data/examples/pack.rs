//! Packing of examples into a batch's rows.

use std::collections::BTreeSet;

/// Rows of whole examples, by example number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    examples: Vec<u32>,
    /// End of each row in `examples`.
    ends: Vec<u32>,
}

impl Rows {
    /// Packs by best-fit decreasing (Johnson 1973; Ding et al. 2024, "Fewer truncations improve language modeling"):
    /// longest examples first, each into the fullest row it fits. `lengths` holds (example, positions), none longer
    /// than `capacity`. Rows and their examples are in order of insertion.
    pub fn packed(lengths: &[(u32, usize)], capacity: usize) -> Self {
        let mut order: Vec<(u32, usize)> = lengths.to_vec();
        order.sort_by_key(|(example, length)| (std::cmp::Reverse(*length), *example));
        let mut rows: Vec<Vec<u32>> = Vec::new();
        // Rows sorted by remaining room.
        let mut room: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (example, length) in order {
            let fit = room.range((length, 0)..).next().copied();
            let (left, row) = match fit {
                Some((left, row)) => {
                    room.remove(&(left, row));
                    (left, row)
                }
                None => {
                    rows.push(Vec::new());
                    (capacity, rows.len() - 1)
                }
            };
            rows[row].push(example);
            if left > length {
                room.insert((left - length, row));
            }
        }
        Self::new(rows)
    }

    /// One row per example.
    pub fn padded(lengths: &[(u32, usize)]) -> Self {
        Self::new(lengths.iter().map(|(example, _)| vec![*example]).collect())
    }

    fn new(rows: Vec<Vec<u32>>) -> Self {
        let mut all = Self::default();
        for row in rows {
            all.examples.extend(row);
            all.ends.push(all.examples.len() as u32);
        }
        all
    }

    pub fn count(&self) -> usize {
        self.ends.len()
    }

    pub fn row(&self, at: usize) -> &[u32] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.examples[from as usize..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_row_with_the_least_room_is_filled() {
        let lengths = [(0, 4), (1, 7), (2, 3), (3, 6), (4, 10), (5, 1)];
        let rows = Rows::packed(&lengths, 10);
        let all: Vec<&[u32]> = (0..rows.count()).map(|at| rows.row(at)).collect();
        assert_eq!(all, [&[4][..], &[1, 2], &[3, 0], &[5]]);
        assert_eq!(Rows::padded(&lengths).count(), 6);
    }

    proptest! {
        #[test]
        fn every_example_is_in_one_row_that_holds_it(lengths in prop::collection::vec(1_usize..33, 0..80)) {
            let lengths: Vec<(u32, usize)> = (0..).zip(lengths).collect();
            let rows = Rows::packed(&lengths, 32);
            let mut seen = Vec::new();
            let mut rooms = Vec::new();
            for at in 0..rows.count() {
                let filled: usize = rows.row(at).iter().map(|example| lengths[*example as usize].1).sum();
                prop_assert!(filled <= 32 && filled > 0);
                rooms.push(32 - filled);
                seen.extend_from_slice(rows.row(at));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, lengths.iter().map(|(example, _)| *example).collect::<Vec<_>>());
            // At most one row is less than half full.
            prop_assert!(rooms.iter().filter(|room| **room > 16).count() <= 1);
        }
    }
}
