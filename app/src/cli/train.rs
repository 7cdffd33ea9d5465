//! `glasshouse train`: trains a run of a project on its text.

use super::arguments::RemoteArguments;
use super::driver::Sender;
use super::import::{import_from, is_place};
use super::open;
use super::output::Output;
use super::prelude::*;
use super::report::audited;
use super::settings::differing;
use super::trained::{find_run, settings_of, use_project};
use glasshouse_engine::formats::page::Template;
use glasshouse_engine::protocol::evaluation::AuditTopic;
use glasshouse_engine::protocol::presets::FIRST_SECONDS;

/// Name of the run that `train` without arguments creates.
const FIRST: &str = "first-stories";
/// Runs expected to last longer than these seconds are measured.
const WORTH_MEASURING: f64 = 60.0;

pub(super) fn train(arguments: &TrainArguments) -> Result<()> {
    let ended = run(arguments)?;
    if !arguments.json {
        // Printing the hints may fail; the run is unaffected.
        what_next(arguments, &ended).ok();
    }
    Ok(())
}

pub(super) fn train_run(arguments: &TrainArguments) -> Result<RunSummary> {
    run(arguments).map(|ended| ended.run)
}

pub(super) struct TrainOutcome {
    pub(super) run: RunSummary,
    opened: Option<Box<OpenedRun>>,
    /// All steps are done, or early stopping ended the run.
    finished: bool,
}

fn run(arguments: &TrainArguments) -> Result<TrainOutcome> {
    if !arguments.watch && arguments.served != RemoteArguments::default() {
        misuse!("--host, --port and --page are for --watch");
    }
    drive(arguments.options(), async |engine| {
        let launch = launch(arguments);
        let (command, steps) = if arguments.resume {
            resumed(arguments, launch, engine).await?
        } else {
            started(arguments, launch, engine).await?
        };
        let folder = Some(arguments.project.clone());
        let watched =
            arguments.watch.then(|| open::serve(engine, &arguments.served, folder, true)).transpose()?;
        let outcome = follow(engine, arguments, command, steps).await;
        if let Some(remote) = &watched {
            remote.drain();
        }
        outcome
    })
}

pub(super) fn launch(arguments: &TrainArguments) -> RunLaunch {
    RunLaunch {
        stop_after: arguments.stop_after,
        seconds: arguments.minutes.map(|minutes| (60.0 * minutes).round() as u64),
        evaluate_whole_split: arguments.whole_split,
        ..RunLaunch::default()
    }
}

/// Trains a run of `steps` with a command, and prints its events.
pub(super) async fn follow(
    engine: &mut Engine,
    arguments: &TrainArguments,
    command: Command,
    steps: u64,
) -> Result<TrainOutcome> {
    let mut follower = Follower {
        arguments,
        output: Output::new(arguments.json, steps),
        steps,
        engine: engine.sender(),
        stage: None,
        opened: None,
        finished: false,
        run: None,
    };
    engine.ask(command, |event| follower.receive(event)).await?;
    let run = follower.run.take().context("the engine ended a run without a result")?;
    let Follower { opened, finished, .. } = follower;
    let planted = opened.as_deref().filter(|opened| finished && opened.config.data.canaries > 0);
    if let Some(OpenedRun { config, .. }) = planted {
        let device = arguments.device.clone().unwrap_or_else(|| config.device.clone());
        // Runs trained on a burn device are inspected on one of our devices.
        let device = if DeviceKind::is_of_burn(&device) { "auto".to_owned() } else { device };
        // A failed measurement does not affect the run.
        if let Err(error) = exposure(engine, &run.name, device, arguments.json).await {
            report!("note: the memorisation of canaries in {} is unknown: {error:#}", run.name);
        }
    }
    Ok(TrainOutcome { run, opened, finished })
}

/// Measures how strongly a run memorised the canaries planted in its text, and stores the result with the run.
async fn exposure(engine: &mut Engine, run: &str, device: String, json: bool) -> Result<()> {
    if !json {
        report!("measuring the exposure of the canaries");
    }
    engine.ask(Command::ChooseDevice { device }, |_| Ok(())).await?;
    let source = WeightSource::best_of(run);
    let settings = AuditSettings { sections: vec![AuditTopic::Canaries], ..AuditSettings::default() };
    let command = Command::Audit { source, settings: Box::new(settings) };
    let stopping = "cancelling; `glasshouse evaluate audit` tests them later";
    let found: Option<answer::Evaluations> = engine.ask_for_until_signal(command, stopping).await?;
    for audit in found.into_iter().flat_map(|found| found.audits) {
        match json {
            true => say_event("audit", &audit)?,
            false => audited(&audit.sections)?,
        }
    }
    Ok(())
}

