//! The page's prose.

pub const WHAT: &str = "Short lessons with your own model, in the order in which a model is built. Each has two minutes of text, an \
    instrument with your numbers, a prediction to make first, and a measurement to test it. No answer is fixed: each is measured on your text, your \
    run, your model.";
pub const NO_PROJECT: &str = "Lessons measure a project: the sample project, or one of your own.";
pub const NO_MODEL: &str = "No model trained as this lesson needs it yet. Train one to see it at work here.";
pub const NO_RUN: &str = "No run in this project yet. Its curves will be shown here.";
pub const NO_TOKENIZER: &str =
    "No tokenizer in this project yet. Train one to see a text as tokens here; it takes seconds.";
pub const AFTER_PREDICTION: &str = "Predict first to see the measurement.";
pub const COPIED: &str = if cfg!(target_arch = "wasm32") || crate::HOSTED_PAGE.is_some() {
    "Copied the link"
} else {
    "Copied the link: append it to the URL of a Glasshouse page"
};
pub const TRAINS: &str = "A run is training. Measure it after it has ended.";
pub const NO_NUMBER: &str = "The engine's answer does not include the number that this lesson measures.";
