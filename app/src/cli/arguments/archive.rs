//! Arguments of `pack` and `unpack`.

use super::DEFAULT_PROJECT;
use clap::Args;
use std::path::PathBuf;

/// `pack`.
#[derive(Args, Debug)]
pub struct PackArguments {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// The file to write; the project's name with .glasshouse by default
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// `unpack`.
#[derive(Args, Debug)]
pub struct UnpackArguments {
    /// The .glasshouse file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder to make; the file's name without its ending by default
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Replace a project that is there already
    #[arg(long)]
    pub force: bool,
}
