//! Settings of the objective `reward`: group-relative policy optimization by rules, or by a reward model.

use super::Start;
use crate::{Invalid, require};
use serde::{Deserialize, Serialize};

/// What the losses of answers' tokens are divided by. l(t) is a token's loss, n(i) the tokens of answer i.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardLoss {
    /// Σ l / Σ n over all answers of the step: every token weighs as much as any other (Yu et al. 2025, "DAPO", arXiv 2503.14476, equation 8;
    /// TRL's default).
    #[default]
    Dapo,
    /// The mean over answers of Σ l / n(i) (Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300, equation 3).
    Grpo,
    /// Σ l / Σ n over the answers of each micro-batch, and the mean of those (TRL).
    Bnpo,
    /// Σ l / (answers · max tokens), so that no answer gains by its length (Liu et al. 2025, "Understanding R1-Zero-like training", arXiv
    /// 2503.20783, which leaves `scale_rewards` off, too).
    DrGrpo,
}

/// What an answer is rewarded for, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardRule {
    /// What the row's own `check` says, as `glasshouse corpus tasks` writes it.
    #[default]
    Check,
    /// It is the row's `answer`; letter case, punctuation and spaces do not count.
    Exact,
    /// It has `pattern`, or the row's `answer` where that is empty, somewhere; letter case does not count.
    Contains,
    /// The regular expression `pattern` is found in it.
    Regex,
    /// It has about `words` words: 1 less the share by which it has more or fewer, 0 at least.
    Length,
    /// All of it is what the regular expression `pattern` describes.
    Format,
    /// Its last number, in digits (with sign, decimals and commas between thousands) or in words below one hundred, is that of the row's `answer`.
    Numeric,
}

impl RewardRule {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Check, Self::Exact, Self::Contains, Self::Regex, Self::Length, Self::Format, Self::Numeric];

    /// As settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Regex => "regex",
            Self::Length => "length",
            Self::Format => "format",
            Self::Numeric => "numeric",
        }
    }

    /// Whether it needs a pattern.
    fn needs_pattern(self) -> bool {
        matches!(self, Self::Regex | Self::Format)
    }
}

/// Most answers to a prompt in a step, and most steps that learn from the same answers.
const MAX_ANSWERS: usize = 1 << 12;
const MAX_ITERATIONS: u64 = 64;
/// Max tokens of an answer where nothing else is said, as in TRL.
const ANSWER_TOKENS: usize = 512;
/// Most characters of a pattern.
const MAX_PATTERN_CHARACTERS: usize = 4096;

/// Settings of [`super::Objective::Reward`]. What is not said otherwise is as in TRL's `GRPOTrainer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardSettings {
    /// What an answer is rewarded for.
    pub rule: RewardRule,
    /// The reward model that scores answers in the place of a rule: a run of the project that learned preferences by
    /// [`super::PreferenceLoss::BradleyTerry`], its number or name, or `latest`, and `:` with a checkpoint's file behind it where that is not
    /// to be the best one. The run's own record names both. Scores have no bounds, of which none is needed: what counts is how answers of a
    /// group compare.
    pub model: String,
    /// The text or the regular expression of the rules that have one.
    pub pattern: String,
    /// Words of the rule `length`.
    pub words: usize,
    /// G: answers to each prompt, whose rewards are compared with each other.
    pub group: usize,
    /// Max tokens of an answer; 0 takes half the context length, 512 at most.
    pub max_tokens: usize,
    /// What logits are divided by, where answers are drawn and where they are learned from.
    pub temperature: f32,
    /// What tokens' losses are divided by.
    pub loss: RewardLoss,
    /// ε: a token's probability counts as changed by this share at most.
    pub epsilon: f32,
    /// μ: steps that learn from the same answers.
    pub iterations: u64,
    /// β of the divergence from the weights that the run began with; 0 does without, and without a copy of them.
    pub beta: f32,
    /// The divergence is multiplied by the ratio of probabilities, which makes its gradient that of the divergence as it is now (TRL's
    /// `use_bias_correction_kl`); off, it is as in the papers.
    pub bias_corrected_kl: bool,
    /// Advantages are divided by the standard deviation of their group's rewards.
    pub scale_rewards: bool,
}

impl Default for RewardSettings {
    fn default() -> Self {
        Self {
            rule: RewardRule::Check,
            model: String::new(),
            pattern: String::new(),
            words: 20,
            group: 8,
            max_tokens: 0,
            temperature: 1.0,
            loss: RewardLoss::Dapo,
            epsilon: 0.2,
            iterations: 1,
            beta: 0.0,
            bias_corrected_kl: true,
            scale_rewards: true,
        }
    }
}

