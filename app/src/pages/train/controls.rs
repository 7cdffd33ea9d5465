//! The main figure, the other figures, and the buttons.

use super::changes::Change;
use super::*;
use crate::widgets::stat_row as row;

pub fn numbers_ui(ui: &mut Ui, context: &mut Context<'_>, training: &Training, change: &mut Option<Change>) {
    let Some(run) = &training.run else { return };
    ui.spacing_mut().item_spacing.y = space::TIGHT;
    let shown = run.validation();
    let number = shown.map_or(format::NOTHING.to_owned(), |shown| format::loss_of(run, shown.loss));
    let number = ui.label(RichText::new(number).text_style(theme::number()));
    if let Some(shown) = shown {
        let exact = format!("{} nats per token · perplexity {:.2}", shown.loss, shown.loss.exp());
        number.on_hover_text(exact);
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        term(ui, "validation loss", Some(context.palette.quiet));
        if let Some(shown) = shown {
            let at = ui.label(RichText::new(shown.at()).color(context.palette.quiet));
            if let Some(basis) = format::best_rests_on(run).filter(|_| shown.best) {
                at.on_hover_text(basis);
            }
        }
    });
    ui.add_space(space::SMALL);
    progress_bar(ui, run.share(), ui.available_width());
    ui.add_space(space::TIGHT);
    row(ui, "Step", &run.progress(), "");
    if let Some(loss) = run.train_loss {
        row(ui, "Training loss", &format::loss_of(run, loss), &format!("{loss} nats per token"));
    }
    if let Some(last) = run.val_loss.filter(|_| shown.is_some_and(|shown| shown.step != run.val_step)) {
        let at = run.val_step.map_or_else(String::new, |step| format!("At step {}", format::whole(step)));
        row(ui, "Last evaluation", &format::loss_of(run, last), &at);
    }
    if let Some(basis) = format::best_rests_on(run).filter(|_| run.held_out.is_some_and(|own| !own.chooses()))
    {
        quiet_text(ui, basis);
    }
    let lives = training.state != TrainingState::Idle;
    if !lives && run.best_step == Some(0) && run.val_step > Some(0) {
        quiet_text(ui, "The initial weights remain the best checkpoint: no evaluation was better.");
    }
    // The title states the unit.
    let speed = training.tokens_per_s.map_or_else(|| format::NOTHING.to_owned(), format::quantity);
    row(ui, "Tokens per second", &speed, "");
    if lives {
        let (left, whole) = times(context, training, run);
        row(ui, "Time so far", &format::duration(run.seconds), "");
        row(ui, "Time left", &left.map_or("estimating".to_owned(), format::duration), "");
        row(ui, "Estimated total", &whole.map_or("estimating".to_owned(), format::duration), "");
    } else {
        let estimated = training.estimated_seconds.or(run.estimated_seconds);
        let exact = match estimated {
            None => format!("{:.1} seconds of training", run.seconds),
            Some(s) => format!("Estimated: {}. {}", format::duration(s), error_of_forecast(s, run)),
        };
        row(ui, "Took", &format::duration(run.seconds), &exact);
    }
    if let Some(bytes) = run.bytes {
        row(ui, "Memory", &format::bytes(bytes), "As planned, with weights, gradients and activations");
    }
    if !run.device.is_empty() {
        row(ui, "Device", &format::short_device(&run.device), &format::device(&run.device));
    }
    let tuned = training.device.as_ref().map(|device| &device.tuned_kernels);
    if let Some(tuned) = tuned.filter(|tuned| !tuned.is_empty()) {
        let kernels: Vec<String> = tuned.iter().map(|(class, choice)| format!("{class}: {choice}")).collect();
        let count = format!("{} faster than the default", kernels.len());
        row(ui, "Tuned kernels", &count, &kernels.join("\n"));
    }
    if let (TrainingState::Idle, Some(words)) = (training.state, reached(context, training, run)) {
        ui.add_space(space::SMALL);
        quiet_text(ui, words);
    }
    ui.add_space(space::MEDIUM);
    buttons_ui(ui, context, training, run);
    if matches!(training.state, TrainingState::Running | TrainingState::Paused) {
        ui.add_space(space::SMALL);
        changes::fold_ui(ui, context, training, change);
    }
}

