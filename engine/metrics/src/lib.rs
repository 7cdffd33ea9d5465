//! Model-independent parts of evaluation: task metrics as defined by standard packages, intervals, baselines, cards, file formats of
//! published data sets, and the word lists of audits. It knows neither models nor devices; `engine/evaluation/src` runs models and
//! uses this crate.

pub mod baselines;
pub mod bias;
pub mod card;
pub mod comparison;
pub mod law;
pub mod metrics;
pub mod moderation;
pub mod records;
pub mod statistics;
