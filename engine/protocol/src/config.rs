//! Settings of a run other than the model: data in this file; tokenizer, training and generation in submodules.

mod adapter;
pub(crate) mod change;
mod distil;
mod early_stopping;
mod generate;
mod guard;
mod milestones;
mod moderation;
mod objective;
mod preference;
mod proportions;
mod reward;
mod start;
mod synthetic;
mod tokenizer;
mod train;
mod trainable;
mod tuning;

pub use adapter::{Adapter, AdapterKind, AdapterTarget};
pub use change::flatten;
pub use distil::DistilSettings;
pub use early_stopping::EarlyStopping;
pub use generate::{GenerateConfig, Grammar, MAX_ENDS};
pub use guard::{GuardAction, GuardMode, GuardSettings};
pub use milestones::{MAX_MILESTONES, Milestones};
pub use moderation::{Category, Moderated, Moderation, ModerationMode, Severity};
pub use objective::{ChatSettings, Objective};
pub use preference::{PreferenceLoss, PreferenceSettings};
pub use reward::{RewardLoss, RewardRule, RewardSettings};
pub use start::Start;
pub use synthetic::Synthetic;
pub use tokenizer::{END_OF_TEXT, PreTokenizerKind, TokenizerConfig, TokenizerKind};
pub use train::{Decay, OptimizerKind, Precision, TrainConfig};
pub use trainable::Trainable;

use crate::setting::{Settings as _, settings};
use crate::{Gate, Hint, Invalid, ModelConfig, WeightFormat, is_default, names, require, rules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;

/// All settings of a run, saved with it as `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the preset that it started from, for the record.
    #[serde(default)]
    pub preset: String,
    /// Seed of initialisation, batches and dropout.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// `auto`, `cpu`, `gpu`, `burn-wgpu`, or part of an adapter's name.
    #[serde(default = "default_device")]
    pub device: String,
    /// Storage format of the matrices of a compressed run; others are f32.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub weights: WeightFormat,
    /// Initial weights; `None` means random initialisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    #[serde(default)]
    pub data: DataConfig,
    pub tokenizer: TokenizerConfig,
    pub model: ModelConfig,
    pub train: TrainConfig,
}

fn default_seed() -> u64 {
    1337
}

fn default_device() -> String {
    "auto".to_owned()
}

settings! {
    /// Source and split of the training text.
    pub struct DataConfig: "data." {
        /// Files of any kind that the data bench reads, folders of such files, or cleaned folders. Empty: the built-in stories.
        pub paths: Vec<String> = Vec::new();
        #[serde(skip_serializing_if = "is_default")]
        pub synthetic: Synthetic = Synthetic::None, "Synthetic rows";
        /// Bytes to use of the built-in stories.
        pub corpus_bytes: u64 = 2_000_000, "Bytes of stories", 0..=1 << 40;
        /// Fraction held out for validation: documents or rows selected by a hash of their content, so that copies stay together; of a single
        /// text, or a few, the end of each. A cleaned folder determines its own split.
        pub validation: f64 = 0.1, "Validation share", (Bound::Excluded(0.0), Bound::Excluded(1.0));
        /// Seed of the hash that selects held-out documents and rows.
        #[serde(skip_serializing_if = "is_default")]
        pub validation_seed: u64 = 0, "Seed of the split";
        /// Files or folders to hold out; from `paths`, only documents that a cleaned folder marks are then held out. Empty: hold out the
        /// fraction `validation`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub validation_files: Vec<String> = Vec::new();
        /// Fraction of training windows that start in each source of a cleaned folder, as in `{ web = 0.7, books = 0.3 }`; normalised to
        /// sum to 1. Empty: the folder's own mixture, or else uniform over the text.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        pub mixture: BTreeMap<String, f64> = BTreeMap::new();
        /// Number of canaries: sentences with a secret number, inserted into the training text 1, 2, 4, … up to 64 times each, so that an
        /// audit can measure how much the model leaks (Carlini et al. 2019, arXiv:1802.08232).
        #[serde(skip_serializing_if = "is_default")]
        pub canaries: usize = 0, "Canaries", 0..=MAX_CANARIES;
    }
}

