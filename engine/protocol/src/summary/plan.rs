//! Resource estimates of a run: parameters, memory, floating-point operations, time.

use crate::blocks::Fact;
use crate::quantity::{bytes, flop, quantity, whole};
use crate::setting::choices;
use crate::{EnergyUse, RunConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanSummary {
    pub parameters: u64,
    pub trained_parameters: u64,
    /// Parameters by part: `embedding`, `attention`, `mlp`, `norms`, `head`.
    pub parameters_by_part: BTreeMap<String, u64>,
    /// Name, as in `blocks.3.attention.query.weight`, and shape of each parameter.
    pub tensors: Vec<(String, Vec<usize>)>,
    pub bytes_by_kind: BTreeMap<MemoryKind, u64>,
    pub bytes: u64,
    /// Bytes of the largest buffer range that a kernel binds.
    pub largest_binding: u64,
    /// Bytes of the largest buffer other than weights, gradients and moments.
    pub largest_buffer: u64,
    /// Peak bytes of simultaneously live values: the lower bound for activations.
    pub peak_live: u64,
    /// Maximum bytes that the run writes to its project, with all checkpoints.
    pub disk_bytes: u64,
    /// The part of `disk_bytes` for milestones.
    pub milestone_bytes: u64,
    pub dispatches_per_step: usize,
    pub flops_per_token: f64,
    pub flops_per_token_by_pass: PassFlops,
    pub tokens_per_step: u64,
    /// Fraction of the FLOPs by scope: `blocks.0.attention`, `blocks.0.mlp`, `head`, …
    pub flops_by_scope: BTreeMap<String, f64>,
    /// Whether it fits the chosen device; `None` if the device does not report its memory.
    pub fits: Option<bool>,
    /// Steps of the run; approximate if they follow from `train.epochs`.
    pub steps: u64,
    /// Training tokens of the text, or 0 if unknown.
    pub text_tokens: u64,
    /// Estimated run time: FLOPs divided by the device's speed.
    pub run_seconds: Option<f64>,
    pub speed_from: SpeedFrom,
    /// The energy in that time, if the user gave the device's power.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyUse>,
    /// Warnings about the proportions of run, model and text, one sentence each ([`crate::RunConfig::proportions`]).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<String>,
}

impl PlanSummary {
    /// Size of the files that the run writes.
    pub fn disk(&self) -> String {
        let milestones = match self.milestone_bytes {
            0 => String::new(),
            own => format!(", including {} of milestones", bytes(own)),
        };
        format!("at most {}{milestones}", bytes(self.disk_bytes))
    }

    /// The work and the files of a run with these settings.
    pub fn work(&self, config: &RunConfig) -> Vec<Fact> {
        let passes = self.flops_per_token_by_pass;
        let passes = [
            (passes.forward, "forward"),
            (passes.backward, "backward"),
            (passes.recomputed, "recomputed"),
            (passes.optimizer, "optimizer"),
        ];
        let passes = passes.into_iter().filter(|(flops, _)| *flops > 0.0);
        let passes: Vec<String> = passes.map(|(flops, pass)| format!("{} {pass}", quantity(flops))).collect();
        let length = config.train.length();
        let run = if config.train.epochs.is_some() {
            format!("{length} (the number of steps depends on the text)")
        } else {
            let tokens = config.train.steps as f64 * self.tokens_per_step as f64;
            format!("{length}, {} tokens, {}", quantity(tokens), flop(tokens * self.flops_per_token))
        };
        vec![
            Fact::new("Whole run", run),
            Fact::new("FLOPs per token", quantity(self.flops_per_token)).note(passes.join(", ")),
            Fact::new("Kernel launches per step", whole(self.dispatches_per_step as u64)),
            Fact::new("On disk", self.disk()),
        ]
    }
}

choices! {
    /// What the speed of a device is known from.
    pub enum SpeedFrom = Class {
        /// Nothing was measured on it yet: a typical speed of its class.
        Class = "class", "a typical speed of such a device";
        Measurement = "measurement", "a measurement on this device";
        /// The last run on it, with its evaluations, samples and checkpoints.
        Run = "run", "the last run on this device";
    }
}

choices! {
    /// Use of memory, in display order.
    #[derive(Hash, PartialOrd, Ord)]
    pub enum MemoryKind {
        Weights = "weights";
        Gradients = "gradients";
        /// The optimizer's moments.
        OptimizerState = "optimizer state";
        /// Buffers of computed values.
        Activations = "activations";
        /// Key and value caches.
        Caches = "caches";
        /// Constants, inputs, schedule, reports, control, kernel arguments and readback buffers.
        TablesAndStaging = "tables and staging";
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
    pub kernel: String,
    pub count: usize,
    /// Total milliseconds.
    pub ms: f64,
}
