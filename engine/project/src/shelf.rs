//! The shelf: a folder of project folders.
//!
//! A project's id is the name of its folder: a plain, portable word that never changes. Its display name can be any text and can
//! change. Deleting a project only marks it; it can be restored for at least [`KEPT`] seconds and is removed by the next program
//! start or deletion after that. (The delay also covers deletions in another window or tab that still offers to undo them.)

mod summary;

pub use summary::summary;

use super::names::is_reserved;
use super::run::one_line;
use super::{Project, archive};
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, block_on, files, refuse};
use glasshouse_protocol::{ProjectSummary, order};
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};

/// Empty marker file in a deleted project; its modification time is the time of deletion. It can be created even on a full disk.
pub(crate) const DELETED: &str = ".deleted";
/// Prefix of folders being removed, so that an interrupted removal leaves no partial project.
const LEAVING: &str = ".leaving-";
/// Minimum seconds for which a deleted project can be restored.
pub const KEPT: f64 = 120.0;
const MAX_NAME_CHARACTERS: usize = 120;
const MAX_ID_CHARACTERS: usize = 48;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Opens a shelf, creates its folder if missing, and removes projects deleted more than [`KEPT`] seconds ago.
    pub fn open(folder: &Path) -> Result<Self> {
        storage::create_folder(folder)?;
        let shelf = Self { folder: folder.to_owned() };
        // What cannot be removed only takes space; the next start tries again.
        shelf.clear_trash(storage::unix_seconds() - KEPT).ok();
        Ok(shelf)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All projects, most recently used first, followed by deleted ones. Damaged projects are listed with their problem.
    pub fn list(&self) -> Result<Vec<ProjectSummary>> {
        let about = |id: &String| {
            let folder = self.folder.join(id);
            ProjectSummary { deleted: is_deleted(&folder), ..summary(id, &folder) }
        };
        let mut projects: Vec<ProjectSummary> = ids_in(&self.folder)?.iter().map(about).collect();
        order::sort_by_key(&mut projects, |project| (project.deleted, std::cmp::Reverse(project.updated)));
        Ok(projects)
    }

    /// Creates a project and returns its id. If the name is taken, a number is appended. Fails if the name is empty, or the file system
    /// refuses.
    pub fn create(&self, name: &str) -> Result<String> {
        let name = self.free_name(name, None)?;
        block_on(self.place(&name, async |staging| Project::open_or_create(staging).map(|_| ())))
    }

    /// The folder of a project.
    pub fn path_of(&self, id: &str) -> Result<PathBuf> {
        self.find(id, false)
    }

    /// The folder of a project that is deleted or not, as `deleted` says. Ids are untrusted: only a plain file name is accepted.
    fn find(&self, id: &str, deleted: bool) -> Result<PathBuf> {
        let folder = self.folder.join(id);
        if is_id(id) && files::is_dir(&folder) && is_deleted(&folder) == deleted {
            return Ok(folder);
        }
        let reason = format!("there is no project {id:?} here; it may have been deleted meanwhile");
        Err(Error::bad_file(&self.folder, reason))
    }

    /// Renames a project. If the name is taken, a number is appended.
    pub fn rename(&self, id: &str, name: &str) -> Result<()> {
        let project = Project::open(&self.path_of(id)?)?;
        project.set_name(&self.free_name(name, Some(id))?)
    }

    /// Copies a project and returns the copy's id. Fails if the shelf has no project with this id, or copying fails; no partial copy
    /// remains.
    pub async fn duplicate(&self, id: &str, name: &str, yielder: &Yielder) -> Result<String> {
        let from = Project::open(&self.path_of(id)?)?;
        let name = self.free_name(name, None)?;
        self.place(&name, async |staging| copy_folder(from.folder(), staging, yielder).await).await
    }

    /// Unpacks a `.glasshouse` file into a new project and returns its id. If `name` is `None`, the name in the file is used; `room` is the
    /// free space in bytes, if known. Fails if the file is invalid, unsafe to unpack or needs more than `room`; no project is created.
    pub async fn import<F: Read + Seek>(
        &self,
        file: F,
        name: Option<&str>,
        room: Option<u64>,
        yielder: &Yielder,
    ) -> Result<String> {
        let opened = archive::Archive::read(file, true, yielder).await?;
        opened.check_room(room)?;
        let name = self.free_name(name.unwrap_or(opened.name()), None)?;
        self.place(&name, async |staging| opened.unpack(staging, yielder).await).await
    }

    /// Deletes a project; [`Shelf::restore`] can undo it for at least [`KEPT`] seconds. Fails if the shelf has no project with this id, or
    /// the system refuses because its files are open.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.clear_trash(storage::unix_seconds() - KEPT).ok();
        let mark = self.path_of(id)?.join(DELETED);
        files::write(&mark, "").map_err(Error::io(&mark))?;
        storage::sync_folder_of(&mark);
        Ok(())
    }

    /// Restores a deleted project. If its name was taken meanwhile, a number is appended. Fails if no deleted project has this id.
    pub fn restore(&self, id: &str) -> Result<()> {
        let mark = self.find(id, true)?.join(DELETED);
        files::remove_file(&mark).map_err(Error::io(&mark))?;
        storage::sync_folder_of(&mark);
        let Ok(project) = Project::open(&self.folder.join(id)) else {
            // It was already damaged before it was deleted.
            return Ok(());
        };
        let (name, free) = (project.name(), self.free_name(&project.name(), Some(id))?);
        if free == name { Ok(()) } else { project.set_name(&free) }
    }

    /// Permanently removes projects deleted before a time, in seconds since 1970. Projects whose files are open remain until the
    /// next call if the system refuses to remove them.
    pub fn clear_trash(&self, before: f64) -> Result<()> {
        for id in ids_in(&self.folder)? {
            if deleted_at(&self.folder.join(&id)).is_some_and(|at| at < before) {
                files::rename(self.folder.join(&id), self.folder.join(format!("{LEAVING}{id}"))).ok();
            }
        }
        for name in names_in(&self.folder)?.iter().filter(|name| name.starts_with(LEAVING)) {
            files::remove_dir_all(self.folder.join(name)).ok();
        }
        Ok(())
    }

    /// Creates a project under a temporary name, sets its display name, and moves it into place.
    async fn place(&self, name: &str, make: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<String> {
        let staging = Staging::inside(&self.folder)?;
        make(staging.path()).await?;
        Project::open(staging.path())?.set_name(name)?;
        loop {
            let id = self.free_id(name);
            // Another process may take the id first.
            if staging.put_new(&self.folder.join(&id))? {
                return Ok(id);
            }
        }
    }

    /// Normalises a display name: one line, limited length, unique.
    fn free_name(&self, name: &str, own: Option<&str>) -> Result<String> {
        let name = one_line(name, MAX_NAME_CHARACTERS);
        if name.is_empty() {
            refuse!("a project needs a name; give it one");
        }
        let taken: Vec<String> = ids_in(&self.folder)?
            .iter()
            .filter(|id| own != Some(id.as_str()) && !is_deleted(&self.folder.join(id)))
            .filter_map(|id| Some(Project::open(&self.folder.join(id)).ok()?.name()))
            .collect();
        let numbered =
            std::iter::once(name.clone()).chain((2_u64..).map(|number| format!("{name} {number}")));
        Ok(numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or(name))
    }

    /// An unused folder name for a project; names of deleted projects count as used.
    fn free_id(&self, name: &str) -> String {
        let word = format!("{}{}", id_from_name(name), glasshouse_platform::id_suffix());
        let taken = |id: &str| files::exists(&self.folder.join(id));
        let numbered =
            std::iter::once(word.clone()).chain((2_u64..).map(|number| format!("{word}-{number}")));
        numbered.into_iter().find(|id| !taken(id)).unwrap_or(word)
    }
}

