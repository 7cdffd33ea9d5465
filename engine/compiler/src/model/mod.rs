//! The decoder, defined once: settings in, graph out. All other uses of a model transform this graph.

mod adapter;
mod build;
mod dictionary;
mod hook_points;
mod purpose;
mod teacher;
mod trainable;
mod training;

pub use adapter::{LORA_A, LORA_B, LoraPair, MAGNITUDE, is_of_adapter, lora_pairs};
pub use build::{Model, build, is_of_classifier, model_parameters, stored_as};
pub use dictionary::{Dictionary, Sparsity, dictionary_graphs, dictionary_points};
pub use hook_points::{HookPoint, HookPoints};
pub use purpose::{LossForm, Purpose};
pub use teacher::{is_of_teacher, own_parameters};
pub use trainable::parameters;
pub use training::{
    LOAD, Probe, TrainSpec, TrainingGraphs, as_trained, loss_form, text_graph, training_graphs,
};
