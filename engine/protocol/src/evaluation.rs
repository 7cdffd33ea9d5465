//! What evaluating a model asks for, and what it finds: one report, which the card, the pages, the command line and JSON all read from.
//! Every number says of how many things it is, and has an interval where it is of a sample.

mod titles;

pub use titles::{is_titled, metric_title};

use crate::config::RewardRule;
use crate::{Invalid, require};
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap.
pub const RESAMPLES: u32 = 10_000;

/// Most resamples of a bootstrap: each value is kept until the interval is read off.
pub const MAX_RESAMPLES: u32 = 1_000_000;

/// Most texts that an audit samples, and passages that it tries.
pub const MAX_AUDIT_SAMPLES: usize = 10_000;

/// What is evaluated, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluateSettings {
    /// How well the model predicts the text of the validation split, and all that follows from it: calibration, errors, repetition.
    pub likelihood: bool,
    /// What needs no neural network beside it: n-grams, compressors.
    pub baselines: bool,
    /// The run whose validation split it is; `None` takes the model's own, which an imported model has not.
    pub text_of: Option<String>,
    /// Documents of the validation split at most; `None` takes all.
    pub documents: Option<usize>,
    /// Tokens by which windows follow one another; `None` takes half a context.
    pub stride: Option<usize>,
    /// Task files.
    pub tasks: Vec<TaskRequest>,
    /// Every family of instruction tasks as well, on wordings that no training rows have.
    pub suite: bool,
    /// Rows of each of those families; `None` takes 100.
    pub suite_rows: Option<usize>,
    /// Resamples of each interval's bootstrap, up to [`MAX_RESAMPLES`].
    pub resamples: u32,
    /// Seed of all that is drawn.
    pub seed: u64,
    /// Keep what was found with the run.
    pub keep: bool,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            likelihood: true,
            baselines: true,
            text_of: None,
            documents: None,
            stride: None,
            tasks: Vec::new(),
            suite: false,
            suite_rows: None,
            resamples: RESAMPLES,
            seed: 0,
            keep: true,
        }
    }
}

impl EvaluateSettings {
    /// Checks what does not depend on the model.
    ///
    /// # Errors
    /// Names the setting that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        let rule = format!("be at most {MAX_RESAMPLES}");
        require(self.resamples <= MAX_RESAMPLES, "resamples", self.resamples, rule)
    }
}

/// A file of rows whose right answers are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRequest {
    /// A path, natively; in a browser the file's name, whose bytes come with the command in the order of the tasks.
    pub file: String,
    /// Metrics by name: `exact`, `f1`, `bleu`, `chrf`, `rouge`, `rouge:stemmer`, `accuracy`, `report`, `entities`, `stereotypes`, `bbq`, `mc2`, `rule`,
    /// or a rule of rewards as `rule:numeric` or `rule:regex=^[A-Z]`; [`metric_names`] reads a list of them. Empty: what fits the rows.
    pub metrics: Vec<String>,
    /// Rows at most, the first ones; `None` takes all.
    pub rows: Option<usize>,
    /// Tokens of an answer at most; `None` follows from the longest right answer.
    pub max_tokens: Option<usize>,
    /// Answers of models that do not run here, to the same rows.
    pub results: Vec<TaskResults>,
    /// The recipe whose rows they are, in the place of a file's: those that the model's run held out, or generated ones where it learned none of
    /// the recipe. No bytes come for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

/// The names in a list of metrics as people type it, with commas or spaces between: `exact, rule:numeric`. Names are the same in capitals;
/// settings are kept as they are. A regular expression goes on to the list's end, whatever stands in it (`f1,rule:regex=[0-9]{1,3}`), and a
/// text to look for up to a comma.
pub fn metric_names(list: &str) -> Vec<String> {
    let between = |letter: char| letter == ',' || letter.is_whitespace();
    let (mut names, mut rest) = (Vec::new(), list);
    loop {
        rest = rest.trim_start_matches(between);
        if rest.is_empty() {
            return names;
        }
        let end = rest.find(|letter: char| letter == '=' || between(letter)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let name = name.to_lowercase();
        let is = |rule: RewardRule| behind.starts_with('=') && name.ends_with(&format!(":{}", rule.name()));
        let ends = |letter: char| letter == ',' || (letter.is_whitespace() && !is(RewardRule::Contains));
        let end = behind.find(ends).filter(|_| !is(RewardRule::Regex) && !is(RewardRule::Format));
        let (setting, behind) = behind.split_at(end.unwrap_or(behind.len()));
        names.push(format!("{name}{setting}"));
        rest = behind;
    }
}

/// Answers of a model that does not run here: JSON Lines of `{"line": 1, "answer": "…"}`, as `glasshouse evaluate --script` writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskResults {
    /// What it is called in tables.
    pub name: String,
    /// A path, natively; in a browser the file's name, whose bytes come behind those of its task.
    pub file: String,
}

