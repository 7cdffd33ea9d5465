//! `glasshouse runs`.

use super::DEFAULT_PROJECT;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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

/// What is done with runs.
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
