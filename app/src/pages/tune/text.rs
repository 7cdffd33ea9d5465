//! The page's prose.

pub const WHAT: &str = "Fine-tune an existing model on conversations or on your own text. Train all parameters, some of them, or an adapter, \
    which takes a fraction of the memory. The base model stays unchanged.";

pub const EMPTY: &str =
    "A model belongs to a project. Open one with a trained model, or import a pretrained one.";

/// Shown under the choice of the reward's source.
pub const MODEL: &str = "A reward model trained on preferences scores each reply: rows need only a prompt.";

/// Tooltip of the fraction of groups without variance.
pub const UNIFORM: &str = "Share of prompts with equal rewards for all answers, which give no gradient: frac_reward_zero_std in TRL";

pub const TIES: &str = "Pairs whose rewards differ only by rounding; each counts half in the accuracy";

pub const LOG_RATIO: &str = "Mean of log π − log π₀ over the tokens of the chosen answers, in nats. A proxy for the KL divergence from the \
    initial weights; it may be negative, because the answers come from the data";
