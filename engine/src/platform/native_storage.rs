//! Lasting storage natively: the file system is it, so there is little to do beside the names that the browser's side has.

use super::files::{self, File, TryLockError};
use crate::error::{Error, Result};
use crate::protocol::StorageSummary;
use std::path::Path;

/// Makes the folder of all projects where it is missing, and says what it is.
///
/// # Errors
/// It cannot be made.
pub async fn open(shelf: &Path) -> Result<StorageSummary> {
    files::create_dir_all(shelf).map_err(Error::io(shelf))?;
    Ok(summary(shelf).await)
}

/// Brings the contents of a folder's files within reach. They are.
///
/// # Errors
/// None natively.
pub async fn load(_folder: &Path) -> Result<()> {
    Ok(())
}

/// Learns what other programs changed on the shelf. The file system always knows.
///
/// # Errors
/// None natively.
pub async fn refresh(_shelf: &Path, _open: Option<&Path>) -> Result<()> {
    Ok(())
}

/// Gives back the memory that a folder's files took. They took none.
pub fn unload(_folder: &Path) {}

/// Makes what was written lasting. What must be, is already.
///
/// # Errors
/// None natively.
pub async fn flush() -> Result<()> {
    Ok(())
}

/// Where projects are kept. What all of them take is not counted here: a disk is shared with much else.
pub async fn summary(shelf: &Path) -> StorageSummary {
    StorageSummary {
        place: shelf.display().to_string(),
        lasting: true,
        used: None,
        quota: available(shelf).await,
    }
}

/// Bytes that can still be written at a place, or at the nearest folder around it that exists; `None` where the system does
/// not say.
pub async fn available(path: &Path) -> Option<u64> {
    room(path)
}

/// As [`available`], at once.
pub fn room(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find(|folder| files::exists(folder)).and_then(free_bytes)
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// Held while a front end has a project open. The system drops it with the program.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
}

/// Takes a project for this front end until the lock is dropped. Training on the command line takes only its run.
///
/// # Errors
/// Another window has it, or the folder cannot be written.
pub async fn lock_project(folder: &Path) -> Result<ProjectLock> {
    let path = folder.join(super::PROJECT_LOCK);
    let file = File::create(&path).map_err(Error::io(&path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(super::project_is_open(folder)),
        // A file system without locks (some network drives): go on without.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(ProjectLock { _file: file }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_open_once() {
        let folder = tempfile::tempdir().unwrap();
        let lock = pollster::block_on(lock_project(folder.path())).unwrap();
        let message = pollster::block_on(lock_project(folder.path())).unwrap_err().to_string();
        assert!(message.contains("another window or tab"), "{message}");
        drop(lock);
        pollster::block_on(lock_project(folder.path())).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_place_that_does_not_exist_yet_has_the_room_of_the_folder_around_it() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("not/yet");
        assert!(pollster::block_on(available(&missing)).is_some_and(|bytes| bytes > 0));
        let summary = pollster::block_on(open(&missing)).unwrap();
        assert!(summary.lasting && missing.is_dir());
    }
}
