//! In-memory files with the names and semantics of `std::fs`, as far as the engine uses them. Browsers have no synchronous file
//! system, so the engine works on these files, and [`lasting`] stores changes persistently.
//!
//! There is one tree for the whole program. `/a` and `a` are the same path.

mod file;
pub mod lasting;

pub use file::{File, OpenOptions};
pub use std::fs::TryLockError;

use file::Node;
use lasting::Shadow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use web_time::SystemTime;

static DISK: Mutex<Disk> = Mutex::new(Disk { entries: BTreeMap::new(), changes: 0, shadow: Shadow::new() });

/// The tree: every entry by its path from the root, and the state of the persistent storage.
struct Disk {
    /// Paths sort by component, so a folder's contents directly follow it.
    entries: BTreeMap<PathBuf, Entry>,
    /// Number of content changes so far.
    changes: u64,
    shadow: Shadow,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder,
    File(Arc<Node>),
}

/// Ignores poisoning: no panic can leave the tree inconsistent while the lock is held.
fn disk() -> MutexGuard<'static, Disk> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Normalises a path relative to the root; `.` and `..` are resolved textually.
pub fn key(path: &Path) -> PathBuf {
    let mut key = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => key.push(name),
            Component::ParentDir => {
                key.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    key
}

fn error<T>(kind: ErrorKind) -> Result<T> {
    Err(kind.into())
}

impl Disk {
    fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// The entry at a path; `None` if there is none, an error if its parent is missing or is a file.
    fn find(&self, key: &Path) -> Result<Option<Entry>> {
        let Some(parent) = key.parent() else { return Ok(Some(Entry::Folder)) };
        match self.find(parent)? {
            Some(Entry::Folder) => Ok(self.entries.get(key).cloned()),
            Some(Entry::File(_)) => error(ErrorKind::NotADirectory),
            None => error(ErrorKind::NotFound),
        }
    }

    fn get(&self, key: &Path) -> Result<Entry> {
        self.find(key)?.ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Paths strictly below a folder, in order.
    fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Entry)> {
        let from =
            self.entries.range::<Path, _>((std::ops::Bound::Excluded(folder), std::ops::Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(folder))
    }

    fn remove_tree(&mut self, key: &Path) {
        let below: Vec<PathBuf> = self.below(key).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.entries.remove(&path);
        }
        self.entries.remove(key);
    }
}

#[derive(Clone, Debug)]
pub struct Metadata {
    /// `None` for a folder.
    file: Option<(u64, SystemTime)>,
}

impl Metadata {
    fn from_entry(entry: &Entry) -> Self {
        Self {
            file: match entry {
                Entry::Folder => None,
                Entry::File(node) => Some((node.len(), node.modified())),
            },
        }
    }

    /// Length in bytes; 0 for a folder.
    #[allow(clippy::len_without_is_empty, reason = "std::fs::Metadata has no such method")]
    pub fn len(&self) -> u64 {
        self.file.map_or(0, |(length, _)| length)
    }

    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    pub fn is_dir(&self) -> bool {
        self.file.is_none()
    }

    /// Time of a file's last change. Fails for folders.
    pub fn modified(&self) -> Result<SystemTime> {
        self.file.map(|(_, modified)| modified).ok_or_else(|| ErrorKind::Unsupported.into())
    }
}

#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    metadata: Metadata,
}

impl DirEntry {
    /// The folder's path, as requested, joined with the name.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    pub fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }

    /// Metadata from the time the folder was read.
    pub fn metadata(&self) -> Result<Metadata> {
        Ok(self.metadata.clone())
    }

    /// Returns the metadata, which has `is_file` and `is_dir`.
    pub fn file_type(&self) -> Result<Metadata> {
        self.metadata()
    }
}

pub fn metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    disk().get(&key(path.as_ref())).map(|entry| Metadata::from_entry(&entry))
}

