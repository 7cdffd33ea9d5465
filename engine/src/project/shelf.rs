//! The shelf: a folder of project folders.
//!
//! A project's folder is named once, by a plain word that every file system takes, and that is its id; what people call it
//! may be any text and may change. What is deleted stays where it is and gets a mark, and can be restored for [`KEPT`] at least;
//! whoever starts or deletes after that clears it away. (Another window or tab may have deleted it a moment ago, and offers
//! the way back.)

mod summary;

pub use summary::summary;

use super::{Project, archive};
use crate::error::{Error, Result};
use crate::platform::{self, files};
use crate::protocol::ProjectSummary;
use std::path::{Component, Path, PathBuf};

/// In a deleted project: an empty file, whose time of change says when that was. A disk that is full has room for it.
pub(crate) const DELETED: &str = ".deleted";
/// What is cleared away lies under such a name, so that what a program that dies leaves of it is no project.
const LEAVING: &str = ".leaving-";
/// Seconds for which what was deleted can be restored at least.
pub const KEPT: f64 = 120.0;
/// What is being made lies under such a name until it is whole.
const STAGING: &str = ".partial-";
/// Most characters of a name.
const LONGEST_NAME: usize = 120;
/// Most characters of a folder's name.
const LONGEST_ID: usize = 48;

