//! Selection of the parameters that a run trains.

use serde::{Deserialize, Serialize};

/// The trained parameters. All others are frozen: they keep their values and have neither gradients nor moments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum Trainable {
    #[default]
    All,
    /// The last n blocks, the norm after them, and the head if it has its own weights.
    Last(usize),
    /// The head, which is the token embedding if the two share a matrix.
    Head,
    /// Scales and biases of the norms.
    Norms,
    /// The norms, and the biases of all layers (Ben Zaken et al. 2021, "BitFit", arXiv 2106.10199, which trains only the biases).
    NormsAndBiases,
    /// Parameters whose names match one of these patterns, with `*` for any text: `blocks.*.mlp.*`.
    Patterns(Vec<String>),
}

/// Accepted spellings in settings.
#[derive(Clone, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected all, last:N, head, norms, norms-and-biases, or patterns of parameters' names"
)]
enum Form {
    Word(String),
    Patterns(Vec<String>),
}

impl TryFrom<Form> for Trainable {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        match form {
            Form::Word(word) => word.parse(),
            Form::Patterns(patterns) => Ok(Self::Patterns(patterns)),
        }
    }
}

impl From<Trainable> for Form {
    fn from(trainable: Trainable) -> Self {
        match trainable {
            Trainable::Patterns(patterns) => Self::Patterns(patterns),
            word => Self::Word(word.to_string()),
        }
    }
}

impl std::str::FromStr for Trainable {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let word = word.trim();
        match word {
            "all" => return Ok(Self::All),
            "head" => return Ok(Self::Head),
            "norms" => return Ok(Self::Norms),
            "norms-and-biases" => return Ok(Self::NormsAndBiases),
            _ => {}
        }
        if let Some(count) = word.strip_prefix("last:").and_then(|count| count.parse().ok()) {
            return Ok(Self::Last(count));
        }
        if word.contains(['.', '*']) {
            return Ok(Self::Patterns(word.split(',').map(|pattern| pattern.trim().to_owned()).collect()));
        }
        Err(format!(
            "`{word}` selects no parameters; use all, last:N (of the blocks), head, norms, norms-and-biases, or patterns such as \
             blocks.*.mlp.*"
        ))
    }
}

impl std::fmt::Display for Trainable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Last(count) => write!(formatter, "last:{count}"),
            Self::Head => formatter.write_str("head"),
            Self::Norms => formatter.write_str("norms"),
            Self::NormsAndBiases => formatter.write_str("norms-and-biases"),
            Self::Patterns(patterns) => formatter.write_str(&patterns.join(",")),
        }
    }
}

impl Trainable {
    /// Whether the parameter is trained, in a model with this number of layers. A label head always is, because it is new.
    pub fn includes(&self, parameter: &str, layers: usize, tied_head: bool) -> bool {
        if parameter.starts_with("classifier.") {
            return true;
        }
        match self {
            Self::All => true,
            Self::Last(count) => match parameter.strip_prefix("blocks.") {
                Some(rest) => {
                    let block = rest.split('.').next().and_then(|number| number.parse::<usize>().ok());
                    block.is_some_and(|block| block + count >= layers)
                }
                None => parameter.starts_with("norm.") || parameter.starts_with("head."),
            },
            Self::Head => parameter.starts_with("head.") || (tied_head && parameter == "embedding.tokens"),
            Self::Norms => parameter.contains("norm."),
            Self::NormsAndBiases => parameter.contains("norm.") || parameter.ends_with(".bias"),
            Self::Patterns(patterns) => patterns.iter().any(|pattern| fits(pattern, parameter)),
        }
    }

    /// The first pattern that matches none of the names.
    pub fn unused_pattern<'all>(&'all self, names: &[&str]) -> Option<&'all str> {
        let Self::Patterns(patterns) = self else { return None };
        let unused = |pattern: &&String| !names.iter().any(|name| fits(pattern, name));
        patterns.iter().find(unused).map(String::as_str)
    }
}

/// Whether the text matches the pattern, in which `*` stands for any text, including none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let text = text.strip_prefix(first).and_then(|text| text.strip_suffix(last));
    // Matching each part at its first occurrence leaves the most text for the following parts.
    let left = text.and_then(|text| {
        middle.split('*').try_fold(text, |text, part| text.find(part).map(|at| &text[at + part.len()..]))
    });
    left.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_is_said_by_a_word_or_by_patterns_of_names() {
        let names = [
            "embedding.tokens",
            "blocks.0.attention.norm.weight",
            "blocks.0.attention.qkv.weight",
            "blocks.11.attention.query_norm.weight",
            "blocks.11.mlp.up.weight",
            "norm.weight",
            "head.weight",
            "blocks.0.attention.qkv.bias",
        ];
        assert!(Trainable::Norms.includes("classifier.weight", 12, false));
        let trained = |word: &str, tied| {
            let trainable: Trainable = word.parse().unwrap();
            let again: Trainable = serde_json::from_value(serde_json::to_value(&trainable).unwrap()).unwrap();
            assert_eq!(again, trainable);
            let included = |at: &usize| trainable.includes(names[*at], 12, tied);
            (0..names.len()).filter(included).collect::<Vec<_>>()
        };
        assert_eq!(trained("all", false), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(trained("last:1", false), [3, 4, 5, 6]);
        assert_eq!(trained("last:12", false), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(trained("head", false), [6]);
        assert_eq!(trained("head", true), [0, 6]);
        assert_eq!(trained("norms", false), [1, 3, 5]);
        assert_eq!(trained("norms-and-biases", false), [1, 3, 5, 7]);
        assert_eq!(trained("blocks.*.mlp.*, head.weight", false), [4, 6]);
        assert_eq!(trained("*.attention.*weight", false), [1, 2, 3]);
        assert!(!fits(&"*".repeat(40).replace("**", "*a*"), &"b".repeat(200)));
        for (pattern, text, does) in [
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*b", "axbyb", true),
            ("a*b*b", "axb", false),
            ("*b*", "ab", true),
        ] {
            assert_eq!(fits(pattern, text), does, "{pattern} {text}");
        }
        let patterns: Trainable = "blocks.*,heads.*".parse().unwrap();
        assert_eq!(patterns.unused_pattern(&names), Some("heads.*"));
        for wrong in ["last", "last:x", "heads", "last:-1"] {
            assert!(wrong.parse::<Trainable>().unwrap_err().contains(wrong));
        }
    }
}
