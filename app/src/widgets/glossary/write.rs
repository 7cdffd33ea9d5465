//! Terms of the Write and Chat pages.

use super::{Term, entry};

pub const TERMS: &[Term] = &[
    entry(
        "temperature",
        &[],
        "Divides the logits. Below 1 favours likely tokens, above 1 unlikely ones; 0 always takes the likeliest token (greedy).",
        "softmax(logits / temperature)",
        "Ackley, Hinton and Sejnowski 1985",
    ),
    entry(
        "top-k",
        &["top k"],
        "Draws from the k likeliest tokens. 0 keeps all.",
        "",
        "Fan, Lewis and Dauphin 2018",
    ),
    entry(
        "top-p",
        &["top p", "nucleus"],
        "Draws from the smallest set of likeliest tokens with a total probability of at least p. 1 keeps all.",
        "Σ p ≥ p",
        "Holtzman et al. 2020",
    ),
    entry(
        "min-p",
        &["min p"],
        "Drops tokens less likely than this share of the likeliest. 0 keeps all.",
        "p ≥ min-p · max p",
        "Nguyen et al. 2024",
    ),
    entry(
        "repetition penalty",
        &[],
        "Makes recently written tokens less likely. 1 is off.",
        "",
        "Keskar et al. 2019, CTRL",
    ),
    entry(
        "entropy",
        &[],
        "Uncertainty of the model in bits: 0 is certainty, 3 is a choice among eight.",
        "−Σ p · log₂ p",
        "Shannon 1948",
    ),
    entry(
        "max tokens",
        &[],
        "Largest number of tokens to write; the model may end the text earlier.",
        "",
        "",
    ),
    entry(
        "stop strings",
        &[],
        "The text ends before the first of these strings, one per line; \\n stands for a line break.",
        "",
        "",
    ),
    entry(
        "system prompt",
        &[],
        "Instructions to the model for a whole conversation: its role, its manner of answering.",
        "",
        "",
    ),
];