fn is_deleted(folder: &Path) -> bool {
    files::exists(&folder.join(DELETED))
}

/// Time of a project's deletion, in seconds since 1970.
fn deleted_at(folder: &Path) -> Option<f64> {
    let at = files::metadata(folder.join(DELETED)).ok()?.modified().ok()?;
    Some(at.duration_since(web_time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
}

/// Names of the project folders in a folder.
fn ids_in(folder: &Path) -> Result<Vec<String>> {
    Ok(names_in(folder)?.into_iter().filter(|id| is_id(id) && files::is_dir(&folder.join(id))).collect())
}

/// Sorted names in a folder; empty if it does not exist.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    order::sort(&mut names);
    Ok(names)
}

/// Whether `id` is a plain folder name rather than a path.
fn is_id(id: &str) -> bool {
    let mut parts = Path::new(id).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == id);
    plain && !id.starts_with('.') && !id.contains(['/', '\\'])
}

/// Converts a display name to a portable folder name: lower-case letters, digits and hyphens.
fn id_from_name(name: &str) -> String {
    let letters = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let letters: String = letters.collect();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let word: String = parts.join("-").chars().take(MAX_ID_CHARACTERS).collect();
    let word = word.trim_matches('-');
    if word.is_empty() || is_reserved(word) {
        return format!("project-{word}").trim_end_matches('-').to_owned();
    }
    word.to_owned()
}

/// Copies a project's folder, except for files of running processes such as locks.
async fn copy_folder(from: &Path, to: &Path, yielder: &Yielder) -> Result<()> {
    let contents = archive::Contents::from_folder(from)?;
    contents
        .for_each(async |file| {
            let target = to.join(file.place);
            if let Some(folder) = target.parent() {
                storage::create_folder(folder)?;
            }
            let mut output = files::File::create(&target).map_err(Error::io(&target))?;
            storage::copy(file.content, &mut output, yielder).await.map_err(Error::io(&target))?;
            output.sync_all().map_err(Error::io(&target))
        })
        .await
}

#[cfg(test)]
mod tests;
