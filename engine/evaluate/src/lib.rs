//! What evaluating a language model computes beside the model: task metrics as the field's packages define them, intervals, baselines,
//! cards, layouts of standard sets, and the word lists of audits. It knows no model and no device; `engine/src/evaluate` runs models and asks here.

pub mod baselines;
pub mod bias;
pub mod card;
pub mod comparison;
pub mod layouts;
pub mod metrics;
pub mod moderation;
pub mod statistics;
