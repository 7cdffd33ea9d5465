//! Answers to commands: the types of the events that a front end asks for by type or keeps. Each event is named after its answer.

use crate::cleaning::DroppedDocument;
use crate::cluster::ClusterPlan;
pub use crate::features::{Dictionaries, Dictionary, FeatureGraph, Features, Steered};
pub use crate::influence::Influence;
use crate::summary::{
    Candidate, CheckpointSummary, DeviceSummary, MergeStep, PlanSummary, RunSummary, StorageSummary,
    TokenSummary, VocabularyEntry,
};
use crate::{
    Audit, Comparison, ConversationSummary, Evaluation, Event, Forecast, LogitDifference, Proposal,
    RunConfig, TrainEvent, Uncertainty, Verification, WeightFormat,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The content of an event that answers a command.
pub trait Answer: Sized {
    /// `None` for other events.
    fn from_event(event: Event) -> Option<Self>;
}

/// Answers, each by the pattern of its event and its place in it.
macro_rules! answers {
    ($($answer:ty: $event:pat => $content:expr;)*) => { $(
        impl Answer for $answer {
            fn from_event(event: Event) -> Option<Self> {
                match event {
                    $event => Some($content),
                    _ => None,
                }
            }
        }
    )* };
}

/// Answers that are events by themselves.
macro_rules! events {
    ($($answer:ident)*) => { $(
        answers! { $answer: Event::$answer(answer) => answer; }
        crate::conversions! { Event: $answer: |answer| Self::$answer(answer); }
    )* };
}

events! {
    Classified Conversations Dictionaries Dictionary Distribution Document Dropped Evaluations Exported FeatureGraph Features Fitted History Influence ModelOpened Proposed Ready
    RunAdded Steered Tokens Vocabulary
}

answers! {
    ClusterPlan: Event::Planned(Forecast::Cluster { plan }) => *plan;
    PlanSummary: Event::Planned(Forecast::Run { plan }) => *plan;
    Speed: Event::Planned(Forecast::Speed(speed)) => speed;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// [`VERSION`](crate::message::VERSION) of the engine.
    pub version: u32,
    pub app_version: String,
    pub device: DeviceSummary,
    /// Whether the engine chose the device, not a person.
    pub automatic: bool,
    pub storage: StorageSummary,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub number: u64,
    /// The text, cut at 200,000 characters. A conversation is rendered with a chat template.
    pub text: String,
    /// Byte ranges of a conversation that fine-tuning learns, in order; empty for a text, all of which is learned.
    pub learned: Vec<(usize, usize)>,
    /// End byte of each token of a conversation, in order, and whether fine-tuning learns it; empty if no tokenizer is known.
    pub tokens: Vec<(usize, bool)>,
    pub cut: bool,
}

impl Document {
    /// The text in pieces, each with whether fine-tuning trains on it: tokens, or, if those are unknown, template text and
    /// answers.
    pub fn pieces(&self) -> Vec<(Range<usize>, bool)> {
        if self.tokens.is_empty() {
            return self.learned.iter().map(|(start, end)| (*start..*end, true)).collect();
        }
        let mut from = 0;
        let piece = |(end, learned): &(usize, bool)| (std::mem::replace(&mut from, *end)..*end, *learned);
        self.tokens.iter().map(piece).collect()
    }
}

/// Documents that the last cleaning dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    pub stage: Option<String>,
    pub offset: usize,
    pub found: usize,
    pub documents: Vec<DroppedDocument>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    pub text: String,
    pub tokens: Vec<TokenSummary>,
    /// Characters that the vocabulary lacks and that are dropped, each once.
    pub lost: String,
    /// How BPE builds the tokens of the first 400 characters: the initial pieces, one byte each, and the merges in order.
    pub merges: Option<(Vec<String>, Vec<MergeStep>)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vocabulary {
    pub found: usize,
    pub offset: usize,
    pub entries: Vec<VocabularyEntry>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    pub config: Box<RunConfig>,
    /// What was changed, one line each; empty if the run fitted unchanged.
    pub changes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOpened {
    pub run: String,
    pub step: u64,
    pub device: String,
    /// Storage format of the matrices on the device.
    pub weights: WeightFormat,
    /// Whether the model has a chat template.
    pub chats: bool,
    /// Whether that template is [`CHATML`](crate::CHATML), the default for models without one.
    pub chatml: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversations {
    /// Last changed first.
    pub conversations: Vec<ConversationSummary>,
    /// The lines of the file that cannot be read, each with the reason.
    pub problems: Vec<String>,
    /// Id of the saved conversation.
    pub kept: Option<u64>,
}

/// Prompts or texts to answer or label next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    pub run: String,
    pub measure: Uncertainty,
    pub labels: Vec<String>,
    /// The most useful to answer first: uncertain, and unlike those before it.
    pub rows: Vec<Proposal>,
    /// Number of prompts or texts considered.
    pub considered: usize,
}

/// The next-token distribution at one position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The most likely tokens in descending order, then the chosen token if it is not among them.
    pub candidates: Vec<Candidate>,
    /// Entropy in bits, before any sampling setting.
    pub entropy_bits: f32,
    /// Number of tokens that remain after all sampling settings.
    pub kept: usize,
}

/// The classes or scores of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    pub labels: Vec<String>,
    /// For each text, the probability of each label; for a reward model, one score.
    pub probabilities: Vec<Vec<f32>>,
}

