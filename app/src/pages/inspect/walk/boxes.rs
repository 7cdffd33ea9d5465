//! The boxes of the walk: what is done in each, and the tensor that shows it.

/// A stretch of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From text to vectors.
    Begin,
    /// A block of the decoder.
    Block,
    /// From the last vector to the next token.
    End,
}

impl Part {
    /// All, in the order of the work.
    pub(super) const ALL: [Self; 3] = [Self::Begin, Self::Block, Self::End];

    /// Its name.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Begin => "From text to vectors",
            Self::Block => "A block",
            Self::End => "From the last vector to the next token",
        }
    }
}

/// A box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) part: Part,
    pub(super) title: &'static str,
    pub(super) means: &'static str,
    /// The tensor of the view, whose formula the engine knows; empty where the prompt itself says it.
    pub(super) tensor: &'static str,
}

const fn step(part: Part, title: &'static str, means: &'static str, tensor: &'static str) -> Step {
    Step { part, title, means, tensor }
}

/// All boxes, in the order of the work. What they mean holds for every model; how each computes it is [`super::formula`]'s.
pub(super) const BOXES: [Step; 17] = [
    step(Part::Begin, "Text", "What was typed.", ""),
    step(Part::Begin, "Token ids", "ids = tokenizer(text): each piece of the text by its number.", ""),
    step(
        Part::Begin,
        "Embedding",
        "Each id's row of a learned table: the vector that the blocks change.",
        "embedded",
    ),
    step(
        Part::Block,
        "Before attention",
        "What attention reads. A norm keeps it at an even scale, so that all layers see the same range.",
        "attention_input",
    ),
    step(Part::Block, "Queries", "What each token looks for, head by head.", "queries"),
    step(Part::Block, "Keys", "What each token offers to be found by.", "keys"),
    step(Part::Block, "Values", "What a token hands over where it is found.", "values"),
    step(
        Part::Block,
        "Shares of attention",
        "From where each token reads, head by head; each row sums to 1.",
        "probabilities",
    ),
    step(Part::Block, "Attended", "The values, added up by those shares.", "attended"),
    step(
        Part::Block,
        "Out of attention",
        "The heads together again: what attention adds.",
        "attention_output",
    ),
    step(Part::Block, "Residual stream", "The vector with what attention added.", "between"),
    step(Part::Block, "Before the MLP", "What the MLP reads, at an even scale too.", "mlp_input"),
    step(
        Part::Block,
        "Neurons",
        "Each neuron's activation: what it recognises in this one vector.",
        "hidden",
    ),
    step(Part::Block, "Out of the MLP", "What the neurons add.", "mlp_output"),
    step(Part::Block, "Behind the block", "The vector that the next block begins with.", "stream"),
    step(Part::End, "Before the head", "The last vector, at an even scale for the head.", "normed"),
    step(Part::End, "Logits", "A number for each token of the vocabulary, or for each label.", "logits"),
];
