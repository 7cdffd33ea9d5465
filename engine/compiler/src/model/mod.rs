//! The decoder, once: settings in, graph out. Everything else that is ever done to a model is a transformation of this graph.

mod adapter;
mod build;
mod training;

pub use adapter::{LORA_A, LORA_B, LoraPair, is_of_adapter, lora_pairs};
pub use build::{
    Answers, Model, Purpose, answers, build, is_of_classifier, parameters, preference, training_graphs,
};
pub use training::{Recipe, TrainingGraphs};
