//! What the trainer hands its caller.

pub use crate::protocol::TrainEvent;

/// A sample that is due: the caller writes it with the trainer's executor and hands the text back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRequest {
    /// Steps done.
    pub step: u64,
    /// What the text begins with.
    pub prompt: String,
    /// Tokens to write.
    pub tokens: usize,
}

/// What [`Trainer::next`](super::Trainer::next) has for its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Show it; it is recorded already.
    Event(TrainEvent),
    /// Write a sample and call [`Trainer::sample_written`](super::Trainer::sample_written), or
    /// [`Trainer::sample_failed`](super::Trainer::sample_failed) where that cannot be done; or go on without one.
    SampleDue(SampleRequest),
    /// A piece of long work is done, of which there is nothing to tell yet.
    Working,
    /// Nothing is left to do; a [`TrainEvent::Done`] came before.
    Over,
}
