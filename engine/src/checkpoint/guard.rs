//! What the guard remembers of a run: with it, a guard continues as it would have without an interruption.

use crate::protocol::{GuardKind, Intervention};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The guard's memory. Its fractions are of single precision, which JSON keeps to the bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardState {
    /// Losses of the last steps, those aside that were not finite, the newest last.
    pub losses: Vec<f32>,
    /// Their gradient norms, likewise.
    pub gradient_norms: Vec<f32>,
    /// Steps in a row that were skipped or whose loss was not finite.
    pub bad_steps: u32,
    /// Validation loss at step 0.
    pub start: Option<f32>,
    /// Step, training loss and validation loss of the last evaluations.
    pub evaluations: Vec<(u64, f32, f32)>,
    /// Step of the last looks at activations, and their scale behind each part of the model.
    pub activations: Vec<(u64, Vec<f32>)>,
    /// Step of the last sample that was looked at.
    pub sample: Option<u64>,
    /// Layers are still to be looked at where this was saved: the run was stopped before what is looked at first.
    pub layers_due: bool,
    /// What was told lately, and at which step.
    pub told: BTreeMap<GuardKind, u64>,
    /// What was done, in order.
    pub interventions: Vec<Intervention>,
}
