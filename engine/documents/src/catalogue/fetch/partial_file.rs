//! A partially downloaded file.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    file: File,
    pub(super) bytes: u64,
    /// Whether it consists of more than one response, possibly of an earlier run.
    pub(super) sewn: bool,
}

impl PartialFile {
    /// Opens the part of the file `target`, with the data of an earlier attempt.
    pub(super) fn open(target: &Path) -> Result<Self> {
        let path = target.with_added_extension("part");
        let mut file =
            File::options().read(true).append(true).create(true).open(&path).map_err(Error::io(&path))?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            let reason = "is being written by another download: wait for it, or end it";
            return Err(Error::bad_file(path, reason));
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(Error::io(&path))?;
        Ok(Self { path, file, bytes, sewn: bytes > 0 })
    }

    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io(&self.path))?;
        self.bytes = 0;
        self.sewn = false;
        Ok(())
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.sync_data().map_err(Error::io(&self.path))
    }

    pub(super) fn finish(self, target: &Path) -> Result<()> {
        self.file.sync_all().map_err(Error::io(&self.path))?;
        // Some systems cannot rename an open file.
        drop(self.file);
        std::fs::rename(&self.path, target).map_err(Error::io(target))
    }

    pub(super) fn remove(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}
