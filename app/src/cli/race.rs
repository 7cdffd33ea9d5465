//! `glasshouse race`: trains for some minutes and records the result in a file that others can replay.

use super::prelude::*;
use super::train::{follow, launch, started};
use super::trained::{find_run, use_project};
use crate::races::{MAX_BYTES, Race, RaceEvaluation, TextHash, VERSION, blocks, checksum, hexadecimal};
use glasshouse_engine::project::metrics;
use glasshouse_engine::protocol::evaluation::Metric;
use glasshouse_engine::storage;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;

/// Largest relative difference of a loss or of bits per byte between devices or builds, which round differently.
const TOLERANCE: f64 = 0.01;

/// A value of a race file that a replay does not confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Difference {
    value: String,
    file: String,
    replay: String,
}

pub(super) fn race(arguments: &RaceArguments) -> Result<ExitCode> {
    match (&arguments.verify, arguments.table.as_slice()) {
        (Some(file), _) => verify(file, &arguments.run),
        (None, []) => run(arguments),
        (None, files) => table(files, arguments.run.json),
    }
}

fn run(arguments: &RaceArguments) -> Result<ExitCode> {
    let (out, own) = (&arguments.out, &arguments.run);
    if own.minutes.is_none() {
        misuse!("a race needs its time: --minutes N (or --verify FILE, or --table FILES)");
    }
    if own.from.is_some() || own.resume || own.stop_after.is_some() {
        misuse!("a race starts from random weights: leave out --from, --resume and --stop-after");
    }
    if own.whole_split {
        misuse!("a race reads the whole split once, at its end: leave out --eval");
    }
    check_new_file(out, None, "another file with --out")?;
    let Some(race) = raced(own, None)? else { return Ok(ExitCode::SUCCESS) };
    storage::write_atomically(out, race.to_text()?.as_bytes())?;
    if own.json {
        say_event("race", &race)?;
    } else {
        let Race { bits_per_byte, steps, seconds, held_out_bytes, .. } = &race;
        let (steps, bytes) = (counted(*steps, "step"), counted(*held_out_bytes, "held-out byte"));
        say!("\n{bits_per_byte} bits per byte on {bytes}, after {steps} in {}", duration(*seconds))?;
        say!("{}: others can verify it with glasshouse race --verify, on the same text", out.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains a race, or replays one, and measures it; `None` if it was interrupted.
fn raced(arguments: &TrainArguments, replayed: Option<&Race>) -> Result<Option<Race>> {
    check_device(arguments.device.as_deref())?;
    let [data, validation] = [hashed(&arguments.data)?, hashed(&arguments.validation)?];
    if let Some(race) = replayed {
        same_text("--data", race.data.as_ref(), data.as_ref())?;
        same_text("--validation", race.validation.as_ref(), validation.as_ref())?;
    }
    // Without kernel tuning, other devices of the same kind repeat the same bits.
    let options = session::Options { autotune: false, ..arguments.options() };
    drive(options, async |engine| {
        let command = match replayed {
            None => started(arguments, launch(arguments), engine).await?.0,
            Some(race) => race.command(arguments, engine).await?,
        };
        let Command::Train { config, .. } = &command else { bail!("a race trains a new run") };
        if !config.train.objective.is_text() {
            let objective = config.train.objective;
            misuse!(
                "a race compares bits per byte of text, which the objective {objective} does not have; leave it out"
            );
        }
        if config.start.is_some() || !config.data.synthetic.is_none() {
            misuse!(
                "a race starts from random weights and learns a text: leave out start and data.synthetic"
            );
        }
        let steps = config.train.steps;
        let run = follow(engine, arguments, command, steps).await?.run;
        if interrupt::exit_code().is_some() {
            tell!("stopped before the end of the race; no file is written");
            return Ok(None);
        }
        if run.step == 0 {
            bail!("no step was trained in that time; choose more minutes or a smaller train.eval_batches");
        }
        let saved = find_run(&arguments.project, Some(&run.name))?;
        let (record, config) = (saved.record()?, saved.config()?);
        let device = record.device.context("the run's record names no device")?;
        let Some(evaluation) = evaluated(engine, &run.name, &device).await? else { return Ok(None) };
        let events = metrics::thinned(&saved.metrics_path(), 1)?;
        let text = evaluation.likelihood.context("the evaluation has no held-out text")?;
        let metric = text.metrics.iter().find(|metric| metric.name == "bits_per_byte");
        let Some(Metric { value: Some(value), interval, .. }) = metric else {
            bail!("the bits per byte of {} are not finite; lower the learning rate (--lr)", run.name)
        };
        let race = Race {
            race: VERSION,
            bits_per_byte: rounded(*value, 1e12),
            interval: interval.map(|ends| ends.map(|end| rounded(end, 1e12))),
            minutes: replayed
                .map_or(rounded(arguments.minutes.unwrap_or_default(), 1e6), |race| race.minutes),
            seconds: rounded(record.seconds, 1e3),
            steps: run.step,
            parameters: run.parameters,
            held_out_bytes: text.bytes,
            weights_crc32c: evaluation.weights_crc32c,
            evaluations: evaluations(&config, &events),
            data,
            validation,
            program: env!("GLASSHOUSE_VERSION").to_owned(),
            device,
            settings: settings(config)?,
        };
        if race.evaluations.iter().any(|own| !own.train_loss.is_finite() || !own.val_loss.is_finite()) {
            bail!("{} diverged: a loss is not finite; lower the learning rate (--lr)", run.name);
        }
        Ok(Some(race))
    })
}

/// Evaluates the last weights of a run on its whole held-out split; `None` if that was interrupted.
async fn evaluated(engine: &mut Engine, run: &str, device: &DeviceDescription) -> Result<Option<Evaluation>> {
    tell!("evaluating on the whole held-out split");
    let device = device.request().to_owned();
    engine.ask(Command::ChooseDevice { device }, |_| Ok(())).await?;
    let source = WeightSource::Checkpoint { run: run.to_owned(), checkpoint: CheckpointChoice::Latest };
    let settings = EvaluateSettings { baselines: false, ..EvaluateSettings::default() };
    let command = Command::Evaluate { source, settings: Box::new(settings) };
    let pick = picked!(Event::Evaluations { evaluations, .. } => evaluations);
    let found = engine.ask_for_until_signal(command, "stopping; no file is written", pick).await?;
    Ok(found.and_then(|mut evaluations| evaluations.pop()))
}

/// The evaluations that depend on the step only: without that at the time limit.
fn evaluations(config: &RunConfig, events: &[TrainEvent]) -> Vec<RaceEvaluation> {
    let RunConfig { train, .. } = config;
    let regular = |step: u64| step == train.steps || step.is_multiple_of(train.eval_interval);
    let evaluation = |event: &TrainEvent| match *event {
        TrainEvent::Eval { step, train_loss, val_loss, .. } => {
            let [train_loss, val_loss] = [train_loss, val_loss].map(digits);
            regular(step).then_some(RaceEvaluation { step, train_loss, val_loss })
        }
        _ => None,
    };
    events.iter().filter_map(evaluation).collect()
}

fn settings(mut config: RunConfig) -> Result<String> {
    config.data.paths.clear();
    config.data.validation_files.clear();
    "auto".clone_into(&mut config.device);
    config.to_toml().map_err(anyhow::Error::msg)
}

/// The shortest decimal of a number, in double precision.
fn digits(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}

fn rounded(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

impl Race {
    fn to_text(&self) -> Result<String> {
        let value = serde_json::to_value(self)?;
        let value = report::joined(json!({ "checksum": checksum(&value)? }), &value);
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    }

    fn read(file: &Path) -> Result<(Self, bool)> {
        let text = storage::read_text(file, MAX_BYTES)?;
        Self::from_text(&text).with_context(|| format!("cannot read {}", file.display()))
    }

    fn config(&self) -> Result<RunConfig> {
        let config = RunConfig::from_toml(&self.settings);
        config.map_err(|reason| usage(printable(&format!("the race's settings cannot be read: {reason}"))))
    }

    async fn command(&self, arguments: &TrainArguments, engine: &mut Engine) -> Result<Command> {
        let mut config = self.config()?;
        let named = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        config.data.paths = named(&arguments.data);
        config.data.validation_files = named(&arguments.validation);
        arguments.device.iter().for_each(|device| device.clone_into(&mut config.device));
        use_project(engine, &arguments.project, true).await?;
        let launch = RunLaunch { stop_after: Some(self.steps), ..RunLaunch::default() };
        Ok(Command::Train { config: Box::new(config), launch })
    }

    /// Whether a replay must give the same bits.
    fn repeats(&self, replay: &Self) -> bool {
        self.device.repeats(&replay.device) && self.program == replay.program
    }

    /// The values that a replay does not confirm.
    fn differences(&self, replay: &Self) -> Vec<Difference> {
        let exact = self.repeats(replay);
        let mut found = Vec::new();
        let mut compare = |value: &str, file: Option<f64>, other: Option<f64>, tolerance: f64| {
            let close = match (file, other) {
                (Some(file), Some(other)) => (file - other).abs() <= tolerance * other.abs(),
                _ => file == other,
            };
            if !close {
                let text = |number: Option<f64>| number.map_or(NOTHING.to_owned(), |it| it.to_string());
                found.push(Difference { value: value.to_owned(), file: text(file), replay: text(other) });
            }
        };
        let count = |count: u64| Some(count as f64);
        compare("steps", count(self.steps), count(replay.steps), 0.0);
        compare("parameters", count(self.parameters), count(replay.parameters), 0.0);
        compare("held_out_bytes", count(self.held_out_bytes), count(replay.held_out_bytes), 0.0);
        let tolerance = if exact { 0.0 } else { TOLERANCE };
        compare("bits_per_byte", Some(self.bits_per_byte), Some(replay.bits_per_byte), tolerance);
        for end in 0..2 {
            let of = |race: &Self| race.interval.and_then(|ends| ends.get(end).copied());
            compare(&format!("interval[{end}]"), of(self), of(replay), tolerance);
        }
        for at in 0..self.evaluations.len().max(replay.evaluations.len()) {
            let (file, other) = (self.evaluations.get(at), replay.evaluations.get(at));
            let mut of = |what: &str, value: fn(&RaceEvaluation) -> f64, tolerance: f64| {
                compare(&format!("evaluations[{at}].{what}"), file.map(value), other.map(value), tolerance);
            };
            of("step", |own| own.step as f64, 0.0);
            of("train_loss", |own| own.train_loss, tolerance);
            of("val_loss", |own| own.val_loss, tolerance);
        }
        if exact {
            let of = |race: &Self| count(u64::from(race.weights_crc32c));
            compare("weights_crc32c", of(self), of(replay), 0.0);
        }
        found
    }
}

/// The hash of files and of all files in folders; `None` without paths.
fn hashed(paths: &[PathBuf]) -> Result<Option<TextHash>> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    for file in paths.iter().map(|path| files_in(path)).collect::<Result<Vec<_>>>()?.concat() {
        bytes += feed(&mut hasher, &file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok((!paths.is_empty()).then(|| TextHash { sha256: hexadecimal(hasher), bytes }))
}

/// Hashes a file; returns its length.
fn feed(hasher: &mut Sha256, file: &Path) -> std::io::Result<u64> {
    let (mut file, mut block, mut bytes) = (File::open(file)?, vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(bytes),
            length => {
                hasher.update(&block[..length]);
                bytes += length as u64;
            }
        }
    }
}

/// A file, or the files of a folder and its folders, in order.
fn files_in(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
    // A link to a folder may lead around in a circle.
    let is_followed = |path: &PathBuf| !(path.is_symlink() && path.is_dir());
    let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).filter(is_followed).collect();
    paths.sort();
    Ok(paths.iter().map(|path| files_in(path)).collect::<Result<Vec<_>>>()?.concat())
}

fn same_text(option: &str, file: Option<&TextHash>, given: Option<&TextHash>) -> Result<()> {
    let hash = |text: &TextHash| format!("{} ({} bytes)", printable(&text.sha256), whole(text.bytes));
    match (file, given) {
        (Some(file), Some(given)) if file == given => Ok(()),
        (Some(file), Some(given)) => {
            let [file, given] = [file, given].map(hash);
            misuse!(
                "the text of {option} has the SHA-256 {given}, but the race's has {file}; give the race's text"
            )
        }
        (Some(file), None) => misuse!("give the race's text with {option}; its SHA-256 is {}", hash(file)),
        (None, Some(_)) => misuse!("the race was run without {option}; leave it out"),
        (None, None) => Ok(()),
    }
}

fn verify(file: &Path, arguments: &TrainArguments) -> Result<ExitCode> {
    let TrainArguments { config, from, resume, minutes, stop_after, whole_split, .. } = arguments;
    let changes = *config != ConfigArguments::default() || from.is_some() || minutes.is_some();
    if changes || *resume || stop_after.is_some() || *whole_split {
        misuse!("--verify takes settings and steps from the file; leave out options that change them");
    }
    let (race, intact) = Race::read(file)?;
    if !intact {
        tell!("note: {} was edited after it was written (its checksum differs)", file.display());
    }
    let Some(replay) = raced(arguments, Some(&race))? else { return Ok(ExitCode::SUCCESS) };
    let (exact, differences) = (race.repeats(&replay), race.differences(&replay));
    let reproduced = intact && differences.is_empty();
    if arguments.json {
        let found = json!({
            "event": "race_verified", "reproduced": reproduced, "exact": exact, "intact": intact,
            "tolerance": if exact { 0.0 } else { TOLERANCE }, "differences": differences, "replay": replay,
        });
        say!("{found}")?;
    } else {
        let origin = |race: &Race| format!("{} with {}", race.device, race.program);
        let (ours, theirs, most) = (origin(&replay), origin(&race), percent(TOLERANCE));
        let how = match exact {
            true => "the same device and program, so every bit must be the same".to_owned(),
            false => format!("{ours} instead of {theirs}, so losses may differ by {most}"),
        };
        let steps = counted(replay.steps, "step");
        say!("\nreplayed {steps} in {}: {}", duration(replay.seconds), printable(&how))?;
        say!("bits per byte: {} in the file, {} in the replay", race.bits_per_byte, replay.bits_per_byte)?;
        let row = |own: &Difference| [&own.value, &own.file, &own.replay].map(|text| text.as_str().into());
        let table = Table::new("Differences", ["value", "file", "replay"], differences.iter().map(row));
        if !differences.is_empty() {
            report::print(&[Block::Table(table)])?;
        }
        let count = differences.len() as u64;
        match (intact, count) {
            (_, 1..) => say!("not reproduced: {} not confirmed", counted(count, "value"))?,
            (false, _) => say!("edited: the replay confirms the results, but the file was changed")?,
            (true, _) => say!("reproduced")?,
        }
    }
    Ok(ExitCode::from(u8::from(!reproduced)))
}

fn table(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let read = |file: &PathBuf| Ok((file.display().to_string(), Race::read(file)?));
    let mut races = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    races.sort_by(|(_, (one, _)), (_, (other, _))| one.bits_per_byte.total_cmp(&other.bits_per_byte));
    if json {
        let row = |(file, (race, intact)): &(String, (Race, bool))| json!({ "file": file, "intact": intact, "race": race });
        say!("{}", json!({ "event": "race_table", "races": races.iter().map(row).collect::<Vec<_>>() }))?;
    } else {
        report::print(&blocks(&races))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
pub struct RaceArguments {
    /// Replay the race of this file and compare: bit for bit on the same device and program, else within 1 %
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    pub verify: Option<PathBuf>,
    /// Compare race files, the best first
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub table: Vec<PathBuf>,
    /// Race file to write
    #[arg(long, value_name = "FILE", default_value = "race.json")]
    pub out: PathBuf,
    #[command(flatten)]
    pub run: TrainArguments,
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::blocks::Section;
    use glasshouse_engine::protocol::{DeviceKind, presets};

    fn race() -> Race {
        let evaluation = |step: u64, loss: f32| {
            let [train_loss, val_loss] = [loss, loss + 0.1].map(digits);
            RaceEvaluation { step, train_loss, val_loss }
        };
        Race {
            race: VERSION,
            bits_per_byte: 2.123_456_789_012,
            interval: Some([2.1, 2.2]),
            minutes: 5.0,
            seconds: 299.125,
            steps: 700,
            parameters: 800_000,
            held_out_bytes: 111_539,
            weights_crc32c: 0xdead_beef,
            evaluations: vec![evaluation(0, 4.174_387_5), evaluation(250, 2.001_234_3)],
            data: Some(TextHash { sha256: "ab".repeat(32), bytes: 1_115_394 }),
            validation: None,
            program: "glasshouse".to_owned(),
            device: DeviceDescription::plain(DeviceKind::Cpu, "a CPU"),
            settings: "preset = \"x\"".to_owned(),
        }
    }

    #[test]
    fn a_file_gives_back_every_digit_and_shows_edits() {
        let text = race().to_text().unwrap();
        assert_eq!(Race::from_text(&text).unwrap(), (race(), true));
        let (edited, intact) = Race::from_text(&text.replace("2.123456789012", "2.023456789012")).unwrap();
        assert!(!intact && edited.bits_per_byte < race().bits_per_byte);
        for (from, to, told) in
            [("\"race\": 1", "\"race\": 2", "update"), ("\"race\"", "\"rice\"", "no race file")]
        {
            let error = Race::from_text(&text.replace(from, to)).unwrap_err();
            assert!(format!("{error:#}").contains(told), "{error:#}");
        }
    }

    #[test]
    fn a_replay_must_be_equal_on_the_same_device_and_close_on_others() {
        let (file, mut replay) = (race(), race());
        assert_eq!(file.differences(&replay), []);
        (replay.seconds, replay.weights_crc32c) = (1.0, 7);
        replay.evaluations[1].val_loss *= 1.001;
        let names = |replay: &Race| -> Vec<String> {
            file.differences(replay).into_iter().map(|own| own.value).collect()
        };
        assert_eq!(names(&replay), ["evaluations[1].val_loss", "weights_crc32c"]);
        replay.device.name = "another CPU".to_owned();
        assert!(names(&replay).is_empty());
        replay.bits_per_byte *= 1.02;
        replay.evaluations.pop();
        replay.steps -= 1;
        let step = ["steps", "bits_per_byte", "evaluations[1].step"];
        assert_eq!(
            names(&replay),
            [&step[..], &["evaluations[1].train_loss", "evaluations[1].val_loss"]].concat()
        );
    }

    #[test]
    fn texts_are_hashed_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("texts")).unwrap();
        for (name, text) in [("texts/b", "c"), ("texts/a", "ab"), ("whole", "abc")] {
            std::fs::write(path(name), text).unwrap();
        }
        let [parts, whole] = ["texts", "whole"].map(|name| hashed(&[path(name)]).unwrap().unwrap());
        assert_eq!(parts, whole);
        assert_eq!(whole.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hashed(&[]).unwrap(), None);
        assert!(hashed(&[path("missing")]).is_err());
        assert!(
            same_text("--data", Some(&whole), None).is_err()
                && same_text("--data", None, Some(&whole)).is_err()
        );
        let other = TextHash { bytes: 4, sha256: "00".to_owned() };
        let error = same_text("--data", Some(&whole), Some(&other)).unwrap_err().to_string();
        assert!(error.contains(&whole.sha256) && error.contains("00 (4 bytes)"), "{error}");
    }

    #[test]
    fn races_of_other_texts_and_times_are_in_other_tables_and_the_best_is_first() {
        let with = |name: &str, bits_per_byte: f64, minutes: f64| {
            (name.to_owned(), (Race { bits_per_byte, minutes, ..race() }, name != "edited"))
        };
        let blocks = blocks(&[with("one", 1.9, 5.0), with("long", 2.0, 60.0), with("edited", 2.1, 5.0)]);
        let tables: Vec<Vec<String>> = blocks
            .iter()
            .map(|block| match block {
                Block::Section(Section { blocks, .. }) => match &blocks[..] {
                    [Block::Table(table)] => table.rows.iter().map(|row| row[0].text()).collect(),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(tables, [vec!["one".to_owned(), "edited (edited)".to_owned()], vec!["long".to_owned()]]);
    }

    #[test]
    fn races_with_other_held_out_splits_are_in_other_tables() {
        let with = |name: &str, validation: f64, seed: u64| {
            let mut config = presets::preset("first-stories-small").unwrap();
            (config.data.validation, config.seed) = (validation, seed);
            (name.to_owned(), (Race { settings: settings(config).unwrap(), ..race() }, true))
        };
        let tables = |races: &[(String, (Race, bool))]| blocks(races).len();
        assert_eq!(tables(&[with("one", 0.1, 1), with("other", 0.1, 2)]), 1);
        assert_eq!(tables(&[with("one", 0.1, 1), with("other", 0.01, 1)]), 2);
    }
}
