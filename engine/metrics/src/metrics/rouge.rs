//! ROUGE (Lin 2004) as in rouge-score 0.1.2: lower case, runs of a–z and 0–9, optional stemming of words with more than three
//! letters. By this definition, "naïve" is two words, and text in other scripts has none.

use super::ngrams::{Numbers, count, matches, total};
use super::{Row, Score, lcs, porter};

/// A row's scores, each between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rouge {
    /// Unigrams.
    pub rouge_1: Score,
    /// Bigrams.
    pub rouge_2: Score,
    /// Longest common subsequence.
    pub rouge_l: Score,
}

/// A row's scores, each against the reference with the highest F1 (the first of several).
pub fn rouge(row: &Row<'_>, stemmer: bool) -> Rouge {
    let mut numbers = Numbers::default();
    let mut words = |text: &str| -> Vec<u32> {
        let lower = text.to_lowercase();
        let words = lower.split(|letter| !is_letter(letter));
        let stems =
            words.map(|word| if stemmer && word.len() > 3 { porter::stem(word) } else { word.to_owned() });
        stems.filter(|stem| !stem.is_empty()).map(|stem| numbers.of(&stem)).collect()
    };
    let answer = words(row.answer);
    let mut scores = row.expected.iter().map(|text| against(&answer, &words(text)));
    let first = scores.next().unwrap_or_default();
    let better = |old: Score, new: Score| if new.f1 > old.f1 { new } else { old };
    scores.fold(first, |old, new| Rouge {
        rouge_1: better(old.rouge_1, new.rouge_1),
        rouge_2: better(old.rouge_2, new.rouge_2),
        rouge_l: better(old.rouge_l, new.rouge_l),
    })
}

/// Whether a text has words for ROUGE. It supports only Latin letters; text without words always scores 0.
pub fn has_words(text: &str) -> bool {
    text.to_lowercase().contains(is_letter)
}

fn is_letter(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '0'..='9')
}

fn against(answer: &[u32], wanted: &[u32]) -> Rouge {
    let of_ngrams = |n: usize| {
        let matching = matches(&count(wanted, n), &count(answer, n));
        Score::new(matching, total(answer.len(), n), total(wanted.len(), n))
    };
    Rouge {
        rouge_1: of_ngrams(1),
        rouge_2: of_ngrams(2),
        rouge_l: Score::new(lcs::length(answer, wanted), answer.len(), wanted.len()),
    }
}
