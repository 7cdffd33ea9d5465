//! Large files stay in the storage, and are read there when someone asks: old checkpoints and milestones fill no memory. In a worker the
//! browser gives files that answer at once; they are opened before, which takes a promise, and nobody else can write them meanwhile.

use super::super::memory_files::lasting::Reader;
use super::opfs::{Folder, io_error};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use wasm_bindgen::JsValue;
use web_sys::{FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

/// Shorter files are kept in memory: of a small model also its milestones.
pub(super) const LARGE: u64 = 1 << 18;
/// Files that are open at a time at most: a browser has not endlessly many.
const MAX_OPEN_FILES: usize = 256;

struct Opened {
    number: u64,
    access: FileSystemSyncAccessHandle,
}

thread_local! {
    static OPEN: RefCell<(BTreeMap<PathBuf, Opened>, u64)> = const { RefCell::new((BTreeMap::new(), 0)) };
}

/// Opens a file for [`Reader`]; `None` where the browser refuses, as where another tab reads it.
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

/// Closes a file, or all in a folder, so that it can be written, moved or removed. Returns the numbers of what was open.
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

/// Opens a file that was closed again, where it is now, under its number.
pub(super) async fn reopen(storage: &Folder, path: &Path, number: u64) {
    open_as(storage, path, number).await.ok();
}

fn read(number: u64, at: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
    crate::platform::pulse();
    OPEN.with_borrow(|(open, _)| {
        let closed = || Error::new(ErrorKind::NotFound, "it was closed meanwhile; open its project again");
        let opened = open.values().find(|opened| opened.number == number).ok_or_else(closed)?;
        let options = FileSystemReadWriteOptions::new();
        options.set_at(at as f64);
        let count = opened.access.read_with_u8_array_and_options(buffer, &options);
        count.map(|count| count as usize).map_err(|error| io_error(&error))
    })
}