/// The result of an evaluation or of an audit; or the saved ones of runs, and comparisons of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluations {
    /// One per evaluated run.
    pub evaluations: Vec<Evaluation>,
    /// One per audited run.
    pub audits: Vec<Audit>,
    /// Each pair of runs, on everything on which both were evaluated.
    pub comparisons: Vec<Comparison>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    pub run: String,
    /// As in its `run.toml`.
    pub config: Box<RunConfig>,
    /// Steps (thinned), evaluations, samples and notices, in order.
    pub events: Vec<TrainEvent>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointSummary>,
}

/// A run was added without training: an imported model, a bundle's result, or the weights of a run with its adapter merged into them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunAdded {
    pub run: RunSummary,
    /// What it is, in words.
    pub about: String,
    /// Difference between merged weights and the run with its separate adapter; for a folder's adapter, the difference from the
    /// weights before. `None` if it could not be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<LogitDifference>,
}

/// An export was written to `path`; in the browser, its file is attached to this event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// A suggested file name.
    pub name: String,
    /// Output file or folder (native).
    pub path: Option<String>,
    /// Written files (native).
    pub files: Vec<String>,
    /// Number of files packed into a project's file.
    pub packed: usize,
    pub bytes: u64,
    /// Of a GGUF file that a second reader opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Box<Verification>>,
}

/// Measured training speed on this device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Milliseconds per step, median.
    pub ms_per_step: f64,
    pub tokens_per_s: f64,
    pub flops_per_s: f64,
    pub device: String,
    /// Estimated seconds for the whole run.
    pub run_seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_travels_flat_in_its_event() {
        let answer = Classified { labels: vec!["even".to_owned()], probabilities: vec![vec![1.0]] };
        let text = serde_json::to_string(&Event::from(answer.clone())).unwrap();
        assert_eq!(text, r#"{"event":"classified","labels":["even"],"probabilities":[[1.0]]}"#);
        let event: Event = serde_json::from_str(&text).unwrap();
        assert_eq!(Fitted::from_event(event.clone()), None);
        assert_eq!(Classified::from_event(event), Some(answer));
        let text = r#"{"event":"planned","forecast":"speed","ms_per_step":1.0,"tokens_per_s":2.0,"flops_per_s":3.0,"device":"CPU","run_seconds":4.0}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        assert_eq!(Speed::from_event(event).map(|speed| speed.run_seconds), Some(4.0));
    }
}
