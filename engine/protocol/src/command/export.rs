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
    /// One web page that runs the model in the visitor's browser: a file if its name ends in `.html`, else a folder for any static
    /// host. The page's template (`web/share`) is attached, unless an installed one is to be used.
    Page {
        /// Storage format of the matrices; a compressed run keeps its own.
        weights: WeightFormat,
        /// Add the README that makes the folder a static Space on Hugging Face.
        #[serde(default)]
        space: bool,
    },
    /// A small model in an address, for a Glasshouse page: the part after its `#`, attached to the answer as text.
    Link,
}

impl ExportFormat {
    pub const PAGE: Self = Self::Page { weights: WeightFormat::F16, space: false };
}

/// Ends the name of an exported link.
pub const LINK_ENDING: &str = ".link";
