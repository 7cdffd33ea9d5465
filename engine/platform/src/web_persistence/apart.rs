//! Large files stay in the storage and are read on demand, so that old checkpoints and milestones take no memory. A worker can
//! read files synchronously through handles; opening one is asynchronous, and blocks writes by others meanwhile.

use super::super::memory_files::lasting::Reader;
use super::opfs::{Folder, io_error};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use wasm_bindgen::JsValue;
use web_sys::{FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

/// Smaller files are kept in memory, including milestones of small models.
pub(super) const LARGE: u64 = 1 << 18;
/// Maximum open files, because browsers limit them.
const MAX_OPEN_FILES: usize = 256;

struct Opened {
    number: u64,
    access: FileSystemSyncAccessHandle,
}

thread_local! {
    static OPEN: RefCell<(BTreeMap<PathBuf, Opened>, u64)> = const { RefCell::new((BTreeMap::new(), 0)) };
}

/// Opens a file for [`Reader`]; `None` if the browser refuses, for example because another tab reads it.
pub(super) async fn open(storage: &Folder, path: &Path) -> Option<Reader> {
    let number = OPEN.with_borrow_mut(|(open, last)| {
        *last += 1;
        (open.len() < MAX_OPEN_FILES).then_some(*last)
    })?;
    open_as(storage, path, number).await.ok()?;
    Some(Reader { number, read })
}

async fn open_as(storage: &Folder, path: &Path, number: u64) -> Result<(), JsValue> {
    close(path);
    let access = storage.access(path, false).await?;
    OPEN.with_borrow_mut(|(open, _)| open.insert(path.to_owned(), Opened { number, access }));
    Ok(())
}

/// Closes a file, or all files in a folder, so that it can be written, moved or removed. Returns the numbers of the open ones.
pub(super) fn close(path: &Path) -> Vec<(PathBuf, u64)> {
    OPEN.with_borrow_mut(|(open, _)| {
        let below: Vec<PathBuf> = open.keys().filter(|open| open.starts_with(path)).cloned().collect();
        let close = |path: PathBuf| {
            let Opened { number, access } = open.remove(&path)?;
            access.close();
            Some((path, number))
        };
        below.into_iter().filter_map(close).collect()
    })
}

/// Reopens a file at its current path under its old number.
pub(super) async fn reopen(storage: &Folder, path: &Path, number: u64) {
    open_as(storage, path, number).await.ok();
}

fn read(number: u64, at: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
    crate::pulse();
    OPEN.with_borrow(|(open, _)| {
        let closed = || Error::new(ErrorKind::NotFound, "it was closed meanwhile; open its project again");
        let opened = open.values().find(|opened| opened.number == number).ok_or_else(closed)?;
        let options = FileSystemReadWriteOptions::new();
        options.set_at(at as f64);
        let count = opened.access.read_with_u8_array_and_options(buffer, &options);
        count.map(|count| count as usize).map_err(|error| io_error(&error))
    })
}
