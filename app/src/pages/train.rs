//! Train: the run in training, or the last trained one, and the settings of the next.

pub(super) mod changes;
pub(super) mod confirm;
pub(super) mod controls;
mod earlier;
pub(super) mod form;
pub(super) mod guard;
pub(super) mod plots;
mod profile;
pub(super) mod samples;
pub(super) mod start;
mod text;

pub use earlier::{Awaited, await_history, want_history};
pub use form::FOLD;
pub use text::WHAT;

use super::home;
use crate::pages::prelude::*;
use plots::Plots;

/// Width of the column of numbers and buttons in points.
const NUMBERS: f32 = 276.0;

#[derive(Debug, Default)]
pub struct TrainPage {
    plots: Plots,
    /// Step of the sample shown next to the newest.
    sample: Option<u64>,
    /// Changes to the run in training that are not sent yet.
    change: Option<changes::Change>,
    /// Requested histories, so that a failing one is not requested repeatedly.
    asked: BTreeSet<(String, u64)>,
    /// The latest run from its history: name, steps, and state.
    past: Option<(String, u64, Training)>,
}

impl Page for TrainPage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if context.state.projects.open.is_none() && context.state.training.run.is_none() {
            let idle = "Nothing to train yet";
            if empty(ui, icons::ICON_POTTED_PLANT, idle, text::EMPTY, home::GROW) {
                home::grow_first_model(context);
            }
            return;
        }
        let reads = self.refresh(context);
        if context.state.training.state == TrainingState::Idle {
            failure_ui(ui, context);
        }
        preparing_ui(ui, context);
        let past = self.past.take();
        let shown = match (&context.state.training.run, &past) {
            (Some(_), _) => Some(&context.state.training),
            (None, Some((_, _, past))) => Some(past),
            (None, None) => None,
        };
        match shown {
            Some(training) => self.run_ui(ui, context, training),
            // The draft's settings are not those of the run being started.
            None if starting(context) => {}
            // A button here would be another one once the last run is read.
            None if reads => spinning(ui, "Reading the last run…"),
            None => self.ready_ui(ui, context),
        }
        self.past = past;
        self.folds_ui(ui, context);
        confirm::confirm_ui(ui, context);
    }

    fn for_project(self, _: bool) -> Self {
        Self { plots: self.plots, ..Self::default() }
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        if state.training.state != TrainingState::Idle {
            return Some(Dot::Running);
        }
        let failed = state.training.run.as_ref().is_some_and(|run| run.error.is_some());
        failed.then_some(Dot::Attention)
    }
}

impl TrainPage {
    /// Requests missing histories that the page shows. Returns whether that of the last run is being read.
    fn refresh(&mut self, context: &mut Context<'_>) -> bool {
        let live = &context.state.training;
        match &live.run {
            Some(run) => {
                // Its settings, and for a resumed run its earlier history.
                let name = run.name.clone();
                if live.whole {
                    self.past = None;
                }
                want_history(context, &mut self.asked, &name);
                false
            }
            None => {
                let Some(run) = context.state.runs.latest().cloned() else {
                    self.past = None;
                    return false;
                };
                let reads = want_history(context, &mut self.asked, &run.name);
                let fresh =
                    self.past.as_ref().is_some_and(|(name, step, _)| *name == run.name && *step == run.step);
                if let Some(history) = context.state.runs.histories.get(&run.name).filter(|_| !fresh) {
                    self.past = Some((run.name.clone(), run.step, Training::of_history(&run, history)));
                } else if !fresh {
                    self.past = None;
                }
                reads
            }
        }
    }

