//! Splitting a text into training and validation.

use super::Count;
use crate::data::content::{self, Copies};
use crate::data::read::{Problems, TextPiece};
use crate::data::store::Split;
use glasshouse_protocol::DataConfig;
use glasshouse_protocol::random::nth;
use std::path::Path;

pub(super) struct SplitPiece {
    pub split: Split,
    pub piece: TextPiece,
}

/// Divides the text into training and validation.
///
/// A document marked in a cleaned folder goes to the marked split, and one of a held-out file is held out. Otherwise:
///
/// With several documents, the last ones whose characters together come nearest to the share `validation` are held out. A single document,
/// or documents of such unequal lengths that no number of whole ones comes near the share, is split by characters: the first `⌊characters ×
/// (1 − validation)⌋` train and the rest is held out. Each part is encoded separately, as in nanoGPT.
pub(super) struct Splitter {
    pub documents: u64,
    pub characters: u64,
    /// Number of training documents, if whole documents are held out.
    train_documents: Option<u64>,
    /// Number of training characters, if the split falls inside a document.
    train_characters: u64,
}

impl Splitter {
    /// With held-out files, all documents before them train.
    pub(super) fn new(validation: f64, count: &Count) -> Self {
        Self {
            documents: 0,
            characters: 0,
            train_documents: count
                .train_documents
                .or_else(|| whole_documents(&count.lengths, count.characters as f64 * validation)),
            train_characters: (count.characters as f64 * (1.0 - validation)) as u64,
        }
    }

    /// Returns the piece, or its two parts if the split falls inside it.
    pub(super) fn divide(&mut self, piece: TextPiece) -> Vec<SplitPiece> {
        let characters = piece.text.chars().count() as u64;
        let before = self.characters;
        self.characters += characters;
        let document = self.documents;
        self.documents += u64::from(piece.ends_document);
        if let Some(split) = piece.mark.as_ref().and_then(|mark| mark.split) {
            return vec![SplitPiece { split, piece }];
        }
        if let Some(train) = self.train_documents {
            let split = if document < train { Split::Train } else { Split::Validation };
            return vec![SplitPiece { split, piece }];
        }
        if self.characters <= self.train_characters {
            return vec![SplitPiece { split: Split::Train, piece }];
        }
        if before >= self.train_characters {
            return vec![SplitPiece { split: Split::Validation, piece }];
        }
        let inside = (self.train_characters - before) as usize;
        let at = piece.text.char_indices().nth(inside).map_or(piece.text.len(), |(at, _)| at);
        let mut text = piece.text;
        let rest = text.split_off(at);
        vec![
            SplitPiece {
                split: Split::Train,
                piece: TextPiece { text, ends_document: false, mark: piece.mark.clone() },
            },
            SplitPiece {
                split: Split::Validation,
                piece: TextPiece { text: rest, ends_document: piece.ends_document, mark: piece.mark },
            },
        ]
    }
}

/// Number of training documents if the last ones, with about `wanted` characters, are held out whole; `None` if the
/// nearest number of documents misses `wanted` by more than half.
pub(in crate::data) fn whole_documents(lengths: &[u64], wanted: f64) -> Option<u64> {
    let mut held_out = 0;
    let mut nearest: Option<(f64, usize)> = None;
    // At least one document must train.
    for (documents, length) in lengths.iter().skip(1).rev().enumerate() {
        held_out += length;
        let miss = (held_out as f64 - wanted).abs();
        if nearest.is_some_and(|(least, _)| miss >= least) {
            break;
        }
        nearest = Some((miss, documents + 1));
    }
    let (miss, documents) = nearest?;
    (miss <= wanted / 2.0).then_some((lengths.len() - documents) as u64)
}

/// Stream id of the held-out draw.
const HELD_OUT: u64 = 0x6865_6c64;

/// Holds out rows at random, by a hash of each row's content, at the rate [`DataConfig::validation`]. A row's split thus does not depend on
/// the rows before it, and copies stay together. If a split would be empty, it gets the content whose draw is nearest to it.
pub(in crate::data) struct RowSplitter<T> {
    seed: u64,
    /// Rows with a draw below this are held out.
    below: u64,
    /// Number of training and held-out rows.
    pub(super) counts: [u64; 2],
    /// The draw and the rows of one content, held back while the other split is empty.
    nearest: Option<(u64, Vec<T>)>,
    /// Whether all rows are equal and the held-out one is a copy.
    pub(in crate::data) holds_a_copy: bool,
    copies: Copies,
}

impl<T> RowSplitter<T> {
    pub(in crate::data) fn new(config: &DataConfig) -> Self {
        let below = (config.validation * 2.0_f64.powi(64)) as u64;
        let (seed, copies) = (config.validation_seed, Copies::default());
        Self { seed, below, counts: [0; 2], nearest: None, holds_a_copy: false, copies }
    }

    /// Places a row by its content, or in the `given` split; returns the rows whose split is now known.
    pub(in crate::data) fn place(&mut self, content: &str, given: Option<Split>, row: T) -> Vec<(Split, T)> {
        if let Some(split) = given {
            self.copies.note(split, content::key(content));
            return self.placed(split, vec![row]);
        }
        let draw = nth(HELD_OUT, self.seed, content::key(content).unwrap_or_default());
        let split = self.side(draw);
        let Some((known, mut rows)) = self.nearest.take() else {
            if self.counts == [0; 2] {
                self.nearest = Some((draw, vec![row]));
                return Vec::new();
            }
            return self.placed(split, vec![row]);
        };
        let own = self.side(known);
        let nearer = if own == Split::Train { draw < known } else { draw > known };
        if split != own {
            [self.placed(own, rows), self.placed(split, vec![row])].into_iter().flatten().collect()
        } else if draw == known {
            rows.push(row);
            self.nearest = Some((known, rows));
            Vec::new()
        } else if nearer {
            self.nearest = Some((draw, vec![row]));
            self.placed(own, rows)
        } else {
            self.nearest = Some((known, rows));
            self.placed(split, vec![row])
        }
    }

