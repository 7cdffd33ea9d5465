//! Settings and results of model evaluation: one report, from which the card, the pages, the command line and JSON are all made. Every
//! number states its sample size, and has a confidence interval if it is an estimate.

pub mod blocks;
pub mod measures;
mod metrics;
mod unit;

pub use metrics::{MIN_VALUES, NO_INTERVAL, better, is_titled, metric_text, metric_title};
pub use unit::{LossUnit, Results};

use crate::cleaning::table::{CorpusCell, CorpusTable, Unit};
use crate::config::RewardRule;
use crate::conversions;
use crate::energy::EnergyUse;
use crate::quantity::{figures, whole};
use crate::setting::{choices, settings};
use serde::{Deserialize, Serialize};

pub const RESAMPLES: u32 = 10_000;

/// Maximum number of bootstrap resamples. Each resampled value is kept in memory.
pub const MAX_RESAMPLES: u32 = 1_000_000;

settings! {
    pub struct EvaluateSettings: "" lenient() {
        /// Loss on the validation split, with calibration, errors and repetition.
        pub likelihood: bool = true;
        /// Baselines without a neural network: n-grams and compressors.
        pub baselines: bool = true;
        /// The run whose validation split is used; `None` means the model's own run (imported models have no split).
        pub text_of: Option<String> = None;
        /// Maximum number of validation documents; `None` takes all.
        pub documents: Option<usize> = None, "Number of documents", 1..;
        /// Distance in tokens between the starts of successive windows; `None` means half the context.
        pub stride: Option<usize> = None, "Stride in tokens", 1..;
        pub tasks: Vec<TaskRequest> = Vec::new();
        /// Also evaluate all families of instruction tasks, on held-out wordings.
        pub suite: bool = false;
        /// Rows per family of instruction tasks; `None` means 100.
        pub suite_rows: Option<usize> = None, "Rows per family", 1..;
        /// Bootstrap resamples per interval.
        pub resamples: u32 = RESAMPLES, "Resamples", 0..=MAX_RESAMPLES;
        /// Seed of all random sampling.
        pub seed: u64 = 0, "Seed", 0..;
        /// Save the result with the run.
        pub keep: bool = true;
    }
}

/// A file of rows with known correct answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRequest {
    /// Path natively, else the file's name; its bytes are attached in the order of the tasks.
    pub file: String,
    /// The task that the rows are of: a published one by its name, or a description as YAML, or the path of one natively. Empty:
    /// recognised by the rows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// Names in [`measures::TASK_METRICS`], `rouge:stemmer`, or a reward rule such as `rule:numeric` or `rule:regex=^[A-Z]`.
    /// [`metric_names`] parses a list of them. Empty: the defaults for the rows.
    pub metrics: Vec<String>,
    /// Maximum number of rows, from the start; `None` takes all.
    pub rows: Option<usize>,
    /// Maximum tokens of an answer; `None` derives it from the longest correct answer.
    pub max_tokens: Option<usize>,
    /// Answers of models that do not run here, to the same rows.
    pub results: Vec<TaskResults>,
    /// Use a recipe's rows instead of a file's (no bytes are attached): the rows that the model's run held out, or generated ones if it
    /// did not train on the recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

/// Whether a file describes a task, by its name.
pub fn is_description(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending))
}

/// What a task's description says of all its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSet {
    pub name: String,
    /// How its rows are asked, and its source.
    pub about: String,
    /// Metric names; empty: the defaults for the rows.
    pub metrics: Vec<String>,
    /// Text between a prompt and its continuation; `None`: a space, unless there is white space.
    pub delimiter: Option<String>,
    /// Strings that end an answer; empty: by the references.
    pub until: Vec<String>,
    pub max_tokens: Option<usize>,
}

/// Parses a user's list of metrics, separated by commas or spaces: `exact_match, rule:numeric`. Names are case-insensitive; settings are kept
/// verbatim. A regular expression extends to the end of the list (`f1,rule:regex=[0-9]{1,3}`), a search text up to the next comma.
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

