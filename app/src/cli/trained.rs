//! Finds a trained model: project, run, checkpoint, tokenizer.

use super::arguments::ModelArguments;
use anyhow::{Context as _, Result};
use glasshouse_engine::data::prepare;
use glasshouse_engine::graph::Parameter;
use glasshouse_engine::model::{Purpose, build};
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::protocol::RunConfig;
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_engine::train::checkpoint::{CheckpointInfo, Checkpoints, Content, Which, read_state};
use std::path::Path;

/// A model that can write.
pub(super) struct Trained {
    /// The run it comes from.
    pub(super) run: Run,
    /// The run's settings.
    pub(super) config: RunConfig,
    /// The run's tokenizer.
    pub(super) tokenizer: Tokenizer,
    /// Weights, as the arena lays them out.
    pub(super) parameters: Vec<f32>,
    /// Where the run stood.
    pub(super) info: CheckpointInfo,
}

/// The parameters of a run's model, in their order.
pub(super) fn parameters_of(config: &RunConfig) -> Result<Vec<Parameter>> {
    Ok(build(&config.model, Purpose::Window { time: 1 })?.graph.parameters)
}

/// The run that is named, or the project's latest.
pub(super) fn find_run(project: &Path, run: Option<&str>) -> Result<Run> {
    let project = Project::open(project)?;
    Ok(match run {
        Some(name) => project.run(name)?,
        None => project.latest_run()?,
    })
}

/// Loads what the arguments name.
pub(super) fn load(arguments: &ModelArguments) -> Result<Trained> {
    let run = find_run(&arguments.project, arguments.run.as_deref())?;
    let config = run.config()?;
    let parameters = parameters_of(&config)?;
    let (info, state) = match arguments.checkpoint.as_str() {
        "best" => from_list(&run, Which::Best, &parameters)?,
        "latest" => from_list(&run, Which::Latest, &parameters)?,
        file => read_state(Path::new(file), &parameters, Content::Weights)
            .context("--checkpoint takes best, latest, or a checkpoint's path")?,
    };
    let tokenizer = prepare::open_tokenizer(&run.data_folder()?)?;
    Ok(Trained { run, config, tokenizer, parameters: state.parameters, info })
}

fn from_list(
    run: &Run,
    which: Which,
    parameters: &[Parameter],
) -> Result<(CheckpointInfo, glasshouse_engine::executor::ArenaState)> {
    let loaded = Checkpoints::new(run.checkpoints_folder())
        .load(which, parameters, Content::Weights)?
        .with_context(|| format!("run {} has no checkpoint yet; train it first", run.name()))?;
    for notice in &loaded.notices {
        eprintln!("note: {notice}");
    }
    Ok((loaded.info, loaded.state))
}

/// The tokenizer of a project's latest run.
pub(super) fn tokenizer_of_project(project: &Path) -> Result<Tokenizer> {
    let run = find_run(project, None)?;
    Ok(prepare::open_tokenizer(&run.data_folder()?)?)
}
