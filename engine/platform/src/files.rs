//! File access with the names of `std::fs`. The engine uses only this module: natively it is `std::fs`, in a browser the
//! in-memory files that `storage` loads and stores.

/// In-memory files have no links.
#[cfg(target_arch = "wasm32")]
pub use super::memory_files::metadata as symlink_metadata;
#[cfg(target_arch = "wasm32")]
pub use super::memory_files::{
    DirEntry, File, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read, read_dir,
    read_to_string, remove_dir_all, remove_file, rename, write,
};
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::{
    DirEntry, File, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read, read_dir,
    read_to_string, remove_dir_all, remove_file, rename, symlink_metadata, write,
};

#[cfg(target_arch = "wasm32")]
pub use super::memory_files::Metadata;
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::Metadata;

use std::path::Path;

/// Removes an empty folder.
#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::remove_dir;

/// Removes an empty folder. Fails if the folder is not empty or does not exist.
#[cfg(target_arch = "wasm32")]
pub fn remove_dir(folder: impl AsRef<Path>) -> std::io::Result<()> {
    let folder = folder.as_ref();
    if read_dir(folder)?.next().is_some() {
        return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
    }
    remove_dir_all(folder)
}

/// Whether a file is in a folder once links are followed.
#[cfg(not(target_arch = "wasm32"))]
pub fn is_within(path: &Path, folder: &Path) -> bool {
    matches!((path.canonicalize(), folder.canonicalize()), (Ok(path), Ok(folder)) if path.starts_with(&folder))
}

/// Whether a file is in a folder. A browser's files have no links.
#[cfg(target_arch = "wasm32")]
pub fn is_within(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder)
}

/// Whether the path itself is a link, also one to nothing.
#[cfg(not(target_arch = "wasm32"))]
pub fn is_link(path: &Path) -> bool {
    symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether the path itself is a link. A browser's files have none.
#[cfg(target_arch = "wasm32")]
pub fn is_link(_: &Path) -> bool {
    false
}

/// Whether the path exists and is accessible.
pub fn exists(path: &Path) -> bool {
    metadata(path).is_ok()
}

pub fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_file())
}

pub fn is_dir(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