/// Answers of a model that does not run here: JSON Lines of `{"line": 1, "answer": "…"}`, the format of `glasshouse evaluate --script`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskResults {
    /// The name shown in tables.
    pub name: String,
    /// Path natively, else the file's name; its bytes are attached after those of its task.
    pub file: String,
}

/// Whether higher or lower values of a metric are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    #[default]
    Higher,
    Lower,
    /// Neither: the target is 0, one half or another metric's value, as the metric's text says.
    Neither,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The name in JSON and tables, in snake case: `bits_per_byte`.
    pub name: String,
    /// `None` if the value is not finite or there was nothing to measure.
    pub value: Option<f64>,
    /// The 95 % confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    pub better: Better,
    pub count: u64,
    /// The unit of `count`, in the plural: `tokens`, `documents`, `rows`.
    pub of: String,
    /// Signature that makes the value comparable with published figures, such as sacreBLEU's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A table for any front end to draw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    /// A sentence below the title, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    pub columns: Vec<String>,
    /// Each row has one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Count(u64),
    Number(f64),
    Text(String),
    Metric(Box<Metric>),
    /// A text with a token that can be opened in the lens.
    Passage(Passage),
    /// A value in a unit; only in tables that are not stored.
    #[serde(skip)]
    Corpus(CorpusCell, Unit),
}

impl Table {
    pub fn new<const N: usize>(
        title: impl Into<String>,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [Cell; N]>,
    ) -> Self {
        let rows = rows.into_iter().map(Vec::from).collect();
        Self { title: title.into(), columns: columns.map(str::to_owned).into(), rows, ..Self::default() }
    }

    /// Whether a column has text. Empty cells do not make a column of numbers one.
    pub fn is_words(&self, column: usize) -> bool {
        self.rows.iter().any(|row| match row.get(column) {
            Some(Cell::Text(text)) => !text.is_empty() && text != crate::quantity::NOTHING,
            cell => matches!(cell, Some(Cell::Passage(_))),
        })
    }
}

impl From<&CorpusTable> for Table {
    fn from(table: &CorpusTable) -> Self {
        let cell = |(cell, unit): (&CorpusCell, Unit)| match (cell, unit) {
            (CorpusCell::Whole(value), Unit::Count | Unit::Text) => Cell::Count(*value),
            (CorpusCell::Text(text), _) => Cell::Text(text.clone()),
            (cell, unit) => Cell::Corpus(cell.clone(), unit),
        };
        let units = || table.columns.iter().map(|column| column.unit);
        Self {
            title: table.title.clone(),
            about: table.note.clone(),
            columns: table.columns.iter().map(|column| column.title.clone()).collect(),
            rows: table.rows.iter().map(|row| row.iter().zip(units()).map(cell).collect()).collect(),
        }
    }
}

impl Cell {
    pub fn text(&self) -> String {
        match self {
            Self::Count(count) => whole(*count),
            Self::Number(number) => figures(*number),
            Self::Text(text) => text.clone(),
            Self::Metric(metric) => metric.with_interval(),
            Self::Passage(passage) => passage.prompt.clone(),
            Self::Corpus(cell, unit) => cell.text(*unit),
        }
    }
}

conversions! { Cell:
    u64: |count| Self::Count(count);
    f64: |number| Self::Number(number);
    Passage: |passage| Self::Passage(passage);
    Metric: |metric| Self::Metric(Box::new(metric));
    &str: |text| Self::Text(text.to_owned());
    String: |text| Self::Text(text);
    &Metric: |metric| Self::Metric(Box::new(metric.clone()));
}

/// A text and the token in it to look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The text up to and including the token, used as the lens' prompt.
    pub prompt: String,
    /// The token's text, which ends `prompt`; empty for the whole text.
    pub token: String,
}

