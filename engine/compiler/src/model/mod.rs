//! The decoder, once: settings in, graph out. Everything else that is ever done to a model is a transformation of this graph.

mod adapter;
mod build;
mod sites;
mod teacher;
mod training;

pub use adapter::{LORA_A, LORA_B, LoraPair, is_of_adapter, lora_pairs};
pub use build::{LossForm, Model, Purpose, build, is_of_classifier, loss_form, parameters, training_graphs};
pub use sites::{Site, Sites};
pub use teacher::{is_of_teacher, own_parameters};
pub use training::{Probe, Recipe, TrainingGraphs};
