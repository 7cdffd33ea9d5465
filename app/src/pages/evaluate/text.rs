//! The page's prose.

pub const WHAT: &str = "Measures how well a model predicts held-out text and solves tasks with known answers. Every value has a 95 % interval \
    and simple baselines without a neural network: n-grams and compressors. Compare up to four runs to see whether a difference is more than chance. \
    An audit looks for bias, memorised text and personal data.";

pub const NO_PROJECT: &str =
    "Evaluation needs a model, and models belong to a project. The sample project includes a trained one.";

pub const NO_MODEL: &str =
    "Train for a minute, or import a model, then evaluate it here against simple baselines.";

pub const NOTHING_YET: &str = "Press Evaluate: in a few minutes this page shows how well the model predicts unseen text, compared with simple \
    baselines. Results are saved with the run.";

pub const TASKS: &str = "JSON Lines. Each row has a \"prompt\" and its \"answer\", for generation; also \"choices\", for multiple choice; a \
    \"text\" and its \"label\"; or \"tokens\" and their \"tags\". Published tasks are recognised; other rows need a description in lm-eval's YAML \
    of the same file name.";

pub const PAIRS: &str =
    "Your own pairs of sentences that differ in one word, in addition to the built-in ones.";

pub const LEARNS: &str =
    "A run is training. An evaluation or audit alternates with its steps; both slow down.";

pub const OTHER_TOKENIZER: &str = "These runs use different tokenizers. Their losses, perplexities, token accuracies and calibration errors are not \
    comparable and are left out; bits per byte are comparable.";
