//! Shared helpers of the training tests: a tiny model, a text that it can learn, and training sessions.

use glasshouse_engine::data::{Batches, TokenStore, Windows};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::graph::random;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::training::{Options, Progress, TrainEvent, Trainer};
use glasshouse_engine::{Result, model};
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{ModelConfig, RunConfig, TrainConfig, presets};

pub const VOCABULARY: usize = 23;

/// Sixty steps of a model with dropout: two micro-batches per step, an evaluation every 20 steps, a checkpoint every 15.
pub fn config() -> RunConfig {
    let preset = presets::preset("nanogpt-cpu").expect("a preset");
    RunConfig {
        model: ModelConfig {
            vocabulary: VOCABULARY,
            context_length: 16,
            layers: 2,
            width: 16,
            heads: 2,
            kv_heads: 2,
            head_size: 8,
            mlp: glasshouse_protocol::model::Mlp { hidden: 32, ..preset.model.mlp },
            dropout: Dropout::everywhere(0.1),
            ..preset.model
        },
        train: TrainConfig {
            steps: 60,
            batch_size: 4,
            accumulate: 2,
            learning_rate: 1e-2,
            warmup_steps: 5,
            eval_interval: 20,
            eval_batches: 3,
            checkpoint_interval: 15,
            sample_interval: 25,
            sample_prompt: "once".to_owned(),
            sample_tokens: 7,
            ..preset.train
        },
        ..preset
    }
}

/// Tokens that follow from the previous one, except every fifth.
pub fn store() -> TokenStore {
    store_of(4000, 700)
}

/// Such a store with the given numbers of training and validation tokens.
pub fn store_of(train: u64, validation: u64) -> TokenStore {
    let tokens = |stream: u64, count: u64| {
        let mut last = 0;
        (0..count)
            .map(|at| {
                let draw = random::nth(3, stream, at);
                last = if draw.is_multiple_of(5) { (draw >> 32) as u32 } else { last * 7 + 3 }
                    % VOCABULARY as u32;
                last
            })
            .collect()
    };
    TokenStore::in_memory(tokens(0, train), tokens(1, validation))
}

/// A project in a temporary folder, which is deleted when the guard is dropped.
pub fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    let project = Project::open_or_create(&folder.path().join("project")).expect("a project");
    (folder, project)
}

pub fn create(project: &Project, config: &RunConfig) -> Run {
    project.create_run(config, &project.folder().join("data")).expect("a run")
}

/// Opens a trainer and passes it to `body`.
pub fn with_trainer<R>(
    run: &Run,
    store: &TokenStore,
    device: &str,
    options: Options,
    body: impl FnOnce(&mut Trainer<'_>) -> R,
) -> Result<R> {
    pollster::block_on(async {
        let config = run.config()?;
        let graphs = model::training_graphs(&config.model, &config.train)?;
        let TrainConfig { batch_size, accumulate, .. } = config.train;
        let windows = Windows::new(store, config.seed, batch_size, config.model.context_length)?;
        let batches = Batches::Windows(windows.accumulating(accumulate));
        // As in every front end, a resumed run keeps its kernels.
        let tuning = run.record()?.device.map_or(Tuning::Default, Tuning::Pinned);
        let optimizer = Optimizer::new(&config.train);
        let executor = Executor::open_tuned(device, &graphs, optimizer, Some(2), &tuning).await?.executor;
        let resumes = run.metrics_path().exists();
        let mut trainer =
            Trainer::begin(run.clone(), &graphs, batches, executor, options, resumes, None).await?;
        Ok(body(&mut trainer))
    })
}

/// Trains until the session ends or `enough` returns true. The latter simulates a crash: nothing is saved.
pub fn session_until(
    run: &Run,
    store: &TokenStore,
    device: &str,
    options: Options,
    enough: impl FnMut(&TrainEvent) -> bool,
) -> Result<Vec<TrainEvent>> {
    with_trainer(run, store, device, options, |trainer| events_until(trainer, enough))?
}

/// A trainer's events until the session ends or `enough` returns true.
pub fn events_until(
    trainer: &mut Trainer<'_>,
    mut enough: impl FnMut(&TrainEvent) -> bool,
) -> Result<Vec<TrainEvent>> {
    let mut events = Vec::new();
    loop {
        match pollster::block_on(trainer.next())? {
            Progress::Event(event) => {
                let over = enough(&event);
                events.push(event);
                if over {
                    return Ok(events);
                }
            }
            Progress::SampleDue(request) => {
                let text = format!("{} and {} tokens", request.prompt, request.tokens);
                events.push(trainer.sample_written(text)?);
            }
            Progress::Working => {}
            Progress::Over => return Ok(events),
        }
    }
}

/// Trains until the session ends.
pub fn session(run: &Run, store: &TokenStore, device: &str, options: Options) -> Result<Vec<TrainEvent>> {
    session_until(run, store, device, options, |_| false)
}

/// The events without fields that may differ between equal runs: speeds and paths. The learning rate, the only double, is
/// rounded because JSON parsing is slightly less exact than writing.
pub fn numbers(events: &[TrainEvent]) -> Vec<TrainEvent> {
    events
        .iter()
        .filter(|event| !matches!(event, TrainEvent::Notice { .. } | TrainEvent::Done { .. }))
        .cloned()
        .map(|mut event| {
            match &mut event {
                TrainEvent::Step { lr, tokens_per_s, .. } => {
                    *lr = f64::from(*lr as f32);
                    *tokens_per_s = 0.0;
                }
                TrainEvent::Checkpoint { path, .. } => path.clear(),
                _ => {}
            }
            event
        })
        .collect()
}

pub fn notices(events: &[TrainEvent]) -> Vec<&str> {
    found!(events.iter(), TrainEvent::Notice { text } => text.as_str()).collect()
}

/// Bytes of the checkpoint named by the last checkpoint event.
pub fn last_checkpoint(events: &[TrainEvent]) -> Vec<u8> {
    let path = found!(events.iter(), TrainEvent::Checkpoint { path, .. } => path).next_back();
    std::fs::read(path.expect("a checkpoint")).expect("its file")
}

/// Steps of the events that `wanted` selects.
pub fn steps_of(events: &[TrainEvent], wanted: fn(&TrainEvent) -> bool) -> Vec<u64> {
    events.iter().filter(|event| wanted(event)).filter_map(TrainEvent::step).collect()
}