/// Entries of a folder, sorted by name.
pub fn read_dir(path: impl AsRef<Path>) -> Result<std::vec::IntoIter<Result<DirEntry>>> {
    let path = path.as_ref();
    let key = key(path);
    let disk = disk();
    if let Entry::File(_) = disk.get(&key)? {
        return error(ErrorKind::NotADirectory);
    }
    let entries: Vec<_> = disk
        .below(&key)
        .filter(|(below, _)| below.parent() == Some(&key))
        .map(|(below, entry)| {
            let path = path.join(below.file_name().unwrap_or_default());
            Ok(DirEntry { path, metadata: Metadata::from_entry(entry) })
        })
        .collect();
    Ok(entries.into_iter())
}

/// Creates a folder; its parent must exist.
pub fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    let key = key(path.as_ref());
    let mut disk = disk();
    if disk.find(&key)?.is_some() {
        return error(ErrorKind::AlreadyExists);
    }
    disk.entries.insert(key, Entry::Folder);
    Ok(())
}

/// Creates a folder and its missing parents.
pub fn create_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    match create_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_dir_all(key(path).parent().unwrap_or(Path::new("")))?;
            create_dir_all(path)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && metadata(path)?.is_dir() => Ok(()),
        other => other,
    }
}

/// Removes a file. Open handles keep its content.
pub fn remove_file(path: impl AsRef<Path>) -> Result<()> {
    let key = key(path.as_ref());
    let mut disk = disk();
    match disk.get(&key)? {
        Entry::Folder => error(ErrorKind::IsADirectory),
        Entry::File(_) => {
            disk.entries.remove(&key);
            Ok(())
        }
    }
}

/// Removes a folder and its contents.
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let key = key(path.as_ref());
    let mut disk = disk();
    match disk.get(&key)? {
        Entry::File(_) => error(ErrorKind::NotADirectory),
        Entry::Folder => {
            disk.remove_tree(&key);
            Ok(())
        }
    }
}

/// Moves a file or folder. An existing file at the destination is replaced by a file, and an empty folder by a folder.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let (from, to) = (key(from.as_ref()), key(to.as_ref()));
    let mut disk = disk();
    let (found, target) = (disk.find(&from)?, disk.find(&to)?);
    let found = found.ok_or(ErrorKind::NotFound)?;
    if from == to {
        return Ok(());
    }
    if to.starts_with(&from) {
        return error(ErrorKind::InvalidInput);
    }
    match (&found, target) {
        (_, Some(Entry::Folder)) if from.starts_with(&to) => return error(ErrorKind::DirectoryNotEmpty),
        (Entry::File(_), Some(Entry::Folder)) => return error(ErrorKind::IsADirectory),
        (Entry::Folder, Some(Entry::File(_))) => return error(ErrorKind::NotADirectory),
        (Entry::Folder, Some(Entry::Folder)) if disk.below(&to).next().is_some() => {
            return error(ErrorKind::DirectoryNotEmpty);
        }
        _ => {}
    }
    let moved: Vec<(PathBuf, Entry)> = disk
        .below(&from)
        .map(|(path, entry)| (to.join(path.strip_prefix(&from).unwrap_or(path)), entry.clone()))
        .collect();
    disk.remove_tree(&from);
    disk.entries.insert(to, found);
    disk.entries.extend(moved);
    Ok(())
}

/// Copies a file's content, creating or replacing the destination. Returns its length in bytes.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<u64> {
    if metadata(from.as_ref())?.is_dir() {
        return error(ErrorKind::InvalidInput);
    }
    let bytes = read(from)?;
    write(to, &bytes)?;
    Ok(bytes.len() as u64)
}

pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub fn read_to_string(path: impl AsRef<Path>) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// A file's content, shared with the file instead of copied.
pub fn share(path: impl AsRef<Path>) -> Result<Arc<Vec<u8>>> {
    match disk().get(&key(path.as_ref()))? {
        Entry::Folder => error(ErrorKind::IsADirectory),
        Entry::File(node) => node.share(),
    }
}

pub fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
    File::create(path)?.write_all(content.as_ref())
}

#[cfg(test)]
mod tests;
