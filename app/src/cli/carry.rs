//! `glasshouse pack` and `glasshouse unpack`: a project as a single file, to move it between this machine and a browser.

use super::prelude::*;
use glasshouse_engine::project::archive;

pub(super) fn pack(arguments: &PackArguments) -> Result<()> {
    let to = arguments.to.clone().unwrap_or_else(|| default_file(&arguments.project));
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, false).await?;
        let id = arguments.project.display().to_string();
        let command = Export::Project { id }.to(Some(to.clone()), !arguments.force);
        let exported = engine.ask_for_until_signal(command, "stopping").await?;
        if let Some(answer::Exported { bytes, packed, .. }) = exported {
            let files = counted(packed as u64, "file");
            say!("{} ({}, {files}, read back)", to.display(), quantity::bytes(bytes))?;
        }
        Ok(())
    })
}

pub(super) fn unpack(arguments: &UnpackArguments) -> Result<()> {
    let folder = arguments.project.clone().unwrap_or_else(|| arguments.file.with_extension(""));
    let project = archive::unpack_file(&arguments.file, &folder, arguments.force)?;
    let runs = counted(project.runs()?.len() as u64, "run");
    Ok(say!("{}: {}, {runs}", folder.display(), project.name())?)
}

/// The project folder's name with the extension `.glasshouse`.
fn default_file(project: &Path) -> PathBuf {
    let whole = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    PathBuf::from(format!("{name}.glasshouse"))
}

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
