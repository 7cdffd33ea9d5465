//! One run: note, checkpoints, samples, and actions.

use super::*;
use crate::pages::train::guard;

pub fn ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    if let Some(error) = &run.error {
        let message = with_code(ui, error, |words| words);
        icon_line(ui, icons::ICON_ERROR, context.palette.failure, message);
    }
    halves(ui, space::LARGE, |ui, column| match column {
        0 => about_ui(ui, context, run),
        _ => checkpoints_ui(ui, context, run),
    });
    if let Some(points) = context.state.runs.frontiers.get(&run.name) {
        ui.add_space(space::SMALL);
        compress::frontier_ui(ui, points);
    }
}

fn about_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    card(ui, |ui| {
        section(ui, &called(run));
        let titled = if run.title.is_empty() { String::new() } else { format!("{} · ", run.name) };
        quiet_text(ui, format!("{titled}{}", run.shape));
        ui.add_space(space::SMALL);
        let row = |ui: &mut Ui, name: &str, value: &str| stat_row(ui, name, value, "");
        let loss = format::validation(run).unwrap_or_else(|| format::NOTHING.to_owned());
        stat_row(ui, "Validation loss", &loss, &format::best_rests_on(run).unwrap_or_default());
        if let Some(loss) = run.train_loss {
            row(ui, "Training loss", &format::loss_of(run, loss));
        }
        if run.state == RunState::Imported {
            row(ui, "State", run.state_words());
        } else {
            row(ui, "Step", &run.progress());
        }
        if let Some(start) = &run.start {
            row(ui, "Initial weights", &start.to_string());
        }
        row(ui, "Time", &format::duration(run.seconds));
        if let Some(estimated) = run.estimated_seconds {
            row(ui, "Estimated", &format::duration(estimated));
        }
        if let Some(bytes) = run.bytes {
            row(ui, "Memory", &format::bytes(bytes));
        }
        if !run.device.is_empty() {
            stat_row(ui, "Device", &format::short_device(&run.device), &format::device(&run.device));
        }
        facts_ui(ui, &run.energy.as_ref().map(EnergyUse::facts).unwrap_or_default());
        ui.add_space(space::SMALL);
        kept_ui(ui, context, run);
        ui.add_space(space::SMALL);
        actions_ui(ui, context, run);
        if let Some(history) = context.state.runs.histories.get(&run.name) {
            let reports = history.events.iter().filter_map(picked!(TrainEvent::Guard(report) => report));
            let reports: Vec<_> = reports.collect();
            if !reports.is_empty() {
                ui.add_space(space::MEDIUM);
                head(ui, "Guard");
                let pressed = guard::list_ui(ui, context.palette, run.learns_from, reports.into_iter());
                guard::open(context, pressed);
            }
            let mut events = history.events.iter().rev();
            if let Some(text) = events.find_map(picked!(TrainEvent::Sample { text, .. } => text)) {
                ui.add_space(space::MEDIUM);
                head(ui, "Last sample");
                ui.add(Label::new(text.trim()).wrap().selectable(true));
            }
        }
    });
}

/// The person's texts about a run.
fn kept_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    let mut edit = |saved: String, name: &str, hint: &str, rows: usize, change: fn(String) -> RunChange| {
        let control = |ui: &mut Ui, text: &mut String| {
            let field = match rows {
                1 => TextEdit::singleline(text),
                rows => TextEdit::multiline(text).desired_rows(rows),
            };
            ui.add(field.hint_text(hint).desired_width(f32::INFINITY)).accessible_name(name)
        };
        if let Some(text) = committed(ui, &format!("{name} of {}", run.name), &saved, control) {
            let sent = context.outbox.send(change(text).to(&run.name));
            let (text, undo) = (format!("Changed the {}", name.to_lowercase()), change(saved).to(&run.name));
            context.asks.toast_when_done(sent, text, Some(undo));
        }
    };
    let tags = |tags: String| RunChange::Tags(tags.split(',').map(|tag| tag.trim().to_owned()).collect());
    edit(run.title.clone(), "Title", "A title for this run", 1, RunChange::Title);
    edit(run.tags.join(", "), "Tags", "Tags, separated by commas", 1, tags);
    edit(run.notes.clone(), "Note", "A note about this run", 2, RunChange::Notes);
}

/// The run whose weights were pruned for a run with these settings.
fn pruned_from(config: &RunConfig) -> Option<&Start> {
    config.start.as_ref().filter(|_| config.preset.ends_with("-pruned") && config.model.labels.is_empty())
}

