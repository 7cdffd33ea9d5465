//! The WGSL kernels. `kernels/` holds one entry point a file, `shared/` what several of them use; `generate/` composes them, validates them
//! with naga and reflects them into the typed descriptors in `generated/`, which a test holds to the kernels. The legend of letters and the
//! rules are in `README.md`.
//!
//! Each kernel is a module here: its `Arguments` structure, an enumeration for each choice among its variants, and
//! `kernel(…)`, which returns the variant asked for.

mod kernel;

pub use kernel::{Access, Kernel, KernelBinding, Structure};

mod pieces {
    include!("../generated/pieces.rs");
}

include!("../generated/kernels.rs");

#[cfg(test)]
#[path = "../generate/mod.rs"]
mod generate;
#[cfg(test)]
mod tests;
