//! Words that punctuation rules would split wrongly: contractions, abbreviations with a full stop, and emoticons.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::rules::hash::hash;

const MAX_BYTES: usize = 16;

/// The lists of `specials.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    joined: Vec<(String, String)>,
    words_of_their_own: String,
    cut: String,
    cut_small: String,
    whole: String,
    whole_as_written: String,
    abbreviations: String,
    faces: String,
}

/// The lengths of a special's pieces in bytes, padded with 0.
pub(super) type Cuts = [u8; 3];

struct Special {
    text: Box<str>,
    cuts: Cuts,
}

pub(super) struct Specials {
    by_hash: FxHashMap<u64, Special>,
}

impl Specials {
    /// The shared table, created on first use.
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Specials> = OnceLock::new();
        TABLE.get_or_init(Self::new)
    }

    pub(super) fn cuts(&self, word: &str) -> Option<Cuts> {
        if word.len() > MAX_BYTES {
            return None;
        }
        self.cuts_of_hash(word, hash(word.as_bytes()))
    }

    /// Like [`Self::cuts`], with a known hash.
    pub(super) fn cuts_of_hash(&self, word: &str, hash: u64) -> Option<Cuts> {
        let special = self.by_hash.get(&hash)?;
        (*special.text == *word).then_some(special.cuts)
    }

    fn new() -> Self {
        let mut table = Self { by_hash: FxHashMap::default() };
        // The file is part of the program, and tests compare the words of texts with those of the published splitter.
        let listed: Listed = toml::from_str(include_str!("specials.toml")).unwrap_or_default();
        for (words, endings) in &listed.joined {
            for word in words.split(' ') {
                for ending in endings.split('|') {
                    table.add_both_cases(&format!("{word} {ending}"));
                    let bare = format!("{word} {}", ending.replace('\'', ""));
                    let joined = bare.replace(' ', "");
                    if !listed.words_of_their_own.split(' ').any(|own| own == joined) {
                        table.add_both_cases(&bare);
                    }
                }
            }
        }
        listed.cut.split('|').for_each(|word| table.add_both_cases(word));
        listed.cut_small.split('|').for_each(|word| table.add(word));
        listed.whole.split(' ').for_each(|word| table.add_both_cases(word));
        for words in [listed.whole_as_written, listed.abbreviations, listed.faces] {
            words.split(' ').filter(|word| !word.is_empty()).for_each(|word| table.add(word));
        }
        ('a'..='z').for_each(|letter| table.add(&format!("{letter}.")));
        for hour in 1..=12 {
            ["a.m.", "am", "p.m.", "pm"].iter().for_each(|half| table.add(&format!("{hour} {half}")));
        }
        for degree in ["c", "f", "k", "C", "F", "K"] {
            table.add(&format!("° {degree} ."));
        }
        for nose in ["", "-"] {
            for mouth in ") )) ))) ( (( ((( ] } / | P p O o 0 * 3 > X x D".split(' ') {
                table.add(&format!(":{nose}{mouth}"));
            }
        }
        for (left, right) in
            ["oo", "oO", "Oo", "OO", "0o", "o0", "00"].iter().filter_map(|eyes| eyes.split_at_checked(1))
        {
            ["_", "."].iter().for_each(|nose| table.add(&format!("{left}{nose}{right}")));
        }
        table
    }

    fn add_both_cases(&mut self, pieces: &str) {
        self.add(pieces);
        let mut characters = pieces.chars();
        if let Some(first) = characters.next() {
            self.add(&format!("{}{}", first.to_ascii_uppercase(), characters.as_str()));
        }
    }

    /// Adds a word, split at spaces; and once more with typographic apostrophes.
    fn add(&mut self, pieces: &str) {
        for pieces in [pieces.to_owned(), pieces.replace('\'', "’")] {
            let mut cuts = [0; 3];
            for (cut, piece) in cuts.iter_mut().zip(pieces.split(' ')) {
                *cut = u8::try_from(piece.len()).unwrap_or(u8::MAX);
            }
            let text = pieces.replace(' ', "");
            self.by_hash.insert(hash(text.as_bytes()), Special { text: text.into(), cuts });
        }
    }
}
