//! The page's prose.

use glasshouse_protocol::Objective;

pub(super) const WHAT: &str = "A model that is there learns something more: to answer, or to write as your text does. All of its \
    parameters can learn, or few of them, or an adapter beside them, which takes a fraction of the memory. The model that it begins with \
    stays as it is.";

pub(super) const EMPTY: &str =
    "A model belongs to a project. Open one that has a trained model, or import a pretrained one.";

/// What an objective learns, in a sentence.
pub(super) fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::Text => "The next token of a text: to go on in another domain.",
        Objective::Chat => "To answer: the replies of conversations, and when to stop.",
        Objective::Preference => "To prefer: of two replies to one prompt the better.",
        Objective::Reward => "To score: replies of its own, judged by a rule.",
        Objective::Classify => "To label: one of a few labels for a text.",
    }
}
