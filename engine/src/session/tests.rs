//! End-to-end tests of sessions on the CPU.

/// The values of those reported events that match a pattern.
macro_rules! told {
    ($heard:expr, $pattern:pat => $value:expr) => {
        $heard.iter().filter_map(|report| match &report.event {
            $pattern => Some($value),
            _ => None,
        })
    };
}

/// Asserts that an event matches a pattern.
macro_rules! has {
    ($heard:expr, $($pattern:tt)+) => { assert!($heard.iter().any(|report| matches!(&report.event, $($pattern)+))) };
}

mod audits;
mod conversations;
mod dropped;
mod evaluation;
mod experiments;
mod features;
mod feedback;
mod generation;
mod imports;
mod inspection;
mod made;

use super::{Options, run};
use crate::protocol::cleaning::CleaningStep;
use crate::protocol::{
    Bench, CheckpointChoice, Command, DocumentsChange, Drafts, Ending, Envelope, ErrorKind, Event, Export,
    Fit, Forecast, GenerateConfig, Objective, Output, ProjectChange, RecipeChange, Report, Request,
    RunChange, RunConfig, RunLaunch, RunState, SpeedFrom, Start, Steer, TrainEvent, TrainingState,
    WeightSource, answer, message, presets,
};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A front end that sends the next command when the previous one has ended, or at a specified event.
struct Script {
    requests: async_channel::Sender<Envelope<Request>>,
    /// Remaining commands, each with the event that triggers it; `None` waits for the end of the previous command.
    steps: Vec<(Option<Trigger>, Command)>,
    sent: u64,
    heard: Vec<Report>,
}

type Trigger = fn(&Event) -> bool;

impl Script {
    fn hear(&mut self, report: &Report) {
        self.heard.push(report.clone());
        let ended = matches!(report.event, Event::Finished | Event::Failed { .. })
            && report.request == Some(self.sent);
        let due = match self.steps.first() {
            Some((Some(trigger), _)) => trigger(&report.event),
            Some((None, _)) => ended,
            None => {
                if ended {
                    self.requests.close();
                }
                false
            }
        };
        if due {
            self.send();
        }
    }

    fn send(&mut self) {
        let (_, command) = self.steps.remove(0);
        self.sent += 1;
        let request = Request::new(self.sent, command);
        self.requests.try_send(Envelope::plain(request)).unwrap();
    }
}

fn options(shelf: &Path) -> Options {
    Options {
        shelf: shelf.to_owned(),
        device: "cpu".to_owned(),
        threads: Some(2),
        autotune: false,
        cache: Some(shelf.join(".cache")),
        ..Options::default()
    }
}

/// Runs commands in a session on a shelf and returns all events.
fn play(shelf: &Path, steps: Vec<(Option<Trigger>, Command)>) -> Vec<Report> {
    play_hearing(shelf, steps, |_| {})
}

/// Like [`play`]; `hear` gets each event first, with its bytes.
fn play_hearing(
    shelf: &Path,
    steps: Vec<(Option<Trigger>, Command)>,
    hear: impl Fn(&Envelope<Report>) + 'static,
) -> Vec<Report> {
    let hello = Command::Hello { version: message::VERSION, device: "cpu".to_owned() };
    play_without_hello(options(shelf), std::iter::once(after(hello)).chain(steps).collect(), hear)
}

fn play_without_hello(
    options: Options,
    steps: Vec<(Option<Trigger>, Command)>,
    hear: impl Fn(&Envelope<Report>) + 'static,
) -> Vec<Report> {
    let (requests, inbox) = async_channel::unbounded();
    let script = Rc::new(RefCell::new(Script { requests, steps, sent: 0, heard: Vec::new() }));
    script.borrow_mut().send();
    let ear = script.clone();
    pollster::block_on(run(options, inbox, move |report| {
        hear(&report);
        // Every event must survive serialisation.
        let text = serde_json::to_string(&report.body).unwrap();
        ear.borrow_mut().hear(&serde_json::from_str(&text).unwrap());
    }));
    let heard = script.borrow().heard.clone();
    assert!(script.borrow().steps.is_empty(), "not everything was sent: {heard:#?}");
    heard
}

/// Runs commands after training a run (request 3) in a new project, and returns all events.
fn play_trained(config: RunConfig, steps: Vec<(Option<Trigger>, Command)>) -> Vec<Report> {
    let shelf = tempfile::tempdir().unwrap();
    let made = Command::create("p");
    play(shelf.path(), [after(made), after(train(config, None))].into_iter().chain(steps).collect())
}

/// Triggers at a step of a run.
const TRAINS: Trigger = |event| matches!(event, Event::Training { .. });

fn after(command: impl Into<Command>) -> (Option<Trigger>, Command) {
    (None, command.into())
}

fn tiny(steps: u64) -> RunConfig {
    let mut config = presets::preset("first-stories").unwrap();
    config.data.corpus_bytes = 60_000;
    config.tokenizer.vocabulary = 300;
    config.model.context_length = 16;
    config.model.layers = 1;
    config.model.width = 32;
    config.model.heads = 2;
    config.model.kv_heads = 1;
    config.model.head_size = 16;
    config.model.mlp.hidden = 48;
    config.train.steps = steps;
    config.train.batch_size = 4;
    config.train.warmup_steps = 2;
    config.train.eval_interval = 10;
    config.train.eval_batches = 2;
    config.train.checkpoint_interval = 10;
    config.train.sample_interval = 10;
    config.train.sample_tokens = 8;
    config
}

/// Number, seed, text and ending of a request's samples.
fn sampled(heard: &[Report], request: u64) -> Vec<(usize, u64, String, Ending)> {
    let samples = heard.iter().filter(|report| report.request == Some(request));
    let samples = samples.filter_map(|report| match &report.event {
        Event::Completed { completion } => {
            Some((completion.number, completion.seed, completion.text.clone(), completion.ending))
        }
        _ => None,
    });
    samples.collect()
}

