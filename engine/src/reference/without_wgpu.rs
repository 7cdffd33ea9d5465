//! Stands in for burn-wgpu in builds without the feature.

use crate::error::{Error, Result};

/// Says how to get a build that has it.
pub(super) fn device() -> Result<burn::tensor::Device> {
    Err(Error::Device(
        "this build has no burn-wgpu; build again with --features burn-wgpu, or choose the device gpu or cpu"
            .to_owned(),
    ))
}
