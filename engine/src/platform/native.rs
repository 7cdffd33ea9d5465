//! Windows, macOS and Linux.

use crate::error::{Error, Result};
use std::path::Path;

/// A file's bytes, read only, paged in by the operating system as they are touched.
#[derive(Debug)]
pub struct Mapping(Option<memmap2::Mmap>);

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Maps a file into memory.
pub fn map(path: &Path) -> Result<Mapping> {
    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    // Some systems refuse to map nothing.
    if file.metadata().map_err(Error::io(path))?.len() == 0 {
        return Ok(Mapping(None));
    }
    // SAFETY: the mapping is read only. Token shards are written once under a temporary name and never changed after
    // their folder got its final one, so no process of ours alters the bytes while they are borrowed.
    #[allow(unsafe_code, reason = "memory maps have no safe interface; shards are immutable once named")]
    let mapping = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io(path))?;
    Ok(Mapping(Some(mapping)))
}