#[test]
fn samples_at_once_are_what_each_is_by_itself() {
    let config = |seed| GenerateConfig { max_tokens: 12, seed, ..GenerateConfig::default() };
    let generate = |config, output| Command::Generate {
        source: WeightSource::Current,
        prompt: "The".into(),
        config,
        output,
    };
    let samples = |count| generate(config(3), Output::Samples { count });
    let long = GenerateConfig { max_tokens: 1_000_000, ..config(1) };
    let endless = generate(long, Output::Samples { count: 2 });
    let alone = |seed| after(generate(config(seed), Output::Tokens));
    let heard = play_trained(
        tiny(20),
        vec![
            // More samples than slots.
            after(samples(19)),
            alone(3),
            alone(21),
            after(samples(0)),
            after(endless),
            (Some(|event| matches!(event, Event::ModelOpened { .. })), Command::Cancel { request: 0 }),
            after(Command::ListRuns),
        ],
    );
    let mut written = sampled(&heard, 4);
    written.sort_by_key(|sample| sample.0);
    assert_eq!(written.len(), 19);
    assert!(written.iter().all(|(number, seed, ..)| *seed == 3 + *number as u64));
    for (request, number) in [(5, 0), (6, 18)] {
        assert_eq!(sampled(&heard, request)[0].2, written[number].2);
    }
    let is_over = |report: &&Report| report.request == Some(4) && report.event == Event::Finished;
    assert_eq!(heard.iter().filter(is_over).count(), 1);
    assert_eq!(failures(&heard).len(), 1);
    assert!(failures(&heard)[0].contains("(got 0)"), "{:?}", failures(&heard));
    let stopped = sampled(&heard, 8);
    assert!(
        stopped.len() == 2 && stopped.iter().all(|sample| sample.3 == Ending::Interrupted),
        "{stopped:?}"
    );
}

fn losses(heard: &[Report]) -> Vec<(u64, f32)> {
    let events = told!(heard, Event::Training { events, .. } => events);
    let step = |event: &TrainEvent| match event {
        TrainEvent::Step { step, loss, .. } => Some((*step, *loss)),
        _ => None,
    };
    events.flatten().filter_map(step).collect()
}

fn failures(heard: &[Report]) -> Vec<String> {
    told!(heard, Event::Failed { error } => error.message.clone()).collect()
}

fn train(config: RunConfig, stop_after: Option<u64>) -> Command {
    Command::Train { config: Box::new(config), launch: RunLaunch { stop_after, ..RunLaunch::default() } }
}

fn generate(prompt: &str) -> Command {
    Command::Generate {
        source: WeightSource::Current,
        prompt: prompt.into(),
        config: GenerateConfig { max_tokens: 12, ..GenerateConfig::default() },
        output: Output::Tokens,
    }
}

#[test]
fn a_run_is_as_long_as_its_epochs_and_goes_on_to_more_steps() {
    let shelf = tempfile::tempdir().unwrap();
    let mut config = tiny(20);
    config.train.epochs = Some(0.02);
    let more = |steps| {
        let launch = RunLaunch { steps: Some(steps), ..RunLaunch::default() };
        after(Command::Resume { run: None, launch })
    };
    let made = Command::create("Epochs");
    let heard = play(shelf.path(), vec![after(made), after(train(config, None)), more(30), more(5)]);
    let tokens = told!(heard, Event::TokenizerReady { tokenizer } => tokenizer.train_tokens).next();
    let ended = told!(heard, Event::TrainingEnded { run } => (run.state, run.step, run.steps));
    let settled = (0.02 * tokens.unwrap() as f64 / 64.0).ceil() as u64;
    assert!(settled > 5 && settled < 20, "{settled}");
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended, [(RunState::Finished, settled, settled), (RunState::Finished, 30, 30)]);
    let refused = failures(&heard);
    assert!(refused.len() == 1 && refused[0].contains("has already completed 30 steps"), "{refused:?}");
}

#[test]
fn the_epochs_of_packed_rows_are_planned_as_they_are_trained() {
    let shelf = tempfile::tempdir().unwrap();
    let [talks, held_out] = ["talks.jsonl", "held.jsonl"].map(|name| shelf.path().join(name));
    let row = |at: usize| {
        let owls = "An owl. ".repeat(5 + at % 40);
        format!("{{\"prompt\": \"Who is {at}?\", \"completion\": \"{owls}\"}}\n")
    };
    std::fs::write(&talks, (0..1200).map(row).collect::<String>()).unwrap();
    std::fs::write(&held_out, (1200..1700).map(row).collect::<String>()).unwrap();
    let mut base = tiny(1);
    base.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    (base.model.context_length, base.model.vocabulary, base.train.eval_interval) = (512, 257, 1000);
    (base.train.checkpoint_interval, base.train.sample_interval) = (1000, 0);
    let mut config = RunConfig { start: Some(Start::best_of("1-first-stories")), ..base.clone() };
    config.data.validation_files = vec!["held.jsonl".to_owned()];
    config.set_objective(Objective::Chat);
    config.train.epochs = Some(1.0);
    let steps = [false, true].map(|packing| {
        config.train.chat.packing = packing;
        let made = Command::create("Talks");
        let names = [&talks, &held_out].map(|path| path.display().to_string()).to_vec();
        let add = DocumentsChange::Add { names };
        let plan = Command::Plan { config: Box::new(config.clone()) };
        let train = train(config.clone(), Some(1));
        let text = self::train(base.clone(), None);
        let steps = vec![after(made), after(text), after(add), after(plan), after(train)];
        let heard = play(shelf.path(), steps);
        assert_eq!(failures(&heard), Vec::<String>::new());
        let planned = told!(heard, Event::Planned(Forecast::Run { plan }) => plan.steps).next_back();
        let trained = told!(heard, Event::TrainingEnded { run } => run.steps).next_back();
        (planned.unwrap(), trained.unwrap())
    });
    assert!(2 * steps[0].1 > 3 * steps[1].1, "packing takes fewer steps: {steps:?}");
    for (planned, trained) in steps {
        assert!(planned.abs_diff(trained) <= trained / 6, "{steps:?}");
    }
}

#[test]
fn a_forecast_is_the_work_divided_by_the_speed_that_the_device_last_had() {
    let shelf = tempfile::tempdir().unwrap();
    let forecast = || {
        let plan = Command::Plan { config: Box::new(tiny(1000)) };
        let made = Command::create("Owls");
        let heard = play(shelf.path(), vec![after(made), after(plan)]);
        let mut plans = told!(heard, Event::Planned(Forecast::Run { plan }) => plan.clone());
        let plan = plans.next_back().unwrap();
        (plan.run_seconds.unwrap(), plan.speed_from)
    };
    let (typical, from) = forecast();
    assert!(typical > 0.0 && from == SpeedFrom::Class, "a forecast before anything was measured");
    let stored = |flops_per_s: f64, upkeep: f64| {
        let speed = serde_json::json!({"flops_per_s": flops_per_s, "upkeep": upkeep, "from": "run"});
        let speeds = serde_json::json!({"CPU": speed, "another device": speed});
        std::fs::create_dir_all(shelf.path().join(".cache")).unwrap();
        std::fs::write(shelf.path().join(".cache/speeds.json"), speeds.to_string()).unwrap();
        forecast()
    };
    let (one, from) = stored(1e9, 1.0);
    assert_eq!(from, SpeedFrom::Run);
    let (other, _) = stored(1e9, 1.5);
    assert!((other / one - 1.5).abs() < 1e-6, "{one} {other}");
    std::fs::write(shelf.path().join(".cache/speeds.json"), "{").unwrap();
    assert_eq!(forecast().1, SpeedFrom::Class, "damaged speeds are measured again");
}

