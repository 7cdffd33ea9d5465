//! Measures the share of repeated n-grams in a text.
//!
//! An n-gram can repeat only if its first n − 1 words do. So pairs of words are counted first, then triples at positions with
//! repeated pairs, and so on: in ordinary text few positions remain after the second step, and counting up to ten costs little
//! more than counting pairs.

use std::cell::RefCell;

use super::hash::followed_by;
use super::words::Word;

pub const MAX_N: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repetition {
    /// Characters of the most frequent n-gram, with spaces, times its count; the first among equally frequent ones. 0 if there
    /// are fewer than n words.
    pub top_characters: usize,
    /// Characters of n-grams that occurred before, without spaces, counting no word twice.
    pub repeated_characters: usize,
}

#[derive(Clone, Copy, Default)]
struct NgramSlot {
    hash: u64,
    count: u32,
    /// Whether the pass over the text has met the n-gram.
    seen: bool,
}

/// A position in the text, the hash of the n-gram there, and its slot.
#[derive(Clone, Copy)]
struct Live {
    hash: u64,
    place: u32,
    slot: u32,
}

/// Buffers reused between documents.
#[derive(Default)]
struct Scratch {
    table: Vec<NgramSlot>,
    live: Vec<Live>,
    /// Number of characters before each word, and in total.
    sums: Vec<u64>,
}

/// Maximum capacity kept between documents, so that one huge document does not hold memory.
const MAX_KEPT: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Counts n-grams for n from 2 on: `visit` receives each n and its counts, and returns whether to continue.
pub fn count(words: &[Word], mut visit: impl FnMut(usize, Repetition) -> bool) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.begin(words);
        for n in 2..=MAX_N {
            if !visit(n, scratch.step(words, n)) {
                break;
            }
        }
        scratch.end();
    });
}

impl Scratch {
    fn begin(&mut self, words: &[Word]) {
        self.sums.clear();
        let mut sum = 0;
        self.sums.push(0);
        self.sums.extend(words.iter().map(|word| {
            sum += u64::from(word.characters);
            sum
        }));
        self.live.clear();
        let places = (0..).zip(words);
        self.live.extend(places.map(|(place, word)| Live { hash: word.hash, place, slot: 0 }));
    }

    fn characters(&self, place: u32, n: usize) -> usize {
        let place = place as usize;
        match (self.sums.get(place), self.sums.get(place + n)) {
            (Some(before), Some(after)) => (after - before) as usize,
            _ => 0,
        }
    }

    /// Extends the n-grams at live positions by a word, counts them, and keeps the positions with repeated ones.
    fn step(&mut self, words: &[Word], n: usize) -> Repetition {
        if words.len() < n {
            self.live.clear();
            return Repetition::default();
        }
        self.live.retain_mut(|live| match words.get(live.place as usize + n - 1) {
            Some(word) => {
                live.hash = followed_by(live.hash, word.hash);
                true
            }
            None => false,
        });
        self.table.clear();
        self.table.resize((self.live.len() * 2).next_power_of_two(), NgramSlot::default());
        let mask = self.table.len() - 1;
        for live in &mut self.live {
            let mut slot = live.hash as usize & mask;
            while let Some(entry) = self.table.get_mut(slot) {
                if entry.count == 0 || entry.hash == live.hash {
                    entry.hash = live.hash;
                    entry.count += 1;
                    live.slot = slot as u32;
                    break;
                }
                slot = (slot + 1) & mask;
            }
        }
        // If none repeats, the most frequent n-gram is the first one, with count 1.
        let (mut top, mut most) = (self.characters(0, n), 1);
        let table = &self.table;
        self.live.retain(|live| table.get(live.slot as usize).is_some_and(|entry| entry.count > 1));
        for live in &self.live {
            let count = self.table.get(live.slot as usize).map_or(0, |entry| entry.count);
            if count > most {
                (top, most) = (self.characters(live.place, n), count);
            }
        }
        let top_characters = (top + n - 1) * most as usize;
        Repetition { top_characters, repeated_characters: self.repeated(n) }
    }

    /// Walks the text: at an n-gram that occurred before, counts its characters and continues after it.
    fn repeated(&mut self, n: usize) -> usize {
        let (mut next, mut characters) = (0, 0);
        for index in 0..self.live.len() {
            let Some(&live) = self.live.get(index).filter(|live| live.place >= next) else { continue };
            let Some(entry) = self.table.get_mut(live.slot as usize) else { continue };
            if std::mem::replace(&mut entry.seen, true) {
                next = live.place + n as u32;
                characters += self.characters(live.place, n);
            }
        }
        characters
    }

    fn end(&mut self) {
        if self.table.capacity() > MAX_KEPT {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::rules::words::split;

    /// Reference implementation with strings, following the paper literally.
    fn plainly(words: &[&str], n: usize) -> Repetition {
        if words.len() < n {
            return Repetition::default();
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        words.windows(n).for_each(|window| *counts.entry(window.join(" ")).or_default() += 1);
        let most = counts.values().max().unwrap();
        let top = words.windows(n).map(|window| window.join(" ")).find(|gram| counts[gram] == *most).unwrap();
        let (mut seen, mut at, mut repeated) = (HashSet::new(), 0, 0);
        while at + n <= words.len() {
            let gram = words[at..at + n].join(" ");
            if seen.contains(&gram) {
                repeated += gram.chars().count() + 1 - n;
                at += n;
            } else {
                seen.insert(gram);
                at += 1;
            }
        }
        Repetition { top_characters: top.chars().count() * most, repeated_characters: repeated }
    }

    proptest::proptest! {
        #[test]
        fn counts_are_those_of_strings(text in "([abé] ?){0,60}|((a|bb|ccc|dé) ){0,200}") {
            let words = split(&text);
            let strings: Vec<_> = words.iter().map(|word| word.of(&text)).collect();
            let mut seen = Vec::new();
            count(&words, |n, repetition| { seen.push((n, repetition)); true });
            let expected: Vec<_> = (2..=MAX_N).map(|n| (n, plainly(&strings, n))).collect();
            proptest::prop_assert_eq!(seen, expected);
        }
    }
}
