//! The page's prose.

use crate::link::FOLDERS;

pub const WHAT: &str = "Every run is saved with its settings, curves and checkpoints. Choose one to see its samples and to resume from any of \
    its checkpoints; choose two or more to compare their curves and settings.";

pub const EMPTY: &str = "Runs appear here with their settings and loss.";

pub const CHOOSE: &str = "Choose a run for its details, or two or more to compare them.";

pub const MODEL: &str = if FOLDERS {
    "A Hugging Face folder of GPT-2, GPT-Neo, Llama, Mistral, Qwen, SmolLM, Gemma, Granite, OLMo, Pythia or Phi"
} else {
    "A GGUF file, or all files of a Hugging Face folder: safetensors, config.json, tokenizer.json"
};

pub const GGUF: &str = "A model for llama.cpp: GPT-2, Llama, SmolLM2, Qwen, Gemma 2 and 3, Phi-3, Granite or OLMo 2, quantised or not";

pub const URL: &str = "A model on the Hugging Face Hub or on another server";

pub const BUNDLE: &str = if FOLDERS {
    "Creates a run from a trained bundle"
} else {
    "Creates a run from a trained bundle: choose a zip of its folder, including `out`"
};
