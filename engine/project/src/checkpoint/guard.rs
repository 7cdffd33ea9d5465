//! The guard's saved state, with which it continues a resumed run exactly.

use glasshouse_protocol::{GuardKind, Intervention};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The guard's saved state. Its floats are f32, which JSON preserves exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardState {
    /// Finite losses of the last steps, newest last.
    pub losses: Vec<f32>,
    /// Gradient norms of the same steps.
    pub gradient_norms: Vec<f32>,
    /// Consecutive steps that were skipped or had a non-finite loss.
    pub bad_steps: u32,
    /// Validation loss at step 0.
    pub start: Option<f32>,
    /// Step, training loss and validation loss of the last evaluations.
    pub evaluations: Vec<(u64, f32, f32)>,
    /// Step of the last activation checks, and the activation scale after each part of the model.
    pub activations: Vec<(u64, Vec<f32>)>,
    /// Step of the last sample checked.
    pub sample: Option<u64>,
    /// Whether a layer check is still due at this state: the run stopped before it.
    pub layers_due: bool,
    /// Step of the last notice of each kind.
    pub told: BTreeMap<GuardKind, u64>,
    pub interventions: Vec<Intervention>,
}
