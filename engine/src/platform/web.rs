//! Browsers: WebAssembly without threads.

use crate::error::{Error, Result};
use std::path::Path;

/// A file's bytes, loaded whole: browsers map no files.
#[derive(Debug)]
pub struct Mapping(Vec<u8>);

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Loads a file.
pub fn map(path: &Path) -> Result<Mapping> {
    std::fs::read(path).map(Mapping).map_err(Error::io(path))
}

/// Browsers do not say.
pub fn available_memory() -> Option<u64> {
    None
}
