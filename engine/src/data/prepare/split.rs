//! Which part of a text trains and which is held out.

use super::Count;
use crate::data::read::TextPiece;
use crate::data::store::Split;
use crate::protocol::random::nth;
use glasshouse_protocol::DataConfig;

/// A piece that belongs to one split.
pub(super) struct SplitPiece {
    pub split: Split,
    pub piece: TextPiece,
}

/// Divides the text into training and validation.
///
/// A document that a cleaning marked goes where its mark says. Otherwise:
///
/// Several documents: the last ones whose characters together come nearest to the share `validation` are held out. A single
/// document, or a few of such unequal lengths that no number of whole ones comes near the share: the first
/// `⌊characters × (1 − validation)⌋` characters train, the rest is held out, each encoded by itself, as nanoGPT does.
pub(super) struct Splitter {
    /// Seen so far, as the characters are.
    pub documents: u64,
    pub characters: u64,
    /// Documents that train, where whole ones are held out.
    train_documents: Option<u64>,
    /// Characters that train, where the split falls inside a document.
    train_characters: u64,
}

impl Splitter {
    pub(super) fn new(validation: f64, count: &Count) -> Self {
        Self {
            documents: 0,
            characters: 0,
            train_documents: whole_documents(&count.lengths, count.characters as f64 * validation),
            train_characters: (count.characters as f64 * (1.0 - validation)) as u64,
        }
    }

    /// The piece, or its two parts where the split falls inside it.
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

/// How many documents train when the last ones are held out whole and hold about `wanted` characters; `None` where the
/// nearest number of them misses that by more than half.
pub(in crate::data) fn whole_documents(lengths: &[u64], wanted: f64) -> Option<u64> {
    let mut held_out = 0;
    let mut nearest: Option<(f64, usize)> = None;
    // At least one document trains.
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

/// What decides which examples are held out.
const HELD_OUT: u64 = 0x6865_6c64;

/// Which examples are held out: each by chance, of its number alone, as often as [`DataConfig::validation`] says, and the last of all
/// where none was.
pub(super) struct HeldOut {
    /// Numbers below it are.
    below: u64,
    /// Examples that train, and that are held out.
    pub(super) counts: [u64; 2],
}

impl HeldOut {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self { below: (config.validation * 2.0_f64.powi(64)) as u64, counts: [0; 2] }
    }

    /// Where the next example goes.
    pub(super) fn next(&mut self, is_last: bool) -> Split {
        let number = self.counts.iter().sum();
        let is_only = is_last && self.counts[Split::Validation as usize] == 0;
        let held_out = is_only || nth(HELD_OUT, 0, number) < self.below;
        let split = if held_out { Split::Validation } else { Split::Train };
        self.counts[split as usize] += 1;
        split
    }
}

#[cfg(test)]
mod tests {
    use super::whole_documents;

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
