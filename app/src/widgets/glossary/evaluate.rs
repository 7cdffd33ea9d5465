//! Terms of the Evaluate page.

use super::{Term, entry};

pub const TERMS: &[Term] = &[
    entry(
        "bits per byte",
        &[],
        "Bits that the model needs per byte of text. Comparable across tokenizers and with compressors. Lower is better.",
        "Σ −log₂ p(token) / bytes",
        "Gao et al. 2020, The Pile, arXiv 2101.00027, §3.1",
    ),
    entry(
        "token accuracy",
        &["top-5 accuracy"],
        "Share of tokens that are the model's first choice (top-1) or among its first five (top-5).",
        "",
        "",
    ),
    entry("pass rate", &[], "Share of answers that pass the task's check.", "", ""),
    entry(
        "ECE",
        &["expected calibration error", "ECE of the other half", "the same, with that temperature"],
        "Expected calibration error: the mean gap between confidence and accuracy over 15 confidence bins, weighted by their tokens. 0 is perfectly \
         calibrated.",
        "Σ (tokens of bin / tokens) · |accuracy − confidence|",
        "Guo et al. 2017, arXiv 1706.04599",
    ),
    entry(
        "fitted temperature",
        &[],
        "The divisor of the logits that gives the lowest loss on half of the text (every other document). Above 1: the model was overconfident.",
        "softmax(logits / T)",
        "Guo et al. 2017, arXiv 1706.04599",
    ),
    entry(
        "repetition",
        &["repetition of 4-grams", "repetition, held-out text"],
        "Share of 4-grams that already occurred earlier in the same text, sampled or held out. The held-out value is the target.",
        "",
        "Holtzman et al. 2020, arXiv 1904.09751",
    ),
    entry(
        "distinct bigrams",
        &["distinct bigrams, held-out text"],
        "Share of distinct pairs among neighbouring words in a text, sampled or held out.",
        "distinct bigrams / bigrams",
        "Li et al. 2016, arXiv 1510.03055",
    ),
    entry(
        "stride in tokens",
        &["tokens of a stride"],
        "Distance in tokens between the starts of successive windows. A shorter stride gives each token more context and takes longer.",
        "",
        "Hugging Face, Perplexity of fixed-length models",
    ),
    entry(
        "resamples",
        &[],
        "Number of bootstrap samples for an interval: documents are drawn with replacement, and the interval holds 95 % of the results.",
        "2.5 % and 97.5 % quantiles",
        "Efron and Tibshirani 1993",
    ),
    entry(
        "exact match",
        &[],
        "Share of answers equal to the expected one, ignoring case, articles, punctuation and spaces.",
        "",
        "Rajpurkar et al. 2016, SQuAD, arXiv 1606.05250",
    ),
    entry(
        "F1",
        &["token F1"],
        "Word overlap between an answer and the expected one: the harmonic mean of precision and recall.",
        "2 · precision · recall / (precision + recall)",
        "Rajpurkar et al. 2016, SQuAD, arXiv 1606.05250",
    ),
    entry(
        "BLEU",
        &[],
        "Overlap of word 1-grams to 4-grams with the expected answers, from 0 to 100; short answers are penalised.",
        "",
        "Papineni et al. 2002; Post 2018, arXiv 1804.08771",
    ),
    entry(
        "chrF",
        &[],
        "Overlap of character 1-grams to 6-grams with the expected answer, from 0 to 100.",
        "",
        "Popović 2015",
    ),
    entry(
        "ROUGE-1",
        &["ROUGE-2", "ROUGE-L"],
        "Overlap with the expected answer in words (1), pairs of words (2) or the longest common subsequence (L). Words consist of the letters a to \
         z and digits: text in other scripts scores 0.",
        "",
        "Lin 2004",
    ),
    entry(
        "macro F1",
        &["micro F1", "weighted F1"],
        "The F1 of each label, averaged: equally by label (macro), equally by row (micro), or by the label's number of rows (weighted).",
        "",
        "scikit-learn, f1_score",
    ),
    entry(
        "accuracy, length-normalised",
        &["accuracy, mutual information"],
        "Accuracy with the log-likelihood of each answer divided by its number of characters, or reduced by its log-likelihood without the question.",
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
        "Share of training passages that the model continues from their beginning, exactly or nearly.",
        "",
        "Carlini et al. 2022, arXiv 2202.07646",
    ),
    entry(
        "exposure",
        &["exposure bits"],
        "How much likelier the model finds a secret planted in its training text than other strings of the same form, in bits.",
        "log₂ |R| − log₂ rank",
        "Carlini et al. 2019, arXiv 1802.08232",
    ),
];
