//! The page's prose.

pub const WHAT: &str = "Fine-tune an existing model on conversations or on your own text. Train all parameters, some of them, or an adapter, \
    which takes a fraction of the memory. The base model stays unchanged.";

pub const EMPTY: &str =
    "A model belongs to a project. Open one with a trained model, or import a pretrained one.";

/// Shown under the choice of the reward's source.
pub const MODEL: &str = "A reward model trained on preferences scores each reply: rows need only a prompt.";
