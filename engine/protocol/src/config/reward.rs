//! Settings of [`super::Objective::Reward`]: group-relative policy optimization with rules or a reward model.

use super::Start;
use crate::setting::{Settings as _, above, choices, settings};
use crate::{Invalid, rules};

choices! {
    /// Normalisation of the token losses. l is a token's loss, n(i) the number of tokens of answer i.
    pub enum RewardLoss = Dapo {
        /// Σ l / Σ n over all answers of the step: all tokens have the same weight (Yu et al. 2025, "DAPO", arXiv 2503.14476, equation 8;
        /// TRL's default).
        Dapo = "dapo", "DAPO";
        /// The mean over answers of Σ l / n(i) (Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300, equation 3).
        Grpo = "grpo", "GRPO";
        /// Σ l / Σ n over the answers of each micro-batch, averaged over the micro-batches (TRL).
        Bnpo = "bnpo", "BNPO";
        /// Σ l / (answers · max tokens), so that length gives no advantage (Liu et al. 2025, "Understanding R1-Zero-like training", arXiv
        /// 2503.20783, which also sets `scale_rewards` to false).
        DrGrpo = "dr_grpo", "Dr. GRPO";
    }
}

choices! {
    /// Rule that rewards an answer with a number from 0 to 1.
    pub enum RewardRule = Check {
        /// 1 if the reply passes the row's own `check`, as written by `glasshouse corpus tasks`.
        Check = "check", "The row's check";
        /// 1 if the reply equals the row's `answer`, ignoring letter case, punctuation and spaces.
        Exact = "exact", "Exact match";
        /// 1 if the reply contains the pattern, or the row's `answer` without one, ignoring letter case.
        Contains = "contains", "Contains";
        /// 1 if the pattern, a regular expression, occurs in the reply.
        Regex = "regex", "Regular expression";
        /// 1 for the given number of words, less in proportion to the difference.
        Length = "length", "Length";
        /// 1 if the whole reply matches the pattern, a regular expression.
        Format = "format", "Format";
        /// 1 if the reply's last number equals the row's `answer`.
        ///
        /// Numbers are in digits (with sign, decimals and thousands separators) or in words below one hundred.
        Numeric = "numeric", "Number";
    }
}

impl RewardRule {
    fn needs_pattern(self) -> bool {
        matches!(self, Self::Regex | Self::Format)
    }
}

/// Upper limit of the default for `max_tokens`, as in TRL.
const ANSWER_TOKENS: usize = 512;
const MAX_PATTERN_CHARACTERS: usize = 4096;

settings! {
    /// Settings of [`super::Objective::Reward`], as in TRL's `GRPOTrainer` unless noted.
    pub struct RewardSettings: "train.reward." {
        pub rule: RewardRule = RewardRule::Check, "Rule";
        /// Reward model that scores answers instead of a rule: a run of the project trained with [`super::PreferenceLoss::BradleyTerry`],
        /// by number or name, or `latest`, optionally followed by `:` and a checkpoint's file (default: the best one). The run's own record
        /// names both. Scores may be unbounded: only differences within a group matter.
        pub model: String = String::new();
        /// Search text or regular expression for the rules that use one.
        pub pattern: String = String::new(), "Pattern";
        /// Target number of words for the rule `length`.
        pub words: usize = 20, "Words", 1..;
        /// Number of answers to each prompt, whose rewards are compared.
        pub group: usize = 8, "Replies to each prompt", 2..=1 << 12;
        /// Maximum tokens of an answer; 0 means half the context length, at most 512.
        pub max_tokens: usize = 0, "Max tokens of a reply", 0..;
        /// Divisor of the logits, in sampling and in training.
        pub temperature: f32 = 1.0, "Temperature", above(0.0);
        pub loss: RewardLoss = RewardLoss::Dapo, "Loss";
        /// Clipping range of the probability ratio (ε).
        pub epsilon: f32 = 0.2, "Clipping range (ε)", above(0.0);
        /// Number of steps that train on the same answers (μ).
        pub iterations: u64 = 1, "Steps per answer (μ)", 1..=64;
        /// Weight of the divergence from the initial weights; 0 omits it and the copy of those weights.
        pub beta: f32 = 0.0, "KL weight (β)", 0.0..;
        /// Multiply the divergence by the probability ratio, which gives the gradient of the current divergence (`use_bias_correction_kl`
        /// in TRL); false follows the papers.
        pub bias_corrected_kl: bool = true, "Bias-corrected KL";
        /// Divide advantages by the standard deviation of the group's rewards.
        pub scale_rewards: bool = true, "Scaled rewards";
    }
}

impl RewardSettings {
    pub fn judge(&self) -> &'static str {
        if self.model.is_empty() { self.rule.name() } else { "model" }
    }

    /// The reward model's run and checkpoint, as typed.
    pub fn named_model(&self) -> Start {
        Start::parse(self.model.trim(), None)
    }

    /// Maximum tokens of an answer for a model with this context length.
    pub fn answer_tokens(&self, context_length: usize) -> usize {
        match self.max_tokens {
            0 => (context_length / 2).clamp(1, ANSWER_TOKENS),
            most => most,
        }
    }

    /// Whether the loss uses log-probabilities of the sampling weights or of the initial weights.
    pub fn compares_probabilities(&self) -> bool {
        self.iterations > 1 || self.beta > 0.0
    }

    /// Checks all rules for a run with this batch size, number of micro-batches and label smoothing, and names the first broken one.
    pub(super) fn validate(
        &self,
        batch_size: usize,
        accumulate: usize,
        label_smoothing: f32,
    ) -> Result<(), Invalid> {
        self.check()?;
        let (group, rule, answers) = (self.group, self.rule.name(), batch_size.saturating_mul(accumulate));
        let alone = self.model.is_empty() || self.rule == RewardRule::default();
        let named = self.model.is_empty() || self.named_model().validate().is_ok();
        let (length, most) = (self.pattern.chars().count(), MAX_PATTERN_CHARACTERS);
        rules! {
            answers.is_multiple_of(group) => "train.batch_size × train.accumulate", answers,
                format!("be a multiple of train.reward.group ({group}): each prompt of a step has that many answers, one per row");
            alone => "train.reward.rule", rule, "be left out with train.reward.model, which scores instead";
            named => "train.reward.model", format!("{:?}", self.model),
                "name a run that scores texts, by its number or name (train.reward.model=2)";
            !(self.rule.needs_pattern() && self.pattern.is_empty()) => "train.reward.pattern", "\"\"",
                format!("be a regular expression for the rule {rule}");
            length <= most => "train.reward.pattern (characters)", length, format!("be at most {most}");
            label_smoothing == 0.0 => "train.label_smoothing", label_smoothing, "be 0 with the objective reward";
        }
        Ok(())
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
            ("train.reward.group=1", "train.reward.group = 1 must be between 2 and"),
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
            reason.contains("train.reward.rule = length must be left out with train.reward.model"),
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
}