fn actions_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    let (state, name) = (context.state, run.name.as_str());
    let idle = state.training.state == TrainingState::Idle;
    let has_weights = idle && !run.checkpoints.is_empty();
    let history = state.runs.histories.get(name);
    // An imported model's settings are not those of a training run.
    let config = history.filter(|_| run.state != RunState::Imported).map(|history| &*history.config);
    let changes = |is: fn(&RunChange) -> bool| {
        state.is_waiting(|command| matches!(command, Command::ChangeRun { change, .. } if is(change)))
    };
    ui.horizontal_wrapped(|ui| {
        if press(ui, idle && run.step < run.steps, icons::ICON_PLAY_ARROW, "Resume", "") {
            context.outbox.send(Command::Resume { run: Some(name.to_owned()), launch: RunLaunch::default() });
            *context.go = Some(PageName::Train);
        }
        let hint = "As a Hugging Face folder or a GGUF file, for other programs";
        if press(ui, true, icons::ICON_DOWNLOAD, "Export model", hint) {
            context.asks.export = Some((name.to_owned(), ExportFormat::default()));
        }
        let hint = "As a web page that runs the model in any browser";
        if press(ui, true, icons::ICON_LINK, "Share", hint) {
            context.asks.share(name);
        }
        let uses = press(ui, config.is_some(), icons::ICON_CONTENT_COPY, "Use its settings", "");
        if let Some(config) = config.filter(|_| uses) {
            match config.start {
                Some(_) => {
                    context.drafts.put(config.clone());
                    *context.go = Some(PageName::Tune);
                }
                None => *context.draft = in_project(context, config.clone()),
            }
            let next = if config.start.is_some() { "fine-tune" } else { "run" };
            context.asks.replaced(format!("The next {next} uses the settings of {}", run.name));
        }
        let begun = history
            .map(|history| RunConfig { start: Some(Start::best_of(name)), ..(*history.config).clone() });
        let hint = "A fine-tune starts from its weights and its tokenizer, on the text of this project";
        let begins =
            press(ui, has_weights && begun.is_some(), icons::ICON_ALT_ROUTE, "Use as base model", hint);
        let original = history.and_then(|history| pruned_from(&history.config));
        let hint = "A fine-tune of 300 steps distils the original model into the pruned one";
        let recovers = original.is_some() && press(ui, has_weights, icons::ICON_SCHOOL, "Recover", hint);
        let recovered = original.filter(|_| recovers).zip(begun.clone());
        let recovered = recovered.map(|(original, begun)| begun.recovering(original));
        if let Some(config) = recovered.or(begun.filter(|_| begins)) {
            context.drafts.put(config);
            context.asks.replaced(format!("The next fine-tune starts from {}", run.name));
            *context.go = Some(PageName::Tune);
        }
        if config.is_some_and(|config| config.train.adapter.is_some()) {
            let merges = changes(|change| matches!(change, RunChange::MergeAdapter { .. }));
            let hint = "Creates a run with the adapter added to the base weights";
            if press(ui, has_weights && !merges, icons::ICON_MERGE, "Merge adapter", hint) {
                context.outbox.send(RunChange::MergeAdapter { checkpoint: None, adapter: None }.to(name));
            }
        }
        let compresses = changes(|change| matches!(change, RunChange::Compress { .. }));
        let hint =
            "Creates a run with weights in fewer bits, pruned, or with parts removed; or measures them all";
        if press(ui, has_weights && !compresses, icons::ICON_COMPRESS, "Compress", hint) {
            let method = Compression::Store { weights: WeightFormat::PRESELECTED };
            context.asks.compress = Some((name.to_owned(), Some(method)));
        }
        let to_do = cfg!(feature = "cluster")
            && has_weights
            && run.state != RunState::Imported
            && run.step < run.steps;
        let hint = "For training on many GPUs, with a check that results there are the same";
        if press(ui, to_do, icons::ICON_LAN, "Export a bundle", hint) {
            context.asks.wish = Some(Wish::ExportBundle { run: name.to_owned() });
        }
        let hint = "The shortest command to train a run with these settings";
        let copies = press(ui, config.is_some(), icons::ICON_TERMINAL, "Copy as a command line", hint);
        if let Some(config) = config.filter(|_| copies) {
            match config.command_line() {
                Ok(line) => {
                    ui.ctx().copy_text(line);
                    context.asks.show_toast("Copied as a command line");
                }
                Err(reason) => context.asks.show_toast(format!("It has no command line: {reason}")),
            }
        }
        let in_training = state.training.run.as_ref().filter(|_| !idle);
        let trains = in_training.is_some_and(|in_training| in_training.name == name);
        if press(ui, !trains, icons::ICON_DELETE, "Delete", "") {
            let sent = context.outbox.send(RunChange::Delete.to(name));
            let undo = RunChange::Restore.to(name);
            context.asks.toast_when_done(sent, format!("Deleted {}", called(run)), Some(undo));
        }
    });
}

/// A button as a widget, so that it wraps even if disabled; in a scope it would not. Returns whether it was clicked.
fn press(ui: &mut Ui, enabled: bool, icon: MaterialIcon, text: &str, hint: &str) -> bool {
    let button = ui.add_enabled(enabled, |ui: &mut Ui| plain(ui, icon, text));
    if hint.is_empty() { button } else { button.on_hover_text(hint) }.clicked()
}

