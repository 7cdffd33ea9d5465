//! A run's metrics, one JSON object per line, in the order of steps. `metrics.jsonl` has steps, evaluations, samples and
//! everything else determined by the settings and the text, so identical runs have identical files. `clock.jsonl`, in the same
//! folder, has what depends on the clock or the machine: speeds, checkpoints and the early sample. Readers get both merged.

use glasshouse_platform::files::{File, OpenOptions};
use glasshouse_platform::{Error, Result, storage};
use glasshouse_protocol::TrainEvent;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Number of last samples returned when a run is resumed.
const LAST_SAMPLES: usize = 4;

pub struct MetricsWriter {
    path: PathBuf,
    output: BufWriter<File>,
    timed: BufWriter<File>,
    /// The last recorded tokens per second.
    speed: Option<f64>,
}

/// A line of `clock.jsonl`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Timed {
    Event(TrainEvent),
    /// Valid from this step on.
    Speed {
        step: u64,
        tokens_per_s: f64,
    },
}

impl Timed {
    fn step(&self) -> Option<u64> {
        match self {
            Self::Event(event) => event.step(),
            Self::Speed { step, .. } => Some(*step),
        }
    }
}

/// State of the metrics at the step where a run is resumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resumed {
    /// Step, training loss and validation loss of the last evaluation up to that step.
    pub last_evaluation: Option<(u64, f32, f32)>,
    /// Step and validation loss of all evaluations up to that step.
    pub validations: Vec<(u64, f32)>,
    /// Whether there was a sample at exactly that step.
    pub sampled: bool,
    /// Steps and texts of the last samples up to that step, newest last.
    pub samples: Vec<(u64, String)>,
    /// First and last step of missing metrics before that step.
    pub gap: Option<(u64, u64)>,
    /// A message about damaged lines.
    pub notice: Option<String>,
}

impl MetricsWriter {
    /// Creates the file. Fails if the file exists: metrics are never overwritten.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(Error::io(path))?;
        let timed = timed_after(path, 0)?;
        storage::sync_folder_of(path);
        Ok(Self { path: path.to_owned(), output: BufWriter::new(file), timed, speed: None })
    }

    /// Opens the file to continue after `step`, or creates it. Later events and an unfinished last line are cut off. Damaged
    /// lines before are kept and reported.
    pub fn resume(path: &Path, step: u64) -> Result<(Self, Resumed)> {
        let bytes = storage::if_there(path, u64::MAX, storage::read_within)?.unwrap_or_default();
        let (mut kept, mut resumed) = (0, Resumed::default());
        let (mut at, mut known) = (0, 0);
        // Numbers of damaged lines: before the last kept event, and since then.
        let (mut damaged, mut waiting) = (Vec::new(), Vec::new());
        for (number, line) in (1_u64..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            at += line.len() as u64;
            if !line.ends_with(b"\n") {
                break;
            }
            let Some(event) = whole_event(line) else {
                waiting.push(number);
                continue;
            };
            if event.step().is_some_and(|at| at > step) {
                break;
            }
            kept = at;
            damaged.append(&mut waiting);
            match event {
                TrainEvent::Eval { step: at, train_loss, val_loss, .. } => {
                    resumed.last_evaluation = Some((at, train_loss, val_loss));
                    resumed.validations.push((at, val_loss));
                }
                TrainEvent::Sample { step: at, text } => {
                    resumed.sampled |= at == step;
                    resumed.samples.push((at, text));
                    let old = resumed.samples.len().saturating_sub(LAST_SAMPLES);
                    resumed.samples.drain(..old);
                }
                TrainEvent::Step { step: at, .. } | TrainEvent::Gap { to: at, .. } => known = at,
                _ => {}
            }
        }
        resumed.gap = (known < step).then_some((known + 1, step));
        resumed.notice = damaged.first().map(|first| {
            let path = path.display();
            match damaged.len() {
                1 => format!("{path}: line {first} is damaged and was skipped"),
                count => format!("{path}: {count} lines from line {first} on are damaged and were skipped"),
            }
        });
        let (output, timed) = (cut(path, kept)?, timed_after(path, step)?);
        Ok((Self { path: path.to_owned(), output, timed, speed: None }, resumed))
    }

    /// Appends an event; a step's speed and checkpoints go to `clock.jsonl`.
    pub fn write(&mut self, event: &TrainEvent) -> Result<()> {
        match event {
            TrainEvent::Checkpoint { .. } => self.write_timed(event),
            TrainEvent::Step { step, tokens_per_s, .. } => {
                if !tokens_per_s.is_nan() && self.speed != Some(*tokens_per_s) {
                    self.speed = Some(*tokens_per_s);
                    let speed = Timed::Speed { step: *step, tokens_per_s: *tokens_per_s };
                    put(&mut self.timed, &self.path, &speed)?;
                }
                let mut event = event.clone();
                if let TrainEvent::Step { tokens_per_s, .. } = &mut event {
                    *tokens_per_s = f64::NAN;
                }
                put(&mut self.output, &self.path, &event)
            }
            _ => put(&mut self.output, &self.path, event),
        }
    }

    pub fn write_timed(&mut self, event: &TrainEvent) -> Result<()> {
        put(&mut self.timed, &self.path, event)
    }

    /// Flushes buffers to the operating system, so that other programs see the events.
    pub fn flush(&mut self) -> Result<()> {
        [&mut self.output, &mut self.timed]
            .into_iter()
            .try_for_each(BufWriter::flush)
            .map_err(Error::io(&self.path))
    }

    /// Flushes and syncs both files to disk.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let files = [&self.output, &self.timed];
        files.into_iter().try_for_each(|file| file.get_ref().sync_all()).map_err(Error::io(&self.path))
    }
}

