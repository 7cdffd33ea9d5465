//! From a model's settings to what a device does: the decoder as a [`graph`], its gradient and the passes over it, and the [`plan`] that a
//! device replays or an interpreter walks. It opens no device and no file: everything here is a function of settings and of what a
//! device's kind and limits are.

mod error;
pub mod graph;
pub mod model;
pub mod optimizer;
pub mod plan;
pub mod sampler;
pub mod step;

pub use error::{Error, Result};
