//! The program killed at random moments: while it trains, and while it cleans, exports, imports, packs, unpacks, compresses, merges, evaluates,
//! sweeps and trains dictionaries. Afterwards the project opens, no checkpoint that was reported is lost, outputs are complete or absent,
//! and the work continues or begins anew with the same result, to the bit.

#[path = "../../app/tests/support/small.rs"]
mod small;

use super::project::{Snapshot, folder, snapshot};
use super::{Campaign, Draw};
use glasshouse_engine::data::stories;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUN: &str = "p/runs/1-nanogpt-cpu";
const STEPS: &str = "120";
const SETTINGS: [&str; 4] = [
    "train.eval_interval=20",
    "train.checkpoint_interval=3",
    "train.sample_interval=0",
    "model.dropout.residual=0.1",
];

/// The program: `GLASSHOUSE_PROGRAM`, or the one that was built with these tests.
fn program() -> Option<PathBuf> {
    let built =
        || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.parent()?.join("glasshouse")));
    let program = std::env::var_os("GLASSHOUSE_PROGRAM").map(PathBuf::from).or_else(built)?;
    program.is_file().then_some(program)
}

struct Place<'own> {
    program: &'own Path,
    folder: PathBuf,
}

impl Place<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, and returns its output.
    fn succeed(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => {
                Err(format!("{arguments:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
            }
        }
    }

    /// Kills a command after some time, and returns its output.
    fn killed(&self, arguments: &[&str], after: Duration) -> Result<String, String> {
        let (said, told) = (self.folder.join("said"), self.folder.join("told"));
        let mut command = self.command(arguments);
        command.stdout(File::create(&said).unwrap()).stderr(File::create(&told).unwrap());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        std::thread::sleep(after);
        child.kill().ok();
        let status = child.wait().map_err(|error| error.to_string())?;
        let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        // It may have ended before; then it must not have failed.
        match status.code() {
            None | Some(0) => Ok(read(said)),
            Some(code) => Err(format!("{arguments:?} failed with {code}: {}", read(told))),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// Every project lists its runs.
    fn opens(&self, project: &str) -> Result<(), String> {
        if self.has(&format!("{project}/project.json")) {
            self.succeed(&["runs", "--project", project])?;
        }
        Ok(())
    }
}

fn train(more: &[&'static str]) -> Vec<&'static str> {
    let mut arguments = vec![
        "train",
        "--preset",
        "nanogpt-cpu",
        "--data",
        "stories.txt",
        "--project",
        "p",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--json",
        "--steps",
        STEPS,
    ];
    let settings = small::SHAPE.iter().chain(&small::TRAINING).chain(&SETTINGS);
    arguments.extend(settings.flat_map(|setting| ["--set", *setting]));
    arguments.extend(more);
    arguments
}

/// Events of a kind, as the program reports or records them; a killed program may have written half of the last one.
fn events<'text>(lines: &'text str, kind: &'text str) -> impl Iterator<Item = Value> + 'text {
    let events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(move |event| event["event"] == kind)
}

/// A run's recorded losses by step, as text.
fn recorded(run: &Path) -> BTreeMap<(u64, String), String> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let losses = ["step", "eval"].into_iter().flat_map(|kind| events(&text, kind).collect::<Vec<_>>());
    losses
        .map(|event| {
            let of_kind = event["event"].as_str().unwrap().to_owned();
            (
                (event["step"].as_u64().unwrap(), of_kind),
                format!("{} {} {}", event["loss"], event["train_loss"], event["val_loss"]),
            )
        })
        .collect()
}

/// Kills a training up to three times, then lets it end.
fn training(
    place: &Place<'_>,
    draw: &mut Draw,
    whole: Duration,
    expected: &BTreeMap<(u64, String), String>,
) -> Result<(), String> {
    let again = ["train", "--project", "p", "--resume", "--device", "cpu", "--threads", "1", "--json"];
    let mut saved = 0;
    let kills = 1 + draw.below(3);
    for number in 0..=kills {
        let exists = place.has(&format!("{RUN}/run.toml"));
        if saved > 0 && !exists {
            return Err("the run is gone".to_owned());
        }
        let arguments = if exists { again.to_vec() } else { train(&[]) };
        let after = whole.mul_f64(draw.below(1000) as f64 / 1000.0 * 1.1);
        let said =
            if number == kills { place.succeed(&arguments)? } else { place.killed(&arguments, after)? };
        place.opens("p")?;
        let first = events(&said, "step").find_map(|event| event["step"].as_u64());
        if first.is_some_and(|first| first <= saved) {
            return Err(format!("it goes on with step {first:?} in spite of the checkpoint of step {saved}"));
        }
        saved = events(&said, "checkpoint")
            // No run resumes from a milestone.
            .filter(|event| !event["path"].as_str().unwrap().contains("milestone"))
            .filter_map(|event| event["step"].as_u64())
            .chain([saved])
            .max()
            .unwrap();
    }
    let found = recorded(&place.folder.join(RUN));
    if found != *expected {
        let wrong = expected.iter().find(|(step, losses)| found.get(step) != Some(losses));
        return Err(format!("{} of {} losses; the first other one: {wrong:?}", found.len(), expected.len()));
    }
    Ok(())
}

/// A command that makes something, where it does, and the folder or file that must be the same whenever it ended.
struct Work {
    arguments: &'static [&'static str],
    project: &'static str,
    makes: &'static str,
    /// Whether it makes nothing before it ends.
    at_once: bool,
    compared: fn(&Path) -> Snapshot,
}

fn jsonl(path: &Path) -> Snapshot {
    let mut files = snapshot(path);
    files.retain(|name, _| name.extension().is_some_and(|ending| ending == "jsonl"));
    files
}

fn model(path: &Path) -> Snapshot {
    let mut files = snapshot(path);
    files.retain(|name, _| name.ends_with("model.safetensors"));
    files
}

/// The newest dictionary's weights.
fn dictionary(path: &Path) -> Snapshot {
    let mut files = snapshot(path);
    files.retain(|name, _| name.ends_with("sae_weights.safetensors"));
    files.pop_last().map(|(_, weights)| (PathBuf::new(), weights)).into_iter().collect()
}

/// The newest run's weights.
fn weights(path: &Path) -> Snapshot {
    let mut runs: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    runs.retain(|run| run.join("run.toml").exists());
    runs.sort();
    let mut files = runs.last().map(|run| snapshot(&run.join("checkpoints"))).unwrap_or_default();
    files.retain(|name, _| name.extension().is_some_and(|ending| ending == "safetensors"));
    files
}

/// The losses of each run.
fn swept(path: &Path) -> Snapshot {
    let runs = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let runs = runs.filter(|run| run.join("run.toml").exists());
    runs.map(|run| (run.file_name().unwrap().into(), format!("{:?}", recorded(&run)).into_bytes())).collect()
}

/// The measures of an evaluation.
fn evaluated(path: &Path) -> Snapshot {
    let found: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    Snapshot::from([(PathBuf::new(), found["likelihood"]["metrics"].to_string().into_bytes())])
}

fn lone(path: &Path) -> Snapshot {
    // A packed project has times; `unpack` then opens it.
    Snapshot::from([(PathBuf::new(), vec![u8::from(path.is_file())])])
}

static WORKS: [Work; 10] = [
    Work {
        arguments: &["data", "clean", "--in", "stories.txt", "--out", "cleaned"],
        project: "p",
        makes: "cleaned",
        at_once: false,
        compared: jsonl,
    },
    Work {
        arguments: &["export", "--project", "p", "--to", "out", "--force"],
        project: "p",
        makes: "out",
        at_once: true,
        compared: model,
    },
    Work {
        arguments: &["import", "model", "--project", "q"],
        project: "q",
        makes: "q/runs",
        at_once: false,
        compared: weights,
    },
    Work {
        arguments: &["pack", "--project", "p", "--to", "p.glasshouse", "--force"],
        project: "p",
        makes: "p.glasshouse",
        at_once: true,
        compared: lone,
    },
    Work {
        arguments: &["unpack", "whole.glasshouse", "--project", "there", "--force"],
        project: "there",
        makes: "there",
        at_once: true,
        compared: |path| weights(&path.join("runs")),
    },
    Work {
        arguments: &[
            "compress",
            "--project",
            "p",
            "--run",
            "1",
            "--method",
            "q8_0",
            "--device",
            "cpu",
            "--json",
        ],
        project: "p",
        makes: "p/runs",
        at_once: false,
        compared: weights,
    },
    Work {
        arguments: &[
            "features",
            "train",
            "--project",
            "p",
            "--at",
            "blocks.0.mlp.output",
            "--width",
            "64",
            "--k",
            "4",
            "--tokens",
            "40000",
            "--device",
            "cpu",
        ],
        project: "p",
        makes: "p/runs/1-nanogpt-cpu/features",
        at_once: false,
        compared: dictionary,
    },
    Work {
        arguments: &["merge", "--project", "adapted", "--run", "1"],
        project: "adapted",
        makes: "adapted/runs",
        at_once: false,
        compared: weights,
    },
    Work {
        arguments: &["evaluate", "--project", "p", "--run", "1", "--device", "cpu", "--threads", "1"],
        project: "p",
        makes: "p/runs/1-nanogpt-cpu/evaluation.json",
        at_once: true,
        compared: evaluated,
    },
    Work {
        arguments: &[
            "sweep",
            "sweep.toml",
            "--config",
            "p/runs/1-nanogpt-cpu/run.toml",
            "--data",
            "stories.txt",
            "--project",
            "swept",
            "--steps",
            "30",
            "--device",
            "cpu",
            "--threads",
            "1",
        ],
        project: "swept",
        makes: "swept/runs",
        at_once: false,
        compared: swept,
    },
];

const GENERATE: [&str; 9] =
    ["generate", "--project", "p", "--run", "1", "--device", "cpu", "--max-tokens", "3"];

fn working(
    place: &Place<'_>,
    draw: &mut Draw,
    work: &Work,
    (whole, expected): &(Duration, Snapshot),
) -> Result<(), String> {
    let check = || {
        if work.makes == "p.glasshouse" {
            place.succeed(&["unpack", "p.glasshouse", "--project", "unpacked", "--force"])?;
        }
        match (work.compared)(&place.folder.join(work.makes)) == *expected {
            true => Ok(()),
            false => Err(format!("{:?} made something else", work.arguments)),
        }
    };
    for _ in 0..1 + draw.below(2) {
        let after = whole.mul_f64(draw.below(1000) as f64 / 1000.0 * 1.1);
        place.killed(work.arguments, after)?;
        place.opens(work.project)?;
        if work.at_once && place.has(work.makes) {
            check()?;
        }
    }
    place.succeed(&GENERATE)?;
    place.succeed(work.arguments)?;
    place.opens(work.project)?;
    check()?;
    let names = std::fs::read_dir(&place.folder).unwrap().map(|entry| entry.unwrap().file_name());
    match names.map(|name| name.to_string_lossy().into_owned()).find(|name| name.contains(".partial")) {
        None => Ok(()),
        Some(name) => Err(format!("{name} is left over")),
    }
}

#[test]
fn death() {
    let Some(program) = program() else {
        println!(
            "LEFT OUT: the program is not built; `cargo build --release`, or name it in GLASSHOUSE_PROGRAM"
        );
        return;
    };
    let text = stories::text(60_000, 1);
    let prepare = |folder: &Path| std::fs::write(folder.join("stories.txt"), &text).unwrap();
    let base = folder();
    prepare(base.path());
    let place = Place { program: &program, folder: base.path().to_owned() };
    let timed = |place: &Place<'_>, arguments: &[&str]| {
        let began = Instant::now();
        place.succeed(arguments).unwrap();
        began.elapsed()
    };
    let whole = timed(&place, &train(&[]));
    let losses = recorded(&base.path().join(RUN));
    assert!(losses.len() > 120, "{losses:?}");
    place.succeed(&["export", "--project", "p", "--to", "model"]).unwrap();
    place.succeed(&["pack", "--project", "p", "--to", "whole.glasshouse"]).unwrap();
    let adapter = ["--from", "1", "--from-project", "p", "--project", "adapted", "--adapter", "lora"];
    let rest = ["--data", "stories.txt", "--steps", "10", "--device", "cpu", "--threads", "1"];
    place.succeed(&[&["train"], &adapter[..], &rest[..]].concat()).unwrap();
    std::fs::write(base.path().join("sweep.toml"), "[settings]\ntrain.learning_rate = [1e-3, 3e-3]\n")
        .unwrap();
    let before = snapshot(base.path());
    let copy = || {
        let folder = folder();
        super::project::restore(folder.path(), &before);
        folder
    };
    let whole_works: Vec<(Duration, Snapshot)> = WORKS
        .iter()
        .map(|work| {
            let folder = copy();
            let place = Place { program: &program, folder: folder.path().to_owned() };
            let time = timed(&place, work.arguments);
            (time, (work.compared)(&folder.path().join(work.makes)))
        })
        .collect();
    let mut campaign = Campaign::new("death", 12);
    while let Some(mut draw) = campaign.next_trial() {
        // Half of the trials kill a training.
        let number = draw.below(2 * WORKS.len());
        let outcome = match WORKS.get(number) {
            None => {
                let folder = folder();
                prepare(folder.path());
                let place = Place { program: &program, folder: folder.path().to_owned() };
                training(&place, &mut draw, whole, &losses).map_err(|reason| format!("training: {reason}"))
            }
            Some(work) => {
                let folder = copy();
                let place = Place { program: &program, folder: folder.path().to_owned() };
                let done = working(&place, &mut draw, work, &whole_works[number]);
                done.map_err(|reason| format!("{}: {reason}", work.arguments[0]))
            }
        };
        campaign.judge(&draw, outcome);
    }
    campaign.end();
}
