//! `glasshouse pack` and `glasshouse unpack`: a project as one file, to carry it between this machine and a browser.

use super::arguments::{PackArguments, UnpackArguments};
use anyhow::{Result, bail};
use glasshouse_engine::project::{Project, archive};
use glasshouse_engine::storage;
use std::path::{Path, PathBuf};

pub(super) fn pack(arguments: &PackArguments) -> Result<()> {
    let bytes = archive::pack(&arguments.project)?;
    let to = arguments.to.clone().unwrap_or_else(|| beside(&arguments.project));
    storage::write_atomically(&to, &bytes)?;
    say!("{} ({})", to.display(), super::output::bytes(bytes.len() as u64))?;
    Ok(())
}

pub(super) fn unpack(arguments: &UnpackArguments) -> Result<()> {
    let folder = match &arguments.project {
        Some(folder) => folder.clone(),
        None => arguments.file.with_extension(""),
    };
    if folder.exists() {
        bail!("{}: there is something already; name another folder with --project", folder.display());
    }
    let bytes = storage::read(&arguments.file)?;
    if let Err(error) = archive::unpack(&bytes, &folder) {
        // What is left of it only takes space.
        std::fs::remove_dir_all(&folder).ok();
        return Err(error.into());
    }
    let project = Project::open(&folder)?;
    say!("{}: {}, {} runs", folder.display(), project.name(), project.runs()?.len())?;
    Ok(())
}

/// The project's folder with the file's ending.
fn beside(project: &Path) -> PathBuf {
    let whole = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    PathBuf::from(format!("{name}.glasshouse"))
}
