//! Settings of training: optimizer, schedule, batches, evaluations, checkpoints and samples.

use super::{
    Adapter, ChatSettings, DistilSettings, EarlyStopping, GuardSettings, Milestones, Objective,
    PreferenceSettings, RewardSettings, Trainable,
};
use crate::model::Position;
use crate::quantity::{counted, things};
use crate::setting::{Settings as _, above, above_to, choices, settings};
use crate::{Invalid, ModelConfig, is_default, require, rules};

choices! {
    /// The optimizer. Weight decay is always decoupled and applies only to matrices.
    pub enum OptimizerKind {
        /// Adam with decoupled decay (Loshchilov and Hutter 2019).
        Adamw = "adamw", "AdamW";
        /// Adam (Kingma and Ba 2015); `weight_decay` must be 0.
        Adam = "adam", "Adam";
        /// Stochastic gradient descent; `beta1` is the momentum (PyTorch's form, no dampening).
        Sgd = "sgd", "SGD";
        /// RMSProp (Tieleman and Hinton 2012); `beta2` is the smoothing.
        Rmsprop = "rmsprop", "RMSProp";
        /// Muon (Jordan et al. 2024) for the weight matrices of blocks; AdamW updates everything else.
        ///
        /// Each matrix is updated as it is stored: queries, keys and values are one matrix, and so are a gated MLP's two. Their update is
        /// orthogonalised and scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so that one
        /// `learning_rate` serves both; momentum is 0.95.
        Muon = "muon", "Muon";
    }
}

choices! {
    /// Learning-rate schedule after the warm-up.
    pub enum Decay {
        Constant = "constant", "constant";
        /// Linear decay to the minimum learning rate.
        Linear = "linear", "linear";
        /// Half a cosine period down to the minimum learning rate (Loshchilov and Hutter 2017).
        Cosine = "cosine", "cosine";
        /// Constant, then linear decay over the last `decay_steps` (warmup-stable-decay, WSD; Hu et al. 2024).
        WarmupStableDecay = "warmup_stable_decay", "warm-up, stable, decay";
    }
}

choices! {
    /// Storage precision of values in training, and of weights in generation. Evaluations always use 32 bits.
    pub enum Precision = F32 {
        /// On a GPU with 16-bit floats, each run times both at its start and uses mixed precision if it is noticeably faster. Elsewhere 32 bits.
        ///
        /// The run is recorded with the choice.
        Auto = "auto", "Automatic";
        /// All numbers in 32 bits, as on every other device.
        F32 = "f32", "32 bits";
        /// Activations and their gradients in 16 bits: less memory and memory traffic. Weights and sums stay in 32 bits.
        ///
        /// Where it is safe, with loss scaling (Micikevicius et al. 2018). Requires a GPU with 16-bit floats.
        Mixed = "mixed", "Mixed";
    }
}

/// Maximum of all settings counted in steps: values far beyond any real run are mistakes, and would take forever.
pub(super) const MAX_STEPS: u64 = 1 << 32;
pub(super) const MAX_TOKENS: usize = 1 << 20;

