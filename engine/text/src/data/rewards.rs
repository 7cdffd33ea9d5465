//! Reward rules for reinforcement learning. Their rewards range from 0 to 1. A reward model can replace a rule; it
//! scores answers in `glasshouse_training::reward`.

use super::tasks::{Check, last_number, normalized};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::config::{RewardRule, RewardSettings};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Maximum size of a compiled regular expression in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A row's data on correct answers to its prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The prompt as plain text.
    pub asked: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Judged {
    /// Score of an answer, 0 to 1: by the row's check, or by equality with the correct answer up to case, punctuation and spaces.
    pub fn score(&self, said: &str) -> f64 {
        match (&self.check, &self.answer) {
            (Some(check), _) => check.score(said),
            (None, Some(answer)) => f64::from(u8::from(normalized(answer) == normalized(said))),
            (None, None) => 0.0,
        }
    }
}

/// A compiled rule, or a marker that a reward model judges.
#[derive(Clone, Debug)]
pub struct Judge {
    rule: RewardRule,
    by_model: bool,
    pattern: Pattern,
    words: usize,
}

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    Expression(Box<Regex>),
}

impl Judge {
    /// Compiles a run's rule.
    pub fn new(settings: &RewardSettings) -> Result<Self> {
        Self::from_name("train.reward.pattern", settings)
    }

    /// Like [`Judge::new`], with the name of the pattern's setting in error messages.
    pub fn from_name(name: &str, settings: &RewardSettings) -> Result<Self> {
        let expression = |source: &str| {
            let compiled = RegexBuilder::new(source).size_limit(MAX_PATTERN_BYTES).build();
            compiled.map(|regex| Pattern::Expression(Box::new(regex))).map_err(|error| {
                let reason = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                Error::Refused(format!("{name} is not a regular expression: {reason}"))
            })
        };
        let pattern = match settings.rule {
            RewardRule::Regex => expression(&settings.pattern)?,
            RewardRule::Format => {
                // Compiled on its own first: unbalanced closing brackets would be valid within the whole.
                expression(&settings.pattern)?;
                // Dots also match line breaks, since an answer may have several lines.
                expression(&format!(r"\A(?s:{})\z", settings.pattern))?
            }
            _ => Pattern::Text(settings.pattern.to_lowercase()),
        };
        let by_model = !settings.model.is_empty();
        Ok(Self { rule: settings.rule, by_model, pattern, words: settings.words })
    }

    /// Whether a reward model scores answers instead of a rule.
    pub fn is_by_model(&self) -> bool {
        self.by_model
    }

