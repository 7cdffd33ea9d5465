//! The page's prose.

pub const WHAT: &str = "A model turns text into tokens, tokens into vectors, and changes those vectors layer by layer to predict the next \
    token. Type a text to see every number along the way. Press a token to choose its position; open a part below for details. Only open parts are \
    computed.";

pub const NO_PROJECT: &str =
    "Inspect needs a model, and models belong to a project. The sample project includes a trained one.";

pub const NO_MODEL: &str = "Train for a minute, then look inside the model here, even during training.";

pub const NO_PROMPT: &str = "Type a prompt above.";
