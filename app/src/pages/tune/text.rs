//! The page's prose.

pub(super) const WHAT: &str = "A model that is there learns something more: to answer, or to write as your text does. All of its \
    parameters can learn, or few of them, or an adapter beside them, which takes a fraction of the memory. The model that it begins with \
    stays as it is.";

pub(super) const EMPTY: &str =
    "A model belongs to a project. Open one that has a trained model, or import a pretrained one.";

/// What an objective learns, in a sentence.
pub(super) fn objective(name: &str) -> &'static str {
    match name {
        "text" => "The next token of a text: to go on in another domain.",
        "chat" => "To answer: the replies of conversations, and when to stop.",
        "preference" => "To prefer: of two replies to one prompt the better.",
        "reward" => "To score: replies of its own, judged by a rule.",
        "classify" => "To label: one of a few labels for a text.",
        "distil" => "To write as another, larger model does.",
        _ => "",
    }
}
