//! Where a model errs most: documents, tokens, and kinds of token by the words they are in.

use super::TokenScore;
use super::documents::Document;
use super::frequencies::Frequencies;
use glasshouse_protocol::evaluation::{Cell, Metric, Passage, Table};
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::HashSet;

pub(super) const WORST: usize = 20;
/// Minimum predicted tokens for a document to be listed.
pub(super) const FEW: u32 = 16;
/// Length of the excerpt in characters.
const BEGINNING: usize = 160;
/// A token is rare if it is less frequent than one in this many.
const RARE: u64 = 100_000;

/// Kinds of token; each token has the first that fits.
pub(super) const KINDS: [&str; 8] = [
    "end of a text",
    "spaces and line breaks",
    "numbers",
    "punctuation",
    "names",
    "rare tokens",
    "first mentions",
    "other words",
];
const END: u8 = 0;
const SPACE: u8 = 1;
const NUMBER: u8 = 2;
const PUNCTUATION: u8 = 3;
const NAME: u8 = 4;
const RARE_TOKEN: u8 = 5;
const FIRST: u8 = 6;
const OTHER: u8 = 7;

pub(super) fn kinds(document: &Document, frequencies: &Frequencies) -> Vec<u8> {
    let Document { text, starts, tokens, given, .. } = document;
    let bytes = kinds_of_bytes(text);
    let mut kinds = Vec::with_capacity(tokens.len());
    for (at, (token, start)) in tokens.iter().zip(starts).enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(text.len());
        // Half a character at the end of a text starts beyond the text.
        let own = bytes.get(*start..end.max(start + 1).min(bytes.len())).unwrap_or_default();
        let kind = own.iter().find(|kind| **kind != SPACE).or(own.first()).copied();
        kinds.push(match kind {
            _ if at < *given => END,
            None => END,
            Some(FIRST | OTHER) if frequencies.of(*token).saturating_mul(RARE) < frequencies.total => {
                RARE_TOKEN
            }
            Some(kind) => kind,
        });
    }
    kinds
}

/// The kind of the word that contains each byte of a text.
fn kinds_of_bytes(text: &str) -> Vec<u8> {
    let mut kinds = Vec::with_capacity(text.len());
    let mut seen: HashSet<String> = HashSet::new();
    let mut sentence_begins = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = match is_word {
            true => rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (own, behind) = rest.split_at(end);
        let kind = if !is_word {
            // A quotation mark or a line break also starts a sentence.
            sentence_begins |= matches!(first, '.' | '!' | '?' | '…' | '\n' | '"' | '“' | '«' | '„');
            if first.is_whitespace() { SPACE } else { PUNCTUATION }
        } else if own.contains(char::is_numeric) {
            NUMBER
        } else if first.is_uppercase() && !sentence_begins {
            NAME
        } else if seen.insert(own.to_lowercase()) {
            FIRST
        } else {
            OTHER
        };
        sentence_begins &= !is_word;
        kinds.resize(kinds.len() + own.len(), kind);
        rest = behind;
    }
    kinds
}

#[derive(Clone, Debug, Default)]
pub(super) struct KindOfTokens {
    pub(super) tokens: f64,
    pub(super) nats: f64,
    pub(super) loss: Metric,
    pub(super) worst: Passage,
}

/// The share of each kind in the loss, in the order of [`KINDS`].
pub(super) fn kinds_table(kinds: &[KindOfTokens]) -> Table {
    let tokens: f64 = kinds.iter().map(|kind| kind.tokens).sum();
    let nats: f64 = kinds.iter().map(|kind| kind.nats).sum();
    let mut found: Vec<_> = KINDS.iter().zip(kinds).filter(|(_, kind)| kind.tokens > 0.0).collect();
    glasshouse_protocol::order::sort_by(&mut found, |(_, a), (_, b)| b.nats.total_cmp(&a.nats));
    let row = |(name, kind): (&&str, &KindOfTokens)| {
        [
            (*name).into(),
            Cell::Count(kind.tokens as u64),
            Cell::Number(kind.tokens / tokens),
            Cell::Number(kind.nats / nats),
            (&kind.loss).into(),
            kind.worst.clone().into(),
        ]
    };
    let columns =
        ["Kind", "Tokens", "Share of tokens", "Share of loss", "Loss", "Least expected in its text"];
    Table {
        about: "A token belongs to the word that it begins or continues. Names are capitalised within a sentence; rare tokens occur \
                less than once in 100,000 tokens of the training text; first mentions are words that are new in the document."
            .to_owned(),
        ..Table::new("Kinds of tokens", columns, found.into_iter().map(row))
    }
}

#[derive(Clone, Debug)]
pub(super) struct WorstDocument {
    pub(super) text: String,
    pub(super) bits_per_byte: f64,
    /// Number of predicted tokens.
    pub(super) tokens: u32,
}

/// The documents with the most bits per byte, worst first.
pub(super) fn documents_table(worst: &[WorstDocument]) -> Table {
    let row = |WorstDocument { text, bits_per_byte, tokens }: &WorstDocument| {
        let passage = Passage { prompt: beginning(text), token: String::new() };
        [passage.into(), Cell::Number(*bits_per_byte), Cell::Count(u64::from(*tokens))]
    };
    Table {
        about: format!("By bits per byte, of those with at least {FEW} tokens."),
        ..Table::new("Worst documents", ["Begins with", "Bits per byte", "Tokens"], worst.iter().map(row))
    }
}

