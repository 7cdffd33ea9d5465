//! The Glasshouse engine: from documents to a trained, measured and exported language model. It has no user interface; it runs
//! natively and as WebAssembly. ARCHITECTURE.md in the project's root describes how the parts connect.

pub mod checkpoint;
pub mod cpu;
pub mod data;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod executor;
pub mod generate;
pub mod gpu;
pub mod initial;
pub mod inspect;
pub mod interchange;
pub mod measure;
pub mod metrics;
pub(crate) mod platform;
pub mod project;
#[cfg(feature = "oracle")]
pub mod reference;
#[cfg(not(feature = "oracle"))]
#[path = "reference_absent.rs"]
mod reference;
pub mod selftest;
pub mod session;
pub mod setup;
pub mod storage;
pub mod tokenizer;
pub mod train;

pub use error::{Error, Result};
pub use glasshouse_compiler::{graph, model, optimizer, plan, sampler, step};
pub use glasshouse_evaluate as evaluation;
pub use glasshouse_protocol as protocol;
#[cfg(not(target_arch = "wasm32"))]
pub use platform::signals;
