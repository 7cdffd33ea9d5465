//! Per-step state on the device. The host uploads rows for several micro-batches at once and a counter on the device walks
//! through them, since a buffer write takes effect before the whole submission that follows it.

use bytemuck::{Pod, Zeroable};

/// The device's own state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Control {
    /// Index of the running micro-batch in the schedule, the reports and the ring inputs.
    pub row: u32,
    /// 1 if the last update was skipped because the gradient was not finite.
    pub skipped: u32,
    /// Factor on the gradient: min(1, clip / (norm + 1e-6)), 1 without clipping, divided by the loss scale; 0 if skipped.
    pub gradient_scale: f32,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Factor on the loss against underflow of 16-bit gradients; 1 in 32 bits.
    pub loss_scale: f32,
    /// Steps since the last change of the loss scale or the last skipped step.
    pub good_steps: u32,
}

/// One micro-batch's settings.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ScheduleRow {
    pub learning_rate: f32,
    /// 1 − β₁ᵗ of Adam, t = step + 1.
    pub first_correction: f32,
    /// 1 − β₂ᵗ of Adam.
    pub second_correction: f32,
    /// Divisor of the sum of target losses; 0 for the number of counted targets.
    pub counted: f32,
    /// Dropout seed ([`crate::graph::random::dropout_seed`]).
    pub seed: [u32; 2],
    pub reserved: [u32; 2],
}

/// Results of a micro-batch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ReportRow {
    /// Mean loss over the counted rows.
    pub loss: f32,
    /// Number of counted rows.
    pub count: f32,
    /// Gradient norm before clipping; written by a step's last micro-batch.
    pub gradient_norm: f32,
    /// 1 if the update was skipped, else 0.
    pub skipped: f32,
    /// For pairs of answers ([`crate::graph::ops::Preference`]): the mean reward of the better ones.
    pub chosen_reward: f32,
    /// Mean reward of the worse ones.
    pub rejected_reward: f32,
    /// Fraction of pairs whose better answer has the higher reward.
    pub accuracy: f32,
    /// Mean log-ratio to the reference per chosen token.
    pub log_ratio: f32,
    /// Fraction of pairs whose rewards are equal up to rounding.
    pub ties: f32,
    /// Number of better answers.
    pub chosen: f32,
    /// Number of worse answers.
    pub rejected: f32,
}