/// Maximum number of canaries; each has a distinct name.
pub const MAX_CANARIES: usize = 200;

impl RunConfig {
    /// Parses a run's TOML. The error is one line with the line number; a misspelt field comes with the nearest existing name.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| with_line(text, &error))
    }

    /// The settings of a run that distils the original into its pruned weights, from which these settings start: few steps, at a third of
    /// the original's learning rate.
    #[must_use]
    pub fn recovering(mut self, original: &Start) -> Self {
        const STEPS: u64 = 300;
        let train = &mut self.train;
        train.objective = Objective::Distil;
        train.distil = DistilSettings {
            teacher: format!("{}:{}", original.run, original.checkpoint),
            ..DistilSettings::default()
        };
        (train.steps, train.epochs, train.label_smoothing) = (STEPS, None, 0.0);
        train.unlikelihood = 0.0;
        train.prompt_loss_weight = 0.0;
        train.warmup_steps = train.warmup_steps.min(STEPS / 10);
        train.decay_steps = train.decay_steps.min(STEPS);
        train.learning_rate = (train.learning_rate / 3.0).max(train.min_learning_rate);
        self
    }

    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// Checks all rules and names the first broken one. `model.vocabulary` must be set.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.data.check()?;
        for (source, share) in &self.data.mixture {
            let field = format!("data.mixture.{source}");
            require(share.is_finite() && *share >= 0.0, &field, share, "be a number of at least 0")?;
        }
        let (train, mixture, synthetic) = (&self.train, &self.data.mixture, self.data.synthetic);
        let (shares, canaries): (f64, usize) = (mixture.values().sum(), self.data.canaries);
        let files = [&self.data.paths, &self.data.validation_files];
        let fits = train.objective.is_text() && canaries == 0 && files.iter().all(|files| files.is_empty());
        let ignored = train.ignore_index;
        rules! {
            mixture.is_empty() || shares > 0.0 => "data.mixture", shares, "add up to more than 0";
            mixture.len() <= 1 << 16 => "data.mixture", mixture.len(), "name at most 65536 sources";
            canaries == 0 || train.objective.learns_text() => "data.canaries", canaries,
                "be 0, unless train.objective is text or distil: they are planted into a text";
            synthetic.is_none() || fits => "data.synthetic", synthetic.name(),
                "be none, unless train.objective is text, data.canaries is 0, and data.paths and data.validation_files are empty: its rows \
                 replace the text";
            synthetic.is_none() || ignored == Some(u32::MAX) => "train.ignore_index", ignored.unwrap_or_default(),
                "be 4294967295 with data.synthetic: only answers count in the loss";
        }
        if let Some(start) = &self.start {
            start.validate()?;
        }
        self.tokenizer.validate()?;
        self.model.validate()?;
        self.train.validate()?;
        let is_adam = matches!(train.optimizer, OptimizerKind::Adamw | OptimizerKind::Adam);
        let rule =
            "be adamw or adam with model.base_width: muP scales the learning rates of others differently";
        let fits = self.model.base_width.is_none() || is_adam;
        require(fits, "train.optimizer", train.optimizer.title(), rule)?;
        if let Trainable::Last(blocks) = self.train.trainable {
            let (layers, field) = (self.model.layers, "train.trainable");
            let rule = format!("name at least 1 block and at most model.layers ({layers})");
            require(blocks >= 1 && blocks <= layers, field, &self.train.trainable, rule)?;
        }
        let fits = self.start.is_some() || train.objective.learns_text();
        let rule = "be text or distil, unless the run begins with a trained model";
        require(fits, "train.objective", train.objective, rule)
            .map_err(|invalid| invalid.hint(Hint::Start))?;
        let labels = self.model.labels.join(", ");
        let own_head = self.train.has_own_head();
        let rule = "be none, unless train.objective is classify or train.preference.loss is bradley_terry: a model with a head for \
                    labels, or for a score, generates no text";
        require(self.model.labels.is_empty() || own_head, "model.labels", labels, rule)?;
        if let Some(adapter) = self.train.adapter.as_ref().filter(|_| own_head) {
            let rule = "be left out with an objective that has its own head, which is always trained in full";
            let head = adapter.targets.contains(&AdapterTarget::Head);
            require(!head, "train.adapter.targets", "head", rule)?;
        }
        if self.train.objective.has_teacher() {
            self.train.distil.validate_teacher(&self.model)?;
        }
        if let Some(adapter) = &self.train.adapter {
            adapter.validate(&self.model, &self.train)?;
        }
        let windows = self.train.batch_size as u64 * self.train.accumulate as u64;
        let tokens = windows * self.model.context_length as u64;
        let rule = "give steps of at most 2147483648 tokens, with train.accumulate and the context length";
        require(tokens <= 1 << 31, "train.batch_size", train.batch_size, rule)?;
        self.validate_sizes()?;
        let (id, vocabulary) = (ignored.unwrap_or(u32::MAX), self.model.vocabulary);
        let rule = format!("be below model.vocabulary ({vocabulary}) or 4294967295");
        require((id as usize) < vocabulary || id == u32::MAX, "train.ignore_index", id, rule)
    }

    /// Checks the labels of a run once its data have set them: at least two for a classifier, one for a reward model.
    /// [`RunConfig::validate`] does not check this, because settings of a run that will start from another one may still hold that
    /// run's labels.
    pub fn validate_labels(&self) -> Result<(), Invalid> {
        let labels = &self.model.labels;
        let (fits, rule) = match self.train.objective {
            Objective::Classify => (labels.len() >= 2, "be at least 2 with the objective classify"),
            Objective::Preference if self.train.learns_scores() => {
                (self.model.scores(), "be 1 (the score) with train.preference.loss = bradley_terry")
            }
            Objective::Text
            | Objective::Chat
            | Objective::Preference
            | Objective::Reward
            | Objective::Distil => return Ok(()),
        };
        require(labels.is_empty() || fits, "model.labels", labels.join(", "), rule)
    }

    /// Checks that no tensor of a micro-batch has 2³¹ or more entries: kernels index them with 32 bits.
    fn validate_sizes(&self) -> Result<(), Invalid> {
        let widest = |model: &ModelConfig| {
            let packed = (model.heads + 2 * model.kv_heads) * model.head_size;
            let hidden = model.hidden_channels() * if model.mlp.gate == Gate::None { 1 } else { 2 };
            packed.max(hidden).max(model.width).max(model.vocabulary)
        };
        let model = &self.model;
        let teacher = self.train.teacher_model().map_or(0, widest);
        let widest = widest(model).max(teacher);
        let batch = self.train.batch_size;
        let most = ((1_u64 << 31) - 1) / (batch as u64 * widest as u64).max(1);
        require(
            model.context_length as u64 <= most,
            "model.context_length",
            model.context_length,
            format!(
                "be at most {most}, so that no tensor has 2³¹ entries: {batch} windows and up to {widest} numbers per token; \
                 lower it, or train.batch_size"
            ),
        )
    }
}

