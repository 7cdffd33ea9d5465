//! The file system that documents come from and results go to.

use crate::readers::Readers;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A file opened for reading.
pub trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

/// What stands at a path, as far as reading goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A folder.
    Folder,
    /// A file of so many bytes.
    File(u64),
    /// Neither: a socket, a device, a link that leads nowhere.
    Other,
}

/// A file system: the operating system's, or a browser's files in memory.
pub trait Files: Sync {
    /// What stands there; links are followed.
    ///
    /// # Errors
    /// Nothing stands there, or it may not be looked at.
    fn file_type(&self, path: &Path) -> io::Result<FileType>;

    /// Whether it is a symbolic link.
    fn is_link(&self, _path: &Path) -> bool {
        false
    }

    /// The paths in a folder, in the order of their names.
    ///
    /// # Errors
    /// It is no folder or may not be read.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>>;

    /// Makes or empties a file for writing; the folder around it exists.
    ///
    /// # Errors
    /// It cannot be written, or nothing can be here.
    fn create(&self, _path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a file for writing behind its first so many bytes; what stands behind them goes.
    ///
    /// # Errors
    /// It cannot be written, or nothing outlives the program here.
    fn append(&self, _path: &Path, _length: u64) -> io::Result<Box<dyn Write + Send>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// When a file was last changed, in nanoseconds since 1970; none where that is not known.
    fn changed(&self, _path: &Path) -> Option<u64> {
        None
    }

    /// Makes a folder and those around it.
    ///
    /// # Errors
    /// It cannot be made.
    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Renames a file within its folder; a file of that name is replaced.
    ///
    /// # Errors
    /// It cannot be done.
    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// It cannot be done.
    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Holds the lock of a file that is there for it alone; none where another program holds it. Where nobody else can be, nothing is held.
    ///
    /// # Errors
    /// The file cannot be made.
    fn lock(&self, _path: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Lock::default()))
    }

    /// Who reads Parquet and PDF, where they are not to be read in here.
    fn readers(&self) -> Option<Readers> {
        None
    }
}

/// A lock that is held as long as this lives; the file that was there for it goes with it.
#[derive(Debug, Default)]
pub struct Lock(Option<(LockFile, PathBuf)>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.0 {
            std::fs::remove_file(path).ok();
        }
    }
}

/// A file that programs hold while they must not come in each other's way. The system drops what is held with the program.
/// On file systems without locks (some network drives) it holds nothing, and nobody waits.
#[derive(Debug)]
pub struct LockFile(std::fs::File);

impl LockFile {
    /// Opens it, and makes it where it is missing.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).map(Self)
    }

    /// Whether it is the file at this place: another program may have removed it meanwhile, and made another.
    pub fn is_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let place = |data: std::fs::Metadata| (data.dev(), data.ino());
            let there = std::fs::metadata(path).map(place).ok();
            there.is_some() && there == self.0.metadata().map(place).ok()
        }
        // Elsewhere a file that is open is not removed.
        #[cfg(not(unix))]
        path.exists()
    }

    /// Waits until nobody else holds it, and holds it alone.
    pub fn hold(&self) {
        self.0.lock().ok();
    }

    /// Waits until nobody holds it alone, and holds it with others.
    pub fn share(&self) {
        self.0.lock_shared().ok();
    }

    /// Holds it alone if nobody else holds it; what is held before is let go of in any case.
    pub fn try_hold(&self) -> bool {
        self.0.unlock().ok();
        !matches!(self.0.try_lock(), Err(std::fs::TryLockError::WouldBlock))
    }
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

/// The name of what comes in through a pipe.
pub const STANDARD_INPUT: &str = "-";

/// What came in through a pipe, in a file that nobody else sees and that goes with the program: it is read more than once.
static PIPED: OnceLock<Result<Mutex<std::fs::File>, String>> = OnceLock::new();

/// A reader of what came in through a pipe.
struct Piped {
    file: &'static Mutex<std::fs::File>,
    position: u64,
}

impl Piped {
    /// Opens it; the first time all of it is taken in.
    fn open() -> io::Result<Self> {
        let spooled = PIPED
            .get_or_init(|| spool(io::stdin().lock()).map(Mutex::new).map_err(|error| error.to_string()));
        let file = spooled.as_ref().map_err(|reason| io::Error::other(reason.as_str()))?;
        Ok(Self { file, position: 0 })
    }
}

/// Takes all of a pipe in.
fn spool(mut input: impl Read) -> io::Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("glasshouse-input-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    // The system keeps it as long as it is open.
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
            // Whoever held it until now may have removed it.
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
