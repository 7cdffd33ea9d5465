//! The shelf: a folder of project folders.
//!
//! A project's folder is named once, by a plain word that every file system takes, and that is its id; what people call it
//! may be any text and may change. What is deleted is moved into a hidden folder of the shelf with a note of the time, and can be
//! restored for [`KEPT`] at least; whoever starts or deletes after that clears it away. (Another window or tab may have
//! deleted it a moment ago, and offers the way back.)

mod summary;

pub use summary::summary;

use super::names::is_reserved;
use super::{Project, archive};
use crate::error::{Error, Result};
use crate::platform::{self, files};
use crate::protocol::ProjectSummary;
use crate::storage::{self, Staging};
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};

const TRASH: &str = ".trash";
/// In a deleted project: when that was, in seconds since 1970.
pub(crate) const DELETED: &str = ".deleted";
/// Seconds for which what was deleted can be restored at least.
pub const KEPT: f64 = 120.0;
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
        storage::create_folder(folder)?;
        let shelf = Self { folder: folder.to_owned() };
        shelf.clear_trash(storage::unix_seconds() - KEPT);
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
        let mut projects: Vec<ProjectSummary> =
            ids_in(&self.folder)?.iter().map(|id| summary(id, &self.folder.join(id))).collect();
        let trash = self.folder.join(TRASH);
        projects.extend(
            ids_in(&trash)
                .unwrap_or_default()
                .iter()
                .map(|id| ProjectSummary { deleted: true, ..summary(id, &trash.join(id)) }),
        );
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
        place_of(&self.folder, id)
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
        self.import_from(std::io::Cursor::new(bytes), name, None)
    }

    /// As [`Shelf::import`], from any file; `room` is what there is for it in bytes, where that is known.
    ///
    /// # Errors
    /// As there, or it takes more room than there is.
    pub fn import_from<F: Read + Seek>(
        &self,
        file: F,
        name: Option<&str>,
        room: Option<u64>,
    ) -> Result<String> {
        let opened = archive::Archive::read(file)?;
        opened.check_room(room)?;
        let name = self.free_name(name.unwrap_or(opened.name()), None)?;
        self.place(&name, |staging| opened.unpack(staging))
    }

    /// Deletes a project; [`Shelf::restore`] undoes it for [`KEPT`] seconds at least.
    ///
    /// # Errors
    /// There is none of that id on the shelf, or a program has its files open where the system refuses that.
    pub fn delete(&self, id: &str) -> Result<()> {
        let trash = self.folder.join(TRASH);
        storage::create_folder(&trash)?;
        let now = storage::unix_seconds();
        self.clear_trash(now - KEPT);
        // On a full disk there is no room for the note, and deleting must go on; without one it is gone at the next start.
        let note = self.path_of(id)?.join(DELETED);
        files::write(&note, now.to_string()).ok();
        self.carry(id, &self.folder, &trash).inspect_err(|_| {
            files::remove_file(&note).ok();
        })
    }

    /// Undoes a deletion. Where its name was given to another meanwhile, it gets a number behind it.
    ///
    /// # Errors
    /// There is no deleted project of that id.
    pub fn restore(&self, id: &str) -> Result<()> {
        self.carry(id, &self.folder.join(TRASH), &self.folder)?;
        files::remove_file(self.folder.join(id).join(DELETED)).ok();
        let Ok(project) = Project::open(&self.folder.join(id)) else {
            // It was damaged before, and is there again as it was.
            return Ok(());
        };
        let (name, free) = (project.name(), self.free_name(&project.name(), Some(id))?);
        if free == name { Ok(()) } else { project.set_name(&free) }
    }

    /// Removes for good what was deleted before a time, in seconds since 1970. What has no readable note of its time counts
    /// as old; what cannot be removed only takes space, and the next start tries again.
    pub fn clear_trash(&self, before: f64) {
        let trash = self.folder.join(TRASH);
        for id in ids_in(&trash).unwrap_or_default() {
            let folder = trash.join(id);
            let note = files::read_to_string(folder.join(DELETED)).ok();
            let at: Option<f64> = note.and_then(|note| note.trim().parse().ok());
            if at.is_none_or(|at| at < before) {
                files::remove_dir_all(&folder).ok();
            }
        }
    }

    fn carry(&self, id: &str, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (place_of(from, id)?, to.join(id));
        if files::exists(&to) {
            return Err(Error::bad_file(to, "a folder of this name is there already; move it away first"));
        }
        files::rename(&from, &to).map_err(Error::io(&from))?;
        storage::sync_folder_of(&from);
        storage::sync_folder_of(&to);
        Ok(())
    }

    /// Lets a project be made under a temporary name, names it, and gives it its place.
    fn place(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<String> {
        let staging = Staging::inside(&self.folder)?;
        make(staging.path())?;
        Project::open(staging.path())?.set_name(name)?;
        loop {
            let id = self.free_id(name);
            // Another program may take it meanwhile.
            if staging.put_new(&self.folder.join(&id))? {
                return Ok(id);
            }
        }
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
            .filter(|id| own != Some(id.as_str()))
            .filter_map(|id| Some(Project::open(&self.folder.join(id)).ok()?.name()))
            .collect();
        let numbered =
            std::iter::once(name.clone()).chain((2_u64..).map(|number| format!("{name} {number}")));
        Ok(numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or(name))
    }

    /// A folder's name for a project, taken neither on the shelf nor in the trash.
    fn free_id(&self, name: &str) -> String {
        let word = format!("{}{}", id_from_name(name), platform::id_suffix());
        let taken = |id: &str| {
            files::exists(&self.folder.join(id)) || files::exists(&self.folder.join(TRASH).join(id))
        };
        let numbered =
            std::iter::once(word.clone()).chain((2_u64..).map(|number| format!("{word}-{number}")));
        numbered.into_iter().find(|id| !taken(id)).unwrap_or(word)
    }
}

