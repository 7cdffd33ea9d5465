//! Executors of compiled graphs: [`gpu`] (our WGSL kernels), [`cpu`] (vector instructions) and, with the feature `oracle`,
//! `reference` (burn with its autodiff).

pub mod cpu;
pub mod device;
pub mod executor;
pub mod gpu;
#[cfg(feature = "oracle")]
pub mod reference;
#[cfg(not(feature = "oracle"))]
#[path = "reference_absent.rs"]
pub mod reference;
