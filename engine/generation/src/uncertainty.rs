//! Uncertainty of a model's answers and labels. NaN propagates and never counts as certain.

use glasshouse_compiler::sampler::TokenScore;
use std::collections::HashMap;

pub use glasshouse_compiler::sampler::entropy;

/// 1 − (largest probability − second largest), from 0 to 1; 0 for fewer than two.
pub fn margin(probabilities: &[f64]) -> f64 {
    if probabilities.iter().any(|share| share.is_nan()) {
        return f64::NAN;
    }
    let (mut first, mut second) = (0.0_f64, 0.0_f64);
    for share in probabilities {
        if *share > first {
            (first, second) = (*share, first);
        } else {
            second = second.max(*share);
        }
    }
    if probabilities.len() < 2 { 0.0 } else { 1.0 - (first - second) }
}

/// Mean entropy of an answer's tokens, in nats; `None` without tokens.
pub fn mean_entropy(scores: &[TokenScore]) -> Option<f64> {
    let sum: f64 = scores.iter().map(|score| f64::from(score.entropy)).sum();
    (!scores.is_empty()).then(|| sum / scores.len() as f64)
}

/// The index of the most frequent answer (the first of equally frequent ones), and its share. Ignores case, spaces and
/// final punctuation. `None` without answers.
pub fn most_frequent(answers: &[&str]) -> Option<(usize, f64)> {
    let mut known: HashMap<String, (usize, usize)> = HashMap::new();
    for (at, answer) in answers.iter().enumerate() {
        known.entry(normalized(answer)).or_insert((at, 0)).1 += 1;
    }
    let most = known.into_values().max_by_key(|(first, count)| (*count, std::cmp::Reverse(*first)));
    most.map(|(first, count)| (first, count as f64 / answers.len() as f64))
}

fn normalized(answer: &str) -> String {
    let words = answer.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    words.trim_end_matches(['.', '!', '?', ',', ';', ':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(entropy: f32) -> TokenScore {
        TokenScore { entropy, ..TokenScore::default() }
    }

    #[test]
    fn the_measures_are_what_is_computed_by_hand() {
        assert!((entropy(&[0.25; 4]) - 4.0_f64.ln()).abs() < 1e-12);
        assert_eq!(entropy(&[1.0, 0.0]), 0.0);
        let skewed = -(0.9 * 0.9_f64.ln() + 0.1 * 0.1_f64.ln());
        assert!((entropy(&[0.9, 0.1]) - skewed).abs() < 1e-12);
        assert!((margin(&[0.2, 0.7, 0.1]) - 0.5).abs() < 1e-12);
        assert!((margin(&[0.7, 0.2, 0.1]) - 0.5).abs() < 1e-12);
        assert_eq!(margin(&[0.5, 0.5]), 1.0);
        assert_eq!((margin(&[1.0]), margin(&[])), (0.0, 0.0));
        assert_eq!(mean_entropy(&[0.5, 1.5].map(score)), Some(1.0));
        assert_eq!(mean_entropy(&[]), None);
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        assert!(entropy(&[f64::NAN, 0.5]).is_nan());
        assert!(margin(&[0.5, f64::NAN]).is_nan());
        assert!(mean_entropy(&[0.5, f32::NAN].map(score)).unwrap().is_nan());
    }

    #[test]
    fn the_answer_that_most_agree_on_is_found() {
        let (first, share) = most_frequent(&["Mud.", "It was  Ada", "it was ada.", "Eva"]).unwrap();
        assert_eq!((first, share), (1, 0.5));
        assert_eq!(most_frequent(&["a", "b", "c", "d"]), Some((0, 0.25)), "the first of equals");
        assert_eq!(most_frequent(&["5", "-5"]).unwrap().1, 0.5, "a sign tells numbers apart");
        assert_eq!(most_frequent(&[]), None);
    }
}
