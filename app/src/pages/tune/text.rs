//! The page's prose.

use glasshouse_protocol::Objective;
use glasshouse_protocol::config::{PreferenceLoss, RewardRule};

pub const WHAT: &str = "Fine-tune an existing model on conversations or on your own text. Train all parameters, some of them, or an adapter, \
    which takes a fraction of the memory. The base model stays unchanged.";

pub(super) const EMPTY: &str =
    "A model belongs to a project. Open one with a trained model, or import a pretrained one.";

/// Shown under the choice of the reward's source.
pub(super) const MODEL: &str =
    "A reward model trained on preferences scores each reply: rows need only a prompt.";

/// Tooltip of the fraction of groups without variance.
pub(super) const UNIFORM: &str =
    "Prompts with equal rewards for all their answers, which teach nothing: frac_reward_zero_std in TRL";

pub(super) const TIES: &str = "Pairs whose rewards differ only by rounding; each counts half in the accuracy";

pub(super) const LOG_RATIO: &str = "Mean of log π − log π₀ over the tokens of the chosen answers, in nats. A proxy for the KL divergence from the \
    initial weights; it may be negative, because the answers come from the data";

/// Name and description of a preference loss.
pub(super) fn loss(loss: PreferenceLoss) -> (&'static str, &'static str) {
    match loss {
        PreferenceLoss::Sigmoid => {
            ("DPO", "Raises the probability of the better reply relative to the worse one.")
        }
        PreferenceLoss::Ipo => ("IPO", "Like DPO, up to a fixed margin: for few or certain pairs."),
        PreferenceLoss::Simpo => ("SimPO", "Uses the mean over a reply's tokens, without a reference model."),
        PreferenceLoss::Orpo => {
            ("ORPO", "Also trains on the better replies themselves, without a reference model.")
        }
        PreferenceLoss::BradleyTerry => {
            ("Reward model", "A head that scores replies, for reinforcement learning; it generates no text.")
        }
        PreferenceLoss::Kto => {
            ("KTO", "From single ratings: good replies become likelier, bad ones less likely.")
        }
    }
}

/// Name and description of a reward rule.
pub(super) fn rule(rule: RewardRule) -> (&'static str, &'static str) {
    match rule {
        RewardRule::Check => ("The row's check", "1 if the reply passes the row's own `check`."),
        RewardRule::Exact => (
            "Exact match",
            "1 if the reply equals the row's `answer`, ignoring letter case, punctuation and spaces.",
        ),
        RewardRule::Contains => {
            ("Contains", "1 if the reply contains the pattern, or the row's `answer` without one.")
        }
        RewardRule::Regex => ("Regular expression", "1 if the pattern occurs in the reply."),
        RewardRule::Length => {
            ("Length", "1 for the given number of words, less in proportion to the difference.")
        }
        RewardRule::Format => ("Format", "1 if the whole reply matches the pattern, a regular expression."),
        RewardRule::Numeric => ("Number", "1 if the reply's last number equals the row's `answer`."),
    }
}

pub(super) fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::Text => "Continue text: next-token prediction on another domain.",
        Objective::Chat => "Answer: the replies of conversations, and when to stop.",
        Objective::Preference => "Prefer: the better of two replies to a prompt.",
        Objective::Reward => "Score: the model's own replies, rated by a rule or a reward model.",
        Objective::Classify => "Label: one of a few labels for a text.",
        Objective::Distil => {
            "Imitate a larger model with the same tokenizer: its probabilities of every token."
        }
    }
}