/// Which end of a metric is the good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    #[default]
    Higher,
    /// Less is better.
    Lower,
    /// Neither: 0, a half, or what another figure is, as the metric's text says.
    Neither,
}

/// A number with its uncertainty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// As JSON and tables name it, in snake case: `bits_per_byte`.
    pub name: String,
    /// The value; `None` where it is not finite or there was nothing to measure.
    pub value: Option<f64>,
    /// The interval that holds it in 95 of 100 samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Which end is the good one.
    #[serde(default)]
    pub better: Better,
    /// How many things it is of.
    pub count: u64,
    /// What those are, in the plural: `tokens`, `documents`, `rows`.
    pub of: String,
    /// What makes it comparable with others' figures, such as sacreBLEU's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Rows of cells below a heading: what any front end can draw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// A sentence below the title; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Rows, each as long as the columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A whole number.
    Count(u64),
    /// A number, drawn with three digits behind the point.
    Number(f64),
    /// Words.
    Text(String),
    /// A number with its interval.
    Metric(Box<Metric>),
    /// A text in which a place can be opened in the lens.
    Passage(Passage),
}

/// A text and the token of it that is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The text up to the token and it, as the lens' prompt.
    pub prompt: String,
    /// The token's text, at the prompt's end; empty where the whole is meant.
    pub token: String,
}

/// What a model was evaluated on, and what came of it: the data of a model's card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    /// The run.
    pub run: String,
    /// Its checkpoint's file, or `current`.
    pub checkpoint: String,
    /// Steps that the weights were trained for.
    pub step: u64,
    /// CRC-32C of the weights' bytes, which tells whether two evaluations are of the same.
    pub weights_crc32c: u32,
    /// When, in seconds since 1970.
    pub made: f64,
    /// The device that it was made on.
    pub device: String,
    /// How long it took.
    pub seconds: f64,
    /// What it is of.
    pub model: EvaluatedModel,
    /// What it was asked to do.
    pub settings: EvaluateSettings,
    /// How well the text is predicted.
    pub likelihood: Option<Likelihood>,
    /// Baselines on the same text, the best first.
    pub baselines: Vec<Baseline>,
    /// How much of the evaluated text stands in the training text.
    pub contamination: Option<Contamination>,
    /// Tasks in the order in which they were asked for.
    pub tasks: Vec<TaskReport>,
    /// What a reader should know before believing it, a sentence each.
    pub limits: Vec<String>,
    /// How long it kept a run in training from its steps, in milliseconds; `None` where none trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_training_ms: Option<f64>,
}

/// A model in the words of its card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluatedModel {
    /// What people call the run.
    pub title: String,
    /// What it was trained for, and from what it began, a sentence.
    pub about: String,
    /// Parameters.
    pub parameters: u64,
    /// Layers, heads, width, context and vocabulary, in words.
    pub shape: String,
    /// Tokens of a context.
    pub context_length: usize,
    /// The tokenizer, in words.
    pub tokenizer: String,
    /// CRC-32C of the tokenizer's file: perplexities of different tokenizers cannot be compared.
    pub tokenizer_crc32c: u32,
    /// Where its text is from, a line a source.
    pub data: Vec<String>,
    /// The run's settings that differ from its preset, `train.learning_rate = 0.001`.
    pub settings: Vec<String>,
    /// Last training loss and best validation loss.
    pub train_loss: Option<f64>,
    /// As above.
    pub validation_loss: Option<f64>,
    /// Seconds of training, and the device.
    pub train_seconds: Option<f64>,
    /// As above.
    pub train_device: Option<String>,
    /// Floating-point operations of the whole training.
    pub train_flops: Option<f64>,
}