settings! {
    pub struct TrainConfig: "train." {
        /// Optimizer steps: updates of the weights.
        pub steps: u64 = 2000, "Steps", 1..=MAX_STEPS;
        /// Passes over the training text or rows; sets the number of steps when the data are prepared.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub epochs: Option<f64> = None, "Epochs", above_to(0.0, 1e6);
        /// Windows of text, each of the context length, per micro-batch. More give a less noisy gradient and take more memory.
        pub batch_size: usize = 12, "Batch size", 1..=1 << 16;
        /// Micro-batches whose gradients are averaged for one update of the weights: a large batch in the memory of a small one.
        pub accumulate: usize = 1, "Gradient accumulation", 1..=1 << 16;
        /// Computes updates from gradients. AdamW scales the update of each weight by its recent gradients. Muon updates each matrix of a block
        /// as a whole, equally in all directions.
        pub optimizer: OptimizerKind = OptimizerKind::Adamw, "Optimizer";
        /// Peak size of the weight updates. Too small is slow, too large diverges.
        pub learning_rate: f64 = 1e-3, "Learning rate", above(0.0), scientific;
        /// The learning rate at the end of its schedule.
        pub min_learning_rate: f64 = 1e-4, "Minimum learning rate", 0.0.., scientific;
        /// Steps at the beginning during which the learning rate rises linearly from 0, while the optimizer's moments settle.
        pub warmup_steps: u64 = 100, "Warm-up", 0..=MAX_STEPS;
        /// Decay of the learning rate after the warm-up.
        pub decay: Decay = Decay::Cosine, "Schedule";
        /// Length of the last phase of the schedule `warmup_stable_decay`; 0 means a tenth of the steps.
        pub decay_steps: u64 = 0, "Decay steps", 0..=MAX_STEPS;
        /// Decay rate of the running mean of the gradient, or SGD's momentum.
        pub beta1: f64 = 0.9, "Beta 1", 0.0..1.0;
        /// Decay rate of the running mean of the squared gradient.
        pub beta2: f64 = 0.95, "Beta 2", 0.0..1.0;
        /// Added to the square root of the second moment.
        pub eps: f64 = 1e-8, "Epsilon", above(0.0), scientific;
        /// Pulls matrices and embeddings slightly towards zero in each step, which keeps them small.
        pub weight_decay: f64 = 0.1, "Weight decay", 0.0..;
        /// Maximum gradient norm: larger gradients are scaled down, so that one unusual batch cannot change the weights much. 0 disables it.
        pub gradient_clipping: f64 = 1.0, "Gradient clipping", 0.0..;
        /// Decay per step of an exponential moving average of the weights, as in 0.999; 0 keeps none. The run trains as without it, but is
        /// evaluated, sampled and exported with the average.
        ///
        /// Updated every 10 steps, with decay min(ema, (1 + step) / (10 + step))¹⁰.
        #[serde(skip_serializing_if = "is_default")]
        pub ema: f64 = 0.0, "Weight average", 0.0..1.0;
        /// Trains towards slightly less than full certainty, which reduces overconfidence.
        pub label_smoothing: f32 = 0.0, "Label smoothing", 0.0..1.0;
        /// Weight α of unlikelihood training for the objective `text`, which makes repetition less likely; 0 disables it.
        ///
        /// The loss of a token is increased by −α·Σ ln(1 − p(c)) over the distinct tokens c that precede it in its row (with `document_mask`, in
        /// its document), except the token itself (Welleck et al. 2019, "Neural text generation with unlikelihood training", arXiv 1908.04319,
        /// equations 4 and 5).
        #[serde(skip_serializing_if = "is_default")]
        pub unlikelihood: f32 = 0.0, "Unlikelihood", 0.0..;
        /// Weight of prompt tokens in the loss of the objective `chat`, relative to an answer's tokens.
        ///
        /// The loss is Σ w·loss / Σ w over a step's tokens, as with OpenAI's `prompt_loss_weight`. Messages marked as not learned count as part
        /// of the prompt. Evaluations only use the answers.
        #[serde(skip_serializing_if = "is_default")]
        pub prompt_loss_weight: f32 = 0.0, "Prompt loss weight", 0.0..=1.0;
        /// Target id that is excluded from the loss.
        pub ignore_index: Option<u32> = None;
        /// Weights of block matrices that are zero stay zero, so that a pruned model stays sparse. Otherwise as the run that it starts from:
        /// on if that is pruned.
        ///
        /// A pruned run's own record has it on. Gradient norm and Muon's orthogonalisation include the gradients of kept zeros.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub keep_zeros: Option<bool> = None;
        /// The trained parameters. The others are frozen: they keep their values and need no gradients or optimizer state.
        pub trainable: Trainable = Trainable::All;
        /// Adapter to train while the model's own weights are frozen. Placed here because `run.toml` needs tables after the plain fields.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub adapter: Option<Adapter> = None;
        /// Tokens attend only to tokens of their own document, even if a window holds several. Positions still count along the window.
        pub document_mask: bool = false, "Document mask";
        /// Recomputes most results of the forward pass during the backward pass instead of storing them: less memory, up to a third slower.
        ///
        /// Only each block's output is kept. Results are unchanged.
        pub activation_checkpointing: bool = false, "Activation checkpointing";
        /// Precision of stored values in training. Mixed takes less memory, on GPUs with 16-bit floats: activations and their gradients in 16
        /// bits, weights and sums in 32.
        pub precision: Precision = Precision::F32, "Precision";
        /// Steps between measurements of the loss on held-out text; there is also one at the end. 0 disables them.
        pub eval_interval: u64 = 250, "Evaluate every", 0..=MAX_STEPS;
        /// Batches per evaluation and split, each with a step's size: batch size × gradient accumulation.
        pub eval_batches: usize = 20, "Evaluation batches", 0..=1 << 20;
        /// Steps between checkpoints (all weights and the optimizer state on disk); there is also one at the end.
        pub checkpoint_interval: u64 = 250, "Checkpoint every", 0..=MAX_STEPS;
        /// Seconds after which the latest state is saved regardless of the step; 0 disables this. Results are unchanged.
        pub checkpoint_seconds: u64 = 120, "Seconds between checkpoints", 0..=MAX_STEPS;
        /// Steps between milestones (weights in half precision, kept permanently), including the untrained and the final weights; 0
        /// disables them.
        pub milestone_interval: u64 = 0, "Milestone every", 0..=MAX_STEPS;
        /// Weights saved in half precision, for inspecting the model at earlier steps: up to 32, in geometric progression. Their size
        /// on disk is on the Model page.
        #[serde(skip_serializing_if = "is_default")]
        pub milestones: Milestones = Milestones::Off, "Milestones";
        /// Steps between samples of the model's text; 0 disables them.
        pub sample_interval: u64 = 0, "Sample every", 0..=MAX_STEPS;
        /// Prompt of the samples.
        pub sample_prompt: String = String::new(), "Sample prompt";
        /// Length of a sample in tokens.
        pub sample_tokens: usize = 120, "Sample length", 0..=MAX_TOKENS;
        #[serde(skip_serializing_if = "is_default")]
        pub objective: Objective = Objective::Text, "Objective";
        #[serde(skip_serializing_if = "is_default")]
        pub chat: ChatSettings = ChatSettings::default();
        #[serde(skip_serializing_if = "is_default")]
        pub preference: PreferenceSettings = PreferenceSettings::default();
        #[serde(skip_serializing_if = "is_default")]
        pub reward: RewardSettings = RewardSettings::default();
        #[serde(skip_serializing_if = "is_default")]
        pub distil: DistilSettings = DistilSettings::default();
        #[serde(skip_serializing_if = "is_default")]
        pub early_stopping: EarlyStopping = EarlyStopping::default();
        #[serde(skip_serializing_if = "is_default")]
        pub guard: GuardSettings = GuardSettings::default();
    }
}

