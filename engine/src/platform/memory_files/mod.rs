//! Files in memory by the names of `std::fs` and with its meanings, as far as the engine uses them. A browser has no file
//! system that answers at once, so the engine works on these and [`lasting`] carries what changes to the browser's storage.
//!
//! One tree serves the whole program, as one file system does. `/a` and `a` are the same place.

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

/// The tree: every entry by its path from the root, and what the lasting storage holds of it.
struct Disk {
    /// Paths order by their parts, so what is in a folder follows it directly.
    entries: BTreeMap<PathBuf, Entry>,
    /// Changes of contents so far.
    changes: u64,
    shadow: Shadow,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder,
    File(Arc<Node>),
}

/// No panic happens while the lock is held that would leave the tree half changed.
fn disk() -> MutexGuard<'static, Disk> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path's parts below the root, `.` and `..` resolved by their text alone.
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

    /// What stands at a path; `None` where nothing does, an error where its parent is missing or a file.
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

/// What is known of a file or folder without reading it.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// `None` for a folder.
    file: Option<(u64, SystemTime)>,
}

impl Metadata {
    fn of(entry: &Entry) -> Self {
        Self {
            file: match entry {
                Entry::Folder => None,
                Entry::File(node) => Some((node.len(), node.modified())),
            },
        }
    }

    /// A file's bytes; 0 for a folder.
    #[allow(clippy::len_without_is_empty, reason = "std::fs::Metadata has no such method")]
    pub fn len(&self) -> u64 {
        self.file.map_or(0, |(length, _)| length)
    }

    /// It is a file.
    pub fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// It is a folder.
    pub fn is_dir(&self) -> bool {
        self.file.is_none()
    }

    /// When a file was last changed.
    ///
    /// # Errors
    /// Folders do not say.
    pub fn modified(&self) -> Result<SystemTime> {
        self.file.map(|(_, modified)| modified).ok_or_else(|| ErrorKind::Unsupported.into())
    }
}

/// A name in a folder.
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    metadata: Metadata,
}

impl DirEntry {
    /// The folder's path, as it was asked for, and the name.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }

    /// What was known of it when the folder was read.
    pub fn metadata(&self) -> Result<Metadata> {
        Ok(self.metadata.clone())
    }

    /// File or folder: the metadata says it.
    pub fn file_type(&self) -> Result<Metadata> {
        self.metadata()
    }
}

/// File or folder, or an error where there is neither.
pub fn metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    disk().get(&key(path.as_ref())).map(|entry| Metadata::of(&entry))
}

/// The names in a folder, sorted.
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
            Ok(DirEntry { path, metadata: Metadata::of(entry) })
        })
        .collect();
    Ok(entries.into_iter())
}

/// Makes a folder in one that exists.
pub fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    let key = key(path.as_ref());
    let mut disk = disk();
    if disk.find(&key)?.is_some() {
        return error(ErrorKind::AlreadyExists);
    }
    disk.entries.insert(key, Entry::Folder);
    Ok(())
}

/// Makes a folder and those around it, as far as they are missing.
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

/// Removes a file. Those who have it open keep its content.
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

/// Removes a folder with all in it.
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

/// Gives a file or folder another place; a file that stands there is replaced, and so is an empty folder by a folder.
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

/// Copies a file's content to another file, which is made or replaced. Returns its bytes.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<u64> {
    if metadata(from.as_ref())?.is_dir() {
        return error(ErrorKind::InvalidInput);
    }
    let bytes = read(from)?;
    write(to, &bytes)?;
    Ok(bytes.len() as u64)
}

/// A file's whole content.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file's whole content as text.
pub fn read_to_string(path: impl AsRef<Path>) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// A file's whole content, shared with the file rather than copied.
pub fn share(path: impl AsRef<Path>) -> Result<Arc<Vec<u8>>> {
    match disk().get(&key(path.as_ref()))? {
        Entry::Folder => error(ErrorKind::IsADirectory),
        Entry::File(node) => node.share(),
    }
}

/// Makes or replaces a file.
pub fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<()> {
    File::create(path)?.write_all(content.as_ref())
}

#[cfg(test)]
mod tests;