/// The folder of an id. Ids come from outside: only a plain name leads anywhere.
fn place_of(folder: &Path, id: &str) -> Result<PathBuf> {
    if is_id(id) && files::is_dir(&folder.join(id)) {
        return Ok(folder.join(id));
    }
    let reason = format!("there is no project {id:?} here; it may have been deleted meanwhile");
    Err(Error::bad_file(folder, reason))
}

/// Names of the folders in a folder, without hidden ones. A folder that is missing has none.
fn ids_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder)(error)),
    };
    let mut ids: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|id| is_id(id) && files::is_dir(&folder.join(id)))
        .collect();
    ids.sort();
    Ok(ids)
}

/// Whether a text is the plain name of a folder on the shelf, rather than a path.
fn is_id(id: &str) -> bool {
    let mut parts = Path::new(id).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == id);
    plain && !id.starts_with('.') && !id.contains(['/', '\\'])
}

/// A name as a folder's name that every file system takes: small letters, digits and hyphens.
fn id_from_name(name: &str) -> String {
    let letters = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let letters: String = letters.collect();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let word: String = parts.join("-").chars().take(LONGEST_ID).collect();
    let word = word.trim_matches('-');
    if word.is_empty() || is_reserved(word) {
        return format!("project-{word}").trim_end_matches('-').to_owned();
    }
    word.to_owned()
}

/// Copies a project's folder, but for what belongs to the programs at work on it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    archive::Contents::of(from)?.for_each(|file| {
        let target = to.join(file.place);
        if let Some(folder) = target.parent() {
            storage::create_folder(folder)?;
        }
        let mut copy = || {
            let mut output = files::File::create(&target)?;
            std::io::copy(file.content, &mut output)?;
            output.sync_all()
        };
        copy().map_err(Error::io(&target))
    })
}

#[cfg(test)]
mod tests;
