//! Several sessions on one project at once: a window, a server that writes, and two trainers, while the runs are renamed every 50 ms. No
//! session fails, every run ends as it should, and what people wrote last is there.

use super::project::{
    RUN, Sample, command, config, failures, generate, opened, play, restore, text, train, used,
};
use super::{Campaign, survive};
use glasshouse_engine::project::Project;
use glasshouse_protocol::{Command, RunState};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Renames of a round.
const RENAMES: usize = 20;
/// Runs of each trainer in a round.
const RUNS: u64 = 2;

/// Renames and tags all runs again and again, and returns their last titles.
fn rename(project: &Project, trains: &AtomicBool) -> Vec<(String, String)> {
    let mut last = Vec::new();
    for number in 0.. {
        if number >= RENAMES && !trains.load(Ordering::SeqCst) {
            break;
        }
        last.clear();
        for run in project.runs().unwrap() {
            let title = format!("{} renamed {number} times", run.name());
            run.set_title(&title).unwrap();
            run.set_tags(std::slice::from_ref(&title)).unwrap();
            last.push((run.name(), title));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    last
}

fn round(folder: &Path, seed: u64, written: &Option<String>) -> Result<(), String> {
    let trains = AtomicBool::new(true);
    let project = Project::open(folder).unwrap();
    let said = |heard: &[_]| match failures(heard).first() {
        Some(reason) => Err(reason.clone()),
        None => Ok(()),
    };
    let trainer = |seed: u64| {
        for number in 0..RUNS {
            said(&play(vec![used(folder), train(config(seed + number), None)]))?;
        }
        Ok::<_, String>(())
    };
    let server = || {
        let mut times = 0;
        while trains.load(Ordering::SeqCst) || times == 0 {
            let heard = play(vec![used(folder), generate(), generate()]);
            said(&heard)?;
            if text(&heard).1 != *written {
                return Err(format!("the server writes {:?}", text(&heard)));
            }
            times += 1;
        }
        Ok::<_, String>(())
    };
    let window = || {
        let messages = json!([{"role": "user", "content": "Who sang?"}]);
        let mut commands = vec![opened(folder)];
        for number in 0..30 {
            let conversation =
                json!({"id": 1000 + number, "revision": 0, "changed": 1, "messages": messages});
            commands.extend([
                Command::ListRuns,
                command(json!({"command": "read_run", "run": null, "points": 20})),
                command(json!({"command": "keep_conversation", "conversation": conversation})),
            ]);
        }
        said(&play(commands))
    };
    let (ended, titles) = std::thread::scope(|scope| {
        let renames = scope.spawn(|| rename(&project, &trains));
        let others = [scope.spawn(|| server().map_err(|error| format!("server: {error}")))];
        let trainers: Vec<_> =
            [seed, seed + 100].map(|seed| scope.spawn(move || trainer(seed))).into_iter().collect();
        // On a thread of its own, because a panic here would leave the others waiting.
        let window = scope.spawn(|| window().map_err(|error| format!("window: {error}")));
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
            thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))
        };
        let mut ended = vec![join(window)];
        ended.extend(
            trainers.into_iter().map(|trainer| join(trainer).map_err(|error| format!("trainer: {error}"))),
        );
        trains.store(false, Ordering::SeqCst);
        ended.extend(others.map(join));
        (ended, renames.join())
    });
    ended.into_iter().collect::<Result<(), String>>()?;
    let titles = titles.map_err(|_| "renaming failed".to_owned())?;
    let summaries = project.run_summaries().map_err(|error| error.to_string())?;
    if summaries.len() != 1 + 2 * RUNS as usize {
        return Err(format!("{} runs", summaries.len()));
    }
    for run in &summaries {
        let expected = if run.name == RUN { RunState::Stopped } else { RunState::Finished };
        if run.state != expected {
            return Err(format!("{} is {:?}: {:?}", run.name, run.state, run.error));
        }
        if let Some((_, title)) = titles
            .iter()
            .find(|(name, title)| *name == run.name && (*title != run.title || run.tags != [title.clone()]))
        {
            return Err(format!("{} is called {:?}, not {title:?}", run.name, run.title));
        }
    }
    let (conversations, damaged) = project.conversations().map_err(|error| error.to_string())?;
    match (conversations.len(), damaged.len()) {
        (31, 0) => Ok(()),
        (count, _) => Err(format!("{count} conversations of 31, {damaged:?}")),
    }
}

fn rounds(count: u64) {
    let sample = Sample::new();
    let project = sample.project();
    let (_, written) = text(&play(vec![used(&project), generate()]));
    let mut campaign = Campaign::new("two", count);
    while let Some(draw) = campaign.next_trial() {
        restore(&project, &sample.files);
        let outcome = survive(|| round(&project, 1000 * draw.trial + 10, &written)).and_then(|done| done);
        campaign.judge(&draw, outcome);
    }
    campaign.end();
}

#[test]
fn two() {
    rounds(4);
}

#[test]
fn slow_two() {
    rounds(200);
}
