//! The page's prose.

pub(super) const WHAT: &str = "A model that was tuned on conversations answers, in the form that its chat template gives to a \
    conversation. Say something and press Enter. Any message can be said in other words, which cuts the conversation there; any token of \
    a reply can be clicked. What you say of replies becomes data to train on.";

pub(super) const NO_TEMPLATE: &str = "This model continues texts and was never taught to answer: it has no chat template. Tune it on \
    conversations first.";

pub(super) const PROMPTS: &str = "Of a file of prompts, those that the model is least certain of, and no two alike: an answer to one of \
    them teaches more than one to a prompt that it knows.";

pub(super) const PROMPTS_FORMAT: &str = "JSON Lines, with `prompt`, `messages` or `text` in each line.";

pub(super) const TEXTS: &str = "Of a file of texts, those that the model is least certain of, and no two alike: a label for one of them \
    teaches more than one for a text that it knows.";

pub(super) const TEXTS_FORMAT: &str =
    "JSON Lines with `text` in each line, or a table (.csv) with such a column.";
