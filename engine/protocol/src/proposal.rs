//! What to answer or label next: prompts and texts of which a model is least certain (active learning; Settles 2009).

use crate::ChatMessage;
use serde::{Deserialize, Serialize};

/// How uncertain a model is of a prompt or a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertainty {
    /// −Σ p ln p, in nats: the mean over the tokens of the likeliest answer, or that of the labels.
    #[default]
    Entropy,
    /// 1 − the share of the most frequent among several answers, 0 to 1.
    Disagreement,
    /// 1 − (the probability of the likeliest label − that of the second), 0 to 1 (Scheffer et al. 2001).
    Margin,
}

impl Uncertainty {
    /// Every measure.
    pub const ALL: [Self; 3] = [Self::Entropy, Self::Disagreement, Self::Margin];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::Disagreement => "disagreement",
            Self::Margin => "margin",
        }
    }
}

/// What is looked for in a file of prompts or of texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProposalSettings {
    /// The measure; `None` takes the margin of a model that classifies texts, and the entropy of any other.
    pub measure: Option<Uncertainty>,
    /// How many are proposed, 1 or more; all where there are fewer.
    pub count: usize,
    /// Answers to each prompt of which the disagreement is found, 2 to 64.
    pub samples: usize,
    /// Tokens of an answer at most.
    pub max_tokens: usize,
}

impl Default for ProposalSettings {
    fn default() -> Self {
        Self { measure: None, count: 20, samples: 8, max_tokens: 64 }
    }
}

/// A prompt that is to be answered, or a text that is to have a label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proposal {
    /// The conversation, the last message from the person; none where a text is to have a label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<ChatMessage>,
    /// The text that is to have a label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How uncertain the model is, as the measure has it.
    pub uncertainty: f32,
    /// What the model says: its likeliest answer, that which most of several were, or its label.
    pub said: String,
    /// The label's probability, or the share of the answers that were this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

impl Proposal {
    /// What a person reads of it: the text, or what was asked last.
    pub fn asked(&self) -> &str {
        self.prompt.last().map_or(&self.text, |last| &last.content)
    }
}

/// The likeliest of some labels, with its probability; none where there are no labels.
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
