//! Results of the trainer for its caller.

pub use glasshouse_protocol::TrainEvent;

/// A sample that is due: the caller generates it with the trainer's executor and returns the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRequest {
    pub step: u64,
    pub prompt: String,
    pub tokens: usize,
}

/// Result of [`Trainer::next`](super::Trainer::next).
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Show the event; it is already recorded.
    Event(TrainEvent),
    /// Generate a sample and call [`Trainer::sample_written`](super::Trainer::sample_written), or
    /// [`Trainer::sample_failed`](super::Trainer::sample_failed) if that fails; or continue without one.
    SampleDue(SampleRequest),
    /// Part of a longer work is done, without anything to report yet.
    Working,
    /// Nothing is left to do; a [`TrainEvent::Done`] came before.
    Over,
}