fn put(output: &mut BufWriter<File>, path: &Path, line: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(line).map_err(|error| Error::Internal(error.to_string()))?;
    writeln!(output, "{text}").map_err(Error::io(path))
}

/// The path of `clock.jsonl` in the same folder.
pub fn timed_path(metrics: &Path) -> PathBuf {
    metrics.with_file_name("clock.jsonl")
}

/// The valid lines of `clock.jsonl`; none if the file is missing.
fn timed(metrics: &Path) -> Result<Vec<Timed>> {
    let bytes = storage::if_there(&timed_path(metrics), u64::MAX, storage::read_within)?.unwrap_or_default();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line.strip_suffix(b"\n")?).ok()).collect())
}

/// The step of the last checkpoint that was completed. Milestones are none: training cannot go on from them.
pub fn last_checkpoint(metrics: &Path) -> Result<Option<u64>> {
    let step = |line: &Timed| match line {
        Timed::Event(TrainEvent::Checkpoint { step, path, .. }) => {
            let name = Path::new(path).file_name()?.to_str()?;
            name.starts_with("step-").then_some(*step)
        }
        _ => None,
    };
    Ok(timed(metrics)?.iter().rev().find_map(step))
}

/// Opens `clock.jsonl` to continue after a step; later lines and an unfinished last one are cut off, nothing is rewritten.
fn timed_after(metrics: &Path, step: u64) -> Result<BufWriter<File>> {
    let path = timed_path(metrics);
    let bytes = storage::if_there(&path, u64::MAX, storage::read_within)?.unwrap_or_default();
    let (mut at, mut kept) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len() as u64;
        match line.strip_suffix(b"\n").map(serde_json::from_slice::<Timed>) {
            Some(Ok(line)) if line.step().is_some_and(|own| own > step) => break,
            Some(Ok(_)) => kept = at,
            _ => {}
        }
    }
    cut(&path, kept)
}

/// Opens a file to continue after its first `kept` bytes, or creates it.
fn cut(path: &Path, kept: u64) -> Result<BufWriter<File>> {
    let mut file = storage::open_to_write(path)?;
    file.set_len(kept).map_err(Error::io(path))?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(Error::io(path))?;
    Ok(BufWriter::new(file))
}

/// Merges the events of both files in the order of steps.
fn together(events: Vec<TrainEvent>, timed: Vec<Timed>) -> Vec<TrainEvent> {
    let (mut speeds, mut others) = (Vec::new(), VecDeque::new());
    for line in timed {
        match line {
            Timed::Speed { step, tokens_per_s } => speeds.push((step, tokens_per_s)),
            Timed::Event(event) => others.push_back(event),
        }
    }
    let mut all = Vec::with_capacity(events.len() + others.len());
    for mut event in events {
        // A checkpoint comes before the sample of its step, and before an end or gap after it.
        let reached = match &event {
            TrainEvent::Sample { step, .. }
            | TrainEvent::Done { step, .. }
            | TrainEvent::Gap { to: step, .. } => Some(*step),
            event => event.step().and_then(|step| step.checked_sub(1)),
        };
        while others.front().is_some_and(|other| other.step() <= reached) {
            all.extend(others.pop_front());
        }
        if let TrainEvent::Step { step, tokens_per_s, .. } = &mut event
            && tokens_per_s.is_nan()
        {
            let upto = speeds.partition_point(|(from, _)| from <= step);
            let speed = upto.checked_sub(1).and_then(|at| speeds.get(at));
            *tokens_per_s = speed.map_or(f64::NAN, |(_, speed)| *speed);
        }
        all.push(event);
    }
    all.extend(others);
    all
}

