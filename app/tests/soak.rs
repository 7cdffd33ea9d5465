//! A window that watches a training for a long time. `tests/campaign/run --only soak` sets its length.

use crate::support::session::{LOOK, Session};
use glasshouse::app::AppOptions;
use glasshouse::pages::PageName;
use glasshouse_protocol::{Command, RunConfig, TrainingState, presets};
use std::time::{Duration, Instant};

/// Bytes by which memory may grow after the first quarter, beyond a tenth of what it holds.
const GROWTH: u64 = 16 << 20;

/// Processor time per step that the last quarter may take, as a multiple of the first quarter's.
const SLOWING: f64 = 1.5;

/// Processor time in seconds of this process without that of this thread, the window's.
fn training_time() -> f64 {
    let ticks = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap();
        let (_, rest) = text.rsplit_once(") ").unwrap();
        rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    (ticks("self") - ticks("thread-self")) as f64 / 100.0
}

/// Bytes of this process that are no file's.
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn config() -> RunConfig {
    let mut config = presets::preset("first-stories-small").unwrap();
    config.data.corpus_bytes = 200_000;
    config.model.layers = 1;
    let train = &mut config.train;
    (train.steps, train.batch_size) = (4_000_000, 2);
    (train.eval_interval, train.sample_interval, train.checkpoint_interval) = (50, 100, 200);
    config
}

/// Memory and the processor time of a step stay flat while a run trains, evaluates, samples and saves, and pages are turned. Memory, steps
/// and frames are printed each minute.
#[test]
fn slow_soak() {
    let seconds = std::env::var("GLASSHOUSE_CAMPAIGN_SECONDS").map_or(300, |text| text.parse().unwrap());
    let parts = (seconds / 60).max(4) as u32;
    let work = tempfile::tempdir().unwrap();
    let patience = Duration::from_secs(120);
    let mut session = Session::open(work.path(), work.path(), AppOptions::default(), LOOK, patience);
    session.send(Command::create("Soak"));
    session.until("the project", |state| state.projects.open.is_some());
    session.train(config());
    session.until("a step", |state| state.training.step() > 0);
    let pages = [PageName::Train, PageName::Runs, PageName::Train, PageName::Home];
    let (begun, mut before, mut settled) = (Instant::now(), session.state().training.step(), 0);
    let mut quarters = vec![(before, training_time())];
    for part in 1..=parts {
        session.window.state_mut().open(pages[part as usize % pages.len()]);
        let (mut frames, mut drawing, since) = (0, Duration::ZERO, Instant::now());
        while begun.elapsed() < Duration::from_secs(seconds) * part / parts {
            let frame = Instant::now();
            session.turn();
            drawing += frame.elapsed();
            frames += 1;
            std::thread::sleep(LOOK);
        }
        let training = &session.state().training;
        assert_eq!(training.state, TrainingState::Running, "{:?}", session.state().messages);
        let (step, bytes) = (training.step(), held());
        let rate = (step - before) as f64 / since.elapsed().as_secs_f64();
        println!(
            "soak: {:.1} min: {:.1} MB, step {step}, {rate:.1} steps/s, {:.1} ms per frame",
            begun.elapsed().as_secs_f64() / 60.0,
            bytes as f64 / 1e6,
            drawing.as_secs_f64() * 1e3 / f64::from(frames.max(1))
        );
        before = step;
        if part == parts / 4 {
            settled = bytes;
        }
        if part == parts / 4 || part == parts - parts / 4 || part == parts {
            quarters.push((step, training_time()));
        }
    }
    let bytes = held();
    assert!(bytes <= settled + settled / 10 + GROWTH, "memory grew from {settled} to {bytes} bytes");
    let per_step = |from: usize| {
        let [(first, began), (last, ended)] = [quarters[from], quarters[from + 1]];
        (ended - began) / (last - first) as f64
    };
    let times = [0, 2].map(per_step);
    println!(
        "soak: {:.2} and {:.2} ms of processor time per step in the first and last quarter",
        times[0] * 1e3,
        times[1] * 1e3
    );
    assert!(times[1] <= times[0] * SLOWING, "steps became slower: {times:?}");
}
