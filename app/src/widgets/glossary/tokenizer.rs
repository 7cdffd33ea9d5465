//! Words of the Data and Tokenizer pages.

use super::{Term, entry};

/// Each explained.
pub const TERMS: &[Term] = &[
    entry(
        "token",
        &["tokens"],
        "A piece of text that the model reads and writes as one: a byte, a character, or a frequent run of them.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "tokenizer",
        &[],
        "The rule that encodes text as tokens and decodes tokens to text.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "vocabulary",
        &["vocabulary size"],
        "All tokens that the model knows.",
        "V entries",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "bytes per token",
        &["compression"],
        "How much text one token stands for. More means shorter sequences and faster training.",
        "bytes of text / tokens",
        "Gage 1994, A New Algorithm for Data Compression",
    ),
    entry(
        "minimum frequency",
        &[],
        "Pieces that the text holds less often than this are not worth an entry of their own.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "unused entries",
        &[],
        "Tokens of the vocabulary that the text never needs: the model learns nothing about them.",
        "",
        "",
    ),
];
