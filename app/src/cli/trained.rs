//! Finds a trained model: project, run, checkpoint, tokenizer.

use super::arguments::ModelArguments;
use anyhow::Result;
use glasshouse_engine::data::prepare;
use glasshouse_engine::project::{Project, Run, Trained};
use glasshouse_engine::tokenizer::Tokenizer;
use std::path::Path;

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
    let trained = Trained::load(run, &arguments.checkpoint)?;
    for notice in &trained.notices {
        tell!("note: {notice}");
    }
    Ok(trained)
}

/// The tokenizer of a project's latest run.
pub(super) fn tokenizer_of_project(project: &Path) -> Result<Tokenizer> {
    let run = find_run(project, None)?;
    Ok(prepare::open_tokenizer(&run.data_folder()?)?)
}
