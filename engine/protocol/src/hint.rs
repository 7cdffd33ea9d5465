//! Remedies for errors, as data; each front end names its own flag, command or button for them.

use serde::{Deserialize, Serialize};

/// A remedy that a front end can name, in addition to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    Replace,
    Destination,
    Project,
    Run,
    /// Train a new run from a run's weights.
    NewRun,
    DeleteRun,
    Start,
    OneStep,
    /// Train one step with the run's own settings, which prepares its text again.
    PrepareAgain,
    /// Compute in 32 bits.
    F32,
    /// Decode with weights in 32-bit floats.
    WeightsF32,
    Cpu,
    ContextLength,
    /// Train all parameters, without an adapter.
    NoAdapter,
    ExportAdapter,
    MergeAdapter,
    ChatObjective,
    ClassifyObjective,
    /// Train the project's moderation classifier.
    TrainModeration,
    Task,
    Rows,
    Evaluate,
    Audit,
    /// Audit a file of sentence pairs for bias.
    AuditPairs,
    /// Choose the folder that the bundle's `train.py` wrote.
    TrainerOutput,
}