impl EvaluatedModel {
    /// Whether its settings are those that differ from a preset's: the preset stands before them.
    pub fn is_from_preset(&self) -> bool {
        self.settings.first().is_some_and(|first| first.starts_with("preset = "))
    }
}

/// How well a text is predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Likelihood {
    /// The split, `validation`, and whether all of it was read.
    pub split: String,
    /// Documents, tokens that were predicted, bytes of UTF-8.
    pub documents: u64,
    /// As above.
    pub tokens: u64,
    /// As above.
    pub bytes: u64,
    /// Tokens of a window, and by which the next one stands further.
    pub window: usize,
    /// As above.
    pub stride: usize,
    /// Tokens that were predicted per second; `None` where a run trained meanwhile.
    pub tokens_per_s: Option<f64>,
    /// `loss`, `perplexity`, `bits_per_byte`, `token_accuracy`, `top_5_accuracy`, `repetition`, ….
    pub metrics: Vec<Metric>,
    /// The loss by position in the window, by how often a token occurs in the training text, by source.
    pub by: Vec<LossBy>,
    /// How sure it is, and how right.
    pub calibration: Option<Calibration>,
    /// Worst documents and tokens, kinds of tokens.
    pub errors: Vec<Table>,
    /// Of each document, in order: what a paired comparison needs.
    pub by_document: Vec<DocumentLoss>,
    /// When it was found, in seconds since 1970, where an evaluation after that kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

impl Likelihood {
    /// What `by_document` is of: documents, or passages where there were few of them.
    pub fn unit(&self) -> &'static str {
        match self.by_document.len() as u64 > self.documents {
            true => "passage",
            false => "document",
        }
    }
}

/// The loss of tokens by what they have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossBy {
    /// What that is.
    pub name: LossGrouping,
    /// Of each group its label and its mean loss in nats per token.
    pub groups: Vec<(String, Metric)>,
}

/// What tokens are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossGrouping {
    /// How far into the window they stand.
    Position,
    /// How often they stand in the training text.
    Frequency,
    /// The source of their document.
    Source,
}

impl LossGrouping {
    /// As JSON and tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Frequency => "frequency",
            Self::Source => "source",
        }
    }
}

/// A document's part in the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentLoss {
    /// CRC-32C of its text, by which the same document is found in another evaluation.
    pub text_crc32c: u32,
    /// Tokens that were predicted.
    pub tokens: u32,
    /// Bytes of UTF-8.
    pub bytes: u32,
    /// Sum of the tokens' losses in nats.
    pub nats: f64,
    /// Tokens that were the likeliest one.
    pub right: u32,
    /// Tokens among the five likeliest.
    pub right_of_5: u32,
}

/// Confidence against accuracy of the next token (Guo et al. 2017, arXiv:1706.04599).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// 15 bins of equal width, (lower, upper].
    pub bins: Vec<CalibrationBin>,
    /// Expected calibration error of all tokens.
    pub ece: Metric,
    /// The temperature of the lowest loss on half of the text: every other document, or passage of a text of few documents.
    pub temperature: f64,
    /// Tokens of that half.
    pub fitted_tokens: u64,
    /// Expected calibration error on the other half, without the temperature and with it.
    pub checked: [Metric; 2],
}

/// Tokens whose likeliest candidate had about the same probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Tokens.
    pub count: u64,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share of them that were right.
    pub accuracy: f64,
    /// The interval of that share.
    pub interval: [f64; 2],
}

impl CalibrationBin {
    /// Tokens of one that is drawn at least: fewer say nothing of a share.
    pub const MIN_TOKENS: u64 = 10;

    /// Whether it has tokens enough to be drawn.
    pub fn is_drawn(&self) -> bool {
        self.count >= Self::MIN_TOKENS
    }
}

/// What something simpler makes of the same text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `5-gram`, `unigram`, `uniform`, `xz`, `gzip`.
    pub name: String,
    /// What it is, a sentence.
    pub about: String,
    /// Bits per byte of the evaluated text.
    pub bits_per_byte: Metric,
    /// Perplexity of the model's own tokens, where it predicts those.
    pub perplexity: Option<f64>,
    /// Its bits per byte less the model's, paired by document: above 0 where the model is better.
    pub difference: Option<Metric>,
    /// Of each document in nats, where it predicts documents one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nats: Vec<f64>,
    /// When it was found, in seconds since 1970, where an evaluation after that kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

