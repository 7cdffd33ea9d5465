//! The page's prose.

use glasshouse_protocol::Objective;
use glasshouse_protocol::config::{PreferenceLoss, RewardRule};

pub(super) const WHAT: &str = "A model that is there learns something more: to answer, or to write as your text does. All of its \
    parameters can learn, or few of them, or an adapter beside them, which takes a fraction of the memory. The model that it begins with \
    stays as it is.";

pub(super) const EMPTY: &str =
    "A model belongs to a project. Open one that has a trained model, or import a pretrained one.";

/// Under the choice of what judges replies.
pub(super) const MODEL: &str =
    "A run that learned preferences as a reward model scores each reply: rows need nothing but a prompt.";

/// Where the pointer rests on the share of groups without variance.
pub(super) const UNIFORM: &str = "Prompts whose answers were all worth the same, of which nothing is learned: frac_reward_zero_std in \
    TRL";

/// Where the pointer rests on the share of ties.
pub(super) const TIES: &str =
    "Pairs whose rewards differ by no more than rounding; each counts half in the accuracy";

/// Where the pointer rests on the log-ratio to the reference.
pub(super) const LOG_RATIO: &str = "Mean of log π − log π₀ over the tokens of the chosen answers, in nats. It stands for the KL divergence to \
    the first weights and is none: the answers are the data's, so that it may be negative";

/// What a loss over pairs is called, and what it does, in a sentence.
pub(super) fn loss(loss: PreferenceLoss) -> (&'static str, &'static str) {
    match loss {
        PreferenceLoss::Sigmoid => {
            ("DPO", "The better reply becomes likelier than it was, against the worse one.")
        }
        PreferenceLoss::Ipo => ("IPO", "As DPO, up to a set distance: for few pairs, or certain ones."),
        PreferenceLoss::Simpo => ("SimPO", "By the mean over a reply's tokens, without a reference."),
        PreferenceLoss::Orpo => ("ORPO", "Learns the better replies themselves, too, without a reference."),
        PreferenceLoss::BradleyTerry => (
            "Reward model",
            "A head that scores replies, for runs that learn by rewards; it writes nothing itself.",
        ),
        PreferenceLoss::Kto => {
            ("KTO", "From single thumbs: good replies become likelier, bad ones less likely.")
        }
    }
}

/// What a rule is called, and what it rewards a reply for, in a sentence.
pub(super) fn rule(rule: RewardRule) -> (&'static str, &'static str) {
    match rule {
        RewardRule::Check => ("The row's check", "1 where the reply passes what the row's own `check` says."),
        RewardRule::Exact => {
            ("Exact match", "1 for the row's `answer`; letter case, punctuation and spaces do not count.")
        }
        RewardRule::Contains => {
            ("Contains", "1 where the pattern, or the row's `answer` without one, is somewhere in the reply.")
        }
        RewardRule::Regex => ("Regular expression", "1 where the pattern is found in the reply."),
        RewardRule::Length => {
            ("Length", "1 for so many words, and less by the share that a reply has more or fewer.")
        }
        RewardRule::Format => {
            ("Format", "1 where the pattern, a regular expression, describes all of the reply.")
        }
        RewardRule::Numeric => ("Number", "1 where the reply's last number is that of the row's `answer`."),
    }
}

/// What an objective learns, in a sentence.
pub(super) fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::Text => "The next token of a text: to go on in another domain.",
        Objective::Chat => "To answer: the replies of conversations, and when to stop.",
        Objective::Preference => "To prefer: of two replies to one prompt the better.",
        Objective::Reward => "To score: replies of its own, judged by a rule or a reward model.",
        Objective::Classify => "To label: one of a few labels for a text.",
        Objective::Distil => {
            "To write as a larger model does, of the same tokenizer: its probabilities of every token."
        }
    }
}