/// A text's beginning, cut at a word boundary.
fn beginning(text: &str) -> String {
    let cut = text.char_indices().nth(BEGINNING).map_or(text, |(at, _)| &text[..at]);
    let whole = cut.len() == text.len();
    let word = cut.rfind(char::is_whitespace).filter(|at| !whole && *at > 0);
    word.map_or(cut, |at| &cut[..at]).to_owned()
}

#[derive(Clone, Debug)]
struct WorstToken {
    /// The token after its context.
    tokens: Vec<u32>,
    score: TokenScore,
}

impl WorstToken {
    /// The token in its text; `window` is the model's context length.
    fn passage(&self, tokenizer: &Tokenizer, window: usize) -> Passage {
        let cut = self.tokens.len().saturating_sub(window);
        let prompt = tokenizer.decode(self.tokens.get(cut..).unwrap_or_default());
        Passage { prompt, token: tokenizer.describe(self.score.token).text }
    }
}

/// The least expected tokens, worst first.
#[derive(Clone, Debug)]
pub(super) struct WorstTokens {
    most: usize,
    found: Vec<WorstToken>,
}

impl WorstTokens {
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: Vec::new() }
    }

    /// Adds a token if it is among the worst; `tokens` is its context and the token.
    pub(super) fn note(&mut self, tokens: &[u32], score: &TokenScore) {
        let at = self.found.partition_point(|worse| worse.score.log_probability <= score.log_probability);
        if at < self.most {
            self.found.insert(at, WorstToken { tokens: tokens.to_vec(), score: score.clone() });
            self.found.truncate(self.most);
        }
    }

    /// The worst token in its text, cut to `window` tokens; empty if there is none.
    pub(super) fn passage(&self, tokenizer: &Tokenizer, window: usize) -> Passage {
        self.found.first().map(|worst| worst.passage(tokenizer, window)).unwrap_or_default()
    }

    /// The tokens as a table; contexts are cut to `window` tokens.
    pub(super) fn table(&self, tokenizer: &Tokenizer, window: usize) -> Table {
        let text = |token: u32| tokenizer.describe(token).text;
        let row = |worst: &WorstToken| {
            let score = &worst.score;
            [
                worst.passage(tokenizer, window).into(),
                Cell::Number(f64::from(-score.log_probability)),
                Cell::Count(u64::from(score.rank)),
                text(score.likeliest).into(),
                Cell::Number(f64::from(score.confidence)),
            ]
        };
        let columns = ["Token in its text", "Loss", "Rank", "Most likely instead", "Its probability"];
        Table {
            about: "The tokens with the lowest probability in their context.".to_owned(),
            ..Table::new("Worst tokens", columns, self.found.iter().map(row))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_the_words_that_they_are_in() {
        let text = "The cat met Tom in 1999. The cat";
        let spans = ["The", " cat", " met", " T", "om", " in", " 19", "99", ".", " ", "The", " cat", ""];
        let mut starts = vec![0];
        let mut at = 0;
        for span in spans {
            starts.push(at);
            at += span.len();
        }
        let tokens = (0..starts.len() as u32).collect();
        let document = Document { text: text.to_owned(), starts, tokens, given: 1, ..Document::default() };
        let mut counts = vec![50; 14];
        counts[3] = 0;
        let kinds = kinds(&document, &Frequencies::new(counts, 1_000_000));
        assert_eq!(
            kinds,
            [
                END,
                FIRST,
                FIRST,
                RARE_TOKEN,
                NAME,
                NAME,
                FIRST,
                NUMBER,
                NUMBER,
                PUNCTUATION,
                SPACE,
                OTHER,
                OTHER,
                END
            ]
        );
    }

    #[test]
    fn the_least_expected_tokens_come_first_and_are_few() {
        let mut worst = WorstTokens::new(WORST);
        for at in 0..100_u32 {
            let log_probability = -((at * 37 % 100) as f32);
            worst.note(&[at], &TokenScore { token: at, log_probability, ..TokenScore::default() });
        }
        assert_eq!(worst.found.len(), WORST);
        let found: Vec<f32> = worst.found.iter().map(|token| token.score.log_probability).collect();
        assert_eq!(found, (0..WORST).map(|at| at as f32 - 99.0).collect::<Vec<_>>());
    }

    #[test]
    fn shares_are_of_all_tokens_and_of_all_loss() {
        let mut kinds = vec![KindOfTokens::default(); KINDS.len()];
        let worst = Passage { prompt: "So it was Tom".to_owned(), token: " Tom".to_owned() };
        kinds[usize::from(NAME)] =
            KindOfTokens { tokens: 1.0, nats: 6.0, worst: worst.clone(), ..KindOfTokens::default() };
        kinds[usize::from(OTHER)] = KindOfTokens { tokens: 3.0, nats: 2.0, ..KindOfTokens::default() };
        let table = kinds_table(&kinds);
        assert_eq!(table.rows.len(), 2);
        assert_eq!(
            table.rows[0][..4],
            [Cell::Text("names".to_owned()), Cell::Count(1), Cell::Number(0.25), Cell::Number(0.75)]
        );
        assert_eq!(table.rows[0][5], Cell::Passage(worst));
    }

    #[test]
    fn a_beginning_ends_with_a_word() {
        assert_eq!(beginning("short text"), "short text");
        let long = "word ".repeat(50);
        let cut = beginning(&long);
        assert!(cut.len() <= BEGINNING && cut.ends_with("word"));
        assert_eq!(beginning(&"ü".repeat(200)), "ü".repeat(BEGINNING));
    }
}
