//! Lasting storage in a browser: the origin-private file system (OPFS), in a folder of ours.
//!
//! The engine works on files in memory, which answer at once; [`flush`] then brings the OPFS to what they are, in an order
//! that leaves every project usable wherever a tab dies (`memory_files::lasting` says why). At the start all names and
//! sizes are read, and the content of the small records that the list of projects is made from. The rest of a project,
//! tokens and checkpoints above all, is loaded when it is opened and may be dropped when it is closed: what a browser's
//! page keeps in memory should be one project's, not every project's.
//!
//! Where a browser has no OPFS or blocks it (private windows, blocked cookies, no secure context), everything works in memory and
//! [`StorageSummary`] says that it does not last. Whether a browser may drop what is stored when its disk runs short can be asked
//! of a page alone (`navigator.storage.persist()`), not from here.

mod locks;
mod opfs;

use super::memory_files::{self as files, lasting};
use crate::error::{Error, Result};
use crate::protocol::StorageSummary;
use std::cell::RefCell;
use std::path::Path;
use wasm_bindgen::JsValue;
use web_time::SystemTime;

pub use locks::ProjectLock;

/// Our folder in the origin's file system, which other programs of the origin may share.
const FOLDER: &str = "glasshouse";
/// The name of the lock under which one tab at a time changes the storage.
const WRITING: &str = "glasshouse-storage";
/// What the list of projects reads, what says when one was deleted, and what is known of the device's kernels.
const RECORDS: [&str; 6] =
    ["project.json", "run.json", "run.toml", "metrics.jsonl", ".deleted", crate::gpu::TUNING_FILE];

thread_local! {
    /// Our folder, where there is one. A worker is one thread, and its storage one storage.
    static STORAGE: RefCell<Option<opfs::Folder>> = const { RefCell::new(None) };
}

fn storage() -> Option<opfs::Folder> {
    STORAGE.with_borrow(Clone::clone)
}

/// An error of the browser, as one of files.
fn io(path: &Path) -> impl FnOnce(JsValue) -> Error {
    move |error| Error::io(path)(opfs::io_error(&error))
}

/// Finds the browser's storage, mends what a dead tab left half written, and takes in its names and the small records.
///
/// # Errors
/// Files can be listed and yet not be read. A storage that is missing or blocked is no error.
pub async fn open(shelf: &Path) -> Result<StorageSummary> {
    if let Ok(folder) = opfs::Folder::open(FOLDER).await {
        let _writing = locks::hold(WRITING, false).await;
        mend(&folder).await.map_err(io(shelf))?;
        let listing = folder.list(Path::new("")).await.map_err(io(shelf))?;
        lasting::adopt(Path::new(""), Some(&listing));
        STORAGE.set(Some(folder));
        fetch(Path::new(""), |name| RECORDS.contains(&name)).await?;
    }
    files::create_dir_all(shelf).map_err(Error::io(shelf))?;
    Ok(summary(shelf).await)
}

/// Ends the replacement of a file that a dead tab began.
async fn mend(folder: &opfs::Folder) -> Result<(), JsValue> {
    let path = Path::new(lasting::REPLACING);
    let Ok(waiting) = folder.read(path).await else { return Ok(()) };
    if let Some(step) = lasting::replacement(&waiting) {
        folder.perform(&step).await?;
    }
    folder.perform(&lasting::Step::RemoveFile(path.to_owned())).await
}

/// Brings the contents of a folder's files into memory, as they are in the storage: where another tab changed them since
/// they were listed, they are listed again.
///
/// # Errors
/// The browser cannot read one, or another tab changes it at this moment.
pub async fn load(folder: &Path) -> Result<()> {
    look_again(folder).await?;
    fetch(folder, |_| true).await
}

/// Learns what other tabs changed on the shelf: projects that are new, gone, renamed or further trained. `open` is this tab's
/// own, which no other changes.
///
/// # Errors
/// The browser cannot list or read.
pub async fn refresh(shelf: &Path, open: Option<&Path>) -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    let shelf = files::key(shelf);
    let open = open.map(files::key);
    // While another tab stores, what it stores is not whole.
    let _writing = locks::hold(WRITING, false).await;
    let listing = match storage.list(&shelf).await {
        Ok(listing) => listing,
        // A first visit: no tab has stored anything yet.
        Err(error) if opfs::io_error(&error).kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(&shelf)(error)),
    };
    for folder in lasting::places(&shelf, &listing) {
        if Some(&folder) == open.as_ref() {
            continue;
        }
        let there: lasting::Listing = listing
            .iter()
            .filter(|(path, _)| path.starts_with(&folder) && **path != folder)
            .map(|(path, file)| (path.clone(), *file))
            .collect();
        let exists = listing.contains_key(&folder);
        let changed = lasting::known(&folder).is_some_and(|known| known != there);
        if changed || (exists && files::metadata(&folder).is_err()) {
            lasting::adopt(&folder, exists.then_some(&there));
        }
    }
    fetch(&shelf, |name| RECORDS.contains(&name)).await
}

