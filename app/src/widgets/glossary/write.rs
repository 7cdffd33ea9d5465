//! Words of the Write and Chat pages.

use super::{Term, entry};

/// Each explained.
pub const TERMS: &[Term] = &[
    entry(
        "temperature",
        &[],
        "Divides the logits: below 1 likely tokens gain, above 1 unlikely ones; 0 always takes the likeliest token (greedy).",
        "softmax(logits / temperature)",
        "Ackley, Hinton and Sejnowski 1985",
    ),
    entry(
        "top-k",
        &["top k"],
        "Only the k likeliest tokens may be drawn. 0 keeps all.",
        "",
        "Fan, Lewis and Dauphin 2018",
    ),
    entry(
        "top-p",
        &["top p", "nucleus"],
        "Only the smallest set of likeliest tokens that together reach p may be drawn. 1 keeps all.",
        "Σ p ≥ p",
        "Holtzman et al. 2020",
    ),
    entry(
        "min-p",
        &["min p"],
        "Tokens less likely than this share of the likeliest may not be drawn. 0 keeps all.",
        "p ≥ min-p · max p",
        "Nguyen et al. 2024",
    ),
    entry(
        "repetition penalty",
        &[],
        "Makes tokens that were written lately less likely. 1 is off.",
        "",
        "Keskar et al. 2019, CTRL",
    ),
    entry(
        "entropy",
        &[],
        "How undecided the model was, in bits: 0 is certainty, 3 is a choice among eight.",
        "−Σ p · log₂ p",
        "Shannon 1948",
    ),
    entry(
        "max tokens",
        &[],
        "How many tokens to write at most; the text ends earlier where the model ends it.",
        "",
        "",
    ),
    entry(
        "stop strings",
        &[],
        "The text ends where one of these would begin, one per line; \\n stands for a line's end.",
        "",
        "",
    ),
    entry(
        "system prompt",
        &[],
        "What a model is told before a conversation, for the whole of it: who it is, how it should answer.",
        "",
        "",
    ),
];
