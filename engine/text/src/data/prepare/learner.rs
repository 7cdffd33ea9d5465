//! Training of the tokenizer in the pass that counts the text, before the split is known.

use super::Count;
use super::split::{Splitter, draw};
use crate::data::read::TextPiece;
use crate::data::store::Split;
use crate::tokenizer::TokenizerTrainer;
use crate::tokenizer::cut::Cut;
use glasshouse_protocol::DataConfig;
use std::collections::{BTreeMap, VecDeque};

/// Maximum bytes of documents that wait for the split.
const WAITING_BYTES: usize = 16 << 20;

/// Feeds training documents to a tokenizer's trainer. [`held_out`](super::held_out) takes documents in the order of their draws up to the
/// share `validation`, so the side of a draw far from that share is sure; documents with the nearest draws wait for the split. Of a document
/// too long to wait, the beginning trains unless the whole is held out.
pub(super) struct Learner {
    trainer: TokenizerTrainer,
    seed: u64,
    validation: f64,
    /// The current document, and its characters; `None` if it is too long to wait.
    text: Option<WaitingText>,
    characters: u64,
    /// Documents with their probable split, by the distance of their draw from the share `validation` and their number.
    waiting: BTreeMap<(u64, usize), (Split, WaitingText)>,
    bytes: usize,
    /// Maximum bytes of waiting documents.
    room: usize,
    /// The split of each document; `None` while it waits, or if it was too long.
    placed: Vec<Option<Split>>,
}

/// A document without its first characters, of which so many were fed.
#[derive(Default)]
struct WaitingText {
    fed: u64,
    pieces: VecDeque<String>,
    bytes: usize,
}

impl Learner {
    pub(super) fn new(trainer: TokenizerTrainer, config: &DataConfig) -> Self {
        Self {
            trainer,
            seed: config.validation_seed,
            validation: config.validation,
            text: Some(WaitingText::default()),
            characters: 0,
            waiting: BTreeMap::new(),
            bytes: 0,
            room: WAITING_BYTES,
            placed: Vec::new(),
        }
    }

    /// Where documents may be split before [`Self::add`].
    pub(super) fn cut(&self) -> Cut {
        self.trainer.cut()
    }

    /// Takes a piece of the current document, with its split if that is known.
    pub(super) fn add(&mut self, piece: &str, split: Option<Split>) {
        match split {
            Some(Split::Train) => self.trainer.feed(piece),
            Some(Split::Validation) => {}
            None => self.wait(piece),
        }
    }

    fn wait(&mut self, piece: &str) {
        let Some(mut text) = self.text.take() else { return };
        text.bytes += piece.len();
        text.pieces.push_back(piece.to_owned());
        self.characters += piece.chars().count() as u64;
        // The rest of the document only moves the split to later characters.
        let training = (self.characters as f64 * (1.0 - self.validation)) as u64;
        while text.bytes > self.room {
            let Some(first) = text.pieces.pop_front() else { return };
            text.fed += first.chars().count() as u64;
            if text.fed > training {
                return;
            }
            text.bytes -= first.len();
            self.trainer.feed(&first);
        }
        self.text = Some(text);
    }

    /// Ends the current document, with the key of its content and the split given for its pieces.
    pub(super) fn end(&mut self, key: u64, split: Option<Split>) {
        let number = self.placed.len();
        self.placed.push(split);
        if split.is_some() {
            return;
        }
        self.characters = 0;
        let Some(text) = self.text.replace(WaitingText::default()) else { return };
        let draw = draw(self.seed, key);
        // Draws below this are probably held out.
        let limit = (self.validation * 2.0_f64.powi(64)) as u64;
        let probable = if draw < limit { Split::Validation } else { Split::Train };
        self.bytes += text.bytes;
        // A document whose beginning was fed waits for as long as possible, unless it probably trains: if it is held out, that cannot
        // be undone.
        let waits = text.fed > 0 && probable == Split::Validation;
        let distance = if waits { 0 } else { draw.abs_diff(limit) };
        self.waiting.insert((distance, number), (probable, text));
        while self.bytes > self.room
            && let Some(((_, number), (split, text))) = self.waiting.pop_last()
        {
            self.bytes -= text.bytes;
            if text.fed == 0 || split == Split::Train {
                self.place(number, split, &text);
            }
        }
    }

    fn place(&mut self, number: usize, split: Split, text: &WaitingText) {
        if split == Split::Train {
            text.pieces.iter().for_each(|piece| self.trainer.feed(piece));
        }
        if let Some(placed) = self.placed.get_mut(number) {
            *placed = Some(split);
        }
    }

