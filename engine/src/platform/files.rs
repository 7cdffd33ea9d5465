//! Files by the names of `std::fs`. The engine reads and writes through this module alone.

#[cfg(not(target_arch = "wasm32"))]
pub use std::fs::{
    DirEntry, File, Metadata, OpenOptions, TryLockError, copy, create_dir, create_dir_all, metadata, read,
    read_dir, read_to_string, remove_dir_all, remove_file, rename, write,
};