    fn run_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, training: &Training) {
        if is_narrow(ui) {
            controls::numbers_ui(ui, context, training, &mut self.change);
            ui.add_space(space::SMALL);
            self.plots.ui(ui, context, training);
            ui.add_space(space::SMALL);
            samples::samples_ui(ui, context, training, &mut self.sample);
        } else {
            let width = ui.available_width();
            // On wide pages the samples are a third column.
            let third = (width >= WIDE).then(|| (width * 0.3).floor());
            let plots = width - NUMBERS - space::SECTION - third.map_or(0.0, |third| third + space::SECTION);
            let widths: Vec<f32> = [NUMBERS, plots].into_iter().chain(third).collect();
            columns_ui(ui, space::SECTION, &widths, |ui, place| {
                match place {
                    0 => controls::numbers_ui(ui, context, training, &mut self.change),
                    1 => self.plots.ui(ui, context, training),
                    _ => {}
                }
                if place + 1 == widths.len() {
                    if third.is_none() {
                        ui.add_space(space::SMALL);
                    }
                    samples::samples_ui(ui, context, training, &mut self.sample);
                }
            });
        }
        ui.add_space(space::LARGE);
        samples::picture_ui(ui, context, training);
    }

    /// A project without runs: a summary of the draft, and the start button.
    fn ready_ui(&self, ui: &mut Ui, context: &mut Context<'_>) {
        let waits = busy(context);
        card(ui, |ui| {
            section(ui, "Ready to train");
            let plan = context.state.planning.plan_of(context.draft);
            let mut line =
                vec![context.draft.model.shape(), format::counted(context.draft.train.steps, "step")];
            line.extend(plan.map(|plan| format!("{} parameters", format::count(plan.parameters))));
            line.extend(
                plan.and_then(|plan| plan.run_seconds)
                    .map(|seconds| format!("about {} on this device", format::duration(seconds))),
            );
            quiet_text(ui, line.join(" · "));
            confirm::proportions_ui(ui, context);
            ui.add_space(space::SMALL);
            ui.horizontal(|ui| {
                ui.label("Sample prompt");
                let prompt = &mut context.draft.train.sample_prompt;
                line_edit(ui, "Sample prompt", "nothing", 220.0, prompt)
                    .on_hover_text("The same prompt every time, for comparable samples");
            });
            ui.add_space(space::SMALL);
            let ready = !waits && context.state.planning.refused.is_none();
            if pressed(ui, ready, |ui| primary(ui, icons::ICON_PLAY_ARROW, "Train")) {
                train(context);
            }
            if let Some(error) = &context.state.planning.refused {
                let here = error.field.as_ref().is_some_and(|field| field.starts_with("train."));
                if !(here && is_open(context.preferences, form::FOLD, false)) {
                    hint_line(ui, &error.message);
                }
            }
        });
        ui.add_space(space::LARGE);
    }

    fn folds_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        profile::fold_ui(ui, context);
        let past = self.past.take();
        guard::fold_ui(ui, context, past.as_ref().map(|(_, _, past)| past));
        self.past = past;
        notices_ui(ui, context);
        form::fold_ui(ui, context);
    }
}

pub(super) fn train(context: &mut Context<'_>) {
    let launch = RunLaunch { title: presets::title_of(context.draft), ..RunLaunch::default() };
    context.outbox.send(Command::Train { config: Box::new(context.draft.clone()), launch });
}

/// Whether a run is training or starting.
pub(super) fn busy(context: &Context<'_>) -> bool {
    context.state.training.state != TrainingState::Idle || starting(context)
}

/// Whether a run was requested and has not ended.
fn starting(context: &Context<'_>) -> bool {
    context.state.is_waiting(|command| {
        matches!(command, Command::Train { .. } | Command::TrainFirst { .. } | Command::Resume { .. })
    })
}

/// Progress of preparing the text before the first step.
pub(super) fn preparing_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let begun = matches!(context.state.training.state, TrainingState::Running | TrainingState::Paused);
    if begun || !starting(context) {
        return;
    }
    let (stage, done, total) = context.state.tokenizer.preparing.unwrap_or_default();
    let words = stage.map_or(text::STARTING.to_owned(), |stage| format::capitalized(stage.title()));
    let share = (total > 0).then(|| done as f32 / total as f32);
    if working(ui, &words, share.or(Some(0.0)), Some("Cancel")) {
        context.outbox.send(Steer::Stop);
    }
    ui.add_space(space::MEDIUM);
}

/// The error that ended the last run, and how to continue.
pub(super) fn failure_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let run = context.state.training.run.as_ref().or(context.state.runs.latest());
    let Some((run, error)) = run.and_then(|run| Some((run.clone(), run.error.clone()?))) else { return };
    let shown = format!("put away:{}:{}", run.name, run.step);
    if busy(context) || is_open(context.preferences, &shown, false) {
        return;
    }
    let resumable = run.checkpoints.iter().any(|checkpoint| checkpoint.resumable);
    let mut told = context.state.messages.iter().rev().map(|message| &message.error);
    let report = told.find(|own| own.message == error).cloned();
    let report = report.unwrap_or_else(|| ErrorReport::new(ErrorKind::DeviceLost, error));
    match widgets::failed(ui, &report, resumable.then_some("Resume from checkpoint")) {
        Failed::Acted => {
            context.outbox.send(Command::Resume { run: Some(run.name), launch: RunLaunch::default() });
        }
        Failed::Dismissed => {
            let told = context.state.messages.iter().filter(|message| message.error == report);
            context.asks.dismissed.extend(told.map(|message| message.number));
            context.preferences.folds.insert(shown, true);
        }
        Failed::Waits => {}
    }
    ui.add_space(space::MEDIUM);
}

pub(super) fn notices_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let notices = &context.state.training.notices;
    if notices.is_empty() {
        return;
    }
    let count = notices.len().to_string();
    fold(ui, context.preferences, "train:notices", ("Notices", &count), true, |ui, _| {
        for notice in notices.iter().rev().take(20) {
            ui.horizontal_top(|ui| {
                ui.label(icons::ICON_INFO.rich_text().color(context.palette.quiet));
                ui.add(Label::new(notice).wrap().selectable(true));
            });
        }
    });
}
