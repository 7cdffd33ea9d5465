//! Abstraction of the file system for inputs and outputs.

use crate::readers::Readers;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

pub trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Folder,
    /// A file with its size in bytes.
    File(u64),
    /// Anything else: a socket, a device, a broken link.
    Other,
}

/// A file system: the operating system's, or a browser's files in memory.
pub trait Files: Sync {
    /// The type of a path, following links.
    fn file_type(&self, path: &Path) -> io::Result<FileType>;

    fn is_link(&self, _path: &Path) -> bool {
        false
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>>;

    /// Creates or truncates a file for writing; its folder exists.
    fn create(&self, _path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a file for writing after its first `length` bytes, and truncates the rest.
    fn append(&self, _path: &Path, _length: u64) -> io::Result<Box<dyn Write + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A file's modification time in nanoseconds since 1970; `None` if unknown.
    fn changed(&self, _path: &Path) -> Option<u64> {
        None
    }

    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Acquires the lock of a lock file; `None` if another program holds it. By default, for file systems without other
    /// programs, nothing is locked.
    fn lock(&self, _path: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Lock::default()))
    }

    /// External readers of Parquet and PDF, if these are not read in this process.
    fn readers(&self) -> Option<Readers> {
        None
    }
}

/// A lock, held until it is dropped; its file is then removed.
#[derive(Debug, Default)]
pub struct Lock(Option<(LockFile, PathBuf)>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.0 {
            std::fs::remove_file(path).ok();
        }
    }
}

/// A lock file for mutual exclusion between programs. The system releases its lock when the program ends. On file systems
/// without locks (some network drives) nothing is locked, and nobody waits.
#[derive(Debug)]
pub struct LockFile(std::fs::File);

impl LockFile {
    pub fn open(path: &Path) -> std::io::Result<Self> {
        // A link may name any file, and a pipe would be waited for.
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(std::io::Error::other("is a link or no regular file; remove it"));
        }
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).map(Self)
    }

    /// Whether it is still the file at this path: another program may have replaced it.
    pub fn is_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let place = |data: std::fs::Metadata| (data.dev(), data.ino());
            let there = std::fs::metadata(path).map(place).ok();
            there.is_some() && there == self.0.metadata().map(place).ok()
        }
        // On other systems an open file cannot be removed.
        #[cfg(not(unix))]
        path.exists()
    }

    pub fn hold(&self) {
        self.0.lock().ok();
    }

    pub fn share(&self) {
        self.0.lock_shared().ok();
    }

    /// Tries to acquire an exclusive lock; releases a previously held one in any case.
    pub fn try_hold(&self) -> bool {
        self.0.unlock().ok();
        !matches!(self.0.try_lock(), Err(std::fs::TryLockError::WouldBlock))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

pub const STANDARD_INPUT: &str = "-";

/// Standard input, spooled to an unlinked temporary file: it is read more than once.
static PIPED: OnceLock<Result<Mutex<std::fs::File>, String>> = OnceLock::new();

struct Piped {
    file: &'static Mutex<std::fs::File>,
    position: u64,
}

impl Piped {
    fn open() -> io::Result<Self> {
        let spooled = PIPED
            .get_or_init(|| spool(io::stdin().lock()).map(Mutex::new).map_err(|error| error.to_string()));
        let file = spooled.as_ref().map_err(|reason| io::Error::other(reason.as_str()))?;
        Ok(Self { file, position: 0 })
    }
}

fn spool(mut input: impl Read) -> io::Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("glasshouse-input-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    // The system keeps it while it is open.
    std::fs::remove_file(&path)?;
    io::copy(&mut input, &mut file)?;
    Ok(file)
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(io::SeekFrom::Start(self.position))?;
        let count = file.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Piped {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(io::SeekFrom::Start(self.position))?;
        self.position = file.seek(to)?;
        Ok(self.position)
    }
}

impl Files for SystemFiles {
    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        if path == Path::new(STANDARD_INPUT) {
            return Ok(FileType::File(Piped::open()?.seek(io::SeekFrom::End(0))?));
        }
        let metadata = std::fs::metadata(path)?;
        Ok(if metadata.is_dir() {
            FileType::Folder
        } else if metadata.is_file() {
            FileType::File(metadata.len())
        } else {
            FileType::Other
        })
    }

    fn is_link(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink())
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>> {
        if path == Path::new(STANDARD_INPUT) {
            return Ok(Box::new(Piped::open()?));
        }
        Ok(Box::new(std::fs::File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(std::fs::File::create(path)?))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn Write + Send>> {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(Box::new(file))
    }

    fn changed(&self, path: &Path) -> Option<u64> {
        let changed = std::fs::metadata(path).ok()?.modified().ok()?;
        let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_nanos()).ok()
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        loop {
            let file = LockFile::open(path)?;
            if !file.try_hold() {
                return Ok(None);
            }
            // The previous holder may have removed it.
            if file.is_at(path) {
                return Ok(Some(Lock(Some((file, path.to_owned())))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_through_a_pipe_is_read_more_than_once() {
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let file: &'static Mutex<std::fs::File> =
            Box::leak(Box::new(Mutex::new(spool(content.as_slice()).unwrap())));
        let readers = || Piped { file, position: 0 };
        let (mut one, mut other) = (readers(), readers());
        let (mut first, mut again) = (vec![0; 1000], Vec::new());
        one.read_exact(&mut first).unwrap();
        other.seek(io::SeekFrom::End(-8)).unwrap();
        other.read_to_end(&mut again).unwrap();
        one.read_to_end(&mut first).unwrap();
        assert_eq!((first.as_slice(), again.as_slice()), (content.as_slice(), &content[content.len() - 8..]));
    }
}
