//! Settings of training: optimizer, schedule, batches, evaluations, checkpoints and samples.

use super::{
    Adapter, ChatSettings, DistilSettings, EarlyStopping, GuardSettings, Milestones, Objective,
    PreferenceSettings, RewardSettings, Trainable,
};
use crate::model::Position;
use crate::quantity::counted;
use crate::{Invalid, ModelConfig, require};
use serde::{Deserialize, Serialize};

/// Update rule of the optimizer. In all of them, weight decay is decoupled and applies only to matrices.
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
    /// Muon (Jordan et al. 2024) for the weight matrices of blocks, each as it is stored: queries, keys and values are one matrix, and so
    /// are a gated MLP's two. Their update is orthogonalised and scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for
    /// LLM training"), so that one `learning_rate` serves both; momentum is 0.95. AdamW updates everything else.
    Muon,
}

/// Learning-rate schedule after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine period down to `min_learning_rate` (Loshchilov and Hutter 2017).
    Cosine,
    /// Linear decay to `min_learning_rate`.
    Linear,
    Constant,
    /// Constant, then linear decay over the last `decay_steps` (warmup-stable-decay, WSD; Hu et al. 2024).
    WarmupStableDecay,
}

impl Decay {
    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Linear => "linear",
            Self::Constant => "constant",
            Self::WarmupStableDecay => "warmup_stable_decay",
        }
    }
}

/// Storage precision of values in training, and of weights in generation. Evaluations always use 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    #[default]
    F32,
    /// 16-bit floats where it is safe, arithmetic in 32 bits, with loss scaling (Micikevicius et al. 2018). Requires a GPU with 16-bit
    /// floats.
    Mixed,
    /// `mixed` or `f32`, whichever suits the device; `f32` on the CPU and on software adapters. The run is recorded with the choice.
    Auto,
}

impl Precision {
    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Mixed => "mixed",
            Self::Auto => "auto",
        }
    }
}

/// Maximum of all settings counted in steps.
const MAX_STEPS: u64 = 1 << 32;
const MAX_EPOCHS: f64 = 1e6;
/// Maximum number of tokens in a sample.
pub(super) const MAX_TOKENS: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    pub steps: u64,
    /// Number of passes over the training text or rows. If set, it determines `steps` once the data is prepared at the start of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Windows per micro-batch.
    pub batch_size: usize,
    /// Gradient accumulation: micro-batches per optimizer step, whose gradients are averaged.
    pub accumulate: usize,
    pub optimizer: OptimizerKind,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Learning rate at the end of the decay.
    pub min_learning_rate: f64,
    /// Steps of linear warm-up from 0.
    pub warmup_steps: u64,
    pub decay: Decay,
    /// Length of the last phase of `warmup_stable_decay`; 0 means a tenth of `steps`.
    pub decay_steps: u64,
    /// Decay rate of the first moment, or SGD's momentum.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the square root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay of matrices and embeddings.
    pub weight_decay: f64,
    /// Maximum global gradient norm; 0 disables clipping.
    pub gradient_clipping: f64,
    /// Label smoothing of the training loss, in [0, 1).
    pub label_smoothing: f32,
    /// α of unlikelihood training for the objective `text` (Welleck et al. 2019, "Neural text generation with unlikelihood training",
    /// arXiv 1908.04319, equations 4 and 5). The loss of a token is increased by −α·Σ ln(1 − p(c)) over the distinct tokens c that
    /// precede it in its row (with `document_mask`, in its document), except the token itself. 0 disables it.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlikelihood: f32,
    /// Weight of prompt tokens in the loss of the objective `chat`, from 0 to 1 (the weight of the answer's tokens): the loss is Σ
    /// w·loss / Σ w over a step's tokens, as with OpenAI's `prompt_loss_weight`. Messages marked as not learned count as part of the
    /// prompt. Evaluations only use the answers.
    #[serde(skip_serializing_if = "is_zero")]
    pub prompt_loss_weight: f32,
    /// Target id that is excluded from the loss.
    pub ignore_index: Option<u32>,
    /// The trained parameters; the others are frozen.
    pub trainable: Trainable,
    /// Adapter to train while the model's own weights are frozen. Placed here because `run.toml` needs tables after the plain fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// Restrict attention to the token's own document in windows with several documents (Grattafiori et al. 2024, section 3.2).
    /// Positions still count along the window.
    pub document_mask: bool,
    /// Keep only each block's output for the backward pass and recompute the rest: one more forward pass for much less memory (Chen et
    /// al. 2016). Results are unchanged.
    pub activation_checkpointing: bool,
    pub precision: Precision,
    /// Steps between evaluations; there is also one at the end. 0 disables them.
    pub eval_interval: u64,
    /// Batches per evaluation and split, each with a step's size, `batch_size` · `accumulate`.
    pub eval_batches: usize,
    /// Steps between checkpoints of the latest state; there is also one at the end.
    pub checkpoint_interval: u64,
    /// Seconds after which the latest state is saved regardless of the step; 0 disables this. Results are unchanged.
    pub checkpoint_seconds: u64,
    /// Steps between milestones (weights in half precision, kept permanently), including the untrained and the final weights; 0
    /// disables them.
    pub milestone_interval: u64,
    #[serde(skip_serializing_if = "Milestones::is_off")]
    pub milestones: Milestones,
    /// Steps between samples; 0 disables them.
    pub sample_interval: u64,
    pub sample_prompt: String,
    pub sample_tokens: usize,
    #[serde(skip_serializing_if = "Objective::is_text")]
    pub objective: Objective,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub chat: ChatSettings,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub preference: PreferenceSettings,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub reward: RewardSettings,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub distil: DistilSettings,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub early_stopping: EarlyStopping,
    #[serde(skip_serializing_if = "crate::is_default")]
    pub guard: GuardSettings,
}

