//! Learning by rewards: answers that the model draws itself, what they are worth beside each other, and what a step is told of their
//! tokens. The loss is [`crate::graph::ops::Policy`].

mod advantage;
mod answers;
mod model;
mod round;

pub use advantage::{advantages, token_shares};
pub use answers::{Answer, Drawing, draw};
pub(crate) use model::learned_plain;
pub use model::{RewardModel, Scorer};
pub use round::{Round, RoundShape};