/// The command that resumes the latest run from its last checkpoint, and the run's total steps.
async fn resumed(
    arguments: &TrainArguments,
    launch: RunLaunch,
    engine: &mut Engine,
) -> Result<(Command, u64)> {
    let TrainArguments { config: changes, device, .. } = arguments;
    let of = RunArguments { project: arguments.project.clone(), run: arguments.run.clone() };
    let (run, config) = settings_of(engine, &of).await?;
    let others = differing(changes, [&arguments.data, &arguments.validation], &config)?;
    if !others.is_empty() {
        misuse!(
            "--resume continues with the run's own settings, but {}; leave that out, or leave out --resume for a new run",
            others.join(", ")
        );
    }
    // A mixed-precision run may resume on a device without 16-bit floats.
    let precision = changes.precision;
    let launch = RunLaunch { precision, device: device.clone(), steps: changes.steps, ..launch };
    Ok((Command::Resume { run: Some(run), launch }, changes.steps.unwrap_or(config.train.steps)))
}

/// The command that starts a new run, and the run's total steps.
pub(super) async fn started(
    arguments: &TrainArguments,
    launch: RunLaunch,
    engine: &mut Engine,
) -> Result<(Command, u64)> {
    let mut config = match &arguments.from {
        Some(place) if is_place(place) => {
            derived_config(&import_base(place, arguments, engine).await?, arguments)?
        }
        Some(from) => derived_config(from, arguments)?,
        // A sweep started again must find the same settings, which a speed measurement does not give.
        None if is_first(arguments) && launch.sweep.is_none() => {
            let seconds = arguments.minutes.map_or(FIRST_SECONDS, |minutes| 60.0 * minutes);
            sized_for(seconds, arguments.device.as_deref(), engine, arguments.json).await?
        }
        None => run_config(&arguments.config, FIRST)?,
    };
    let named = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    if !arguments.data.is_empty() {
        config.data.paths = named(&arguments.data);
    }
    if !arguments.validation.is_empty() {
        config.data.validation_files = named(&arguments.validation);
    }
    if let Some(device) = &arguments.device {
        config.device.clone_from(device);
    }
    use_project(engine, &arguments.project, true).await?;
    if let Some(minutes) = arguments.minutes.filter(|_| !is_first(arguments) && !sets_length(arguments)) {
        config.set_steps(steps_within(minutes, &config, engine, arguments.json).await?);
    }
    let launch = match &arguments.recipe {
        Some(name) => RunLaunch { learns_from: LearnsFrom::Tasks, recipe: Some(name.clone()), ..launch },
        None => launch,
    };
    if !arguments.json && !is_first(arguments) {
        measure_unknown(&config, arguments.device.as_deref(), engine).await;
    }
    let steps = config.train.steps;
    Ok((Command::Train { config: Box::new(config), launch }, steps))
}

/// Whether no option describes the run, as in a user's first `glasshouse train`.
fn is_first(arguments: &TrainArguments) -> bool {
    arguments.config == ConfigArguments::default() && arguments.data.is_empty() && arguments.recipe.is_none()
}

/// Whether the options say how long the run is in steps or epochs.
fn sets_length(arguments: &TrainArguments) -> bool {
    let ConfigArguments { steps, epochs, set, .. } = &arguments.config;
    let sets = |assignment: &String| {
        let path = assignment.split('=').next().unwrap_or_default().trim();
        ["train.steps", "train.epochs"].contains(&path)
    };
    steps.is_some() || epochs.is_some() || set.iter().any(sets)
}

