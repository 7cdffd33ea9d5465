//! `glasshouse runs`: a project's runs as a table, and their titles, tags and notes.

use super::prelude::*;
use super::report::aligned;

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
                        "deleted {0}; `glasshouse runs --project {project} restore {0}` restores it",
                        run.name()
                    )?;
                }
            }
        }
        Some(RunsCommand::Restore { runs }) => runs.iter().try_for_each(|run| project.restore_run(run))?,
    }
    if let Err(error) = EnergySettings::from_variables(|name| std::env::var(name).ok()) {
        report!("note: {error}; energy, cost and emissions are not shown");
    }
    list(&project.run_summaries()?, arguments.json)
}

fn list(runs: &[RunSummary], json: bool) -> Result<()> {
    if json {
        return runs.iter().try_for_each(say_json);
    }
    if runs.is_empty() {
        return Ok(say!("no runs yet; `glasshouse train` starts one")?);
    }
    let head =
        ["run", "state", "steps", "validation loss", "best", "parameters", "time", "from", "title", "tags"];
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).into()).chain(runs.iter().map(row)).collect();
    say!("{}", aligned(&rows, &[]))?;
    for run in runs {
        if let Some(error) = &run.error {
            say!("{}: {error}", run.name)?;
        }
    }
    Ok(())
}

fn row(run: &RunSummary) -> Vec<String> {
    let loss = |loss: Option<f32>| loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}"));
    vec![
        run.name.clone(),
        run.state_words().to_owned(),
        if run.steps > 0 { format!("{}/{}", run.step, run.steps) } else { "-".to_owned() },
        loss(run.val_loss),
        loss(run.best_val_loss),
        count(run.parameters),
        duration(run.seconds),
        run.start.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        run.title.clone(),
        run.tags.join(", "),
    ]
}

#[derive(Args, Debug)]
pub struct RunsArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, global = true)]
    pub project: PathBuf,
    /// Print one JSON object per run
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Set the title of a run; an empty one removes it
    Rename {
        /// Run: number, name or title
        run: String,
        /// The title
        title: String,
    },
    /// Set a run's tags; without any, they are removed
    Tag {
        /// Run: number, name or title
        run: String,
        /// The tags
        tags: Vec<String>,
    },
    /// Print the command line that trains another run with a run's settings
    Command {
        /// Run: number, name or title
        run: String,
    },
    /// Delete runs; `glasshouse runs restore` restores them until the project is next opened in the window
    Delete {
        /// Runs: number, name or title
        #[arg(required = true)]
        runs: Vec<String>,
    },
    /// Restore deleted runs
    Restore {
        /// Names of runs
        #[arg(required = true)]
        runs: Vec<String>,
    },
}
