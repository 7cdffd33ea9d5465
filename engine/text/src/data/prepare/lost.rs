//! Characters lost in tokenization: a character vocabulary drops unknown ones.

use crate::data::read::Problems;
use crate::data::store::Split;
use crate::tokenizer::{EncodedText, Tokenizer};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::order;
use glasshouse_protocol::quantity::counted;
use regex::Regex;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Number of lost characters listed, most frequent first.
const NAMED: usize = 12;

/// Losses over all rows, or over a text.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Number of losses per character.
    characters: BTreeMap<char, u64>,
    /// Rows with losses, in the training and the validation split.
    rows: [u64; 2],
    /// Visible characters kept.
    kept: u64,
    /// Number of rows that spell special tokens, and the first such token.
    spelled: (u64, String),
}

impl Lost {
    /// Records a row, or a piece of text, with its lost characters.
    pub(super) fn note(&mut self, split: Split, text: &str, lost: impl Iterator<Item = char>) {
        let visible = |character: &char| !character.is_whitespace();
        let mut count = 0;
        for character in lost.filter(visible) {
            *self.characters.entry(character).or_default() += 1;
            count += 1;
        }
        self.rows[split as usize] += u64::from(count > 0);
        self.kept += (text.chars().filter(visible).count() as u64).saturating_sub(count);
    }

    /// Records a row whose own text spells a special token.
    pub(super) fn note_spelled(&mut self, token: Option<String>) {
        if let Some(token) = token {
            if self.spelled.0 == 0 {
                self.spelled.1 = token;
            }
            self.spelled.0 += 1;
        }
    }

    /// Reports the losses as problems of the file, or of the text called `name`; `of` is the unit it holds. Fails if no readable text is
    /// left.
    pub(super) fn report(&self, problems: &Problems, name: &str, of: &str) -> Result<()> {
        let (spelled, first) = &self.spelled;
        if *spelled > 0 {
            let of = counted(*spelled, of);
            let reason = format!(
                "spells special tokens in {of}, the first {first}: the model learns them as special tokens, not as text"
            );
            problems.note_rows(Path::new(name), &reason, *spelled);
        }
        let mut characters: Vec<(char, u64)> =
            self.characters.iter().map(|(own, count)| (*own, *count)).collect();
        if characters.is_empty() {
            return Ok(());
        }
        order::sort_by_key(&mut characters, |(_, count)| std::cmp::Reverse(*count));
        let named: Vec<String> = characters
            .iter()
            .take(NAMED)
            .map(|(own, count)| format!("{own:?} ({})", counted(*count, "time")))
            .collect();
        let more = match characters.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {}", counted(more as u64, "other")),
        };
        let listed = format!("{}{more}", named.join(", "));
        if self.kept == 0 {
            refuse!(
                "the vocabulary has no character of {name}, which has {listed}; start from a model whose tokenizer has them, such as a \
                 byte or BPE tokenizer"
            );
        }
        let (all, [train, _]) = (self.rows.iter().sum(), self.rows);
        let place = if train == 0 { "its held-out part" } else { "it" };
        let reason = format!(
            "has characters missing from the vocabulary, which are lost in {} of {place}: {listed}",
            counted(all, of)
        );
        problems.note_rows(Path::new(name), &reason, all);
        Ok(())
    }
}

/// The first special token spelled in a row of JSON.
pub(super) fn spelled(special: Option<&Regex>, row: &str) -> Option<String> {
    // Some programs escape < and >.
    let escapes = [("\\u003c", "<"), ("\\u003C", "<"), ("\\u003e", ">"), ("\\u003E", ">")];
    let plain = match row.contains("\\u003") {
        true => escapes.iter().fold(row.to_owned(), |row, (escape, plain)| row.replace(escape, plain)).into(),
        false => Cow::Borrowed(row),
    };
    found(special?, &plain)
}

pub(super) fn found(special: &Regex, text: &str) -> Option<String> {
    special.find(text).map(|found| found.as_str().to_owned())
}

/// Whether an answer with text has only special tokens left to learn.
pub(super) fn is_emptied(
    tokenizer: &Tokenizer,
    encoded: &EncodedText,
    learned: &[Range<usize>],
    lost: &[(usize, char)],
) -> bool {
    learned.iter().any(|range| {
        let tokens = encoded.tokens.iter().zip(encoded.learned(std::slice::from_ref(range)));
        let mut own = tokens.filter(|(_, learned)| *learned).map(|(token, _)| token);
        lost.iter().any(|(place, _)| range.contains(place))
            && own.all(|token| tokenizer.is_special(*token) || tokenizer.decode(&[*token]).trim().is_empty())
    })
}
