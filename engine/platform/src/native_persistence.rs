//! Persistent storage natively: the file system itself, with the same functions as in a browser.

use super::files::{self, File, TryLockError};
use crate::{Error, Result};
use glasshouse_protocol::StorageSummary;
use std::path::Path;

/// Creates the folder of all projects if it is missing, and describes the storage.
pub async fn open(shelf: &Path) -> Result<StorageSummary> {
    files::create_dir_all(shelf).map_err(Error::io(shelf))?;
    Ok(summary(shelf).await)
}

/// No-op: files can always be read.
pub async fn load(_folder: &Path) -> Result<()> {
    Ok(())
}

/// No-op: the file system is always up to date.
pub async fn refresh(_shelf: &Path, _open: Option<&Path>) -> Result<()> {
    Ok(())
}

/// No-op: files take no memory.
pub fn unload(_folder: &Path) {}

/// No-op: files are already persistent.
pub async fn flush() -> Result<()> {
    Ok(())
}

/// The storage location. Its usage is not reported, because the disk is shared with other data.
pub async fn summary(shelf: &Path) -> StorageSummary {
    StorageSummary {
        place: shelf.display().to_string(),
        lasting: true,
        used: None,
        quota: available(shelf).await,
    }
}

/// Bytes that can still be written at a path (or its nearest existing parent); `None` if the system does not report it.
pub async fn available(path: &Path) -> Option<u64> {
    room(path)
}

/// Blocking version of [`available`].
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

/// Locks a project while a front end has it open. The operating system releases it when the process ends.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
}

/// Locks a project for this front end until the lock is dropped. Training on the command line locks only its run. Fails if another window
/// has it open, or the folder cannot be written.
pub async fn lock_project(folder: &Path) -> Result<ProjectLock> {
    let path = folder.join(super::PROJECT_LOCK);
    let file = crate::storage::open_to_write(&path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(super::project_is_open(folder)),
        // Some network file systems have no locks; continue without one.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(ProjectLock { _file: file }),
    }
}

/// Not needed natively: a run that trains holds a lock that every program sees.
pub async fn is_open_elsewhere(_folder: &Path) -> bool {
    false
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
