//! What differs between a desktop and a browser, under the same names: the only place of the engine with a target in its
//! conditions.

pub mod files;
pub mod lanes;
#[cfg(not(target_arch = "wasm32"))]
mod native;
pub mod parallel;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Mapping, available_memory, map, sleep, yield_now};
#[cfg(target_arch = "wasm32")]
pub use web::{Mapping, available_memory, map, sleep, yield_now};