    /// The trainer with the whole training split; `None` if a document was placed wrongly or was too long, so that the text must be read
    /// again.
    pub(super) fn finish(mut self, count: &Count, validation: f64) -> Option<TokenizerTrainer> {
        let waiting: BTreeMap<usize, WaitingText> = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|((_, number), (_, text))| (number, text))
            .collect();
        let is_right = |(number, placed): (usize, &Option<Split>)| {
            let held_out = count.held_out.as_ref().map(|held_out| held_out.get(number) == Some(&true));
            match (placed, waiting.get(&number)) {
                (Some(split), _) => held_out == Some(*split == Split::Validation),
                (None, Some(text)) => text.fed == 0 || held_out != Some(true),
                (None, None) => false,
            }
        };
        if !self.placed.iter().enumerate().all(is_right) {
            return None;
        }
        let mut splitter = Splitter::new(validation, count);
        for (number, WaitingText { fed, mut pieces, .. }) in waiting {
            (splitter.documents, splitter.within) = (number, fed);
            let last = pieces.pop_back();
            let last = last.map(TextPiece::whole);
            let others = pieces.into_iter().map(|text| TextPiece { text, ..TextPiece::default() });
            for piece in others.chain(last) {
                let parts = splitter.divide(piece).into_iter().filter(|part| part.split == Split::Train);
                parts.for_each(|part| self.trainer.feed(&part.piece.text));
            }
        }
        Some(self.trainer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DocumentSize, held_out};
    use super::*;
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};

    /// The characters learned from texts with this room, each text with its own; `None` if they must be read again. Also the number
    /// of documents held out, if whole ones are.
    fn learned(texts: &[String], room: usize) -> (Option<String>, Option<usize>) {
        let config = DataConfig { validation: 0.2, ..DataConfig::default() };
        let trainer = TokenizerTrainer::new(&TokenizerConfig::new(TokenizerKind::Char, 0)).unwrap();
        let mut learner = Learner { room, ..Learner::new(trainer, &config) };
        let mut count = Count { characters: 0, bytes: 0, documents: Vec::new(), held_out: None };
        for (text, key) in texts.iter().zip(0..) {
            let (first, second) = text.split_at(text.len() / 2);
            [first, second].iter().for_each(|piece| learner.add(piece, None));
            learner.end(key, None);
            let characters = text.chars().count() as u64;
            count.documents.push(DocumentSize { characters, key, split: None });
        }
        count.held_out = held_out(&count.documents, config.validation, config.validation_seed);
        let expected: String = match &count.held_out {
            Some(held_out) => {
                texts.iter().zip(held_out).filter(|(_, own)| !**own).map(|(text, _)| &**text).collect()
            }
            None => texts.iter().map(|text| &text[..(text.len() as f64 * 0.8) as usize]).collect(),
        };
        let trainer = learner.finish(&count, config.validation);
        let lost = trainer.map(|trainer| trainer.finish(true).unwrap().unknown_characters(&texts.concat()));
        let mut characters: Vec<char> =
            texts.concat().chars().filter(|letter| !expected.contains(*letter)).collect();
        characters.dedup();
        let number = count.held_out.map(|held_out| held_out.iter().filter(|own| **own).count());
        (
            lost.map(|lost| {
                assert_eq!(lost, characters);
                expected
            }),
            number,
        )
    }

    #[test]
    fn the_tokenizer_learns_the_training_split_or_nothing() {
        let own = |number: u32| char::from_u32(0x4e00 + number).unwrap().to_string().repeat(10);
        let texts: Vec<String> = (0..400).map(own).collect();
        for room in [100_000, 3_000] {
            let (learned, held_out) = learned(&texts, room);
            assert!(learned.is_some() && held_out == Some(80), "{room}: {held_out:?}");
        }
        // None may wait.
        assert_eq!(learned(&texts, 0).0, None);
        // A text that is divided.
        let one = ["abcdefghij".to_owned()];
        for room in [100, 5] {
            assert_eq!(learned(&one, room), (Some("abcdefgh".to_owned()), None), "{room}");
        }
        assert_eq!(learned(&one, 3).0, None);
        // One document is longer than the room, and all others are held out.
        for long in 0..10 {
            let mut texts = texts[..10].to_vec();
            texts[long] = texts[long].repeat(40);
            assert_eq!(learned(&texts, 900), (Some(texts[long].clone()), Some(9)), "{long}");
        }
        // Two of them among many, far from the share.
        let two_long = |at: usize| {
            let mut texts = texts.clone();
            texts[at..at + 2].iter_mut().for_each(|text| *text = text.repeat(40));
            learned(&texts, 1_000).0.is_some()
        };
        assert!((0..9).any(two_long));
    }

    #[test]
    fn documents_whose_split_is_known_do_not_wait() {
        let trainer = TokenizerTrainer::new(&TokenizerConfig::new(TokenizerKind::Char, 0)).unwrap();
        let mut learner = Learner { room: 0, ..Learner::new(trainer, &DataConfig::default()) };
        let mut count = Count { characters: 6, bytes: 6, documents: Vec::new(), held_out: None };
        for (text, split) in [("abc", Split::Train), ("xyz", Split::Validation)] {
            learner.add(text, Some(split));
            learner.end(0, Some(split));
            count.documents.push(DocumentSize { characters: 3, key: 0, split: Some(split) });
        }
        count.held_out = held_out(&count.documents, 0.1, 0);
        let tokenizer = learner.finish(&count, 0.1).unwrap().finish(true).unwrap();
        assert_eq!(tokenizer.unknown_characters("abcxyz"), ['x', 'y', 'z']);
    }
}