impl RewardSettings {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What judges answers, in a word.
    pub fn judge(&self) -> &'static str {
        if self.model.is_empty() { self.rule.name() } else { "model" }
    }

    /// The reward model's run and checkpoint, as they were typed.
    pub fn named_model(&self) -> Start {
        Start::parse(self.model.trim(), None)
    }

    /// Max tokens of an answer, of a model with such a context.
    pub fn answer_tokens(&self, context_length: usize) -> usize {
        match self.max_tokens {
            0 => (context_length / 2).clamp(1, ANSWER_TOKENS),
            most => most,
        }
    }

    /// Whether tokens' probabilities are compared with those of the weights that drew them, or of the first weights.
    pub fn compares_probabilities(&self) -> bool {
        self.iterations > 1 || self.beta > 0.0
    }

    /// Checks every rule, of a run with so many rows in a micro-batch, so many of those in a step, and such a smoothing; the first broken
    /// one is named.
    pub(super) fn validate(
        &self,
        batch_size: usize,
        accumulate: usize,
        label_smoothing: f32,
    ) -> Result<(), Invalid> {
        let group = (2..=MAX_ANSWERS).contains(&self.group);
        require(group, "train.reward.group", self.group, format!("lie between 2 and {MAX_ANSWERS}"))?;
        let answers = batch_size.saturating_mul(accumulate);
        let rule = format!(
            "be a multiple of train.reward.group ({}): each prompt of a step has so many answers, a row each",
            self.group
        );
        require(answers.is_multiple_of(self.group), "train.batch_size × train.accumulate", answers, rule)?;
        require(self.words >= 1, "train.reward.words", self.words, "be at least 1")?;
        let rule = "be left out beside train.reward.model, which judges in its place";
        let alone = self.model.is_empty() || self.rule == RewardRule::default();
        require(alone, "train.reward.rule", self.rule.name(), rule)?;
        let named = self.model.is_empty() || self.named_model().validate().is_ok();
        let rule = "name a run that scores texts, by its number or name (train.reward.model=2)";
        require(named, "train.reward.model", format!("{:?}", self.model), rule)?;
        for (field, value, above) in [
            ("train.reward.temperature", self.temperature, true),
            ("train.reward.epsilon", self.epsilon, true),
            ("train.reward.beta", self.beta, false),
        ] {
            let fits = value.is_finite() && if above { value > 0.0 } else { value >= 0.0 };
            require(fits, field, value, if above { "be a number above 0" } else { "be 0 or more" })?;
        }
        require(
            (1..=MAX_ITERATIONS).contains(&self.iterations),
            "train.reward.iterations",
            self.iterations,
            format!("lie between 1 and {MAX_ITERATIONS}"),
        )?;
        require(
            !(self.rule.needs_pattern() && self.pattern.is_empty()),
            "train.reward.pattern",
            "\"\"",
            format!("be a regular expression for the rule {}", self.rule.name()),
        )?;
        let length = self.pattern.chars().count();
        require(
            length <= MAX_PATTERN_CHARACTERS,
            "train.reward.pattern (characters)",
            length,
            format!("be at most {MAX_PATTERN_CHARACTERS}"),
        )?;
        let rule = "be 0 with the objective reward";
        require(label_smoothing == 0.0, "train.label_smoothing", label_smoothing, rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    #[test]
    fn groups_divide_a_step_and_numbers_are_sensible() {
        let mut run = presets::preset("first-stories").unwrap();
        assert!(!run.to_toml().unwrap().contains("reward"));
        run.set("train.objective=reward").unwrap();
        run.set("train.batch_size=4").unwrap();
        run.set("train.accumulate=4").unwrap();
        run.set("train.reward.rule=regex").unwrap();
        run.set("train.reward.pattern=\"e+\"").unwrap();
        run.train.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        for (change, said) in [
            (
                "train.batch_size=3",
                "train.batch_size × train.accumulate = 12 must be a multiple of train.reward.group (8)",
            ),
            ("train.reward.group=1", "train.reward.group = 1 must lie between 2 and"),
            ("train.reward.temperature=0", "train.reward.temperature = 0 must be a number above 0"),
            ("train.reward.epsilon=-1", "train.reward.epsilon = -1 must be a number above 0"),
            ("train.reward.beta=-0.5", "train.reward.beta = -0.5 must be 0 or more"),
            ("train.reward.iterations=0", "train.reward.iterations = 0 must lie between 1 and"),
            ("train.reward.words=0", "train.reward.words = 0 must be at least 1"),
            ("train.reward.pattern=\"\"", "train.reward.pattern = \"\" must be a regular expression"),
            ("train.label_smoothing=0.1", "train.label_smoothing = 0.1 must be 0"),
        ] {
            let mut run = run.clone();
            run.set(change).unwrap();
            let reason = run.train.validate().unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
        }
        assert!(run.set("train.reward.rule=vibes").unwrap_err().contains("vibes"));
    }

    #[test]
    fn a_model_takes_the_place_of_a_rule() {
        let mut run = presets::preset("first-stories").unwrap();
        run.set("train.objective=reward").unwrap();
        run.set("train.batch_size=8").unwrap();
        assert_eq!(run.train.reward.judge(), "check");
        run.set("train.reward.model=2").unwrap();
        assert_eq!((run.train.reward.model.as_str(), run.train.reward.judge()), ("2", "model"));
        run.train.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        run.set("train.reward.rule=length").unwrap();
        let reason = run.train.validate().unwrap_err().to_string();
        assert!(
            reason.contains("train.reward.rule = length must be left out beside train.reward.model"),
            "{reason}"
        );
        run.set("train.reward.rule=check").unwrap();
        run.set("train.reward.model=:best").unwrap();
        let reason = run.train.validate().unwrap_err().to_string();
        assert!(reason.contains("must name a run that scores texts"), "{reason}");
        let named = |model: &str| {
            let Start { run, checkpoint, .. } =
                RewardSettings { model: model.to_owned(), ..RewardSettings::default() }.named_model();
            [run, checkpoint.to_string()]
        };
        assert_eq!(named(" 2"), ["2", "best"]);
        assert_eq!(named("2-tiny:latest"), ["2-tiny", "latest"]);
    }

    #[test]
    fn an_answer_has_half_the_context_unless_something_else_is_said() {
        let mut reward = RewardSettings::default();
        assert_eq!([1, 64, 4096].map(|length| reward.answer_tokens(length)), [1, 32, 512]);
        reward.max_tokens = 10;
        assert_eq!(reward.answer_tokens(64), 10);
    }

    #[test]
    fn rules_are_spelled_as_they_are_named() {
        for rule in RewardRule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
    }
}
