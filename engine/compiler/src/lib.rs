//! Compiles model settings to device work: the decoder as a [`graph`], its gradient and graph passes, and the [`plan`] that a
//! device replays or an interpreter executes. It opens no device and no file: everything is a function of the settings and of
//! the device's kind and limits.

pub mod blocks;
mod error;
pub mod graph;
pub mod model;
pub mod muon;
pub mod optimizer;
pub mod plan;
pub mod sampler;
pub mod step;

pub use error::{Error, Result};
