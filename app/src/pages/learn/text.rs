//! What the page says of itself.

pub(super) const WHAT: &str = "Twelve short lessons on your own machine and your own model, in the order in which a model is built. Each has two \
     minutes of text, an instrument that shows your numbers, a prediction to make first, and a measurement that tells you whether it held. \
     No lesson knows the answer beforehand: it is measured on your text, your run, your model.";
pub(super) const NO_PROJECT: &str =
    "Lessons measure a project: the sample project will do, and so will one of your own.";
pub(super) const NO_MODEL: &str = "Here would be the inside of a model at work. This project has none yet: train one, and the instrument shows it.";
pub(super) const NO_RUN: &str = "Here would be the curves of a run. This project has none yet.";
pub(super) const NO_TOKENIZER: &str =
    "Here would be a text in tokens. This project has no tokenizer yet; training one takes seconds.";
pub(super) const PREDICT_FIRST: &str = "Predict first; then the instrument shows your model.";
pub(super) const AFTER_PREDICTION: &str = "The measurement is shown once you have made your prediction.";
pub(super) const COPIED: &str = if cfg!(target_arch = "wasm32") {
    "Copied the link"
} else {
    "Copied the link: it goes behind the address of a page with Glasshouse"
};
pub(super) const TRAINS: &str = "A run is in training. It can be measured when it has ended.";
pub(super) const NO_NUMBER: &str =
    "The engine answered without the number that this lesson measures, so that nothing was compared.";