/// The result of an evaluation: the data of a model card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    pub run: String,
    /// The checkpoint's file, or `current`.
    pub checkpoint: String,
    /// Training steps of the weights.
    pub step: u64,
    /// CRC-32C of the weights' bytes; identifies evaluations of the same weights.
    pub weights_crc32c: u32,
    /// Unix time in seconds.
    pub made: f64,
    pub device: String,
    pub seconds: f64,
    pub model: EvaluatedModel,
    pub settings: EvaluateSettings,
    pub likelihood: Option<Likelihood>,
    /// Baselines on the same text, best first.
    pub baselines: Vec<Baseline>,
    /// Overlap of the evaluated text with the training text.
    pub contamination: Option<Contamination>,
    /// Results in the order of the request.
    pub tasks: Vec<TaskReport>,
    /// Caveats, one sentence each.
    pub limits: Vec<String>,
    /// Milliseconds for which the evaluation delayed a training run's steps; `None` if none was training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_training_ms: Option<f64>,
}

/// Description of a model for its card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluatedModel {
    pub title: String,
    /// Objective and starting point, in a sentence.
    pub about: String,
    pub parameters: u64,
    /// Layers, heads, width, context and vocabulary, in words.
    pub shape: String,
    pub context_length: usize,
    /// Description in words.
    pub tokenizer: String,
    /// CRC-32C of the tokenizer's file: perplexities under different tokenizers are not comparable.
    pub tokenizer_crc32c: u32,
    /// Sources of the training text, one line each.
    pub data: Vec<String>,
    /// Settings that differ from the preset, as in `train.learning_rate = 0.001`.
    pub settings: Vec<String>,
    pub train_loss: Option<f64>,
    pub validation_loss: Option<f64>,
    pub train_seconds: Option<f64>,
    pub train_device: Option<String>,
    /// Floating-point operations of the whole training.
    pub train_flops: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyUse>,
}

impl EvaluatedModel {
    /// Whether `settings` lists the differences from a preset; the preset is then its first line.
    pub fn is_from_preset(&self) -> bool {
        self.settings.first().is_some_and(|first| first.starts_with("preset = "))
    }
}

/// Language-modelling metrics of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Likelihood {
    /// The split, `validation`, and whether it was read in full.
    pub split: String,
    pub documents: u64,
    pub tokens: u64,
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Window length in tokens.
    pub window: usize,
    pub stride: usize,
    /// Predicted tokens per second; `None` if a run was training meanwhile.
    pub tokens_per_s: Option<f64>,
    /// `loss`, `perplexity`, `bits_per_byte`, `token_accuracy`, `top_5_accuracy`, `repetition`, ….
    pub metrics: Vec<Metric>,
    /// The loss by position in the window, by token frequency in the training text, and by source.
    pub by: Vec<LossBy>,
    /// How sure it is, and how right.
    pub calibration: Option<Calibration>,
    /// Worst documents and tokens, and kinds of tokens.
    pub errors: Vec<Table>,
    /// Losses by document, in order, for paired comparisons.
    pub by_document: Vec<DocumentLoss>,
    /// Unix time in seconds of the original result, if it was kept from an earlier evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

impl Likelihood {
    /// The unit of `by_document`: documents, or passages if there were few documents.
    pub fn unit(&self) -> &'static str {
        match self.by_document.len() as u64 > self.documents {
            true => "passage",
            false => "document",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossBy {
    pub name: LossGrouping,
    /// Label and mean loss in nats per token of each group.
    pub groups: Vec<(String, Metric)>,
}

choices! {
    /// Criterion by which tokens are grouped.
    pub enum LossGrouping {
        /// Position in the window.
        Position = "position";
        /// Frequency in the training text.
        Frequency = "frequency";
        Source = "source";
    }
}

/// A document's share of the total loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentLoss {
    /// CRC-32C of the text; identifies the same document in another evaluation.
    pub text_crc32c: u32,
    pub tokens: u32,
    pub bytes: u32,
    /// Sum of the tokens' losses in nats.
    pub nats: f64,
    /// Tokens predicted correctly (top 1).
    pub right: u32,
    /// Tokens among the top 5 predictions.
    pub right_of_5: u32,
}

/// Calibration of the next-token prediction: confidence against accuracy (Guo et al. 2017, arXiv:1706.04599).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// 15 bins of equal width, (lower, upper].
    pub bins: Vec<CalibrationBin>,
    /// Expected calibration error over all tokens.
    pub ece: Metric,
    /// The temperature with the lowest loss on half of the text: every other document, or every other passage if there are few documents.
    pub temperature: f64,
    /// Number of tokens in that half.
    pub fitted_tokens: u64,
    /// Expected calibration error on the other half, without and with the temperature.
    pub checked: [Metric; 2],
}