/// A TOML error of a file as one line that gives the line number.
pub(crate) fn with_line(text: &str, error: &toml::de::Error) -> String {
    let reason = one_line(error);
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {reason}", before.matches('\n').count() + 1),
        None => reason,
    }
}

/// A TOML error without the source excerpt, with a suggestion for a misspelt name.
pub(crate) fn one_line(error: &toml::de::Error) -> String {
    let message: Vec<&str> = error.message().lines().map(str::trim).collect();
    if message.iter().any(|part| part.starts_with("unexpected key or value")) {
        return "a line has one setting, as in `name = 1`; texts are in quotes and lists in [ ]".to_owned();
    }
    names::with_suggestion(&without_types(&message.join(", ")))
}

/// Replaces Rust type names in a parser's message by plain words, and removes the position within a line that the user did not write.
pub fn without_types(message: &str) -> String {
    let message = message.split_once(" at line 1 column").map_or(message, |(message, _)| message);
    let (whole, fraction) = ("expected a whole number", "expected a number");
    let kinds = [("usize", whole), ("u64", whole), ("u32", whole), ("f64", fraction), ("f32", fraction)];
    let message = kinds.iter().fold(message.to_owned(), |message, (kind, plain)| {
        message.replace(&format!("expected {kind}"), plain)
    });
    message.replace("invalid digit found in string", whole).replace("invalid float literal", fraction)
}

