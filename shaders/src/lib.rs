//! The WGSL kernels. `kernels/` has one file per entry point, `shared/` common code. `generate/` composes them, validates them
//! with naga and reflects them into the typed descriptors in `generated/`; a test keeps these up to date. `README.md` explains
//! the shape letters and the rules.
//!
//! Each kernel is a module here: its `Arguments` struct, an enum for each choice among its variants, and `kernel(…)`, which
//! returns a variant.

mod kernel;

use kernel::arguments;
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
