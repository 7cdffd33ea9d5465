//! Files by the names of `std::fs`. The engine reads and writes through this module alone.

#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::{
    DirEntry, File, Metadata, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read,
    read_dir, read_to_string, remove_dir_all, remove_file, rename, write,
};

#[cfg(not(target_arch = "wasm32"))]
mod queries {
    use std::path::Path;

    /// Whether there is a file or folder.
    pub fn exists(path: &Path) -> bool {
        path.exists()
    }

    /// Whether there is a folder.
    pub fn is_dir(path: &Path) -> bool {
        path.is_dir()
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use queries::{exists, is_dir};