/// Measures the device if nothing is known of it and the run may be long, so that the run starts with a good estimate of its time. What
/// cannot be planned is left to the run's own errors.
async fn measure_unknown(config: &RunConfig, device: Option<&str>, engine: &mut Engine) {
    if let Some(device) = device.filter(|device| !DeviceKind::is_of_burn(device)) {
        let device = device.to_owned();
        if engine.ask(Command::ChooseDevice { device }, |_| Ok(())).await.is_err() {
            return;
        }
    }
    let plan = Command::Plan { config: Box::new(config.clone()) };
    let Ok(plan) = engine.ask_for::<PlanSummary>(plan).await else { return };
    let is_long = plan.run_seconds.is_some_and(|seconds| seconds > WORTH_MEASURING);
    if is_long && plan.speed_from == SpeedFrom::Class {
        report!("measuring the device");
        let command = Command::Measure { config: Box::new(config.clone()) };
        engine.ask_for::<answer::Speed>(command).await.ok();
    }
}

/// The steps of a run that fit into `minutes`, based on a speed measurement of the device.
async fn steps_within(minutes: f64, config: &RunConfig, engine: &mut Engine, json: bool) -> Result<u64> {
    if !json {
        report!("measuring the device");
    }
    let command = Command::Measure { config: Box::new(config.clone()) };
    let answer::Speed { ms_per_step: ms, .. } = engine.ask_for(command).await?;
    // A tenth is left for evaluations, samples and checkpoints.
    let steps = (0.9 * 60e3 * minutes / ms) as u64;
    if steps == 0 {
        let step = duration(ms / 1e3);
        misuse!(
            "--minutes {minutes} is too short: a step takes about {step} here; choose more minutes, a smaller model or a smaller --batch-size"
        );
    }
    Ok(steps)
}

/// Settings for a first run of about `seconds`, based on a speed measurement of the device.
async fn sized_for(seconds: f64, device: Option<&str>, engine: &mut Engine, json: bool) -> Result<RunConfig> {
    if !json {
        report!("measuring the device");
    }
    if let Some(device) = device {
        let device = device.to_owned();
        engine.ask(Command::ChooseDevice { device }, |_| Ok(())).await?;
    }
    let command = Command::Fit(Fit::First { seconds });
    Ok(*engine.ask_for::<answer::Fitted>(command).await?.config)
}

/// Imports the model at the place given by `--from` and returns its run's name.
async fn import_base(place: &str, arguments: &TrainArguments, engine: &mut Engine) -> Result<String> {
    if arguments.from_project.is_some() {
        misuse!(
            "--from-project names the project of a run, but {place} is the place of a model; leave one of them out"
        );
    }
    use_project(engine, &arguments.project, true).await?;
    let (run, about) = import_from(engine, Path::new(place), None, false)
        .await?
        .context("the import was stopped, so there is nothing to train")?;
    report!("{run}: {about}");
    Ok(run)
}

/// The run to start from. A model from elsewhere is imported first, which also creates the project.
pub(super) fn base_run(from: &str, arguments: &TrainArguments) -> Result<String> {
    if !is_place(from) {
        return Ok(from.to_owned());
    }
    drive(session::Options::default(), async |engine| import_base(from, arguments, engine).await)
}

/// Settings of a run that starts from another run's weights: that run's settings with the typed changes.
fn derived_config(from: &str, arguments: &TrainArguments) -> Result<RunConfig> {
    let folder = |path: &PathBuf| path.display().to_string();
    let start = Start::parse(from, arguments.from_project.as_ref().map(folder));
    let project = arguments.from_project.as_ref().unwrap_or(&arguments.project);
    let run = find_run(project, Start::named_run(&start.run))?;
    let mut config = run.config()?;
    // The device is stored where the run was trained, which may be another machine.
    "auto".clone_into(&mut config.device);
    if !arguments.data.is_empty() {
        // The mixture and the held-out files belong to the other run's text.
        config.data.mixture.clear();
        config.data.validation_files.clear();
    }
    if arguments.recipe.is_some() {
        // A recipe brings its own rows.
        config.data.validation_files.clear();
    }
    // The canaries were planted in the other run's text.
    config.data.canaries = 0;
    // A run that was fine-tuned itself keeps its tuning settings.
    let trained = config.start.replace(start).is_none();
    // A recipe brings the tuning settings it was measured with.
    if trained && arguments.recipe.is_none() {
        config.take_tuning_defaults();
    }
    changed(config, &arguments.config)
}

