//! Models in and out in the formats of the ecosystem.

pub mod huggingface;
