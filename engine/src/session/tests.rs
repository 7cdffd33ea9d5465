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
mod cancellation;
mod conversations;
mod documents;
mod dropped;
mod evaluation;
mod experiments;
mod features;
mod feedback;
mod generation;
mod imports;
mod inspection;
mod made;
mod plans;
mod projects;
mod training;

use super::{Options, run};
use crate::protocol::cleaning::CleaningStep;
use crate::protocol::{
    Bench, CheckpointChoice, Command, DocumentsChange, Drafts, Envelope, ErrorKind, Event, Export, Fit,
    Forecast, GenerateConfig, Objective, Output, ProjectChange, RecipeChange, Report, Request, RunChange,
    RunConfig, RunLaunch, RunState, SpeedFrom, Start, Steer, TrainEvent, TrainingState, WeightSource, answer,
    message, presets,
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
    fn receive(&mut self, report: &Report) {
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
    play_with(shelf, steps, |_| {})
}

/// Like [`play`]; `on_report` gets each event first, with its bytes.
fn play_with(
    shelf: &Path,
    steps: Vec<(Option<Trigger>, Command)>,
    on_report: impl Fn(&Envelope<Report>) + 'static,
) -> Vec<Report> {
    let hello = Command::Hello { version: message::VERSION, device: "cpu".to_owned() };
    play_without_hello(options(shelf), std::iter::once(after(hello)).chain(steps).collect(), on_report)
}

fn play_without_hello(
    options: Options,
    steps: Vec<(Option<Trigger>, Command)>,
    on_report: impl Fn(&Envelope<Report>) + 'static,
) -> Vec<Report> {
    let (requests, inbox) = async_channel::unbounded();
    let script = Rc::new(RefCell::new(Script { requests, steps, sent: 0, heard: Vec::new() }));
    script.borrow_mut().send();
    let ear = script.clone();
    pollster::block_on(run(options, inbox, move |report| {
        on_report(&report);
        // Every event must survive serialisation.
        let text = serde_json::to_string(&report.body).unwrap();
        ear.borrow_mut().receive(&serde_json::from_str(&text).unwrap());
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

fn slow(steps: u64) -> RunConfig {
    let mut config = tiny(steps);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    (config.model.context_length, config.model.layers, config.model.width) = (1024, 4, 768);
    (config.model.heads, config.model.kv_heads, config.model.head_size) = (12, 12, 64);
    (config.model.mlp.hidden, config.train.batch_size) = (3072, 16);
    config
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
fn a_device_that_is_gone_is_replaced_by_the_best_one() {
    let shelf = tempfile::tempdir().unwrap();
    let hello = Command::Hello { version: message::VERSION, device: "no such card".to_owned() };
    let choose = Command::ChooseDevice { device: "cpu".to_owned() };
    let heard = play_without_hello(options(shelf.path()), vec![after(hello), after(choose)], |_| {});
    has!(heard, Event::Notice { text, .. } if text.contains("no such card"));
    let automatic: Vec<bool> = told!(heard, Event::Ready(ready) => ready.automatic).collect();
    assert_eq!(automatic, [true, false]);
}
