//! The boxes of the walk: what each computes, and the tensor that shows it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkStage {
    /// From text to vectors.
    Begin,
    Block,
    /// From the last vector to the next token.
    End,
}

impl WalkStage {
    pub(super) const ALL: [Self; 3] = [Self::Begin, Self::Block, Self::End];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Begin => "From text to vectors",
            Self::Block => "A block",
            Self::End => "From the last vector to the next token",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) part: WalkStage,
    pub(super) title: &'static str,
    pub(super) means: &'static str,
    /// Name of the view's tensor, for which the engine knows the formula; empty if the prompt itself is shown.
    pub(super) tensor: &'static str,
}

const fn step(part: WalkStage, title: &'static str, means: &'static str, tensor: &'static str) -> Step {
    Step { part, title, means, tensor }
}

/// All boxes in order of computation. Their descriptions hold for every model; the formulas of a model come from
/// [`super::formula`].
pub(super) const BOXES: [Step; 18] = [
    step(WalkStage::Begin, "Text", "The typed text.", ""),
    step(WalkStage::Begin, "Token ids", "ids = tokenizer(text): the number of each piece of the text.", ""),
    step(
        WalkStage::Begin,
        "Embedding",
        "Each id's row of a learned table: the vector that the blocks change.",
        "embedded",
    ),
    step(
        WalkStage::Block,
        "Before attention",
        "The input of attention. The norm keeps its scale even, so that all layers see the same range.",
        "attention_input",
    ),
    step(WalkStage::Block, "Queries", "Each head's query: what the token attends to.", "queries"),
    step(WalkStage::Block, "Keys", "Each head's key: what other tokens match against.", "keys"),
    step(WalkStage::Block, "Values", "Each head's value: what other tokens read from it.", "values"),
    step(
        WalkStage::Block,
        "Shares of attention",
        "Attention probabilities of each head; each row sums to 1.",
        "probabilities",
    ),
    step(WalkStage::Block, "Attended", "The values, summed by those shares.", "attended"),
    step(
        WalkStage::Block,
        "Attention output",
        "The heads combined: the contribution of attention.",
        "attention_output",
    ),
    step(WalkStage::Block, "Residual stream", "The vector with the contribution of attention.", "between"),
    step(WalkStage::Block, "Before the MLP", "The input of the MLP, normalised again.", "mlp_input"),
    step(
        WalkStage::Block,
        "Experts",
        "The weight of each expert in this token's MLP; 0 for experts that the router did not choose.",
        "gates",
    ),
    step(
        WalkStage::Block,
        "Neurons",
        "The activation of each neuron: features recognised in this vector.",
        "hidden",
    ),
    step(WalkStage::Block, "MLP output", "The contribution of the neurons.", "mlp_output"),
    step(WalkStage::Block, "After the block", "The input of the next block.", "stream"),
    step(WalkStage::End, "Before the head", "The last vector, normalised for the head.", "normed"),
    step(WalkStage::End, "Logits", "A number for each token of the vocabulary, or for each label.", "logits"),
];
