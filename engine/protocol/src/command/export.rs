//! Export formats for other programs.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ExportFormat {
    /// A folder for `transformers`, in f32.
    #[default]
    HuggingFace,
    /// A GGUF file for llama.cpp.
    Gguf { quantization: Quantization },
    /// Only the run's adapter, as a PEFT folder.
    Peft,
    /// One web page that runs the model in the visitor's browser: a file if its name ends in `.html`, else a folder for any static
    /// host. The page's template (`web/share`) is attached, unless an installed one is to be used.
    Page {
        weights: PageWeights,
        /// Add the README that makes the folder a static Space on Hugging Face.
        #[serde(default)]
        space: bool,
    },
    /// A small model in an address, for a Glasshouse page: the part after its `#`, attached to the answer as text.
    Link,
}

impl ExportFormat {
    pub const PAGE: Self = Self::Page { weights: PageWeights::F16, space: false };
}

/// Ends the name of an exported link.
pub const LINK_ENDING: &str = ".link";

/// How a shared page stores weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageWeights {
    /// As trained.
    F32,
    /// 16 bits per weight, unless a weight exceeds their range.
    #[default]
    F16,
}

impl PageWeights {
    crate::names::named! { F16 = "f16", F32 = "f32" }
}

/// How the matrices of a GGUF file are stored; norms and biases stay in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 32 bits per weight, as trained.
    F32,
    F16,
    /// 8 bits per weight, with a scale for every 32 weights.
    #[default]
    Q8_0,
    /// 4 bits per weight, with a scale for every 32 weights; the head has 6 bits.
    Q4_0,
}

impl Quantization {
    crate::names::named! { F32 = "f32", F16 = "f16", Q8_0 = "q8_0", Q4_0 = "q4_0" }
}