/// A bin of tokens whose top prediction had a similar probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    pub count: u64,
    pub confidence: f64,
    pub accuracy: f64,
    /// Confidence interval of `accuracy`.
    pub interval: [f64; 2],
}

impl CalibrationBin {
    /// Bins with fewer tokens are not drawn: their accuracy is too uncertain.
    pub const MIN_TOKENS: u64 = 10;

    /// Whether the bin has enough tokens to be drawn.
    pub fn is_drawn(&self) -> bool {
        self.count >= Self::MIN_TOKENS
    }
}

/// The result of a simpler model on the same text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub name: String,
    /// A one-sentence description.
    pub about: String,
    pub bits_per_byte: Metric,
    /// Perplexity over the model's own tokens, if the baseline predicts them.
    pub perplexity: Option<f64>,
    /// The baseline's bits per byte minus the model's, paired by document: above 0 if the model is better.
    pub difference: Option<Metric>,
    /// Loss of each document in nats, if the baseline predicts documents separately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nats: Vec<f64>,
    /// Unix time in seconds of the original result, if it was kept from an earlier evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

/// Overlap of evaluated text with the training text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// Length of the n-grams in words.
    pub n: usize,
    /// Number of documents or rows that were checked.
    pub looked_up: u64,
    /// Number of those that share an n-gram with the training text.
    pub found: u64,
    /// Fraction of all their n-grams that occur in the training text.
    pub share: f64,
    /// The most contaminated ones: the start of each text and the fraction of its n-grams found.
    pub worst: Vec<(String, f64)>,
    /// The method, in one or two sentences.
    pub about: String,
}

impl Contamination {
    /// Whether the overlap is a warning: at least a tenth of the n-grams. Less hardly moves a mean.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.share >= 0.1
    }
}

choices! {
    /// Kind of answer that a task's rows require, with a description that follows "rows that".
    pub enum AnswerKind = Generate {
        Generate = "generate", "are answered in free text";
        /// A choice among given answers.
        Choose = "choose", "choose among answers";
        /// The label of a text.
        Classify = "classify", "have labels";
        /// A tag for each word.
        Tag = "tag", "have tags";
        /// The likelihood of the given continuation.
        Continue = "continue", "have a continuation";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskReport {
    /// The file's name without its folder, or the family of tasks.
    pub name: String,
    /// CRC-32C of the file; only answers to the same rows are compared.
    pub file_crc32c: u32,
    /// The suite of the family, `tasks`; empty for a user's own file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suite: String,
    pub kind: AnswerKind,
    pub rows: u64,
    /// How the task was run, one sentence each.
    pub about: Vec<String>,
    /// Lines that could not be evaluated, with the reason.
    pub broken: Vec<(u64, String)>,
    pub metrics: Vec<Metric>,
    /// Confusion matrix, classification report, accuracy by template.
    pub tables: Vec<Table>,
    /// Reports in the format of the package that defines them, each with the title of the table that has the same figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<(String, String)>,
    /// One per row, for paired comparisons and for reading.
    pub answers: Vec<TaskAnswer>,
    /// Overlap of the rows with the training text.
    pub contamination: Option<Contamination>,
    /// Results of baselines on the same rows.
    pub beside: Vec<TaskBaseline>,
    /// Unix time in seconds of the original result, if it was kept from an earlier evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<f64>,
}

/// Result on a task of a simple rule, or of a model that does not run here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskBaseline {
    /// `random`, `majority`, or the name given to the results.
    pub name: String,
    /// A one-sentence description.
    pub about: String,
    pub metrics: Vec<Metric>,
    /// The model's value minus the baseline's, paired by row, for each metric that is a mean over rows.
    pub differences: Vec<Metric>,
    /// Lines of the results that match no row, with the reason.
    pub broken: Vec<(u64, String)>,
}

/// A row of a task and the model's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskAnswer {
    /// Line number in the file, from 1.
    pub line: u64,
    /// The prompt as given to the model.
    pub prompt: String,
    pub answer: String,
    pub expected: Vec<String>,
    /// The row's score for each metric in `TaskReport::metrics`; `None` if the metric is not a mean over rows.
    pub scores: Vec<Option<f64>>,
    /// The row's template or group, if it has one.
    pub group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub first: String,
    pub second: String,
    /// The metric: `bits_per_byte`, or a task's name and metric.
    pub what: String,
    pub first_value: f64,
    pub second_value: f64,
    /// First minus second, paired, with its confidence interval.
    pub difference: Metric,
    /// Plain-language conclusion: which is better, or that the difference is within the noise.
    pub verdict: String,
}

