//! Which part of a text trains and which is held out.

use super::Count;
use crate::data::read::Piece;
use crate::data::store::Split;

/// A piece that belongs to one split.
pub(super) struct Part {
    pub split: Split,
    pub piece: Piece,
}

/// Divides the text into training and validation.
///
/// Several documents: the last `⌊documents × validation⌋` of them, at least one, are held out. A single document: its
/// first `⌊characters × (1 − validation)⌋` characters train, the rest is held out, each encoded by itself, as nanoGPT does.
pub(super) struct Division {
    /// Seen so far, as the characters are.
    pub documents: u64,
    pub characters: u64,
    /// Documents that train, where there are several.
    train_documents: Option<u64>,
    /// Characters that train, where there is one document.
    train_characters: u64,
}

impl Division {
    pub(super) fn new(validation: f64, count: &Count) -> Self {
        let held_out = ((count.documents as f64 * validation) as u64).max(1);
        Self {
            documents: 0,
            characters: 0,
            train_documents: (count.documents > 1)
                .then(|| (count.documents - held_out.min(count.documents)).max(1)),
            train_characters: (count.characters as f64 * (1.0 - validation)) as u64,
        }
    }

    /// The piece, or its two parts where the split falls inside it.
    pub(super) fn divide(&mut self, piece: Piece) -> Vec<Part> {
        let characters = piece.text.chars().count() as u64;
        let before = self.characters;
        self.characters += characters;
        let document = self.documents;
        self.documents += u64::from(piece.ends_document);
        if let Some(train) = self.train_documents {
            let split = if document < train { Split::Train } else { Split::Validation };
            return vec![Part { split, piece }];
        }
        if self.characters <= self.train_characters {
            return vec![Part { split: Split::Train, piece }];
        }
        if before >= self.train_characters {
            return vec![Part { split: Split::Validation, piece }];
        }
        let inside = (self.train_characters - before) as usize;
        let at = piece.text.char_indices().nth(inside).map_or(piece.text.len(), |(at, _)| at);
        let mut text = piece.text;
        let rest = text.split_off(at);
        vec![
            Part { split: Split::Train, piece: Piece { text, ends_document: false } },
            Part {
                split: Split::Validation,
                piece: Piece { text: rest, ends_document: piece.ends_document },
            },
        ]
    }
}
