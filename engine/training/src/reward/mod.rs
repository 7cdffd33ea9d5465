//! Reinforcement learning from rewards: samples answers, compares their rewards within a group, and computes the inputs of a step
//! for their tokens. The loss is [`glasshouse_compiler::graph::ops::Policy`].

mod advantage;
mod answers;
mod model;
mod round;

pub use advantage::{advantages, token_shares};
pub use answers::{Answer, Drawing, draw};
pub use model::{RewardModel, Scorer};
pub use round::{Round, RoundShape};
