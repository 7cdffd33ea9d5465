//! The steps needed to update the storage, and their order. The storage has no atomic rename, and a tab may die between or during
//! steps, so the order matters:
//!
//! 1. Deleted folders are removed, unless files are to be moved out of them.
//! 2. Files renamed since they were stored are moved without copying.
//! 3. Files that only grew (metrics) are extended, and new ones of their kind (`.jsonl`) written. A tail left by a dead tab is
//!    truncated on resume. They come before the checkpoints, which count even without a manifest, so that a resumed run finds
//!    metrics up to its checkpoint.
//! 4. New or replaced files are written, in the order in which they were last written.
//! 5. Records (`.json`, then `.toml`) are written, also in order of writing: manifests after the checkpoints they name, an index
//!    after its shards, a run's configuration after its record.
//! 6. Deleted files are removed last: what old manifests name exists until both manifests are new.
//!
//! A record or replaced file must have either its old or its new content, and a moved file must be complete in one of its places.
//! Such steps are first written to a journal ([`super::journal`]) and repeated if the tab dies.
//!
//! A failure at one place (a project's folder) does not prevent work at others: [`Work::places`].
//!
//! So at any moment each of the two alternating manifests is complete, old or new, and the files it names exist.

use super::super::file::Content;
use super::super::{Entry, disk};
use super::{Shadow, Stored, journal::journaled};
use glasshouse_protocol::order;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use web_time::SystemTime;

/// Folder of files that are not stored.
pub const PASSING: &str = "passing";

/// Longer files are overwritten in place; no file that must stay complete is that long.
const MAX_REPLACED_BYTES: usize = 4 << 20;

/// A storage operation. A dead tab may leave it half done; repeating it is safe.
#[derive(Clone, Debug)]
pub enum Step {
    /// Creates a folder; its parent exists.
    MakeFolder(PathBuf),
    /// Creates the file if missing, writes the content from offset `from` on, and truncates the file after it.
    Write {
        path: PathBuf,
        /// Bytes before this offset are already correct.
        from: u64,
        content: Arc<Vec<u8>>,
    },
    /// Moves a file, replacing the destination.
    Move {
        /// If it does not exist, nothing happens.
        from: PathBuf,
        to: PathBuf,
    },
    RemoveFile(PathBuf),
    /// Removes a folder and its contents if it exists.
    RemoveFolder(PathBuf),
}

impl Step {
    /// The affected path; for a move, its destination.
    pub fn path(&self) -> &Path {
        match self {
            Self::Write { path, .. } | Self::Move { to: path, .. } => path,
            Self::MakeFolder(path) | Self::RemoveFile(path) | Self::RemoveFolder(path) => path,
        }
    }
}

/// A group of steps, and the state of the storage after them.
#[derive(Debug)]
pub struct Work {
    pub steps: Vec<Step>,
    result: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Folder(PathBuf),
    File(PathBuf, Stored),
    NoFile(PathBuf),
    NoFolder(PathBuf),
    /// Pairs of source and destination.
    Moved(Vec<(PathBuf, PathBuf)>),
}

impl Work {
    /// Files written or moved; the storage now has their modification times.
    pub fn files(&self) -> Vec<&Path> {
        match &self.result {
            Outcome::File(path, _) => vec![path],
            Outcome::Moved(moved) => moved.iter().map(|(_, to)| to.as_path()).collect(),
            _ => Vec::new(),
        }
    }

    /// Files written completely.
    pub fn written(&self) -> impl Iterator<Item = &Path> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write { path, from: 0, .. } => Some(path.as_path()),
            _ => None,
        })
    }

    pub fn path(&self) -> &Path {
        self.paths().first().copied().unwrap_or(Path::new(""))
    }

    pub fn paths(&self) -> Vec<&Path> {
        match &self.result {
            Outcome::Folder(path)
            | Outcome::File(path, _)
            | Outcome::NoFile(path)
            | Outcome::NoFolder(path) => vec![path],
            Outcome::Moved(moved) => {
                moved.iter().flat_map(|(from, to)| [to.as_path(), from.as_path()]).collect()
            }
        }
    }

    /// The affected places. If a work fails, later works at the same place must be skipped: for example a manifest whose
    /// checkpoint found no room.
    pub fn places(&self) -> BTreeSet<PathBuf> {
        self.paths().into_iter().map(place_of).collect()
    }
}