choices! {
    /// A part of an audit, in the order of the report.
    #[derive(PartialOrd, Ord)]
    pub enum AuditTopic = Bias {
        /// Which of two paired sentences the model finds more likely.
        Bias = "bias", "Bias";
        /// Moderation findings in generated text.
        Moderation = "moderation", "Moderation";
        /// Passages of the training text that the model completes verbatim.
        Memorisation = "memorisation", "Memorisation";
        /// Secrets planted in the training text.
        Canaries = "canaries", "Canaries";
        /// Personal data in generated text.
        Personal = "personal", "Personal data";
    }
}

settings! {
    pub struct AuditSettings: "" lenient() {
        /// Parts to run; empty means all.
        pub sections: Vec<AuditTopic> = Vec::new();
        /// Number of sampled texts, and of training passages.
        pub samples: usize = 200, "Samples", 1..=10_000;
        /// The user's own sentence pairs, in the format of `docs/audit.md`: a path natively, else the file's text.
        pub pairs: Option<String> = None;
        /// Seed of all random sampling.
        pub seed: u64 = 0, "Seed of the audit", 0..;
        /// Save the result with the run.
        pub keep: bool = true;
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    pub run: String,
    /// The checkpoint's file, or `current`.
    pub checkpoint: String,
    /// Training steps of the weights.
    pub step: u64,
    /// CRC-32C of the weights' bytes. Earlier parts of an audit are kept if it is the same.
    pub weights_crc32c: u32,
    /// Unix time in seconds.
    pub made: f64,
    pub device: String,
    pub seconds: f64,
    pub sections: Vec<AuditSection>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditSection {
    pub name: AuditTopic,
    pub title: String,
    /// The sample size, in a sentence.
    pub sample: String,
    pub metrics: Vec<Metric>,
    pub tables: Vec<Table>,
    /// What this part cannot show, one sentence each.
    pub limits: Vec<String>,
    /// Why this part was not run.
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
    fn a_list_of_metrics_keeps_settings_and_patterns_as_they_are() {
        for (list, names) in [
            ("", &[][..]),
            (" , ", &[]),
            (" Exact_Match, f1  ROUGE:stemmer,", &["exact_match", "f1", "rouge:stemmer"]),
            ("rule:regex=^[A-Z]", &["rule:regex=^[A-Z]"]),
            ("f1,Rule:Regex=[0-9]{1,3} a", &["f1", "rule:regex=[0-9]{1,3} a"]),
            ("rule:format=<A>, f1", &["rule:format=<A>, f1"]),
            ("rule:length=20,acc", &["rule:length=20", "acc"]),
            ("rule:contains=Red fox,rule:contains acc", &["rule:contains=Red fox", "rule:contains", "acc"]),
        ] {
            assert_eq!(metric_names(list), names, "{list}");
        }
    }

    #[test]
    fn results_of_other_versions_are_read() {
        assert_eq!(serde_json::from_str::<AuditSettings>("{\"later\":1}").unwrap(), AuditSettings::default());
        assert!(serde_json::from_str::<crate::GenerateConfig>("{\"later\":1}").is_err());
    }

    #[test]
    fn a_task_without_a_kind_is_answered_in_free_text() {
        let read = serde_json::from_str::<TaskReport>("{\"kind\":\"choose\"}").unwrap();
        assert_eq!((read.kind, TaskReport::default().kind), (AnswerKind::Choose, AnswerKind::Generate));
    }
}
