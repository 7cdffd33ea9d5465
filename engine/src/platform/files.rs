//! Files by the names of `std::fs`. The engine reads and writes through this module alone: natively it is `std::fs`, in a
//! browser the files in memory that `storage` loads and stores.

#[cfg(target_arch = "wasm32")]
pub use super::memory_files::{
    DirEntry, File, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read, read_dir,
    read_to_string, remove_dir_all, remove_file, rename, write,
};
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::{
    DirEntry, File, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read, read_dir,
    read_to_string, remove_dir_all, remove_file, rename, write,
};

/// What is known of a file or folder without reading it.
#[cfg(target_arch = "wasm32")]
pub use super::memory_files::Metadata;
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::Metadata;

use std::path::Path;

/// Removes a folder in which nothing is.
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::remove_dir;

/// Removes a folder in which nothing is.
///
/// # Errors
/// It holds something, or there is none.
#[cfg(target_arch = "wasm32")]
pub fn remove_dir(folder: impl AsRef<Path>) -> std::io::Result<()> {
    let folder = folder.as_ref();
    if read_dir(folder)?.next().is_some() {
        return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
    }
    remove_dir_all(folder)
}

/// Something stands there that can be looked at.
pub fn exists(path: &Path) -> bool {
    metadata(path).is_ok()
}

/// A file stands there.
pub fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// A folder stands there.
pub fn is_dir(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
