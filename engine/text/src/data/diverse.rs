//! Selects texts to label that are uncertain and unlike each other. Greedy like maximal marginal relevance (Carbonell
//! and Goldstein 1998), but with a product instead of a weighted sum, so the unit of uncertainty needs no weight.

use glasshouse_platform::Yielder;
use std::cmp::Ordering;

/// Longest n-gram compared.
const WORDS: usize = 3;

/// Returns the indices of up to `count` texts. Each step picks the largest uncertainty × (1 − similarity to the most
/// similar chosen text), then the larger uncertainty, then the earlier text. Texts with a non-finite uncertainty are
/// never chosen. Needs texts × `count` comparisons.
pub async fn diverse(texts: &[&str], uncertainty: &[f64], count: usize, yielder: &Yielder) -> Vec<usize> {
    let runs: Vec<Vec<u64>> = texts.iter().map(|text| runs_of_words(text)).collect();
    let mut left: Vec<Candidate> = uncertainty
        .iter()
        .zip(0..texts.len())
        .filter(|(uncertainty, _)| uncertainty.is_finite())
        .map(|(uncertainty, number)| Candidate { number, uncertainty: *uncertainty, likeness: 0.0 })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        yielder.maybe_yield().await;
        let best = (0..left.len()).max_by(|a, b| left[*a].order(&left[*b]));
        let Some(best) = best.map(|best| left.swap_remove(best)) else { break };
        for other in &mut left {
            other.likeness = other.likeness.max(jaccard(&runs[best.number], &runs[other.number]));
        }
        chosen.push(best.number);
    }
    chosen
}

struct Candidate {
    number: usize,
    uncertainty: f64,
    /// Similarity to the most similar chosen text.
    likeness: f64,
}

impl Candidate {
    fn worth(&self) -> f64 {
        self.uncertainty * (1.0 - self.likeness)
    }

    /// Order of choice; no two candidates are equal.
    fn order(&self, other: &Self) -> Ordering {
        let by_worth = self.worth().total_cmp(&other.worth());
        by_worth.then(self.uncertainty.total_cmp(&other.uncertainty)).then(other.number.cmp(&self.number))
    }
}

/// Hashes of a text's n-grams of up to [`WORDS`] words, sorted and without duplicates. Ignores case and punctuation around words.
fn runs_of_words(text: &str) -> Vec<u64> {
    let word = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let words: Vec<String> = text.split_whitespace().map(word).filter(|word| !word.is_empty()).collect();
    let mut runs: Vec<u64> = (1..=WORDS).flat_map(|length| words.windows(length).map(fingerprint)).collect();
    runs.sort_unstable();
    runs.dedup();
    runs
}

/// FNV-1a hash (Fowler, Noll, Vo) of words.
fn fingerprint(words: &[String]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Jaccard similarity of two sorted sets; 0 if both are empty.
fn jaccard(one: &[u64], other: &[u64]) -> f64 {
    let (mut one_at, mut other_at, mut common) = (0, 0, 0_usize);
    while let (Some(a), Some(b)) = (one.get(one_at), other.get(other_at)) {
        let order = a.cmp(b);
        common += usize::from(order == Ordering::Equal);
        one_at += usize::from(order != Ordering::Greater);
        other_at += usize::from(order != Ordering::Less);
    }
    let together = one.len() + other.len() - common;
    if together == 0 { 0.0 } else { common as f64 / together as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    fn choose(texts: &[&str], uncertainty: &[f64], count: usize) -> Vec<usize> {
        block_on(diverse(texts, uncertainty, count, &Yielder::none()))
    }

    #[test]
    fn likeness_is_the_share_of_common_runs_of_words() {
        let [one, other] = ["A red fox.", "a red owl"].map(runs_of_words);
        // a, red, fox, a red, red fox, a red fox; the other text shares three of them.
        assert_eq!((one.len(), other.len()), (6, 6));
        assert!((jaccard(&one, &other) - 3.0 / 9.0).abs() < 1e-12);
        assert_eq!(jaccard(&one, &one), 1.0);
        assert_eq!(jaccard(&[], &[]), 0.0);
    }

    #[test]
    fn the_uncertain_come_first_and_twins_do_not_follow_each_other() {
        let texts = ["The owl saw snow.", "the owl saw snow!", "Ada ate bread.", "Ben had a drum."];
        assert_eq!(choose(&texts, &[0.9, 0.89, 0.5, 0.6], 3), [0, 3, 2]);
        // Without similar texts, uncertainty decides; all are returned if there are fewer than requested, the duplicate last.
        assert_eq!(choose(&texts, &[0.9, 0.89, 0.5, 0.6], 9), [0, 3, 2, 1]);
        assert_eq!(choose(&texts[1..], &[0.1, 0.3, 0.2], 2), [1, 2]);
        assert_eq!(choose(&texts, &[0.0; 4], 4), [0, 1, 2, 3], "the earlier of equals");
    }

    #[test]
    fn nothing_is_chosen_of_nothing_and_no_uncertainty_that_is_no_number() {
        assert_eq!(choose(&[], &[], 3), [0_usize; 0]);
        assert_eq!(choose(&["a", "b"], &[0.1, 0.2], 0), [0_usize; 0]);
        assert_eq!(choose(&["a", "b", "c"], &[f64::NAN, 0.2, f64::INFINITY], 3), [1]);
    }

    #[test]
    fn the_same_is_chosen_again() {
        let texts: Vec<String> = (0..60).map(|at| format!("word {} and {} too", at % 7, at % 11)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let uncertainty: Vec<f64> = (0..60).map(|at| f64::from(at * 37 % 60) / 60.0).collect();
        let all = choose(&texts, &uncertainty, 60);
        assert_eq!(all, choose(&texts, &uncertainty, 60));
        assert_eq!(
            all[..10],
            choose(&texts, &uncertainty, 10),
            "a shorter queue is the beginning of a longer one"
        );
    }
}
