//! The sources of a corpus: numbered in order of appearance; if there are very many, the small ones are merged.

use crate::balance::Mixture;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Maximum number of distinct sources in the result, in addition to those named in the recipe's mixture: nobody would read an
/// index of a hundred thousand, and each would be too small to hold anything out.
const MAX_SOURCES: usize = 1024;
/// Maximum number of names remembered until the largest are known: at most about 15 MB.
const REMEMBERED: usize = 65_536;
const MAX_NAME_BYTES: usize = 200;
pub(super) const OTHERS: &str = "(other sources)";

#[derive(Debug, Default)]
pub(super) struct Sources {
    names: Vec<String>,
    bytes: Vec<u64>,
    numbers: FxHashMap<String, u32>,
    /// Number of sources named in the mixture, which come first.
    named: usize,
}

impl Sources {
    pub(super) fn new(mixture: &Mixture) -> Self {
        let mut sources = Self::default();
        for name in mixture.weights.keys() {
            sources.number(name, 0);
        }
        sources.named = sources.names.len();
        sources
    }

    pub(super) fn number(&mut self, name: &str, bytes: u64) -> u32 {
        let name = name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or_default();
        let full = self.names.len() >= REMEMBERED && !self.numbers.contains_key(name);
        let name = if full { OTHERS } else { name };
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.bytes.push(0);
            let number = self.numbers.len() as u32;
            self.numbers.insert(name.to_owned(), number);
            number
        });
        if let Some(own) = self.bytes.get_mut(number as usize) {
            *own += bytes;
        }
        number
    }

    /// The names that remain distinct, and for each number the index of its name among them.
    pub(super) fn finish(self) -> (Vec<String>, Vec<u32>) {
        let Self { mut names, bytes, named, .. } = self;
        let mut by_size: Vec<usize> = (named..names.len()).collect();
        if by_size.len() <= MAX_SOURCES {
            let places = (0..names.len() as u32).collect();
            return (names, places);
        }
        glasshouse_protocol::order::sort_by_key(&mut by_size, |number| {
            (std::cmp::Reverse(bytes.get(*number).copied()), *number)
        });
        let kept: BTreeSet<usize> = (0..named).chain(by_size.into_iter().take(MAX_SOURCES)).collect();
        let mut places = vec![kept.len() as u32; names.len()];
        let mut left = Vec::with_capacity(kept.len() + 1);
        for number in kept {
            if let (Some(place), Some(name)) = (places.get_mut(number), names.get_mut(number)) {
                *place = left.len() as u32;
                left.push(std::mem::take(name));
            }
        }
        left.push(OTHERS.to_owned());
        (left, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_and_the_named_stay_and_memory_is_bounded() {
        let mut mixture = Mixture::default();
        mixture.weights.insert("named".to_owned(), 2.0);
        let mut sources = Sources::new(&mixture);
        let small: Vec<u32> = (0..100_000).map(|number| sources.number(&format!("s{number}"), 10)).collect();
        assert!(sources.names.len() <= REMEMBERED + 1);
        let (large, named) = (sources.number("s900", 5_000), sources.number("named", 1));
        let long = sources.number(&"é".repeat(500), 1);
        let (names, places) = sources.finish();
        assert_eq!(names.len(), MAX_SOURCES + 2);
        let name = |number: u32| names[places[number as usize] as usize].as_str();
        assert_eq!((name(large), name(named)), ("s900", "named"));
        assert_eq!((name(small[0]), name(small[99_999]), name(long)), ("s0", OTHERS, OTHERS));
        assert_eq!(name(small[2_000]), OTHERS);
    }

    #[test]
    fn few_sources_keep_their_order() {
        let mut sources = Sources::new(&Mixture::default());
        let numbers: Vec<u32> = ["b", "a", "b"].map(|name| sources.number(name, 1)).to_vec();
        let (names, places) = sources.finish();
        assert_eq!(
            (numbers, names, places),
            (vec![0, 1, 0], vec!["b".to_owned(), "a".to_owned()], vec![0, 1])
        );
    }
}
