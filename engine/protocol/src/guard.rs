//! What the guard saw in a run, and what it did.

use crate::GuardKind;
use crate::config::GuardAction;
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardSeverity {
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// The run may be lost without an action.
    Critical,
}

/// A document of the training text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardDocument {
    /// Its number among those that are trained on, from 1 on.
    pub number: u64,
    /// The source that it is from, where the text has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Words of its beginning, in one line, where they are known: what it is found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// Something that the guard saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardReport {
    /// Steps that the run has done since: those that it went back to, or else those at which it was seen.
    pub step: u64,
    /// Steps done when it was seen.
    pub seen: u64,
    /// The step that it began at, as far as that can be told.
    pub since: u64,
    /// What.
    pub kind: GuardKind,
    /// How bad.
    pub severity: GuardSeverity,
    /// What was seen, what it usually means, and what was done, in plain sentences.
    pub text: String,
    /// What was done.
    pub action: GuardAction,
    /// The number that gave it away, where it is one and finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    /// What that number was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// The documents that the step's batch was cut from, where one batch may be the reason and documents are known: the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<GuardDocument>,
}

impl GuardReport {
    /// Whether the run went back.
    pub fn went_back(&self) -> bool {
        self.step < self.seen
    }
}

/// Something that the guard did to a run: batches and learning rates after it are those of the settings and of all of these, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervention {
    /// Steps done when it was decided.
    pub seen: u64,
    /// Why.
    pub kind: GuardKind,
    /// What.
    pub action: GuardAction,
    /// The first step that it concerns, counted from 0.
    pub from: u64,
    /// The first step that its factor does not concern any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Factor on the learning rate.
    pub factor: f32,
}

/// Draws of batches are this far apart: no run has as many steps.
const APART: u64 = 1 << 32;

impl Intervention {
    /// The number that a step's batch is drawn by: the step's own, unless interventions had it drawn anew.
    pub fn draw(all: &[Self], step: u64) -> u64 {
        let concerns = |one: &&Self| match one.action {
            GuardAction::GoBack => one.from <= step,
            GuardAction::Skip => one.from == step,
            GuardAction::Note | GuardAction::Lower => false,
        };
        step + APART * all.iter().filter(concerns).count() as u64
    }

    /// What the learning rate of a step is multiplied by.
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
