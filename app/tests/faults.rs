//! Injected faults: closed pipes, full disks, signals, concurrent programs on the same project, kills, flipped bits. Finished
//! work must not be lost, and incomplete files must not be accepted.

use crate::support::program::{RUN, fail, json_of, lines, of, program, send, sets, stories, succeed};
use crate::support::small::{SHAPE, TRAINING};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MODEL: &str = "nanogpt-cpu";
/// No intermediate checkpoints, evaluations and samples.
const QUIET: [&str; 5] = [
    "train.eval_interval=0",
    "train.checkpoint_interval=1000000",
    "train.milestones=off",
    "train.milestone_interval=0",
    "train.sample_interval=0",
];

/// The small model's settings.
fn small() -> Vec<&'static str> {
    [&SHAPE[..], &TRAINING, &QUIET].concat()
}

/// `train` on the CPU for some steps of the small model.
fn train(folder: &Path, project: &str, steps: &str, more: &[&str]) -> Command {
    let mut command = program(folder);
    command.args([
        "train",
        "--preset",
        MODEL,
        "--data",
        "stories.txt",
        "--project",
        project,
        "--device",
        "cpu",
    ]);
    command.args(["--threads", "1", "--json", "--steps", steps]).args(sets(&small()));
    command.args(more);
    command
}

fn trained(folder: &Path, project: &str, more: &[&str]) {
    let output = train(folder, project, "20", more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn record(folder: &Path, project: &str, run: &str) -> Value {
    json_of(&folder.join(project).join("runs").join(run).join("run.json"))
}

/// The steps of a run's checkpoints, from their file names.
fn checkpoints(folder: &Path, project: &str) -> Vec<u64> {
    let entries = std::fs::read_dir(folder.join(project).join("runs").join(RUN).join("checkpoints")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix("step-")?.get(..8)?.parse().ok()).collect()
}

/// Whether the tests were started to outlive the terminal, which their child processes inherit.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    ignored.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// A run that trains until stopped, and its output lines.
struct Trains {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Trains {
    fn begin(folder: &Path, project: &str, more: &[&str]) -> Self {
        let mut command = train(folder, project, "4000000", more);
        let errors = std::fs::File::create(folder.join("errors")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut trains = Self { child, lines };
        trains.wait_for("step");
        trains
    }

    /// Waits for the next event of a kind.
    fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
            if event["event"] == kind {
                return event;
            }
        }
    }

    fn signal(&self, name: &str) {
        send(&self.child, name);
    }

    /// Reads to the end and returns the exit code.
    fn end(mut self) -> Option<i32> {
        self.lines.by_ref().for_each(|line| drop(line.unwrap()));
        self.child.wait().unwrap().code()
    }
}

#[test]
fn outputs_that_take_nothing_end_no_run() {
    let folder = stories(30);
    let folder = folder.path();
    // Closed pipes, as with `head`.
    let mut child =
        train(folder, "gone", "300", &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    drop(output);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(
        (&record(folder, "gone", RUN)["state"], checkpoints(folder, "gone")),
        (&"finished".into(), vec![300])
    );
    // Full disks for both outputs, also in text mode.
    if Path::new("/dev/full").exists() {
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = train(folder, "full", "20", &[]);
        assert_eq!(command.stdout(full()).stderr(full()).status().unwrap().code(), Some(0));
        assert_eq!(record(folder, "full", RUN)["state"], "finished");
        let resume = ["train", "--project", "full", "--resume", "--device", "cpu"];
        let status = program(folder).args(resume).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(0));
    }
}

/// Nothing can be created in `/proc`, even by root. In this language numbers have other digits and separators.
#[test]
#[cfg(target_os = "linux")]
fn a_home_that_cannot_be_written_and_another_language_change_nothing() {
    let folder = stories(30);
    let folder = folder.path();
    let losses = |project: &str, home: Option<&str>| {
        let mut command = train(folder, project, "20", &[]);
        if let Some(home) = home {
            for variable in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                command.env_remove(variable);
            }
            command.env("HOME", home).env("LC_ALL", "fa_IR.UTF-8").env("LANG", "fa_IR.UTF-8");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = lines(std::str::from_utf8(&output.stdout).unwrap());
        of(&told, "step").iter().map(|step| step["loss"].clone()).collect::<Vec<_>>()
    };
    let usual = losses("usual", None);
    assert_eq!((losses("other", Some("/proc")), usual.len()), (usual.clone(), 20));
}

#[test]
fn a_run_that_a_signal_stops_is_saved_and_says_so() {
    let folder = stories(30);
    let folder = folder.path();
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        if name == "-HUP" && ignores_hang_up() {
            continue;
        }
        let project = format!("stopped{name}");
        let trains = Trains::begin(folder, &project, &[]);
        trains.signal(name);
        assert_eq!(trains.end(), Some(code), "{name}");
        let record = record(folder, &project, RUN);
        assert_eq!(record["state"], "stopped");
        assert_eq!(checkpoints(folder, &project), [record["step"].as_u64().unwrap()]);
    }
    // It saves and continues.
    let mut trains = Trains::begin(folder, "asked", &[]);
    trains.signal("-USR1");
    let saved = trains.wait_for("checkpoint")["step"].as_u64().unwrap();
    assert_eq!(trains.wait_for("step")["step"].as_u64(), Some(saved + 1));
    // The file is complete while the run continues, so a kill loses nothing up to there.
    trains.child.kill().unwrap();
    assert_eq!(trains.child.wait().unwrap().signal(), Some(9));
    let rest = succeed(
        folder,
        &["train", "--project", "asked", "--resume", "--json", "--stop-after", &(saved + 2).to_string()],
    );
    let first: Value =
        serde_json::from_str(rest.lines().find(|line| line.contains("\"step\"")).unwrap()).unwrap();
    assert_eq!(first["step"].as_u64(), Some(saved + 1));
}

#[test]
fn a_command_that_fails_takes_only_what_it_made() {
    let folder = stories(30);
    let folder = folder.path();
    std::fs::write(folder.join("bad.txt"), b"").unwrap();
    fail(folder, &["train", "--data", "bad.txt", "--project", "new/er", "--device", "cpu"], 1, &[]);
    assert!(!folder.join("new/er").exists());
    // A program is held while it reads a long text; meanwhile another one trains in the project that it created.
    let text = folder.join("long.txt");
    std::fs::write(&text, "The owl sat in the oak and sang.\n".repeat(1 << 20)).unwrap();
    let long = ["train", "--data", "long.txt", "--project", "both", "--device", "cpu"];
    let mut child = program(folder).args(long).stderr(Stdio::piped()).spawn().unwrap();
    // The project exists by then, and its lock is released.
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("reading") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it did not read its text");
    }
    send(&child, "-STOP");
    trained(folder, "both", &[]);
    std::fs::write(&text, b"").unwrap();
    send(&child, "-CONT");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(record(folder, "both", RUN)["state"], "finished");
    succeed(folder, &["generate", "--project", "both", "--device", "cpu", "--max-tokens", "3"]);
}

