//! Arguments of `pack` and `unpack`.

use super::DEFAULT_PROJECT;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct PackArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// File to write [default: the project's name with .glasshouse]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct UnpackArguments {
    /// .glasshouse file to unpack
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder to create [default: the file's name without its extension]
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Replace an existing project
    #[arg(long)]
    pub force: bool,
}
