//! Launch options of a run that are not part of its settings.

use crate::Precision;
use serde::{Deserialize, Serialize};

/// Training data of a run in an open project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnsFrom {
    /// The project's documents; with an objective other than text, only documents that hold rows.
    #[default]
    Documents,
    /// The project's feedback: accepted or corrected replies, or preference pairs, as the objective requires.
    Feedback,
    /// Generated instruction tasks, or a recipe's generated rows.
    Tasks,
}

/// Launch options of a run that are not part of its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLaunch {
    /// Stop at this step, resumably.
    pub stop_after: Option<u64>,
    /// End this session, resumably, after so many seconds, with an evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// For a resumed run, the new total number of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Evaluate on the whole validation split instead of some batches. A resumed run keeps this choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub evaluate_whole_split: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Overrides the chosen device, and the device of a resumed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub learns_from: LearnsFrom,
    /// With [`LearnsFrom::Tasks`], the recipe that generates the rows ([`crate::recipes`]); `None` uses tasks of all kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Title of a new run; `None` leaves it with its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Train all runs of this sweep file ([`crate::Sweep`], TOML), one after another, instead of one; the settings are those that do not
    /// vary. A sweep that was stopped continues. Answered as [`Command::Train`](crate::Command::Train) is for each run, with `Sweep`s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<String>,
}