#[test]
fn a_project_is_made_trained_written_with_and_found_again() {
    let shelf = tempfile::tempdir().unwrap();
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("Owls")),
            after(Command::ListDocuments { search: "the".to_owned(), offset: 0, count: 3, validation: 0.1 }),
            after(Command::Plan { config: Box::new(tiny(20)) }),
            after(Command::Plan { config: Box::new(tiny(10_000)) }),
            after(Fit::ToDevice { config: Box::new(tiny(20)) }),
            after(train(tiny(20), None)),
            after(Command::Tokenize { text: "The owl".to_owned() }),
            after(Command::ListVocabulary {
                search: String::new(),
                order: crate::protocol::VocabularyOrder::LeastUsed,
                offset: 0,
                count: 5,
            }),
            after(generate("The")),
            after(Command::ListRuns),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    assert_eq!(losses(&heard).len(), 20);
    has!(heard, Event::Documents { documents, overview, .. } if documents.len() == 3 && overview.embedded);
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.parameters > 10_000 && plan.bytes > 100_000);
    // 60 kB of stories are about 24,000 tokens; a step of the tiny run takes 64.
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.proportions.is_empty());
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.proportions.len() == 1 && plan.proportions[0].contains("about 2"));
    has!(heard, Event::Fitted(answer::Fitted { changes, .. }) if changes.is_empty());
    has!(heard, Event::Tokens(answer::Tokens { tokens, .. }) if !tokens.is_empty());
    has!(heard, Event::Tokens(answer::Tokens { merges: Some((_, steps)), .. }) if !steps.is_empty());
    has!(heard, Event::Vocabulary(answer::Vocabulary { entries, .. }) if entries.len() == 5);
    has!(heard, Event::Completed { completion } if !completion.text.is_empty());
    has!(heard, Event::Runs { runs } if runs[0].state == RunState::Finished && !runs[0].checkpoints.is_empty());

    // The next session finds the run and explains its text.
    let source =
        WeightSource::Checkpoint { run: "1-first-stories".to_owned(), checkpoint: CheckpointChoice::Latest };
    let explain = Command::Explain {
        source,
        tokens: vec![5, 6, 7],
        chosen: Some(9),
        config: GenerateConfig { top_k: 4, ..GenerateConfig::default() },
        count: 10,
    };
    let heard = play(
        shelf.path(),
        vec![
            after(Command::ListProjects),
            after(Command::OpenProject { id: "owls".to_owned() }),
            after(explain),
            after(Command::ReadRun { run: Some("1".to_owned()), points: 5 }),
            after(Export::Project { id: "owls".to_owned() }.to(None, false)),
            after(ProjectChange::Delete.to("owls")),
            after(ProjectChange::Restore.to("owls")),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    has!(heard, Event::Project { opened: Some(opened) } if opened.tokenizer.is_some() && opened.runs.len() == 1);
    has!(heard, Event::Distribution(answer::Distribution { candidates, kept: 4, .. }) if candidates.len() >= 10);
    has!(heard, Event::Projects { projects, .. } if projects.iter().any(|project| project.deleted));
    // Checkpoint events are never left out.
    let kept = |event: &&TrainEvent| !matches!(event, TrainEvent::Checkpoint { .. });
    has!(heard, Event::History(answer::History { events, .. }) if events.iter().filter(kept).count() < 20);
}

#[test]
fn a_run_is_paused_stepped_written_with_changed_and_stopped() {
    // Paused right after the evaluation before its first step, where nothing else is due.
    let mut endless = tiny(100_000);
    (endless.train.sample_interval, endless.train.accumulate) = (0, 2);
    let heard = play_trained(
        endless,
        vec![
            (Some(TRAINS), Command::Steer(Steer::Pause)),
            (
                Some(|event| matches!(event, Event::TrainingState { state: TrainingState::Paused, .. })),
                Command::Steer(Steer::StepOnce),
            ),
            after(generate("A")),
            (Some(|event| matches!(event, Event::Completed { .. })), Command::Steer(Steer::Continue)),
            after(generate("B")),
            (
                Some(|event| matches!(event, Event::Completed { .. })),
                Command::Steer(Steer::Change { learning_rate: Some(5e-4), steps: None }),
            ),
            after(Steer::Profile),
            after(Command::OpenProject { id: "p".to_owned() }),
            after(Command::OpenProject { id: "another".to_owned() }),
            after(Steer::Stop),
        ],
    );
    let failed = failures(&heard);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("is training"), "{failed:?}");
    // Opening the open project again tells of its run.
    let told = |report: &Report| {
        report.request == Some(11) && matches!(report.event, Event::TrainingStarted { step, .. } if step > 0)
    };
    assert!(heard.iter().any(told));
    // Both micro-batches count.
    let whole = |entries: &[crate::protocol::ProfileEntry]| {
        let (rest, timed): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.scope == "rest of the step");
        rest.len() <= 1 && !timed.is_empty() && timed.iter().all(|entry| entry.count % 2 == 0)
    };
    has!(heard, Event::Profile { entries, .. } if whole(entries));
    has!(heard, Event::TrainingEnded { run } if run.state == RunState::Stopped && run.step > 0);
    // While paused, a run does exactly the one requested step.
    let at = |wanted: fn(&Event) -> bool| heard.iter().position(|report| wanted(&report.event)).unwrap();
    let stepped =
        heard.iter().position(|report| report.request == Some(5) && report.event == Event::Finished).unwrap();
    let continued = at(|event| matches!(event, Event::TrainingState { state: TrainingState::Running, .. }));
    assert!(stepped < continued);
    assert_eq!(losses(&heard[stepped..continued]).len(), 1);
}

#[test]
fn a_stopped_run_continues_with_the_losses_of_an_uninterrupted_one() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let create = || after(Command::create("p"));
    let whole = losses(&play(one.path(), vec![create(), after(train(tiny(30), None))]));
    let mut parts = losses(&play(two.path(), vec![create(), after(train(tiny(30), Some(13)))]));
    let open = Command::OpenProject { id: "p".to_owned() };
    let resume = Command::Resume { run: None, launch: RunLaunch::default() };
    parts.extend(losses(&play(two.path(), vec![after(open), after(resume)])));
    assert_eq!(whole.len(), 30);
    assert_eq!(parts, whole);
}

