//! Which device an executor runs on, in the words that a run's record keeps.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// Our kernels on the processor's cores.
    Cpu,
    /// Our kernels through wgpu.
    Gpu,
    /// burn's own WebGPU backend with its autodiff.
    BurnWgpu,
}

/// A device, and what must be the same for a resumed run to repeat the same bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    /// Which executor.
    pub kind: DeviceKind,
    /// The processor's or adapter's name.
    pub name: String,
    /// A software adapter: right, but slow.
    pub software: bool,
    /// Threads of the CPU executor. Its results do not depend on them.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Kernel variants that were chosen by measurement, by kernel.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
}

impl DeviceDescription {
    /// What to pass to [`Executor::open`](super::Executor::open) to get this device again.
    pub fn request(&self) -> &str {
        match self.kind {
            DeviceKind::Cpu => "cpu",
            DeviceKind::Gpu => &self.name,
            DeviceKind::BurnWgpu => "burn-wgpu",
        }
    }

    /// Whether a run that was interrupted on the one goes on bit for bit on the other.
    pub fn repeats(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name && self.variants == other.variants
    }
}

impl std::fmt::Display for DeviceDescription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(threads) = self.threads {
            write!(formatter, " ({threads} {})", if threads == 1 { "thread" } else { "threads" })?;
        }
        if self.software {
            formatter.write_str(" (software)")?;
        }
        Ok(())
    }
}
