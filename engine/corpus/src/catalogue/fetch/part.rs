//! A file that is not whole yet.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes that a tag kept beside a part may have: it came from a server.
const TAG_BYTES: usize = 512;

/// What arrived of a file, and the entity tag under which it did.
pub(super) struct Part {
    path: PathBuf,
    address: String,
    file: File,
    bytes: u64,
    tag: Option<String>,
    sewn: bool,
}

impl Part {
    /// The part of a file that shall stand at `target`: what an earlier attempt left, if it came from the same address.
    pub(super) fn open(target: &Path, address: &str) -> Result<Self> {
        let path = beside(target, ".part");
        let mut file =
            File::options().read(true).append(true).create(true).open(&path).map_err(Error::io(&path))?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::bad_file(
                path,
                "is being written by another download: wait for it, or end it",
            ));
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(Error::io(&path))?;
        let mut part = Self { tag: None, sewn: false, address: address.to_owned(), file, bytes, path };
        let known = std::fs::read_to_string(part.tag_path())
            .ok()
            .filter(|text| text.len() < 2 * TAG_BYTES + address.len());
        match known.as_deref().and_then(|text| text.split_once('\n')) {
            Some((from, tag)) if from == address => {
                part.tag = Some(tag.trim().to_owned()).filter(|tag| !tag.is_empty());
            }
            // It is not known what it is a part of.
            _ => part.restart()?,
        }
        Ok(part)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are here.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entity tag under which they arrived.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Empties the part.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io(&self.path))?;
        self.bytes = 0;
        self.tag = None;
        self.sewn = false;
        std::fs::remove_file(self.tag_path()).ok();
        Ok(())
    }

    /// Keeps what names the state of the file that the bytes to come belong to. A weak tag names none. If it cannot be kept, a later
    /// run starts from the beginning, which costs time alone.
    pub(super) fn remember(&mut self, tag: Option<&str>) {
        self.tag = tag.filter(|tag| tag.starts_with('"') && tag.len() <= TAG_BYTES).map(str::to_owned);
        let text = format!("{}\n{}\n", self.address, self.tag.as_deref().unwrap_or_default());
        std::fs::write(self.tag_path(), text).ok();
    }

    /// Says that what comes now is put behind what an earlier answer brought.
    pub(super) fn sew(&mut self) {
        self.sewn = true;
    }

    /// Whether it was made of more than one answer.
    pub(super) fn is_sewn(&self) -> bool {
        self.sewn
    }

    /// Adds bytes.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes sure that what was written is on the disk.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.sync_data().map_err(Error::io(&self.path))
    }

    /// Gives the whole file its name.
    pub(super) fn finish(self, target: &Path) -> Result<()> {
        let tag = self.tag_path();
        self.file.sync_all().map_err(Error::io(&self.path))?;
        // Some systems rename no open file.
        drop(self.file);
        std::fs::rename(&self.path, target).map_err(Error::io(target))?;
        std::fs::remove_file(tag).ok();
        Ok(())
    }

    /// Takes the part away: it is of no use. That it stays behind empty would do no harm.
    pub(super) fn remove(&mut self) {
        std::fs::remove_file(&self.path).ok();
        std::fs::remove_file(self.tag_path()).ok();
    }

    fn tag_path(&self) -> PathBuf {
        beside(&self.path, ".tag")
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
