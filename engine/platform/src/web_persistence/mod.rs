//! Persistent storage in a browser: a folder in the origin-private file system (OPFS).
//!
//! The engine works on files in memory, which respond synchronously. [`flush`] then writes the changes to the OPFS in an order
//! that leaves every project usable if the tab dies (see `memory_files::lasting`). At startup, all names and sizes are read, and
//! the contents of the small records needed for the list of projects. The rest of a project, above all tokens and checkpoints, is
//! loaded when the project is opened and can be dropped when it is closed, so that memory holds one project instead of all. Large
//! files always stay in the storage and are read on demand ([`apart`]).
//!
//! If the browser has no OPFS or blocks it (private windows, blocked cookies, insecure context), everything works in memory and
//! [`StorageSummary`] reports that it is not persistent. Only a page, not this worker, can ask the browser to keep the data when
//! its disk runs short (`navigator.storage.persist()`).

mod apart;
mod locks;
mod opfs;

use super::memory_files::{self as files, lasting};
use crate::{Error, Result};
use glasshouse_protocol::StorageSummary;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wasm_bindgen::JsValue;
use web_time::SystemTime;

pub use locks::ProjectLock;

/// Our folder in the origin's file system, which other programs of the origin may share.
const FOLDER: &str = "glasshouse";
/// Name of the lock that lets one tab at a time change the storage.
const WRITING: &str = "glasshouse-storage";
/// Files needed for the list of projects, and what was measured on the devices.
const RECORDS: [&str; 6] =
    ["project.json", "run.json", "run.toml", "about.json", super::TUNING_FILE, super::SPEEDS_FILE];

thread_local! {
    /// Our folder, if there is one. Thread-local, because each worker is one thread with one storage.
    static STORAGE: RefCell<Option<opfs::Folder>> = const { RefCell::new(None) };
}

fn storage() -> Option<opfs::Folder> {
    STORAGE.with_borrow(Clone::clone)
}

/// Converts a browser error to a file error.
fn io(path: &Path) -> impl FnOnce(JsValue) -> Error {
    move |error| Error::io(path)(opfs::io_error(&error))
}

/// Opens the browser's storage, completes writes interrupted by a dead tab, and reads all names and the small records. Fails if files can
/// be listed but not read. A missing or blocked storage is not an error.
pub async fn open(shelf: &Path) -> Result<StorageSummary> {
    if let Ok(folder) = opfs::Folder::open(FOLDER).await {
        let _writing = Writing::begin(&folder).await;
        let listing = folder.list(Path::new("")).await.map_err(io(shelf))?;
        lasting::adopt(Path::new(""), Some(&listing));
        STORAGE.set(Some(folder));
        fetch(Path::new(""), |name| RECORDS.contains(&name), false).await?;
    }
    files::create_dir_all(shelf).map_err(Error::io(shelf))?;
    Ok(summary(shelf).await)
}

/// Guard of the storage's lock: only one tab at a time may change the storage.
struct Writing {
    _lock: Option<ProjectLock>,
    /// Paths where an interrupted write could not be completed for lack of space; nothing may be changed there.
    stuck: BTreeSet<PathBuf>,
}

impl Writing {
    /// Waits for the storage's lock, then completes what a tab that died may have left unfinished.
    async fn begin(storage: &opfs::Folder) -> Self {
        let lock = locks::hold(WRITING, false).await;
        let mut stuck = BTreeSet::new();
        for name in storage.names().await.unwrap_or_default() {
            let journal = Path::new(&name);
            if !name.starts_with(lasting::JOURNAL) {
                continue;
            }
            let steps = match storage.read(journal).await {
                Ok(journal) => lasting::steps_of(&journal).unwrap_or_default(),
                Err(_) => continue,
            };
            if ended(storage, &steps).await {
                storage.perform(&lasting::Step::RemoveFile(journal.to_owned())).await.ok();
            } else {
                stuck.extend(steps.iter().map(|step| lasting::place_of(step.path())));
            }
        }
        Self { _lock: lock, stuck }
    }
}

/// Repeats the steps of a journal; returns whether they succeeded.
async fn ended(storage: &opfs::Folder, steps: &[lasting::Step]) -> bool {
    for step in steps {
        match storage.perform(step).await {
            Ok(()) => {}
            // The project was removed meanwhile.
            Err(error) if opfs::io_error(&error).kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return false,
        }
    }
    true
}

/// Loads the contents of a folder's files from the storage; lists the folder again first if another tab changed it. Fails if the browser
/// cannot read a file, or another tab is changing it.
pub async fn load(folder: &Path) -> Result<()> {
    look_again(folder).await?;
    fetch(folder, |_| true, false).await
}

/// Picks up other tabs' changes on the shelf: new, deleted, renamed or further trained projects. `open` is this tab's own project, which no
/// other tab changes.
pub async fn refresh(shelf: &Path, open: Option<&Path>) -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    let shelf = files::key(shelf);
    let open = open.map(files::key);
    // While another tab is writing, its data is incomplete.
    let _writing = Writing::begin(&storage).await;
    let listing = match storage.list(&shelf).await {
        Ok(listing) => listing,
        // First visit: no tab has stored anything yet.
        Err(error) if opfs::io_error(&error).kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(&shelf)(error)),
    };
    for folder in lasting::projects(&shelf, &listing) {
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
        // Skip projects that this tab removed but has not flushed yet.
        let is_new = exists && !lasting::holds(&folder);
        if changed || is_new {
            lasting::adopt(&folder, exists.then_some(&there));
        }
    }
    fetch(&shelf, |name| RECORDS.contains(&name), false).await
}

