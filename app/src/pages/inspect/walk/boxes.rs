//! The boxes of the walk: what is done in each, and the tensor that shows it.

/// A stage of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkStage {
    /// From text to vectors.
    Begin,
    /// A block of the decoder.
    Block,
    /// From the last vector to the next token.
    End,
}

impl WalkStage {
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
    pub(super) part: WalkStage,
    pub(super) title: &'static str,
    pub(super) means: &'static str,
    /// The tensor of the view, whose formula the engine knows; empty where the prompt itself says it.
    pub(super) tensor: &'static str,
}

const fn step(part: WalkStage, title: &'static str, means: &'static str, tensor: &'static str) -> Step {
    Step { part, title, means, tensor }
}

/// All boxes, in the order of the work. What they mean holds for every model; how each computes it is [`super::formula`]'s.
pub(super) const BOXES: [Step; 17] = [
    step(WalkStage::Begin, "Text", "What was typed.", ""),
    step(WalkStage::Begin, "Token ids", "ids = tokenizer(text): each piece of the text by its number.", ""),
    step(
        WalkStage::Begin,
        "Embedding",
        "Each id's row of a learned table: the vector that the blocks change.",
        "embedded",
    ),
    step(
        WalkStage::Block,
        "Before attention",
        "What attention reads. A norm keeps it at an even scale, so that all layers see the same range.",
        "attention_input",
    ),
    step(WalkStage::Block, "Queries", "What each token looks for, head by head.", "queries"),
    step(WalkStage::Block, "Keys", "What each token offers to be found by.", "keys"),
    step(WalkStage::Block, "Values", "What a token hands over where it is found.", "values"),
    step(
        WalkStage::Block,
        "Shares of attention",
        "From where each token reads, head by head; each row sums to 1.",
        "probabilities",
    ),
    step(WalkStage::Block, "Attended", "The values, added up by those shares.", "attended"),
    step(
        WalkStage::Block,
        "Out of attention",
        "The heads together again: what attention adds.",
        "attention_output",
    ),
    step(WalkStage::Block, "Residual stream", "The vector with what attention added.", "between"),
    step(WalkStage::Block, "Before the MLP", "What the MLP reads, at an even scale too.", "mlp_input"),
    step(
        WalkStage::Block,
        "Neurons",
        "Each neuron's activation: what it recognises in this one vector.",
        "hidden",
    ),
    step(WalkStage::Block, "Out of the MLP", "What the neurons add.", "mlp_output"),
    step(WalkStage::Block, "Behind the block", "The vector that the next block begins with.", "stream"),
    step(WalkStage::End, "Before the head", "The last vector, at an even scale for the head.", "normed"),
    step(WalkStage::End, "Logits", "A number for each token of the vocabulary, or for each label.", "logits"),
];
