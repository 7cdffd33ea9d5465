//! Benchmarks.

use crate::{RunConfig, View, WeightFormat};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "bench", rename_all = "snake_case")]
pub enum Bench {
    /// A training step on synthetic tokens.
    Step { config: Box<RunConfig>, repeats: usize },
    /// Prefill and decoding, for each batch size.
    Decode {
        config: Box<RunConfig>,
        /// Number of measurements.
        repeats: usize,
        /// Prompt tokens; `None` means half the context length, at most 512.
        prompt_tokens: Option<usize>,
        /// Tokens to generate after the first; `None` means the rest of the context, at most 128.
        tokens: Option<usize>,
        /// Storage format of the matrices, as in [`GenerateConfig::weights`](crate::GenerateConfig::weights).
        weights: Option<WeightFormat>,
        /// Batch sizes, each measured separately; empty means 1.
        #[serde(default)]
        batches: Vec<usize>,
    },
    Kernels {
        config: Box<RunConfig>,
        /// Only kernels with this text in their name; `matmul` selects the linear layers' kernels.
        filter: String,
    },
    /// Lens views on a model with random weights.
    Inspect {
        config: Box<RunConfig>,
        repeats: usize,
        /// Empty means all views.
        #[serde(default)]
        views: Vec<View>,
    },
    /// Training steps of models of many sizes, compared with their estimates.
    Scaling {
        /// Only small models, with less time for each.
        quick: bool,
    },
}
