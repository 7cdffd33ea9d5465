//! What a run takes: weights, memory, floating-point operations, time.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Weights.
    pub parameters: u64,
    /// How many of them are trained.
    #[serde(default)]
    pub trained_parameters: u64,
    /// Weights by part: `embedding`, `attention`, `mlp`, `norms`, `head`.
    pub parameters_by_part: BTreeMap<String, u64>,
    /// Each parameter of the model: its name, as `blocks.3.attention.query.weight`, and its shape.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Bytes by kind: `weights`, `gradients`, `moments`, `activations`, `tables`, …
    pub bytes_by_kind: BTreeMap<MemoryKind, u64>,
    /// Their sum.
    pub bytes: u64,
    /// The largest range of a buffer that a kernel sees.
    pub largest_binding: u64,
    /// Bytes of the largest buffer beside weights, gradients and moments.
    #[serde(default)]
    pub largest_buffer: u64,
    /// Bytes of the values alive at once at their peak: the activations of a perfect placement.
    #[serde(default)]
    pub peak_live: u64,
    /// Bytes that the run writes to its project at most, all its checkpoints together.
    #[serde(default)]
    pub disk_bytes: u64,
    /// Those of them that milestones take.
    #[serde(default)]
    pub milestone_bytes: u64,
    /// Kernel launches per step.
    pub dispatches_per_step: usize,
    /// Floating-point operations of training for one token.
    pub flops_per_token: f64,
    /// The same, pass by pass.
    #[serde(default)]
    pub flops_per_token_by_pass: PassFlops,
    /// Tokens of one optimizer step.
    pub tokens_per_step: u64,
    /// Share of the FLOPs by scope: `blocks.0.attention`, `blocks.0.mlp`, `head`, …
    pub flops_by_scope: BTreeMap<String, f64>,
    /// It fits the chosen device; `None` where the device does not tell its memory.
    pub fits: Option<bool>,
    /// Seconds that the run would take, from the last measurement on this device scaled by FLOPs.
    pub run_seconds: Option<f64>,
    /// What is out of proportion between run, model and text, a sentence each ([`crate::RunConfig::proportions`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<String>,
}

/// What memory is for, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// Weights.
    Weights,
    /// Gradients.
    Gradients,
    /// The optimizer state: its moments.
    #[serde(rename = "optimizer state")]
    OptimizerState,
    /// Slots of computed values.
    Activations,
    /// Key and value caches.
    Caches,
    /// Constants, inputs, schedule, reports, control, kernel arguments and what is read back.
    #[serde(rename = "tables and staging")]
    TablesAndStaging,
}

impl MemoryKind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Gradients => "gradients",
            Self::OptimizerState => "optimizer state",
            Self::Activations => "activations",
            Self::Caches => "caches",
            Self::TablesAndStaging => "tables and staging",
        }
    }
}

/// Floating-point operations of training for one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PassFlops {
    /// Forward.
    pub forward: f64,
    /// Backward.
    pub backward: f64,
    /// Forward once more, for what was not kept.
    pub recomputed: f64,
}

/// Time of a kernel, or an operation of the CPU, under a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileEntry {
    /// `blocks.3.attention`, or the phase's name.
    pub scope: String,
    /// The kernel's or operation's name.
    pub kernel: String,
    /// Launches.
    pub count: usize,
    /// Milliseconds in all.
    pub ms: f64,
}
