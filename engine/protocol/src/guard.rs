//! Reports and interventions of the guard.

use crate::GuardKind;
use crate::config::GuardAction;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardSeverity {
    Info,
    /// Should be looked at.
    Warning,
    /// Without an action, the run may be lost.
    Critical,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardDocument {
    /// Number among the training documents, from 1.
    pub number: u64,
    /// Its source, if the text has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its first words, on one line, if known; identifies the document to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardReport {
    /// Step from which the run continues: the step it went back to, or else `seen`.
    pub step: u64,
    /// Steps done when it was detected.
    pub seen: u64,
    /// Estimated step at which it started.
    pub since: u64,
    pub kind: GuardKind,
    pub severity: GuardSeverity,
    /// What was detected, what it usually means and what was done, in plain sentences.
    pub text: String,
    pub action: GuardAction,
    /// The measured value that triggered it, if it is a single finite number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// The first of the documents in the step's batch, if a single batch may be the cause and the documents are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<GuardDocument>,
}

impl GuardReport {
    /// Whether the run went back to an earlier step.
    pub fn went_back(&self) -> bool {
        self.step < self.seen
    }
}

/// An action of the guard on a run. The batches and learning rates of later steps follow from the settings and all interventions, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervention {
    /// Steps done when it was decided.
    pub seen: u64,
    pub kind: GuardKind,
    pub action: GuardAction,
    /// The first step that it affects, counted from 0.
    pub from: u64,
    /// The first step that its factor no longer affects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    pub factor: f32,
}

/// Offset between redraws of batches; larger than the number of steps of any run.
const APART: u64 = 1 << 32;

impl Intervention {
    /// The index that draws a step's batch: the step's own, plus an offset for each intervention that redraws it.
    pub fn draw(all: &[Self], step: u64) -> u64 {
        let concerns = |one: &&Self| match one.action {
            GuardAction::GoBack => one.from <= step,
            GuardAction::Skip => one.from == step,
            GuardAction::Note | GuardAction::Lower => false,
        };
        step + APART * all.iter().filter(concerns).count() as u64
    }

    /// Total factor on the learning rate of a step.
    pub fn factor(all: &[Self], step: u64) -> f64 {
        let concerns = |one: &&Self| one.from <= step && one.until.is_none_or(|until| step < until);
        all.iter().filter(concerns).map(|one| f64::from(one.factor)).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_and_rates_follow_from_the_interventions() {
        let one = |action, from, until, factor| Intervention {
            seen: from + 3,
            kind: GuardKind::LossSpike,
            action,
            from,
            until,
            factor,
        };
        let all = [
            one(GuardAction::Skip, 7, None, 1.0),
            one(GuardAction::GoBack, 10, Some(20), 0.5),
            one(GuardAction::Lower, 15, None, 0.5),
        ];
        let draws: Vec<u64> = [6, 7, 8, 9, 10, 30].map(|step| Intervention::draw(&all, step) - step).to_vec();
        assert_eq!(draws, [0, APART, 0, 0, APART, APART]);
        let factors = [9, 10, 14, 15, 19, 20, 99].map(|step| Intervention::factor(&all, step));
        assert_eq!(factors, [1.0, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5]);
        assert_eq!((Intervention::draw(&[], 5), Intervention::factor(&[], 5)), (5, 1.0));
    }
}
