//! What every executor does, in the words that the trainer and the self-test use. Three run the same graphs:
//! [`crate::gpu`] (our kernels), [`crate::cpu`] and [`crate::reference`] (plain burn with its autodiff, the oracle).

mod device;
mod open;
pub mod update;

pub use device::{DeviceDescription, DeviceKind};
pub(crate) use open::tuned_or_again;
pub use open::{Executor, LONGEST_LAUNCHED, Opened};

use crate::graph::{Graph, Op, has_half};
use glasshouse_protocol::{ModelConfig, TrainConfig};
use serde::{Deserialize, Serialize};
use update::Optimizer;

/// The weights and the optimizer state, laid out as [`crate::plan::arena::ArenaLayout`] says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArenaState {
    /// Weights, `layout.length` floats.
    pub parameters: Vec<f32>,
    /// First moments, `layout.trained_end` floats; empty where the optimizer has none.
    pub first_moments: Vec<f32>,
    /// Second moments, likewise.
    pub second_moments: Vec<f32>,
    /// Where the search for a loss scale stands, in a run of mixed precision.
    pub loss_scale: Option<LossScale>,
}

/// The state of dynamic loss scaling (Micikevicius et al. 2018). The device keeps it up, in `gradient_norm.wgsl`: a gradient that
/// is not finite halves the scale, [`LossScale::INTERVAL`] finite ones in a row double it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// Factor on the loss.
    pub scale: f32,
    /// Steps since it changed or a step was skipped.
    pub good_steps: u32,
}

impl LossScale {
    /// Of a run in 32 bits, where it never changes.
    pub const ONE: Self = Self { scale: 1.0, good_steps: 0 };
    /// Where the search begins, as in PyTorch's GradScaler.
    pub const FIRST: Self = Self { scale: 65536.0, good_steps: 0 };
    /// Good steps after which the scale doubles, likewise.
    pub const INTERVAL: u32 = 2000;
    /// How often the first scale can be halved until it is 1, where it stays.
    pub const HALVINGS: u32 = 16;
}

/// Token ids of a micro-batch, B·T each, row-major.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MicroBatch {
    /// Input ids.
    pub tokens: Vec<u32>,
    /// The id that follows each.
    pub targets: Vec<u32>,
    /// Dropout's seed.
    pub seed: [u32; 2],
}

/// One optimizer step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepInput {
    /// Step number from 0; t = step + 1 in Adam's bias corrections.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f32,
    /// As many as the plan accumulates.
    pub micro_batches: Vec<MicroBatch>,
}

/// What a step reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss over the micro-batches.
    pub loss: f32,
    /// Global norm of the averaged gradient before clipping.
    pub gradient_norm: f32,
    /// The gradient was not finite: weights and moments are as before.
    pub skipped: bool,
}

/// What training graphs are built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The model.
    pub model: ModelConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

/// The graphs that a training executor runs, all over the same parameters.
#[derive(Clone, Debug)]
pub struct TrainingGraphs {
    /// What they were built from, for executors that divide a batch: each part has graphs of its own.
    pub recipe: Recipe,
    /// Forward and backward of a micro-batch; its loss is `train_loss`.
    pub train: Graph,
    /// The loss value of `train`.
    pub train_loss: crate::graph::ValueId,
    /// Forward only, no dropout, no smoothing; its loss is `evaluate_loss`.
    pub evaluate: Graph,
    /// The loss value of `evaluate`.
    pub evaluate_loss: crate::graph::ValueId,
}

impl TrainingGraphs {
    /// Refuses mixed precision, for executors without 16-bit floats; `device` is what they are called.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] where the graphs or the optimizer are for it.
    pub fn expect_full(&self, optimizer: &Optimizer, device: &str) -> crate::error::Result<()> {
        let mixed = optimizer.mixed || has_half(&self.train);
        if mixed { Err(crate::Error::without_half(device, "train")) } else { Ok(()) }
    }

    /// How many micro-batches make a step: the gradient of each one's loss is scaled by one over it.
    pub fn accumulate(&self) -> usize {
        let scale = self.train.nodes.iter().find_map(|node| match node.op {
            Op::CrossEntropyBackward { scale, .. } | Op::LinearCrossEntropyBackward { scale, .. } => {
                Some(scale)
            }
            _ => None,
        });
        scale.map_or(1, |scale| (1.0 / scale).round().max(1.0) as usize)
    }
}

/// Entries of a value, fed into or read out of a graph that is run by itself (op tests, probes).
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats.
    F32(Vec<f32>),
    /// Ids and indices.
    U32(Vec<u32>),
}