impl TrainConfig {
    /// The trained parameters in a few words: the adapter, or the selection.
    pub fn trains(&self) -> String {
        self.adapter.as_ref().map_or_else(|| self.trainable.to_string(), ToString::to_string)
    }

    /// The configured length: `2,000 steps`, or `1.5 epochs`.
    pub fn length(&self) -> String {
        match self.epochs {
            Some(epochs) => format!("{epochs} {}", things(if epochs == 1.0 { 1 } else { 2 }, "epoch")),
            None => counted(self.steps, "step"),
        }
    }

    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        let (evaluates, samples) = (self.eval_interval != 0, self.sample_interval != 0);
        let (is_adam, is_muon) =
            (self.optimizer == OptimizerKind::Adam, self.optimizer == OptimizerKind::Muon);
        let lowest = format!("be between 0 and train.learning_rate ({})", self.learning_rate);
        rules! {
            self.min_learning_rate <= self.learning_rate => "train.min_learning_rate", self.min_learning_rate, lowest;
            !is_adam || self.weight_decay == 0.0 => "train.weight_decay", self.weight_decay, "be 0 with optimizer = \"adam\" (adamw decays)";
            !is_muon || self.adapter.is_none() => "train.optimizer", "muon",
                "be another one with train.adapter, which freezes the matrices that muon updates (adamw trains adapters)";
            self.keep_zeros != Some(true) || self.adapter.is_none() => "train.keep_zeros", "true",
                "be left out with train.adapter, which freezes the zeros with the other weights";
            self.ema == 0.0 || !self.objective.answers_prompts() => "train.ema", self.ema,
                "be 0 with the objective reward, whose answers come from the current weights";
            !evaluates || self.eval_batches >= 1 => "train.eval_batches", self.eval_batches,
                "be at least 1 when train.eval_interval is not 0";
            !samples || self.sample_tokens >= 1 => "train.sample_tokens", self.sample_tokens,
                "be at least 1 when train.sample_interval is not 0";
        }
        if let Some(id) = self.ignore_index.filter(|_| self.objective.is_masked()) {
            let rule = "be left out with an objective that masks targets itself";
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
        self.chat.check()?;
        let (weight, alpha, objective) = (self.prompt_loss_weight, self.unlikelihood, self.objective);
        rules! {
            weight == 0.0 || objective.weighs_prompts() => "train.prompt_loss_weight", weight,
                format!("be 0 with the objective {objective}: it belongs to chat");
            alpha == 0.0 || objective.is_text() => "train.unlikelihood", alpha,
                format!("be 0 with the objective {objective}: it belongs to text");
            alpha == 0.0 || self.label_smoothing == 0.0 => "train.unlikelihood", alpha,
                "be 0 with label smoothing, which makes every token more likely";
        }
        self.early_stopping.validate(self.eval_interval)?;
        self.guard.validate()?;
        let (length, most) = (self.sample_prompt.chars().count(), MAX_TOKENS);
        require(length <= most, "train.sample_prompt (characters)", length, format!("be at most {most}"))?;
        let rule = format!("be at most train.steps ({})", self.steps);
        require(self.decay_steps <= self.steps, "train.decay_steps", self.decay_steps, rule)
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
            Objective::Chat => self.chat.packing && relative,
            Objective::Classify => relative,
            _ => false,
        }
    }

    /// Maximum noise added to an entry of the embedded tokens in training; see [`crate::ChatSettings::neftune_alpha`].
    pub fn embedding_noise(&self, model: &ModelConfig) -> f32 {
        if self.objective != Objective::Chat {
            return 0.0;
        }
        self.chat.neftune_alpha / (model.context_length as f32 * model.width as f32).sqrt()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_epoch_is_in_the_singular() {
        let length = |epochs| TrainConfig { epochs, ..TrainConfig::default() }.length();
        assert_eq!([Some(1.0), Some(1.5), None].map(length), ["1 epoch", "1.5 epochs", "2,000 steps"]);
    }
}
