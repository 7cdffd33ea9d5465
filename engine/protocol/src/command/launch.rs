//! How a run is trained, beside its settings.

use crate::Precision;
use serde::{Deserialize, Serialize};

/// What a run of an open project learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnsFrom {
    /// The project's documents; with an objective other than text, those of them that hold rows.
    #[default]
    Documents,
    /// Its feedback: replies that were found good or written better, or pairs, as the objective asks for.
    Feedback,
    /// Instruction tasks of our own, or a recipe's rows, which are made for it.
    Tasks,
}

/// How a run is trained, beside its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLaunch {
    /// Stop, resumably, at this step.
    pub stop_after: Option<u64>,
    /// Of a run that is resumed: steps of the whole run from here on, in place of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Evaluations read the whole validation split instead of some batches; a run keeps to that when it is resumed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub evaluate_whole_split: bool,
    /// In place of the precision that the run has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// In place of the chosen device, and of the one that a resumed run was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What a new run learns from.
    #[serde(skip_serializing_if = "is_default")]
    pub learns_from: LearnsFrom,
    /// Where that is tasks, the recipe whose rows they are ([`crate::recipes`]); tasks of all kinds unless named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

fn is_default(learns_from: &LearnsFrom) -> bool {
    *learns_from == LearnsFrom::Documents
}
