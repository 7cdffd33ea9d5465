//! The boxes of the walk: what each computes, and the tensor that shows it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkStage {
    /// From text to vectors.
    Begin,
    Block,
    /// From the last vector to the next token.
    End,
}

impl WalkStage {
    pub const ALL: [Self; 3] = [Self::Begin, Self::Block, Self::End];

    pub fn title(self) -> &'static str {
        match self {
            Self::Begin => "From text to vectors",
            Self::Block => "A block",
            Self::End => "From the last vector to the next token",
        }
    }

    /// The boxes in order of computation.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Begin => BEGIN,
            Self::Block => BLOCK,
            Self::End => END,
        }
    }
}

/// A box of the walk. Its description holds for every model; the formula of a model comes from [`super::formula`].
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub title: &'static str,
    pub means: &'static str,
    /// Name of the view's tensor, for which the engine knows the formula; empty if the prompt itself is shown.
    pub tensor: &'static str,
}

const fn step(title: &'static str, means: &'static str, tensor: &'static str) -> Step {
    Step { title, means, tensor }
}

const BEGIN: &[Step] = &[
    step("Text", "The typed text.", ""),
    step("Token ids", "ids = tokenizer(text): the number of each piece of the text.", ""),
    step("Embedding", "Each id's row of a learned table: the vector that the blocks change.", "embedded"),
];

const BLOCK: &[Step] = &[
    step(
        "Before attention",
        "The input of attention. The norm keeps its scale even, so that all layers see the same range.",
        "attention_input",
    ),
    step("Queries", "Each head's query: what the token attends to.", "queries"),
    step("Keys", "Each head's key: what other tokens match against.", "keys"),
    step("Values", "Each head's value: what other tokens read from it.", "values"),
    step("Shares of attention", "Attention probabilities of each head; each row sums to 1.", "probabilities"),
    step("Attended", "The values, summed by those shares.", "attended"),
    step("Attention output", "The heads combined: the contribution of attention.", "attention_output"),
    step("Residual stream", "The vector with the contribution of attention.", "between"),
    step("Before the MLP", "The input of the MLP, normalised again.", "mlp_input"),
    step(
        "Experts",
        "The weight of each expert in this token's MLP; 0 for experts that the router did not choose.",
        "gates",
    ),
    step("Neurons", "The activation of each neuron: features found in this vector.", "hidden"),
    step("MLP output", "The contribution of the neurons.", "mlp_output"),
    step("After the block", "The input of the next block.", "stream"),
];

const END: &[Step] = &[
    step("Before the head", "The last vector, normalised for the head.", "normed"),
    step("Logits", "A number for each token of the vocabulary, or for each label.", "logits"),
];
