//! What differs between a desktop and a browser, under the same names: the only place of the engine with a target in its
//! conditions.

pub mod files;
pub mod lanes;
#[cfg(not(target_arch = "wasm32"))]
mod native;
pub mod parallel;
pub mod storage;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Mapping, WITHOUT_GPU, available_memory, map, sleep, threads, yield_now};
#[cfg(target_arch = "wasm32")]
pub use web::{Mapping, WITHOUT_GPU, available_memory, map, sleep, threads, yield_now};
