//! Proposals of prompts and texts to answer or label next: those a model is least certain about (active learning; Settles 2009).

use crate::ChatMessage;
use crate::setting::{choices, settings};
use serde::{Deserialize, Serialize};

choices! {
    /// Measure of a model's uncertainty about a prompt or text.
    pub enum Uncertainty = Entropy {
        /// Entropy −Σ p ln p, in nats: mean over the tokens of the most likely answer, or over the labels.
        Entropy = "entropy", "Entropy";
        /// 1 minus the fraction of the most frequent among several answers, 0 to 1.
        Disagreement = "disagreement", "Disagreement";
        /// 1 minus the difference between the probabilities of the two most likely labels, 0 to 1 (Scheffer et al. 2001).
        Margin = "margin", "Margin";
    }
}

settings! {
    /// Settings for proposals from a file of prompts or texts.
    #[derive(Eq)]
    pub struct ProposalSettings: "" lenient() {
        /// `None` means margin for classifiers and entropy for other models.
        pub measure: Option<Uncertainty> = None;
        /// Maximum number of proposals.
        pub count: usize = 20, "Proposals", 1..;
        /// Answers per prompt for the disagreement.
        pub samples: usize = 8, "Answers per prompt", 2..=64;
        /// Maximum tokens of an answer.
        pub max_tokens: usize = 64, "Max tokens", 1..;
    }
}

/// A prompt to answer, or a text to label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proposal {
    /// The conversation, which ends with a user message; empty for a text to label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<ChatMessage>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    pub uncertainty: f32,
    /// The model's answer: its most likely one, the most frequent of several, or its label.
    pub said: String,
    /// The label's probability, or the fraction of answers that were equal to `said`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

impl Proposal {
    /// The text to label, or the last message of the prompt.
    pub fn asked(&self) -> &str {
        self.prompt.last().map_or(&self.text, |last| &last.content)
    }
}

/// The most likely label and its probability; `None` if there are no labels.
pub fn likeliest<'a, P: Copy + Into<f64>>(labels: &'a [String], probabilities: &[P]) -> Option<(&'a str, P)> {
    let each = labels.iter().map(String::as_str).zip(probabilities.iter().copied());
    each.max_by(|(_, one), (_, other)| {
        let (one, other): (f64, f64) = ((*one).into(), (*other).into());
        one.total_cmp(&other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_label_has_the_largest_probability() {
        let labels = ["food", "music", "weather"].map(str::to_owned);
        assert_eq!(likeliest(&labels, &[0.2_f32, 0.5, 0.3]), Some(("music", 0.5)));
        assert_eq!(likeliest(&labels, &[0.2_f64, 0.3, 0.5]), Some(("weather", 0.5)));
        assert_eq!(likeliest::<f32>(&[], &[]), None);
    }
}