/// Result of a finished run on a text, compared with uniform guessing.
fn reached(context: &Context<'_>, training: &Training, run: &RunSummary) -> Option<String> {
    let config = &context.state.runs.histories.get(&run.name)?.config;
    let (first, reached) = (training.evaluations.first()?, run.validation()?.loss);
    if run.state != RunState::Finished || !config.train.objective.is_text() || first.step != 0 {
        return None;
    }
    let perplexity = |loss: f32| format::figures(f64::from(loss).exp());
    Some(format!(
        "Validation loss fell from {} to {}. Perplexity is {}; uniform guessing would be {}.",
        format::loss_of(run, first.val_loss),
        format::loss_of(run, reached),
        perplexity(reached),
        format::whole(config.model.vocabulary as u64)
    ))
    .filter(|_| reached < first.val_loss)
}

/// Remaining and total seconds, by the current speed or, before that is known, by the estimate.
fn times(context: &Context<'_>, training: &Training, run: &RunSummary) -> (Option<f64>, Option<f64>) {
    if let (Some(left), TrainingState::Running) = (training.left, training.state) {
        return (Some(left), Some(run.seconds + left));
    }
    let pace = training.seconds_per_step(tokens_per_step(context, run));
    let plan = context.state.planning.plan_of(context.draft);
    let estimated = training.estimated_seconds.or(run.estimated_seconds);
    let estimated = estimated.or(plan.and_then(|plan| plan.run_seconds));
    let each = pace.or_else(|| Some(estimated? / run.steps.max(1) as f64));
    let seconds = |steps: u64| each.map(|each| each * steps as f64);
    (seconds(run.steps.saturating_sub(run.step)), seconds(run.steps))
}

fn error_of_forecast(estimated: f64, run: &RunSummary) -> String {
    if run.state != RunState::Finished || run.seconds <= 0.0 {
        return "Estimated for the whole run".to_owned();
    }
    let error = (estimated / run.seconds - 1.0) * 100.0;
    format!("The estimate was {:.0} % too {}", error.abs(), if error < 0.0 { "short" } else { "long" })
}

/// Tokens per step of a run, from its own settings if known.
pub fn tokens_per_step(context: &Context<'_>, run: &RunSummary) -> u64 {
    let of_run = context.state.runs.histories.get(&run.name).map(|history| &*history.config);
    of_run.unwrap_or(context.draft).tokens_per_step()
}

fn buttons_ui(ui: &mut Ui, context: &mut Context<'_>, training: &Training, run: &RunSummary) {
    ui.spacing_mut().item_spacing.y = space::SMALL;
    ui.horizontal_wrapped(|ui| match training.state {
        TrainingState::Running | TrainingState::Paused => {
            let (icon, name, steer) = match training.state {
                TrainingState::Paused => (icons::ICON_PLAY_ARROW, "Continue", Steer::Continue),
                _ => (icons::ICON_PAUSE, "Pause", Steer::Pause),
            };
            press(ui, context, primary, icon, name, steer);
            press(ui, context, plain, icons::ICON_SKIP_NEXT, "Step", Steer::StepOnce);
            press(ui, context, plain, icons::ICON_STOP, "Stop", Steer::Stop);
        }
        TrainingState::Preparing => quiet_text(ui, "Preparing"),
        TrainingState::Stopping => quiet_text(ui, "Saving the last step"),
        TrainingState::Idle => idle_ui(ui, context, run),
    });
}

/// The page for using a model, and its button's label.
fn use_of(run: &RunSummary, objective: Option<Objective>) -> (PageName, &'static str) {
    match objective {
        _ if !run.writes() => (PageName::Evaluate, "Evaluate it"),
        Some(Objective::Chat | Objective::Preference | Objective::Reward) => (PageName::Chat, "Talk to it"),
        _ => (PageName::Write, "Write with it"),
    }
}

/// Actions on a run that has ended.
fn idle_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    let waits = busy(context);
    let history = context.state.runs.histories.get(&run.name);
    let (page, words) = use_of(run, history.map(|history| history.config.train.objective));
    ui.add_enabled_ui(!waits, |ui| {
        let goes = if run.step < run.steps {
            let resume = Command::Resume { run: Some(run.name.clone()), launch: RunLaunch::default() };
            press(ui, context, primary, icons::ICON_PLAY_ARROW, "Resume", resume);
            // A stopped fine-tuning may be good enough to use.
            run.start.is_some() && plain(ui, page.icon(), words).clicked()
        } else {
            let goes = primary(ui, page.icon(), words).clicked();
            next_ui(ui, context, run);
            goes
        };
        if goes {
            // Those of the sample that is shown.
            context.asks.weights = run.writes().then(|| WeightSource::best_of(&run.name));
            *context.go = Some(page);
        }
        let new = plain(ui, icons::ICON_ADD, "New run");
        if new.on_hover_text("Shows the run's memory and time before it starts").clicked() {
            context.asks.new_run = true;
            *context.go = Some(PageName::Train);
        }
        let more = plain(ui, icons::ICON_MORE_HORIZ, "More");
        let menu =
            Popup::menu(&more).width(240.0).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
        menu.show(|ui| more_ui(ui, context, run, page));
    });
}