#[test]
fn a_draft_and_a_tokenizer_that_no_run_used_are_there_again() {
    let shelf = tempfile::tempdir().unwrap();
    let mut draft = tiny(77);
    draft.seed = 4242;
    let tokenizer = crate::protocol::TokenizerConfig { vocabulary: 333, ..tiny(1).tokenizer };
    let opened = |heard: &[Report]| {
        let mut found = told!(heard, Event::Project { opened: Some(opened) } => (&opened.drafts.train, &opened.tokenizer));
        let (config, tokenizer) = found.next_back().unwrap();
        (config.clone(), tokenizer.clone())
    };
    let open = || after(Command::OpenProject { id: "p".to_owned() });
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(Command::TrainTokenizer { tokenizer: tokenizer.clone(), validation: 0.1 }),
            after(Command::SaveDrafts { drafts: Box::new(Drafts::new(draft.clone())) }),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let heard = play(shelf.path(), vec![open(), after(Command::Tokenize { text: "owl".to_owned() })]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let (config, summary) = opened(&heard);
    assert_eq!(config, draft);
    assert_eq!(summary.unwrap().config, tokenizer);

    // A copy has them too, and a damaged record affects only itself.
    play(shelf.path(), vec![after(ProjectChange::Duplicate("q".to_owned()).to("p"))]);
    let heard = play(shelf.path(), vec![after(Command::OpenProject { id: "q".to_owned() })]);
    assert_eq!(opened(&heard).0.seed, 4242);
    std::fs::write(shelf.path().join("q/next.json"), "{").unwrap();
    let heard = play(shelf.path(), vec![after(Command::OpenProject { id: "q".to_owned() })]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    has!(heard, Event::Notice { text, .. } if text.contains("next.json"));
    assert_ne!(opened(&heard).0.seed, 4242);
}

#[test]
fn what_cannot_be_done_fails_with_one_reason_and_nothing_else_stops() {
    let shelf = tempfile::tempdir().unwrap();
    let picture = shelf.path().join("picture");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n").unwrap();
    let key = shelf.path().join("notes.txt");
    std::fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n").unwrap();
    let empty = shelf.path().join("empty.txt");
    std::fs::write(&empty, " \n").unwrap();
    let mut impossible = tiny(10);
    impossible.model.heads = 3;
    impossible.model.kv_heads = 2;
    let heard = play(
        shelf.path(),
        vec![
            after(train(tiny(10), None)),
            after(Steer::Pause),
            after(Command::OpenProject { id: "../../etc".to_owned() }),
            after(Command::create("p")),
            after(train(impossible, None)),
            after(Command::Tokenize { text: "x".to_owned() }),
            after(DocumentsChange::Add { names: vec!["/nowhere/at/all.txt".to_owned()] }),
            after(DocumentsChange::Add { names: vec![picture.display().to_string()] }),
            after(DocumentsChange::Add { names: vec![key.display().to_string()] }),
            after(DocumentsChange::Add { names: vec![empty.display().to_string()] }),
            after(Command::ImportProject { name: None, from: None }),
            after(generate("x")),
            after(train(tiny(10), None)),
        ],
    );
    let failed = failures(&heard);
    assert_eq!(failed.len(), 11, "{failed:#?}");
    assert!(failed[3].contains("model.heads"), "{failed:#?}");
    assert!(failed[6].contains("this file type is not supported"), "{failed:#?}");
    assert!(failed[7].contains("notes.txt") && failed[7].contains("private key"), "{failed:#?}");
    assert!(failed[8].contains("empty.txt") && failed[8].contains("is empty"), "{failed:#?}");
    assert_eq!(losses(&heard).len(), 10);
}

#[test]
fn a_sample_under_way_is_held_and_given_up_when_that_is_asked_for() {
    let shelf = tempfile::tempdir().unwrap();
    let mut config = tiny(10);
    // Too long to wait for its end; a byte text in one piece has no end token.
    (config.train.sample_interval, config.train.sample_tokens) = (1, 1 << 20);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    let text = shelf.path().join("owls.txt");
    std::fs::write(&text, "The owl sat in the oak and sang. ".repeat(200)).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(train(config, None)),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "writing a sample")),
                Command::Steer(Steer::Pause),
            ),
            after(generate("A")),
            (Some(|event| matches!(event, Event::Completed { .. })), Command::Steer(Steer::StepOnce)),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "writing a sample")),
                Command::Steer(Steer::Stop),
            ),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let ended = told!(heard, Event::TrainingEnded { run } => run).next();
    let run = ended.unwrap();
    // The first sample is of the untrained weights.
    assert_eq!((run.state, run.step), (RunState::Stopped, 0));
    assert!(run.checkpoints.iter().any(|checkpoint| checkpoint.resumable && checkpoint.step == 0));
}

/// A slow disk: the checkpoint is written to a pipe that is read only after the pause was acknowledged.
#[test]
#[cfg(unix)]
fn a_pause_is_acknowledged_while_a_checkpoint_is_being_written() {
    let shelf = tempfile::tempdir().unwrap();
    let pipe = shelf.path().join("p/runs/1-first-stories/checkpoints/step-00000010-000001.safetensors");
    let (requests, inbox) = async_channel::unbounded();
    let mut config = tiny(20);
    (config.train.eval_interval, config.train.sample_interval) = (0, 0);
    for (id, command) in [(1, Command::create("p")), (2, train(config, None))] {
        requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
    }
    let (acknowledge, acknowledged) = std::sync::mpsc::channel();
    let place = pipe.clone();
    // Started once the pipe exists.
    let reader = RefCell::new(Some(move || {
        std::thread::spawn(move || {
            // Opening waits for the writer, whose first bytes fill the pipe and block it.
            let mut file = std::fs::File::open(&place).unwrap();
            requests.try_send(Envelope::plain(Request::new(3, Steer::Pause.into()))).unwrap();
            let heard = acknowledged.recv_timeout(std::time::Duration::from_secs(60));
            std::io::copy(&mut file, &mut std::io::sink()).unwrap();
            heard
        })
    }));
    let reading = Rc::new(RefCell::new(None));
    let started = reading.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| match report.body.event {
        Event::TrainingStarted { .. } => {
            std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            *started.borrow_mut() = reader.borrow_mut().take().map(|read| read());
        }
        Event::TrainingState { state: TrainingState::Paused, .. } => acknowledge.send(()).unwrap(),
        _ => {}
    }));
    let reading = reading.borrow_mut().take().unwrap();
    assert!(reading.join().unwrap().is_ok(), "the pause waited for the checkpoint");
}

