//! Making a project, and taking that back: what a command made for nothing goes again, and never what another program made of
//! it meanwhile.

use super::{FORMAT, MARKER, Marker, Project, VERSION};
use crate::error::{Error, Result};
use crate::platform::{LockFile, files};
use crate::storage;
use std::path::Path;

/// Held, with others, by every command that may make a project or something of it; alone by one that takes its making back.
pub(super) const USE_LOCK: &str = ".use.lock";
/// The folder of the prepared text.
const DATA: &str = "data";
/// How often a folder that vanishes meanwhile is looked at again.
const TRIES: usize = 1000;
/// How often a folder of other things is, before it is taken for one.
const SETTLED: usize = 5;

/// A project that a command works with, and whether the command made it.
#[derive(Debug)]
pub struct Claim {
    /// The project.
    pub project: Project,
    made: bool,
    /// `None` where the folder takes no file.
    lock: Option<LockFile>,
}

impl Project {
    /// Opens a project, or makes one in a folder that is empty or does not exist yet.
    ///
    /// # Errors
    /// As [`Project::open`]; a folder that holds something else is not made a project.
    pub fn open_or_create(folder: &Path) -> Result<Self> {
        Self::claim(folder).map(|claim| claim.project)
    }

    /// As [`Project::open_or_create`], for a command that may yet fail ([`Claim::discard`]). Several programs may do so at once.
    ///
    /// # Errors
    /// As there.
    pub fn claim(folder: &Path) -> Result<Claim> {
        let lock_path = folder.join(USE_LOCK);
        for attempt in 0..TRIES {
            // What another kind of program marked is refused here, and gets no lock beside it.
            if Self::look(folder)?.is_none() {
                if !holds_nothing(folder)? {
                    // Other programs may be making it, or taking that back; what is still so then holds something else.
                    if attempt < SETTLED {
                        continue;
                    }
                    return Ok(Claim { project: Self::open(folder)?, made: false, lock: None });
                }
                storage::create_folder(folder)?;
            }
            let lock = match LockFile::open(&lock_path) {
                Ok(lock) => Some(lock),
                // The making was taken back just now, the folder with it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                // A project that may only be read can be used, too.
                Err(_) => None,
            };
            if let Some(lock) = &lock {
                lock.share();
                if !lock.is_at(&lock_path) {
                    // Whoever took the making back was quicker, and what is there now has another lock.
                    continue;
                }
            }
            let mut made = false;
            if Self::look(folder)?.is_none() {
                if lock.as_ref().is_some_and(|lock| !lock.try_hold()) {
                    // Another program makes it, or takes that back.
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    continue;
                }
                if Self::look(folder)?.is_none() {
                    match make(folder) {
                        // Whoever made it took that back, the folder with it.
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
            // Between holding a lock alone and sharing it, others may have had it.
            let shares = lock.as_ref().is_none_or(|lock| lock.is_at(&lock_path));
            if let Some(project) = Self::look(folder)?.filter(|_| shares) {
                return Ok(Claim { project, made, lock });
            }
        }
        Err(Error::bad_file(folder, "other programs make and remove this project at once; try again"))
    }
}

/// Whether a folder is missing or empty, but for what making a project begins with.
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
    /// Takes the making of the project back where this command made it, nothing is in it, and nobody else works with it.
    /// Returns whether it did.
    pub fn discard(self) -> bool {
        let folder = self.project.folder();
        let alone = self.made && self.lock.as_ref().is_some_and(LockFile::try_hold);
        if alone && is_unused(folder) {
            files::remove_file(folder.join(MARKER)).ok();
            files::remove_file(folder.join(USE_LOCK)).ok();
            // Only where it is empty.
            files::remove_dir(folder).ok();
            return true;
        }
        false
    }
}

/// Whether nothing is in a project but what preparing a text leaves, which is removed.
fn is_unused(folder: &Path) -> bool {
    // Fails where something is in it.
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
        // Another program works with it.
        let (first, second) = (Project::claim(&place).unwrap(), Project::claim(&place).unwrap());
        first.discard();
        assert!(Project::open(&place).is_ok());
        // The one that did not make it leaves it.
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