fn is_zero(number: &f32) -> bool {
    *number == 0.0
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 2000,
            epochs: None,
            batch_size: 12,
            accumulate: 1,
            optimizer: OptimizerKind::Adamw,
            trainable: Trainable::All,
            adapter: None,
            document_mask: false,
            learning_rate: 1e-3,
            min_learning_rate: 1e-4,
            warmup_steps: 100,
            decay: Decay::Cosine,
            decay_steps: 0,
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
            gradient_clipping: 1.0,
            label_smoothing: 0.0,
            unlikelihood: 0.0,
            prompt_loss_weight: 0.0,
            ignore_index: None,
            activation_checkpointing: false,
            precision: Precision::F32,
            eval_interval: 250,
            eval_batches: 20,
            checkpoint_interval: 250,
            checkpoint_seconds: 120,
            milestone_interval: 0,
            milestones: Milestones::Off,
            sample_interval: 0,
            sample_prompt: String::new(),
            sample_tokens: 120,
            objective: Objective::Text,
            chat: ChatSettings::default(),
            preference: PreferenceSettings::default(),
            reward: RewardSettings::default(),
            distil: DistilSettings::default(),
            early_stopping: EarlyStopping::default(),
            guard: GuardSettings::default(),
        }
    }
}

impl TrainConfig {
    /// What is trained, in a few words: the adapter, or the selection of parameters.
    pub fn trains(&self) -> String {
        self.adapter.as_ref().map_or_else(|| self.trainable.to_string(), ToString::to_string)
    }

    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.steps >= 1, "train.steps", self.steps, "be at least 1")?;
        require(self.batch_size >= 1, "train.batch_size", self.batch_size, "be at least 1")?;
        require(self.batch_size <= 1 << 16, "train.batch_size", self.batch_size, "be at most 65536")?;
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
            format!("be between 0 and train.learning_rate ({})", self.learning_rate),
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
        require(
            !(self.optimizer == OptimizerKind::Muon && self.adapter.is_some()),
            "train.optimizer",
            "muon",
            "be another one with train.adapter, which freezes the matrices that muon updates (adamw trains adapters)",
        )?;
        require(
            self.gradient_clipping.is_finite() && self.gradient_clipping >= 0.0,
            "train.gradient_clipping",
            self.gradient_clipping,
            "be 0 or more",
        )?;
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
        if let Some(id) = self.ignore_index.filter(|_| self.objective.is_masked()) {
            let rule = "be left out with an objective that sets which targets count";
            require(false, "train.ignore_index", id, rule)?;
        }
        match self.objective {
            Objective::Preference => self.preference.validate(self.batch_size, self.label_smoothing)?,
            Objective::Reward => {
                self.reward.validate(self.batch_size, self.accumulate, self.label_smoothing)?;
            }
            Objective::Distil => self.distil.validate(self.label_smoothing)?,
            Objective::Text | Objective::Chat | Objective::Classify => {}
        }
        let (alpha, field) = (self.chat.neftune_alpha, "train.chat.neftune_alpha");
        require(alpha.is_finite() && alpha >= 0.0, field, alpha, "be 0 or more")?;
        let (weight, field) = (self.prompt_loss_weight, "train.prompt_loss_weight");
        require((0.0..=1.0).contains(&weight), field, weight, "be between 0 and 1")?;
        let rule = format!("be 0 with the objective {}: it belongs to chat", self.objective);
        require(weight == 0.0 || self.objective.weighs_prompts(), field, weight, rule)?;
        let (alpha, field) = (self.unlikelihood, "train.unlikelihood");
        require(alpha.is_finite() && alpha >= 0.0, field, alpha, "be 0 or more")?;
        let rule = format!("be 0 with the objective {}: it belongs to text", self.objective);
        require(alpha == 0.0 || self.objective.is_text(), field, alpha, rule)?;
        let rule = "be 0 with label smoothing, which makes every token likelier";
        require(alpha == 0.0 || self.label_smoothing == 0.0, field, alpha, rule)?;
        self.early_stopping.validate(self.eval_interval)?;
        self.guard.validate()?;
        if let Some(epochs) = self.epochs {
            require(
                (0.0..=MAX_EPOCHS).contains(&epochs) && epochs > 0.0,
                "train.epochs",
                epochs,
                "be above 0 and at most 1000000",
            )?;
        }
        // Limits for files from elsewhere: values far beyond any real run are mistakes, and would take forever.
        let counts = [
            ("train.steps", self.steps, MAX_STEPS),
            ("train.warmup_steps", self.warmup_steps, MAX_STEPS),
            ("train.eval_interval", self.eval_interval, MAX_STEPS),
            ("train.checkpoint_interval", self.checkpoint_interval, MAX_STEPS),
            ("train.milestone_interval", self.milestone_interval, MAX_STEPS),
            ("train.sample_interval", self.sample_interval, MAX_STEPS),
            ("train.checkpoint_seconds", self.checkpoint_seconds, MAX_STEPS),
            ("train.eval_batches", self.eval_batches as u64, 1 << 20),
            ("train.sample_tokens", self.sample_tokens as u64, MAX_TOKENS as u64),
            (
                "train.sample_prompt (characters)",
                self.sample_prompt.chars().count() as u64,
                MAX_TOKENS as u64,
            ),
        ];
        for (field, value, most) in counts {
            require(value <= most, field, value, format!("be at most {most}"))?;
        }
        require(
            self.decay_steps <= self.steps,
            "train.decay_steps",
            self.decay_steps,
            format!("be at most train.steps ({})", self.steps),
        )
    }

    /// The target id excluded from the loss, if any: `ignore_index`, or the mask of objectives that mask targets.
    pub fn ignored_target(&self) -> Option<u32> {
        self.ignore_index.or(self.objective.is_masked().then_some(u32::MAX))
    }

    /// Number of micro-batches per split in an evaluation.
    pub fn evaluated_micro_batches(&self) -> usize {
        self.eval_batches.saturating_mul(self.accumulate)
    }

    /// A warning if evaluations read more rows per split than the steps between them because of gradient accumulation: an evaluation's
    /// batches have a step's size.
    pub fn evaluation_sentence(&self) -> Option<String> {
        let (batches, steps) = (self.eval_batches as u64, self.eval_interval);
        (self.accumulate > 1 && steps > 0 && batches > steps).then(|| {
            let of_step = self.batch_size.saturating_mul(self.accumulate) as u64;
            let rows = |steps: u64| counted(steps.saturating_mul(of_step), "row");
            format!(
                "an evaluation reads up to {} of each split, and the {steps} steps before it {}: train.eval_batches counts batches of a whole \
                 step, batch_size × accumulate; lower it, or raise train.eval_interval",
                rows(batches),
                rows(steps)
            )
        })
    }

    /// Whether it trains a reward model, whose head has one row and generates no text.
    pub fn learns_scores(&self) -> bool {
        self.objective.learns_pairs() && self.preference.loss.is_of_scores()
    }

    /// Whether it learns from single answers that are each good or bad.
    pub fn judges_answers(&self) -> bool {
        self.objective.learns_pairs() && self.preference.loss.judges_answers()
    }

    /// Whether the token head is replaced by another.
    pub fn has_own_head(&self) -> bool {
        self.objective.learns_labels() || self.learns_scores()
    }

    /// The teacher's model, if there is a teacher and its model is known.
    pub fn teacher_model(&self) -> Option<&ModelConfig> {
        self.distil.model.as_deref().filter(|_| self.objective.has_teacher())
    }

    /// Number of adjacent rows of a batch that belong together: the two answers of a pair.
    pub fn rows_together(&self) -> usize {
        if self.objective.learns_pairs() { 2 } else { 1 }
    }

    /// Whether several examples share a row of a batch.
    pub fn packs_examples(&self, model: &ModelConfig) -> bool {
        let relative = matches!(model.position, Position::Rope(_) | Position::None);
        match self.objective {
            Objective::Text | Objective::Preference | Objective::Reward | Objective::Distil => false,
            Objective::Chat => self.chat.packing && relative,
            Objective::Classify => relative,
        }
    }

    /// Maximum noise added to an entry of the embedded tokens in training; see [`crate::ChatSettings::neftune_alpha`].
    pub fn embedding_noise(&self, model: &ModelConfig) -> f32 {
        match self.objective {
            Objective::Chat => {
                self.chat.neftune_alpha / (model.context_length as f32 * model.width as f32).sqrt()
            }
            Objective::Text
            | Objective::Preference
            | Objective::Reward
            | Objective::Classify
            | Objective::Distil => 0.0,
        }
    }

    /// Whether rows of a batch hold several documents or examples that do not attend to each other.
    pub fn separates_documents(&self, model: &ModelConfig) -> bool {
        self.document_mask || self.packs_examples(model)
    }

    /// Learning rate of step `step`, counted from 0, as in nanoGPT: warm-up lr·(step + 1)/(warm-up + 1), then the decay.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let (peak, low) = (self.learning_rate, self.min_learning_rate);
        if step < self.warmup_steps {
            return peak * (step + 1) as f64 / (self.warmup_steps + 1) as f64;
        }
        // The decay ends at step `steps`, one after the last.
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