fn whole_event(line: &[u8]) -> Option<TrainEvent> {
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

/// Reads a run's metrics. An unfinished last line is skipped. Fails if the file cannot be read, or another line is not an event.
pub fn read(path: &Path) -> Result<Vec<TrainEvent>> {
    let bytes = storage::read_within(path, u64::MAX)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    let event = |(line, number): (&[u8], u64)| {
        serde_json::from_slice(line).map_err(|error| Error::bad_file(path, format!("line {number}: {error}")))
    };
    Ok(together(lines.zip(1..).map(event).collect::<Result<_>>()?, timed(path)?))
}

/// Reads a run's metrics for a curve: at most `points` evenly spaced steps including the last, their preference metrics, and all
/// other events, in order. Damaged lines are skipped; a missing file is an empty history.
pub fn thinned(path: &Path, points: usize) -> Result<Vec<TrainEvent>> {
    let bytes = storage::if_there(path, u64::MAX, storage::read_within)?.unwrap_or_default();
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    // Parse only the kept steps; a long run consists mostly of steps.
    let is_step = |line: &&[u8]| line.starts_with(br#"{"event":"step""#);
    let count = lines().filter(is_step).count();
    // Step n of `count` is kept if n·points/count reaches a new integer, so the last one always is.
    let share = |number: usize| (number * points).checked_div(count).unwrap_or(0);
    let is_kept = |number: usize| points >= count || number > count || share(number) > share(number - 1);
    // Each step of a run with pairs is preceded by one such event.
    let is_of_pairs = |line: &&[u8]| line.starts_with(br#"{"event":"preference""#);
    let mut seen = 0;
    let kept = lines().filter(|line| {
        if is_of_pairs(line) {
            return is_kept(seen + 1);
        }
        if !is_step(line) {
            return true;
        }
        seen += 1;
        is_kept(seen)
    });
    Ok(together(kept.filter_map(whole_event).collect(), timed(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::PreferenceMetrics;

    fn step(step: u64, loss: f32) -> TrainEvent {
        TrainEvent::Step { step, loss, lr: 1e-3, grad_norm: 0.1, tokens_per_s: 5e3, skipped: false }
    }

    fn eval(step: u64) -> TrainEvent {
        TrainEvent::Eval { step, train_loss: 1.25, val_loss: 0.1, best: true, preference: None }
    }

    #[test]
    fn a_line_is_the_documented_object() {
        let text = serde_json::to_string(&step(1, 4.25)).unwrap();
        let wanted = r#"{"event":"step","step":1,"loss":4.25,"lr":0.001,"grad_norm":0.1,"tokens_per_s":5000.0,"skipped":false}"#;
        assert_eq!(text, wanted);
        let text = serde_json::to_string(&eval(250)).unwrap();
        assert_eq!(text, r#"{"event":"eval","step":250,"train_loss":1.25,"val_loss":0.1,"best":true}"#);
    }

    #[test]
    fn resuming_cuts_what_came_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        let sample = TrainEvent::Sample { step: 2, text: "line\nbreak".to_owned() };
        for event in [&eval(0), &step(1, 0.1), &step(2, f32::NAN), &sample, &step(3, 0.3)] {
            writer.write(event).unwrap();
        }
        writer.flush().unwrap();
        assert!(MetricsWriter::create(&path).is_err());
        let (mut writer, resumed) = MetricsWriter::resume(&path, 2).unwrap();
        let samples = vec![(2, "line\nbreak".to_owned())];
        let wanted = Resumed {
            last_evaluation: Some((0, 1.25, 0.1)),
            validations: vec![(0, 0.1)],
            sampled: true,
            samples,
            ..Resumed::default()
        };
        assert_eq!(resumed, wanted);
        writer.write(&eval(2)).unwrap();
        writer.flush().unwrap();
        let events = read(&path).unwrap();
        assert_eq!(events.len(), 5);
        assert!(matches!(events[2], TrainEvent::Step { loss, .. } if loss.is_nan()));
        assert_eq!((&events[3], &events[4]), (&sample, &eval(2)));
        assert_eq!(MetricsWriter::resume(&path, 2).unwrap().1.last_evaluation, Some((2, 1.25, 0.1)));
    }

    #[test]
    fn equal_runs_have_equal_metrics_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let told = |name: &str, speed: f64, saves: &[u64]| {
            let path = folder.path().join(name).join("metrics.jsonl");
            std::fs::create_dir(folder.path().join(name)).unwrap();
            let mut writer = MetricsWriter::create(&path).unwrap();
            let early = TrainEvent::Sample { step: saves[0], text: "early".to_owned() };
            for at in 1..=6 {
                let tokens_per_s = if at > 3 { 2.0 * speed } else { speed };
                writer
                    .write(&TrainEvent::Step {
                        step: at,
                        loss: 0.5,
                        lr: 1e-3,
                        grad_norm: 0.1,
                        tokens_per_s,
                        skipped: false,
                    })
                    .unwrap();
                if saves.contains(&at) {
                    let path = path.display().to_string();
                    writer.write(&TrainEvent::Checkpoint { step: at, path, best: false }).unwrap();
                }
                if at == saves[0] {
                    writer.write_timed(&early).unwrap();
                }
            }
            writer.write(&eval(6)).unwrap();
            writer.sync().unwrap();
            path
        };
        let (one, other) = (told("one", 100.0, &[2, 6]), told("other", 333.25, &[5]));
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
        let speeds = |path: &Path| -> Vec<f64> {
            let events = read(path).unwrap();
            let speed = |event: &TrainEvent| match event {
                TrainEvent::Step { tokens_per_s, .. } => Some(*tokens_per_s),
                _ => None,
            };
            events.iter().filter_map(speed).collect()
        };
        assert_eq!(speeds(&other), [333.25, 333.25, 333.25, 666.5, 666.5, 666.5]);
        let order = |events: Vec<TrainEvent>| -> String {
            let letter = |event: &TrainEvent| match event {
                TrainEvent::Step { .. } => 's',
                TrainEvent::Checkpoint { .. } => 'c',
                TrainEvent::Sample { .. } => 't',
                _ => 'e',
            };
            events.iter().map(letter).collect()
        };
        assert_eq!(order(read(&one).unwrap()), "ssctssssec");
        assert_eq!(order(thinned(&one, 2).unwrap()), "ctssec");
        // Events after the resumed step are cut from both files.
        drop(MetricsWriter::resume(&one, 2).unwrap());
        assert_eq!(order(read(&one).unwrap()), "ssct");
        let (mut writer, _) = MetricsWriter::resume(&one, 1).unwrap();
        writer.write(&step(2, 0.5)).unwrap();
        writer.sync().unwrap();
        assert_eq!((order(read(&one).unwrap()).as_str(), speeds(&one)), ("ss", vec![100.0, 5e3]));
        // What is kept is not written anew, so that a crash cannot lose it.
        let clock = timed_path(&other);
        let before = std::fs::read_to_string(&clock).unwrap();
        let line = before.find('\n').unwrap() + 1;
        let damaged = format!("{}?\n{}", &before[..line], &before[line..]);
        std::fs::write(&clock, format!("{damaged}{{\"unfini")).unwrap();
        drop(MetricsWriter::resume(&other, 6).unwrap());
        assert_eq!(std::fs::read_to_string(&clock).unwrap(), damaged);
    }

    #[test]
    fn a_milestone_is_no_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let saved =
            |step: u64, name: &str| TrainEvent::Checkpoint { step, path: format!("a/{name}"), best: false };
        let mut writer = MetricsWriter::create(&path).unwrap();
        for (event, last) in [
            (saved(3, "milestone-00000003.safetensors"), None),
            (saved(5, "step-00000005-000001.safetensors"), Some(5)),
            (saved(8, "milestone-00000008.safetensors"), Some(5)),
        ] {
            writer.write(&event).unwrap();
            writer.flush().unwrap();
            assert_eq!(last_checkpoint(&path).unwrap(), last);
        }
    }

    #[test]
    fn a_damaged_line_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        let notice = TrainEvent::Notice { text: "no sample at step 2: why".to_owned() };
        for event in [&step(1, 0.1), &step(2, 0.2), &notice, &eval(3), &step(4, 0.4), &step(5, 0.5)] {
            writer.write(event).unwrap();
        }
        drop(writer);
        let good = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = good.lines().collect();
        (lines[1], lines[4]) = ("{\"event\":", "\u{0}");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let (_, resumed) = MetricsWriter::resume(&path, 4).unwrap();
        assert_eq!(resumed.last_evaluation, Some((3, 1.25, 0.1)));
        let said = resumed.notice.unwrap();
        assert!(said.ends_with("line 2 is damaged and was skipped"), "{said}");
        // Lines after the last kept event are cut, damaged or not.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines[..4].join("\n") + "\n");
        let (_, resumed) = MetricsWriter::resume(&path, 0).unwrap();
        assert_eq!(resumed, Resumed::default());
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn a_curve_is_thinned_evenly_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        assert_eq!(thinned(&path, 5).unwrap(), []);
        let mut writer = MetricsWriter::create(&path).unwrap();
        for number in 1..=20 {
            writer.write(&step(number, 0.5)).unwrap();
            if number == 10 {
                writer.write(&eval(10)).unwrap();
            }
        }
        drop(writer);
        let steps = |points: usize| -> Vec<u64> {
            thinned(&path, points).unwrap().iter().filter_map(TrainEvent::step).collect()
        };
        assert_eq!(steps(5), [4, 8, 10, 12, 16, 20]);
        assert_eq!(steps(1), [10, 20]);
        assert_eq!(steps(0), [10]);
        assert_eq!(steps(20).len(), 21);
        assert_eq!(steps(19).len(), 20);
        let damaged = std::fs::read_to_string(&path).unwrap().replacen("\"step\":4,", "\"step\":,", 1);
        std::fs::write(&path, damaged + "{\"event\":\"st").unwrap();
        assert_eq!(steps(20).len(), 20);
    }

    #[test]
    fn what_pairs_came_to_is_thinned_with_its_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        for number in 1..=20 {
            let metrics = PreferenceMetrics::default();
            writer.write(&TrainEvent::Preference { step: number, metrics }).unwrap();
            writer.write(&step(number, 0.5)).unwrap();
        }
        drop(writer);
        let steps = |points: usize| -> Vec<u64> {
            thinned(&path, points).unwrap().iter().filter_map(TrainEvent::step).collect()
        };
        assert_eq!(steps(2), [10, 10, 20, 20]);
        assert_eq!((steps(0).len(), steps(20).len()), (0, 40));
    }

    #[test]
    fn lost_steps_are_found_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        for number in 1..=3 {
            writer.write(&step(number, 0.5)).unwrap();
        }
        writer.sync().unwrap();
        assert_eq!(MetricsWriter::resume(&path, 3).unwrap().1.gap, None);
        let (mut writer, resumed) = MetricsWriter::resume(&path, 7).unwrap();
        assert_eq!(resumed.gap, Some((4, 7)));
        writer.write(&TrainEvent::Gap { from: 4, to: 7 }).unwrap();
        writer.write(&step(8, 0.5)).unwrap();
        writer.sync().unwrap();
        assert_eq!(MetricsWriter::resume(&path, 8).unwrap().1.gap, None);
        assert_eq!(thinned(&path, 2).unwrap().len(), 3, "a gap is not thinned away");
        // Resumed before the end of the gap, there is a shorter one.
        assert_eq!(MetricsWriter::resume(&path, 5).unwrap().1.gap, Some((4, 5)));
    }

    #[test]
    fn an_unfinished_line_is_passed_over_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let (mut writer, resumed) = MetricsWriter::resume(&path, 0).unwrap();
        assert_eq!(resumed, Resumed::default());
        writer.write(&step(1, 0.1)).unwrap();
        drop(writer);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_within(..20);
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap(), [step(1, 0.1)]);
        let (mut writer, _) = MetricsWriter::resume(&path, 9).unwrap();
        writer.write(&step(2, 0.2)).unwrap();
        drop(writer);
        assert_eq!(read(&path).unwrap(), [step(1, 0.1), step(2, 0.2)]);
    }
}
