//! Export formats for other programs.

use crate::WeightFormat;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ExportFormat {
    /// A folder for `transformers`, in f32.
    #[default]
    HuggingFace,
    /// A GGUF file for llama.cpp. With `q4_0`, the head has 6 bits.
    Gguf { quantization: WeightFormat },
    /// Only the run's adapter, as a PEFT folder.
    Peft,
}
