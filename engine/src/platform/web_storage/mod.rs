//! Lasting storage in a browser: the origin-private file system (OPFS), in a folder of ours.
//!
//! The engine works on files in memory, which answer at once; [`flush`] then brings the OPFS to what they are, in an order
//! that leaves every project usable wherever a tab dies (`memory_files::lasting` says why). At the start all names and
//! sizes are read, and the content of the small records that the list of projects is made from. The rest of a project,
//! tokens and checkpoints above all, is loaded when it is opened and may be dropped when it is closed: what a browser's
//! page keeps in memory should be one project's, not every project's. Large files stay in the storage even then, and are read
//! there when someone asks ([`apart`]).
//!
//! Where a browser has no OPFS or blocks it (private windows, blocked cookies, no secure context), everything works in memory and
//! [`StorageSummary`] says that it does not last. Whether a browser may drop what is stored when its disk runs short can be asked
//! of a page alone (`navigator.storage.persist()`), not from here.

mod apart;
mod locks;
mod opfs;

use super::memory_files::{self as files, lasting};
use crate::error::{Error, Result};
use crate::protocol::StorageSummary;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wasm_bindgen::JsValue;
use web_time::SystemTime;

pub use locks::ProjectLock;

/// Our folder in the origin's file system, which other programs of the origin may share.
const FOLDER: &str = "glasshouse";
/// The name of the lock under which one tab at a time changes the storage.
const WRITING: &str = "glasshouse-storage";
/// What the list of projects reads, and what is known of the device's kernels.
const RECORDS: [&str; 6] =
    ["project.json", "run.json", "run.toml", "metrics.jsonl", "clock.jsonl", super::TUNING_FILE];

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
        let _writing = Writing::begin(&folder).await;
        let listing = folder.list(Path::new("")).await.map_err(io(shelf))?;
        lasting::adopt(Path::new(""), Some(&listing));
        STORAGE.set(Some(folder));
        fetch(Path::new(""), |name| RECORDS.contains(&name), false).await?;
    }
    files::create_dir_all(shelf).map_err(Error::io(shelf))?;
    Ok(summary(shelf).await)
}

/// Held while this tab changes the storage, which one at a time may do.
struct Writing {
    _lock: Option<ProjectLock>,
    /// Places at which what a dead tab left half done could not be ended, for want of room: nothing is to be changed there.
    stuck: BTreeSet<PathBuf>,
}

impl Writing {
    /// Waits until no other tab changes the storage, and ends what one that died was in the middle of: it may have had its lock
    /// only a moment ago.
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

/// Does again what a journal names; says whether it is done.
async fn ended(storage: &opfs::Folder, steps: &[lasting::Step]) -> bool {
    for step in steps {
        match storage.perform(step).await {
            Ok(()) => {}
            // Its project was removed meanwhile.
            Err(error) if opfs::io_error(&error).kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return false,
        }
    }
    true
}

/// Brings the contents of a folder's files into memory, as they are in the storage: where another tab changed them since
/// they were listed, they are listed again.
///
/// # Errors
/// The browser cannot read one, or another tab changes it at this moment.
pub async fn load(folder: &Path) -> Result<()> {
    look_again(folder).await?;
    fetch(folder, |_| true, false).await
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
    let _writing = Writing::begin(&storage).await;
    let listing = match storage.list(&shelf).await {
        Ok(listing) => listing,
        // A first visit: no tab has stored anything yet.
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
        // What this tab removed and did not store yet is there, too.
        let is_new = exists && !lasting::holds(&folder);
        if changed || is_new {
            lasting::adopt(&folder, exists.then_some(&there));
        }
    }
    fetch(&shelf, |name| RECORDS.contains(&name), false).await
}

/// Lists a folder again, unless this tab has changed it and did not store that yet.
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

/// Brings contents into memory, of the files with the names that are wanted. With `apart`, large ones are opened instead, which
/// keeps other tabs from writing them: only for a project that this tab has to itself.
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
            let reason = "another tab changed it at this moment; try again";
            return Err(Error::bad_file(&file.path, reason));
        }
        file.fill(bytes);
    }
    Ok(())
}

fn is_record(path: &Path) -> bool {
    RECORDS.iter().any(|name| path.ends_with(name))
}

/// Gives back the memory that a folder's files took, as far as they are stored. The small records stay.
pub fn unload(folder: &Path) {
    if storage().is_some() {
        apart::close(&files::key(folder));
        lasting::unload(folder, |path| !is_record(path));
    }
}

/// Makes what was written lasting: brings the storage to what the files in memory are.
///
/// # Errors
/// A full storage ([`std::io::ErrorKind::StorageFull`]) or another refusal. What is not stored yet stays in memory, and the next
/// call tries again; what was stored is usable.
pub async fn flush() -> Result<()> {
    let Some(storage) = storage() else { return Ok(()) };
    let writing = Writing::begin(&storage).await;
    let mut failed = store(&storage, writing.stuck.clone()).await;
    let is_missing = |error: &Error| matches!(error, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound);
    if failed.iter().any(is_missing) {
        // Another tab removed what this one works in; what is here in memory comes back.
        let listing = storage.list(Path::new("")).await.map_err(io(Path::new("/")))?;
        lasting::reconcile(Path::new(""), &listing);
        failed = store(&storage, writing.stuck).await;
    }
    failed.into_iter().next().map_or(Ok(()), Err)
}

/// Does what is to be done, but at the places that are stuck. What fails is no reason to leave other places as they are.
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
                // What is stored and large is read there from now on, but for what grows.
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
    look_again(folder).await?;
    fetch(folder, |_| true, true).await?;
    Ok(lock)
}

/// A time that JavaScript gave, in milliseconds since 1970.
fn time_from_milliseconds(milliseconds: f64) -> SystemTime {
    web_time::UNIX_EPOCH + std::time::Duration::from_millis(milliseconds.max(0.0) as u64)
}
