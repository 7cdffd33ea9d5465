//! `glasshouse runs`.

use super::DEFAULT_PROJECT;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `runs`.
#[derive(Args, Debug)]
pub struct RunsArguments {
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, global = true)]
    pub project: PathBuf,
    /// Print one JSON object a run
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do; without it, the runs are listed
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

/// What is done with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Give a run a title; an empty one takes it away
    Rename {
        /// Run by number, name or title
        run: String,
        /// The title
        title: String,
    },
    /// Set a run's tags; without any, they are removed
    Tag {
        /// Run by number, name or title
        run: String,
        /// The tags
        tags: Vec<String>,
    },
    /// Print the command line that trains another run with a run's settings
    Command {
        /// Run by number, name or title
        run: String,
    },
    /// Delete runs; `glasshouse runs restore` brings them back until the project is next opened in the window
    Delete {
        /// Runs by number, name or title
        #[arg(required = true)]
        runs: Vec<String>,
    },
    /// Bring deleted runs back
    Restore {
        /// Names of runs
        #[arg(required = true)]
        runs: Vec<String>,
    },
}
