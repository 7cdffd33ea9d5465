//! A memory-efficient set of fixed-size entries.
//!
//! General hash tables double when full, so that they hold between 1.1 and 2.3 times the entries' bytes, and as much again
//! while they grow. This one has 256 shards that grow by a quarter, one at a time: it holds between 1.2 and 1.5 times the
//! bytes, and only the growing shard is held twice. Entries are stored in place and found by linear probing from the position
//! given by their mixed bits.

pub(super) trait Entry: Copy {
    const VACANT: Self;
    fn is_vacant(&self) -> bool;
    /// Mixed bits that determine the entry's position; equal for equal entries.
    fn place(&self) -> u64;
    fn equals(&self, other: &Self) -> bool;
}

const SHARDS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct ShardedSet<E> {
    shards: Vec<Shard<E>>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Shard<E> {
    places: Vec<E>,
    length: usize,
}

impl<E: Entry> ShardedSet<E> {
    /// Creates an empty set, which allocates almost nothing.
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard { places: Vec::new(), length: 0 }).collect(), bytes: 0 }
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.shards.iter().map(|shard| shard.length).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, shard: u8, entry: &E) -> Option<E> {
        let shard = self.shards.get(usize::from(shard))?;
        shard.places.get(shard.find(entry)?).copied().filter(|held| !held.is_vacant())
    }

    /// Returns the stored entry equal to this one, or adds this one and returns `None`.
    pub(super) fn get_or_insert(&mut self, shard: u8, entry: E) -> Option<E> {
        let shard = self.shards.get_mut(usize::from(shard))?;
        if (shard.length + 1) * 6 > shard.places.len() * 5 {
            let before = shard.places.len();
            shard.grow();
            self.bytes += (shard.places.len() - before) * size_of::<E>();
        }
        let at = shard.find(&entry)?;
        let held = shard.places.get_mut(at)?;
        if !held.is_vacant() {
            return Some(*held);
        }
        *held = entry;
        shard.length += 1;
        None
    }
}

impl<E: Entry> Shard<E> {
    /// The position of an entry, or where it would be stored; `None` in a shard without places.
    fn find(&self, entry: &E) -> Option<usize> {
        let count = self.places.len();
        let mut at = ((u128::from(entry.place()) * count as u128) >> 64) as usize;
        loop {
            let held = self.places.get(at)?;
            if held.is_vacant() || held.equals(entry) {
                return Some(at);
            }
            at += 1;
            if at == count {
                at = 0;
            }
        }
    }

    fn grow(&mut self) {
        let count = (self.places.len() * 5 / 4).max(12);
        let mut places = Vec::with_capacity(count);
        places.resize(count, E::VACANT);
        let former = std::mem::replace(&mut self.places, places);
        for entry in former {
            if !entry.is_vacant()
                && let Some(place) = self.find(&entry).and_then(|at| self.places.get_mut(at))
            {
                *place = entry;
            }
        }
    }
}

impl Entry for u64 {
    const VACANT: Self = 0;

    fn is_vacant(&self) -> bool {
        *self == 0
    }

    fn place(&self) -> u64 {
        *self
    }

    fn equals(&self, other: &Self) -> bool {
        self == other
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::{FIRST_FACTOR, mixed};
    use super::*;

    #[test]
    fn it_agrees_with_a_tree_and_keeps_to_its_bytes() {
        let mut table = ShardedSet::<u64>::new();
        let mut tree = std::collections::BTreeSet::new();
        for number in 0..200_000_u64 {
            let hash = mixed((number % 150_000) + 1, FIRST_FACTOR) | 1;
            let seen = tree.insert(hash);
            assert_eq!(table.get(hash as u8, &hash).is_none(), seen);
            assert_eq!(table.get_or_insert(hash as u8, hash).is_none(), seen);
        }
        assert_eq!(table.length(), tree.len());
        let bytes_each = table.bytes() as f64 / table.length() as f64;
        assert!((9.6..=12.2).contains(&bytes_each), "{bytes_each} bytes an entry");
    }
}