    /// What the row lacks for the rule, if anything.
    pub fn fault(&self, row: &Judged) -> Option<&'static str> {
        let answer = row.answer.as_deref().unwrap_or_default();
        match self.rule {
            _ if self.by_model => None,
            RewardRule::Check if row.check.is_none() => {
                Some("`check`: missing; give one, or use another rule")
            }
            RewardRule::Exact if normalized(answer).is_empty() => {
                Some("`answer`: missing; the rule exact compares with it")
            }
            RewardRule::Contains if answer.trim().is_empty() && self.text().is_empty() => {
                Some("`answer`: missing; the rule contains looks for it, or for a pattern")
            }
            RewardRule::Numeric if last_number(answer).is_none() => {
                Some("`answer`: not a number; the rule numeric compares with it")
            }
            _ => None,
        }
    }

    fn text(&self) -> &str {
        match &self.pattern {
            Pattern::Text(text) => text,
            Pattern::Expression(_) => "",
        }
    }

    /// Reward of an answer, 0 to 1; 0 if a reward model scores it later.
    pub fn score(&self, row: &Judged, said: &str) -> f64 {
        if self.by_model {
            return 0.0;
        }
        let right = row.answer.as_deref().unwrap_or_default();
        let whole = |fits: bool| f64::from(u8::from(fits));
        match (self.rule, &self.pattern) {
            (RewardRule::Check, _) => row.check.as_ref().map_or(0.0, |check| check.score(said)),
            (RewardRule::Exact, _) => whole(normalized(said) == normalized(right)),
            (RewardRule::Contains, Pattern::Text(text)) => {
                let right = right.trim().to_lowercase();
                let wanted = if text.is_empty() { &right } else { text };
                whole(said.to_lowercase().contains(wanted))
            }
            (RewardRule::Regex | RewardRule::Format, Pattern::Expression(regex)) => {
                whole(regex.is_match(said.trim()))
            }
            (RewardRule::Length, _) => {
                let apart = said.split_whitespace().count().abs_diff(self.words) as f64;
                (1.0 - apart / self.words as f64).max(0.0)
            }
            (RewardRule::Numeric, _) => {
                let same = |(said, right): (f64, f64)| (said - right).abs() <= 1e-9 * right.abs().max(1.0);
                whole(last_number(said).zip(last_number(right)).is_some_and(same))
            }
            (RewardRule::Contains | RewardRule::Regex | RewardRule::Format, _) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rule: RewardRule, pattern: &str) -> Judge {
        let settings =
            RewardSettings { rule, pattern: pattern.to_owned(), words: 4, ..RewardSettings::default() };
        Judge::new(&settings).unwrap()
    }

    fn row(answer: &str) -> Judged {
        Judged { answer: Some(answer.to_owned()), ..Judged::default() }
    }

    #[test]
    fn a_row_without_a_check_is_right_where_the_answer_is_its_own() {
        assert_eq!(row("In the park.").score(" in the PARK"), 1.0);
        assert_eq!(row("In the park.").score("The park."), 0.0);
        let checked = Judged { check: Some(Check::Numeric { value: 4 }), ..row("five") };
        assert_eq!((checked.score("It is 4."), checked.score("five")), (1.0, 0.0));
        assert_eq!(Judged::default().score("anything"), 0.0);
    }

    #[test]
    fn rules_say_what_an_answer_is_worth() {
        let cases: [(RewardRule, &str, &str, &str, f64); 22] = [
            (RewardRule::Exact, "", "In the park.", "in  the PARK", 1.0),
            (RewardRule::Exact, "", "In the park.", "in the park, in the park", 0.0),
            (RewardRule::Contains, "E", "", "a bee", 1.0),
            (RewardRule::Contains, "e", "", "a bird", 0.0),
            (RewardRule::Contains, "", "Park", "in the parks", 1.0),
            (RewardRule::Regex, "^[A-Z].*\\.$", "", "It is so.", 1.0),
            (RewardRule::Regex, "^[A-Z].*\\.$", "", "it is so.", 0.0),
            (RewardRule::Format, "<think>.*</think>.+", "", "<think>a\nb</think> c", 1.0),
            (RewardRule::Format, "<think>.*</think>", "", "<think>a</think> c", 0.0),
            (RewardRule::Format, "a|b", "", "ab", 0.0),
            (RewardRule::Length, "", "", "one two three four", 1.0),
            (RewardRule::Length, "", "", "one two three", 0.75),
            (RewardRule::Length, "", "", "", 0.0),
            (RewardRule::Length, "", "", "a a a a a a a a a a a a", 0.0),
            (RewardRule::Numeric, "", "23", "12 + 11 = 23.", 1.0),
            (RewardRule::Numeric, "", "#### 1,200", "1200 apples", 1.0),
            (RewardRule::Numeric, "", "3.5", "4.5", 0.0),
            (RewardRule::Numeric, "", "3.5", "It is 3.50", 1.0),
            (RewardRule::Numeric, "", "-4", "4", 0.0),
            (RewardRule::Numeric, "", "-4", "x = -4", 1.0),
            (RewardRule::Numeric, "", "23", "twenty-three", 1.0),
            (RewardRule::Numeric, "", "23", "many", 0.0),
        ];
        for (rule, pattern, answer, said, wanted) in cases {
            assert_eq!(
                judge(rule, pattern).score(&row(answer), said),
                wanted,
                "{rule:?} {pattern} {answer}: {said}"
            );
        }
        let check = Some(Check::Numeric { value: 7 });
        let own = Judged { check, ..Judged::default() };
        assert_eq!(judge(RewardRule::Check, "").score(&own, "It is 7"), 1.0);
    }

    #[test]
    fn a_row_that_a_rule_cannot_judge_says_what_it_lacks() {
        let nothing = Judged::default();
        for (rule, said) in [
            (RewardRule::Check, "`check`: missing"),
            (RewardRule::Exact, "`answer`: missing; the rule exact"),
            (RewardRule::Contains, "`answer`: missing; the rule contains"),
            (RewardRule::Numeric, "`answer`: not a number"),
        ] {
            let fault = judge(rule, "").fault(&nothing).unwrap();
            assert!(fault.starts_with(said), "{fault}");
        }
        assert_eq!(judge(RewardRule::Contains, "e").fault(&nothing), None);
        assert_eq!(judge(RewardRule::Numeric, "").fault(&row("seven")), None);
        assert_eq!(judge(RewardRule::Length, "").fault(&nothing), None);
        // A reward model needs only the prompt.
        let model = RewardSettings { model: "2".to_owned(), ..RewardSettings::default() };
        let model = Judge::new(&model).unwrap();
        assert_eq!((model.fault(&nothing), model.is_by_model()), (None, true));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for pattern in ["(", "a)|(b", "a{1000000}", &"(a{100}){1000}".repeat(3)] {
            let settings = RewardSettings {
                rule: RewardRule::Format,
                pattern: pattern.to_owned(),
                ..RewardSettings::default()
            };
            let reason = Judge::new(&settings).unwrap_err().to_string();
            assert!(reason.contains("train.reward.pattern is not a regular expression"), "{reason}");
        }
    }
}
