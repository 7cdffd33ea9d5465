//! Resource estimates for training on many GPUs: GPU models, assumptions and results.

use crate::blocks::Fact;
use crate::energy::EnergyUse;
use crate::names;
use crate::quantity::{bytes, duration, flop, whole};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpuModel {
    /// Name in settings.
    pub name: &'static str,
    /// Bytes of memory, in the maker's units (decimal gigabytes).
    pub memory: u64,
    /// Published peak FLOP/s of its tensor cores in bfloat16, without sparsity.
    pub peak: f64,
    /// US dollars per hour: a rounded typical cloud price in 2026; replace it by your own.
    pub price: f64,
    /// Published maximum power in watts.
    pub watts: f64,
}

const fn gpu(name: &'static str, gigabytes: u64, teraflops: f64, price: f64, watts: f64) -> GpuModel {
    GpuModel { name, memory: gigabytes * 1_000_000_000, peak: teraflops * 1e12, price, watts }
}

/// The known GPU models, from the makers' data sheets.
pub const GPUS: [GpuModel; 9] = [
    gpu("h100-80gb", 80, 989.0, 2.5, 700.0),
    gpu("h200-141gb", 141, 989.0, 3.5, 700.0),
    gpu("b200-180gb", 180, 2250.0, 5.0, 1000.0),
    gpu("a100-40gb", 40, 312.0, 1.2, 400.0),
    gpu("a100-80gb", 80, 312.0, 1.6, 400.0),
    gpu("l40s-48gb", 48, 362.0, 1.0, 350.0),
    gpu("l4-24gb", 24, 121.0, 0.6, 72.0),
    gpu("rtx4090-24gb", 24, 165.0, 0.5, 450.0),
    gpu("mi300x-192gb", 192, 1307.0, 2.5, 750.0),
];

impl GpuModel {
    /// Looks a GPU model up by name. Fails if the name is unknown; the message suggests the nearest one.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = GPUS.into_iter().find(|gpu| gpu.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| names::unknown("GPU", name, GPUS.iter().map(|gpu| gpu.name)))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRequest {
    /// A name in [`GPUS`].
    pub gpu: String,
    /// Number of GPUs; `None` means the minimum that fits the run.
    pub gpus: Option<usize>,
    /// Fraction of the published peak that training reaches (model FLOPs utilisation; Chowdhery et al. 2022).
    pub utilization: f64,
    /// US dollars per hour and GPU; `None` takes the price in [`GPUS`].
    pub price: Option<f64>,
}

impl Default for ClusterRequest {
    /// The fewest 80 GB H100s, at 40 % of their peak, which well-tuned trainers of dense decoders report.
    fn default() -> Self {
        Self { gpu: GPUS[0].name.to_owned(), gpus: None, utilization: 0.4, price: None }
    }
}

/// Estimated resources of a run on many GPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterPlan {
    pub gpus: usize,
    /// Minimum number of GPUs that fit the run; `None` if no number that divides the batch does.
    pub fewest: Option<usize>,
    /// Bytes per GPU by kind, in display order.
    pub memory: Vec<(String, u64)>,
    /// Total bytes per GPU.
    pub bytes: u64,
    /// Memory of one GPU in bytes.
    pub available: u64,
    /// Whether it fits with 10 % left for the allocator, libraries and communication buffers.
    pub fits: bool,
    /// Windows per micro-batch on each GPU.
    pub windows: usize,
    /// Micro-batches per step on each GPU.
    pub accumulate: usize,
    pub flops: f64,
    /// Duration of the whole run.
    pub seconds: f64,
    pub dollars: f64,
    pub energy: EnergyUse,
    /// Assumptions, one sentence each.
    pub assumptions: Vec<String>,
}

impl ClusterPlan {
    /// Its figures, in display order.
    pub fn facts(&self) -> Vec<Fact> {
        let hours = self.seconds / 3600.0;
        let fewest = self.fewest.filter(|fewest| *fewest != self.gpus);
        let memory = self.memory.iter().filter(|(_, number)| *number > 0);
        [Fact::new("GPUs", whole(self.gpus as u64))]
            .into_iter()
            .chain(fewest.map(|fewest| Fact::new("the fewest GPUs", whole(fewest as u64))))
            .chain([Fact::new(
                "memory of each",
                format!("{} of {}", bytes(self.bytes), bytes(self.available)),
            )])
            .chain(memory.map(|(kind, number)| Fact::new(kind, bytes(*number))))
            .chain([
                Fact::new("micro-batch", format!("{} × {}", self.windows, self.accumulate)),
                Fact::new("work of the run", flop(self.flops)),
                Fact::new("time of the run", duration(self.seconds)),
                Fact::new("GPU hours", estimated(hours * self.gpus as f64)),
                Fact::new("dollars", estimated(self.dollars)),
            ])
            .chain(self.energy.facts())
            .collect()
    }
}

/// Hours or dollars with the precision of an estimate: hundredths for small values, integers from 100 on.
fn estimated(value: f64) -> String {
    match value {
        _ if value != 0.0 && value < 0.005 => "< 0.01".to_owned(),
        _ if value < 99.5 => format!("{value:.2}"),
        _ => whole(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::estimated;

    #[test]
    fn estimates_have_few_digits() {
        let shown = [0.0, 0.001, 0.25, 12.346, 171.09, 12_345.6].map(estimated);
        assert_eq!(shown, ["0.00", "< 0.01", "0.25", "12.35", "171", "12,346"]);
    }
}