/// Evaluated text that the model has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// Words of an n-gram.
    pub n: usize,
    /// Documents or rows that were looked up, and those that share an n-gram with the training text.
    pub looked_up: u64,
    /// As above.
    pub found: u64,
    /// The share of n-grams of all of them that stand in the training text.
    pub share: f64,
    /// The most contaminated: the text's beginning and the share of its n-grams.
    pub worst: Vec<(String, f64)>,
    /// How it was looked for, a sentence or two.
    pub about: String,
}

/// What the rows of a task want of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// To answer in its own words.
    #[default]
    Generate,
    /// To choose among answers.
    Choose,
    /// To name the label of a text.
    Classify,
    /// To name the tag of each word.
    Tag,
}

impl AnswerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Generate, Self::Choose, Self::Classify, Self::Tag];

    /// As reports and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Choose => "choose",
            Self::Classify => "classify",
            Self::Tag => "tag",
        }
    }

    /// What rows of it are, behind "rows that".
    pub fn words(self) -> &'static str {
        match self {
            Self::Generate => "are answered in free text",
            Self::Choose => "choose among answers",
            Self::Classify => "have labels",
            Self::Tag => "have tags",
        }
    }
}

/// What came of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskReport {
    /// The file's name without its folder, or the family of tasks.
    pub name: String,
    /// CRC-32C of the file: only answers to the same rows are compared.
    pub file_crc32c: u32,
    /// The suite that it is a family of, `tasks`; empty of a person's own file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suite: String,
    /// What its rows want of a model.
    pub kind: AnswerKind,
    /// Rows that were evaluated.
    pub rows: u64,
    /// How it was asked, a sentence each.
    pub about: Vec<String>,
    /// Lines that could not be, and why.
    pub broken: Vec<(u64, String)>,
    /// What it came to.
    pub metrics: Vec<Metric>,
    /// A confusion matrix, a classification report, accuracy by template.
    pub tables: Vec<Table>,
    /// Reports as the package prints them that defines them, each with the title of the table that has the same figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<(String, String)>,
    /// Of each row: for paired comparison and for a person to read.
    pub answers: Vec<TaskAnswer>,
    /// How much of the rows stands in the training text.
    pub contamination: Option<Contamination>,
    /// What others make of the same rows.
    pub beside: Vec<TaskBaseline>,
    /// When it was found, in seconds since 1970, where an evaluation after that kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

/// What a simple rule, or a model that does not run here, makes of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskBaseline {
    /// `random`, `majority`, or what its results are called.
    pub name: String,
    /// What it is, a sentence.
    pub about: String,
    /// What it comes to.
    pub metrics: Vec<Metric>,
    /// The model's value less its own, paired by row, of each metric that is a mean of rows.
    pub differences: Vec<Metric>,
    /// Lines of its results that say nothing of a row, and why.
    pub broken: Vec<(u64, String)>,
}

/// A row of a task and what the model made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskAnswer {
    /// Line of the file, from 1.
    pub line: u64,
    /// The prompt as the model had it.
    pub prompt: String,
    /// What it answered.
    pub answer: String,
    /// What is right; several may be.
    pub expected: Vec<String>,
    /// Its score by each metric that is a mean of rows, in the order of `TaskReport::metrics`; `None` where the metric is of all rows at once.
    pub scores: Vec<Option<f64>>,
    /// The row's template or group, where it has one.
    pub group: Option<String>,
}

/// Two models on the same things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Run of the first.
    pub first: String,
    /// Run of the second.
    pub second: String,
    /// What was compared: `bits_per_byte`, or a task's name and metric.
    pub what: String,
    /// Value of the first.
    pub first_value: f64,
    /// Value of the second.
    pub second_value: f64,
    /// The first less the second, paired, with its interval.
    pub difference: Metric,
    /// In plain words: which is better, or that the difference is within the noise.
    pub verdict: String,
}

