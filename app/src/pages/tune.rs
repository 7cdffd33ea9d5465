//! Tune: fine-tunes an existing model, step by step: base model, data, trainable parameters, objective, memory and time; then the
//! run's progress.

mod adapter;
mod data;
mod judge;
mod measures;
mod recipes;
mod settings;
mod text;

pub(super) use judge::learn_by;
pub(super) use settings::{learn, tuning_of};

pub use text::WHAT;

use super::train::changes::Change;
use super::train::plots::Plots;
use super::train::{
    Awaited, await_history, busy, confirm, controls, failure_ui, form, notices_ui, preparing_ui, samples,
    start, want_history,
};
use crate::pages::prelude::*;
use crate::state::Runs;

/// Width in points below which memory and time are shown under the settings.
const NARROW: f32 = 860.0;

#[derive(Debug, Default)]
pub struct TunePage {
    learns_from: LearnsFrom,
    recipe: Option<&'static TuningRecipe>,
    /// The chosen base run until its settings are known, and the request for them.
    wanted: Option<(String, Option<u64>)>,
    asked: BTreeSet<(String, u64)>,
    data: data::DataRequests,
    plots: Plots,
    change: Option<Change>,
}

impl Page for TunePage {
    fn needs(&self) -> Needs {
        Needs::Project(text::EMPTY)
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        self.begin(context);
        self.data.want(context);
        let run = context.state.training.run.as_ref().or(context.state.runs.latest());
        let tunes = run.is_some_and(|run| run.start.is_some());
        if tunes && context.state.training.state == TrainingState::Idle {
            failure_ui(ui, context);
        }
        preparing_ui(ui, context);
        self.run_ui(ui, context);
        if tunes {
            notices_ui(ui, context);
        }
        if is_narrow(ui) || ui.available_width() < NARROW {
            self.choices_ui(ui, context);
            self.takes_ui(ui, context);
        } else {
            beside_ui(ui, 392.0, space::LARGE, |ui, place| match place {
                0 => self.choices_ui(ui, context),
                _ => self.takes_ui(ui, context),
            });
        }
    }

    /// Drops a base run whose settings are still unknown.
    fn away(&mut self, _: &Ui, _: &mut Context<'_>) {
        self.wanted = None;
    }

    fn models(&self) -> Models<'_> {
        Models::Next
    }
}

impl TunePage {
    /// Sets the draft to the chosen base run's settings once they are known.
    fn begin(&mut self, context: &mut Context<'_>) {
        let Some((name, request)) = &mut self.wanted else { return };
        match await_history(context, request, name) {
            Awaited::Waits => return,
            Awaited::Failed => {}
            Awaited::Here(history) => {
                let before = context.draft.train.clone();
                *context.draft = tuning_of(&history.config, Start::best_of(name), context.draft);
                context.asks.replaced(format!("The next run fine-tunes {name}"));
                // From here on the recipe's values stay as they are.
                self.recipe = self.recipe.filter(|recipe| recipe.objective == before.objective);
                if let Some(recipe) = self.recipe {
                    // A recipe without a learning rate uses the run's.
                    context.draft.set_objective(recipe.objective);
                    context.draft.set_learning_rate(history.config.train.learning_rate);
                    let rate = recipe.learning_rate.map(|_| before.learning_rate);
                    recipe.fill(context.draft, Some(before.steps), rate);
                    let train = &mut context.draft.train;
                    (train.eval_interval, train.checkpoint_interval, train.epochs) =
                        (before.eval_interval, before.checkpoint_interval, before.epochs);
                }
            }
        }
        self.wanted = None;
    }

