//! Training settings of the next run: the draft's `train` part, with broken rules shown next to their settings.

use crate::pages::prelude::*;

pub const FOLD: &str = "train:settings";

pub fn fold_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let refused = context.state.planning.refused.clone().or_else(|| broken_rule(context.draft));
    let has_f16 = context.state.engine.as_ref().is_some_and(|engine| engine.device.mixed_precision);
    let draft = &mut *context.draft;
    let before = draft.train.precision;
    let (length, rate) = (draft.train.length(), format::scientific(draft.train.learning_rate));
    let note = format!("{length} · batch size {} · learning rate {rate}", draft.train.batch_size);
    let title = if draft.start.is_some() { "All training settings" } else { "Settings of the next run" };
    let head = (title, note.as_str());
    fold(ui, context.preferences, FOLD, head, false, |ui, _| {
        let refused = refused.as_ref();
        halves(ui, space::SECTION, |ui, column| match column {
            0 => pace_ui(ui, draft, refused),
            _ => upkeep_ui(ui, draft, has_f16, refused),
        });
    });
    if draft.train.precision != before {
        context.preferences.precision = draft.train.precision;
    }
}

/// The first training rule that the draft breaks, checked without the engine.
fn broken_rule(draft: &RunConfig) -> Option<ErrorReport> {
    draft.train.validate().err().map(ErrorReport::from)
}

/// Number of epochs; 0, which is shown as "not set", sets the length by steps, otherwise the steps follow from the data.
pub fn epochs_ui(ui: &mut Ui, train: &mut TrainConfig, refused: Option<&ErrorReport>) {
    let mut epochs = train.epochs.unwrap_or_default();
    let Some(setting) = Setting::at("train.epochs") else { return };
    field(ui, setting.title, setting.path, refused, |ui| {
        let drag = drag(Some(&setting), &mut epochs).custom_formatter(|value, _| match value {
            0.0 => "not set".to_owned(),
            _ => ((value * 1000.0).round() / 1000.0).to_string(),
        });
        ui.add(drag).accessible_name(setting.title)
    });
    train.epochs = (epochs > 0.0).then_some(epochs);
}

/// Loss weight of prompt tokens, for objectives with prompts and answers.
pub fn prompt_loss_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    if draft.train.objective.weighs_prompts() {
        form_ui(ui, draft, refused, "train", &["prompt_loss_weight"]);
    }
}

/// Length, batch and learning rate.
fn pace_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    super::start::trainable_ui(ui, draft, refused);
    ui.add_enabled_ui(draft.train.epochs.is_none(), |ui| form_ui(ui, draft, refused, "train", &["steps"]));
    epochs_ui(ui, &mut draft.train, refused);
    let names = ["batch_size", "accumulate", "learning_rate", "min_learning_rate", "warmup_steps", "decay"];
    form_ui(ui, draft, refused, "train", &names);
    if draft.train.decay == Decay::WarmupStableDecay {
        form_ui(ui, draft, refused, "train", &["decay_steps"]);
    }
    // A plain number, so that its digits are not grouped.
    field(ui, "Seed", "seed", refused, |ui| {
        ui.add(DragValue::new(&mut draft.seed).speed(0.2)).accessible_name("Seed")
    });
}

/// The optimizer, and periodic work such as evaluations and checkpoints.
fn upkeep_ui(ui: &mut Ui, draft: &mut RunConfig, has_f16: bool, refused: Option<&ErrorReport>) {
    let names = ["optimizer", "weight_decay", "gradient_clipping", "ema", "beta1", "beta2"];
    form_ui(ui, draft, refused, "train", &names);
    prompt_loss_ui(ui, draft, refused);
    form_ui(ui, draft, refused, "train", &["label_smoothing", "document_mask", "activation_checkpointing"]);
    let train = &mut draft.train;
    field(ui, "Mixed precision", "train.precision", refused, |ui| {
        let mut is_mixed = train.precision == Precision::Mixed;
        let detail = if has_f16 { "less memory: 16-bit floats" } else { "for GPUs with 16-bit floats" };
        // A setting made for another device can be reset on this one.
        let enabled = has_f16 || is_mixed;
        let automatic = train.precision == Precision::Auto && has_f16;
        let detail = if automatic { "timed when the run starts" } else { detail };
        let shown = ui.add_enabled(enabled, Checkbox::new(&mut is_mixed, detail));
        if shown.changed() {
            train.precision = if is_mixed { Precision::Mixed } else { Precision::F32 };
        }
        shown.accessible_name("Mixed precision");
    });
    form_ui(ui, draft, refused, "train", &["eval_interval", "eval_batches", "early_stopping.patience"]);
    if draft.train.early_stopping.patience > 0 {
        form_ui(ui, draft, refused, "train.early_stopping", &["min_improvement"]);
    }
    form_ui(ui, draft, refused, "train", &["checkpoint_interval", "milestones", "guard.mode"]);
    form_ui(ui, draft, refused, "train", &["sample_interval", "sample_tokens", "sample_prompt"]);
}