#[test]
fn programs_that_begin_at_once_get_runs_of_their_own() {
    let folder = stories(30);
    let folder = folder.path();
    let children: Vec<Child> = (0..4)
        .map(|number| {
            let preset = ["nanogpt-cpu", "nanogpt-gpu"][number % 2];
            let mut command = train(folder, "shared", "2", &["--set", &format!("preset={preset}")]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let entries = std::fs::read_dir(folder.join("shared/runs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut numbers: Vec<String> = names
        .filter_map(|name| Some(name.split_once('-')?.0.to_owned()))
        .filter(|name| !name.is_empty())
        .collect();
    numbers.sort();
    assert_eq!(numbers, ["1", "2", "3", "4"]);
}

/// Titles and tags are written by other programs while runs train and end.
#[test]
fn a_run_that_others_rename_and_tag_ends_as_it_should() {
    let folder = stories(30);
    let folder = folder.path();
    trained(folder, "busy", &[]);
    for number in 2..=4 {
        let run = format!("{number}-{MODEL}");
        let child = train(folder, "busy", "20", &["--seed", &number.to_string()])
            .args(["--set", "train.checkpoint_interval=2"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !folder.join("busy/runs").join(&run).join("run.json").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (ended, edits) =
            (std::sync::atomic::AtomicBool::new(false), &std::sync::atomic::AtomicUsize::new(0));
        let output = std::thread::scope(|scope| {
            for what in ["tag", "rename"] {
                let (ended, run) = (&ended, run.as_str());
                scope.spawn(move || {
                    while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                        succeed(folder, &["runs", what, run, "night owls", "--project", "busy"]);
                        edits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
            let output = child.wait_with_output().unwrap();
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
            output
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let record = record(folder, "busy", &run);
        assert_eq!((&record["state"], &record["step"]), (&"finished".into(), &20.into()));
        let about = json_of(&folder.join("busy/runs").join(&run).join("about.json"));
        assert_eq!((&about["title"], &about["tags"][0]), (&"night owls".into(), &"night owls".into()));
        assert!(edits.load(std::sync::atomic::Ordering::Relaxed) > 0);
    }
    let listed = succeed(folder, &["runs", "--project", "busy"]);
    assert!(!listed.contains("interrupted") && !listed.contains("running"), "{listed}");
}

#[test]
fn a_run_whose_folder_is_removed_ends_at_its_next_save_and_says_why() {
    let folder = stories(30);
    let folder = folder.path();
    let mut trains = Trains::begin(folder, "gone", &["--set", "train.checkpoint_interval=500"]);
    trains.wait_for("checkpoint");
    // It may be writing a file.
    while folder.join("gone").exists() {
        std::fs::remove_dir_all(folder.join("gone")).ok();
    }
    assert_eq!(trains.end(), Some(1));
    let errors = std::fs::read_to_string(folder.join("errors")).unwrap();
    assert!(errors.contains("folder was removed or moved while it trained"), "{errors}");
    assert!(!folder.join("gone/runs").exists(), "half of it came back");
}

#[test]
fn a_project_is_packed_while_it_trains() {
    let folder = stories(30);
    let folder = folder.path();
    let Trains { mut child, lines } =
        Trains::begin(folder, "busy", &["--set", "train.checkpoint_interval=1"]);
    // Keep reading, so that it can continue.
    let (tell, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        lines.for_each(|line| {
            if line.unwrap().contains("\"checkpoint\"") {
                tell.send(()).ok();
            }
        });
    });
    told.recv().unwrap();
    for number in 0..5 {
        let name = format!("p{number}.glasshouse");
        succeed(folder, &["pack", "--project", "busy", "--to", &name]);
        succeed(folder, &["unpack", &name]);
        let unpacked = format!("p{number}");
        let write = ["generate", "--project", &unpacked, "--device", "cpu", "--max-tokens", "3"];
        let told = succeed(folder, &[&write[..], &["--checkpoint", "latest", "--json"]].concat());
        assert!(told.contains("\"done\""), "{told}");
    }
    send(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    reader.join().unwrap();
    // Nothing is replaced without permission.
    fail(folder, &["pack", "--project", "busy", "--to", "p0.glasshouse"], 1, &["(--force)"]);
    succeed(folder, &["pack", "--project", "busy", "--to", "p0.glasshouse", "--force"]);
    fail(folder, &["unpack", "p0.glasshouse"], 1, &["--force"]);
    succeed(folder, &["unpack", "p0.glasshouse", "--force"]);
}

/// Kills a command at several moments; afterwards there is nothing in its place, or something that passes `check`.
fn killed(folder: &Path, arguments: &[&str], place: &Path, check: impl Fn()) {
    for moment in [0, 1, 2, 4, 8, 16, 32, 64] {
        let mut child =
            program(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().ok();
        child.wait().unwrap();
        if place.exists() {
            check();
        }
    }
}

#[test]
fn what_is_made_is_whole_or_absent_wherever_it_is_killed() {
    let folder = stories(30);
    let folder = folder.path();
    trained(folder, "p", &[]);
    let names = |place: &Path| -> Vec<PathBuf> {
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let export = ["export", "--project", "p", "--to", "model", "--force"];
    killed(folder, &export, &folder.join("model"), || assert_eq!(names(&folder.join("model")).len(), 6));
    succeed(folder, &export);
    // An older one is kept until the new one is complete.
    let before = std::fs::read(folder.join("model/model.safetensors")).unwrap();
    killed(folder, &export, &folder.join("model"), || {
        assert_eq!(names(&folder.join("model")).len(), 6);
        assert!(std::fs::read(folder.join("model/model.safetensors")).unwrap() == before);
    });
    fail(folder, &export[..5], 1, &["(--force)"]);
    let pack = ["pack", "--project", "p", "--to", "p.glasshouse", "--force"];
    killed(folder, &pack, &folder.join("p.glasshouse"), || {
        succeed(folder, &["unpack", "p.glasshouse", "--project", "seen", "--force"]);
    });
    succeed(folder, &pack);
    let unpack = ["unpack", "p.glasshouse", "--project", "there", "--force"];
    killed(folder, &unpack, &folder.join("there"), || {
        succeed(folder, &["generate", "--project", "there", "--device", "cpu", "--max-tokens", "2"]);
    });
    succeed(folder, &export);
    succeed(folder, &pack);
    succeed(folder, &unpack);
    // Leftovers of the killed commands are gone.
    let is_left = |path: &PathBuf| path.is_dir() && path.to_string_lossy().contains(".partial");
    let left: Vec<PathBuf> = names(folder).into_iter().filter(is_left).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

#[test]
fn what_a_result_depends_on_is_checked() {
    let folder = stories(30);
    let folder = folder.path();
    trained(folder, "p", &["--set", "train.milestone_interval=10"]);
    let generate = ["generate", "--project", "p", "--device", "cpu", "--max-tokens", "3"];
    succeed(folder, &generate);
    let own = folder.join("p/runs").join(RUN);
    // Swap two characters of the vocabulary.
    let data = std::fs::read_dir(folder.join("p/data")).unwrap().next().unwrap().unwrap().path();
    let tokenizer = data.join("tokenizer.json");
    let whole = std::fs::read_to_string(&tokenizer).unwrap();
    let swapped =
        whole.replacen("\"a\":", "\"?\":", 1).replacen("\"b\":", "\"a\":", 1).replacen("\"?\":", "\"b\":", 1);
    assert_ne!(swapped, whole);
    std::fs::write(&tokenizer, swapped).unwrap();
    for command in [&generate[..], &["export", "--project", "p", "--to", "model"]] {
        fail(folder, command, 1, &["tokenizer.json"]);
    }
    std::fs::write(&tokenizer, &whole).unwrap();
    // Flip a bit of a weight.
    let milestone = own.join("checkpoints/milestone-00000010.safetensors");
    let mut bytes = std::fs::read(&milestone).unwrap();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    let elsewhere = folder.join("elsewhere.safetensors");
    std::fs::write(&milestone, &bytes).unwrap();
    std::fs::write(&elsewhere, &bytes).unwrap();
    for name in ["milestone-00000010.safetensors", "elsewhere.safetensors"] {
        fail(folder, &[&generate[..], &["--checkpoint", name]].concat(), 1, &[name, "(checksum)"]);
    }
    // A setting that changes the result of the same weights.
    let config = own.join("run.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let (before, norm) = text.split_once("[model.norm]").unwrap();
    let (kind, rest) = norm.split_once("eps = ").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    std::fs::write(&config, format!("{before}[model.norm]{kind}eps = 0.01\n{rest}")).unwrap();
    for command in [
        &generate[..],
        &["export", "--project", "p", "--to", "model"],
        &["train", "--project", "p", "--resume"],
    ] {
        fail(folder, command, 1, &["model.norm.eps = 0.01", "0.00001"]);
    }
    // Absurd numbers are refused.
    let absurd = ["plan", "--preset", MODEL, "--set", "train.sample_tokens=4611686018427387904"];
    fail(folder, &absurd, 2, &["train.sample_tokens"]);
}

#[test]
fn settings_that_a_run_has_may_be_named_when_it_goes_on() {
    let folder = stories(30);
    let folder = folder.path();
    trained(folder, "p", &["--stop-after", "10"]);
    let resume = ["train", "--project", "p", "--resume", "--device", "cpu", "--json"];
    let others = [&resume[..], &["--preset", "nanogpt-gpu", "--seed", "7"]].concat();
    fail(folder, &others, 2, &["--preset is nanogpt-gpu", "seed is 7", "--resume"]);
    let other = [&resume[..], &["--set", "train.batch_size=5"]].concat();
    fail(folder, &other, 2, &["train.batch_size is 5"]);
    let same = ["--preset", MODEL, "--steps", "20", "--set", "train.batch_size=4", "--data", "stories.txt"];
    let config = ["--config", "p/runs/1-nanogpt-cpu/run.toml", "--stop-after", "12"];
    succeed(folder, &[&resume[..], &config].concat());
    succeed(folder, &[&resume[..], &same].concat());
    assert_eq!(record(folder, "p", RUN)["state"], "finished");
    // An export does not reveal where it was made.
    let place = folder.join("stories.txt").display().to_string();
    trained(folder, "far", &["--data", &place]);
    succeed(folder, &["export", "--project", "far", "--to", "model"]);
    let card = std::fs::read_to_string(folder.join("model/README.md")).unwrap();
    assert!(card.contains("stories.txt") && !card.contains(folder.to_str().unwrap()), "{card}");
}

#[test]
fn a_cleaning_that_is_under_way_or_was_stopped_says_so_and_loses_nothing() {
    let folder = stories(30);
    let folder = folder.path();
    let story = std::fs::read_to_string(folder.join("stories.txt")).unwrap()[..400].replace(['\n', '"'], " ");
    let lines: String = (0..60_000).map(|number| format!("{{\"text\": \"{number} {story}\"}}\n")).collect();
    std::fs::write(folder.join("many.jsonl"), lines).unwrap();
    let clean = ["data", "clean", "--in", "many.jsonl", "--out", "out", "--json"];
    let mut first = program(folder).args(clean).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(first.stdout.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    fail(folder, &[&clean[..], &["--force"]].concat(), 1, &["out: another program"]);
    send(&first, "-INT");
    assert_eq!(first.wait().unwrap().code(), Some(130));
    let train = ["train", "--data", "out", "--project", "p", "--device", "cpu"];
    for command in [&["data", "inspect", "out"][..], &train] {
        fail(folder, command, 1, &["out: ", "`glasshouse data clean`"]);
    }
    let recipe = [&clean[..], &["--recipe", "raw"]].concat();
    fail(folder, &recipe, 1, &["another recipe", "(--force)"]);
    let others = ["data", "clean", "--in", "stories.txt", "--out", "out"];
    fail(folder, &others, 1, &["other files", "(--force)"]);
    assert!(succeed(folder, &clean).contains("\"event\":\"resumed\""), "it goes on where it was");
    succeed(folder, &["data", "inspect", "out"]);
}

/// The content of a terminal of some columns after a program wrote to it.
fn screen(written: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0);
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' if letters.next_if_eq(&'[').is_some() => {
                let mut count = String::new();
                while let Some(digit) = letters.next_if(|letter| letter.is_ascii_digit() || *letter == ';') {
                    count.push(digit);
                }
                let number: usize = count.parse().unwrap_or(1);
                match letters.next() {
                    Some('A') => row = row.saturating_sub(number),
                    Some('B') => row += number,
                    Some('K') => lines[row].clear(),
                    _ => {}
                }
            }
            letter if !letter.is_control() => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            }
            _ => {}
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn what_an_interrupt_says_outlives_a_bar_that_is_wider_than_the_terminal() {
    use std::io::{Read as _, Write as _};
    let folder = stories(30);
    let folder = folder.path();
    let settings: String = small().iter().map(|setting| format!(" --set {setting}")).collect();
    let program = env!("CARGO_BIN_EXE_glasshouse");
    // The message has 66 columns, the bar more than 100.
    let command = format!(
        "stty cols 70 rows 60; exec {program} train --preset {MODEL} --data stories.txt --project p --device cpu \
         --threads 1 --steps 4000000{settings}"
    );
    let mut child = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keys, mut terminal) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut written, mut part) = (Vec::new(), [0; 4096]);
    let mut asked = false;
    loop {
        let count = terminal.read(&mut part).unwrap();
        if count == 0 {
            break;
        }
        written.extend_from_slice(&part[..count]);
        if !asked && String::from_utf8_lossy(&written).contains("loss ") {
            keys.write_all(b"\x03").unwrap();
            asked = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let shown = screen(&String::from_utf8_lossy(&written), 70);
    let is_whole = |line: &String| line.starts_with("finishing") && line.ends_with("at once");
    assert!(shown.iter().any(is_whole), "{shown:#?}");
    assert!(shown.iter().any(|line| line.starts_with("stopped at step ")), "{shown:#?}");
}
