//! Events of a run during training. The same objects go to `metrics.jsonl`, to the lines of `--json` and to a window.

use crate::GuardReport;
use crate::blocks::Fact;
use crate::quantity::percent;
use serde::{Deserialize, Serialize};

/// An event of a run. `step` is the number of optimizer steps done so far, so the first step reports 1.
///
/// Numbers that are not finite are written as `null` in JSON and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainEvent {
    Step {
        /// Steps done, including this one.
        step: u64,
        /// Mean training loss over the step's micro-batches, before the update.
        #[serde(deserialize_with = "number_or_null")]
        loss: f32,
        lr: f64,
        /// Global norm of the gradient before clipping.
        #[serde(deserialize_with = "number_or_null")]
        grad_norm: f32,
        /// Training tokens per second over this step's group; NaN, and omitted from JSON, if unknown.
        #[serde(default = "unknown", skip_serializing_if = "is_nan")]
        tokens_per_s: f64,
        /// Whether the gradient was not finite, so that the weights were not updated.
        skipped: bool,
    },
    /// Rewards of a step's answers, for objectives with rewards; sent before the step's own event.
    Reward {
        step: u64,
        #[serde(flatten)]
        metrics: RewardMetrics,
    },
    /// Metrics of a step's preference pairs under the weights before its update; sent before the step's own event.
    Preference {
        step: u64,
        /// Mean over the step's micro-batches.
        #[serde(flatten)]
        metrics: PreferenceMetrics,
    },
    /// An evaluation. With rewards, the loss is 1 minus the mean reward of the greedy answers by a rule, or minus their mean score by a
    /// reward model.
    Eval {
        step: u64,
        /// Mean loss over the batches of the training split.
        #[serde(deserialize_with = "number_or_null")]
        train_loss: f32,
        /// Mean loss over the batches of the validation split, or over the whole split.
        #[serde(deserialize_with = "number_or_null")]
        val_loss: f32,
        /// Whether no earlier evaluation of the run had a lower validation loss. Random initial weights never count as the best;
        /// weights from another run do. With too few held-out tokens ([`crate::HeldOut::chooses`]) the last evaluation is the best.
        best: bool,
        /// Metrics of the validation split's pairs, with preferences.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preference: Option<PreferenceMetrics>,
    },
    /// Accuracy at an evaluation of a classifier, or of greedy answers to generated rows, which are right if all their tokens are.
    Accuracy {
        step: u64,
        /// Fraction correct over the batches of the training split.
        train: f32,
        /// Fraction correct over the batches of the validation split.
        validation: f32,
    },
    /// A sample from the current weights.
    Sample { step: u64, text: String },
    Checkpoint {
        step: u64,
        path: String,
        /// Whether it is also the best so far.
        best: bool,
    },
    /// A report of the guard. If the guard went back, its `step` is below `seen`, and the events of the steps between are obsolete.
    Guard(GuardReport),
    /// The events of some steps are lost, although the checkpoint that the run resumed from includes their work: a power cut loses what
    /// was written last.
    Gap { from: u64, to: u64 },
    /// Information that does not stop the run.
    Notice { text: String },
    /// The session ended.
    Done {
        step: u64,
        /// Whether all steps of the run are done; otherwise it was stopped and can be resumed.
        finished: bool,
        /// Training loss of the last evaluation, if there was one.
        train_loss: Option<f32>,
        /// Validation loss of the last evaluation.
        val_loss: Option<f32>,
        best_val_loss: Option<f32>,
        /// Step of the best checkpoint; 0 if none was better than the initial weights.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        best_step: Option<u64>,
        /// If early stopping ended the run, the number of consecutive evaluations without improvement.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped_early: Option<u64>,
        /// Duration of this session, including evaluations and samples.
        seconds: f64,
        /// Training tokens per second, over the time of this session's steps only.
        tokens_per_s: f64,
    },
}

/// Metrics of preference pairs. An answer's reward is β times its log-ratio to the reference, log π − log π₀; for losses without a
/// reference, β times the mean log-probability of its tokens, as logged by TRL; for a reward model, its score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferenceMetrics {
    /// Mean reward of the chosen answers minus that of the rejected ones.
    #[serde(deserialize_with = "number_or_null")]
    pub margin: f32,
    /// Fraction of pairs whose chosen answer has the higher reward; for KTO's single answers, of good ones above and bad ones below the
    /// divergence. Ties count half (in TRL, as wrong).
    #[serde(deserialize_with = "number_or_null")]
    pub accuracy: f32,
    /// Fraction of ties: rewards that differ by no more than rounding.
    pub ties: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub chosen_reward: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub rejected_reward: f32,
    /// Mean log-ratio to the reference per chosen token, in nats: the mean of log π − log π₀ over the tokens of chosen answers. A proxy for
    /// the KL divergence, but it can be negative, because the answers come from the data instead of π. `None` if the loss has no reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_ratio: Option<f32>,
}

