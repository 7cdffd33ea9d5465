//! Words of the Evaluate page.

use super::{Term, entry};

/// Each explained.
pub const TERMS: &[Term] = &[
    entry(
        "bits per byte",
        &[],
        "Bits that the model needs for each byte of the text: one number for models of any tokenizer, and for compressors. Lower is better.",
        "Σ −log₂ p(token) / bytes",
        "Gao et al. 2020, The Pile, arXiv 2101.00027, §3.1",
    ),
    entry(
        "token accuracy",
        &["top-5 accuracy"],
        "Share of tokens that are the model's likeliest candidate, or among its five likeliest.",
        "",
        "",
    ),
    entry("pass rate", &[], "Share of answers that the task's rule finds wholly right.", "", ""),
    entry(
        "ECE",
        &["expected calibration error", "ECE of the other half", "the same, with that temperature"],
        "Expected calibration error: how far confidence lies from accuracy, over 15 bins of confidence weighted by their tokens. 0 is as sure \
         as it is right.",
        "Σ (tokens of bin / tokens) · |accuracy − confidence|",
        "Guo et al. 2017, arXiv 1706.04599",
    ),
    entry(
        "fitted temperature",
        &[],
        "What logits are divided by so that half of the text, every other document, is predicted with the lowest loss: above 1 the model was too \
         sure of itself.",
        "softmax(logits / T)",
        "Guo et al. 2017, arXiv 1706.04599",
    ),
    entry(
        "repetition",
        &["repetition of 4-grams", "repetition, held-out text"],
        "Share of the four-grams of a text, sampled or held out, that stood in it before. Best is about as much as the held-out text.",
        "",
        "Holtzman et al. 2020, arXiv 1904.09751",
    ),
    entry(
        "distinct bigrams",
        &["distinct bigrams, held-out text"],
        "Share of the pairs of neighbouring words of a text, sampled or held out, that are distinct.",
        "distinct bigrams / bigrams",
        "Li et al. 2016, arXiv 1510.03055",
    ),
    entry(
        "stride",
        &["tokens of a stride"],
        "How far each window stands behind the one before. A shorter one gives every token more context before it, and takes longer.",
        "",
        "Hugging Face, Perplexity of fixed-length models",
    ),
    entry(
        "resamples",
        &[],
        "How often documents are drawn anew, with replacement, for an interval: it holds what 95 of 100 such draws give (the bootstrap).",
        "2.5 % and 97.5 % quantiles",
        "Efron and Tibshirani 1993",
    ),
    entry(
        "exact match",
        &[],
        "Share of answers that are the right one, but for case, articles, punctuation and blanks.",
        "",
        "Rajpurkar et al. 2016, SQuAD, arXiv 1606.05250",
    ),
    entry(
        "F1",
        &["token F1"],
        "How well the words of the answer and of the right one agree: the harmonic mean of precision and recall.",
        "2 · precision · recall / (precision + recall)",
        "Rajpurkar et al. 2016, SQuAD, arXiv 1606.05250",
    ),
    entry(
        "BLEU",
        &[],
        "How many n-grams of one to four words an answer shares with the right ones, from 0 to 100; shorter answers count less.",
        "",
        "Papineni et al. 2002; Post 2018, arXiv 1804.08771",
    ),
    entry(
        "chrF",
        &[],
        "How many n-grams of one to six characters an answer shares with the right one, from 0 to 100.",
        "",
        "Popović 2015",
    ),
    entry(
        "ROUGE-1",
        &["ROUGE-2", "ROUGE-L"],
        "How many words, pairs of words, or words of the longest common subsequence an answer shares with the right one. Words are of the letters a to z and of digits: text of other scripts has none, and scores 0.",
        "",
        "Lin 2004",
    ),
    entry(
        "macro F1",
        &["micro F1", "weighted F1"],
        "The F1 of each label, averaged: all labels alike (macro), all rows alike (micro), or each label by its rows (weighted).",
        "",
        "scikit-learn, f1_score",
    ),
    entry(
        "accuracy per character",
        &["accuracy normalised"],
        "Right choices where the log-likelihood of each answer is divided by its length, or has that of the answer without the question taken off.",
        "",
        "Gao 2021, Multiple choice normalization in LM evaluation",
    ),
    entry(
        "extractable",
        &[
            "near exact",
            "passages written exactly from memory",
            "passages written nearly from memory",
            "edit similarity",
        ],
        "Of passages of the training text, the share that the model writes on by itself, word for word or nearly, once it is given their beginning.",
        "",
        "Carlini et al. 2022, arXiv 2202.07646",
    ),
    entry(
        "exposure",
        &["exposure bits"],
        "How much likelier the model finds a secret that was planted in its training text than others of the same shape, in bits.",
        "log₂ |R| − log₂ rank",
        "Carlini et al. 2019, arXiv 1802.08232",
    ),
];
