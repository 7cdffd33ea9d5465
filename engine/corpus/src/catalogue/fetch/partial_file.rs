//! A file that is not whole yet.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What arrived of a file.
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    file: File,
    /// Bytes that are here.
    pub(super) bytes: u64,
    /// Whether it was made of more than one answer, perhaps of one that an earlier run got.
    pub(super) sewn: bool,
}

impl PartialFile {
    /// The part of a file that shall stand at `target`: what an earlier attempt left.
    pub(super) fn open(target: &Path) -> Result<Self> {
        let path = target.with_added_extension("part");
        let mut file =
            File::options().read(true).append(true).create(true).open(&path).map_err(Error::io(&path))?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::bad_file(
                path,
                "is being written by another download: wait for it, or end it",
            ));
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(Error::io(&path))?;
        Ok(Self { path, file, bytes, sewn: bytes > 0 })
    }

    /// Empties the part.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io(&self.path))?;
        self.bytes = 0;
        self.sewn = false;
        Ok(())
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
        self.file.sync_all().map_err(Error::io(&self.path))?;
        // Some systems rename no open file.
        drop(self.file);
        std::fs::rename(&self.path, target).map_err(Error::io(target))
    }

    /// Takes the part away: it is of no use. That it stays behind empty would do no harm.
    pub(super) fn remove(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}
