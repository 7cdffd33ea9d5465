//! Temporary folders that are moved into place once complete. If the process is killed, the old contents remain, or nothing, but
//! never an incomplete new folder. Folders left by dead processes are removed by the next process that works there.

use super::{shortened, sync_folder_of};
use crate::files::{File, TryLockError};
use crate::{self as platform, files};
use crate::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Prefix of their names.
pub const PREFIX: &str = ".partial-";

/// A folder with a temporary name, removed on drop unless it was moved into place.
///
/// A `.lock` file of the same name next to it is locked while the folder is in use. The operating system releases the lock when
/// the process ends, so a folder with a free lock is abandoned. The lock is taken before the folder is created.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Staging {
    /// Creates it in a folder that contains only our files.
    pub fn inside(folder: &Path) -> Result<Self> {
        Self::new(folder, PREFIX.as_ref(), true)
    }

    /// Creates it in the parent folder of `place`, which may contain other files.
    pub fn beside(place: &Path) -> Result<Self> {
        // A browser has no current folder, only absolute paths.
        let whole = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
        let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
            return Err(Error::bad_file(place, "cannot write to this place; choose another"));
        };
        files::create_dir_all(folder).map_err(Error::io(folder))?;
        let mut prefix = OsString::from(PREFIX);
        prefix.push(shortened(name));
        prefix.push("-");
        Self::new(folder, &prefix, false)
    }

    /// Creates it in a folder and removes abandoned ones; if the folder is `ours`, also those without a lock file.
    fn new(folder: &Path, prefix: &OsStr, ours: bool) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        sweep(folder, prefix, ours);
        let (path, lock_path, lock) = loop {
            let mut name = prefix.to_owned();
            name.push(format!("{}-{}", platform::process_number(), COUNT.fetch_add(1, Ordering::Relaxed)));
            let path = folder.join(name);
            let lock_path = lock_path(&path);
            // The error names the folder: the user knows nothing of the lock file.
            let lock = File::create(&lock_path).map_err(Error::io(folder))?;
            // Another program that sweeps may hold or have removed it.
            if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && files::exists(&lock_path) {
                break (path, lock_path, lock);
            }
        };
        let staging = Self { path, lock_path, _lock: lock };
        if files::exists(&staging.path) {
            files::remove_dir_all(&staging.path).map_err(Error::io(&staging.path))?;
        }
        files::create_dir(&staging.path).map_err(Error::io(&staging.path))?;
        Ok(staging)
    }

    /// The path to write to. Contents must be synced before the folder is moved into place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the folder to `place` if that is free or an empty folder; returns whether it did.
    pub fn put_new(&self, place: &Path) -> Result<bool> {
        sync_folder_of(&self.path.join("."));
        match files::rename(&self.path, place) {
            Ok(()) => {
                sync_folder_of(place);
                Ok(true)
            }
            Err(_) if files::exists(place) => Ok(false),
            Err(error) => Err(Error::io(place)(error)),
        }
    }

    /// Moves the folder to `place`, replacing what is there; atomically if the system supports it. Fails if the file system refuses; the
    /// existing contents are unchanged.
    pub fn put(&self, place: &Path) -> Result<()> {
        if self.put_new(place)? {
            return Ok(());
        }
        if platform::exchange(&self.path, place).is_err() {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".before");
            let aside = PathBuf::from(aside);
            files::rename(place, &aside).map_err(Error::io(place))?;
            if let Err(error) = files::rename(&self.path, place) {
                files::rename(&aside, place).map_err(Error::io(&aside))?;
                return Err(Error::io(place)(error));
            }
            files::rename(&aside, &self.path).map_err(Error::io(&aside))?;
        }
        sync_folder_of(place);
        // The temporary folder now holds the old contents and is removed with `self`.
        Ok(())
    }

    /// Moves a file of the folder to `place`, replacing an existing one. Fails if the file system refuses; the existing file is unchanged.
    pub fn put_file(&self, name: &str, place: &Path) -> Result<()> {
        files::rename(self.path.join(name), place).map_err(Error::io(place))?;
        sync_folder_of(place);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The folder may be gone, and after an error its removal is optional.
        files::remove_dir_all(&self.path).ok();
        files::remove_file(&self.lock_path).ok();
    }
}

