//! burn's own GPU backend, as a baseline for performance.

use burn::tensor::DeviceKind;
use glasshouse_platform::{Error, Result};

/// The default adapter.
pub(super) fn device() -> Result<burn::tensor::Device> {
    // The first call starts burn's runtime and reports problems. Later calls find it running, which burn reports as a separate
    // kind of error, and share it.
    match burn::tensor::Device::wgpu_options().init() {
        Ok(device) => Ok(device),
        Err(burn::tensor::wgpu::WgpuInitError::Registration { .. }) => {
            Ok(burn::tensor::Device::wgpu(DeviceKind::DefaultDevice))
        }
        Err(error) => Err(Error::Device(format!("burn-wgpu finds no adapter that it can use: {error}"))),
    }
}
