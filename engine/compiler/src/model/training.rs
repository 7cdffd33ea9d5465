//! The graphs of a training run, and what they are built from.

use crate::graph::{Graph, ValueId, has_half};
use crate::optimizer::Optimizer;
use glasshouse_protocol::{ModelConfig, TrainConfig};
use serde::{Deserialize, Serialize};

/// What training graphs are built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The model.
    pub model: ModelConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

/// Where a graph knows how large the stream is behind a part of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The part, as in `blocks.3.mlp`.
    pub part: String,
    /// [N,2]: what a [`crate::graph::ops::Norm`] keeps of the stream behind it.
    pub statistics: ValueId,
}

/// The graphs that a training executor runs, all over the same parameters.
#[derive(Clone, Debug)]
pub struct TrainingGraphs {
    /// What they were built from, for executors that divide a batch: each part has graphs of its own.
    pub recipe: Recipe,
    /// Forward and backward of a micro-batch; its loss is `train_loss`.
    pub train: Graph,
    /// The loss value of `train`.
    pub train_loss: ValueId,
    /// Forward only, no dropout, no smoothing; its loss is `evaluate_loss`.
    pub evaluate: Graph,
    /// The loss value of `evaluate`.
    pub evaluate_loss: ValueId,
    /// Of `evaluate`, [N,2] with each token's loss behind the loss of its row, where the objective looks at them.
    pub evaluate_rows: Option<ValueId>,
    /// Of `evaluate`, in the order of the forward pass: how large the stream is behind each part. Norms sum that up anyway.
    pub evaluate_probes: Vec<Probe>,
}

impl TrainingGraphs {
    /// Values of `evaluate` that are read after it.
    pub fn evaluate_read(&self) -> Vec<ValueId> {
        let probes = self.evaluate_probes.iter().map(|probe| probe.statistics);
        [Some(self.evaluate_loss), self.evaluate_rows].into_iter().flatten().chain(probes).collect()
    }

    /// Refuses mixed precision, for executors without 16-bit floats; `device` is what they are called.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] where the graphs or the optimizer are for it.
    pub fn expect_full(&self, optimizer: &Optimizer, device: &str) -> crate::Result<()> {
        let mixed = optimizer.mixed || has_half(&self.train);
        if mixed { Err(crate::Error::without_half(device, "train")) } else { Ok(()) }
    }
}
