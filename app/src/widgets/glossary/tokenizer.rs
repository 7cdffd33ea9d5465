//! Terms of the Data and Tokenizer pages.

use super::{Term, entry};

pub const TERMS: &[Term] = &[
    entry(
        "token",
        &["tokens"],
        "A piece of text with a number of its own: a byte, a character, or a frequent sequence of them.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "tokenizer",
        &[],
        "Encodes text as tokens and decodes tokens to text.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "vocabulary",
        &["vocabulary size"],
        "All tokens known to the model.",
        "V entries",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "bytes per token",
        &["compression"],
        "Mean length of a token. More means shorter sequences and faster training.",
        "bytes of text / tokens",
        "Gage 1994, A New Algorithm for Data Compression",
    ),
    entry(
        "minimum frequency",
        &[],
        "Pieces that occur less often than this in the text get no entry of their own.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "unused entries",
        &[],
        "Entries of the vocabulary that never occur in the text: the model learns nothing about them.",
        "",
        "",
    ),
];
