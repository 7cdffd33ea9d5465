//! The GPU executor: opens a device, builds each kernel's pipeline and each plan's bind groups once, and then replays plans. In
//! browsers, launch overhead limits small models, so a step allocates nothing, makes no choices and reads nothing back.
//!
//! The same code runs on the desktop and in the browser, with asynchronous waits. On the desktop a wait blocks in
//! `Device::poll`; in the browser that call does nothing, and the event loop delivers callbacks.

mod adapter;
mod autotune;
mod batch;
mod decoder;
mod device;
mod executor;
mod pipeline;
mod poison;
mod program;
mod repeater;
mod replay;
mod run;
mod signal;
mod storage;
mod timestamps;

pub use adapter::{AdapterClass, AdapterLimits, AdapterReport, devices, selected};
pub use autotune::{BUDGET, Measuring, Tuned, TunedBucket, Tuning, known};
pub use decoder::GpuDecoder;
pub use device::{BufferFault, Gpu};
pub use executor::GpuExecutor;
pub use repeater::{Repeater, WARM_UP};
pub use replay::EncodeStatistics;
pub use run::{PreparedGraph, run_graph, run_graph_for};

use glasshouse_platform::block_on;

/// The adapter for tests: the one named by `GLASSHOUSE_TEST_ADAPTER`, else Mesa's software adapter, which is never chosen
/// automatically. Workgroup memory is poisoned.
///
/// # Panics
/// There is no such adapter.
#[doc(hidden)]
pub fn test_gpu() -> Gpu {
    opened(block_on(Gpu::open(&test_adapter()))).poisoned()
}

/// [`test_gpu`] with a maximum buffer size.
#[cfg(test)]
fn test_gpu_with_buffers_of(bytes: u64) -> Gpu {
    opened(block_on(Gpu::open_with_buffers_of(&test_adapter(), bytes))).poisoned()
}

fn test_adapter() -> String {
    std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned())
}

#[allow(clippy::panic, reason = "for tests")]
fn opened(gpu: glasshouse_platform::Result<Gpu>) -> Gpu {
    match gpu {
        Ok(gpu) => gpu,
        Err(error) => panic!(
            "unit tests need Mesa's software Vulkan (mesa-vulkan-drivers), or GLASSHOUSE_TEST_ADAPTER: {error}"
        ),
    }
}

#[cfg(test)]
mod attention_tests;
#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod kernel_tests;
#[cfg(test)]
mod tests;