    /// The progress of the current or last fine-tuning.
    fn run_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let training: &Training = &state.training;
        let Some(run) = training.run.as_ref().filter(|run| run.start.is_some()) else { return };
        if training.state == TrainingState::Preparing {
            return;
        }
        want_history(context, &mut self.asked, &run.name);
        if is_narrow(ui) {
            controls::numbers_ui(ui, context, training, &mut self.change);
            self.plots.ui(ui, context, training);
        } else {
            let (width, left) = (ui.available_width(), 276.0);
            columns_ui(ui, space::SECTION, &[left, width - left - space::SECTION], |ui, place| match place {
                0 => controls::numbers_ui(ui, context, training, &mut self.change),
                _ => self.plots.ui(ui, context, training),
            });
        }
        ui.add_space(space::SMALL);
        measures::measures_ui(ui, context.palette, training);
        samples::before_and_after_ui(ui, training);
        ui.add_space(space::LARGE);
    }

    fn choices_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            head(ui, "Base model");
            self.start_ui(ui, context);
        });
        if context.draft.start.is_none() {
            return;
        }
        ui.add_space(space::TIGHT);
        let refused = context.state.planning.refused.clone();
        card(ui, |ui| {
            head(ui, "Method");
            recipes::recipes_ui(ui, context, &mut self.recipe, &mut self.learns_from);
            settings::objective_ui(ui, context.draft);
            judge::judge_ui(ui, context.draft, &context.state.runs, refused.as_ref());
            judge::teacher_ui(ui, context, refused.as_ref());
            adapter::trains_ui(ui, context.draft, refused.as_ref());
        });
        ui.add_space(space::TIGHT);
        card(ui, |ui| {
            head(ui, "Data");
            data::data_ui(ui, context, &mut self.learns_from, self.recipe);
        });
        ui.add_space(space::TIGHT);
        card(ui, |ui| {
            head(ui, "Settings");
            settings::pace_ui(ui, context, refused.as_ref());
            form::fold_ui(ui, context);
        });
    }

    /// The base run, or a model to import.
    fn start_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let runs: Vec<&RunSummary> =
            context.state.runs.list.iter().rev().filter(|run| !run.checkpoints.is_empty()).collect();
        if runs.is_empty() {
            quiet_text(ui, "There is no trained model yet. Train or import one.");
        } else {
            let wanted = self.wanted.as_ref().map(|(name, _)| name.clone());
            let before = wanted.or(context.draft.start.as_ref().map(|start| start.run.clone()));
            let mut begun = before.clone();
            let choices: Vec<_> = runs.iter().map(|run| (Some(run.name.clone()), offered(run))).collect();
            let (head, width) = (("Base model", "Choose a model"), ui.available_width().min(360.0));
            choice_or(ui, head, &mut begun, Some(width), &choices);
            if begun != before {
                self.wanted = begun.map(|run| (run, None));
            }
            if self.wanted.is_some() {
                caption(ui, "Reading the settings…");
            }
            start::checkpoint_ui(ui, context.draft, &context.state.runs.list);
        }
        ui.horizontal_wrapped(|ui| super::runs::import_ui(ui, context));
    }

    /// Memory and time of the run, and its start button.
    fn takes_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            head(ui, "Memory and time");
            if context.draft.start.is_none() {
                return quiet_text(ui, "Choose a base model to see memory and time.");
            }
            ui.spacing_mut().item_spacing.y = space::TIGHT;
            confirm::rows_ui(ui, context);
            confirm::fits_ui(ui, context);
            let missing = data::missing(context, self.learns_from, self.recipe);
            let refused = context.state.planning.refused.as_ref().map(|error| error.message.clone());
            for reason in missing.iter().chain(&refused) {
                hint_line(ui, reason);
            }
            data::repeats(context, self.learns_from).iter().for_each(|repeats| hint_line(ui, repeats));
            let waits = busy(context);
            if waits {
                quiet_text(ui, "A run is training. Stop it first; it can be resumed.");
            }
            ui.add_space(space::TIGHT);
            let ready = !waits && refused.is_none() && missing.is_none();
            if pressed(ui, ready, |ui| primary(ui, icons::ICON_PLAY_ARROW, "Tune")) {
                tune(context, context.draft.clone(), self.learns_from, self.recipe);
            }
        });
    }
}

/// The run named in settings: by number, name, name without the number, or `latest`.
fn named<'a>(runs: &'a Runs, name: &str) -> Option<&'a RunSummary> {
    match Start::named_run(name) {
        None => runs.latest(),
        Some(name) => runs.list.iter().rev().find(|run| run.is_called(name)),
    }
}

/// Starts a fine-tune.
pub(super) fn tune(
    context: &mut Context<'_>,
    config: RunConfig,
    learns_from: LearnsFrom,
    recipe: Option<&TuningRecipe>,
) {
    let generated = recipe.filter(|_| learns_from == LearnsFrom::Tasks);
    let recipe = generated.map(|recipe| recipe.name.clone());
    let objective = recipe.clone().unwrap_or_else(|| config.train.objective.to_string());
    let title = config.start.as_ref().map(|base| format!("{objective} · {}", base.run));
    let launch = RunLaunch { learns_from, recipe, title, ..RunLaunch::default() };
    context.outbox.send(Command::Train { config: Box::new(config), launch });
}
