//! Training: the loop between data, executor and disk, and all its outputs.
//!
//! A [`Trainer`] is polled: [`Trainer::next`] does a little work and returns what happened. The caller pauses by not calling it,
//! and the same loop serves a terminal, a window and a browser worker.

mod event;
mod guard;
mod restore;
pub mod reward;
mod sample;
pub mod tensorboard;
mod trainer;

pub use event::{Progress, SampleRequest, TrainEvent};
pub use restore::restore;
pub use sample::PendingSample;
pub use trainer::{Fault, Options, Trainer, step_input};
