//! Hash tables that grow in parts.
//!
//! A hash table doubles when full and is held twice while it grows. These have 256 shards, of which one grows at a time.

use rustc_hash::FxHashMap;
use std::hash::Hash;

const SHARDS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct ShardedMap<K, V> {
    shards: Vec<FxHashMap<K, V>>,
    capacity: usize,
}

impl<K: Eq + Hash, V: Copy> ShardedMap<K, V> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| FxHashMap::default()).collect(), capacity: 0 }
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.shards.iter().map(FxHashMap::len).sum()
    }

    /// Bytes of the entries and of a control byte for each, at a load of seven eighths at most.
    pub(super) fn bytes(&self) -> usize {
        self.capacity * (size_of::<(K, V)>() + 1) * 8 / 7
    }

    pub(super) fn contains(&self, shard: u8, key: &K) -> bool {
        self.shards.get(usize::from(shard)).is_some_and(|shard| shard.contains_key(key))
    }

    /// Returns the value of this key, or stores this one and returns `None`.
    pub(super) fn get_or_insert(&mut self, shard: u8, key: K, value: V) -> Option<V> {
        let shard = self.shards.get_mut(usize::from(shard))?;
        if let Some(found) = shard.get(&key) {
            return Some(*found);
        }
        let before = shard.capacity();
        shard.insert(key, value);
        self.capacity += shard.capacity() - before;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_bytes_are_counted() {
        let mut table = ShardedMap::<u64, ()>::new();
        for number in 0..200_000_u64 {
            let hash = (number % 150_000).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            assert_eq!(table.contains(hash as u8, &hash), number >= 150_000);
            assert_eq!(table.get_or_insert(hash as u8, hash, ()).is_some(), number >= 150_000);
        }
        assert_eq!(table.length(), 150_000);
        let bytes_each = table.bytes() as f64 / 150_000.0;
        assert!((10.0..=21.0).contains(&bytes_each), "{bytes_each} bytes an entry");
    }
}
