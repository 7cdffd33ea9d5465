//! Influence of training text on a completion.

use crate::blocks::{Block, Fact};
use crate::evaluation::{Cell, Table};
use crate::quantity::{counted, figures, whole};
use serde::{Deserialize, Serialize};

/// A completion, and how its influences are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InfluenceQuery {
    pub prompt: String,
    pub completion: String,
    /// Maximum number of checkpoints, spread over the run.
    pub checkpoints: usize,
    /// Maximum number of passages of the training text, drawn evenly.
    pub passages: usize,
    /// Passages to list for each sign.
    pub count: usize,
    /// Divide each entry of a gradient by the passages' mean square.
    pub preconditioned: bool,
    /// Models to train again on random halves of the text, to check the scores.
    pub retrained: usize,
    pub seed: u64,
}

impl Default for InfluenceQuery {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            completion: String::new(),
            checkpoints: 4,
            passages: 1000,
            count: 5,
            preconditioned: false,
            retrained: 0,
            seed: 0,
        }
    }
}

impl InfluenceQuery {
    /// Fails with one line if nothing can be measured.
    pub fn check(&self) -> Result<(), String> {
        if self.completion.is_empty() {
            return Err("the completion is empty; give the text whose origin you are looking for".to_owned());
        }
        let counts = [("checkpoints", self.checkpoints), ("passages", self.passages), ("count", self.count)];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(format!("{name} must be at least 1")),
            // A rank correlation of two models is 1 or -1.
            None if matches!(self.retrained, 1 | 2) => {
                Err("a check needs at least 3 retrained models; 8 or more are better".to_owned())
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InfluentialPassage {
    /// Number in the training text, from 1.
    pub number: u64,
    pub text: String,
    /// Positive if training on the passage makes the completion more likely.
    pub score: f64,
}

/// Scores compared with models that were trained without half of the text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InfluenceCheck {
    /// Sum of the scores of each model's passages.
    pub predicted: Vec<f64>,
    /// Loss of the completion by each model, in nats.
    pub losses: Vec<f64>,
    /// Rank correlation of `predicted` and the negative losses: the linear datamodeling score (Park et al., 2023).
    pub correlation: f64,
}

/// Passages of a run's training text that made a completion more or less likely.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Influence {
    pub run: String,
    pub query: InfluenceQuery,
    /// Tokens of the completion, and their loss by the last checkpoint, in nats.
    pub tokens: u64,
    pub loss: f64,
    /// Steps of the checkpoints.
    pub steps: Vec<u64>,
    /// Measured passages, and all of the training text.
    pub measured: u64,
    pub all: u64,
    /// The largest positive scores first.
    pub helpful: Vec<InfluentialPassage>,
    /// The largest negative scores first.
    pub harmful: Vec<InfluentialPassage>,
    pub check: Option<InfluenceCheck>,
    pub seconds: f64,
}

impl Influence {
    pub fn blocks(&self) -> Vec<Block> {
        let steps: Vec<String> = self.steps.iter().map(|step| whole(*step)).collect();
        let mut facts = vec![
            Fact::new("Completion", format!("{:?} after {:?}", self.query.completion, self.query.prompt)),
            Fact::new("Loss", format!("{} nats in {}", figures(self.loss), counted(self.tokens, "token"))),
            Fact::new("Checkpoints", format!("at steps {}", steps.join(", "))),
            Fact::new("Passages", format!("{} of {}", whole(self.measured), whole(self.all))),
        ];
        if let Some(check) = &self.check {
            let models = counted(check.losses.len() as u64, "model");
            facts
                .push(Fact::new("Linear datamodeling score", figures(check.correlation)).note(format!(
                    "rank correlation with the losses of {models} retrained on random halves"
                )));
        }
        let table = |title: &str, passages: &[InfluentialPassage]| {
            let rows = passages
                .iter()
                .map(|own| [own.number.into(), Cell::Number(own.score), own.text.as_str().into()]);
            Block::Table(Table::new(title, ["passage", "score", "text"], rows))
        };
        let mut blocks = vec![Block::Facts(facts), table("More likely because of", &self.helpful)];
        if !self.harmful.is_empty() {
            blocks.push(table("Less likely because of", &self.harmful));
        }
        blocks
    }
}