fn slow(steps: u64) -> RunConfig {
    let mut config = tiny(steps);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    (config.model.context_length, config.model.layers, config.model.width) = (1024, 4, 768);
    (config.model.heads, config.model.kv_heads, config.model.head_size) = (12, 12, 64);
    (config.model.mlp.hidden, config.train.batch_size) = (3072, 16);
    config
}

fn underway(event: &Event) -> bool {
    matches!(event, Event::Underway { .. })
}

/// How a request ended: the error's kind, or `None` if it succeeded.
fn ended(heard: &[Report], request: u64) -> Option<ErrorKind> {
    let ends =
        heard.iter().filter(|report| report.request == Some(request)).filter_map(|report| {
            match &report.event {
                Event::Failed { error } => Some(Some(error.kind)),
                Event::Finished => Some(None),
                _ => None,
            }
        });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends.len(), 1, "request {request}: {heard:#?}");
    ends.into_iter().next().unwrap()
}

/// `Hello` is request 1.
#[test]
fn whatever_takes_long_is_cancelled_and_says_that_it_is_under_way() {
    let shelf = tempfile::tempdir().unwrap();
    let words: String = (0..60_000).map(|number| format!("w{number}x{} ", number * 7919)).collect();
    let text = shelf.path().join("words.txt");
    std::fs::write(&text, words.repeat(2)).unwrap();
    let tokenizer = |kind| crate::protocol::TokenizerConfig { kind, vocabulary: 30_000, ..tiny(1).tokenizer };
    let unigram = crate::protocol::TokenizerKind::Unigram;
    let cancel = |request| (Some(underway as Trigger), Command::Cancel { request });
    let short_passages = Command::Bench(Bench::Decode {
        batches: Vec::new(),
        config: Box::new(RunConfig {
            model: crate::protocol::ModelConfig { vocabulary: 30, ..tiny(1).model },
            ..tiny(1)
        }),
        repeats: 1_000_000,
        prompt_tokens: Some(2),
        tokens: Some(1),
        weights: None,
    });
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(Command::Measure { config: Box::new(slow(1)) }),
            cancel(4),
            after(Command::TrainTokenizer { tokenizer: tokenizer(unigram), validation: 0.1 }),
            cancel(6),
            after(train(RunConfig { tokenizer: tokenizer(unigram), ..slow(10) }, None)),
            (Some(underway), Command::Steer(Steer::Stop)),
            after(Bench::Step { config: Box::new(slow(1)), repeats: 100 }),
            cancel(10),
            after(short_passages),
            cancel(12),
            after(Command::ListRuns),
        ],
    );
    for request in [4, 6, 8, 10, 12] {
        assert_eq!(ended(&heard, request), Some(ErrorKind::Cancelled), "request {request}");
    }
    for request in [5, 7, 9, 11, 13, 14] {
        assert_eq!(ended(&heard, request), None, "request {request}");
    }
    assert!(
        heard.iter().all(|report| !matches!(
            report.event,
            Event::Planned(Forecast::Speed { .. }) | Event::Bench { .. }
        ))
    );
    // Nothing remains of the cancelled work.
    has!(heard, Event::Runs { runs } if runs.is_empty());
    let data = shelf.path().join("shelf/p/data");
    assert_eq!(std::fs::read_dir(data).unwrap().count(), 0);
}

#[test]
fn a_cleaning_that_was_given_up_goes_on_where_it_was() {
    let shelf = tempfile::tempdir().unwrap();
    let text = shelf.path().join("notes.jsonl");
    let count = 9000;
    let lines: String = (0..count)
        .map(|number| format!("{{\"text\": \"Note {number}. The ferry left the harbour at noon, late.\"}}\n"))
        .collect();
    std::fs::write(&text, lines).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(RecipeChange::Preset { name: "raw".to_owned() }),
            after(Command::Clean),
            (
                Some(|event| matches!(event, Event::Cleaning(CleaningStep::Progress(_)))),
                Command::Cancel { request: 5 },
            ),
            after(Command::Clean),
        ],
    );
    let documents = |request| {
        heard.iter().filter(move |report| report.request == Some(request)).find_map(|report| {
            match report.event {
                Event::Cleaning(CleaningStep::Progress(progress)) => Some(progress.documents),
                _ => None,
            }
        })
    };
    assert_eq!(ended(&heard, 5), Some(ErrorKind::Cancelled));
    let (first, second) = (documents(5).unwrap(), documents(7).unwrap());
    assert!(first < count && second > first, "{second} documents after {first}");
    let kept = std::fs::read_to_string(shelf.path().join("shelf/p/cleaned/kept.jsonl")).unwrap();
    assert_eq!(kept.lines().count() as u64, count);
}

#[test]
fn a_document_that_is_looked_for_in_many_is_given_up() {
    let shelf = tempfile::tempdir().unwrap();
    let text = shelf.path().join("notes.jsonl");
    let lines: String = (0..300_000).map(|number| format!("{{\"text\": \"Note {number}.\"}}\n")).collect();
    std::fs::write(&text, lines).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(Command::CompareDocument { id: "none".to_owned() }),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "comparing a document")),
                Command::Cancel { request: 4 },
            ),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
}

#[test]
fn packing_is_given_up_in_the_midst_of_it() {
    let shelf = tempfile::tempdir().unwrap();
    let place = shelf.path().join("shelf/p");
    play(&shelf.path().join("shelf"), vec![after(Command::create("p"))]);
    // Incompressible data, which takes long to pack.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    std::fs::create_dir_all(place.join("documents")).unwrap();
    std::fs::write(place.join("documents/noise.txt"), noise.take(64 << 20).collect::<Vec<_>>()).unwrap();
    let to = shelf.path().join("out");
    std::fs::create_dir(&to).unwrap();
    let export = |file: &str| Export::Project { id: "p".to_owned() }.to(Some(to.join(file)), false);
    let heard = play(
        &shelf.path().join("shelf"),
        vec![after(export("p.glasshouse")), (Some(underway), Command::Cancel { request: 2 })],
    );
    assert_eq!((ended(&heard, 2), ended(&heard, 3)), (Some(ErrorKind::Cancelled), None));
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0, "half a file is left");
}

