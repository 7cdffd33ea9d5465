//! The command line and a session's commands, as a window sends them, give the same files, texts and error messages.

use crate::support::play::{options, play, play_with, use_project};
use crate::support::program::{RUN, error_of, folder, last, lines, program, stories, succeed, train};
use glasshouse_engine::session;
use glasshouse_protocol::cleaning::{CleaningStart, CleaningStep};
use glasshouse_protocol::{
    Bench, BenchReport, Command, DocumentsChange, Envelope, ErrorKind, Event, Export, Forecast,
    GenerateConfig, LearnsFrom, ModelSource, Output, Precision, Prompt, Report, Request, RunConfig,
    RunLaunch, View, WeightSource, answer,
};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::rc::Rc;

/// The error message without the flags and commands that the command line appends, as other front ends show it.
fn said_everywhere(folder: &Path, arguments: &[&str]) -> String {
    let error = error_of(folder, arguments);
    match error.rsplit_once(" (") {
        Some((said, added)) if added.starts_with("--") || added.starts_with("glasshouse ") => said.to_owned(),
        _ => error,
    }
}

/// Sends a cleaning command, cancels it at its first progress event, and returns the events.
fn play_until_cancelled(shelf: &Path, command: Command) -> Vec<Event> {
    let (requests, inbox) = async_channel::unbounded();
    requests.try_send(Envelope::plain(Request::new(1, command))).unwrap();
    let events = Rc::new(RefCell::new(Vec::new()));
    let sink = events.clone();
    let receive = move |envelope: Envelope<Report>| {
        let Report { request, event } = envelope.body;
        match &event {
            Event::Cleaning(CleaningStep::Progress(_)) => {
                let command = Command::Cancel { request: 1 };
                requests.try_send(Envelope::plain(Request::new(2, command))).unwrap();
            }
            Event::Failed { error } => {
                assert_eq!((request, error.kind), (Some(1), ErrorKind::Cancelled));
                requests.close();
            }
            _ => {}
        }
        sink.borrow_mut().push(event);
    };
    pollster::block_on(session::run(options(shelf), inbox, receive));
    events.take()
}

fn begin(config: &RunConfig, stop_after: Option<u64>) -> Command {
    let launch = RunLaunch { stop_after, ..RunLaunch::default() };
    Command::Train { config: Box::new(config.clone()), launch }
}

fn checkpoints(project: &Path) -> BTreeMap<String, Vec<u8>> {
    checkpoints_of(project, RUN)
}

/// The tensors of each checkpoint of a project's run, as stored.
fn checkpoints_of(project: &Path, run: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(project.join("runs").join(run).join("checkpoints")).unwrap();
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

/// All recorded metrics of a project's run except times and paths.
fn metrics(project: &Path) -> String {
    std::fs::read_to_string(project.join("runs").join(RUN).join("metrics.jsonl")).unwrap()
}

#[test]
fn the_same_run_gives_the_same_files() {
    let (folder, config) = folder();
    let folder = folder.path();
    let [typed, used] = ["typed", "used"].map(|name| folder.join(name));
    train(folder, &typed, &[]);
    let events = play(folder, vec![use_project(used.clone(), true), begin(&config, None)]).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::RunOpened { opened } if !opened.resumes)));
    let (ours, theirs) = (checkpoints(&typed), checkpoints(&used));
    assert!(ours.len() >= 2 && ours == theirs, "{:?} {:?}", ours.keys(), theirs.keys());
    assert_eq!(metrics(&typed), metrics(&used));
    let settings = |project: &Path| std::fs::read_to_string(project.join("runs").join(RUN).join("run.toml"));
    assert_eq!(settings(&typed).unwrap(), settings(&used).unwrap());

    // As in a window: a project of the shelf, with a copy of the text.
    let add = Command::ChangeDocuments(DocumentsChange::Add { names: config.data.paths.clone() });
    let shelf = folder.join("shelf");
    let opened = vec![Command::create("p"), add, begin(&config, None)];
    play(&shelf, opened).unwrap();
    assert_eq!(checkpoints(&shelf.join("p")), ours);
    assert_eq!(metrics(&shelf.join("p")), metrics(&typed));
}