impl PreferenceMetrics {
    pub fn facts(&self) -> Vec<Fact> {
        let number = |name, value: f32| Fact::new(name, format!("{value:.3}"));
        let mut facts = vec![
            number("Reward margin", self.margin),
            Fact::new("Accuracy", percent(self.accuracy)),
            number("Reward of chosen answers", self.chosen_reward),
            number("Reward of rejected answers", self.rejected_reward),
        ];
        if self.ties > 0.0 {
            let about = "Pairs whose rewards differ only by rounding; each counts half in the accuracy";
            facts.push(Fact::new("Ties", percent(self.ties)).exact(about));
        }
        let about = "Mean of log π − log π₀ over the tokens of the chosen answers, in nats. A proxy for the KL divergence from the \
                     initial weights; it may be negative, because the answers come from the data";
        facts.extend(self.log_ratio.map(|ratio| number("Log-ratio to the reference", ratio).exact(about)));
        facts
    }

    /// The metrics with their TensorBoard names, as in TRL.
    pub fn scalars(&self) -> Vec<(&'static str, f32)> {
        let mut all = vec![
            ("rewards/margins", self.margin),
            ("rewards/accuracies", self.accuracy),
            ("rewards/ties", self.ties),
            ("rewards/chosen", self.chosen_reward),
            ("rewards/rejected", self.rejected_reward),
        ];
        all.extend(self.log_ratio.map(|ratio| ("logps/ratio", ratio)));
        all
    }
}

/// Metrics of generated answers, with several answers per prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardMetrics {
    /// Mean reward: 0 to 1 for a rule, unbounded for a reward model.
    pub reward: f32,
    /// Standard deviation of the rewards of a prompt's answers, averaged over prompts.
    pub deviation: f32,
    /// Mean number of tokens per answer.
    pub tokens: f32,
    /// Fraction of answers that ended before the length limit.
    pub ended: f32,
    /// Fraction of prompts whose answers all have the same reward, so that nothing is learned from them.
    pub uniform_groups: f32,
    /// Divergence from the initial weights, in nats per token: the mean of e^d − d − 1, with d the initial weights' log-probability of
    /// a token minus the model's. `None` if the loss does not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f32>,
    /// Fraction of tokens whose probability ratio is clipped. `None` if answers are used only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<f32>,
}

impl RewardMetrics {
    pub fn facts(&self) -> Vec<Fact> {
        let Self { reward, deviation, tokens, .. } = self;
        let uniform = "Share of prompts with equal rewards for all answers, which give no gradient: frac_reward_zero_std in TRL";
        let mut facts = vec![
            Fact::new("Mean reward", format!("{reward:.3} ± {deviation:.3}")),
            Fact::new("Tokens per answer", format!("{tokens:.1}")),
            Fact::new("Answers that ended", percent(self.ended)),
            Fact::new("Groups without variance", percent(self.uniform_groups)).exact(uniform),
        ];
        facts.extend(self.kl.map(|kl| Fact::new("KL to the initial weights", format!("{kl:.4}"))));
        facts.extend(self.clipped.map(|share| Fact::new("Clipped", percent(share))));
        facts
    }

    /// The metrics with their TensorBoard names.
    pub fn scalars(&self) -> Vec<(&'static str, f32)> {
        let mut all = vec![
            ("reward/mean", self.reward),
            ("reward/deviation", self.deviation),
            ("reward/uniform_groups", self.uniform_groups),
            ("answers/tokens", self.tokens),
            ("answers/ended", self.ended),
        ];
        all.extend(self.kl.map(|kl| ("kl", kl)));
        all.extend(self.clipped.map(|clipped| ("clipped", clipped)));
        all
    }
}

impl TrainEvent {
    /// Steps done at the time of the event; `None` for a notice.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Step { step, .. }
            | Self::Reward { step, .. }
            | Self::Preference { step, .. }
            | Self::Eval { step, .. }
            | Self::Accuracy { step, .. }
            | Self::Sample { step, .. }
            | Self::Checkpoint { step, .. }
            | Self::Done { step, .. } => Some(*step),
            Self::Guard(report) => Some(report.step),
            Self::Gap { to, .. } => Some(*to),
            Self::Notice { .. } => None,
        }
    }
}

fn unknown() -> f64 {
    f64::NAN
}

fn is_nan(number: &f64) -> bool {
    number.is_nan()
}

fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}
