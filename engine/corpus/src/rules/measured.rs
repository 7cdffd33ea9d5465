//! What the rules measure on a text, each measured once and when first asked for.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::language::{self, Identified};
use super::lines::{self, Repeats};
use super::words::{self, Word};

/// A text with its words, lines and paragraphs, shared by all rules.
pub struct Measured<'a> {
    text: Cow<'a, str>,
    characters: OnceCell<usize>,
    words: OnceCell<Vec<Word>>,
    repeated_lines: OnceCell<Repeats>,
    language: OnceCell<Option<Identified>>,
}

impl<'a> Measured<'a> {
    /// Of a text; nothing is measured yet.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            characters: OnceCell::new(),
            words: OnceCell::new(),
            repeated_lines: OnceCell::new(),
            language: OnceCell::new(),
        }
    }

    /// Of a text whose words are known, because it was made of a measured one.
    pub(super) fn with_words(text: impl Into<Cow<'a, str>>, words: Vec<Word>) -> Self {
        Self { words: OnceCell::from(words), ..Self::new(text) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, if it is not that which it was first made of.
    pub(super) fn into_edited(self) -> Option<String> {
        match self.text {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        }
    }

    /// Characters of the text, by which published shares divide.
    pub fn characters(&self) -> usize {
        *self.characters.get_or_init(|| self.text.chars().count())
    }

    /// Its words.
    pub fn words(&self) -> &[Word] {
        self.words.get_or_init(|| words::split(&self.text))
    }

    /// Its language.
    pub fn language(&self) -> Option<Identified> {
        *self.language.get_or_init(|| language::identify(&self.text))
    }

    /// Its language, if someone asked.
    pub(super) fn known_language(&self) -> Option<Identified> {
        self.language.get().copied().flatten()
    }

    /// Lines that were there before, lines being parted by one line feed or more.
    pub(super) fn repeated_lines(&self) -> Repeats {
        *self.repeated_lines.get_or_init(|| lines::repeats(lines::by_line_feeds(&self.text)))
    }
}

/// A share, 0 where there is nothing to share.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