#[test]
fn the_same_recipe_gives_the_same_files() {
    const LEARNED: &str = "2-nanogpt-cpu";
    let folder = stories(60);
    let folder = folder.path();
    let [typed, used] = ["typed", "used"].map(|name| folder.join(name));
    for project in [&typed, &used] {
        let roomy = ["--set", "model.context_length=320", "--tokenizer", "bpe", "--vocabulary", "400"];
        train(folder, project, &[&roomy[..], &["--steps", "4"]].concat());
    }
    let recipe = "recipe answer --project typed --from 1 --steps 2 --device cpu --threads 2 --batch-size 2 --set train.eval_batches=2";
    succeed(folder, &recipe.replace("typed", typed.to_str().unwrap()).split(' ').collect::<Vec<_>>());
    let file = |project: &Path, run: &str, name: &str| {
        std::fs::read_to_string(project.join("runs").join(run).join(name)).unwrap()
    };
    let settings = file(&typed, LEARNED, "run.toml");
    // As a window sends it: the settings and the source of the rows, with the text of the base run.
    let mut config = RunConfig::from_toml(&settings).unwrap();
    config.data = RunConfig::from_toml(&file(&used, RUN, "run.toml")).unwrap().data;
    let recipe = Some("answer".to_owned());
    let launch = RunLaunch { learns_from: LearnsFrom::Tasks, recipe, ..RunLaunch::default() };
    let command = Command::Train { config: Box::new(config), launch };
    play(folder, vec![use_project(used.clone(), false), command]).unwrap();
    assert_eq!(
        file(&used, LEARNED, "run.toml"),
        settings.replace(typed.to_str().unwrap(), used.to_str().unwrap())
    );
    let (ours, theirs) = (checkpoints_of(&typed, LEARNED), checkpoints_of(&used, LEARNED));
    assert!(!ours.is_empty() && ours == theirs, "{:?} {:?}", ours.keys(), theirs.keys());
    let rows = |project: &Path| {
        let folder = std::fs::read_dir(project.join("recipes")).unwrap().next().unwrap().unwrap();
        (folder.file_name(), files(&folder.path()))
    };
    assert_eq!(rows(&typed), rows(&used));
}

#[test]
fn a_run_that_one_began_continues_in_the_other() {
    let (folder, config) = folder();
    let folder = folder.path();
    let [whole, typed, sent] = ["whole", "typed", "sent"].map(|name| folder.join(name));
    train(folder, &whole, &[]);
    let whole = checkpoints(&whole);

    train(folder, &typed, &["--stop-after", "10"]);
    let resume = Command::Resume { run: None, launch: RunLaunch::default() };
    play(folder, vec![use_project(typed.clone(), false), resume]).unwrap();
    assert_eq!(checkpoints(&typed), whole);

    play(folder, vec![use_project(sent.clone(), true), begin(&config, Some(10))]).unwrap();
    succeed(folder, &["train", "--project", sent.to_str().unwrap(), "--resume", "--json"]);
    assert_eq!(checkpoints(&sent), whole);
}

#[test]
fn the_same_prompt_is_continued_alike() {
    let (folder, _) = folder();
    let folder = folder.path();
    let arguments = ["generate", "--project", "first", "--device", "cpu", "--prompt", "One", "--stop", "e"];
    let typed = succeed(folder, &[&arguments[..], &["--max-tokens", "40", "--json"]].concat());
    let done = last(&typed);
    let source = WeightSource::best_of(RUN);
    let stop = vec!["e".to_owned()];
    let config = GenerateConfig { max_tokens: 40, stop, ..Default::default() };
    let prompt = "One".to_owned();
    let command =
        Command::Generate { source, prompt: Prompt::Text { text: prompt }, config, output: Output::Tokens };
    let events = play(folder, vec![use_project(folder.join("first"), false), command]).unwrap();
    let mut pieces = String::new();
    for event in &events {
        if let Event::Written { text, .. } = event {
            pieces.push_str(text);
        }
    }
    let ended = found!(events.iter(), Event::Completed { completion } => completion).next().unwrap();
    assert_eq!((&ended.text, serde_json::json!(ended.ending)), (&pieces, done["ending"].clone()));
    assert_eq!(ended.text, done["text"].as_str().unwrap());
}