struct Follower<'a> {
    arguments: &'a TrainArguments,
    output: Output,
    steps: u64,
    engine: Sender,
    /// The preparation stage printed last.
    stage: Option<PreparationStage>,
    opened: Option<Box<OpenedRun>>,
    finished: bool,
    run: Option<RunSummary>,
}

impl Follower<'_> {
    fn receive(&mut self, event: Event) -> Result<()> {
        let TrainArguments { json, stop_after, resume, project, .. } = self.arguments;
        match event {
            Event::Preparing { stage, .. } => {
                let is_new = self.stage.replace(stage) != Some(stage);
                if is_new && !json {
                    report!("{}", stage.title());
                }
            }
            Event::Notice { problems, .. } if *json && !problems.is_empty() => {
                self.output.put(&left_out(&problems).to_string());
            }
            Event::Notice { problems, .. } if !problems.is_empty() => super::data::print_problems(&problems),
            Event::Notice { text, hints, .. } => self.output.notice(&text, &hints),
            Event::RunOpened { opened } => {
                introduce(&self.output, &opened);
                if !resume {
                    // Epochs are converted to steps only when the run opens.
                    self.steps = opened.config.train.steps;
                    self.output.set_steps(self.steps);
                }
                self.opened = Some(opened);
                // From here on, a signal saves the run.
                signals()?;
            }
            Event::TrainingStarted { run, device, step, folder, estimated_seconds } => {
                if let Some(folder) = folder {
                    self.output.say(&format!("run {} in {folder}\n", run.name));
                }
                self.output.resume_at(step);
                if let (0, Some(seconds)) = (step, estimated_seconds) {
                    let (time, device) = (duration(seconds), &device.name);
                    self.output.say(&format!("estimated time: {time} on {device}"));
                }
                if step >= self.steps {
                    let (name, project, steps) = (&run.name, project_option(project), whole(self.steps));
                    let text = format!(
                        "all {steps} steps are done. To train longer: `glasshouse train{project} --resume --run {name} --steps N`. To start a \
                         new run from its weights: `glasshouse train{project} --from {name}`"
                    );
                    self.output.notice(&text, &[]);
                }
                if let Some(stop) = stop_after.filter(|stop| *stop <= step) {
                    let text = format!(
                        "the run is already at step {step}, so --stop-after {stop} leaves nothing to train"
                    );
                    self.output.notice(&text, &[]);
                }
                let engine = self.engine.clone();
                signals()?.when_raised(move |flags| {
                    if flags.save.swap(false, Ordering::SeqCst) {
                        engine.send(Steer::SaveCheckpoint);
                    }
                    if flags.stop.load(Ordering::SeqCst) {
                        engine.send(Steer::Stop);
                    }
                });
            }
            Event::Training { events, .. } => {
                for event in events {
                    if let TrainEvent::Done { finished, stopped_early, .. } = event {
                        self.finished = finished || stopped_early.is_some();
                    }
                    self.output.event(&event);
                }
            }
            Event::TrainingEnded { run } => self.run = Some(run),
            _ => {}
        }
        Ok(())
    }
}

/// A JSON line about rows left out of a run's text: for each file every reason and the number of rows.
pub(super) fn left_out(problems: &[FileProblem]) -> Value {
    json!({ "event": "left_out", "problems": problems })
}

fn signals() -> Result<&'static interrupt::Flags> {
    interrupt::flags("finishing this step and saving")
}

fn introduce(output: &Output, opened: &OpenedRun) {
    let OpenedRun { config, text, device, .. } = opened;
    for sentence in opened.settled.iter().chain(&opened.tuned) {
        output.say(sentence);
    }
    if let Some(text) = text {
        let (documents, size) = (things(text.documents, "document"), bytes(text.bytes));
        let [train, held_out] = [text.train_tokens, text.validation_tokens].map(count);
        output.say(&format!(
            "text: {} {documents}, {size}, {train} tokens to train on, {held_out} held out, {} in the vocabulary",
            text.documents, config.model.vocabulary
        ));
    }
    if let Some(start) = &config.start {
        output.say(&format!("initial weights: the weights and the tokenizer of {start}"));
    }
    if opened.trained_parameters < opened.parameters {
        let (trained, which) = (count(opened.trained_parameters), config.train.trains());
        output.say(&format!("trained: {trained} of the parameters ({which})"));
    }
    let tokens = config.train.steps.saturating_mul(config.tokens_per_step());
    let (preset, parameters) = (&config.preset, count(opened.parameters));
    output.say(&format!("model: {preset} · {parameters} parameters · {}", config.model.shape()));
    let (steps, work) = (counted(config.train.steps, "step"), flop(opened.flops_per_token * tokens as f64));
    let (tokens, memory) = (count(tokens), bytes(opened.bytes));
    output.say(&format!("run: {steps}, {tokens} tokens, {work}, {memory} of memory, on {device}"));
    for sentence in &opened.proportions {
        output.notice(sentence, &[]);
    }
    if opened.on_gpu {
        output.say("the first steps may take a while: the driver compiles the kernels");
    }
}

