//! A file's content, and the handles that read and write it.

use super::{Entry, disk, error, key};
use std::fs::TryLockError;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use web_time::SystemTime;

/// A file, whatever its name and whether it still has one.
#[derive(Debug)]
pub(super) struct Node(Mutex<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub content: Content,
    /// Number of the content's last change among those of all files.
    pub change: u64,
    pub modified: SystemTime,
    /// Bytes at the front that are as they were when the file was last stored.
    pub kept: u64,
    /// Likewise, since the content was last shared with a plan of storing it.
    pub planned: u64,
    locked: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    Loaded(Arc<Vec<u8>>),
    /// So many bytes that are in the lasting storage alone.
    Stored(u64),
    /// Likewise, and they can be read there at any time.
    Apart(u64, Reader),
}

/// A file in the lasting storage that answers at once, by a number.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The number.
    pub number: u64,
    /// Reads from a place on; returns how many bytes came.
    pub read: fn(u64, u64, &mut [u8]) -> Result<usize>,
}

impl Reader {
    fn read_all(&self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reserve(&mut bytes, length)?;
        bytes.resize(length as usize, 0);
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match (self.read)(self.number, at as u64, rest)? {
                0 => return error(ErrorKind::UnexpectedEof),
                count => at += count,
            }
        }
        Ok(bytes)
    }
}

impl Node {
    pub(super) fn new(content: Content, change: u64, modified: SystemTime) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner { content, change, modified, kept: 0, planned: 0, locked: false })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> u64 {
        self.lock().len()
    }

    pub(super) fn modified(&self) -> SystemTime {
        self.lock().modified
    }

    /// The content in memory, where it is from now on.
    pub(super) fn share(&self) -> Result<Arc<Vec<u8>>> {
        self.lock().load().cloned()
    }

    /// Reads from a place on, in memory or where the content is; returns how many bytes came.
    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        match &self.lock().content {
            Content::Loaded(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                Ok(count)
            }
            Content::Apart(length, reader) => {
                let count = length.saturating_sub(at).min(buffer.len() as u64) as usize;
                match buffer.get_mut(..count).filter(|part| !part.is_empty()) {
                    Some(part) => (reader.read)(reader.number, at, part),
                    None => Ok(0),
                }
            }
            Content::Stored(_) => Err(not_loaded()),
        }
    }
}

fn not_loaded() -> Error {
    Error::other("its content is not loaded from the browser's storage; open its project first")
}

impl Inner {
    pub(super) fn len(&self) -> u64 {
        match &self.content {
            Content::Loaded(bytes) => bytes.len() as u64,
            Content::Stored(length) | Content::Apart(length, _) => *length,
        }
    }

    /// The content, brought into memory where it is not.
    fn load(&mut self) -> Result<&mut Arc<Vec<u8>>> {
        if let Content::Apart(length, reader) = self.content {
            self.content = Content::Loaded(Arc::new(reader.read_all(length)?));
        }
        match &mut self.content {
            Content::Loaded(bytes) => Ok(bytes),
            Content::Stored(_) | Content::Apart(..) => Err(not_loaded()),
        }
    }

    /// The bytes, to be changed from `from` on.
    fn change(&mut self, from: u64, number: u64) -> Result<&mut Vec<u8>> {
        self.load()?;
        self.change = number;
        self.modified = SystemTime::now();
        self.kept = self.kept.min(from);
        self.planned = self.planned.min(from);
        // Whoever shares the old bytes keeps them.
        self.load().map(Arc::make_mut)
    }

    fn set_len(&mut self, length: u64, number: u64) -> Result<()> {
        if length == 0 {
            // The old bytes are not needed, so they need neither be loaded nor copied where they are shared.
            self.content = Content::Loaded(Arc::default());
        }
        let bytes = self.change(length, number)?;
        grow(bytes, length)?;
        bytes.truncate(length as usize);
        Ok(())
    }

    fn write(&mut self, at: u64, part: &[u8], number: u64) -> Result<()> {
        let bytes = self.change(at, number)?;
        let end = at.checked_add(part.len() as u64).ok_or(ErrorKind::FileTooLarge)?;
        grow(bytes, at)?;
        let at = at as usize;
        let inside = part.len().min(bytes.len() - at);
        let (over, beyond) = part.split_at(inside);
        reserve(bytes, end)?;
        if let Some(place) = bytes.get_mut(at..at + inside) {
            place.copy_from_slice(over);
        }
        bytes.extend_from_slice(beyond);
        Ok(())
    }
}