#[test]
fn the_same_mistake_gets_the_same_message() {
    let (folder, config) = folder();
    let folder = folder.path();
    let new = folder.join("new");
    let tried = |arguments: &[&str], commands: Vec<Command>| {
        let typed = said_everywhere(folder, arguments);
        assert_eq!(play(folder, commands), Err(typed));
    };
    // Errors about texts and devices; nothing remains of the run.
    for (name, content) in [("empty.txt", &b""[..]), ("binary.txt", b"PK\x03\x04\x00\x00\x00\x00data")] {
        let place = folder.join(name).display().to_string();
        std::fs::write(&place, content).unwrap();
        let mut bad = config.clone();
        bad.data.paths = vec![place.clone()];
        let typed = ["train", "--project", new.to_str().unwrap(), "--data", &place, "--device", "cpu"];
        tried(&typed, vec![use_project(new.clone(), true), begin(&bad, None)]);
        assert!(!new.exists());
    }
    let elsewhere = RunLaunch { device: Some("warp".to_owned()), ..RunLaunch::default() };
    let command = Command::Train { config: Box::new(config), launch: elsewhere.clone() };
    let typed = ["train", "--project", new.to_str().unwrap(), "--device", "warp"];
    tried(&typed, vec![use_project(new.clone(), true), command]);
    assert!(!new.exists());
    // Errors about projects and runs.
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
    tried(&typed, vec![use_project(first.clone(), false), resume("7", RunLaunch::default())]);
    let typed = [&again[..], &["--device", "warp"]].concat();
    tried(&typed, vec![use_project(first.clone(), false), resume("1", elsewhere)]);
    let typed = [&again[..], &["--precision", "mixed", "--device", "cpu"]].concat();
    let mixed = RunLaunch {
        precision: Some(Precision::Mixed),
        device: Some("cpu".to_owned()),
        ..RunLaunch::default()
    };
    tried(&typed, vec![use_project(first.clone(), false), resume("1", mixed)]);
}

#[test]
fn the_same_run_is_planned_alike() {
    let (folder, config) = folder();
    let folder = folder.path();
    let file = folder.join("run.toml");
    std::fs::write(&file, config.to_toml().unwrap()).unwrap();
    let said = succeed(folder, &["plan", "--config", file.to_str().unwrap(), "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let events = play(folder, vec![Command::Plan { config: Box::new(config) }]).unwrap();
    let Some(Event::Planned(Forecast::Run { plan })) = events.first() else { panic!("{events:?}") };
    assert_eq!(said["parameters"], plan.parameters);
    assert_eq!(said["dispatches_per_step"], plan.dispatches_per_step);
    assert_eq!(said["bytes"]["total"], plan.bytes);
    assert_eq!(said["bytes"]["peak_live"], plan.peak_live);
    assert_eq!(said["bytes"]["largest_buffer"], plan.largest_buffer);
    assert!(plan.peak_live > 0 && plan.largest_buffer > 0);
    let kinds = plan.bytes_by_kind.iter().map(|(kind, bytes)| (kind.name().replace(' ', "_"), *bytes));
    assert!(kinds.into_iter().all(|(kind, bytes)| said["bytes"][kind] == bytes), "{said}");
    let by_pass = serde_json::to_value(plan.flops_per_token_by_pass).unwrap();
    assert_eq!(said["flops_per_token_by_pass"], by_pass);
    let sum: f64 = by_pass.as_object().unwrap().values().filter_map(Value::as_f64).sum();
    assert!((sum / plan.flops_per_token - 1.0).abs() < 1e-9);
}

/// The keys of a JSON object, in order.
fn names(object: &Value) -> Vec<&String> {
    object.as_object().unwrap().keys().collect()
}

#[test]
fn the_same_is_measured_alike() {
    let (folder, config) = folder();
    let folder = folder.path();
    let file = folder.join("run.toml");
    std::fs::write(&file, config.to_toml().unwrap()).unwrap();
    let config = || Box::new(config.clone());
    let decode = Command::Bench(Bench::Decode {
        batches: Vec::new(),
        config: config(),
        repeats: 1,
        prompt_tokens: Some(3),
        tokens: None,
        weights: None,
    });
    for (typed, command) in [
        (&["step", "--repeats", "2"][..], Command::Bench(Bench::Step { config: config(), repeats: 2 })),
        (&["decode", "--repeats", "1", "--prompt-tokens", "3"], decode),
        (
            &["kernel", "--filter", "norm"],
            Command::Bench(Bench::Kernels { config: config(), filter: "norm".to_owned() }),
        ),
        (
            &["inspect", "--repeats", "1", "--view", "tokens,logit-lens"],
            Command::Bench(Bench::Inspect {
                config: config(),
                repeats: 1,
                views: vec![View::Tokens, View::LogitLens],
            }),
        ),
    ] {
        let common = ["--config", file.to_str().unwrap(), "--device", "cpu", "--threads", "2", "--json"];
        let said = succeed(folder, &[&["bench"], typed, &common].concat());
        let events = play(folder, vec![command]).unwrap();
        let reports = events.iter().filter_map(|event| match event {
            Event::Bench { report, .. } => Some(report),
            _ => None,
        });
        let reports: Vec<&BenchReport> = reports.collect();
        assert_eq!(said.lines().count(), reports.len());
        for (line, report) in said.lines().zip(reports) {
            let said: Value = serde_json::from_str(line).unwrap();
            let typed: BenchReport = serde_json::from_str(line).unwrap();
            assert_eq!(names(&said), names(&serde_json::to_value(&typed).unwrap()));
            let sent = serde_json::to_value(report).unwrap();
            assert_eq!(names(&said), names(&sent));
            for same in ["bench", "config", "device", "precision", "repeats", "bytes", "kernel", "shapes"] {
                assert_eq!(said.get(same), sent.get(same), "{line}");
            }
        }
    }
}

#[test]
fn the_same_corpus_is_refused_alike() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("tiny-shakespeare.txt"), "To be").unwrap();
    let typed = ["data", "fetch", "tiny-shakespeare", "--to", folder.to_str().unwrap()];
    let download =
        |name: &str| Command::FetchCorpus { name: name.to_owned(), to: Some(folder.to_owned()), add: false };
    let error = said_everywhere(folder, &typed);
    assert!(error.contains("SHA-256"), "{error}");
    assert_eq!(play(folder, vec![download("tiny-shakespeare")]), Err(error));
    let error = said_everywhere(folder, &["data", "fetch", "tiny-shakespear"]);
    assert_eq!(play(folder, vec![download("tiny-shakespear")]), Err(error));
}

