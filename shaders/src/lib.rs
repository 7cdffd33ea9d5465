//! The WGSL kernels. `kernels/` holds one entry point a file, `shared/` what several of them use; `build/` composes them,
//! validates them with naga and reflects them into the typed descriptors that this crate exports. The legend of letters and
//! the rules are in `README.md`.
//!
//! Each kernel is a module here: its `Arguments` structure, an enumeration for each choice among its variants, and
//! `kernel(…)`, which returns the variant asked for.

mod kernel;

pub use kernel::{Access, Kernel, KernelBinding, Structure};

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

#[cfg(test)]
mod tests;