/// The independent unit that a path belongs to: a project's folder on its shelf.
pub fn place_of(path: &Path) -> PathBuf {
    path.iter().take(2).collect()
}

/// All work needed now, in order. Contents are shared with the files as they are at this moment.
pub fn plan() -> Vec<Work> {
    let disk = disk();
    let (entries, shadow) = (&disk.entries, &disk.shadow);
    let moves = moves(entries, shadow);
    let mut stored: BTreeMap<&Path, &Stored> =
        shadow.files.iter().map(|(path, stored)| (path.as_path(), stored)).collect();
    let moved: Vec<_> =
        moves.iter().flatten().filter_map(|(from, to)| Some((to, stored.remove(from.as_path())?))).collect();
    stored.extend(moved.into_iter().map(|(to, file)| (to.as_path(), file)));
    let is_folder = |path: &PathBuf| matches!(entries.get(path), Some(Entry::Folder));
    let (mut early, mut contents, mut grown, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut folders, mut gone) = (Vec::new(), Vec::new());
    for (path, entry) in entries.iter().filter(|(path, _)| !path.starts_with(PASSING)) {
        match entry {
            Entry::Folder => {
                if stored.contains_key(path.as_path()) {
                    early.push(Work {
                        steps: vec![Step::RemoveFile(path.clone())],
                        result: Outcome::NoFile(path.clone()),
                    });
                }
                if !shadow.folders.contains(path) {
                    folders.push(Work {
                        steps: vec![Step::MakeFolder(path.clone())],
                        result: Outcome::Folder(path.clone()),
                    });
                }
            }
            Entry::File(node) => {
                let mut inner = node.lock();
                let before = stored.get(path.as_path()).copied();
                let same = before.filter(|stored| Arc::ptr_eq(&stored.node, node));
                if same.is_some_and(|stored| stored.change == inner.change) {
                    continue;
                }
                let result =
                    Stored { node: node.clone(), change: inner.change, length: inner.len(), modified: None };
                let result = Outcome::File(path.clone(), result);
                let content = match &inner.content {
                    Content::Loaded(content) => content.clone(),
                    // Exchanged with another file, which our programs never do.
                    Content::Stored(_) | Content::Apart(..) => continue,
                };
                let number = inner.change;
                inner.planned = inner.len();
                let write = |from| Step::Write { path: path.clone(), from, content: content.clone() };
                let whole = |place: &mut Vec<(u64, Work)>, result| {
                    let steps = journaled(vec![write(0)]);
                    place.push((number, Work { steps, result }));
                };
                let is_short = content.len() <= MAX_REPLACED_BYTES;
                let place = match before {
                    _ if is_record(path) => &mut records,
                    None if is_log(path) => &mut grown,
                    _ => &mut contents,
                };
                match (before, same) {
                    (Some(stored), Some(_)) if inner.kept > 0 || stored.length == 0 => {
                        grown.push((number, Work { steps: vec![write(inner.kept)], result }));
                    }
                    (before, _) if is_short && (before.is_some() || is_record(path)) => whole(place, result),
                    _ => place.push((number, Work { steps: vec![write(0)], result })),
                }
            }
        }
    }
    let mut covered: Option<&PathBuf> = None;
    for folder in shadow.folders.iter().filter(|folder| !is_folder(folder)) {
        if covered.is_some_and(|covered| folder.starts_with(covered)) {
            continue;
        }
        covered = Some(folder);
        let work = Work {
            steps: vec![Step::RemoveFolder(folder.clone())],
            result: Outcome::NoFolder(folder.clone()),
        };
        // A file may replace the folder, so only folders that are moved from may wait.
        let waits = moves.iter().flatten().any(|(from, _)| from.starts_with(folder));
        if waits { &mut gone } else { &mut early }.push(work);
    }
    for path in stored.keys().map(|path| path.to_path_buf()) {
        let inside_gone = shadow.folders.iter().any(|folder| path.starts_with(folder) && !is_folder(folder));
        if !entries.contains_key(&path) && !inside_gone {
            gone.push(Work { steps: vec![Step::RemoveFile(path.clone())], result: Outcome::NoFile(path) });
        }
    }
    let mut plan = early;
    plan.append(&mut folders);
    plan.extend(moves.into_iter().map(|moved| {
        let steps = moved.iter().map(|(from, to)| Step::Move { from: from.clone(), to: to.clone() });
        Work { steps: journaled(steps.collect()), result: Outcome::Moved(moved) }
    }));
    // A folder with a run.toml counts as a run, however often its record was written since.
    let (settings, records): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(_, work)| is_settings(work.path()));
    for mut group in [grown, contents, records, settings] {
        order::sort_by_key(&mut group, |(number, _)| *number);
        plan.extend(group.into_iter().map(|(_, work)| work));
    }
    plan.append(&mut gone);
    plan
}

