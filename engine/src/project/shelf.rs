//! The shelf: a folder of project folders.
//!
//! A project's folder is named once, by a plain word that every file system takes, and that is its id; what people call it
//! may be any text and may change. What is deleted stays where it is and gets a mark, and can be restored for [`KEPT`] at least;
//! whoever starts or deletes after that clears it away. (Another window or tab may have deleted it a moment ago, and offers
//! the way back.)

mod summary;

pub use summary::summary;

use super::names::is_reserved;
use super::{Project, archive};
use crate::error::{Error, Result};
use crate::platform::{self, Turns, at_once, files};
use crate::protocol::ProjectSummary;
use crate::storage::{self, Staging};
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};

/// In a deleted project: an empty file, whose time of change says when that was. A disk that is full has room for it.
pub(crate) const DELETED: &str = ".deleted";
/// What is cleared away lies under such a name, so that what a program that dies leaves of it is no project.
const LEAVING: &str = ".leaving-";
/// Seconds for which what was deleted can be restored at least.
pub const KEPT: f64 = 120.0;
/// Most characters of a name.
const MAX_NAME_CHARACTERS: usize = 120;
/// Most characters of a folder's name.
const MAX_ID_CHARACTERS: usize = 48;

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
        // What cannot be removed only takes space, and the next start tries again.
        shelf.clear_trash(storage::unix_seconds() - KEPT).ok();
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
        at_once(self.place(&name, async |staging| Project::open_or_create(staging).map(|_| ())))
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

    /// Copies a project with everything in it while others have their turns, and returns the copy's id.
    ///
    /// # Errors
    /// There is none of that id on the shelf, or the file system refuses; then there is no copy.
    pub(crate) async fn duplicate(&self, id: &str, name: &str, turns: &Turns) -> Result<String> {
        let from = Project::open(&self.path_of(id)?)?;
        let name = self.free_name(name, None)?;
        self.place(&name, async |staging| copy_folder(from.folder(), staging, turns).await).await
    }

    /// Unpacks a `.glasshouse` file into a new project and returns its id. `None` takes the name in the file.
    ///
    /// # Errors
    /// Bytes that are no such file, or one that is not safe to unpack; then there is no new project.
    pub fn import(&self, bytes: &[u8], name: Option<&str>) -> Result<String> {
        at_once(self.import_from(std::io::Cursor::new(bytes), name, None, &Turns::none()))
    }

    /// As [`Shelf::import`], from any file, while others have their turns; `room` is what there is for it in bytes, where that is known.
    ///
    /// # Errors
    /// As there, or it takes more room than there is.
    pub(crate) async fn import_from<F: Read + Seek>(
        &self,
        file: F,
        name: Option<&str>,
        room: Option<u64>,
        turns: &Turns,
    ) -> Result<String> {
        let opened = archive::Archive::read_in_turns(file, turns).await?;
        opened.check_room(room)?;
        let name = self.free_name(name.unwrap_or(opened.name()), None)?;
        self.place(&name, async |staging| opened.unpack_in_turns(staging, turns).await).await
    }

    /// Deletes a project; [`Shelf::restore`] undoes it for [`KEPT`] seconds at least.
    ///
    /// # Errors
    /// There is none of that id on the shelf, or a program has its files open where the system refuses that.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.clear_trash(storage::unix_seconds() - KEPT).ok();
        let mark = self.path_of(id)?.join(DELETED);
        files::write(&mark, "").map_err(Error::io(&mark))?;
        storage::sync_folder_of(&mark);
        Ok(())
    }

    /// Undoes a deletion. Where its name was given to another meanwhile, it gets a number behind it.
    ///
    /// # Errors
    /// There is no deleted project of that id.
    pub fn restore(&self, id: &str) -> Result<()> {
        let mark = self.find(id, true)?.join(DELETED);
        files::remove_file(&mark).map_err(Error::io(&mark))?;
        storage::sync_folder_of(&mark);
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
    async fn place(&self, name: &str, make: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<String> {
        let staging = Staging::inside(&self.folder)?;
        make(staging.path()).await?;
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
        let name: String =
            name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME_CHARACTERS).collect();
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

/// A name as a folder's name that every file system takes: small letters, digits and hyphens.
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

/// Copies a project's folder, but for what belongs to the programs at work on it.
async fn copy_folder(from: &Path, to: &Path, turns: &Turns) -> Result<()> {
    let contents = archive::Contents::of(from)?;
    contents
        .for_each(async |file| {
            let target = to.join(file.place);
            if let Some(folder) = target.parent() {
                storage::create_folder(folder)?;
            }
            let mut output = files::File::create(&target).map_err(Error::io(&target))?;
            storage::copy_in_turns(file.content, &mut output, turns).await.map_err(Error::io(&target))?;
            output.sync_all().map_err(Error::io(&target))
        })
        .await
}

#[cfg(test)]
mod tests;