/// Prints where the run's files are, and commands to try.
fn what_next(arguments: &TrainArguments, ended: &TrainOutcome) -> Result<()> {
    let project = project_option(&arguments.project);
    for Fact { name, value, exact, .. } in ended.run.energy.iter().flat_map(EnergyUse::facts) {
        say!("{name}: {value} ({exact})")?;
    }
    say!("\nThe project is in {}.", arguments.project.display())?;
    let Some(opened) = ended.opened.as_deref().filter(|_| ended.finished) else {
        // By name: another run may have become the latest meanwhile.
        return Ok(say!("Continue with: glasshouse train{project} --resume --run {}", ended.run.name)?);
    };
    if !opened.config.model.labels.is_empty() {
        let classify = format!("glasshouse evaluate classify{project} --text \"...\"");
        say!("{}", try_next(&[(classify, "classify a text")]))?;
    } else {
        let mut commands = if opened.config.train.objective.learns_text() {
            let generate = format!("glasshouse generate{project} --prompt \"{}\"", opened.prompt);
            vec![(generate, "generate text")]
        } else {
            vec![(format!("glasshouse chat{project}"), "chat with it")]
        };
        if super::window::BUILT {
            // Without arguments, the window opens the default project.
            let window = if project.is_empty() { "" } else { " open" };
            commands.push((format!("glasshouse{window}{project}"), "watch and inspect it in the window"));
        }
        if Template::installed().is_ok() {
            let share = format!("glasshouse share{project} --to my-model.html");
            commands.push((share, "send it to a friend: one file, which any browser opens"));
        }
        let own = "glasshouse train --data my-text.txt --project my";
        commands.push((own.to_owned(), "train on your own text"));
        if super::window::BUILT {
            commands.push(("glasshouse open --lesson 1".to_owned(), "see what it learned, and how"));
        }
        say!("{}", try_next(&commands))?;
    }
    Ok(())
}

/// The `--project` option for a command to try; empty for the default project.
fn project_option(project: &Path) -> String {
    let is_default = project == Path::new(super::arguments::DEFAULT_PROJECT);
    if is_default { String::new() } else { format!(" --project {}", quoted(project)) }
}

/// A list of commands to try, with their purposes in a second column.
pub(super) fn try_next(commands: &[(String, &str)]) -> String {
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let lines = commands.iter().map(|(command, purpose)| format!("\n  {command:width$}   {purpose}"));
    format!("Try next:{}", lines.collect::<String>())
}

pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{left_out, project_option, try_next};
    use glasshouse_engine::protocol::FileProblem;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn commands_to_try_name_a_project_that_is_not_the_default() {
        assert_eq!(project_option(Path::new("glasshouse-project")), "");
        assert_eq!(project_option(Path::new("my tale")), " --project \"my tale\"");
    }

    #[test]
    fn rows_that_are_left_out_are_an_event() {
        let reason = "line 21: the user speaks twice (and 49 more like it)".to_owned();
        let problem =
            FileProblem { name: "c.jsonl".to_owned(), reason: reason.clone(), partly: false, count: 50 };
        let told = json!({
            "event": "left_out",
            "problems": [{ "name": "c.jsonl", "reason": reason, "partly": false, "count": 50 }],
        });
        assert_eq!(left_out(&[problem]), told);
    }

    #[test]
    fn what_commands_are_for_stands_in_one_column() {
        let text = try_next(&[("a --to ä".to_owned(), "short"), ("a longer one".to_owned(), "long")]);
        assert_eq!(text, "Try next:\n  a --to ä       short\n  a longer one   long");
    }
}