#[test]
fn the_first_sample_and_the_time_left_come_by_the_clock() {
    let mut config = tiny(1_000_000);
    (config.train.sample_interval, config.train.eval_interval) = (1_000_000, 0);
    let written: Trigger = |event| match event {
        Event::Training { events, .. } => {
            events.iter().any(|event| matches!(event, TrainEvent::Sample { step, .. } if *step > 0))
        }
        _ => false,
    };
    let heard = play_trained(config, vec![(Some(written), Command::Steer(Steer::Stop))]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let samples: Vec<u64> = told!(heard, Event::Training { events, .. } => events)
        .flatten()
        .filter_map(|event| match event {
            TrainEvent::Sample { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(samples.len(), 2, "before the first step, and once by the clock: {samples:?}");
    assert!(samples[0] == 0 && (1..1_000_000).contains(&samples[1]), "{samples:?}");
    let told = heard.iter().any(|report| {
        matches!(report.event, Event::Training { seconds: Some((seconds, seconds_left)), .. } if seconds > 0.0 && seconds_left > 0.0)
    });
    assert!(told, "nobody is told how long it takes");
}

#[test]
fn added_names_are_those_that_every_file_system_takes() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let put = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("The text of {name} is not long. ")).unwrap();
        path.display().to_string()
    };
    let mut names = vec![put("one/Readme.md"), put("two/README.md"), put("con.txt")];
    if cfg!(unix) {
        names.push(put("a:b.txt"));
    }
    let heard = play(
        &shelf,
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: names.clone() }),
            after(Export::Project { id: "p".to_owned() }.to(Some(folder.path().join("p.glasshouse")), false)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let listed = told!(heard, Event::Documents { overview, .. } => overview.files.clone()).next();
    let listed: Vec<String> = listed.unwrap().into_iter().map(|(name, _)| name).collect();
    let wanted = ["README 2.md", "Readme.md", "_con.txt", "a_b.txt"];
    assert!(listed.iter().all(|name| wanted.contains(&name.as_str())), "{listed:?}");
    assert_eq!(listed.len(), names.len());
    let notices = heard.iter().filter(|report| matches!(report.event, Event::Notice { .. }));
    assert_eq!(notices.count(), 0, "an archive carries them as they are");
}

#[test]
fn a_folder_is_added_with_its_folders_and_what_is_passed_over_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given");
    let put = |name: &str, content: &str| {
        let path = given.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    put("a.txt", "The fox and the owl are friends. ");
    put(
        "sub/b.html",
        "<html><body><article><p>The owl sat in the old oak and sang of the moon all night long.</p></article></body></html>",
    );
    put("c.docx", "PK");
    // Only a file in a subfolder has the same name.
    put("sub/deep/a.txt", "The fox ran home. ");
    put("sub/deep/d.bin", "\0");
    // Detected by its first bytes.
    put("sub/paper", "%PDF-1.4\n");
    let poem = folder.path().join("poem");
    std::fs::write(&poem, "No ending says that this is text.").unwrap();
    let nothing = folder.path().join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let add = |path: &Path| after(DocumentsChange::Add { names: vec![path.display().to_string()] });
    let made = after(Command::create("p"));
    let shelf = folder.path().join("shelf");
    let heard =
        play(&shelf, vec![made, add(&given), add(&nothing), add(&given.join("sub/deep")), add(&poem)]);
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("holds no supported file"), "{failed:#?}");
    let listed: Vec<_> = told!(heard, Event::Documents { overview, .. } => overview.clone()).collect();
    let names: Vec<&str> = listed[0].files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, listed[0].documents), (vec!["a 2.txt", "a.txt", "b.html", "paper"], 3));
    assert_eq!((listed[1].documents, listed[2].documents), (4, 5));
    let notices: Vec<&str> = told!(heard, Event::Notice { text, .. } => text.as_str()).collect();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices[0].starts_with("c.docx: does not start with PK as its extension requires"),
        "{notices:?}"
    );
    assert!(notices[0].ends_with(". Also skipped: sub/deep/d.bin; the other files are read"), "{notices:?}");
    assert!(notices[1].starts_with("d.bin: has an unsupported format "), "{notices:?}");
}

#[test]
fn a_request_that_waits_is_taken_back_and_a_closed_window_ends_what_is_under_way() {
    let shelf = tempfile::tempdir().unwrap();
    let (requests, inbox) = async_channel::unbounded();
    let commands = [
        Command::create("p"),
        Command::Measure { config: Box::new(slow(1)) },
        Command::Measure { config: Box::new(slow(1)) },
        Command::SaveDrafts { drafts: Box::new(Drafts::new(tiny(5))) },
        Command::Cancel { request: 3 },
    ];
    for (id, command) in (1..).zip(commands) {
        requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
    }
    let heard = Rc::new(RefCell::new(Vec::new()));
    let told = heard.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| {
        if matches!(report.body.event, Event::Underway { .. }) {
            requests.close();
        }
        told.borrow_mut().push(report.body);
    }));
    let heard = heard.take();
    assert_eq!([2, 3].map(|request| ended(&heard, request)), [(); 2].map(|()| Some(ErrorKind::Cancelled)));
    assert_eq!([4, 5].map(|request| ended(&heard, request)), [None, None], "what was sent before is kept");
    let place = |request| {
        heard.iter().position(|report| {
            report.request == Some(request) && matches!(report.event, Event::Failed { .. })
        })
    };
    assert!(place(3) < place(2));
}

/// However fast the steps are, so that no queue of reports precedes the answer to a request.
#[test]
fn steps_are_reported_five_times_a_second() {
    let mut config = tiny(1000);
    let train = &mut config.train;
    (train.eval_interval, train.sample_interval, train.checkpoint_interval) = (0, 0, 1000);
    let begun = std::time::Instant::now();
    let heard = play_trained(config, Vec::new());
    let most = 5.0 * begun.elapsed().as_secs_f64() + 1.0;
    let last = told!(heard, Event::Training { events, .. } => events.last());
    let of_steps = last.filter(|last| matches!(last, Some(TrainEvent::Step { .. }))).count();
    assert!(of_steps as f64 <= most, "{of_steps} reports");
}

#[test]
fn a_stop_is_heard_in_the_midst_of_a_long_step_and_of_a_long_evaluation() {
    for eval_interval in [0, 1] {
        let shelf = tempfile::tempdir().unwrap();
        let mut config = slow(1000);
        config.train.eval_interval = eval_interval;
        let heard = play(
            shelf.path(),
            vec![
                after(Command::create("p")),
                after(train(config, None)),
                (Some(|event| matches!(event, Event::TrainingStarted { .. })), Command::Steer(Steer::Stop)),
            ],
        );
        assert_eq!(failures(&heard), Vec::<String>::new());
        let run = told!(heard, Event::TrainingEnded { run } => run).next();
        assert_eq!(run.map(|run| (run.state, run.step)), Some((RunState::Stopped, 0)));
        assert!(run.unwrap().checkpoints.iter().any(|checkpoint| checkpoint.resumable));
    }
}

