//! Creating a project for a command, and undoing that if the command fails, without removing what other processes have added meanwhile.

use super::{FORMAT, MARKER, Marker, Project, VERSION};
use glasshouse_platform::{Error, LockFile, Result, files, storage};
use glasshouse_text::data::prepare::PROSE_FOLDER;
use std::path::Path;

/// Locked (shared) by every command that may create a project or add to it, and exclusively by one that creates it or undoes that.
pub(super) const USE_LOCK: &str = ".use.lock";
/// Folder of the prepared text.
pub(super) const DATA: &str = "data";
/// Attempts if the folder changes meanwhile.
const TRIES: usize = 1000;
/// Attempts before a folder with other contents is accepted as such.
const SETTLED: usize = 5;

/// A project that a command uses, and whether the command created it.
pub struct Claim {
    pub project: Project,
    made: bool,
    /// `None` if the folder is read only.
    lock: Option<LockFile>,
}

impl Project {
    /// Opens a project, or creates one in an empty or new folder. Fails as [`Project::open`] does; a folder with other contents is not made
    /// a project.
    pub fn open_or_create(folder: &Path) -> Result<Self> {
        Self::claim(folder).map(|claim| claim.project)
    }

    /// Like [`Project::open_or_create`], for a command that may fail ([`Claim::discard`]). Safe to call from several processes at
    /// the same time.
    pub fn claim(folder: &Path) -> Result<Claim> {
        let lock_path = folder.join(USE_LOCK);
        for attempt in 0..TRIES {
            // Fails for a folder of another format before a lock file is created in it.
            if Self::look(folder)?.is_none() {
                if !holds_nothing(folder)? {
                    // Other processes may be creating or discarding the project. If this persists, the folder holds something else.
                    if attempt < SETTLED {
                        continue;
                    }
                    return Ok(Claim { project: Self::open(folder)?, made: false, lock: None });
                }
                storage::create_folder(folder)?;
            }
            let lock = match LockFile::open(&lock_path) {
                Ok(lock) => Some(lock),
                // The project was just discarded, with its folder.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                // A read-only project can be used too.
                Err(_) => None,
            };
            if let Some(lock) = &lock {
                lock.share();
                if !lock.is_at(&lock_path) {
                    // The project was discarded first; the current folder has another lock file.
                    continue;
                }
            }
            let mut made = false;
            if Self::look(folder)?.is_none() {
                if lock.as_ref().is_some_and(|lock| !lock.try_hold()) {
                    // Another process is creating or discarding it.
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    continue;
                }
                if Self::look(folder)?.is_none() {
                    match make(folder) {
                        // It was discarded, with its folder.
                        Err(Error::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
                            continue;
                        }
                        making => making?,
                    }
                    made = true;
                }
                if let Some(lock) = &lock {
                    lock.share();
                }
            }
            // Another process may have had the lock between our exclusive and shared use.
            let shares = lock.as_ref().is_none_or(|lock| lock.is_at(&lock_path));
            if let Some(project) = Self::look(folder)?.filter(|_| shares) {
                return Ok(Claim { project, made, lock });
            }
        }
        Err(Error::bad_file(folder, "other programs are creating and removing this project; try again"))
    }
}

/// Whether a folder is missing or empty, ignoring the files with which creating a project begins.
fn holds_nothing(folder: &Path) -> Result<bool> {
    match files::read_dir(folder) {
        Ok(mut entries) => Ok(entries.all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                name == USE_LOCK || name.as_encoded_bytes().starts_with(MARKER.as_bytes())
            })
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io(folder)(error)),
    }
}

fn make(folder: &Path) -> Result<()> {
    let marker = Marker {
        format: FORMAT.to_owned(),
        version: VERSION,
        created: storage::unix_seconds() as u64,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: folder.file_name().map(|name| name.to_string_lossy().into_owned()),
    };
    storage::write_json(&folder.join(MARKER), &marker)
}

impl Claim {
    /// Removes the project if this command created it, it is still empty, and no other process uses it. Returns whether it did.
    pub fn discard(self) -> bool {
        let folder = self.project.folder();
        let alone = self.made && self.lock.as_ref().is_some_and(LockFile::try_hold);
        if alone && is_unused(folder) {
            files::remove_file(folder.join(MARKER)).ok();
            files::remove_file(folder.join(USE_LOCK)).ok();
            // Fails if the folder is not empty.
            files::remove_dir(folder).ok();
            return true;
        }
        false
    }
}

/// Whether a project is empty. Removes the empty folder left by preparing a text.
fn is_unused(folder: &Path) -> bool {
    files::remove_dir_all(folder.join(DATA).join(PROSE_FOLDER)).ok();
    // Fails if the folder is not empty.
    files::remove_dir(folder.join(DATA)).ok();
    let Ok(mut entries) = files::read_dir(folder) else { return false };
    entries.all(|entry| {
        entry.is_ok_and(|entry| [MARKER, USE_LOCK].iter().any(|name| entry.file_name() == **name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_made_for_nothing_goes_and_one_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("around/project");
        let claim = Project::claim(&place).unwrap();
        std::fs::create_dir(place.join(DATA)).unwrap();
        claim.discard();
        assert!(!place.exists());
        // Another program is using it.
        let (first, second) = (Project::claim(&place).unwrap(), Project::claim(&place).unwrap());
        first.discard();
        assert!(Project::open(&place).is_ok());
        // It was created by the other claim, so it stays.
        second.discard();
        assert!(Project::open(&place).is_ok());
        // It was used meanwhile.
        std::fs::remove_dir_all(&place).unwrap();
        let claim = Project::claim(&place).unwrap();
        std::fs::create_dir_all(place.join("runs").join("1-other")).unwrap();
        claim.discard();
        assert!(place.join("runs").join("1-other").is_dir() && Project::open(&place).is_ok());
    }

    #[test]
    fn programs_that_make_a_project_at_once_all_get_it() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let place = folder.path().join(round.to_string());
            std::thread::scope(|scope| {
                for number in 0..4 {
                    let place = &place;
                    scope.spawn(move || {
                        let claim = Project::claim(place).unwrap();
                        if number > 0 {
                            claim.discard();
                        } else {
                            std::fs::create_dir_all(place.join(DATA).join("0123456789abcdef")).unwrap();
                        }
                    });
                }
            });
            assert!(Project::open(&place).is_ok() && place.join(DATA).join("0123456789abcdef").is_dir());
        }
    }
}
