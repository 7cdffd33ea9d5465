//! The page's prose.

pub(super) const WHAT: &str = "Training shows the model a piece of your text, lets it guess each next token, and moves its weights a \
    little so that the right token becomes more likely. One such round is a step. The number to watch is the validation loss: how \
    surprised the model is by text that it never trains on. While it falls, the model learns.";

pub(super) const EMPTY: &str = "A model needs a text and some settings. The embedded stories and a small model are a good first pair: \
    two minutes, and you can watch it learn to write.";

pub(super) const STARTING: &str = "Preparing the text and the device";
