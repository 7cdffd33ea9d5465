//! The page's prose.

pub const WHAT: &str = "A sparse dictionary explains a model's activations as sums of a few features out of many, and most features can be read: \
    one is active on the name of a hero, another before a quoted sentence. Train a dictionary on a hook point, then choose a feature to see where it is \
    active, which tokens it raises, and what the model writes with it.";

pub const NO_PROJECT: &str =
    "Features need a model, and models belong to a project. The sample project includes a trained one.";

pub const NO_MODEL: &str = "Train for a minute, then take the model apart here.";

pub const WIDTH: &str =
    "The number of features. More features are more specific, and more of them stay dead.";

pub const K: &str = "The maximum number of active features per token.";

pub const PENALTY: &str =
    "The cost of an active feature, as a fraction of the variance: a larger one leaves fewer active.";

pub const TOKENS: &str = "Tokens of the run's training text.";

pub const FIGURES: &str = "After its number, a feature's name or the token that predicts it, with the precision. At the right, the share of tokens \
    on which it is active; with a text, its largest activation there.";

pub const WHY: &str = "Which tokens of the prompt, and which features, caused the next token: with a transcoder in place of each MLP (train them on \
    `blocks.*.mlp`), their shares add up to its logit. And which passages of the training text made a completion more likely.";
