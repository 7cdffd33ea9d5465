//! Measurements of a text, computed once on first use.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use super::lines::{self, Repeats};
use super::words::{self, Word};

/// A text with its words, lines and paragraphs, shared by all rules.
#[derive(Default)]
pub struct Measured<'a> {
    text: Cow<'a, str>,
    characters: OnceCell<usize>,
    words: OnceCell<Vec<Word>>,
    repeated_lines: OnceCell<Repeats>,
    /// The ISO 639-3 code of the language that a rule found last.
    pub(super) language: Cell<Option<String>>,
}

impl<'a> Measured<'a> {
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// From a text whose words are known, since it was derived from a measured one.
    pub(super) fn with_words(text: impl Into<Cow<'a, str>>, words: Vec<Word>) -> Self {
        Self { words: OnceCell::from(words), ..Self::new(text) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_edited(self) -> Option<String> {
        match self.text {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        }
    }

    /// Number of characters, the denominator of published shares.
    pub fn characters(&self) -> usize {
        *self.characters.get_or_init(|| self.text.chars().count())
    }

    pub fn words(&self) -> &[Word] {
        self.words.get_or_init(|| words::split(&self.text))
    }

    /// Repetition of lines, separated by one or more line feeds.
    pub(super) fn repeated_lines(&self) -> Repeats {
        *self.repeated_lines.get_or_init(|| lines::repeats(lines::by_line_feeds(&self.text)))
    }
}

/// A fraction; 0 if `whole` is 0.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
