//! The WGSL kernels. `kernels/` holds one entry point a file, `shared/` what several of them use; `build.rs` composes them,
//! validates them with naga and reflects them into the typed descriptors that this crate exports. The legend of letters and
//! the rules are in `README.md`.

mod kernel;

pub use kernel::{Access, Kernel, KernelBinding};
