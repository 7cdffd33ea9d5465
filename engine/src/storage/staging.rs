//! The folder in which a preparation is made before it gets its final name, and the removal of those that dead programs
//! left.

use crate::error::{Error, Result};
use crate::platform::files::{File, TryLockError};
use crate::platform::{self, files};
use crate::storage;
use std::path::{Path, PathBuf};

const PREFIX: &str = ".partial-";

/// A folder under a temporary name, removed unless it is published.
///
/// Beside it lies a file of the same name and `.lock`, which is held as long as the folder is in use: the operating system
/// drops the lock with the program, so a folder whose lock is free belongs to nobody. The lock is taken before the folder
/// is made.
pub(super) struct Staging {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Staging {
    /// Makes the folder in `data`, and removes those of programs that died.
    pub(super) fn new(data: &Path) -> Result<Self> {
        sweep(data);
        let path = data.join(format!("{PREFIX}{}", platform::process_number()));
        let lock_path = lock_path(&path);
        let lock = File::create(&lock_path).map_err(Error::io(&lock_path))?;
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            let reason = "another preparation is under way here; wait for it and run again";
            return Err(Error::bad_file(path, reason));
        }
        let staging = Self { path, lock_path, _lock: lock };
        if files::exists(&staging.path) {
            files::remove_dir_all(&staging.path).map_err(Error::io(&staging.path))?;
        }
        files::create_dir_all(&staging.path).map_err(Error::io(&staging.path))?;
        Ok(staging)
    }

    /// Where to write.
    pub(super) fn folder(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its final name; a damaged one of that name makes room. Its files must be durable by now.
    pub(super) fn publish(self, folder: &Path) -> Result<()> {
        if files::exists(folder) {
            files::remove_dir_all(folder).map_err(Error::io(folder))?;
        }
        files::rename(&self.path, folder).map_err(Error::io(folder))?;
        storage::sync_folder_of(folder);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publishing there is nothing of this name; after an error its removal is a courtesy.
        files::remove_dir_all(&self.path).ok();
        files::remove_file(&self.lock_path).ok();
    }
}

fn lock_path(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    folder.with_file_name(name)
}

/// Removes what programs that died while preparing left behind. What cannot be removed only takes space.
fn sweep(data: &Path) {
    let Ok(entries) = files::read_dir(data) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if !ours || !files::is_dir(&path) {
            continue;
        }
        let lock_path = lock_path(&path);
        let dead = match File::open(&lock_path) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if dead {
            files::remove_dir_all(&path).ok();
            files::remove_file(&lock_path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(data: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(data)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_the_dead_left_is_removed_and_what_the_living_use_is_not() {
        let data = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            std::fs::create_dir(data.path().join(name)).unwrap();
            std::fs::write(data.path().join(name).join("train-00000.bin"), "x").unwrap();
        };
        // A death before locks were used, one since, and one whose folder is a finished preparation.
        folder(".partial-1");
        folder(".partial-2");
        File::create(data.path().join(".partial-2.lock")).unwrap();
        folder("0123456789abcdef");
        folder(".partial-3");
        let living = File::create(data.path().join(".partial-3.lock")).unwrap();
        living.try_lock().unwrap();
        let staging = Staging::new(data.path()).unwrap();
        let own = format!(".partial-{}", std::process::id());
        let mut wanted = [".partial-3", ".partial-3.lock", "0123456789abcdef", &own, &format!("{own}.lock")]
            .map(str::to_owned);
        wanted.sort();
        assert_eq!(names(data.path()), wanted);
        assert!(Staging::new(data.path()).err().unwrap().to_string().contains("under way"));
        assert!(staging.folder().is_dir());
        staging.publish(&data.path().join("0123456789abcdef")).unwrap();
        assert_eq!(names(data.path()), [".partial-3", ".partial-3.lock", "0123456789abcdef"]);
    }
}
