//! A file's content, and handles that read and write it.

use super::{Entry, disk, error, key};
use std::fs::TryLockError;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use web_time::SystemTime;

/// A file, independent of its name; it may have none any more.
#[derive(Debug)]
pub(super) struct Node(Mutex<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub content: Content,
    /// Global sequence number of the content's last change.
    pub change: u64,
    pub modified: SystemTime,
    /// Length of the prefix that is unchanged since the file was last stored.
    pub kept: u64,
    /// Length of the prefix that is unchanged since the content was last shared with a storage plan.
    pub planned: u64,
    locked: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    Loaded(Arc<Vec<u8>>),
    /// A number of bytes that are only in the persistent storage.
    Stored(u64),
    /// Like `Stored`, and readable there at any time.
    Apart(u64, Reader),
}

/// A stored file that can be read synchronously.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    pub number: u64,
    /// Reads from an offset; takes the number and the offset, and returns the number of bytes read.
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

    /// The content; loads it into memory if necessary.
    pub(super) fn share(&self) -> Result<Arc<Vec<u8>>> {
        self.lock().load().cloned()
    }

    /// Reads from an offset, in memory or from the storage; returns the number of bytes read.
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

    /// The content; loads it into memory if necessary.
    fn load(&mut self) -> Result<&mut Arc<Vec<u8>>> {
        if let Content::Apart(length, reader) = self.content {
            self.content = Content::Loaded(Arc::new(reader.read_all(length)?));
        }
        match &mut self.content {
            Content::Loaded(bytes) => Ok(bytes),
            Content::Stored(_) | Content::Apart(..) => Err(not_loaded()),
        }
    }

    /// The bytes, for changes from offset `from` on.
    fn change(&mut self, from: u64, number: u64) -> Result<&mut Vec<u8>> {
        self.load()?;
        self.change = number;
        self.modified = SystemTime::now();
        self.kept = self.kept.min(from);
        self.planned = self.planned.min(from);
        // Holders of the old bytes keep them.
        self.load().map(Arc::make_mut)
    }

    fn set_len(&mut self, length: u64, number: u64) -> Result<()> {
        if length == 0 {
            // The old bytes need not be loaded, nor copied if shared.
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

/// Extends with zeros to a length.
fn grow(bytes: &mut Vec<u8>, length: u64) -> Result<()> {
    if length > bytes.len() as u64 {
        reserve(bytes, length)?;
        bytes.resize(length as usize, 0);
    }
    Ok(())
}

fn reserve(bytes: &mut Vec<u8>, length: u64) -> Result<()> {
    let length = usize::try_from(length).map_err(|_| ErrorKind::OutOfMemory)?;
    bytes.try_reserve(length.saturating_sub(bytes.len())).map_err(|_| ErrorKind::OutOfMemory.into())
}

/// Like `std::fs::OpenOptions`.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

/// Defines a setter per field.
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
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        read,
        write,
        truncate,
        create,
        /// Create the file; it must not exist.
        create_new
    }

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

#[derive(Debug)]
pub struct File {
    node: Arc<Node>,
    reads: bool,
    writes: bool,
    position: u64,
    /// Whether this handle holds the file's lock.
    locks: Mutex<bool>,
}

impl File {
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Creates or truncates a file for writing.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Truncates the file or extends it with zeros.
    pub fn set_len(&self, length: u64) -> Result<()> {
        self.may_write()?;
        let change = disk().next_change();
        self.node.lock().set_len(length, change)
    }

    /// Does not persist anything (see `lasting`); frees unused capacity.
    pub fn sync_all(&self) -> Result<()> {
        if let Content::Loaded(bytes) = &mut self.node.lock().content
            && let Some(bytes) = Arc::get_mut(bytes)
        {
            bytes.shrink_to_fit();
        }
        Ok(())
    }

    /// Locks the file until the handle is dropped.
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

    /// Fails while another handle has the lock. Nothing is held: the only program can probe at any time.
    pub fn try_lock_shared(&self) -> std::result::Result<(), TryLockError> {
        let held = *self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.node.lock().locked && !held { Err(TryLockError::WouldBlock) } else { Ok(()) }
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
        crate::pulse();
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
        crate::pulse();
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
