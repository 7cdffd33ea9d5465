//! The same work asked for by a command line and by a session's commands, as a window sends them: the same files, the same texts, and
//! the same message for the same mistake.

use glasshouse_engine::session;
use glasshouse_protocol::{
    Command, Event, GenerateConfig, Launch, Parcel, Precision, Report, Request, RunConfig, WeightSource,
};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const RUN: &str = "1-nanogpt-cpu";

fn settings() -> Vec<String> {
    let sets = [
        "model.layers=1",
        "model.width=32",
        "model.heads=2",
        "model.kv_heads=2",
        "model.head_size=16",
        "model.mlp.hidden=64",
        "model.context_length=16",
        "train.batch_size=4",
        "train.warmup_steps=5",
        "train.eval_interval=10",
        "train.eval_batches=2",
        "train.checkpoint_interval=10",
        "train.checkpoint_seconds=0",
        "train.sample_interval=10",
        "train.sample_tokens=8",
        "train.milestone_interval=10",
    ];
    sets.iter().flat_map(|set| ["--set".to_owned(), (*set).to_owned()]).collect()
}

fn glasshouse(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = glasshouse(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command line says that it fails by.
fn error_of(folder: &Path, arguments: &[&str]) -> String {
    let output = glasshouse(folder, arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    told.lines().find_map(|line| line.strip_prefix("error: ")).unwrap().to_owned()
}

/// Trains the small model on the command line.
fn train(folder: &Path, project: &Path, more: &[&str]) -> String {
    let (data, sets) = (folder.join("stories.txt").display().to_string(), settings());
    let project = project.display().to_string();
    let mut arguments = vec!["train", "--preset", "nanogpt-cpu", "--data", &data, "--project", &project];
    arguments.extend(["--device", "cpu", "--threads", "2", "--steps", "20"]);
    arguments.extend(sets.iter().map(String::as_str));
    arguments.extend(more);
    succeed(folder, &arguments)
}

/// A folder with a text, and the settings of the small model's run on it.
fn folder() -> (tempfile::TempDir, RunConfig) {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.path().join("stories.txt"), text).unwrap();
    train(folder.path(), &folder.path().join("first"), &["--stop-after", "1"]);
    let config =
        std::fs::read_to_string(folder.path().join("first/runs").join(RUN).join("run.toml")).unwrap();
    (folder, RunConfig::from_toml(&config).unwrap())
}

/// Sends commands one after another, and returns what was heard, or the message of the first that failed.
fn play(shelf: &Path, commands: Vec<Command>) -> Result<Vec<Event>, String> {
    let (requests, inbox) = async_channel::unbounded();
    let mut commands = commands
        .into_iter()
        .enumerate()
        .map(|(number, command)| Parcel::plain(Request { id: number as u64 + 1, command }));
    requests.try_send(commands.next().unwrap()).unwrap();
    let heard = Rc::new(RefCell::new((Vec::new(), None)));
    let ear = heard.clone();
    let (left, open) = (RefCell::new(commands.collect::<Vec<_>>().into_iter()), requests);
    let tell = move |parcel: Parcel<Report>| {
        let (events, failed) = &mut *ear.borrow_mut();
        match parcel.body.event {
            Event::Failed { error } => {
                *failed = Some(error.message);
                open.close();
            }
            Event::Finished => match left.borrow_mut().next() {
                Some(next) => open.try_send(next).unwrap(),
                None => {
                    open.close();
                }
            },
            event => events.push(event),
        }
    };
    let options = session::Options {
        shelf: shelf.to_owned(),
        device: "cpu".to_owned(),
        threads: Some(2),
        ..Default::default()
    };
    pollster::block_on(session::run(options, inbox, tell));
    let (events, failed) = heard.take();
    failed.map_or(Ok(events), Err)
}

fn begin(config: &RunConfig, stop_after: Option<u64>) -> Command {
    let launch = Launch { stop_after, ..Launch::default() };
    Command::Train { config: Box::new(config.clone()), launch }
}

fn use_project(folder: PathBuf, make: bool) -> Command {
    Command::UseProject { folder, make }
}

/// The tensors of each checkpoint of a project's run, as they lie in its file.
fn checkpoints(project: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(project.join("runs").join(RUN).join("checkpoints")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    let tensors = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        let (head, rest) = bytes.split_first_chunk::<8>().unwrap();
        let begin = usize::try_from(u64::from_le_bytes(*head)).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), rest[begin..].to_vec())
    };
    files.map(tensors).collect()
}

