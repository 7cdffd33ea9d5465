//! Values kept from frame to frame.

/// A value made from something with a key; it is made again when the key changes.
#[derive(Debug)]
pub struct Kept<K, V>(Option<(K, V)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Kept<K, V> {
    pub fn get(&mut self, key: K, make: impl FnOnce() -> V) -> &V {
        if self.0.as_ref().is_some_and(|(known, _)| *known != key) {
            self.0 = None;
        }
        &self.0.get_or_insert_with(|| (key, make())).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_a_key() {
        let (mut kept, mut made) = (Kept::default(), 0);
        let mut get = |key: u64| {
            *kept.get(key, || {
                made += 1;
                made
            })
        };
        assert_eq!([get(1), get(1), get(2), get(1)], [1, 1, 2, 3]);
    }
}