#[cfg(test)]
mod tests {
    use crate::{Objective, Start, presets};

    #[test]
    fn recovering_settings_distil_the_original_into_the_pruned_run() {
        let mut config = presets::preset("first-stories-small").unwrap();
        (config.model.vocabulary, config.start) = (300, Some(Start::best_of("2-owls-pruned")));
        (config.train.label_smoothing, config.train.decay_steps) = (0.1, config.train.steps);
        let rate = config.train.learning_rate;
        let recovering = config.recovering(&Start::best_of("1-owls"));
        recovering.validate().unwrap();
        let train = &recovering.train;
        assert_eq!((train.objective, train.distil.teacher.as_str()), (Objective::Distil, "1-owls:best"));
        assert!(train.learning_rate < rate && train.decay_steps <= train.steps);
        assert_eq!(recovering.start, Some(Start::best_of("2-owls-pruned")));
    }

    #[test]
    fn a_run_that_tells_texts_apart_has_two_labels_and_one_that_scores_them_has_one() {
        let classify: &[&str] = &["train.objective=classify"];
        let score: &[&str] = &["train.objective=preference", "train.preference.loss=bradley_terry"];
        let cases: [(&[&str], &[&str], Option<&str>); 7] = [
            (&[], &[], None),
            (classify, &[], None),
            (classify, &["ham"], Some("model.labels = ham must be at least 2")),
            (classify, &["ham", "spam"], None),
            (score, &[], None),
            (score, &["reward"], None),
            (score, &["ham", "spam"], Some("model.labels = ham, spam must be 1")),
        ];
        for (changes, labels, said) in cases {
            let mut run = presets::preset("first-stories").unwrap();
            for change in changes {
                run.set(change).unwrap();
            }
            run.model.labels = labels.iter().map(|label| (*label).to_owned()).collect();
            let refused = run.validate_labels().err().map(|invalid| invalid.to_string());
            assert_eq!(refused.is_some(), said.is_some(), "{refused:?}");
            assert!(refused.unwrap_or_default().contains(said.unwrap_or_default()), "{labels:?}");
        }
    }

    #[test]
    fn an_error_of_toml_is_one_line_that_names_it() {
        let run = presets::preset("nanogpt-cpu").unwrap();
        let text = run.to_toml().unwrap();
        let number = |part: &str| text.lines().position(|line| line.starts_with(part)).unwrap() + 1;
        for (from, to, wanted) in [
            ("eval_interval = ", "eval_intervall = ", "did you mean `eval_interval`?"),
            ("batch_size = ", "batch_size = -", "expected a whole number"),
            ("learning_rate = ", "learning_rate = x", ""),
        ] {
            let damaged = text.replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
            let reason = crate::RunConfig::from_toml(&damaged).unwrap_err();
            assert!(reason.starts_with(&format!("line {}: ", number(from))), "{reason}");
            assert!(reason.contains(wanted) && !reason.contains('\n'), "{reason}");
        }
    }