/// What a part of an audit looks for, in the order in which they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditTopic {
    /// Which of paired sentences the model finds likelier.
    #[default]
    Bias,
    /// What rules of moderation find in what it writes.
    Moderation,
    /// Passages of the training text that it continues by heart.
    Memorisation,
    /// Secrets that were planted in the training text.
    Canaries,
    /// Personal data in what it writes.
    Personal,
}

impl AuditTopic {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Bias, Self::Moderation, Self::Memorisation, Self::Canaries, Self::Personal];

    /// As settings and files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bias => "bias",
            Self::Moderation => "moderation",
            Self::Memorisation => "memorisation",
            Self::Canaries => "canaries",
            Self::Personal => "personal",
        }
    }
}

/// What an audit is to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditSettings {
    /// Its parts. Empty: all.
    pub sections: Vec<AuditTopic>,
    /// Texts that are sampled, and passages that are tried: 1 to [`MAX_AUDIT_SAMPLES`].
    pub samples: usize,
    /// Pairs of sentences of the person's own, in the layout that `docs/audit.md` gives: a path natively, else the file's text.
    pub pairs: Option<String>,
    /// Seed of all that is drawn.
    pub seed: u64,
    /// Keep what was found with the run.
    pub keep: bool,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { sections: Vec::new(), samples: 200, pairs: None, seed: 0, keep: true }
    }
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// The run.
    pub run: String,
    /// Its checkpoint's file, or `current`.
    pub checkpoint: String,
    /// Steps that the weights were trained for.
    pub step: u64,
    /// CRC-32C of the weights' bytes: parts of an audit of the same ones stay with it.
    pub weights_crc32c: u32,
    /// When, in seconds since 1970.
    pub made: f64,
    /// The device that it was made on.
    pub device: String,
    /// How long it took.
    pub seconds: f64,
    /// Its parts.
    pub sections: Vec<AuditSection>,
}

/// A part of an audit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditSection {
    /// What it looks for.
    pub name: AuditTopic,
    /// Its heading.
    pub title: String,
    /// How large its sample was, a sentence.
    pub sample: String,
    /// What it came to.
    pub metrics: Vec<Metric>,
    /// In detail.
    pub tables: Vec<Table>,
    /// What it cannot show, a sentence each.
    pub limits: Vec<String>,
    /// Why it was not made, where it was not.
    pub skipped: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_differ_from_a_preset_where_it_stands_before_them() {
        let of = |settings: &[&str]| {
            let settings = settings.iter().map(|line| (*line).to_owned()).collect();
            EvaluatedModel { settings, ..EvaluatedModel::default() }.is_from_preset()
        };
        assert!(of(&["preset = layers-1", "train.steps = 7"]));
        assert!(!of(&["train.steps = 7", "preset = layers-1"]) && !of(&[]));
    }

    #[test]
    fn losses_are_grouped_by_what_files_name() {
        for grouping in [LossGrouping::Position, LossGrouping::Frequency, LossGrouping::Source] {
            assert_eq!(serde_json::to_value(grouping).unwrap(), grouping.name());
        }
    }

    #[test]
    fn a_list_of_metrics_keeps_settings_and_patterns_as_they_are() {
        for (list, names) in [
            ("", &[][..]),
            (" , ", &[]),
            (" Exact, f1  ROUGE:stemmer,", &["exact", "f1", "rouge:stemmer"]),
            ("rule:regex=^[A-Z]", &["rule:regex=^[A-Z]"]),
            ("f1,Rule:Regex=[0-9]{1,3} a", &["f1", "rule:regex=[0-9]{1,3} a"]),
            ("rule:format=<A>, f1", &["rule:format=<A>, f1"]),
            ("rule:length=20,exact", &["rule:length=20", "exact"]),
            (
                "rule:contains=Red fox,rule:contains exact",
                &["rule:contains=Red fox", "rule:contains", "exact"],
            ),
        ] {
            assert_eq!(metric_names(list), names, "{list}");
        }
    }

    #[test]
    fn enumerations_are_the_words_that_files_have() {
        for topic in AuditTopic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.name());
        }
        for kind in AnswerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let read = serde_json::from_str::<TaskReport>("{\"kind\":\"choose\"}").unwrap();
        assert_eq!((read.kind, TaskReport::default().kind), (AnswerKind::Choose, AnswerKind::Generate));
    }
}