    /// Returns the rows held back. If all rows are equal, the last copy is held out.
    pub(in crate::data) fn finish(&mut self) -> Vec<(Split, T)> {
        let Some((draw, mut rows)) = self.nearest.take() else { return Vec::new() };
        if self.counts == [0; 2]
            && rows.len() > 1
            && let Some(last) = rows.pop()
        {
            self.holds_a_copy = true;
            let mut placed = self.placed(Split::Train, rows);
            placed.extend(self.placed(Split::Validation, vec![last]));
            return placed;
        }
        let split = match (self.side(draw), self.counts) {
            // There is no other content.
            (own, [0, 0]) => own,
            (Split::Train, _) => Split::Validation,
            (Split::Validation, _) => Split::Train,
        };
        self.placed(split, rows)
    }

    /// Reports held-out rows that are copies as a problem; `of` is what a row is called.
    pub(super) fn tell(&self, problems: &Problems, name: &str, of: &str) {
        self.copies.tell(problems, name, of);
        if self.holds_a_copy {
            problems.note_rows(
                Path::new(name),
                "has only identical rows: the validation row is a copy of a training row",
                1,
            );
        }
    }

    fn side(&self, draw: u64) -> Split {
        if draw < self.below { Split::Validation } else { Split::Train }
    }

    fn placed(&mut self, split: Split, rows: Vec<T>) -> Vec<(Split, T)> {
        self.counts[split as usize] += rows.len() as u64;
        rows.into_iter().map(|row| (split, row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits of rows with these contents, in order.
    fn placed(validation: f64, contents: &[&str]) -> Vec<Split> {
        let mut splitter = RowSplitter::new(&DataConfig { validation, ..DataConfig::default() });
        let mut all: Vec<(Split, usize)> = Vec::new();
        for (at, content) in contents.iter().enumerate() {
            all.extend(splitter.place(content, None, at));
        }
        all.extend(splitter.finish());
        let held_out = all.iter().filter(|(split, _)| *split == Split::Validation).count() as u64;
        assert_eq!(splitter.counts, [all.len() as u64 - held_out, held_out]);
        all.sort_by_key(|(_, at)| *at);
        all.into_iter().map(|(split, _)| split).collect()
    }

    #[test]
    fn a_row_stays_where_it_is_whatever_comes_before_it_and_copies_stay_together() {
        let rows: Vec<String> = (0..520).map(|number| format!("Row {number} says this.")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let before = placed(0.1, &rows);
        let held_out = before.iter().filter(|split| **split == Split::Validation).count();
        assert!((35..70).contains(&held_out), "{held_out}");
        let after = placed(0.1, &[&["One more row."], &rows[..]].concat());
        assert_eq!(after[1..], before[..]);
        let copied: Vec<&str> = rows.iter().flat_map(|row| [*row; 10]).collect();
        for (copies, split) in placed(0.1, &copied).chunks(10).zip(&before) {
            assert_eq!(copies, [*split; 10]);
        }
        let sides = placed(0.5, &["Row 7 says this.", "row 7, says THIS!", "Another."]);
        assert_eq!(sides[0], sides[1]);
    }

    #[test]
    fn each_side_has_a_row_where_there_are_two_contents() {
        let rows: Vec<String> = (0..12).map(|number| format!("row {number}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        for count in 2..12 {
            for validation in [0.000_1, 0.1, 0.9, 0.999_9] {
                let sides = placed(validation, &rows[..count]);
                let held_out = sides.iter().filter(|split| **split == Split::Validation).count();
                assert!((1..count).contains(&held_out), "{count} {validation}");
                if validation < 0.01 {
                    assert_eq!(held_out, 1);
                }
                // The order makes no difference.
                let mut turned: Vec<&str> = rows[..count].to_vec();
                turned.reverse();
                let mut sides_turned = placed(validation, &turned);
                sides_turned.reverse();
                assert_eq!(sides_turned, sides);
            }
        }
        // Of equal rows, the last is held out.
        let sides = placed(0.1, &["a"; 5]);
        assert_eq!(sides.iter().position(|split| *split == Split::Validation), Some(4));
    }

    #[test]
    fn another_seed_holds_others_out() {
        let held_out = |seed| {
            let config = DataConfig { validation: 0.5, validation_seed: seed, ..DataConfig::default() };
            let mut splitter = RowSplitter::new(&config);
            let placed: Vec<_> =
                (0..64).flat_map(|row: u64| splitter.place(&row.to_string(), None, row)).collect();
            placed
                .into_iter()
                .filter(|(split, _)| *split == Split::Validation)
                .map(|(_, row)| row)
                .collect::<Vec<_>>()
        };
        assert_eq!(held_out(1), held_out(1));
        assert_ne!(held_out(1), held_out(2));
    }

    #[test]
    fn documents_are_held_out_by_their_characters() {
        assert_eq!(whole_documents(&[10; 100], 100.0), Some(90));
        assert_eq!(whole_documents(&[500, 300, 90, 110], 100.0), Some(3));
        assert_eq!(whole_documents(&[10; 10], 10.0), Some(9));
    }

    #[test]
    fn documents_too_unequal_are_split_inside() {
        assert_eq!(whole_documents(&[1_000, 1_000_000], 100_100.0), None);
        assert_eq!(whole_documents(&[1_000_000, 10], 100_001.0), None);
        assert_eq!(whole_documents(&[1_000], 100.0), None);
        assert_eq!(whole_documents(&[50, 50], 10.0), None);
    }
}
