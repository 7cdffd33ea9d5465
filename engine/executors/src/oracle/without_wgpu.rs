//! Replaces burn-wgpu in builds without the feature.

use glasshouse_platform::{Error, Result};

/// Fails with instructions for building with the feature.
pub(super) fn device() -> Result<burn::tensor::Device> {
    Err(Error::Device(
        "this build has no burn-wgpu; build again with --features burn-wgpu, or choose the device gpu or cpu"
            .to_owned(),
    ))
}