/// What to do with a finished model besides its use: send it; after a first run also the next steps.
fn next_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    if run.writes() {
        let send = plain(ui, icons::ICON_LINK, "Send it to a friend");
        if send
            .on_hover_text("One HTML file that any browser opens, or a link if the model is small")
            .clicked()
        {
            context.asks.share(&run.name);
            *context.go = Some(PageName::Runs);
        }
    }
    if context.state.runs.list.len() > 1 {
        return;
    }
    let own_text = context.state.documents.overview.as_ref().is_some_and(|overview| !overview.embedded);
    if !own_text && plain(ui, icons::ICON_DESCRIPTION, "Use your own text").clicked() {
        *context.go = Some(PageName::Data);
    }
    if plain(ui, icons::ICON_MENU_BOOK, "Lesson 1").clicked() {
        *context.lesson = Some(1);
        *context.go = Some(PageName::Learn);
    }
}

/// Further actions on a run that has ended.
fn more_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary, page: PageName) {
    for (next, words) in [(PageName::Inspect, "Look inside"), (PageName::Evaluate, "Evaluate it")] {
        if next != page && widgets::quiet(ui, next.icon(), words).clicked() {
            *context.go = Some(next);
            ui.close();
        }
    }
    longer_ui(ui, context, run);
}

/// Extends a finished run to a later last step, by default twice as many.
fn longer_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    if run.state != RunState::Finished {
        return;
    }
    let id = egui::Id::unique(("steps in all", &run.name, run.steps));
    let mut steps = ui.data(|data| data.get_temp(id)).unwrap_or(run.steps.saturating_mul(2));
    let launch = RunLaunch { steps: Some(steps), ..RunLaunch::default() };
    let resume = Command::Resume { run: Some(run.name.clone()), launch };
    let button = |ui: &mut Ui, icon: MaterialIcon, name: &str| {
        widgets::quiet(ui, icon, name).on_hover_text(
            "Continues to that step from the last checkpoint; the learning-rate schedule is recomputed for the new length",
        )
    };
    press(ui, context, button, icons::ICON_FAST_FORWARD, "Train longer", resume);
    let range = run.steps.saturating_add(1)..=100_000_000;
    let number = whole_number(&mut steps).range(range).speed(run.steps as f64 * 0.01);
    let chosen = ui.add(number.prefix("to ").suffix(" steps"));
    if chosen.accessible_name("Steps in all").changed() {
        ui.data_mut(|data| data.insert_temp(id, steps));
    }
}

fn press(
    ui: &mut Ui,
    context: &mut Context<'_>,
    button: impl FnOnce(&mut Ui, MaterialIcon, &str) -> Response,
    icon: MaterialIcon,
    name: &str,
    command: impl Into<Command>,
) {
    if button(ui, icon, name).clicked() {
        context.outbox.send(command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_leads_to_the_page_that_it_was_trained_for() {
        let labelled = |labels: &[&str]| RunSummary {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..RunSummary::default()
        };
        let writes = labelled(&[]);
        let pages = [None, Some(Objective::Text), Some(Objective::Distil), Some(Objective::Chat)];
        let pages = pages.map(|objective| use_of(&writes, objective).0);
        assert_eq!(pages, [PageName::Write, PageName::Write, PageName::Write, PageName::Chat]);
        assert_eq!(use_of(&writes, Some(Objective::Reward)), (PageName::Chat, "Talk to it"));
        // A reward model is trained on preferences and generates nothing.
        assert_eq!(use_of(&labelled(&["score"]), Some(Objective::Preference)).0, PageName::Evaluate);
        assert_eq!(use_of(&labelled(&["good", "bad"]), Some(Objective::Classify)).0, PageName::Evaluate);
    }
}
