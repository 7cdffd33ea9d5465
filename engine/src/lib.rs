//! The Glasshouse engine: from documents to a trained, measured and exported language model. It has no user interface; it runs
//! natively and as WebAssembly. This crate is the session, which front ends talk to; the others are re-exported by it.
//! ARCHITECTURE.md in the project's root describes how the parts connect.

pub mod measure;
pub mod pruning;
pub mod selftest;
pub mod session;
pub mod setup;

pub use glasshouse_compiler::{blocks, graph, model, optimizer, plan, sampler, step};
pub use glasshouse_evaluation as evaluation;
pub use glasshouse_executors::{cpu, device, executor, gpu, oracle};
pub use glasshouse_features as features;
pub use glasshouse_formats as formats;
pub use glasshouse_generation as generation;
pub use glasshouse_inspection as inspection;
pub use glasshouse_metrics as metrics;
use glasshouse_platform::{self as platform, OrInternal, refuse};
pub use glasshouse_platform::{Error, Result, Yielder, advice_for_io, block_on, storage};
#[cfg(not(target_arch = "wasm32"))]
pub use glasshouse_platform::{installed_page, signals, use_small_pages};
pub use glasshouse_project::{self as project, checkpoint, initial};
pub use glasshouse_protocol as protocol;
pub use glasshouse_text::{data, tokenizer};
pub use glasshouse_training as training;
