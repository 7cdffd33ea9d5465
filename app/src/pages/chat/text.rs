//! The page's prose.

pub const WHAT: &str = "Chat with a model fine-tuned on conversations, in the format of its chat template. Type a message and press Enter. \
    Any message can be edited, which removes the messages after it; any token of a reply can be clicked. Your ratings of replies become training \
    data.";

pub const NO_TEMPLATE: &str =
    "This model only continues text: it has no chat template. Fine-tune it on conversations first.";

pub const PROMPTS: &str = "Proposes the prompts of a file that the model is least certain of, without near duplicates. Answering one \
    teaches more than answering a prompt that the model already handles.";

pub const PROMPTS_FORMAT: &str = "JSON Lines, with `prompt`, `messages` or `text` in each line.";

pub const TEXTS: &str = "Proposes the texts of a file that the model is least certain of, without near duplicates. Labelling one \
    teaches more than labelling a text of which it is certain.";

pub const TEXTS_FORMAT: &str = "JSON Lines with `text` in each line, or a table (.csv) with a `text` column.";
