//! The page's prose.

pub(super) const WHAT: &str = "A model that was tuned on conversations answers, in the form that its chat template gives to a \
    conversation. Say something and press Enter. Any message can be said in other words, which cuts the conversation there; any token of \
    a reply can be clicked. What you say of replies becomes data to train on.";

pub(super) const NO_TEMPLATE: &str = "This model continues texts and was never taught to answer: it has no chat template. Tune it on \
    conversations first.";