/// A running command line, whose output is read.
#[cfg(unix)]
fn begun(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = program(folder);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Interrupts a command line as Ctrl-C does, and returns its last output.
#[cfg(unix)]
fn interrupted(child: Child) -> String {
    crate::support::program::send(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    told
}

#[cfg(unix)]
#[test]
fn an_interrupt_cancels_a_bench() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path(), &["bench", "scaling", "--device", "cpu", "--json"]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"bench\":\"scaling\",\"layers\":2"), "{line}");
    assert_eq!(interrupted(child).lines().count(), 2, "an empty line and what it does");
}

#[test]
fn the_same_project_is_packed_alike() {
    let (folder, _) = folder();
    let folder = folder.path();
    let export = |name: &str| {
        Export::Project { id: folder.join("first").display().to_string() }.to(Some(folder.join(name)), true)
    };
    let used = use_project(folder.join("first"), false);
    let said = succeed(folder, &["pack", "--project", "first", "--to", "typed.glasshouse"]);
    let events = play(folder, vec![used.clone(), export("sent.glasshouse")]).unwrap();
    let packed = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(packed("typed.glasshouse") == packed("sent.glasshouse"));
    let Some(Event::Exported(answer::Exported { bytes, packed: files, .. })) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(*bytes, packed("sent.glasshouse").len() as u64);
    assert!(said.contains(&format!(", {files} files, read back)")), "{said}");
    let taken = folder.join("typed.glasshouse").display().to_string();
    let error = said_everywhere(folder, &["pack", "--project", "first", "--to", &taken]);
    assert_eq!(play(folder, vec![used, export("typed.glasshouse")]), Err(error));
    assert!(packed("typed.glasshouse") == packed("sent.glasshouse"));
}

/// A folder with a text of many short documents.
fn documents(folder: &Path, count: usize) -> PathBuf {
    let place = folder.join("mine");
    std::fs::create_dir(&place).unwrap();
    let lines = (0..count).map(|number| {
        format!("{{\"text\": \"Note {number}. The ferry left the harbour at noon, a little late today.\"}}\n")
    });
    std::fs::write(place.join("notes.jsonl"), lines.collect::<String>()).unwrap();
    place
}

