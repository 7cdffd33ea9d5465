//! The exercises of a book, Raschka 2024, "Build a large language model (from scratch)", chapters 5 to 7: data, base weights,
//! settings, and published results.

use super::rows::{self, ExerciseRows};
use anyhow::Result;
use glasshouse_engine::protocol::Objective;

#[derive(Clone, Copy, Debug)]
pub(super) struct Exercise {
    /// Name on the command line.
    pub name: &'static str,
    /// The chapter of the book.
    pub source: &'static str,
    /// Catalogue name of the data.
    pub data: &'static str,
    /// Converts the data to rows; `None` for plain text.
    pub rows: Option<fn(&str) -> Result<ExerciseRows>>,
    pub begins: Begins,
    pub objective: Objective,
    pub steps: u64,
    pub rate: f64,
    pub batch: usize,
    /// Settings in addition to [`COMMON`].
    pub sets: &'static [&'static str],
    pub figure: Figure,
    /// Differences from the book, and their effect on the figure.
    pub differs: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Fresh,
    /// GPT-2 weights provided by the person.
    Weights(Gpt2),
    /// The result of the exercise `sft`, unless weights are named.
    Tuned(Gpt2),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gpt2 {
    /// Repository on the Hugging Face Hub.
    pub repository: &'static str,
    pub layers: usize,
    pub width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// The text is memorised: the last evaluation's training loss, compared with the published one, is below 1, and the
    /// validation loss rose after its minimum.
    Memorised {
        train: f64,
        validation: f64,
    },
    Loss(f64),
    Accuracy(f64),
}

impl Figure {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Memorised { .. } => "training loss of a memorised text",
            Self::Loss(_) => "validation loss",
            Self::Accuracy(_) => "test accuracy",
        }
    }

    pub(super) fn published(self) -> f64 {
        match self {
            Self::Memorised { train: figure, .. } | Self::Loss(figure) | Self::Accuracy(figure) => figure,
        }
    }
}

const SMALL: Gpt2 = Gpt2 { repository: "openai-community/gpt2", layers: 12, width: 768 };
const MEDIUM: Gpt2 = Gpt2 { repository: "openai-community/gpt2-medium", layers: 24, width: 1024 };

/// Settings of all exercises: PyTorch's AdamW at a constant rate without clipping, and no samples, since rows have no prompts.
pub(super) const COMMON: &[&str] = &[
    "train.decay=constant",
    "train.warmup_steps=0",
    "train.min_learning_rate=0",
    "train.beta1=0.9",
    "train.beta2=0.999",
    "train.eps=1e-8",
    "train.gradient_clipping=0",
    "train.accumulate=1",
    "train.sample_interval=0",
    "model.dropout={embedding=0.0, attention=0.0, residual=0.0}",
];

/// GPT-2 memorises a short story.
pub(super) const VERDICT: Exercise = Exercise {
    name: "verdict",
    source: "Raschka 2024, chapter 5",
    data: "the-verdict",
    rows: None,
    begins: Begins::Fresh,
    objective: Objective::Text,
    steps: 90,
    rate: 4e-4,
    batch: 2,
    sets: &[
        "model.context_length=256",
        "model.tied_head=false",
        "model.bias.qkv=false",
        "model.dropout={embedding=0.1, attention=0.1, residual=0.1}",
        "train.weight_decay=0.1",
        "train.eval_interval=5",
        "data.validation=0.1",
    ],
    figure: Figure::Memorised { train: 0.569, validation: 6.373 },
    differs: "the vocabulary is trained on the story, but the book uses GPT-2's: losses per token are not comparable; both runs memorise the story",
};

/// GPT-2 classifies spam.
pub(super) const SPAM: Exercise = Exercise {
    name: "spam",
    source: "Raschka 2024, chapter 6",
    data: "sms-spam",
    rows: Some(rows::spam),
    begins: Begins::Weights(SMALL),
    objective: Objective::Classify,
    steps: 650,
    rate: 5e-5,
    batch: 8,
    sets: &[
        // The longest message that the book trains on has 120 tokens.
        "model.context_length=128",
        "train.trainable=last:1",
        "train.weight_decay=0.1",
        "train.eval_interval=50",
        "data.validation=0.125",
    ],
    figure: Figure::Accuracy(0.9567),
    differs: "the choice of messages and of the held-out part; of 300, one is 0.33 %",
};

/// GPT-2 medium follows instructions.
pub(super) const SFT: Exercise = Exercise {
    name: "sft",
    source: "Raschka 2024, chapter 7",
    data: "book-instructions",
    rows: Some(rows::instructions),
    begins: Begins::Weights(MEDIUM),
    objective: Objective::Chat,
    steps: 232,
    rate: 5e-5,
    batch: 8,
    sets: &[
        "model.context_length=256",
        "train.weight_decay=0.1",
        "train.eval_interval=29",
        "data.validation=0.0556",
    ],
    figure: Figure::Loss(0.657),
    differs: "the choice of the 55 held-out rows: random here, the last ones in the book",
};

/// GPT-2 medium prefers polite answers.
pub(super) const DPO: Exercise = Exercise {
    name: "dpo",
    source: "Raschka 2024, chapter 7, preference tuning",
    data: "book-preferences",
    rows: Some(rows::preferences),
    begins: Begins::Tuned(MEDIUM),
    objective: Objective::Preference,
    steps: 116,
    rate: 5e-6,
    batch: 8,
    sets: &[
        "train.preference.loss=sigmoid",
        "train.preference.beta=0.1",
        "train.weight_decay=0.01",
        "train.eval_interval=29",
        "data.validation=0.0556",
    ],
    figure: Figure::Loss(0.610),
    differs: "the log-probabilities of an answer's tokens are summed, as in the paper (arXiv 2305.18290); the book takes their mean, which changes \
        the loss less",
};

impl Exercise {
    /// The model shape of the published run.
    pub(super) fn shape(&self) -> Gpt2 {
        match self.begins {
            Begins::Fresh => SMALL,
            Begins::Weights(of) | Begins::Tuned(of) => of,
        }
    }
}