/// Files renamed since they were stored, as pairs of source and destination. Each group can safely be repeated: no destination is
/// another file's source.
fn moves(entries: &BTreeMap<PathBuf, Entry>, shadow: &Shadow) -> Vec<Vec<(PathBuf, PathBuf)>> {
    let lies: BTreeMap<_, _> =
        shadow.files.iter().map(|(path, stored)| (Arc::as_ptr(&stored.node), path)).collect();
    let mut left: Vec<(PathBuf, PathBuf)> = entries
        .iter()
        .filter_map(|(path, entry)| match entry {
            Entry::Folder => None,
            Entry::File(node) => {
                let from = lies.get(&Arc::as_ptr(node)).filter(|from| **from != path)?;
                Some(((*from).clone(), path.clone()))
            }
        })
        .collect();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let sources: BTreeSet<&PathBuf> = left.iter().map(|(from, _)| from).collect();
        let (free, waiting): (Vec<_>, Vec<_>) =
            left.iter().cloned().partition(|(_, to)| !sources.contains(to));
        // The rest form cycles.
        if free.is_empty() {
            break;
        }
        groups.push(free);
        left = waiting;
    }
    groups
}

/// Records that a work's steps are done. `modified` returns the storage's modification times, so that they are the same after the
/// next start.
pub fn finished(work: Work, modified: impl Fn(&Path) -> Option<SystemTime>) {
    let mut disk = disk();
    let shadow = &mut disk.shadow;
    match work.result {
        Outcome::Folder(path) => {
            shadow.folders.insert(path);
        }
        Outcome::NoFile(path) => {
            shadow.files.remove(&path);
        }
        Outcome::NoFolder(path) => {
            shadow.folders.retain(|folder| !folder.starts_with(&path));
            shadow.files.retain(|file, _| !file.starts_with(&path));
        }
        Outcome::Moved(moved) => {
            let found: Vec<_> =
                moved.into_iter().filter_map(|(from, to)| Some((to, shadow.files.remove(&from)?))).collect();
            for (to, stored) in found {
                let modified = modified(&to);
                shadow.files.insert(to, Stored { modified, ..stored });
            }
        }
        Outcome::File(path, mut stored) => {
            stored.modified = modified(&path);
            {
                let mut inner = stored.node.lock();
                inner.kept = inner.planned;
                if inner.change == stored.change {
                    inner.modified = stored.modified.unwrap_or(inner.modified);
                }
            }
            shadow.files.insert(path, stored);
        }
    }
}

/// A file of lines that are only appended.
fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// A file that must be complete or absent: a project's or run's record, or a manifest.
fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json") || is_settings(path)
}

fn is_settings(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
