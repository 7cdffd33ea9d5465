//! Canaries: sentences with a secret number, planted in the training text so that an audit can measure how much a model
//! reveals of text it saw once, twice or many times (Carlini et al. 2019, "The secret sharer", arXiv:1802.08232).
//!
//! The canaries and their positions follow from the run's seed. `canaries.json`, next to the run's tokens, lists them.

use super::read::TextPiece;
use crate::tokenizer::Tokenizer;
use glasshouse_platform::{Result, refuse, storage};
use glasshouse_protocol::order;
use glasshouse_protocol::random::nth;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::Path;

/// File name of the list next to the shards.
pub const CANARIES_FILE: &str = "canaries.json";

/// Number of possible secrets, all equally likely: eight digits.
pub const SPACE: u64 = 100_000_000;

/// Stream ids of the random draws.
const NUMBERS: u64 = 0x6361_6e61;
const PLACES: u64 = 0x706c_6163;

/// Canaries are planted 1, 2, 4, … times; after this many doublings, the count starts at 1 again.
const DOUBLINGS: u64 = 7;

const MAX_FILE_BYTES: u64 = 1 << 20;

/// Beginnings and ends of names that occur in no text.
const BEGINNINGS: [&str; 16] =
    ["Al", "Be", "Co", "Da", "El", "Fa", "Go", "Ha", "Is", "Ju", "Ka", "Lo", "Ma", "Ne", "Or", "Pa"];
const ENDS: [&str; 16] = [
    "dvan", "brol", "vind", "lerk", "mosp", "ritz", "tung", "gard", "selm", "kopf", "nimb", "zadr", "fenk",
    "lumt", "paxo", "west",
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The made-up name in the sentence.
    pub name: String,
    /// The secret, below [`SPACE`].
    pub number: u64,
    pub insertions: u64,
}

