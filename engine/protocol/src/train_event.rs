//! What a run tells the world while it trains. The same objects go to `metrics.jsonl`, to `--json`'s lines and to a window.

use crate::GuardReport;
use serde::{Deserialize, Serialize};

/// One thing that happened. `step` is the number of optimizer steps done so far, so the first step reports 1.
///
/// Numbers that are not finite are written as `null` in JSON and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainEvent {
    /// An optimizer step.
    Step {
        /// Steps done, this one included.
        step: u64,
        /// Mean training loss over the step's micro-batches, before the update.
        #[serde(deserialize_with = "number_or_null")]
        loss: f32,
        /// Learning rate that the step used.
        lr: f64,
        /// Global norm of the gradient before clipping.
        #[serde(deserialize_with = "number_or_null")]
        grad_norm: f32,
        /// Training tokens per second, over this step's group; NaN, and left out, where it is not known.
        #[serde(default = "unknown", skip_serializing_if = "is_nan")]
        tokens_per_s: f64,
        /// The gradient was not finite, so the weights were left as they were.
        skipped: bool,
    },
    /// What the answers were worth that a step learned from, where the objective is of rewards: before the step's
    /// own event.
    Reward {
        /// Steps done.
        step: u64,
        /// What they came to.
        #[serde(flatten)]
        metrics: RewardMetrics,
    },
    /// What the pairs came to that a step learned from, under the weights before its update, where the objective is of preferences: before
    /// the step's own event.
    Preference {
        /// Steps done.
        step: u64,
        /// What they came to, the mean over the step's micro-batches.
        #[serde(flatten)]
        metrics: PreferenceMetrics,
    },
    /// An evaluation. Of an objective of rewards a loss is 1 less the mean reward of the likeliest answers by a rule, and less
    /// their mean score by a reward model.
    Eval {
        /// Steps done.
        step: u64,
        /// Mean loss over the evaluation's batches of the training split.
        #[serde(deserialize_with = "number_or_null")]
        train_loss: f32,
        /// Mean loss over its batches of the validation split, or over the whole split.
        #[serde(deserialize_with = "number_or_null")]
        val_loss: f32,
        /// No earlier evaluation of the run had a lower validation loss. The untrained model's is never the best; weights that a run
        /// begins with are.
        best: bool,
        /// What the pairs of the validation split come to, where the objective is of preferences.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preference: Option<PreferenceMetrics>,
    },
    /// Of a model that classifies texts by labels: how often it was right, at an evaluation.
    Accuracy {
        /// Steps done.
        step: u64,
        /// Share of the texts of the evaluation's batches of the training split, between 0 and 1.
        train: f32,
        /// Share of those of the validation split.
        validation: f32,
    },
    /// Text written by the model as it is now.
    Sample {
        /// Steps done.
        step: u64,
        /// The prompt and what the model made of it.
        text: String,
    },
    /// A checkpoint is on disk.
    Checkpoint {
        /// Steps done.
        step: u64,
        /// The file.
        path: String,
        /// It is the best so far, too.
        best: bool,
    },
    /// The guard saw something, and may have done something against it. Where it went back, its `step` lies below where it was `seen`, and
    /// what was told of the steps between counts no more.
    Guard(GuardReport),
    /// What is known of some steps is lost, though the checkpoint that the run goes on from has their work: a power cut takes what
    /// was written last.
    Gap {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Something to know that stops nothing.
    Notice {
        /// One line.
        text: String,
    },
    /// The session is over.
    Done {
        /// Steps done.
        step: u64,
        /// All of the run's steps are done; else it was stopped and can be resumed.
        finished: bool,
        /// Training loss of the last evaluation, where there was one.
        train_loss: Option<f32>,
        /// Its validation loss.
        val_loss: Option<f32>,
        /// Lowest validation loss of the run.
        best_val_loss: Option<f32>,
        /// Step of the best checkpoint; 0 where nothing was better than the weights that the run began with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        best_step: Option<u64>,
        /// Early stopping ended it: evaluations in a row without an improvement.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped_early: Option<u64>,
        /// Seconds of this session, evaluations and samples included.
        seconds: f64,
        /// Training tokens per second over this session's steps alone.
        tokens_per_s: f64,
    },
}

/// What pairs of answers come to. An answer's reward is β times its log-ratio to the reference, log π − log π₀, or, where the loss has no
/// reference, β times the mean log-probability of its tokens, as TRL logs it; to a reward model it is its score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferenceMetrics {
    /// Mean reward of the chosen answers less that of the rejected ones.
    #[serde(deserialize_with = "number_or_null")]
    pub margin: f32,
    /// Share of pairs whose chosen answer has the higher reward; of KTO's single answers, of good ones above and bad ones below the
    /// divergence. Ties count half (TRL counts them as wrong).
    #[serde(deserialize_with = "number_or_null")]
    pub accuracy: f32,
    /// Share of ties: rewards that differ by no more than rounding.
    #[serde(default)]
    pub ties: f32,
    /// Mean reward of the chosen answers.
    #[serde(deserialize_with = "number_or_null")]
    pub chosen_reward: f32,
    /// Mean reward of the rejected ones.
    #[serde(deserialize_with = "number_or_null")]
    pub rejected_reward: f32,
    /// Mean log-ratio to the reference, per chosen token, in nats: the mean of log π − log π₀ over the tokens of chosen answers. It stands for
    /// the KL divergence to the reference and is none: the answers are the data's and not drawn from π, so that it may be negative. Nothing
    /// where the loss has no reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_ratio: Option<f32>,
}

impl PreferenceMetrics {
    /// Each with its name in TensorBoard, as TRL has them.
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

/// What answers to prompts, some to each, come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardMetrics {
    /// Mean reward: 0 to 1 by a rule, without bounds by a reward model.
    pub reward: f32,
    /// Standard deviation of the rewards of a prompt's answers, the mean over prompts.
    pub deviation: f32,
    /// Tokens of an answer, the mean.
    pub tokens: f32,
    /// Share of answers that came to an end before they were too long.
    pub ended: f32,
    /// Share of prompts whose answers are all worth the same, so that nothing is learned from them.
    pub uniform_groups: f32,
    /// How far the model is from the run's first weights, in nats per token: the mean of e^d − d − 1, d their log-probability of a token less
    /// the model's. Nothing where the loss does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f32>,
    /// Share of tokens that changed as much as they may since they were drawn. Nothing where they are learned from once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<f32>,
}

impl RewardMetrics {
    /// Each with its name in TensorBoard.
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
    /// Steps done when it happened; a notice has none.
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