#[test]
fn files_that_are_no_text_are_listed_and_spoil_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).unwrap();
        folder.path().join(name).display().to_string()
    };
    let latin = put(
        "caf\u{e9}.txt",
        "Le caf\u{e9} est ferm\u{e9} le matin et le soir."
            .chars()
            .map(|c| c as u8)
            .collect::<Vec<_>>()
            .as_slice(),
    );
    let binary = put("photo.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let page = put("page.html", b"<html><body><article><p>The owl sat in the old oak and sang of the moon all night long.</p></article></body></html>");
    let table = put("table.csv", b"id,text\n1,The fox ran home.\n2,The owl flew away.\n");
    let (good, picture) = (put("good.txt", b"The fox and the owl are friends. "), put("a.png", b"x"));
    let shelf = folder.path().join("shelf");
    // Created by an older version.
    play(&shelf, vec![after(Command::create("Spoilt"))]);
    std::fs::create_dir_all(shelf.join("spoilt/documents")).unwrap();
    std::fs::write(shelf.join("spoilt/documents/old.txt"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    std::fs::write(shelf.join("spoilt/documents/empty.txt"), "").unwrap();
    let add = |names: &[&String]| {
        after(DocumentsChange::Add { names: names.iter().map(|name| (*name).clone()).collect() })
    };
    let overviews = |heard: &[Report]| -> Vec<_> {
        told!(heard, Event::Documents { overview, .. } => overview.clone()).collect()
    };
    let heard = play(
        &shelf,
        vec![
            after(Command::OpenProject { id: "spoilt".to_owned() }),
            add(&[&good]),
            add(&[&latin, &binary, &page, &table]),
            add(&[&good, &picture]),
            after(Command::TrainTokenizer {
                tokenizer: crate::protocol::TokenizerConfig {
                    kind: crate::protocol::TokenizerKind::Char,
                    ..tiny(1).tokenizer
                },
                validation: 0.1,
            }),
            after(DocumentsChange::Remove { name: "empty.txt".to_owned() }),
            after(DocumentsChange::Remove { name: "old.txt".to_owned() }),
            after(DocumentsChange::Remove { name: "photo.txt".to_owned() }),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("a.png"), "{failed:#?}");
    let told = overviews(&heard);
    let names = |overview: &crate::protocol::DocumentsOverview| -> Vec<String> {
        overview.problems.iter().map(|problem| problem.name.clone()).collect()
    };
    assert_eq!(told[0].documents, 1);
    assert_eq!(names(&told[0]), ["empty.txt", "old.txt"]);
    // The Latin-1 text, the page, both rows and the plain text.
    assert_eq!(told[1].documents, 5);
    assert_eq!(names(&told[1]), ["empty.txt", "old.txt", "photo.txt"]);
    has!(heard, Event::Documents { documents, .. } if documents.iter().any(|own| own.preview.contains('\u{e9}')));
    let last = told.last().unwrap();
    assert_eq!(
        (last.files.len(), last.documents, names(last).len()),
        (4, 5, 0),
        "nothing came with what failed"
    );
    let notices = heard
        .iter()
        .filter(|report| matches!(&report.event, Event::Notice { text, .. } if text.contains("left out")));
    assert_eq!(notices.count(), 1);
}

#[test]
fn runs_are_renamed_tagged_deleted_and_restored() {
    let shelf = tempfile::tempdir().unwrap();
    let run = || "1-first-stories".to_owned();
    let opened = || after(Command::OpenProject { id: "p".to_owned() });
    let runs = |heard: &[Report]| -> Vec<Vec<crate::protocol::RunSummary>> {
        told!(heard, Event::Runs { runs } => runs.clone()).collect()
    };
    let tags = ["good", "short  one", "good", " "].map(str::to_owned).to_vec();
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(train(tiny(3), None)),
            after(RunChange::Title(" Owls\n by night ".to_owned()).to(run())),
            after(RunChange::Tags(tags).to(run())),
            after(RunChange::Delete.to(run())),
            after(RunChange::Restore.to(run())),
            after(train(tiny(100_000), None)),
            (Some(|event| matches!(event, Event::Training { .. })), RunChange::Delete.to("2")),
            after(RunChange::Delete.to("1")),
            after(Steer::Stop),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("2-first-stories is training"), "{failed:?}");
    let told = runs(&heard);
    assert_eq!(told[0][0].title, "Owls by night");
    assert_eq!(told[1][0].tags, ["good", "short one"]);
    assert_eq!((told[2].len(), told[3].len()), (0, 1));
    assert_eq!(told[3][0].title, "Owls by night");
    assert_eq!(told[4].iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["2-first-stories"]);
    // Its number is not reused while it can be restored; then it is gone.
    assert!(shelf.path().join("p/runs/1-first-stories").exists());
    let heard = play(shelf.path(), vec![opened(), after(RunChange::Restore.to(run()))]);
    assert!(failures(&heard)[0].contains("no deleted run"), "{heard:?}");
    assert!(!shelf.path().join("p/runs/1-first-stories").exists());
}

#[test]
fn a_first_run_is_measured_on_its_own_device_if_none_was_chosen() {
    let shelf = tempfile::tempdir().unwrap();
    let options = Options { device: String::new(), ..options(shelf.path()) };
    let heard = play_without_hello(options, vec![after(Fit::First { seconds: 1.0 })], |_| {});
    assert!(heard.iter().any(|report| matches!(report.event, Event::Fitted { .. })), "{heard:?}");
    // The run's device is `auto`, which is never a software adapter.
    let notices = heard.iter().filter(|report| matches!(report.event, Event::Notice { .. }));
    assert_eq!(notices.count(), 0, "{heard:?}");
}

#[test]
fn another_first_model_is_refused_while_a_run_trains_and_the_run_goes_on() {
    let shelf = tempfile::tempdir().unwrap();
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(train(tiny(100_000), None)),
            (
                Some(|event| matches!(event, Event::Training { .. })),
                Command::TrainFirst { project: "First".to_owned(), seconds: 1.0 },
            ),
            after(Steer::Pause),
            after(Command::ListProjects),
            after(Steer::Stop),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Busy));
    assert!(failures(&heard)[0].contains("1-first-stories is training; stop it first"));
    let projects = told!(heard, Event::Projects { projects, .. } => projects.len()).next_back();
    assert_eq!(projects, Some(1));
    assert!(
        heard
            .iter()
            .any(|report| matches!(report.event, Event::TrainingState { state: TrainingState::Paused, .. }))
    );
}

