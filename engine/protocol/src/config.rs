//! A run's settings beside the model: data, tokenizer, training, generation.

use crate::{Invalid, ModelConfig, names, require};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that decides a run; saved with it as `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the preset it began as, for the record.
    #[serde(default)]
    pub preset: String,
    /// Seed of initialisation, batches, dropout.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// `auto`, `cpu`, `gpu`, `burn-wgpu`, or part of an adapter's name.
    #[serde(default = "default_device")]
    pub device: String,
    /// Where the text comes from and how it is split.
    #[serde(default)]
    pub data: DataConfig,
    /// How text becomes tokens.
    pub tokenizer: TokenizerConfig,
    /// The decoder.
    pub model: ModelConfig,
    /// The training loop.
    pub train: TrainConfig,
}

fn default_seed() -> u64 {
    1337
}

fn default_device() -> String {
    "auto".to_owned()
}

/// Where text comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// `.txt`, `.md` and `.jsonl` files, or folders of them. Empty: the embedded story corpus.
    pub paths: Vec<String>,
    /// Bytes of the embedded corpus, where it is used.
    pub corpus_bytes: u64,
    /// Share of the text held out for validation: the last documents, or the end of a single text. A cleaned folder says
    /// itself which documents are held out.
    pub validation: f64,
    /// Share of training windows that begin in each source of a cleaned folder, as `{ web = 0.7, books = 0.3 }`; the shares
    /// are scaled to add up to 1. Empty: what the folder's own mixture says, else anywhere in the text alike.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mixture: BTreeMap<String, f64>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { paths: Vec::new(), corpus_bytes: 2_000_000, validation: 0.1, mixture: BTreeMap::new() }
    }
}

/// How text becomes tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The algorithm.
    pub kind: TokenizerKind,
    /// Most entries that a trained vocabulary may have, special tokens included; byte and char ignore it.
    #[serde(default = "default_vocabulary")]
    pub vocabulary: usize,
    /// A pair or word seen less often than this is not merged or kept.
    #[serde(default = "default_min_frequency")]
    pub min_frequency: u64,
    /// Special tokens beside `<|endoftext|>`, which is always there.
    #[serde(default)]
    pub special_tokens: Vec<String>,
}

fn default_vocabulary() -> usize {
    4096
}

fn default_min_frequency() -> u64 {
    2
}

/// The tokenizer's algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerKind {
    /// One token a byte.
    Byte,
    /// One token a Unicode character that the text holds.
    Char,
    /// Byte-level byte-pair encoding (Sennrich et al. 2016; GPT-2).
    Bpe,
    /// WordPiece (Schuster and Nakajima 2012; BERT).
    WordPiece,
    /// Unigram language model (Kudo 2018; SentencePiece).
    Unigram,
}

/// The optimizer's update rule. Weight decay is decoupled and touches matrices only in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam with decoupled decay (Loshchilov and Hutter 2019).
    Adamw,
    /// Adam (Kingma and Ba 2015); `weight_decay` must be 0.
    Adam,
    /// Stochastic gradient descent; `beta1` is the momentum (PyTorch's form, no dampening).
    Sgd,
    /// RMSProp (Tieleman and Hinton 2012); `beta2` is the smoothing.
    Rmsprop,
}

/// The learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine down to `min_learning_rate` (Loshchilov and Hutter 2017).
    Cosine,
    /// A straight line down to `min_learning_rate`.
    Linear,
    /// No decay.
    Constant,
    /// Warm-up, stable, then a straight line down over the last `decay_steps` (WSD; Hu et al. 2024).
    WarmupStableDecay,
}

/// The training loop's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: u64,
    /// Windows in a micro-batch.
    pub batch: usize,
    /// Micro-batches whose gradients are averaged before one optimizer step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Update rule.
    #[serde(default = "default_optimizer")]
    pub optimizer: OptimizerKind,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Learning rate at the end of the decay.
    #[serde(default)]
    pub min_learning_rate: f64,
    /// Steps of linear warm-up from 0.
    #[serde(default)]
    pub warmup_steps: u64,
    /// Shape after the warm-up.
    #[serde(default = "default_decay")]
    pub decay: Decay,
    /// Steps of the last phase of `warmup_stable_decay`; 0 takes a tenth of `steps`.
    #[serde(default)]
    pub decay_steps: u64,
    /// First moment's smoothing, or SGD's momentum.
    #[serde(default = "default_beta1")]
    pub beta1: f64,
    /// Second moment's smoothing.
    #[serde(default = "default_beta2")]
    pub beta2: f64,
    /// Added to the root of the second moment.
    #[serde(default = "default_eps")]
    pub eps: f64,
    /// Decoupled weight decay on matrices and embeddings.
    #[serde(default)]
    pub weight_decay: f64,
    /// Largest global gradient norm; 0 switches clipping off.
    #[serde(default = "default_clip")]
    pub clip: f64,
    /// Label smoothing of the training loss, in [0, 1).
    #[serde(default)]
    pub label_smoothing: f32,
    /// A target id that takes no part in the loss.
    #[serde(default)]
    pub ignore_index: Option<u32>,
    /// Steps between evaluations; one more at the end. 0 switches them off.
    #[serde(default = "default_eval_interval")]
    pub eval_interval: u64,
    /// Batches that an evaluation averages over, of each split.
    #[serde(default = "default_eval_batches")]
    pub eval_batches: usize,
    /// Steps between checkpoints of the latest state; one more at the end.
    #[serde(default = "default_eval_interval")]
    pub checkpoint_interval: u64,
    /// Seconds after which the latest state is saved whatever the step; 0 switches that off. It changes no number of the run.
    #[serde(default = "default_checkpoint_seconds")]
    pub checkpoint_seconds: u64,
    /// Steps between milestones, weights in half precision that are kept for good, the untrained ones and the last among them;
    /// 0 switches them off.
    #[serde(default)]
    pub milestone_interval: u64,
    /// Steps between printed samples; 0 switches them off.
    #[serde(default)]
    pub sample_interval: u64,
    /// What a printed sample begins with.
    #[serde(default)]
    pub sample_prompt: String,
    /// Tokens of a printed sample.
    #[serde(default = "default_sample_tokens")]
    pub sample_tokens: usize,
}

fn one() -> usize {
    1
}
fn default_optimizer() -> OptimizerKind {
    OptimizerKind::Adamw
}
fn default_decay() -> Decay {
    Decay::Cosine
}
fn default_beta1() -> f64 {
    0.9
}
fn default_beta2() -> f64 {
    0.95
}
fn default_eps() -> f64 {
    1e-8
}
fn default_clip() -> f64 {
    1.0
}
fn default_eval_interval() -> u64 {
    250
}
fn default_eval_batches() -> usize {
    20
}
fn default_checkpoint_seconds() -> u64 {
    120
}
fn default_sample_tokens() -> usize {
    120
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 2000,
            batch: 12,
            accumulate: 1,
            optimizer: default_optimizer(),
            learning_rate: 1e-3,
            min_learning_rate: 1e-4,
            warmup_steps: 100,
            decay: default_decay(),
            decay_steps: 0,
            beta1: default_beta1(),
            beta2: default_beta2(),
            eps: default_eps(),
            weight_decay: 0.1,
            clip: default_clip(),
            label_smoothing: 0.0,
            ignore_index: None,
            eval_interval: default_eval_interval(),
            eval_batches: default_eval_batches(),
            checkpoint_interval: default_eval_interval(),
            checkpoint_seconds: default_checkpoint_seconds(),
            milestone_interval: 0,
            sample_interval: 0,
            sample_prompt: String::new(),
            sample_tokens: default_sample_tokens(),
        }
    }
}

/// How the next token is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateConfig {
    /// Tokens to write at most.
    pub max_tokens: usize,
    /// Logits are divided by it; 0 is greedy.
    pub temperature: f32,
    /// Keep the k likeliest; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of likeliest tokens whose probabilities reach p (Holtzman et al. 2020); 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest (Nguyen et al. 2024); 0 drops none.
    pub min_p: f32,
    /// Logits of tokens in the window are divided (positive) or multiplied (negative) by it (Keskar et al. 2019); 1 is off.
    pub repetition_penalty: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// Texts that end the generation; what is written stops before them.
    pub stop: Vec<String>,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            max_tokens: 200,
            temperature: 0.8,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 1,
            stop: Vec::new(),
        }
    }
}

impl GenerateConfig {
    /// Checks every rule; the first broken one is named.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.max_tokens >= 1, "max_tokens", self.max_tokens, "be at least 1")?;
        let finite = self.temperature.is_finite() && self.temperature >= 0.0;
        require(finite, "temperature", self.temperature, "be 0 (greedy) or more")?;
        require(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", self.top_p, "lie above 0 and be at most 1")?;
        require((0.0..=1.0).contains(&self.min_p), "min_p", self.min_p, "lie between 0 and 1")?;
        require(
            self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
            "repetition_penalty",
            self.repetition_penalty,
            "be a number above 0",
        )?;
        require(self.stop.iter().all(|stop| !stop.is_empty()), "stop", "\"\"", "hold at least one character")
    }
}

impl TrainConfig {
    /// Checks every rule; the first broken one is named.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.steps >= 1, "train.steps", self.steps, "be at least 1")?;
        require(self.batch >= 1, "train.batch", self.batch, "be at least 1")?;
        require(self.batch <= 1 << 16, "train.batch", self.batch, "be at most 65536")?;
        require(self.accumulate >= 1, "train.accumulate", self.accumulate, "be at least 1")?;
        require(self.accumulate <= 1 << 16, "train.accumulate", self.accumulate, "be at most 65536")?;
        require(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            "train.learning_rate",
            self.learning_rate,
            "be a number above 0",
        )?;
        require(
            self.min_learning_rate >= 0.0 && self.min_learning_rate <= self.learning_rate,
            "train.min_learning_rate",
            self.min_learning_rate,
            format!("lie between 0 and train.learning_rate ({})", self.learning_rate),
        )?;
        for (field, value) in [("train.beta1", self.beta1), ("train.beta2", self.beta2)] {
            require((0.0..1.0).contains(&value), field, value, "be at least 0 and below 1")?;
        }
        require(self.eps.is_finite() && self.eps > 0.0, "train.eps", self.eps, "be a number above 0")?;
        require(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "train.weight_decay",
            self.weight_decay,
            "be 0 or more",
        )?;
        require(
            !(self.optimizer == OptimizerKind::Adam && self.weight_decay != 0.0),
            "train.weight_decay",
            self.weight_decay,
            "be 0 with optimizer = \"adam\" (adamw decays)",
        )?;
        require(self.clip.is_finite() && self.clip >= 0.0, "train.clip", self.clip, "be 0 or more")?;
        require(
            (0.0..1.0).contains(&self.label_smoothing),
            "train.label_smoothing",
            self.label_smoothing,
            "be at least 0 and below 1",
        )?;
        require(
            self.eval_interval == 0 || self.eval_batches >= 1,
            "train.eval_batches",
            self.eval_batches,
            "be at least 1 when train.eval_interval is not 0",
        )?;
        require(
            self.sample_interval == 0 || self.sample_tokens >= 1,
            "train.sample_tokens",
            self.sample_tokens,
            "be at least 1 when train.sample_interval is not 0",
        )?;
        require(
            self.decay_steps <= self.steps,
            "train.decay_steps",
            self.decay_steps,
            format!("be at most train.steps ({})", self.steps),
        )
    }

    /// Learning rate of step `step`, counted from 0, as nanoGPT has it: warm-up lr·(step + 1)/(warm-up + 1), then the decay.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let (peak, low) = (self.learning_rate, self.min_learning_rate);
        if step < self.warmup_steps {
            return peak * (step + 1) as f64 / (self.warmup_steps + 1) as f64;
        }
        // The decay reaches its end at step `steps`, one after the last.
        let share = |from: u64| {
            let length = self.steps.saturating_sub(from).max(1) as f64;
            (step.saturating_sub(from) as f64 / length).min(1.0)
        };
        match self.decay {
            Decay::Constant => peak,
            Decay::Linear => peak + (low - peak) * share(self.warmup_steps),
            Decay::Cosine => {
                let angle = core::f64::consts::PI * share(self.warmup_steps);
                low + 0.5 * (1.0 + libm::cos(angle)) * (peak - low)
            }
            Decay::WarmupStableDecay => {
                let length = if self.decay_steps == 0 { self.steps / 10 } else { self.decay_steps };
                let from = self.steps.saturating_sub(length).max(self.warmup_steps);
                if step < from { peak } else { peak + (low - peak) * share(from) }
            }
        }
    }
}

impl RunConfig {
    /// Reads a run's TOML text.
    ///
    /// # Errors
    /// One line that names the text's line; a misspelt field is named with the nearest that exists.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let reason = one_line(&error);
            match error.span().and_then(|span| text.get(..span.start)) {
                Some(before) => format!("line {}: {reason}", before.matches('\n').count() + 1),
                None => reason,
            }
        })
    }

    /// The run as TOML text.
    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// Sets one field by its dotted path, as in `train.eval_interval=100`; the value is TOML, or else a bare string.
    ///
    /// # Errors
    /// One line: a path that leads nowhere, with the nearest that exists, or a value of another kind.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (path, value) = assignment
            .split_once('=')
            .ok_or_else(|| format!("`{assignment}` must have the form section.key=value"))?;
        let mut root = toml::Value::try_from(&*self).map_err(|error| error.to_string())?;
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
        let mut keys: Vec<&str> = path.trim().split('.').collect();
        let last = keys.pop().unwrap_or_default();
        let mut table = root.as_table_mut().ok_or("the run's configuration is not a table")?;
        for key in keys {
            let known: Vec<String> = table.keys().cloned().collect();
            table = table
                .get_mut(key)
                .and_then(toml::Value::as_table_mut)
                .ok_or_else(|| names::unknown("section", key, known.iter().map(String::as_str)))?;
        }
        // A whole number for a field of fractions is what people write.
        let value = match (table.get(last), parsed) {
            (Some(toml::Value::Float(_)), toml::Value::Integer(number)) => toml::Value::Float(number as f64),
            (_, parsed) => parsed,
        };
        table.insert(last.to_owned(), value);
        *self = root
            .try_into()
            .map_err(|error: toml::de::Error| format!("{}: {}", path.trim(), one_line(&error)))?;
        Ok(())
    }

    /// Checks every rule of every part; the first broken one is named. The vocabulary must be known by now.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(
            self.data.validation > 0.0 && self.data.validation < 1.0,
            "data.validation",
            self.data.validation,
            "lie between 0 and 1",
        )?;
        for (source, share) in &self.data.mixture {
            let field = format!("data.mixture.{source}");
            require(share.is_finite() && *share >= 0.0, &field, share, "be a number of at least 0")?;
        }
        let shares: f64 = self.data.mixture.values().sum();
        let weighed = self.data.mixture.is_empty() || shares > 0.0;
        require(weighed, "data.mixture", shares, "add up to more than 0")?;
        self.model.validate()?;
        self.train.validate()?;
        if let Some(id) = self.train.ignore_index {
            require(
                (id as usize) < self.model.vocabulary || id == u32::MAX,
                "train.ignore_index",
                id,
                format!("be below model.vocabulary ({}) or 4294967295", self.model.vocabulary),
            )?;
        }
        Ok(())
    }
}

/// An error of TOML without the excerpt of its text, with a suggestion where a name is misspelt.
fn one_line(error: &toml::de::Error) -> String {
    let message: Vec<&str> = error.message().lines().map(str::trim).collect();
    names::with_suggestion(&message.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::presets;

    #[test]
    fn an_error_of_toml_is_one_line_that_names_it() {
        let run = presets::preset("nanogpt-cpu").unwrap();
        let text = run.to_toml().unwrap();
        let number = |part: &str| text.lines().position(|line| line.starts_with(part)).unwrap() + 1;
        for (from, to, wanted) in [
            ("eval_interval = ", "eval_intervall = ", "did you mean `eval_interval`?"),
            ("batch = ", "batch = -", "expected usize"),
            ("learning_rate = ", "learning_rate = x", ""),
        ] {
            let damaged = text.replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
            let reason = crate::RunConfig::from_toml(&damaged).unwrap_err();
            assert!(reason.starts_with(&format!("line {}: ", number(from))), "{reason}");
            assert!(reason.contains(wanted) && !reason.contains('\n'), "{reason}");
        }
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
        let fractions =
            ["learning_rate", "min_learning_rate", "beta1", "beta2", "eps", "weight_decay", "clip"];
        let cases = fractions
            .iter()
            .chain(&["label_smoothing"])
            .flat_map(|field| ["nan", "inf", "-inf"].map(|value| format!("train.{field} = {value}")));
        let others = ["data.validation = nan", "model.norm.eps = nan", "model.init.std = nan"];
        let counts = ["train.accumulate = 65537", "train.sample_tokens = 0"];
        for assignment in cases.chain(others.iter().chain(&counts).map(ToString::to_string)) {
            let mut run = presets::preset("nanogpt-cpu").unwrap();
            run.model.vocabulary = 65;
            run.train.sample_interval = 10;
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
    }
}
