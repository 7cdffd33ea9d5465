//! Executors of compiled graphs: [`gpu`] (our WGSL kernels), [`cpu`] (vector instructions) and, with the feature `oracle`,
//! `oracle` (burn with its autodiff).

pub mod cpu;
pub mod device;
pub mod executor;
pub mod gpu;
#[cfg(feature = "oracle")]
pub mod oracle;
#[cfg(not(feature = "oracle"))]
#[path = "oracle_absent.rs"]
pub mod oracle;