fn recipe() -> String {
    glasshouse_corpus::recipe::Recipe::published("light").unwrap().to_toml().unwrap()
}

fn clean_files(input: &Path, out: PathBuf) -> Command {
    let (inputs, recipe) = (vec![input.to_owned()], recipe());
    Command::CleanFiles { inputs, out, recipe, restart: false, force: false }
}

/// The files of a folder written by a cleaning.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn the_same_documents_are_cleaned_alike() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mine = documents(folder, 40);
    let input = mine.to_str().unwrap();
    let typed = ["data", "clean", "--in", input, "--out", "typed", "--recipe", "light"];
    let said = succeed(folder, &[&typed[..], &["--json"]].concat());
    let events = play(folder, vec![clean_files(&mine, folder.join("sent"))]).unwrap();
    let kept = files(&folder.join("typed"));
    assert!(kept.len() >= 5 && kept == files(&folder.join("sent")), "{:?}", kept.keys());
    let mut phases: Vec<_> =
        found!(events.iter(), Event::Cleaning(CleaningStep::Progress(progress)) => progress.phase.name())
            .collect();
    phases.dedup();
    let told = lines(&said);
    assert_eq!(phases, told.iter().filter_map(|line| line["phase"].as_str()).collect::<Vec<_>>());
    let progress: Vec<_> = told.iter().filter(|line| line["event"] == "progress").collect();
    assert!(progress.iter().all(|line| line["done"].as_u64() <= line["total"].as_u64()), "{progress:?}");
    assert!(progress.len() >= phases.len() && progress.last().unwrap()["documents"] == 40, "{progress:?}");
    assert!(events.iter().any(
        |event| matches!(event, Event::Cleaning(CleaningStep::Done { report }) if report.raw.documents == 40)
    ));

    // The same errors: a missing input, and an output folder with other contents.
    let missing = folder.join("missing");
    let typed = ["data", "clean", "--in", missing.to_str().unwrap(), "--out", "new", "--recipe", "light"];
    let sent = clean_files(&missing, folder.join("new"));
    assert_eq!(play(folder, vec![sent]), Err(said_everywhere(folder, &typed)));
    let full = folder.join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("letter.txt"), "Dear").unwrap();
    let typed = ["data", "clean", "--in", input, "--out", full.to_str().unwrap(), "--recipe", "light"];
    assert_eq!(play(folder, vec![clean_files(&mine, full.clone())]), Err(said_everywhere(folder, &typed)));
}

#[test]
fn a_cleaning_that_one_was_stopped_at_is_resumed_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mine = documents(folder, 9000);
    let (input, out) = (mine.to_str().unwrap(), folder.join("out"));
    let typed = ["data", "clean", "--in", input, "--out", out.to_str().unwrap(), "--recipe", "light"];
    let read = |events: &[Event]| {
        events.iter().find_map(|event| match event {
            Event::Cleaning(CleaningStep::Stopped { documents }) => *documents,
            _ => None,
        })
    };
    let events = play_until_cancelled(folder, clean_files(&mine, out.clone()));
    let documents = read(&events).unwrap();
    let said = succeed(folder, &[&typed[..], &["--json"]].concat());
    let first: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(first, serde_json::json!({ "event": "resumed", "documents": documents }));
    play(folder, vec![clean_files(&mine, folder.join("whole"))]).unwrap();
    assert!(files(&out) == files(&folder.join("whole")));
}

#[cfg(unix)]
#[test]
fn an_interrupt_cancels_a_cleaning_and_says_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mine = documents(folder, 60_000);
    let clean = ["data", "clean", "--in", mine.to_str().unwrap(), "--out", "out", "--json"];
    let mut child = begun(folder, &clean);
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("reading"), "{line}");
    let told = interrupted(child);
    assert!(told.lines().last().unwrap().contains(" documents"), "{told}");
    let again = play(folder, vec![clean_files(&mine, folder.join("out"))]).unwrap();
    let resumed = |event: &Event| {
        matches!(event, Event::Cleaning(CleaningStep::Started { start: CleaningStart::Resumed { .. } }))
    };
    assert!(again.iter().any(resumed), "{:?}", again.first());
}

