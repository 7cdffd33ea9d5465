//! The known state of the persistent storage, and its synchronisation with the in-memory files: [`adopt`] and [`absent`] when a
//! project is opened, [`plan`] when something has changed.
//!
//! The storage is compared with memory instead of replaying changes. So files created and removed between two comparisons cost
//! nothing, nor do renames of unstored files, and nothing accumulates while the storage is full.

mod journal;
mod plan;

pub use journal::{JOURNAL, steps_of};
pub use plan::{PASSING, Step, finished, place_of, plan};

pub use super::file::Reader;
use super::file::{Content, Node};
use super::{Entry, disk};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use web_time::SystemTime;

/// The known contents of the storage.
#[derive(Debug)]
pub(super) struct Shadow {
    files: BTreeMap<PathBuf, Stored>,
    folders: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Stored {
    node: Arc<Node>,
    change: u64,
    length: u64,
    /// Modification time in the storage, if known.
    modified: Option<SystemTime>,
}

/// Contents of a storage folder: length and modification time of files, `None` for folders.
pub type Listing = BTreeMap<PathBuf, Option<(u64, SystemTime)>>;

impl Shadow {
    pub(super) const fn new() -> Self {
        Self { files: BTreeMap::new(), folders: BTreeSet::new() }
    }
}

fn adopt_folder(path: &Path) {
    let mut disk = disk();
    disk.entries.insert(path.to_owned(), Entry::Folder);
    disk.shadow.folders.insert(path.to_owned());
}

/// Adds a file without loading its content.
fn adopt_file(path: &Path, length: u64, modified: SystemTime) {
    let mut disk = disk();
    let change = disk.next_change();
    let node = Node::new(Content::Stored(length), change, modified);
    {
        let mut inner = node.lock();
        (inner.kept, inner.planned) = (length, length);
    }
    disk.entries.insert(path.to_owned(), Entry::File(node.clone()));
    disk.shadow.files.insert(path.to_owned(), Stored { node, change, length, modified: Some(modified) });
}

/// The known contents of a storage folder, for detecting changes by other tabs. `None` if this tab has unstored changes there,
/// and so is the one that changes it.
pub fn known(folder: &Path) -> Option<Listing> {
    let folder = super::key(folder);
    if plan().iter().any(|work| work.path().starts_with(&folder)) {
        return None;
    }
    let disk = disk();
    let below = |path: &&PathBuf| path.starts_with(&folder) && **path != folder;
    let folders = disk.shadow.folders.iter().filter(below).map(|path| (path.clone(), None));
    let files = disk.shadow.files.iter().filter(|(path, _)| below(path)).map(|(path, stored)| {
        // An unknown time matches none, so the file counts as changed.
        let modified = stored.modified.unwrap_or(web_time::UNIX_EPOCH);
        (path.clone(), Some((stored.length, modified)))
    });
    Some(folders.chain(files).collect())
}

/// Project folders on a shelf: those in its listing and those already known.
pub fn projects(shelf: &Path, listing: &Listing) -> BTreeSet<PathBuf> {
    let shelf = super::key(shelf);
    let disk = disk();
    let is_project = |path: &Path| {
        path.parent() == Some(&shelf)
            && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let listed = listing.iter().filter(|(_, file)| file.is_none()).map(|(path, _)| path);
    let known = disk.shadow.folders.iter();
    listed.chain(known).filter(|path| is_project(path)).cloned().collect()
}

/// Whether the storage is known to have a folder.
pub fn holds(folder: &Path) -> bool {
    disk().shadow.folders.contains(&super::key(folder))
}

/// Replaces what is known below a folder by a listing of the storage; without a listing, the folder is gone.
pub fn adopt(folder: &Path, listing: Option<&Listing>) {
    let folder = super::key(folder);
    {
        let mut disk = disk();
        disk.remove_tree(&folder);
        disk.shadow.folders.retain(|path| !path.starts_with(&folder));
        disk.shadow.files.retain(|path, _| !path.starts_with(&folder));
    }
    let Some(listing) = listing else { return };
    if folder.parent().is_some() {
        adopt_folder(&folder);
    }
    for (path, file) in listing {
        match file {
            None => adopt_folder(path),
            Some((length, modified)) => adopt_file(path, *length, *modified),
        }
    }
}

/// Forgets entries below a folder that another tab removed from the storage. Contents in memory are stored again by the next
/// plan; those only in the storage are lost.
pub fn reconcile(folder: &Path, listing: &Listing) {
    let folder = super::key(folder);
    let is_there = |path: &Path| !path.starts_with(&folder) || listing.contains_key(path);
    let mut disk = disk();
    disk.shadow.folders.retain(|path| is_there(path));
    disk.shadow.files.retain(|path, _| is_there(path));
    let super::Disk { entries, shadow, .. } = &mut *disk;
    entries.retain(|_, entry| match entry {
        Entry::Folder => true,
        Entry::File(node) => {
            let is_loaded = matches!(node.lock().content, Content::Loaded(_));
            is_loaded || shadow.files.values().any(|stored| Arc::ptr_eq(&stored.node, node))
        }
    });
}

/// A file whose content is only in the storage.
#[derive(Debug)]
pub struct Absent {
    node: Arc<Node>,
    /// Path in the storage.
    pub path: PathBuf,
    pub length: u64,
}

/// Files below a folder whose content is only in the storage.
pub fn absent(folder: &Path) -> Vec<Absent> {
    let folder = super::key(folder);
    let disk = disk();
    let lies = |node: &Arc<Node>| {
        disk.shadow
            .files
            .iter()
            .find(|(_, stored)| Arc::ptr_eq(&stored.node, node))
            .map(|(path, _)| path.clone())
    };
    disk.below(&folder)
        .filter_map(|(_, entry)| match entry {
            Entry::File(node) => match node.lock().content {
                Content::Stored(length) => Some((node.clone(), length)),
                Content::Loaded(_) | Content::Apart(..) => None,
            },
            Entry::Folder => None,
        })
        .filter_map(|(node, length)| Some(Absent { path: lies(&node)?, node, length }))
        .collect()
}

impl Absent {
    pub fn fill(self, bytes: Vec<u8>) {
        let mut inner = self.node.lock();
        if matches!(inner.content, Content::Stored(_)) {
            inner.kept = inner.kept.min(bytes.len() as u64);
            inner.planned = inner.kept;
            inner.content = Content::Loaded(Arc::new(bytes));
        }
    }
}

impl Absent {
    /// Keeps the content in the storage, to be read there.
    pub fn keep_apart(self, reader: Reader) {
        let mut inner = self.node.lock();
        if let Content::Stored(length) = inner.content {
            inner.content = Content::Apart(length, reader);
        }
    }
}

/// Bytes that could be freed by reading the file from the storage; `None` if it has unstored changes or is in use.
pub fn spare(path: &Path) -> Option<u64> {
    let path = super::key(path);
    let disk = disk();
    let stored = disk.shadow.files.get(&path)?;
    let inner = stored.node.lock();
    match &inner.content {
        Content::Loaded(bytes) if inner.change == stored.change && Arc::strong_count(bytes) == 1 => {
            Some(bytes.len() as u64)
        }
        _ => None,
    }
}

/// Frees the memory of a file with no unstored changes; it is read from the storage from now on.
pub fn set_apart(path: &Path, reader: Reader) {
    let path = super::key(path);
    if spare(&path).is_none() {
        return;
    }
    let disk = disk();
    if let Some(stored) = disk.shadow.files.get(&path) {
        stored.node.lock().content = Content::Apart(stored.length, reader);
    }
}

/// Drops contents below a folder from memory if they are stored.
pub fn unload(folder: &Path, wanted: impl Fn(&Path) -> bool) {
    let folder = super::key(folder);
    let disk = disk();
    for (path, entry) in disk.below(&folder) {
        let (Entry::File(node), Some(stored)) = (entry, disk.shadow.files.get(path)) else { continue };
        let mut inner = node.lock();
        if Arc::ptr_eq(node, &stored.node) && inner.change == stored.change && wanted(path) {
            inner.content = Content::Stored(stored.length);
        }
    }
}
