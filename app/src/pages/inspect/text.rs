//! The page's prose.

pub(super) const WHAT: &str = "A model turns text into tokens, tokens into vectors, and changes those vectors layer by layer until it can \
    say which token comes next. Type a text, and see every number on that way. Press a token to look at its position; open a part below \
    to ask for more. What is asked for is computed when you ask, and nothing else is.";

pub(super) const NO_PROJECT: &str =
    "A model belongs to a project. The sample project has one that can be looked into at once.";

pub(super) const NO_MODEL: &str =
    "Train for a minute, and look inside the model here, while it still learns.";

pub(super) const NO_PROMPT: &str = "Type something above: the model needs a text to work on.";
