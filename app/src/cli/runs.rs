//! `glasshouse runs`: a project's runs as a table, and their titles, tags and notes.

use super::arguments::{RunsArguments, RunsCommand};
use anyhow::Result;
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::RunSummary;
use glasshouse_engine::protocol::quantity::count;

pub(super) fn runs(arguments: &RunsArguments) -> Result<()> {
    let project = Project::open(&arguments.project)?;
    match &arguments.command {
        None => {}
        Some(RunsCommand::Rename { run, title }) => project.run(run)?.set_title(title)?,
        Some(RunsCommand::Tag { run, tags }) => project.run(run)?.set_tags(tags)?,
        Some(RunsCommand::Command { run }) => {
            let line = project.run(run)?.config()?.command_line().map_err(anyhow::Error::msg)?;
            return Ok(say!("{line}")?);
        }
        Some(RunsCommand::Delete { runs }) => {
            // Change nothing unless all runs exist.
            let runs = runs.iter().map(|run| project.run(run)).collect::<Result<Vec<_>, _>>()?;
            for run in runs {
                run.delete()?;
                if !arguments.json {
                    let project = arguments.project.display();
                    say!(
                        "deleted {0}; `glasshouse runs --project {project} restore {0}` brings it back",
                        run.name()
                    )?;
                }
            }
        }
        Some(RunsCommand::Restore { runs }) => runs.iter().try_for_each(|run| project.restore_run(run))?,
    }
    list(&project.run_summaries()?, arguments.json)
}

fn list(runs: &[RunSummary], json: bool) -> Result<()> {
    if json {
        for run in runs {
            say!("{}", serde_json::to_string(run)?)?;
        }
        return Ok(());
    }
    if runs.is_empty() {
        say!("no runs yet; `glasshouse train` starts one")?;
        return Ok(());
    }
    let head =
        ["run", "state", "steps", "validation loss", "best", "parameters", "time", "from", "title", "tags"];
    let rows: Vec<[String; 10]> =
        std::iter::once(head.map(str::to_owned)).chain(runs.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say!("{}", cells.join("  ").trim_end())?;
    }
    for run in runs {
        if let Some(error) = &run.error {
            say!("{}: {error}", run.name)?;
        }
    }
    Ok(())
}

fn row(run: &RunSummary) -> [String; 10] {
    let loss = |loss: Option<f32>| loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}"));
    let seconds = run.seconds as u64;
    let time = match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    };
    [
        run.name.clone(),
        run.state_words().to_owned(),
        if run.steps > 0 { format!("{}/{}", run.step, run.steps) } else { "-".to_owned() },
        loss(run.val_loss),
        loss(run.best_val_loss),
        count(run.parameters),
        time,
        run.start.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        run.title.clone(),
        run.tags.join(", "),
    ]
}