/// Lists a folder again, unless this tab has changed it and did not store that yet.
async fn look_again(folder: &Path) -> Result<()> {
    let folder = &files::key(folder);
    let (Some(storage), Some(known)) = (storage(), lasting::known(folder)) else { return Ok(()) };
    let listed = storage.list(folder).await;
    let listing = match listed {
        Ok(listing) => Some(listing),
        Err(error) if opfs::io_error(&error).kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io(folder)(error)),
    };
    if listing.as_ref() != Some(&known) {
        lasting::adopt(folder, listing.as_ref());
    }
    Ok(())
}

async fn fetch(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    for file in lasting::absent(folder) {
        if !wanted(file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()) {
            continue;
        }
        let bytes = storage.read(&file.path).await.map_err(io(&file.path))?;
        if bytes.len() as u64 != file.length {
            let reason = "another tab changed it at this moment; try again";
            return Err(Error::bad_file(&file.path, reason));
        }
        file.fill(bytes);
    }
    Ok(())
}

/// Gives back the memory that a folder's files took, as far as they are stored. The small records stay.
pub fn unload(folder: &Path) {
    if storage().is_some() {
        let record = |path: &Path| RECORDS.iter().any(|name| path.ends_with(name));
        lasting::unload(folder, |path| !record(path));
    }
}

/// Makes what was written lasting: brings the storage to what the files in memory are.
///
/// # Errors
/// A full storage ([`std::io::ErrorKind::StorageFull`]) or another refusal. What is not stored yet stays in memory, and the next
/// call tries again; what was stored is usable.
pub async fn flush() -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    let _writing = locks::hold(WRITING, false).await;
    match store(&storage).await {
        Err(Error::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            // Another tab removed what this one works in; what is here in memory comes back.
            let listing = storage.list(Path::new("")).await.map_err(io(Path::new("/")))?;
            lasting::reconcile(Path::new(""), &listing);
            store(&storage).await
        }
        other => other,
    }
}

async fn store(storage: &opfs::Folder) -> Result<()> {
    for work in lasting::plan() {
        for step in &work.steps {
            storage.perform(step).await.map_err(io(work.path()))?;
        }
        let modified = match work.file() {
            Some(path) => storage.modified(path).await.ok(),
            None => None,
        };
        lasting::finished(work, modified);
    }
    Ok(())
}

/// Where projects are kept, and what the browser says of used and free room.
pub async fn summary(_shelf: &Path) -> StorageSummary {
    let lasting = storage().is_some();
    let (used, quota) = if lasting { opfs::estimate().await } else { (None, None) };
    let place = if lasting { "this browser" } else { "memory" };
    StorageSummary { place: place.to_owned(), lasting, used, quota }
}

/// A browser says it only to those who wait ([`available`]).
pub fn room(_path: &Path) -> Option<u64> {
    None
}

/// Bytes that can still be stored, where the browser says.
pub async fn available(_path: &Path) -> Option<u64> {
    let (used, quota) = opfs::estimate().await;
    Some(quota?.saturating_sub(used?))
}

/// Takes a project for this tab until the lock is dropped, and loads it as the last tab that had it left it.
///
/// # Errors
/// Another tab has it, or it cannot be read.
pub async fn lock_project(folder: &Path) -> Result<ProjectLock> {
    let name = format!("glasshouse-project:{}", folder.display());
    let lock = locks::hold(&name, true).await.ok_or_else(|| super::project_is_open(folder))?;
    load(folder).await?;
    Ok(lock)
}

/// A time that JavaScript gave, in milliseconds since 1970.
fn time_from_milliseconds(milliseconds: f64) -> SystemTime {
    web_time::UNIX_EPOCH + std::time::Duration::from_millis(milliseconds.max(0.0) as u64)
}