/// Everything that was recorded of a project's run but for times and places.
fn metrics(project: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(project.join("runs").join(RUN).join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let fields = event.as_object_mut().unwrap();
        for timed in ["tokens_per_s", "seconds", "path"] {
            fields.remove(timed);
        }
        // The first sample comes by the clock.
        (fields["event"] != "sample").then_some(event)
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn the_same_run_gives_the_same_files() {
    let (folder, config) = folder();
    let folder = folder.path();
    let [typed, used] = ["typed", "used"].map(|name| folder.join(name));
    train(folder, &typed, &[]);
    let heard = play(folder, vec![use_project(used.clone(), true), begin(&config, None)]).unwrap();
    assert!(heard.iter().any(|event| matches!(event, Event::RunOpened { opened } if !opened.resumes)));
    let (ours, theirs) = (checkpoints(&typed), checkpoints(&used));
    assert!(ours.len() >= 2 && ours == theirs, "{:?} {:?}", ours.keys(), theirs.keys());
    assert_eq!(metrics(&typed), metrics(&used));
    let settings = |project: &Path| std::fs::read_to_string(project.join("runs").join(RUN).join("run.toml"));
    assert_eq!(settings(&typed).unwrap(), settings(&used).unwrap());

    // As in a window: a project of the shelf, with a copy of the text.
    let add = Command::AddDocuments { names: config.data.paths.clone() };
    let shelf = folder.join("shelf");
    let opened = vec![Command::CreateProject { name: "p".to_owned() }, add, begin(&config, None)];
    play(&shelf, opened).unwrap();
    assert_eq!(checkpoints(&shelf.join("p")), ours);
    assert_eq!(metrics(&shelf.join("p")), metrics(&typed));
}

#[test]
fn a_run_that_one_began_goes_on_with_the_other() {
    let (folder, config) = folder();
    let folder = folder.path();
    let [whole, typed, sent] = ["whole", "typed", "sent"].map(|name| folder.join(name));
    train(folder, &whole, &[]);
    let whole = checkpoints(&whole);

    train(folder, &typed, &["--stop-after", "10"]);
    let resume = Command::Resume { run: None, launch: Launch::default() };
    play(folder, vec![use_project(typed.clone(), false), resume]).unwrap();
    assert_eq!(checkpoints(&typed), whole);

    play(folder, vec![use_project(sent.clone(), true), begin(&config, Some(10))]).unwrap();
    succeed(folder, &["train", "--project", sent.to_str().unwrap(), "--resume", "--json"]);
    assert_eq!(checkpoints(&sent), whole);
}

#[test]
fn the_same_prompt_is_gone_on_with_alike() {
    let (folder, _) = folder();
    let folder = folder.path();
    let arguments = ["generate", "--project", "first", "--device", "cpu", "--prompt", "One", "--stop", "e"];
    let typed = succeed(folder, &[&arguments[..], &["--max-tokens", "40", "--json"]].concat());
    let done: Value = serde_json::from_str(typed.lines().last().unwrap()).unwrap();
    let source = WeightSource::Checkpoint { run: RUN.to_owned(), checkpoint: "best".to_owned() };
    let stop = vec!["e".to_owned()];
    let config = GenerateConfig { max_tokens: 40, stop, precision: Precision::Auto, ..Default::default() };
    let prompt = "One".to_owned();
    let command = Command::Generate { source, prompt, config };
    let heard = play(folder, vec![use_project(folder.join("first"), false), command]).unwrap();
    let mut pieces = String::new();
    for event in &heard {
        if let Event::Written { text, .. } = event {
            pieces.push_str(text);
        }
    }
    let ended = heard.iter().find_map(|event| match event {
        Event::WritingEnded { text, ending, .. } => Some((text.clone(), serde_json::json!(ending))),
        _ => None,
    });
    assert_eq!(ended, Some((pieces, done["ending"].clone())));
    assert_eq!(ended.unwrap().0, done["text"].as_str().unwrap());
}

#[test]
fn the_same_mistake_gets_the_same_message() {
    let (folder, config) = folder();
    let folder = folder.path();
    let new = folder.join("new");
    let tried = |arguments: &[&str], commands: Vec<Command>| {
        let typed = error_of(folder, arguments);
        assert_eq!(play(folder, commands), Err(typed));
    };
    // Of text, of devices: and what was made for the run is gone.
    for (name, content) in [("empty.txt", &b""[..]), ("binary.txt", b"PK\x03\x04\x00\x00\x00\x00data")] {
        let place = folder.join(name).display().to_string();
        std::fs::write(&place, content).unwrap();
        let mut bad = config.clone();
        bad.data.paths = vec![place.clone()];
        let typed = ["train", "--project", new.to_str().unwrap(), "--data", &place, "--device", "cpu"];
        tried(&typed, vec![use_project(new.clone(), true), begin(&bad, None)]);
        assert!(!new.exists());
    }
    let elsewhere = Launch { device: Some("warp".to_owned()), ..Launch::default() };
    let command = Command::Train { config: Box::new(config), launch: elsewhere.clone() };
    let typed = ["train", "--project", new.to_str().unwrap(), "--device", "warp"];
    tried(&typed, vec![use_project(new.clone(), true), command]);
    assert!(!new.exists());
    // Of projects and runs.
    let (first, photos) = (folder.join("first"), folder.join("photos"));
    std::fs::create_dir(&photos).unwrap();
    std::fs::write(photos.join("cat.jpg"), b"cat").unwrap();
    for (project, make) in [(&photos, true), (&photos, false), (&new, false)] {
        let resume: &[&str] = if make { &[] } else { &["--resume"] };
        let typed = [&["train", "--project", project.to_str().unwrap()], resume].concat();
        tried(&typed, vec![use_project(project.clone(), make)]);
    }
    let resume = |run: &str, launch| Command::Resume { run: Some(run.to_owned()), launch };
    let again = ["train", "--project", first.to_str().unwrap(), "--resume"];
    let typed = [&again[..], &["--run", "7"]].concat();
    tried(&typed, vec![use_project(first.clone(), false), resume("7", Launch::default())]);
    let typed = [&again[..], &["--device", "warp"]].concat();
    tried(&typed, vec![use_project(first.clone(), false), resume("1", elsewhere)]);
    let typed = [&again[..], &["--precision", "mixed", "--device", "cpu"]].concat();
    let mixed =
        Launch { precision: Some(Precision::Mixed), device: Some("cpu".to_owned()), ..Launch::default() };
    tried(&typed, vec![use_project(first.clone(), false), resume("1", mixed)]);
}
