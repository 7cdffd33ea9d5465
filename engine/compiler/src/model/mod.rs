//! The decoder, once: settings in, graph out. Everything else that is ever done to a model is a transformation of this graph.

mod build;
mod training;

pub use build::{Model, Purpose, build, parameters, training_graphs};
pub use training::{Recipe, TrainingGraphs};
