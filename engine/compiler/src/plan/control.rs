//! What changes from step to step, as the device sees it. The host uploads rows for several micro-batches at once and a
//! counter on the device walks through them, since a buffer write lands before the whole submission that follows it.

use bytemuck::{Pod, Zeroable};

/// The device's own state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Control {
    /// Which uploaded micro-batch runs: index into the schedule, the reports and the ringed inputs.
    pub row: u32,
    /// 1 when the last update was skipped because the gradient was not finite.
    pub skipped: u32,
    /// Factor on the gradient: min(1, clip / (norm + 1e-6)), 1 without clipping, over the loss scale; 0 where skipped.
    pub gradient_scale: f32,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Factor on the loss, so that gradients in 16-bit floats are not lost at their lower end; 1 in 32 bits.
    pub loss_scale: f32,
    /// Steps since the loss scale changed or a step was skipped.
    pub good_steps: u32,
}

/// One micro-batch's settings.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ScheduleRow {
    /// Learning rate of the step.
    pub learning_rate: f32,
    /// 1 − β₁ᵗ of Adam, t = step + 1.
    pub first_correction: f32,
    /// 1 − β₂ᵗ of Adam.
    pub second_correction: f32,
    /// What the sum of the targets' losses is divided by; 0 for the number of targets that count.
    pub counted: f32,
    /// Dropout's seed ([`crate::graph::random::dropout_seed`]).
    pub seed: [u32; 2],
    /// Unused.
    pub reserved: [u32; 2],
}

/// What a micro-batch leaves behind.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ReportRow {
    /// Mean loss over the rows that count.
    pub loss: f32,
    /// How many rows count.
    pub count: f32,
    /// Gradient norm before clipping, on a step's last micro-batch.
    pub gradient_norm: f32,
    /// 1 where the update was skipped, else 0.
    pub skipped: f32,
    /// Of pairs of answers, as [`crate::graph::ops::Preference`] has it: the mean reward of the better ones.
    pub chosen_reward: f32,
    /// That of the worse ones.
    pub rejected_reward: f32,
    /// Share of pairs whose better answer has the higher reward.
    pub accuracy: f32,
    /// Mean log-ratio of a chosen token to the reference.
    pub log_ratio: f32,
    /// Share of pairs whose rewards differ by rounding alone.
    pub ties: f32,
    /// How many better answers there are.
    pub chosen: f32,
    /// How many worse ones.
    pub rejected: f32,
}
