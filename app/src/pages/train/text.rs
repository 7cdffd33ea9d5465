//! The page's prose.

pub const WHAT: &str = "In each step, the model predicts every next token in a batch of your text, and its weights change slightly to make \
    the correct tokens more likely. The number to watch is the validation loss, the loss on held-out text. While it falls, the model learns.";

pub const EMPTY: &str = "A model needs a text and some settings. The built-in stories and a small model are a good start: after three minutes \
    of training it writes simple sentences.";

pub const STARTING: &str = "Preparing the text and the device";
