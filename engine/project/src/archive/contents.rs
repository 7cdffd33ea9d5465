//! Selects the files of a project's folder to pack: all except those of running processes, under portable names. A run in
//! training is packed as of one moment.

use crate::checkpoint::{CarriedFile, Checkpoints};
use crate::names::Siblings;
use crate::sweep::SWEEPS;
use crate::{CLEANED, DOCUMENTS_BEFORE, RUNS, claim, shelf};
use glasshouse_platform::{Error, PROJECT_LOCK, Result, files, storage};
use glasshouse_protocol::order;
use glasshouse_text::data::prepare::PROSE_FOLDER;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Folder of the user's text; its files may have any name.
const DOCUMENTS: &str = "documents";
const CHECKPOINTS: &str = "checkpoints";

#[derive(Debug, Default)]
pub struct Contents {
    folder: PathBuf,
    entries: Vec<ArchiveEntry>,
    /// Files that are renamed or cannot be packed, one line each.
    pub notes: Vec<String>,
}

#[derive(Debug)]
struct ArchiveEntry {
    /// Portable path in the archive, with `/` as separator.
    name: String,
    /// Path relative to the folder.
    place: PathBuf,
    /// A folder of checkpoints, which change while the run trains.
    checkpoints: bool,
}

pub struct Opened<'file> {
    /// Portable path in the archive, with `/` as separator.
    pub name: &'file str,
    /// Path relative to the folder.
    pub place: &'file Path,
    /// Length of the file.
    pub bytes: u64,
    pub content: &'file mut dyn Read,
}

impl Contents {
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let mut contents = Self { folder: folder.to_owned(), ..Self::default() };
        contents.walk(Path::new(""), "")?;
        order::sort_by(&mut contents.entries, |one, other| one.name.cmp(&other.name));
        Ok(contents)
    }

    fn walk(&mut self, place: &Path, prefix: &str) -> Result<()> {
        let folder = self.folder.join(place);
        let mut entries: Vec<files::DirEntry> = files::read_dir(&folder)
            .and_then(Iterator::collect::<std::io::Result<_>>)
            .map_err(Error::io(&folder))?;
        order::sort_by_key(&mut entries, files::DirEntry::file_name);
        let mut siblings = Siblings::default();
        for entry in entries {
            let (place, path) = (place.join(entry.file_name()), entry.path());
            if is_transient(&place) {
                continue;
            }
            // Ignore files removed meanwhile.
            let (Ok(own), Ok(metadata)) = (entry.file_type(), files::metadata(&path)) else {
                if entry.file_type().is_ok() {
                    self.notes.push(format!("{} is a broken link and is left out", place.display()));
                }
                continue;
            };
            let leads_out = || !own.is_dir() && !files::is_within(&path, &self.folder);
            if !(metadata.is_file() || own.is_dir()) || leads_out() {
                let what = match (metadata.is_dir(), metadata.is_file()) {
                    (true, _) => "a link to a folder",
                    (_, true) => "a link to a file outside the folder",
                    _ => "not a regular file",
                };
                self.notes.push(format!("{} is {what} and is left out", place.display()));
                continue;
            }
            // Deleted runs can only be restored here, so they are not packed.
            if own.is_dir()
                && place.parent() == Some(Path::new(RUNS))
                && files::exists(&path.join(shelf::DELETED))
            {
                continue;
            }
            let own_name = entry.file_name();
            let name = siblings.take(&own_name);
            if own_name != *name {
                self.notes.push(format!("{:?} is stored as {prefix}{name}", place.display().to_string()));
            }
            let name = format!("{prefix}{name}");
            if own.is_dir() && !is_checkpoints(&place) {
                self.walk(&place, &format!("{name}/"))?;
            } else {
                self.entries.push(ArchiveEntry { name, place, checkpoints: own.is_dir() });
            }
        }
        Ok(())
    }

    /// Passes every file to `take`, sorted by name. Files removed meanwhile are skipped. Fails if a file cannot be read, or `take` fails.
    pub(crate) async fn for_each(&self, mut take: impl AsyncFnMut(Opened<'_>) -> Result<()>) -> Result<()> {
        for ArchiveEntry { name, place, checkpoints } in &self.entries {
            let path = self.folder.join(place);
            if !checkpoints {
                open(&path, name, place, &mut take).await?;
                continue;
            }
            for (file, part) in Checkpoints::new(&path).at_one_moment()? {
                let (name, place) = (format!("{name}/{file}"), place.join(&file));
                match part {
                    CarriedFile::Bytes(content) => {
                        let bytes = content.len() as u64;
                        let content = &mut Cursor::new(content);
                        take(Opened { name: &name, place: &place, bytes, content }).await?;
                    }
                    CarriedFile::Open(content, bytes) => {
                        take(Opened { name: &name, place: &place, bytes, content: &mut content.take(bytes) })
                            .await?;
                    }
                    CarriedFile::Lasting => open(&path.join(&file), &name, &place, &mut take).await?,
                }
            }
        }
        Ok(())
    }
}

async fn open(
    path: &Path,
    name: &str,
    place: &Path,
    take: &mut impl AsyncFnMut(Opened<'_>) -> Result<()>,
) -> Result<()> {
    let opened = storage::regular_length(path)
        .and_then(|bytes| Ok((files::File::open(path).map_err(Error::io(path))?, bytes)));
    match opened {
        // Ignore what is appended from now on.
        Ok((file, bytes)) => take(Opened { name, place, bytes, content: &mut file.take(bytes) }).await,
        Err(Error::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_checkpoints(place: &Path) -> bool {
    let parts: Vec<_> = place.iter().collect();
    matches!(parts[..], [runs, _, checkpoints] if runs == RUNS && checkpoints == CHECKPOINTS)
}

/// Whether a file belongs to running processes rather than to the project: locks and partial files. The user's files never do.
pub(super) fn is_transient(place: &Path) -> bool {
    let mut parts = place.iter().map(|part| part.to_string_lossy());
    let (Some(first), name) = (parts.next(), place.file_name().unwrap_or_default().to_string_lossy()) else {
        return false;
    };
    if first == DOCUMENTS_BEFORE {
        return true;
    }
    // Also in an archive: its files would stand in for those of its documents.
    if place.starts_with(Path::new(claim::DATA).join(PROSE_FOLDER)) {
        return true;
    }
    let depth = place.components().count();
    if first == DOCUMENTS && depth > 1 {
        return false;
    }
    let of_one_program = match depth {
        1 => [PROJECT_LOCK, claim::USE_LOCK, shelf::DELETED].contains(&&*name),
        2 => {
            (first == RUNS && name == crate::RUNS_LOCK)
                || (first == CLEANED && name.starts_with('.'))
                || (first == SWEEPS && name.ends_with(".lock"))
        }
        3 => first == RUNS && name == "lock",
        _ => false,
    };
    of_one_program
        || parts.any(|part| part.starts_with(".partial"))
        || first.starts_with(".partial")
        || name.ends_with(".partial")
}

/// The archive paths of a folder's files.
#[cfg(test)]
pub(crate) fn names_of(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    glasshouse_platform::block_on(Contents::from_folder(folder)?.for_each(async |file| {
        names.push(file.name.to_owned());
        Ok(())
    }))?;
    Ok(names)
}
