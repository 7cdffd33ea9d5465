//! What a run would take on many GPUs: kinds of GPUs, what is assumed of them, and what follows.

use crate::names;
use serde::{Deserialize, Serialize};

/// A GPU that can be hired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpuModel {
    /// What it is asked for by.
    pub name: &'static str,
    /// Bytes of memory, as its maker counts them.
    pub memory: u64,
    /// Floating-point operations per second of its tensor cores on bfloat16, without sparsity, as its maker publishes them.
    pub peak: f64,
    /// US dollars per hour: a round figure of what several clouds asked for one in 2026, to be replaced by one's own.
    pub price: f64,
}

const fn gpu(name: &'static str, gigabytes: u64, teraflops: f64, price: f64) -> GpuModel {
    GpuModel { name, memory: gigabytes * 1_000_000_000, peak: teraflops * 1e12, price }
}

/// Those that are known, from their makers' data sheets.
pub const GPUS: [GpuModel; 9] = [
    gpu("h100-80gb", 80, 989.0, 2.5),
    gpu("h200-141gb", 141, 989.0, 3.5),
    gpu("b200-180gb", 180, 2250.0, 5.0),
    gpu("a100-40gb", 40, 312.0, 1.2),
    gpu("a100-80gb", 80, 312.0, 1.6),
    gpu("l40s-48gb", 48, 362.0, 1.0),
    gpu("l4-24gb", 24, 121.0, 0.6),
    gpu("rtx4090-24gb", 24, 165.0, 0.5),
    gpu("mi300x-192gb", 192, 1307.0, 2.5),
];

impl GpuModel {
    /// The GPU of a name.
    ///
    /// # Errors
    /// There is none; the nearest is named.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = GPUS.into_iter().find(|gpu| gpu.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| names::unknown("GPU", name, GPUS.iter().map(|gpu| gpu.name)))
    }
}

/// What is asked of a plan beyond this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRequest {
    /// Name of the GPU, of [`GPUS`].
    pub gpu: String,
    /// How many; `None` takes the fewest that hold the run.
    pub gpus: Option<usize>,
    /// Share of the published peak that training reaches (model FLOPs utilisation; Chowdhery et al. 2022).
    pub utilization: f64,
    /// US dollars per hour of one GPU; `None` takes the round figure of [`GPUS`].
    pub price: Option<f64>,
}

impl Default for ClusterRequest {
    /// The fewest H100 of 80 GB, at two fifths of their peak, as well-kept trainers of dense decoders report.
    fn default() -> Self {
        Self { gpu: GPUS[0].name.to_owned(), gpus: None, utilization: 0.4, price: None }
    }
}

/// What a run would take on many GPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterPlan {
    /// GPUs.
    pub gpus: usize,
    /// The fewest that hold it; `None` where no number that the batch divides among does.
    pub fewest: Option<usize>,
    /// Bytes of one GPU's memory by kind, in the order in which they are shown.
    pub memory: Vec<(String, u64)>,
    /// Their sum.
    pub bytes: u64,
    /// Bytes that a GPU has.
    pub available: u64,
    /// Whether they fit, with a tenth left for the allocator, libraries and buffers of communication.
    pub fits: bool,
    /// Windows of a micro-batch on each GPU.
    pub windows: usize,
    /// Micro-batches of a step on each GPU.
    pub accumulate: usize,
    /// Floating-point operations of the whole run.
    pub flops: f64,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// US dollars.
    pub dollars: f64,
    /// What was assumed, a sentence each.
    pub assumptions: Vec<String>,
}
