//! A GPU that is lost between random events of a training or at any moment, once or several times: the run continues by itself. A GPU that refuses a buffer:
//! the run ends with an error, and continues from its last checkpoint. Losses are those of an undisturbed run, to the bit.

#[path = "../tests/runs/mod.rs"]
#[allow(dead_code, reason = "shared with the integration tests")]
mod runs;

use super::{Campaign, survive};
use glasshouse_engine::checkpoint::Checkpoints;
use glasshouse_engine::data::Prepared;
use glasshouse_engine::gpu::{BufferFault, Tuning};
use glasshouse_engine::project::{Project, Run, metrics};
use glasshouse_engine::setup::{DeviceOptions, PreparedRun};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::training::{Options, Progress, TrainEvent};
use glasshouse_engine::{Error, Result, block_on};
use glasshouse_protocol::{RunConfig, TrainConfig};
use glasshouse_tests::{adapter, blocking};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn config() -> RunConfig {
    let train = TrainConfig { steps: 24, sample_interval: 0, checkpoint_interval: 6, ..runs::config().train };
    RunConfig { train, ..runs::config() }
}

fn open(project: &Project, tokenizer: &Tokenizer, run: Option<Run>) -> Result<PreparedRun> {
    let prepared = Arc::new(Prepared {
        tokenizer: tokenizer.clone(),
        store: runs::store(),
        folder: project.folder().join("data"),
        problems: Vec::new(),
    });
    let options = DeviceOptions { request: adapter(), moved: false, threads: None, tuning: Tuning::Default };
    block_on(PreparedRun::open(&config(), &prepared, run, options))
}

/// When a device is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// After this number of events of a session.
    After(usize),
    /// This long after a session's start, by another thread: between submissions, or while results are read.
    At(Duration),
}

/// Trains a new run, and loses the device at each of these moments; returns what was recorded.
fn train(project: &Project, tokenizer: &Tokenizer, mut losses: Vec<Loss>) -> Result<Vec<TrainEvent>, String> {
    let said = |error: Error| error.to_string();
    let mut opened = open(project, tokenizer, None).map_err(said)?;
    let run = opened.run_of(project).map_err(said)?;
    loop {
        let mut trainer = block_on(opened.trainer(Options::default())).map_err(said)?;
        let gpu = trainer.executor().gpu().ok_or("it does not train on the GPU")?.clone();
        let mut after = match losses.pop() {
            Some(Loss::After(events)) => Some(events),
            Some(Loss::At(moment)) => {
                let gpu = gpu.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(moment);
                    gpu.lose();
                });
                None
            }
            None => None,
        };
        let mut events = 0;
        let error = loop {
            if after.take_if(|after| *after == events).is_some() {
                gpu.lose();
            }
            match block_on(trainer.next()) {
                Ok(Progress::Over) => return metrics::read(&run.metrics_path()).map_err(said),
                Ok(_) => events += 1,
                Err(error) => break error,
            }
        };
        drop(trainer);
        block_on(opened.reopen(error)).map_err(|error| format!("it ended with: {error}"))?;
    }
}

/// The bits of losses by step.
fn bits(events: &[TrainEvent]) -> Vec<(u64, u32)> {
    let loss = |event: &TrainEvent| match event {
        TrainEvent::Step { step, loss, .. } | TrainEvent::Eval { step, val_loss: loss, .. } => {
            Some((*step, loss.to_bits()))
        }
        _ => None,
    };
    events.iter().filter_map(loss).collect()
}

fn check(found: &[TrainEvent], whole: &[TrainEvent]) -> Result<(), String> {
    if bits(found) == bits(whole) { Ok(()) } else { Err(format!("other losses: {:?}", bits(found))) }
}

#[test]
fn gpu_losses() {
    let (_folder, project) = runs::project();
    let tokenizer = blocking::train_tokenizer(&config().tokenizer, ["once"]).unwrap();
    let began = Instant::now();
    let whole = train(&project, &tokenizer, Vec::new()).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let mut campaign = Campaign::new("device", 2);
    while let Some(mut draw) = campaign.next_trial() {
        let losses: Vec<Loss> = (0..1 + draw.below(3))
            .map(|_| match draw.trial % 2 {
                0 => Loss::After(draw.below(30)),
                _ => Loss::At(Duration::from_secs_f64(seconds * draw.below(1000) as f64 / 1000.0)),
            })
            .collect();
        let outcome =
            survive(|| train(&project, &tokenizer, losses.clone())).and_then(|found| check(&found?, &whole));
        campaign.judge(&draw, outcome.map_err(|reason| format!("{losses:?}: {reason}")));
    }
    campaign.end();
}

/// Trains a new run, or continues one, and returns the first step.
fn session(project: &Project, tokenizer: &Tokenizer, run: &mut Option<Run>) -> Result<Option<u64>> {
    let mut opened = open(project, tokenizer, run.clone())?;
    *run = Some(opened.run_of(project)?);
    let mut trainer = block_on(opened.trainer(Options::default()))?;
    let mut first = None;
    loop {
        match block_on(trainer.next())? {
            Progress::Over => return Ok(first),
            Progress::Event(TrainEvent::Step { step, .. }) => first = first.or(Some(step)),
            _ => {}
        }
    }
}

fn refused(
    project: &Project,
    tokenizer: &Tokenizer,
    fault: (u64, BufferFault),
) -> Result<Vec<TrainEvent>, String> {
    let mut run = None;
    BufferFault::inject(Some(fault));
    let ended = survive(|| session(project, tokenizer, &mut run));
    if BufferFault::inject(None).is_some() {
        return Err("there was no such buffer".to_owned());
    }
    match ended? {
        Ok(_) => {}
        Err(Error::OutOfMemory { .. } | Error::Device(_)) => {}
        Err(error) => return Err(format!("the session ended with another error: {error}")),
    }
    let saved = run.as_ref().and_then(|run| {
        let saved = Checkpoints::new(run.checkpoints_folder()).list();
        saved.iter().map(|checkpoint| checkpoint.step).max()
    });
    let first = session(project, tokenizer, &mut run).map_err(|error| format!("not resumed: {error}"))?;
    if first.is_some_and(|first| Some(first) <= saved) {
        return Err(format!("it continues with step {first:?} after a checkpoint of step {saved:?}"));
    }
    let run = run.ok_or("there is no run")?;
    metrics::read(&run.metrics_path()).map_err(|error| error.to_string())
}

#[test]
fn gpu_buffers() {
    const FAULTS: [BufferFault; 3] = [BufferFault::OutOfMemory, BufferFault::Refused, BufferFault::Uncaught];
    let (_folder, project) = runs::project();
    let tokenizer = blocking::train_tokenizer(&config().tokenizer, ["once"]).unwrap();
    let mut run = None;
    BufferFault::inject(Some((u64::MAX, FAULTS[0])));
    session(&project, &tokenizer, &mut run).unwrap();
    let buffers = u64::MAX - BufferFault::inject(None).unwrap().0;
    println!("device: {buffers} buffers of a training");
    let whole = metrics::read(&run.unwrap().metrics_path()).unwrap();
    let trials = 3 * buffers;
    let mut campaign = Campaign::new("buffers", 4);
    while let Some(draw) = campaign.next_trial() {
        // Each buffer and each fault in turn, far apart.
        let number = draw.trial * 7919 % trials;
        let fault = (number / 3, FAULTS[number as usize % 3]);
        let outcome = refused(&project, &tokenizer, fault).and_then(|found| check(&found, &whole));
        campaign.judge(&draw, outcome.map_err(|reason| format!("{fault:?}: {reason}")));
    }
    campaign.end();
}
