//! Comparing texts regardless of case and punctuation.

use super::read::Problems;
use super::store::Split;
use glasshouse_protocol::quantity::{counted, percent, whole};
use glasshouse_protocol::random::split_mix;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

/// A hash of a text's words, lower-cased and without punctuation; stable across versions. `None` if the text has no letters or digits.
pub fn key(text: &str) -> Option<u64> {
    let mut key = Key::default();
    key.add(text);
    key.finish()
}

/// The hash of a text in pieces.
#[derive(Debug, Default)]
pub struct Key {
    hash: Option<u64>,
    is_in_word: bool,
}

impl Key {
    pub fn add(&mut self, piece: &str) {
        for letter in piece.chars() {
            let is_in_word = std::mem::replace(&mut self.is_in_word, letter.is_alphanumeric());
            match self.is_in_word {
                true if letter.is_ascii() => self.mix(letter.to_ascii_lowercase()),
                true => letter.to_lowercase().for_each(|letter| self.mix(letter)),
                false if is_in_word => self.mix(' '),
                false => {}
            }
        }
    }

    fn mix(&mut self, letter: char) {
        self.hash = Some(split_mix(self.hash.unwrap_or_default() ^ u64::from(letter)));
    }

    pub fn finish(mut self) -> Option<u64> {
        if self.is_in_word {
            self.mix(' ');
        }
        self.hash
    }
}

/// Words of a passage.
const PASSAGE: usize = 32;
/// Passages of the training text that are remembered.
const REMEMBERED: usize = 1 << 18;

/// Counts texts of held-out files, and passages within them, that are also trained on. A passage is any run of 32 words. If the training
/// text has too many, a share chosen by their hashes is compared.
#[derive(Debug, Default)]
pub struct Copies {
    trained: BTreeSet<u64>,
    held_out: u64,
    copies: u64,
    /// The hashes of the last words, and their polynomial.
    words: VecDeque<u64>,
    sum: u64,
    /// Low bits that are 0 in the hash of a passage that is compared.
    zeros: u32,
    passages: BTreeSet<u64>,
    held_out_passages: u64,
    copied_passages: u64,
}

impl Copies {
    /// Notes a text; those of held-out files come last.
    pub fn note(&mut self, split: Split, key: Option<u64>) {
        self.words.clear();
        self.sum = 0;
        match split {
            Split::Train => self.trained.extend(key),
            Split::Validation => {
                self.held_out += 1;
                self.copies += u64::from(key.is_some_and(|key| self.trained.contains(&key)));
            }
        }
    }

    /// Adds words of a text that [`Copies::note`] ends, to find passages; those of held-out files come last.
    pub fn add(&mut self, split: Split, piece: &str) {
        const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
        const LEAVING: u64 = BASE.wrapping_pow(PASSAGE as u32);
        for word in piece.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let hash = key(word).unwrap_or_default();
            self.sum = self.sum.wrapping_mul(BASE).wrapping_add(hash);
            self.words.push_back(hash);
            if self.words.len() > PASSAGE {
                let first = self.words.pop_front().unwrap_or_default();
                self.sum = self.sum.wrapping_sub(first.wrapping_mul(LEAVING));
            }
            let passage = split_mix(self.sum);
            if self.words.len() < PASSAGE || passage.trailing_zeros() < self.zeros {
                continue;
            }
            match split {
                Split::Train => {
                    self.passages.insert(passage);
                    if self.passages.len() > REMEMBERED {
                        self.zeros += 1;
                        self.passages.retain(|passage| passage.trailing_zeros() >= self.zeros);
                    }
                }
                Split::Validation => {
                    self.held_out_passages += 1;
                    self.copied_passages += u64::from(self.passages.contains(&passage));
                }
            }
        }
    }

    /// Reports copies as a problem; `of` is what a text is called. Of passages, a tenth is many: texts quote each other.
    pub fn report(&self, problems: &Problems, name: &str, of: &str) {
        let report = |what: String, rows: u64| {
            let reason = format!(
                "trains on {what}: their loss does not show what the model does on new text; hold out others"
            );
            problems.note_rows(Path::new(name), &reason, rows);
        };
        let share = |copies: u64, held_out: u64| copies as f64 / held_out.max(1) as f64;
        let passages = share(self.copied_passages, self.held_out_passages);
        if self.copies > 0 {
            let (copies, texts) = (whole(self.copies), counted(self.held_out, of));
            let share = percent(share(self.copies, self.held_out));
            report(format!("{copies} of the {texts} of the held-out files ({share})"), self.copies);
        } else if passages >= 0.1 {
            report(format!("{} of the passages in the held-out files", percent(passages)), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_words_alone() {
        assert_eq!(key("Über  den FLUSS!"), key("über den\nfluss"));
        assert_ne!(key("a b"), key("ab"));
        assert_ne!(key("1 2"), key("2 1"));
        assert_eq!((key(" …!"), key("")), (None, None));
    }

    #[test]
    fn excerpts_are_found_in_texts_of_any_length() {
        let words = |from: u64, count: u64| {
            (from..from + count).map(|word| format!("w{} ", split_mix(word) % 5000)).collect::<String>()
        };
        for (length, text, expected) in [
            (1000, words(700, 600), Some("47.3 %")),
            (1_000_000, words(500_000, 8000), Some("100 %")),
            (1000, words(5000, 600), None),
            (1000, words(700, 31), None),
        ] {
            let (mut copies, problems) = (Copies::default(), Problems::default());
            for (split, text) in [(Split::Train, words(0, length)), (Split::Validation, text)] {
                copies.add(split, &text);
                copies.note(split, key(&text));
            }
            copies.report(&problems, "notes", "document");
            assert!(copies.passages.len() <= REMEMBERED);
            let reasons: Vec<String> = problems.list().into_iter().map(|problem| problem.reason).collect();
            match expected {
                None => assert_eq!(reasons, [""; 0]),
                Some(share) => {
                    assert!(reasons[0].contains(&format!("{share} of the passages")), "{reasons:?}");
                }
            }
        }
    }
}
