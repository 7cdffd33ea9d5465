//! Comparing texts regardless of case and punctuation.

use super::read::Problems;
use super::store::Split;
use glasshouse_protocol::quantity::{counted, percent, whole};
use glasshouse_protocol::random::split_mix;
use std::collections::BTreeSet;
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

/// Counts the texts of held-out files that are also trained on.
#[derive(Debug, Default)]
pub struct Copies {
    trained: BTreeSet<u64>,
    held_out: u64,
    copies: u64,
}

impl Copies {
    /// Notes a text; those of held-out files come last.
    pub fn note(&mut self, split: Split, key: Option<u64>) {
        match split {
            Split::Train => self.trained.extend(key),
            Split::Validation => {
                self.held_out += 1;
                self.copies += u64::from(key.is_some_and(|key| self.trained.contains(&key)));
            }
        }
    }

    /// Reports copies as a problem; `of` is what a text is called.
    pub fn report(&self, problems: &Problems, name: &str, of: &str) {
        if self.copies > 0 {
            let share = percent(self.copies as f64 / self.held_out as f64);
            let reason = format!(
                "trains on {} of the {} of the held-out files ({share}): their loss does not show what the model does on new text; \
                 hold out others",
                whole(self.copies),
                counted(self.held_out, of)
            );
            problems.note_rows(Path::new(name), &reason, self.copies);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn a_key_is_of_the_words_alone() {
        assert_eq!(key("Über  den FLUSS!"), key("über den\nfluss"));
        assert_ne!(key("a b"), key("ab"));
        assert_ne!(key("1 2"), key("2 1"));
        assert_eq!((key(" …!"), key("")), (None, None));
    }
}
