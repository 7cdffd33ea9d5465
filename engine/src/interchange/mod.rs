//! Models in and out in the formats of the ecosystem.

pub mod gguf;
pub(crate) mod handover;
pub mod huggingface;
mod imported;

pub use imported::import;
pub(crate) use imported::import_in_turns;
