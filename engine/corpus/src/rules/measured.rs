//! Measurements of a text, computed once on first use.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::language::{self, Identified};
use super::lines::{self, Repeats};
use super::words::{self, Word};

/// A text with its words, lines and paragraphs, shared by all rules.
#[derive(Default)]
pub struct Measured<'a> {
    text: Cow<'a, str>,
    characters: OnceCell<usize>,
    words: OnceCell<Vec<Word>>,
    repeated_lines: OnceCell<Repeats>,
    language: OnceCell<Option<Identified>>,
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

    pub fn language(&self) -> Option<Identified> {
        *self.language.get_or_init(|| language::identify(&self.text))
    }

    /// Sets the language, unless it is known.
    pub(super) fn identified(&self, language: Identified) {
        let _ = self.language.set(Some(language));
    }

    pub(super) fn known_language(&self) -> Option<Identified> {
        self.language.get().copied().flatten()
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