/// Zeros up to a length, as a file has where nothing was written.
fn grow(bytes: &mut Vec<u8>, length: u64) -> Result<()> {
    if length > bytes.len() as u64 {
        reserve(bytes, length)?;
        bytes.resize(length as usize, 0);
    }
    Ok(())
}

/// Memory for a length.
fn reserve(bytes: &mut Vec<u8>, length: u64) -> Result<()> {
    let length = usize::try_from(length).map_err(|_| ErrorKind::OutOfMemory)?;
    bytes.try_reserve(length.saturating_sub(bytes.len())).map_err(|_| ErrorKind::OutOfMemory.into())
}

/// How a file is opened, as `std::fs::OpenOptions` has it.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

/// The setter of a field.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident),*) => {
        $($(#[$doc])*
        pub fn $name(&mut self, wanted: bool) -> &mut Self {
            self.$name = wanted;
            self
        })*
    };
}

impl OpenOptions {
    /// Nothing is wanted yet.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// It can be read.
        read,
        /// It can be written.
        write,
        /// It is emptied.
        truncate,
        /// It is made where it is missing.
        create,
        /// It is made, and must not exist.
        create_new
    }

    /// Opens a file.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        let key = key(path.as_ref());
        let writes = self.write;
        if (self.create || self.create_new || self.truncate) && !writes {
            return error(ErrorKind::InvalidInput);
        }
        let mut disk = disk();
        let node = match disk.find(&key)? {
            Some(_) if self.create_new => return error(ErrorKind::AlreadyExists),
            Some(Entry::Folder) => return error(ErrorKind::IsADirectory),
            Some(Entry::File(node)) => {
                if self.truncate && node.len() > 0 {
                    let change = disk.next_change();
                    node.lock().set_len(0, change)?;
                }
                node
            }
            None if self.create || self.create_new => {
                let change = disk.next_change();
                let node = Node::new(Content::Loaded(Arc::default()), change, SystemTime::now());
                disk.entries.insert(key, Entry::File(node.clone()));
                node
            }
            None => return error(ErrorKind::NotFound),
        };
        Ok(File { node, reads: self.read, writes, position: 0, locks: Mutex::new(false) })
    }
}

/// An open file.
#[derive(Debug)]
pub struct File {
    node: Arc<Node>,
    reads: bool,
    writes: bool,
    position: u64,
    /// This handle holds the file's lock.
    locks: Mutex<bool>,
}

impl File {
    /// Opens a file to be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Makes a file, or empties it, to be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Cuts the file, or fills it up with zeros.
    pub fn set_len(&self, length: u64) -> Result<()> {
        self.may_write()?;
        let change = disk().next_change();
        self.node.lock().set_len(length, change)
    }

    /// Nothing is to be done: what is lasting is another's work. Room for growth is given back.
    pub fn sync_all(&self) -> Result<()> {
        if let Content::Loaded(bytes) = &mut self.node.lock().content
            && let Some(bytes) = Arc::get_mut(bytes)
        {
            bytes.shrink_to_fit();
        }
        Ok(())
    }

    /// Takes the file's lock until the handle is dropped.
    pub fn try_lock(&self) -> std::result::Result<(), TryLockError> {
        let mut held = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inner = self.node.lock();
        if inner.locked && !*held {
            return Err(TryLockError::WouldBlock);
        }
        inner.locked = true;
        *held = true;
        Ok(())
    }

    fn may_write(&self) -> Result<()> {
        if self.writes { Ok(()) } else { error(ErrorKind::PermissionDenied) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if *self.locks.get_mut().unwrap_or_else(PoisonError::into_inner) {
            self.node.lock().locked = false;
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if !self.reads {
            return error(ErrorKind::PermissionDenied);
        }
        crate::platform::pulse();
        let count = self.node.read(self.position, buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for File {
    fn write(&mut self, part: &[u8]) -> Result<usize> {
        self.may_write()?;
        if part.is_empty() {
            return Ok(0);
        }
        crate::platform::pulse();
        let change = disk().next_change();
        let mut inner = self.node.lock();
        let at = self.position;
        inner.write(at, part, change)?;
        self.position = at + part.len() as u64;
        Ok(part.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let (from, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.node.len(), offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        self.position = from.checked_add_signed(offset).ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