/// A folder of projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Opens a shelf, makes its folder where it is missing, and clears away what was deleted long enough ago.
    pub fn open(folder: &Path) -> Result<Self> {
        files::create_dir_all(folder).map_err(Error::io(folder))?;
        let shelf = Self { folder: folder.to_owned() };
        shelf.clear_trash(crate::storage::unix_seconds() - KEPT)?;
        Ok(shelf)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every project, last used first, and after them those that are deleted. A damaged one is listed with its problem.
    ///
    /// # Errors
    /// The shelf itself cannot be read.
    pub fn list(&self) -> Result<Vec<ProjectSummary>> {
        let about = |id: &String| {
            let folder = self.folder.join(id);
            ProjectSummary { deleted: is_deleted(&folder), ..summary(id, &folder) }
        };
        let mut projects: Vec<ProjectSummary> = ids_in(&self.folder)?.iter().map(about).collect();
        projects.sort_by_key(|project| (project.deleted, std::cmp::Reverse(project.updated)));
        Ok(projects)
    }

    /// Makes a project and returns its id. Another project's name gets a number behind it.
    ///
    /// # Errors
    /// The name is empty, or the file system refuses.
    pub fn create(&self, name: &str) -> Result<String> {
        let name = self.free_name(name, None)?;
        self.place(&name, |staging| Project::open_or_create(staging).map(|_| ()))
    }

    /// The folder of a project.
    ///
    /// # Errors
    /// There is none of that id on the shelf.
    pub fn path_of(&self, id: &str) -> Result<PathBuf> {
        self.find(id, false)
    }

    /// The folder of an id, deleted or not. Ids come from outside: only a plain name leads anywhere.
    fn find(&self, id: &str, deleted: bool) -> Result<PathBuf> {
        let folder = self.folder.join(id);
        if is_id(id) && files::is_dir(&folder) && is_deleted(&folder) == deleted {
            return Ok(folder);
        }
        let reason = format!("there is no project {id:?} here; it may have been deleted meanwhile");
        Err(Error::bad_file(&self.folder, reason))
    }

    /// Gives a project another name. Another project's name gets a number behind it.
    pub fn rename(&self, id: &str, name: &str) -> Result<()> {
        let project = Project::open(&self.path_of(id)?)?;
        project.set_name(&self.free_name(name, Some(id))?)
    }

    /// Copies a project with everything in it, and returns the copy's id.
    pub fn duplicate(&self, id: &str, name: &str) -> Result<String> {
        let from = Project::open(&self.path_of(id)?)?;
        let name = self.free_name(name, None)?;
        self.place(&name, |staging| copy_folder(from.folder(), staging))
    }

    /// Unpacks a `.glasshouse` file into a new project and returns its id. `None` takes the name in the file.
    ///
    /// # Errors
    /// Bytes that are no such file, or one that is not safe to unpack; then there is no new project.
    pub fn import(&self, bytes: &[u8], name: Option<&str>) -> Result<String> {
        let opened = archive::Archive::read(bytes)?;
        let name = self.free_name(name.unwrap_or(opened.name()), None)?;
        self.place(&name, |staging| opened.unpack(staging))
    }

    /// Deletes a project; [`Shelf::restore`] undoes it for [`KEPT`] seconds at least.
    ///
    /// # Errors
    /// There is none of that id on the shelf, or a program has its files open where the system refuses that.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.clear_trash(crate::storage::unix_seconds() - KEPT)?;
        let mark = self.path_of(id)?.join(DELETED);
        files::write(&mark, "").map_err(Error::io(&mark))?;
        crate::storage::sync_folder_of(&mark);
        Ok(())
    }

    /// Undoes a deletion. Where its name was given to another meanwhile, it gets a number behind it.
    ///
    /// # Errors
    /// There is no deleted project of that id.
    pub fn restore(&self, id: &str) -> Result<()> {
        let mark = self.find(id, true)?.join(DELETED);
        files::remove_file(&mark).map_err(Error::io(&mark))?;
        crate::storage::sync_folder_of(&mark);
        let Ok(project) = Project::open(&self.folder.join(id)) else {
            // It was damaged before, and is there again as it was.
            return Ok(());
        };
        let (name, free) = (project.name(), self.free_name(&project.name(), Some(id))?);
        if free == name { Ok(()) } else { project.set_name(&free) }
    }

    /// Removes for good what was deleted before a time, in seconds since 1970. What a program has open where the system refuses
    /// that stays until the next time.
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

    /// Lets a project be made under a temporary name, names it, and gives it its place.
    fn place(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<String> {
        let id = self.free_id(name);
        let (staging, place) = (self.folder.join(format!("{STAGING}{id}")), self.folder.join(&id));
        // What a program that died left under this name is nobody's.
        files::remove_dir_all(&staging).ok();
        let made = make(&staging)
            .and_then(|()| Project::open(&staging)?.set_name(name))
            .and_then(|()| files::rename(&staging, &place).map_err(Error::io(&place)));
        if let Err(error) = made {
            files::remove_dir_all(&staging).ok();
            return Err(error);
        }
        crate::storage::sync_folder_of(&place);
        Ok(id)
    }

    /// A name as it is shown: in one line, not too long, and no other project's.
    fn free_name(&self, name: &str, own: Option<&str>) -> Result<String> {
        let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
        if name.is_empty() {
            return Err(Error::Refused("a project needs a name; give it one".to_owned()));
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

    /// A folder's name for a project, which no other has, deleted or not.
    fn free_id(&self, name: &str) -> String {
        let word = format!("{}{}", id_from_name(name), platform::id_suffix());
        let taken = |id: &str| files::exists(&self.folder.join(id));
        let numbered =
            std::iter::once(word.clone()).chain((2_u64..).map(|number| format!("{word}-{number}")));
        numbered.into_iter().find(|id| !taken(id)).unwrap_or(word)
    }
}

/// Whether a project is deleted.
fn is_deleted(folder: &Path) -> bool {
    files::exists(&folder.join(DELETED))
}

/// When a project was deleted, in seconds since 1970.
fn deleted_at(folder: &Path) -> Option<f64> {
    let at = files::metadata(folder.join(DELETED)).ok()?.modified().ok()?;
    Some(at.duration_since(web_time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
}

/// Names of the projects' folders in a folder.
fn ids_in(folder: &Path) -> Result<Vec<String>> {
    Ok(names_in(folder)?.into_iter().filter(|id| is_id(id) && files::is_dir(&folder.join(id))).collect())
}

/// Names in a folder, sorted. A folder that is missing has none.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Whether a text is the plain name of a folder on the shelf, rather than a path.
fn is_id(id: &str) -> bool {
    let mut parts = Path::new(id).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == id);
    plain && !id.starts_with('.') && !id.contains(['/', '\\'])
}

/// Names that Windows keeps for its devices.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A name as a folder's name that every file system takes: small letters, digits and hyphens.
fn id_from_name(name: &str) -> String {
    let letters = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let letters: String = letters.collect();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let word: String = parts.join("-").chars().take(LONGEST_ID).collect();
    let word = word.trim_matches('-');
    let device = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if word.is_empty() || RESERVED.contains(&device) {
        return format!("project-{word}").trim_end_matches('-').to_owned();
    }
    word.to_owned()
}

/// Copies a project's folder, but for what belongs to the programs at work on it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    files::create_dir_all(to).map_err(Error::io(to))?;
    for name in archive::names_of(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        if let Some(folder) = target.parent() {
            files::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        files::copy(&source, &target).map_err(Error::io(&source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
