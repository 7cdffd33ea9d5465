//! What a run is written as for other programs.

use serde::{Deserialize, Serialize};

/// What a model is written as for other programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ExportFormat {
    /// A folder that `transformers` opens, in f32.
    #[default]
    HuggingFace,
    /// A file that llama.cpp opens.
    Gguf {
        /// How its matrices are stored.
        quantization: Quantization,
    },
    /// The run's adapter alone, as a folder that PEFT opens.
    Peft,
}

/// How the matrices of a GGUF file are stored; norms and biases stay in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 32 bits per weight: as trained.
    F32,
    /// 16 bits per weight.
    F16,
    /// 8 bits per weight, and a scale for every 32.
    #[default]
    Q8_0,
    /// 4 bits per weight, and a scale for every 32; the head in 6 bits.
    Q4_0,
}

impl Quantization {
    /// All, the largest first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Q8_0, Self::Q4_0];

    /// As it is written in commands and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }
}
