//! Training settings of the next run: the draft's `train` part, with broken rules shown next to their settings.

use super::Context;
use crate::format;
use crate::pages::parts::{number, pick};
use crate::theme::space;
use crate::widgets::{self, field};
use egui::{DragValue, Ui};
use glasshouse_protocol::{
    Decay, ErrorReport, GuardMode, MAX_MILESTONES, Milestones, OptimizerKind, Precision, RunConfig,
    RunSummary, TrainConfig,
};

pub(super) const FOLD: &str = "train:settings";

pub(super) fn fold_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let refused = context.state.planning.refused.clone().or_else(|| broken_rule(context.draft));
    let has_f16 = context.state.engine.as_ref().is_some_and(|engine| engine.device.mixed_precision);
    let runs = &context.state.runs.list;
    let draft = &mut *context.draft;
    let before = draft.train.precision;
    let note = format!(
        "{} · batch size {} · learning rate {}",
        draft
            .train
            .epochs
            .map_or_else(|| format::counted(draft.train.steps, "step"), |epochs| format!("{epochs} epochs")),
        draft.train.batch_size,
        format::scientific(draft.train.learning_rate)
    );
    let head = ("Settings of the next run", note.as_str());
    widgets::fold(ui, context.preferences, FOLD, head, false, |ui, _| {
        let wide = ui.available_width() > 720.0;
        let refused = refused.as_ref();
        if wide {
            widgets::halves(ui, space::SECTION, |ui, column| match column {
                0 => pace_ui(ui, draft, runs, refused),
                _ => upkeep_ui(ui, draft, has_f16, refused),
            });
        } else {
            pace_ui(ui, draft, runs, refused);
            upkeep_ui(ui, draft, has_f16, refused);
        }
    });
    if draft.train.precision != before {
        context.preferences.precision = draft.train.precision;
    }
}

/// The first training rule that the draft breaks, checked without the engine.
fn broken_rule(draft: &RunConfig) -> Option<ErrorReport> {
    draft.train.validate().err().map(ErrorReport::from)
}

/// A learning rate in the form `3.0e-4`, with a drag speed proportional to its value.
pub(in crate::pages) fn learning_rate(value: &mut f64) -> DragValue<'_> {
    let speed = (*value * 0.01).max(1e-7);
    DragValue::new(value)
        .range(0.0..=1.0)
        .speed(speed)
        .custom_formatter(|value, _| format::scientific(value))
        .custom_parser(|text| text.trim().parse().ok())
}

/// Number of epochs; 0 sets the length by steps, otherwise the steps follow from the data.
pub(in crate::pages) fn epochs_ui(ui: &mut Ui, train: &mut TrainConfig, refused: Option<&ErrorReport>) {
    let mut epochs = train.epochs.unwrap_or_default();
    number(ui, ("Epochs", "train.epochs"), &mut epochs, 0.0..=1e6, refused);
    train.epochs = (epochs > 0.0).then_some(epochs);
}

/// Loss weight of prompt tokens, for objectives with prompts and answers.
pub(in crate::pages) fn prompt_loss_ui(ui: &mut Ui, train: &mut TrainConfig, refused: Option<&ErrorReport>) {
    if train.objective.weighs_prompts() {
        let names = ("Prompt loss weight", "train.prompt_loss_weight");
        number(ui, names, &mut train.prompt_loss_weight, 0.0..=1.0, refused);
    }
}

fn stopping_ui(ui: &mut Ui, train: &mut TrainConfig, refused: Option<&ErrorReport>) {
    let stopping = &mut train.early_stopping;
    number(ui, ("Patience", "train.early_stopping.patience"), &mut stopping.patience, 0..=100_000, refused);
    if stopping.patience > 0 {
        let path = "train.early_stopping.min_improvement";
        number(ui, ("Minimum improvement", path), &mut stopping.min_improvement, 0.0..=100.0, refused);
    }
}

/// Length, batch and learning rate.
fn pace_ui(ui: &mut Ui, draft: &mut RunConfig, runs: &[RunSummary], refused: Option<&ErrorReport>) {
    super::start::start_ui(ui, draft, runs);
    super::start::trainable_ui(ui, draft, refused);
    let train = &mut draft.train;
    ui.add_enabled_ui(train.epochs.is_none(), |ui| {
        number(ui, ("Steps", "train.steps"), &mut train.steps, 0..=100_000_000, refused);
    });
    epochs_ui(ui, train, refused);
    number(ui, ("Batch size", "train.batch_size"), &mut train.batch_size, 0..=65_536, refused);
    number(ui, ("Gradient accumulation", "train.accumulate"), &mut train.accumulate, 0..=65_536, refused);
    for (name, path, rate) in [
        ("Learning rate", "train.learning_rate", &mut train.learning_rate),
        ("Minimum learning rate", "train.min_learning_rate", &mut train.min_learning_rate),
    ] {
        field(ui, name, path, refused, |ui| ui.add(learning_rate(rate)).accessible_name(name));
    }
    number(ui, ("Warm-up", "train.warmup_steps"), &mut train.warmup_steps, 0..=1_000_000, refused);
    let schedules = [
        (Decay::Constant, "constant"),
        (Decay::Linear, "linear"),
        (Decay::Cosine, "cosine"),
        (Decay::WarmupStableDecay, "warm-up, stable, decay"),
    ];
    pick(ui, ("Schedule", "train.decay"), &mut train.decay, &schedules, refused);
    if train.decay == Decay::WarmupStableDecay {
        number(ui, ("Decay steps", "train.decay_steps"), &mut train.decay_steps, 0..=100_000_000, refused);
    }
    // A plain number, so that its digits are not grouped.
    field(ui, "Seed", "seed", refused, |ui| {
        ui.add(DragValue::new(&mut draft.seed).speed(0.2)).accessible_name("Seed")
    });
}