#[test]
fn a_model_that_went_out_comes_in_alike_and_writes_the_same() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "model"]);
    let said = succeed(folder, &["import", "model", "--project", "typed"]);
    assert!(said.starts_with("1-model: GPT2LMHeadModel, "), "{said}");
    let events = play(
        folder,
        vec![
            Command::UseProject { folder: folder.join("sent"), make: true },
            Command::ImportModel {
                from: ModelSource::Path { path: folder.join("model") },
                context_length: None,
                for_comparison: false,
            },
        ],
    )
    .unwrap();
    let imported =
        found!(events.iter(), Event::RunAdded(answer::RunAdded { run, about, .. }) => (&run.name[..], about.split(',').next()))
            .next();
    assert_eq!(imported, Some(("1-model", Some("GPT2LMHeadModel"))));
    let progress = found!(events.iter(), Event::Progress { done, total, .. } => (done, total)).next_back();
    assert!(progress.is_some_and(|(done, total)| done == total && *total > 1000), "{progress:?}");

    let write = |project: &str| {
        let write = ["generate", "--project", project, "--prompt", "The", "--temperature", "0"];
        succeed(folder, &[&write[..], &["--max-tokens", "8"]].concat())
    };
    let text = write("first");
    assert_eq!(write("typed"), text);
    assert_eq!(write("sent"), text);
    succeed(folder, &["export", "--project", "typed", "--to", "again"]);
    let weights = |name: &str| std::fs::read(folder.join(name).join("model.safetensors")).unwrap();
    assert!(weights("again") == weights("model"));
    assert!(succeed(folder, &["runs", "--project", "typed"]).contains("imported"));

    // A project created for a failed import is removed, and the next import starts anew.
    let place = folder.join("twice");
    let sent = |from: &str| Command::ImportModel {
        from: ModelSource::Path { path: folder.join(from) },
        context_length: None,
        for_comparison: false,
    };
    let refused = play(folder, vec![use_project(place.clone(), true), sent("first")]).unwrap_err();
    assert!(refused.contains("no config.json"), "{refused}");
    assert!(!place.exists());
    play(folder, vec![use_project(place.clone(), true), sent("model")]).unwrap();
    assert!(succeed(folder, &["runs", "--project", "twice"]).contains("1-model"));
    // Another failure removes no project.
    let missing = Command::ReadRun { run: Some("7".to_owned()), points: 0 };
    play(folder, vec![use_project(folder.join("empty"), true), missing]).unwrap_err();
    assert!(folder.join("empty/project.json").exists());

    // As in a browser: files with their bytes.
    let names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    let bytes = |names: &[&str]| {
        names.iter().map(|name| std::fs::read(folder.join("model").join(name)).unwrap()).collect()
    };
    let files = |names: &[&str]| Command::ImportModel {
        from: ModelSource::Files { names: names.iter().map(|name| (*name).to_owned()).collect() },
        context_length: None,
        for_comparison: false,
    };
    let tab = || (use_project(folder.join("tab"), true), Vec::new());
    play_with(folder, vec![tab(), (files(&names), bytes(&names))]).unwrap();
    assert_eq!(write("tab"), text);
    let left: Vec<_> =
        std::fs::read_dir(folder.join("tab")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".partial")), "{left:?}");
    let refused = play_with(folder, vec![tab(), (files(&names[1..]), bytes(&names[1..]))]).unwrap_err();
    assert!(refused.contains("no config.json") && !refused.contains(".partial"), "{refused}");
    let garbage = vec![b"GGUF garbage of any kind".to_vec()];
    let refused = play_with(folder, vec![tab(), (files(&["owl.gguf"]), garbage)]).unwrap_err();
    assert!(refused.contains("owl.gguf: it is damaged") && !refused.contains("/owl.gguf"), "{refused}");

    // It has no text, and a project without an import is not one.
    let error = error_of(folder, &["train", "--resume", "--project", "typed"]);
    assert!(error.contains("imported model"), "{error}");
    let error = error_of(folder, &["import", "first", "--project", "third"]);
    assert!(error.contains("no config.json"), "{error}");
    assert!(!folder.join("third").exists());
}