/// Lists a folder again, unless this tab has unflushed changes in it.
async fn look_again(folder: &Path) -> Result<()> {
    let folder = &files::key(folder);
    let (Some(storage), Some(known)) = (storage(), lasting::known(folder)) else { return Ok(()) };
    let _writing = Writing::begin(&storage).await;
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

/// Loads the contents of the files whose names are `wanted`. With `apart`, large files are opened for reading on demand instead;
/// this blocks writes by other tabs, so it requires the project's lock.
async fn fetch(folder: &Path, wanted: impl Fn(&str) -> bool, apart: bool) -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    for file in lasting::absent(folder) {
        if !wanted(file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()) {
            continue;
        }
        if apart
            && file.length >= apart::LARGE
            && !is_record(&file.path)
            && let Some(reader) = apart::open(&storage, &file.path).await
        {
            file.keep_apart(reader);
            continue;
        }
        let bytes = storage.read(&file.path).await.map_err(io(&file.path))?;
        if bytes.len() as u64 != file.length {
            let reason = "another tab is changing it; try again";
            return Err(Error::bad_file(&file.path, reason));
        }
        file.fill(bytes);
    }
    Ok(())
}

fn is_record(path: &Path) -> bool {
    RECORDS.iter().any(|name| path.ends_with(name))
}

/// Frees the memory of a folder's stored files, except for the small records.
pub fn unload(folder: &Path) {
    if storage().is_some() {
        apart::close(&files::key(folder));
        lasting::unload(folder, |path| !is_record(path));
    }
}

/// Writes all changes in memory to the storage. Fails if the storage is full ([`std::io::ErrorKind::StorageFull`]) or refuses a write.
/// Unwritten changes stay in memory and the next call retries them; the stored state remains usable.
pub async fn flush() -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    let writing = Writing::begin(&storage).await;
    let mut failed = store(&storage, writing.stuck.clone()).await;
    let is_missing = |error: &Error| matches!(error, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound);
    if failed.iter().any(is_missing) {
        // Another tab removed the project this tab works in; write it again from memory.
        let listing = storage.list(Path::new("")).await.map_err(io(Path::new("/")))?;
        lasting::reconcile(Path::new(""), &listing);
        failed = store(&storage, writing.stuck).await;
    }
    failed.into_iter().next().map_or(Ok(()), Err)
}

/// Performs the planned work except at `stuck` paths. A failure does not prevent work at other paths.
async fn store(storage: &opfs::Folder, mut stuck: BTreeSet<PathBuf>) -> Vec<Error> {
    let mut failed = Vec::new();
    for work in lasting::plan() {
        let places = work.places();
        if !places.is_disjoint(&stuck) {
            continue;
        }
        match storage.perform_all(&work.steps).await {
            Err(error) => {
                stuck.extend(places);
                failed.push(io(work.path())(error));
            }
            Ok(()) => {
                let mut modified = BTreeMap::new();
                for path in work.files() {
                    modified.extend(storage.modified(path).await.ok().map(|time| (path.to_owned(), time)));
                }
                let written: Vec<PathBuf> = work.written().map(Path::to_owned).collect();
                lasting::finished(work, |path| modified.get(path).copied());
                // From now on, read large stored files on demand, except for growing ones.
                for path in written {
                    if lasting::spare(&path).is_some_and(|bytes| bytes >= apart::LARGE)
                        && !is_record(&path)
                        && let Some(reader) = apart::open(storage, &path).await
                    {
                        lasting::set_apart(&path, reader);
                    }
                }
            }
        }
    }
    failed
}

/// Storage location, and used and free space as reported by the browser.
pub async fn summary(_shelf: &Path) -> StorageSummary {
    let lasting = storage().is_some();
    let (used, quota) = if lasting { opfs::estimate().await } else { (None, None) };
    let place = if lasting { StorageSummary::BROWSER } else { "memory" };
    StorageSummary { place: place.to_owned(), lasting, used, quota }
}

/// Always `None`: the browser reports it only asynchronously ([`available`]).
pub fn room(_path: &Path) -> Option<u64> {
    None
}

/// Bytes that can still be stored, if the browser reports it.
pub async fn available(_path: &Path) -> Option<u64> {
    let (used, quota) = opfs::estimate().await;
    Some(quota?.saturating_sub(used?))
}

/// Locks a project for this tab until the lock is dropped, and loads the state left by the last tab that had it. Fails if another tab has
/// it open, or it cannot be read.
pub async fn lock_project(folder: &Path) -> Result<ProjectLock> {
    let lock = locks::hold(&lock_name(folder), true).await.ok_or_else(|| super::project_is_open(folder))?;
    look_again(folder).await?;
    fetch(folder, |_| true, true).await?;
    Ok(lock)
}

/// Whether a tab has a project open. Locks of files are known only within a tab, so a run that trains in another one looks abandoned.
pub async fn is_open_elsewhere(folder: &Path) -> bool {
    locks::is_held(&lock_name(folder)).await
}

fn lock_name(folder: &Path) -> String {
    format!("glasshouse-project:{}", folder.display())
}

/// Converts a JavaScript time in milliseconds since 1970.
fn time_from_milliseconds(milliseconds: f64) -> SystemTime {
    web_time::UNIX_EPOCH + std::time::Duration::from_millis(milliseconds.max(0.0) as u64)
}
