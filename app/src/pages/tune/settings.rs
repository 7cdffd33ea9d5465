//! Objective, length and learning rate of a fine-tuning run.

use crate::pages::prelude::*;
use crate::pages::train::form::{epochs_ui, prompt_loss_ui};

/// Length of a run on generated tasks.
const STEPS: u64 = 200;
/// Length of a run on rows of the person's own.
const EPOCHS: f64 = 3.0;

/// Proposes a length for the chosen data: epochs of rows that are few and the person's own, steps for generated ones.
pub fn propose_length(draft: &mut RunConfig, from: LearnsFrom, recipe: Option<&TuningRecipe>) {
    draft.set_steps(recipe.map_or(STEPS, |recipe| recipe.steps));
    draft.train.epochs = (from != LearnsFrom::Tasks).then_some(EPOCHS);
}

/// Settings of a chat fine-tune of another run, whose settings are `config`. Settings of the machine and project rather than the
/// model come from `draft`.
pub fn tuning_of(config: &RunConfig, start: Start, draft: &RunConfig) -> RunConfig {
    let data = DataConfig { synthetic: config.data.synthetic, ..draft.data.clone() };
    let device = draft.device.clone();
    let mut tuning = RunConfig { start: Some(start), data, device, ..config.clone() };
    if config.start.is_none() {
        tuning.take_tuning_defaults();
    }
    if tuning.train.objective.learns_text() {
        tuning.set_objective(Objective::Chat);
        tuning.train.distil = DistilSettings::default();
        propose_length(&mut tuning, LearnsFrom::Documents, None);
        tuning.train.eval_interval = STEPS / 10;
        tuning.train.sample_interval = STEPS / 10;
    }
    tuning
}

/// Updates the learning rate to the default for the current objective and trainable parameters, if it equals the default
/// `before`. A custom rate, or one from the base run, is only ever reduced.
pub fn follow_rate(draft: &mut RunConfig, before: f64) {
    let (now, rate) = (draft.tuning_rate(), draft.train.learning_rate);
    if now.to_bits() != before.to_bits() {
        draft.set_learning_rate(if rate.to_bits() == before.to_bits() { now } else { rate.min(now) });
    }
}

pub fn learn(draft: &mut RunConfig, objective: Objective) {
    if objective != draft.train.objective {
        let (before, rate) = (draft.tuning_rate(), draft.train.learning_rate);
        if draft.train.objective.has_teacher() {
            // Only distillation has a teacher.
            draft.train.distil = DistilSettings::default();
        }
        draft.set_objective(objective);
        if !objective.weighs_prompts() {
            draft.train.prompt_loss_weight = 0.0;
        }
        // A chosen rate stays.
        draft.set_learning_rate(rate);
        follow_rate(draft, before);
    }
}

pub fn objective_ui(ui: &mut Ui, draft: &mut RunConfig) {
    let mut chosen = draft.train.objective;
    described_ui(ui, "Objective", &mut chosen);
    learn(draft, chosen);
}

/// Steps, batch and learning rate.
pub fn pace_ui(ui: &mut Ui, context: &mut Context<'_>, refused: Option<&ErrorReport>) {
    let planned = context.state.planning.plan_of(context.draft).map(|plan| plan.steps);
    let draft = &mut *context.draft;
    let by_epochs = draft.train.epochs.is_some();
    let (before, mut rate) =
        (planned.filter(|_| by_epochs).unwrap_or(draft.train.steps), draft.train.learning_rate);
    let mut steps = before;
    ui.add_enabled_ui(!by_epochs, |ui| {
        number(ui, "train.steps", &mut steps, refused);
    });
    if steps != before {
        draft.set_steps(steps);
    }
    epochs_ui(ui, &mut draft.train, refused);
    form_ui(ui, draft, refused, "train", &["batch_size"]);
    number(ui, "train.learning_rate", &mut rate, refused);
    if rate.to_bits() != draft.train.learning_rate.to_bits() {
        draft.set_learning_rate(rate);
    }
    prompt_loss_ui(ui, draft, refused);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_texts_is_tuned_to_answer_and_one_that_answers_goes_on_as_it_was_tuned() {
        let mut draft = presets::preset("first-stories").unwrap();
        draft.device = "cpu".to_owned();
        let trained = presets::preset("llama-tiny").unwrap();
        let tuning = tuning_of(&trained, Start::best_of("1-llama-tiny"), &draft);
        assert_eq!((tuning.train.objective, tuning.train.epochs), (Objective::Chat, Some(EPOCHS)));
        assert!(tuning.train.learning_rate <= tuning.tuning_rate() && tuning.train.warmup_steps < STEPS);
        assert_eq!((tuning.device.as_str(), &tuning.model), ("cpu", &trained.model));
        tuning.validate().unwrap();
        // Twenty rows in batches are few steps, and generated tasks are not read three times.
        let mut few = tuning.clone();
        few.settle_epochs(20.0);
        assert!(few.train.steps <= 60 && few.repeats(20, few.train.batch_size as u64, "row").is_none());
        propose_length(&mut few, LearnsFrom::Tasks, None);
        assert_eq!((few.train.steps, few.train.epochs), (STEPS, None));
        let mut own = tuning.clone();
        own.set_steps(37);
        let again = tuning_of(&own, Start::best_of("2-llama-tiny"), &draft);
        assert_eq!((again.train.steps, again.start), (37, Some(Start::best_of("2-llama-tiny"))));
    }

    #[test]
    fn preferences_and_rewards_are_learned_slowly_and_faster_by_an_adapter() {
        let mut draft = presets::preset("llama-tiny").unwrap();
        draft.set_objective(Objective::Chat);
        let own = draft.tuning_rate();
        draft.set_learning_rate(own);
        learn(&mut draft, Objective::Preference);
        assert_eq!(draft.train.learning_rate, 1e-6);
        let before = draft.tuning_rate();
        draft.train.adapter = Some(glasshouse_protocol::Adapter::default());
        follow_rate(&mut draft, before);
        assert_eq!(draft.train.learning_rate, 1e-5);
        let before = draft.tuning_rate();
        draft.train.preference.loss = PreferenceLoss::BradleyTerry;
        follow_rate(&mut draft, before);
        assert_eq!(draft.train.learning_rate, 1e-4);
        learn(&mut draft, Objective::Reward);
        assert_eq!(draft.train.learning_rate, 1e-5);
        learn(&mut draft, Objective::Chat);
        assert_eq!(draft.train.learning_rate, draft.tuning_rate());
        assert!(draft.train.learning_rate > own, "an adapter's");
        draft.set_learning_rate(2e-6);
        learn(&mut draft, Objective::Preference);
        assert_eq!(draft.train.learning_rate, 2e-6, "one that was chosen stays");
    }

    #[test]
    fn a_teacher_goes_with_its_objective() {
        let mut draft = presets::preset("llama-tiny").unwrap();
        learn(&mut draft, Objective::Distil);
        draft.train.distil.teacher = "1".to_owned();
        let tuning = tuning_of(&draft, Start::best_of("2-llama-tiny"), &draft);
        assert_eq!(tuning.train.distil, DistilSettings::default());
        learn(&mut draft, Objective::Chat);
        assert_eq!(draft.train.distil, DistilSettings::default());
    }
}