    #[test]
    fn a_message_names_no_type_and_no_place_in_text_that_nobody_wrote() {
        let refusal = |text| serde_json::from_str::<crate::GenerateConfig>(text).unwrap_err().to_string();
        let told = super::without_types(&refusal(r#"{"max_tokens": -5}"#));
        assert!(told.ends_with("expected a whole number"), "{told}");
        let told = super::without_types(&"abc".parse::<u64>().unwrap_err().to_string());
        assert_eq!(told, "expected a whole number");
    }

    #[test]
    fn a_context_whose_logits_kernels_could_not_count_is_refused_by_name() {
        let mut run = presets::preset("first-stories-small").unwrap();
        let (batch, vocabulary) = (run.train.batch_size, run.model.vocabulary);
        run.model.context_length = (1_usize << 31) / (batch * vocabulary) + 1;
        let reason = run.validate().unwrap_err().to_string();
        assert!(reason.starts_with("model.context_length") && reason.contains("tensor"), "{reason}");
        run.model.context_length -= 2;
        run.validate().unwrap();
    }

    /// A setting missing from a file has the default that the program shows.
    #[test]
    fn an_empty_table_is_the_default() {
        fn check<T: Default + PartialEq + std::fmt::Debug + serde::de::DeserializeOwned>() {
            assert_eq!(toml::from_str::<T>("").unwrap(), T::default());
        }
        check::<super::DataConfig>();
        check::<super::TrainConfig>();
        check::<super::Adapter>();
        check::<super::ChatSettings>();
        check::<super::PreferenceSettings>();
        check::<super::RewardSettings>();
        check::<super::DistilSettings>();
        check::<super::EarlyStopping>();
        check::<super::GuardSettings>();
        check::<super::GenerateConfig>();
        check::<super::Moderation>();
        check::<crate::model::Dropout>();
        check::<crate::model::Initialisation>();
        check::<crate::EvaluateSettings>();
        check::<crate::AuditSettings>();
        check::<crate::InspectSettings>();
        check::<crate::CompletionSettings>();
        check::<crate::ProposalSettings>();
        check::<crate::RunLaunch>();
    }

    #[test]
    fn what_is_set_wrongly_is_refused_by_name_in_one_line() {
        for (assignment, wanted) in [
            ("train.eval_intervall=5", "did you mean `eval_interval`?"),
            ("trane.steps=5", "did you mean `train`?"),
            ("train.steps=many", "train.steps: "),
            ("train.decay=cosin", "did you mean `cosine`?"),
        ] {
            let reason = presets::preset("nanogpt-cpu").unwrap().set(assignment).unwrap_err();
            assert!(reason.contains(wanted) && !reason.contains('\n'), "{reason}");
        }
    }

    #[test]
    fn what_is_no_number_or_out_of_range_is_refused_by_name() {
        let fractions = [
            "learning_rate",
            "min_learning_rate",
            "beta1",
            "beta2",
            "eps",
            "weight_decay",
            "gradient_clipping",
        ];
        let cases = fractions
            .iter()
            .chain(&["label_smoothing"])
            .flat_map(|field| ["nan", "inf", "-inf"].map(|value| format!("train.{field} = {value}")));
        let others = ["data.validation = nan", "model.norm.eps = nan", "model.init.std = nan"];
        let counts = [
            "train.accumulate = 65537",
            "train.sample_tokens = 0",
            "train.sample_tokens = 4611686018427387904",
            "train.steps = 9223372036854775807",
            "train.warmup_steps = 9223372036854775807",
            "train.eval_interval = 9223372036854775807",
            "train.eval_batches = 4611686018427387904",
            "train.checkpoint_seconds = 9223372036854775807",
            "data.corpus_bytes = 9223372036854775807",
            "tokenizer.vocabulary = 9223372036854775807",
            "train.batch_size = 65536",
        ];
        for assignment in cases.chain(others.iter().chain(&counts).map(ToString::to_string)) {
            let mut run = presets::preset("nanogpt-cpu").unwrap();
            run.model.vocabulary = 65;
            run.train.sample_interval = 10;
            (run.model.context_length, run.train.accumulate) = (1024, 64);
            run.validate().unwrap();
            run.set(&assignment).unwrap();
            let reason = run.validate().unwrap_err();
            assert_eq!(Some(reason.field.as_str()), assignment.split(" = ").next(), "{assignment}: {reason}");
        }
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.model.vocabulary = 65;
        run.set("train.sample_interval = 0").unwrap();
        run.set("train.sample_tokens = 0").unwrap();
        run.validate().unwrap();
        run.model.labels = (0..=1 << 16).map(|number: u32| number.to_string()).collect();
        let reason = run.model.validate().unwrap_err().to_string();
        assert_eq!(reason, "model.labels = 65537 must be at most 65536");
    }
}
