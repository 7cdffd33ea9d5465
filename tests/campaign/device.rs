//! A GPU that is lost between random events of a training, once or several times: the run continues by itself, and its losses are those
//! of an undisturbed run, to the bit.

#[path = "../tests/runs/mod.rs"]
#[allow(dead_code, reason = "shared with the integration tests")]
mod runs;

use super::{Campaign, survive};
use glasshouse_engine::data::Prepared;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::project::{Project, metrics};
use glasshouse_engine::setup::{DeviceOptions, PreparedRun};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::training::{Options, Progress, TrainEvent};
use glasshouse_engine::{Error, block_on};
use glasshouse_protocol::{RunConfig, TrainConfig};
use glasshouse_tests::{adapter, blocking};
use std::sync::Arc;

fn config() -> RunConfig {
    let train = TrainConfig { steps: 24, sample_interval: 0, checkpoint_interval: 6, ..runs::config().train };
    RunConfig { train, ..runs::config() }
}

/// Trains a new run, and loses the device after each of these numbers of events; returns what was recorded.
fn train(
    project: &Project,
    tokenizer: &Tokenizer,
    mut losses: Vec<usize>,
) -> Result<Vec<TrainEvent>, String> {
    let prepared = Arc::new(Prepared {
        tokenizer: tokenizer.clone(),
        store: runs::store(),
        folder: project.folder().join("data"),
        problems: Vec::new(),
    });
    let options = DeviceOptions { request: adapter(), moved: false, threads: None, tuning: Tuning::Default };
    let said = |error: Error| error.to_string();
    let mut opened = block_on(PreparedRun::open(&config(), &prepared, None, options)).map_err(said)?;
    let run = opened.run_of(project).map_err(said)?;
    loop {
        let mut trainer = block_on(opened.trainer(Options::default())).map_err(said)?;
        let mut events = 0;
        let error = loop {
            if losses.last() == Some(&events) {
                losses.pop();
                trainer.executor().gpu().ok_or("it does not train on the GPU")?.lose();
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

#[test]
fn gpu_losses() {
    let (_folder, project) = runs::project();
    let tokenizer = blocking::train_tokenizer(&config().tokenizer, ["once"]).unwrap();
    let whole = train(&project, &tokenizer, Vec::new()).unwrap();
    let mut campaign = Campaign::new("device", 2);
    while let Some(mut draw) = campaign.next_trial() {
        let losses = (0..1 + draw.below(3)).map(|_| draw.below(30)).collect();
        let outcome = survive(|| train(&project, &tokenizer, losses)).and_then(|done| {
            let found = done?;
            if bits(&found) == bits(&whole) {
                Ok(())
            } else {
                Err(format!("other losses: {:?}", bits(&found)))
            }
        });
        campaign.judge(&draw, outcome);
    }
    campaign.end();
}
