//! Where projects are kept, and who has one open. Natively that is the file system's own business.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use crate::error::{Error, Result};
    use glasshouse_protocol::StorageSummary;
    use std::fs::{File, TryLockError};
    use std::path::Path;

    /// Held while a project is open here, so that another program is told.
    #[derive(Debug)]
    pub struct ProjectLock {
        _file: Option<File>,
    }

    /// Gets ready to keep files under a folder.
    pub async fn open(shelf: &Path) -> Result<StorageSummary> {
        std::fs::create_dir_all(shelf).map_err(Error::io(shelf))?;
        Ok(summary(shelf).await)
    }

    /// Makes a folder's files readable.
    pub async fn load(_folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Makes what was written lasting.
    pub async fn flush() -> Result<()> {
        Ok(())
    }

    /// About the place.
    pub async fn summary(shelf: &Path) -> StorageSummary {
        StorageSummary { place: shelf.display().to_string(), lasting: true, used: None, quota: None }
    }

    /// Bytes that can still be written under a folder, where that is told.
    pub async fn available(_folder: &Path) -> Option<u64> {
        None
    }

    /// Takes a project for this window.
    ///
    /// # Errors
    /// Another program has it open.
    pub async fn lock_project(folder: &Path) -> Result<ProjectLock> {
        let path = folder.join("open.lock");
        // A project on a medium that cannot be written is still good for looking at.
        let Ok(file) = File::create(&path) else { return Ok(ProjectLock { _file: None }) };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Busy(
                "this project is open in another window; close it there first, and nothing gets mixed up"
                    .to_owned(),
            )),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(ProjectLock { _file: Some(file) }),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::{ProjectLock, available, flush, load, lock_project, open, summary};