/// The optimizer, and periodic work such as evaluations and checkpoints.
fn upkeep_ui(ui: &mut Ui, draft: &mut RunConfig, has_f16: bool, refused: Option<&ErrorReport>) {
    let train = &mut draft.train;
    let optimizers = [
        (OptimizerKind::Adamw, "AdamW"),
        (OptimizerKind::Adam, "Adam"),
        (OptimizerKind::Sgd, "SGD"),
        (OptimizerKind::Rmsprop, "RMSProp"),
        (OptimizerKind::Muon, "Muon"),
    ];
    pick(ui, ("Optimizer", "train.optimizer"), &mut train.optimizer, &optimizers, refused);
    number(ui, ("Weight decay", "train.weight_decay"), &mut train.weight_decay, 0.0..=10.0, refused);
    number(
        ui,
        ("Gradient clipping", "train.gradient_clipping"),
        &mut train.gradient_clipping,
        0.0..=1000.0,
        refused,
    );
    number(ui, ("Beta 1", "train.beta1"), &mut train.beta1, 0.0..=1.0, refused);
    number(ui, ("Beta 2", "train.beta2"), &mut train.beta2, 0.0..=1.0, refused);
    prompt_loss_ui(ui, train, refused);
    number(ui, ("Label smoothing", "train.label_smoothing"), &mut train.label_smoothing, 0.0..=1.0, refused);
    field(ui, "Document mask", "train.document_mask", refused, |ui| {
        ui.checkbox(&mut train.document_mask, "tokens attend only to their own document")
            .accessible_name("Document mask");
    });
    field(ui, "Activation checkpointing", "train.activation_checkpointing", refused, |ui| {
        ui.checkbox(&mut train.activation_checkpointing, "less memory, up to a third slower")
            .accessible_name("Activation checkpointing");
    });
    field(ui, "Mixed precision", "train.precision", refused, |ui| {
        let mut is_mixed = train.precision == Precision::Mixed;
        let detail = if has_f16 { "less memory: 16-bit floats" } else { "for GPUs with 16-bit floats" };
        // A setting made for another device can be reset on this one.
        let enabled = has_f16 || is_mixed;
        let automatic = train.precision == Precision::Auto && has_f16;
        let detail = if automatic { "timed when the run starts" } else { detail };
        let shown = ui.add_enabled(enabled, egui::Checkbox::new(&mut is_mixed, detail));
        if shown.changed() {
            train.precision = if is_mixed { Precision::Mixed } else { Precision::F32 };
        }
        shown.accessible_name("Mixed precision");
    });
    number(ui, ("Evaluate every", "train.eval_interval"), &mut train.eval_interval, 0..=1_000_000, refused);
    number(ui, ("Evaluation batches", "train.eval_batches"), &mut train.eval_batches, 0..=100_000, refused);
    stopping_ui(ui, train, refused);
    let every = "train.checkpoint_interval";
    number(ui, ("Checkpoint every", every), &mut train.checkpoint_interval, 0..=1_000_000, refused);
    let milestones = [
        (Milestones::Auto, "if they are small"),
        (Milestones::Log, "dense at first, then sparse"),
        (Milestones::Off, "none"),
    ];
    let says = format!(
        "Weights saved in half precision and kept, for looking at the model at earlier steps: up to {MAX_MILESTONES} steps, in geometric \
         progression. Their size on disk is on the Model page."
    );
    let named = ("Milestones", "train.milestones");
    pick(ui, named, &mut train.milestones, &milestones, refused).on_hover_text(says);
    let modes = [
        (GuardMode::Note, "reports only"),
        (GuardMode::Act, "returns to a checkpoint after a loss spike"),
        (GuardMode::Off, "off"),
    ];
    pick(ui, ("Guard", "train.guard.mode"), &mut train.guard.mode, &modes, refused);
    number(ui, ("Sample every", "train.sample_interval"), &mut train.sample_interval, 0..=1_000_000, refused);
    number(ui, ("Sample length", "train.sample_tokens"), &mut train.sample_tokens, 0..=4096, refused);
    field(ui, "Sample prompt", "train.sample_prompt", refused, |ui| {
        let room = ui.available_width().min(220.0);
        let prompt = egui::TextEdit::singleline(&mut train.sample_prompt).desired_width(room);
        ui.add(prompt).accessible_name("Sample prompt");
    });
}
