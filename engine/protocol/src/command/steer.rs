//! Control of the run in training.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Steer {
    /// After the current step.
    Pause,
    /// After a pause.
    Continue,
    /// Trains one step, then pauses.
    StepOnce,
    /// After the next step; training continues.
    SaveCheckpoint,
    /// Stops after the current step and saves a resumable checkpoint. `TrainingEnded` follows.
    Stop,
    /// Changes settings; the change is recorded in the run's file and metrics.
    Change {
        /// New peak learning rate; the schedule keeps its shape.
        learning_rate: Option<f64>,
        steps: Option<u64>,
    },
    /// Profiles one training step. Answered by `Profile` first.
    Profile,
}