/// The path that a user knows for one of [`super::partial_path`] or [`Staging::beside`].
pub fn known(path: &Path) -> PathBuf {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let final_name = |name: &str| {
        let (name, own) = match name.strip_prefix(PREFIX) {
            Some(beside) => {
                beside.match_indices('-').rev().nth(1).map(|(at, _)| (&beside[..at], &beside[at + 1..]))?
            }
            None => name.strip_suffix(super::PARTIAL)?.strip_suffix('.')?.rsplit_once('.')?,
        };
        let (process, number) = own.split_once('-')?;
        (digits(process) && digits(number)).then(|| name.to_owned())
    };
    let name = |part: std::path::Component<'_>| -> OsString {
        let own = part.as_os_str();
        own.to_str().and_then(final_name).map_or_else(|| own.to_owned(), Into::into)
    };
    path.components().map(name).collect()
}

fn lock_path(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    folder.with_file_name(name)
}

/// Removes abandoned folders with the prefix. What cannot be removed only takes space.
fn sweep(folder: &Path, prefix: &OsStr, ours: bool) {
    let Ok(entries) = files::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(prefix.as_encoded_bytes()) {
            continue;
        }
        if !files::is_dir(&path) {
            // The lock of a program that was killed before it made its folder, or while it removed it.
            let is_lock = name.ends_with(b".lock") && !files::exists(&path.with_extension(""));
            if is_lock
                && files::metadata(&path).is_ok_and(|own| own.is_file() && own.len() == 0)
                && let Ok(lock) = File::open(&path)
                && lock.try_lock().is_ok()
            {
                // While it is locked, so that nobody takes it meanwhile.
                files::remove_file(&path).ok();
            }
            continue;
        }
        let lock_path = lock_path(&path);
        let dead = match File::open(&lock_path) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => ours && error.kind() == std::io::ErrorKind::NotFound,
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
        // Abandoned before locks were used, abandoned since, and one that contains a finished preparation.
        folder(".partial-1");
        folder(".partial-2");
        File::create(data.path().join(".partial-2.lock")).unwrap();
        File::create(data.path().join(".partial-4.lock")).unwrap();
        folder("0123456789abcdef");
        folder(".partial-3");
        let living = File::create(data.path().join(".partial-3.lock")).unwrap();
        living.try_lock().unwrap();
        let staging = Staging::inside(data.path()).unwrap();
        let own = staging.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut wanted = [".partial-3", ".partial-3.lock", "0123456789abcdef", &own, &format!("{own}.lock")]
            .map(str::to_owned);
        wanted.sort();
        assert_eq!(names(data.path()), wanted);
        let other = Staging::inside(data.path()).unwrap();
        assert!(staging.path().is_dir() && other.path() != staging.path());
        drop(other);
        std::fs::write(staging.path().join("new"), "y").unwrap();
        let place = data.path().join("0123456789abcdef");
        assert!(!staging.put_new(&place).unwrap());
        assert_eq!(names(&place), ["train-00000.bin"]);
        staging.put(&place).unwrap();
        drop(staging);
        assert_eq!(names(&place), ["new"]);
        assert_eq!(names(data.path()), [".partial-3", ".partial-3.lock", "0123456789abcdef"]);
    }

    #[test]
    fn errors_name_files_as_the_user_knows_them() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("my-model.v2");
        let staging = Staging::beside(&place).unwrap();
        for (path, shown) in [
            (staging.path().join("config.json"), place.join("config.json")),
            (super::super::partial_path(&place), place.clone()),
            (folder.path().join("notes.partial"), folder.path().join("notes.partial")),
            (folder.path().join(".partial-1-0"), folder.path().join(".partial-1-0")),
        ] {
            let error = Error::io(&path)(std::io::ErrorKind::StorageFull.into()).to_string();
            assert!(error.starts_with(&format!("{}: ", shown.display())), "{error}");
        }
    }

    #[test]
    fn among_the_files_of_others_only_what_is_surely_ours_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".partial-model", ".partial-model-1-0", ".partial-model-2-0", ".partial-other-1-0"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        File::create(folder.path().join(".partial-model-2-0.lock")).unwrap();
        drop(Staging::beside(&folder.path().join("model")).unwrap());
        assert_eq!(names(folder.path()), [".partial-model", ".partial-model-1-0", ".partial-other-1-0"]);
    }
}