#[test]
fn a_document_is_held_out_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let names = vec![
        write("own.txt", "The owl sat on the wall. ".repeat(40)),
        write("held.txt", "A fox ran. ".repeat(30)),
    ];
    let mut config = tiny(2);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    // A held-out file that was removed since is ignored.
    config.data.validation_files = vec!["held.txt".to_owned(), "gone.txt".to_owned()];
    let heard = play(
        &shelf,
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names }),
            after(Command::SaveDrafts { drafts: Box::new(Drafts::new(config.clone())) }),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 9, validation: 0.1 }),
            after(train(config, None)),
            after(Command::ReadRun { run: None, points: 0 }),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let listed =
        told!(heard, Event::Documents { overview, documents, .. } => (overview, documents)).next_back();
    let (overview, documents) = listed.unwrap();
    assert_eq!((overview.train, overview.validation), ((1, 1000), (1, 330)));
    let held: Vec<_> =
        documents.iter().map(|document| (document.file.as_str(), document.validation)).collect();
    assert_eq!(held, [("own.txt", false), ("held.txt", true)]);
    let trained = told!(heard, Event::History(answer::History { config, .. }) => config).next_back().unwrap();
    let place = shelf.join("p").join("documents").join("held.txt");
    assert_eq!(trained.data.validation_files, [place.display().to_string()]);
    assert_eq!(trained.train.sample_prompt, tiny(2).train.sample_prompt, "the one that the window shows");
}

#[test]
fn a_run_whose_text_is_too_short_makes_nothing_and_the_project_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.txt");
    std::fs::write(&short, "too short").unwrap();
    let mut config = tiny(2);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    let heard = play(
        &folder.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Replace { names: vec![short.display().to_string()] }),
            after(train(config, None)),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 1, validation: 0.1 }),
            after(Command::ListRuns),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("a window needs 17"), "{failed:?}");
    let overview = told!(heard, Event::Documents { overview, .. } => overview).next_back();
    assert!(overview.unwrap().embedded);
    has!(heard, Event::Runs { runs } if runs.is_empty());
}

#[test]
fn a_device_that_is_gone_is_replaced_by_the_best_one() {
    let shelf = tempfile::tempdir().unwrap();
    let hello = Command::Hello { version: message::VERSION, device: "no such card".to_owned() };
    let choose = Command::ChooseDevice { device: "cpu".to_owned() };
    let heard = play_without_hello(options(shelf.path()), vec![after(hello), after(choose)], |_| {});
    has!(heard, Event::Notice { text, .. } if text.contains("no such card"));
    let automatic: Vec<bool> = told!(heard, Event::Ready(ready) => ready.automatic).collect();
    assert_eq!(automatic, [true, false]);
}

#[test]
fn requests_for_a_project_that_is_no_longer_open_are_refused_with_their_bytes() {
    let shelf = tempfile::tempdir().unwrap();
    let (requests, inbox) = async_channel::unbounded();
    let draft = |steps| Command::SaveDrafts { drafts: Box::new(Drafts::new(tiny(steps))) };
    let add: Command = DocumentsChange::Add { names: vec!["owls.txt".to_owned()] }.into();
    let text = b"An owl hoots at night.".to_vec();
    let sent = [
        (None, Command::create("a"), Vec::new()),
        (Some(1), draft(7), Vec::new()),
        (None, Command::create("b"), Vec::new()),
        (Some(1), draft(8), Vec::new()),
        (Some(1), add, vec![text.clone()]),
        (Some(1), Command::ListDevices, Vec::new()),
        (Some(2), draft(9), Vec::new()),
        (None, Command::ListRuns, Vec::new()),
    ];
    for (id, (opening, command, bytes)) in (1..).zip(sent) {
        requests.try_send(Envelope { body: Request { id, opening, command }, bytes }).unwrap();
    }
    let heard = Rc::new(RefCell::new((Vec::new(), Vec::new())));
    let told = heard.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| {
        let (reports, returned) = &mut *told.borrow_mut();
        if report.body.request == Some(8) && report.body.event == Event::Finished {
            requests.close();
        }
        returned.extend(report.bytes);
        reports.push(report.body);
    }));
    let (heard, returned) = heard.take();
    let refused: Vec<u64> = (1..=8).filter(|id| ended(&heard, *id) == Some(ErrorKind::Stale)).collect();
    assert_eq!((refused, failures(&heard).len()), (vec![4, 5], 2));
    assert_eq!(returned, [text], "what was sent for the other project is lost");
    let openings: Vec<u64> =
        told!(heard, Event::Project { opened: Some(opened) } => opened.opening).collect();
    assert_eq!(openings, [1, 2]);
    for (project, steps) in [("a", 7), ("b", 9)] {
        let heard = play(shelf.path(), vec![after(Command::OpenProject { id: project.to_owned() })]);
        has!(heard, Event::Project { opened: Some(opened) } if opened.drafts.train.train.steps == steps);
        assert!(!shelf.path().join(project).join("documents/owls.txt").exists());
    }
}

#[test]
fn a_project_is_created_with_its_documents_or_not_at_all() {
    let shelf = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("owls.txt");
    std::fs::write(&text, "An owl hoots at night. ".repeat(40)).unwrap();
    let create = |name: &str, file: &Path| {
        after(Command::CreateProject { name: name.to_owned(), files: vec![file.display().to_string()] })
    };
    let missing = folder.path().join("missing.txt");
    let heard = play(
        shelf.path(),
        vec![create("Owls", &text), create("None", &missing), after(Command::ListProjects)],
    );
    has!(heard, Event::Documents { overview, .. } if !overview.embedded && overview.files.len() == 1);
    assert_eq!(ended(&heard, 3), Some(ErrorKind::Io));
    let mut listed =
        told!(heard, Event::Projects { projects, .. } => projects.iter().map(|project| project.id.clone()));
    assert_eq!(listed.next_back().unwrap().collect::<Vec<_>>(), ["owls"]);
    let mut opened =
        told!(heard, Event::Project { opened } => opened.as_ref().map(|opened| opened.project.id.clone()));
    assert_eq!(opened.next_back().unwrap().as_deref(), Some("owls"), "the open project was left for nothing");
}
