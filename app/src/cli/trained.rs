//! Finds a trained model: project, run, checkpoint, tokenizer.

use super::prelude::*;
use crate::format;
use glasshouse_engine::project::Run;

pub(super) fn find_run(project: &Path, run: Option<&str>) -> Result<Run> {
    Ok(Project::open(project)?.run_or_latest(run)?)
}

pub(super) async fn use_project(engine: &mut Engine, project: &Path, make: bool) -> Result<()> {
    engine.ask(Command::UseProject { folder: project.to_owned(), make }, |_| Ok(())).await
}

/// Opens a project in the engine, and returns name and settings of the named run, or of the latest.
pub(super) async fn settings_of(engine: &mut Engine, of: &RunArguments) -> Result<(String, RunConfig)> {
    use_project(engine, &of.project, false).await?;
    let command = Command::ReadRun { run: of.run.clone(), points: 0 };
    let answer::History { run, config, .. } = engine.ask_for(command).await?;
    Ok((run, *config))
}

/// Opens the project of the arguments in the engine, and returns the source of their model.
pub(super) async fn source(engine: &mut Engine, arguments: &ModelArguments) -> Result<WeightSource> {
    let (run, _) = settings_of(engine, &arguments.of).await?;
    Ok(WeightSource::Checkpoint { run, checkpoint: arguments.checkpoint.clone() })
}

pub(super) async fn open(
    engine: &mut Engine,
    arguments: &ModelArguments,
    weights: Option<WeightFormat>,
) -> Result<(WeightSource, answer::ModelOpened)> {
    let source = source(engine, arguments).await?;
    let command = Command::OpenModel { source: source.clone(), weights };
    Ok((source, engine.ask_for(command).await?))
}

pub(super) fn note(event: &Event) {
    match event {
        Event::Notice { problems, .. } if !problems.is_empty() => super::data::print_problems(problems),
        Event::Notice { text, hints, .. } => report!("note: {text}{}", hints::words(hints)),
        Event::CharactersLost { characters } => {
            for character in characters.chars() {
                report!("note: {character:?} is not in the model's vocabulary and is left out");
            }
        }
        _ => {}
    }
}

pub(super) fn print_moderated(moderated: &Moderated) {
    if !moderated.is_empty() {
        report!("moderation found: {}", format::moderated(moderated));
    }
}
