//! Resource estimates of a run: parameters, memory, floating-point operations, time.

use crate::EnergyUse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Estimated resources of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    pub parameters: u64,
    #[serde(default)]
    pub trained_parameters: u64,
    /// Parameters by part: `embedding`, `attention`, `mlp`, `norms`, `head`.
    pub parameters_by_part: BTreeMap<String, u64>,
    /// Name, as in `blocks.3.attention.query.weight`, and shape of each parameter.
    pub tensors: Vec<(String, Vec<usize>)>,
    pub bytes_by_kind: BTreeMap<MemoryKind, u64>,
    /// Total memory in bytes.
    pub bytes: u64,
    /// Bytes of the largest buffer range that a kernel binds.
    pub largest_binding: u64,
    /// Bytes of the largest buffer other than weights, gradients and moments.
    #[serde(default)]
    pub largest_buffer: u64,
    /// Peak bytes of simultaneously live values: the lower bound for activations.
    #[serde(default)]
    pub peak_live: u64,
    /// Maximum bytes that the run writes to its project, with all checkpoints.
    #[serde(default)]
    pub disk_bytes: u64,
    /// The part of `disk_bytes` for milestones.
    #[serde(default)]
    pub milestone_bytes: u64,
    pub dispatches_per_step: usize,
    /// Training FLOPs per token.
    pub flops_per_token: f64,
    /// The same by pass.
    #[serde(default)]
    pub flops_per_token_by_pass: PassFlops,
    pub tokens_per_step: u64,
    /// Fraction of the FLOPs by scope: `blocks.0.attention`, `blocks.0.mlp`, `head`, …
    pub flops_by_scope: BTreeMap<String, f64>,
    /// Whether it fits the chosen device; `None` if the device does not report its memory.
    pub fits: Option<bool>,
    /// Estimated run time, from the last measurement on this device scaled by FLOPs.
    pub run_seconds: Option<f64>,
    /// The energy in that time, if the user gave the device's power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyUse>,
    /// Warnings about the proportions of run, model and text, one sentence each ([`crate::RunConfig::proportions`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<String>,
}

/// Use of memory, in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    Weights,
    Gradients,
    /// The optimizer's moments.
    #[serde(rename = "optimizer state")]
    OptimizerState,
    /// Buffers of computed values.
    Activations,
    /// Key and value caches.
    Caches,
    /// Constants, inputs, schedule, reports, control, kernel arguments and readback buffers.
    #[serde(rename = "tables and staging")]
    TablesAndStaging,
}

impl MemoryKind {
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

/// Training FLOPs per token, by pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PassFlops {
    pub forward: f64,
    pub backward: f64,
    /// Second forward pass for activations that were not stored: activation checkpointing, adapters, the fused head.
    pub recomputed: f64,
    /// Matrix products of the optimizer (Muon), spread over the tokens of a step.
    #[serde(default)]
    pub optimizer: f64,
}

impl PassFlops {
    pub fn total(&self) -> f64 {
        self.forward + self.backward + self.recomputed + self.optimizer
    }
}

/// Time of a kernel, or of a CPU operation, in one scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileEntry {
    /// Path such as `blocks.3.attention`, or the phase's name.
    pub scope: String,
    /// Name of the kernel or operation.
    pub kernel: String,
    /// Number of launches.
    pub count: usize,
    /// Total milliseconds.
    pub ms: f64,
}