fn checkpoints_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    const STEP: Column<'static> = Column { title: "Step", width: 70.0, align: Align::Right };
    const LOSS: Column<'static> = Column { title: "Validation", width: 72.0, align: Align::Right };
    const SIZE: Column<'static> = Column { title: "Size", width: 62.0, align: Align::Right };
    const RESTORE: Column<'static> = Column { title: "", width: 120.0, align: Align::Left };
    const ALL: Table<'static> = Table { columns: &[STEP, LOSS, SIZE, RESTORE], row: 34.0 };
    const NARROW: Table<'static> = Table { columns: &[STEP, LOSS, RESTORE], row: 34.0 };
    let history = context.state.runs.histories.get(&run.name);
    let checkpoints = history.map_or(&run.checkpoints, |history| &history.checkpoints).clone();
    let idle = context.state.training.state == TrainingState::Idle;
    card(ui, |ui| {
        head(ui, "Checkpoints");
        if checkpoints.is_empty() {
            return quiet_text(ui, "None saved yet.");
        }
        let main = main_checkpoints(&checkpoints);
        let all = format!("All {} checkpoints", checkpoints.len());
        let shows_all = main.len() == checkpoints.len()
            || fold_row(ui, context.preferences, "runs:checkpoints", (&all, ""), false);
        // A phone has no room for sizes.
        let table = if ui.available_width() < ALL.width() { NARROW } else { ALL };
        ui.spacing_mut().item_spacing.y = 1.0;
        table.titles_ui(ui);
        let shown = |(place, _): &(usize, &CheckpointSummary)| shows_all || main.contains(place);
        for (_, checkpoint) in checkpoints.iter().enumerate().rev().filter(shown) {
            let mut restored = false;
            table.row_ui(ui, &checkpoint.file, false, |ui, place| match table.columns[place].title {
                "Step" => {
                    ui.label(format::whole(checkpoint.step));
                }
                "Validation" => {
                    let loss = checkpoint.val_loss.map(|loss| format::loss_of(run, loss));
                    let loss = loss.unwrap_or_else(|| format::NOTHING.to_owned());
                    let loss = RichText::new(loss);
                    ui.label(if checkpoint.best { loss.color(context.palette.accent) } else { loss });
                }
                "Size" => {
                    ui.label(RichText::new(format::bytes(checkpoint.bytes)).color(context.palette.quiet));
                }
                _ => {
                    ui.add_enabled_ui(idle, |ui| {
                        let button = quiet(ui, icons::ICON_HISTORY, "Restore");
                        let means = match checkpoint.resumable {
                            true => "A new run continues from here",
                            false => "A new run starts from these weights",
                        };
                        restored = button.on_hover_text(means).clicked();
                    });
                    if checkpoint.best {
                        ui.label(icons::ICON_STAR.rich_text().size(14.0).color(context.palette.accent))
                            .on_hover_text(
                                format::best_rests_on(run)
                                    .unwrap_or_else(|| "The lowest validation loss of the run".to_owned()),
                            );
                    }
                }
            });
            if restored {
                let sent =
                    context.outbox.send(RunChange::RestoreCheckpoint(checkpoint.choice()).to(&run.name));
                let step = format::whole(checkpoint.step);
                let text = format!("A new run starts at step {step} of {}", run.name);
                context.asks.toast_when_done(sent, text, None);
            }
        }
    });
}

/// Indices of the best and the latest checkpoint, the first one, and those nearest to each quarter of the way; of several checkpoints
/// of a step, the best or else the resumable one.
fn main_checkpoints(checkpoints: &[CheckpointSummary]) -> BTreeSet<usize> {
    let latest = checkpoints.iter().map(|checkpoint| checkpoint.step).max().unwrap_or(0);
    let nearest = |step: u64| {
        let away = |own: &CheckpointSummary| (own.step.abs_diff(step), !own.best, !own.resumable);
        checkpoints.iter().enumerate().min_by_key(|(_, own)| away(own)).map(|(place, _)| place)
    };
    let best = checkpoints.iter().position(|checkpoint| checkpoint.best);
    best.into_iter().chain((0..=4).filter_map(|quarter| nearest(latest * quarter / 4))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_checkpoints_are_the_best_the_latest_and_milestones() {
        let checkpoint = |step| {
            let (best, resumable) = (step == 72, step == 100);
            CheckpointSummary { step, best, resumable, ..CheckpointSummary::default() }
        };
        let steps = [0, 1, 2, 3, 5, 9, 16, 29, 40, 52, 72, 90, 100];
        let all: Vec<_> = steps.map(checkpoint).into_iter().collect();
        let main: Vec<u64> = main_checkpoints(&all).into_iter().map(|place| steps[place]).collect();
        assert_eq!(main, [0, 29, 52, 72, 100]);
        assert_eq!(main_checkpoints(&all[..2]).len(), 2);
        assert!(main_checkpoints(&[]).is_empty());
    }
}
