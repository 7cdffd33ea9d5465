//! The program itself, for tests of its command line, its files and its signals; and the small model that it trains.

use super::repository;
pub use super::small::SHAPE;
use super::small::TRAINING;
use clap::Parser as _;
use clap::error::ErrorKind;
use glasshouse::cli::arguments::Arguments;
use glasshouse_engine::data::stories as generator;
use glasshouse_engine::project::{Project, Run};
use glasshouse_protocol::RunConfig;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The first run of the small model.
pub const RUN: &str = "1-nanogpt-cpu";

/// Settings as `--set` options.
pub fn sets<'set>(settings: &[&'set str]) -> Vec<&'set str> {
    settings.iter().flat_map(|setting| ["--set", *setting]).collect()
}

/// The program, to be started in a folder.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs the program.
pub fn glasshouse(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

/// Standard output and standard error of a command that must succeed.
pub fn both(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = glasshouse(folder, arguments);
    let [said, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{arguments:?}: {told}");
    (said, told)
}

/// Standard output of a command that must succeed.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    both(folder, arguments).0
}

/// What a command says after `error: `, which it says once; it must fail with a code, and its error contain these parts.
pub fn fail(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) -> String {
    let output = glasshouse(folder, arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    let errors = told.lines().filter(|line| line.starts_with("error: ")).count();
    assert!(errors == 1 && !told.contains("panicked"), "{arguments:?}: {told}");
    let (_, error) = told.split_once("error: ").unwrap();
    for part in parts {
        assert!(error.contains(part), "{arguments:?}: {part:?} is not in {error:?}");
    }
    error.trim_end().to_owned()
}

/// The first line of a failing command's error; exit code 2 means that the arguments name something unknown.
pub fn error_of(folder: &Path, arguments: &[&str]) -> String {
    let output = glasshouse(folder, arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{arguments:?}: {told}");
    told.lines().find_map(|line| line.strip_prefix("error: ")).unwrap().to_owned()
}

/// The kind of error of arguments that are refused before anything runs.
pub fn misuse(arguments: &[&str]) -> ErrorKind {
    let typed = [&["glasshouse"][..], arguments].concat();
    Arguments::try_parse_from(typed).expect_err("they are refused").kind()
}

/// Sends a signal, as in `-INT`.
#[cfg(unix)]
pub fn send(child: &std::process::Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Parses JSON Lines.
pub fn lines(told: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    told.lines().map(line).collect()
}

/// The last of some JSON Lines.
pub fn last(told: &str) -> Value {
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

/// The JSON Lines of a file.
pub fn lines_of(file: &Path) -> Vec<Value> {
    lines(&std::fs::read_to_string(file).unwrap())
}

pub fn of<'told>(told: &'told [Value], event: &str) -> Vec<&'told Value> {
    told.iter().filter(|line| line["event"] == event).collect()
}

pub fn json_of(file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&bytes).unwrap()
}

/// Writes a file of JSON Lines.
pub fn write_rows(file: &Path, rows: impl IntoIterator<Item = Value>) {
    std::fs::write(file, rows.into_iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
}

/// A folder with `stories.txt` of some kilobytes.
pub fn stories(kilobytes: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_stories(folder.path(), kilobytes);
    folder
}

/// Writes `stories.txt` of some kilobytes.
pub fn write_stories(folder: &Path, kilobytes: u64) {
    std::fs::write(folder.join("stories.txt"), generator::text(1000 * kilobytes, 1)).unwrap();
}

/// Trains the small model on a folder's stories.
pub fn train(folder: &Path, project: &Path, more: &[&str]) -> String {
    let (data, project) = (folder.join("stories.txt").display().to_string(), project.display().to_string());
    let own = ["train", "--preset", "nanogpt-cpu", "--data", &data, "--project", &project, "--device", "cpu"];
    let steps: &[&str] = if more.contains(&"--steps") { &[] } else { &["--steps", "20"] };
    let settings = sets(&[&SHAPE[..], &TRAINING].concat());
    succeed(folder, &[&own[..], &["--threads", "2"], steps, &settings[..], more].concat())
}

/// A folder with stories, and the settings of the small model's run on it, which was stopped after a step.
pub fn folder() -> (TempDir, RunConfig) {
    let folder = stories(60);
    train(folder.path(), &folder.path().join("first"), &["--stop-after", "1"]);
    let config = run_of(folder.path(), "first", "1").config().unwrap();
    (folder, config)
}

pub fn run_of(folder: &Path, project: &str, run: &str) -> Run {
    Project::open(&folder.join(project)).unwrap().run(run).unwrap()
}

/// How many runs a project has.
pub fn count_runs(folder: &Path, project: &str) -> usize {
    Project::open(&folder.join(project)).unwrap().runs().unwrap().len()
}

/// Part of the name of the adapter for tests on a GPU.
pub fn adapter() -> String {
    std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned())
}

/// The path of something that `tests/run` installs.
pub fn installed(path: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/glasshouse");
    std::env::var_os("GLASSHOUSE_CACHE").map_or_else(home, PathBuf::from).join(path)
}

/// A Python with the packages of the tests' scripts and of a bundle.
pub fn python() -> PathBuf {
    std::env::var_os("GLASSHOUSE_PYTHON").map_or_else(|| installed("venv/bin/python"), PathBuf::from)
}

/// Runs a script of `tests/python` in a folder, and returns its output.
pub fn referee(folder: &Path, script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python());
    command.current_dir(folder).arg(repository().join("tests/python").join(script)).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
