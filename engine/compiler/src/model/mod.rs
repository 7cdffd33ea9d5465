//! The decoder, once: settings in, graph out. Everything else that is ever done to a model is a transformation of this graph.

mod adapter;
mod build;
mod teacher;
mod training;

pub use adapter::{LORA_A, LORA_B, LoraPair, is_of_adapter, lora_pairs};
pub use build::{
    Answers, Model, Purpose, answers, build, distil, is_of_classifier, parameters, preference,
    training_graphs, unlikelihood,
};
pub use teacher::{is_of_teacher, own_parameters};
pub use training::{Recipe, TrainingGraphs};
