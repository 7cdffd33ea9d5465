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

/// A document's size, and what decides its split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) struct DocumentSize {
    pub characters: u64,
    /// Its [`content::key`], or 0.
    pub key: u64,
    /// The split by a cleaned folder's mark or a held-out file, if any.
    pub split: Option<Split>,
}

/// Which documents are held out; `None` if the end of each is.
///
/// Documents without a split are drawn by a hash of their content until their characters are nearest to the share `validation`: whether one is
/// held out does not depend on the order, and copies stay together. `None` if whole documents, of which one must train, miss the share by
/// more than half: a single document, or a few, or very unequal ones.
pub(in crate::data) fn held_out(documents: &[DocumentSize], validation: f64, seed: u64) -> Option<Vec<bool>> {
    let mut held_out: Vec<bool> =
        documents.iter().map(|document| document.split == Some(Split::Validation)).collect();
    let free = documents.iter().enumerate().filter(|(_, document)| document.split.is_none());
    let mut drawn: Vec<(u64, usize)> = free.map(|(at, document)| (draw(seed, document.key), at)).collect();
    if drawn.is_empty() {
        return Some(held_out);
    }
    drawn.sort_unstable();
    let characters = |(_, at): &(u64, usize)| documents.get(*at).map_or(0, |document| document.characters);
    let all: u64 = drawn.iter().map(characters).sum();
    let wanted = all as f64 * validation;
    let miss = |characters: u64| (characters as f64 - wanted).abs();
    let mut sum = 0;
    for copies in drawn.chunk_by(|one, other| one.0 == other.0) {
        let with = sum + copies.iter().map(characters).sum::<u64>();
        if with < all && miss(with) < miss(sum) {
            sum = with;
            for (_, at) in copies {
                if let Some(own) = held_out.get_mut(*at) {
                    *own = true;
                }
            }
        }
    }
    (miss(sum) <= wanted / 2.0).then_some(held_out)
}

/// Divides the text into training and validation by [`held_out`]. Of a document that is divided, the first `⌊characters × (1 −
/// validation)⌋` train and the rest is held out, each part encoded separately, as nanoGPT divides its single text.
pub(super) struct Splitter<'a> {
    count: &'a Count,
    validation: f64,
    pub documents: usize,
    pub characters: u64,
    /// Characters of the current document before the next piece.
    pub within: u64,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(validation: f64, count: &'a Count) -> Self {
        Self { count, validation, documents: 0, characters: 0, within: 0 }
    }

    /// Returns the piece, or its two parts if the split falls inside it.
    pub(super) fn divide(&mut self, mut piece: TextPiece) -> Vec<SplitPiece> {
        // Pieces wait to be encoded, which takes only their text.
        piece.row = None;
        let characters = piece.text.chars().count() as u64;
        let (document, before, end) = (self.documents, self.within, self.within + characters);
        self.characters += characters;
        self.documents += usize::from(piece.ends_document);
        self.within = if piece.ends_document { 0 } else { end };
        let whole = |split: Split, piece: TextPiece| vec![SplitPiece { split, piece }];
        if let Some(split) = piece.mark.as_ref().and_then(|mark| mark.split) {
            return whole(split, piece);
        }
        if let Some(held_out) = &self.count.held_out {
            let is_held_out = held_out.get(document) == Some(&true);
            return whole(if is_held_out { Split::Validation } else { Split::Train }, piece);
        }
        let length = self.count.documents.get(document).map_or(0, |document| document.characters);
        let train = (length as f64 * (1.0 - self.validation)) as u64;
        // A single text has no end token.
        let ends_part = self.count.documents.len() > 1;
        if end <= train {
            piece.ends_document |= ends_part && end == train;
            return whole(Split::Train, piece);
        }
        if before >= train {
            return whole(Split::Validation, piece);
        }
        let inside = (train - before) as usize;
        let at = piece.text.char_indices().nth(inside).map_or(piece.text.len(), |(at, _)| at);
        let rest = piece.text.split_off(at);
        let held_out = TextPiece { text: rest, ..piece.clone() };
        piece.ends_document = ends_part;
        vec![
            SplitPiece { split: Split::Train, piece },
            SplitPiece { split: Split::Validation, piece: held_out },
        ]
    }
}

/// The draw that holds out a content by its [`content::key`]: the lowest are held out.
pub(super) fn draw(seed: u64, key: u64) -> u64 {
    /// Stream id.
    const HELD_OUT: u64 = 0x6865_6c64;
    nth(HELD_OUT, seed, key)
}

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
        let draw = draw(self.seed, content::key(content).unwrap_or_default());
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
    pub(super) fn report(&self, problems: &Problems, name: &str, of: &str) {
        self.copies.report(problems, name, of);
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

    fn documents(lengths: &[u64]) -> Vec<DocumentSize> {
        (0..).zip(lengths).map(|(key, &characters)| DocumentSize { characters, key, split: None }).collect()
    }

    /// Characters held out of documents with these lengths.
    fn characters(lengths: &[u64], validation: f64) -> Option<u64> {
        let held_out = held_out(&documents(lengths), validation, 0)?;
        Some(lengths.iter().zip(held_out).map(|(length, own)| length * u64::from(own)).sum())
    }

    #[test]
    fn whole_documents_are_held_out_nearest_to_the_share() {
        assert_eq!(characters(&[10; 100], 0.1), Some(100));
        assert_eq!(characters(&[10; 10], 0.1), Some(10));
        assert!(matches!(characters(&[500, 300, 90, 110], 0.1), Some(90 | 110)));
        assert_eq!(characters(&[50, 50], 0.9), Some(50), "one document trains");
    }

    #[test]
    fn documents_too_few_or_too_unequal_are_not_held_out_whole() {
        for lengths in [&[1_000, 1_000_000][..], &[1_000_000, 10], &[1_000], &[50, 50]] {
            assert_eq!(characters(lengths, 0.1), None, "{lengths:?}");
        }
        let copies = [DocumentSize { characters: 10, key: 7, split: None }; 10];
        assert_eq!(held_out(&copies, 0.1, 0), None, "all documents are copies of one");
    }

    #[test]
    fn a_document_s_split_depends_on_its_content_alone() {
        let mut all = documents(&[10; 200]);
        let before = held_out(&all, 0.1, 0).unwrap();
        let last: Vec<bool> = (0..200).map(|at| at >= 180).collect();
        assert_ne!(before, last, "not the end of the list");
        all.reverse();
        let mut turned = held_out(&all, 0.1, 0).unwrap();
        turned.reverse();
        assert_eq!(turned, before);
        all.reverse();
        assert_ne!(held_out(&all, 0.1, 1).unwrap(), before, "another seed");
        // Ten copies of one stay together.
        all[..10].iter_mut().for_each(|document| document.key = 0);
        let copies = &held_out(&all, 0.1, 0).unwrap()[..10];
        assert!(copies.iter().all(|own| *own == copies[0]));
        // A share of those that no mark or file decides.
        all[..100].iter_mut().for_each(|document| document.split = Some(Split::Train));
        let held_out = held_out(&all, 0.1, 0).unwrap();
        assert_eq!(held_out[100..].iter().filter(|own| **own).count(), 10);
        assert!(!held_out[..100].contains(&true));
    }
}