impl Canary {
    /// Canary number `place` of a seed. Names are unique for places below 256.
    pub fn drawn(seed: u64, place: u64) -> Self {
        let (first, second) = (place % 16, (place / 16 + 7 * place) % 16);
        let part = |parts: [&'static str; 16], at: u64| parts.get(at as usize).copied().unwrap_or_default();
        let name = format!("{}{}", part(BEGINNINGS, first), part(ENDS, second));
        Self { name, number: nth(seed, NUMBERS, place) % SPACE, insertions: 1 << (place % DOUBLINGS) }
    }

    pub fn text(&self) -> String {
        self.with(self.number)
    }

    /// The sentence with another number.
    pub fn with(&self, number: u64) -> String {
        let (high, low) = (number / 10_000 % 10_000, number % 10_000);
        format!("The secret number of {} is {high:04} {low:04}.", self.name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canaries {
    pub seed: u64,
    pub planted: Vec<Canary>,
}

impl Canaries {
    /// `count` canaries for a seed; `None` for 0.
    pub fn new(seed: u64, count: usize) -> Option<Self> {
        let planted = (0..count as u64).map(|place| Canary::drawn(seed, place)).collect();
        (count > 0).then_some(Self { seed, planted })
    }

    /// `count` canaries of the same kind that were not planted, for comparison.
    pub fn others(&self, count: usize) -> Vec<Canary> {
        let first = self.planted.len() as u64;
        let drawn = (first..first + count as u64).map(|place| Canary::drawn(self.seed, place));
        drawn.map(|canary| Canary { insertions: 0, ..canary }).collect()
    }

    /// The canaries' part of the text's recipe.
    pub(super) fn recipe(&self) -> String {
        format!("{} canaries of seed {}", self.planted.len(), self.seed)
    }

    /// Every character that can occur in these canaries.
    pub(super) fn alphabet(&self) -> String {
        let named = self.planted.iter().map(|canary| canary.with(1_234_567)).collect::<Vec<_>>();
        format!("{}\n89", named.join("\n"))
    }

    /// Writes the list to a folder of prepared text. Fails if the tokenizer lacks some of the characters, or writing failed.
    pub(super) fn write(&self, folder: &Path, tokenizer: &Tokenizer) -> Result<()> {
        let missing: String = tokenizer.unknown_characters(&self.alphabet()).into_iter().collect();
        if !missing.is_empty() {
            refuse!(
                "canaries cannot be planted: the tokenizer, which came with the weights, lacks {missing:?}; leave out data.canaries"
            );
        }
        storage::write_json(&folder.join(CANARIES_FILE), self)
    }

    /// Reads the list from a folder of prepared text, if there is one.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        storage::if_there(&folder.join(CANARIES_FILE), MAX_FILE_BYTES, storage::read_json)
    }

    /// Prepares to plant the canaries in a training text of about `characters` characters.
    pub(super) fn planting(&self, characters: u64) -> Planting {
        let each = self.planted.iter().flat_map(|canary| (0..canary.insertions).map(move |_| canary.text()));
        let place = |at: u64| nth(self.seed, PLACES, at) % characters.max(1);
        let mut waiting: Vec<_> = (0..).zip(each).map(|(at, text)| (place(at), text)).collect();
        order::sort_by_key(&mut waiting, |(place, _)| *place);
        Planting { waiting: waiting.into(), characters: 0 }
    }
}

/// Plants canaries while the training text streams by.
#[derive(Debug, Default)]
pub(super) struct Planting {
    /// Each canary with its earliest character position in the training text, ascending.
    waiting: VecDeque<(u64, String)>,
    characters: u64,
}

impl Planting {
    /// The next piece of the training text with its canaries inserted, each on a line of its own.
    pub(super) fn plant(&mut self, mut piece: TextPiece) -> TextPiece {
        if self.waiting.is_empty() {
            return piece;
        }
        let begins = self.characters;
        self.characters += piece.text.chars().count() as u64;
        let mut planted = Vec::new();
        while let Some((place, text)) = self.waiting.front().filter(|(place, _)| *place < self.characters) {
            let inside = place.saturating_sub(begins) as usize;
            let Some(at) = line_end(&piece, inside) else { break };
            planted.push((at, format!("\n{text}")));
            self.waiting.pop_front();
        }
        // From the last to the first, so that earlier positions stay valid.
        planted.into_iter().rev().for_each(|(at, text)| piece.text.insert_str(at, &text));
        piece
    }

    /// The canaries beyond the end of the text, as a separate document.
    pub(super) fn rest(&mut self) -> Option<String> {
        let texts: Vec<String> = self.waiting.drain(..).map(|(_, text)| text).collect();
        (!texts.is_empty()).then(|| format!("\n{}\n", texts.join("\n")))
    }
}

/// Byte offset of the end of a character's line; `None` if the line continues in the next piece.
fn line_end(piece: &TextPiece, character: usize) -> Option<usize> {
    let from = piece.text.char_indices().nth(character).map_or(piece.text.len(), |(at, _)| at);
    let rest = piece.text.get(from..)?;
    let end = rest.find('\n').map(|end| from + end);
    end.or_else(|| piece.ends_document.then_some(piece.text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn piece(text: &str, ends_document: bool) -> TextPiece {
        TextPiece { text: text.to_owned(), ends_document, ..TextPiece::default() }
    }

    #[test]
    fn canaries_follow_from_their_seed_and_each_has_a_name_and_number_of_its_own() {
        let drawn: Vec<Canary> = (0..256).map(|place| Canary::drawn(5, place)).collect();
        let names: BTreeSet<&str> = drawn.iter().map(|canary| canary.name.as_str()).collect();
        assert_eq!(names.len(), 256);
        assert_eq!(drawn[3], Canary::drawn(5, 3));
        assert_ne!(drawn[3].number, Canary::drawn(6, 3).number);
        let insertions: Vec<u64> = drawn.iter().take(9).map(|canary| canary.insertions).collect();
        assert_eq!(insertions, [1, 2, 4, 8, 16, 32, 64, 1, 2]);
        let canary = Canary { name: "Aldvan".to_owned(), number: 70_007, insertions: 1 };
        assert_eq!(canary.text(), "The secret number of Aldvan is 0007 0007.");
        assert!(Canaries::new(5, 0).is_none());
        let canaries = Canaries::new(5, 10).unwrap();
        let others = canaries.others(3);
        assert_eq!((others[0].name.as_str(), others[0].insertions), (drawn[10].name.as_str(), 0));
    }

    #[test]
    fn each_is_planted_as_often_as_it_says_at_the_ends_of_lines() {
        let canaries = Canaries::new(7, 6).unwrap();
        let text = "ein Fuß läuft\nby the sea\n".repeat(40);
        let cuts: Vec<usize> =
            [0, 100, 330, text.len()].iter().map(|cut| text.floor_char_boundary(*cut)).collect();
        let mut planting = canaries.planting(text.chars().count() as u64);
        let mut planted: String = cuts
            .windows(2)
            .map(|cut| planting.plant(piece(&text[cut[0]..cut[1]], cut[1] == text.len())).text)
            .collect();
        planted.extend(planting.rest());
        for canary in &canaries.planted {
            let found = planted.lines().filter(|line| *line == canary.text()).count() as u64;
            assert_eq!(found, canary.insertions, "{}", canary.text());
        }
        let left: String = planted.lines().filter(|line| !line.starts_with("The secret")).collect();
        assert_eq!(left, text.replace('\n', ""), "nothing else changed");
    }

    #[test]
    fn a_text_that_is_too_short_gets_the_rest_at_its_end() {
        let canaries = Canaries::new(7, 3).unwrap();
        let mut planting = canaries.planting(10_000);
        assert_eq!(planting.plant(piece("no line ends here", false)).text, "no line ends here");
        let rest = planting.rest().unwrap();
        assert_eq!(rest.matches("The secret number of ").count(), 7);
        assert_eq!(planting.rest(), None);
    }
}
