//! What is to be done to a storage, and in which order. The storage knows no atomic rename, and a tab may die between any two
//! steps or in the middle of one, so the order matters:
//!
//! 1. Folders that are gone make room, unless something is to be moved out of them.
//! 2. Files that were renamed since they were stored are moved: nothing is copied.
//! 3. Files that are new or were replaced, in the order in which they were last written.
//! 4. Files that only grew (metrics): what a dead tab leaves of a tail is cut off on resuming. They come before the
//!    manifests, so that a resumed run finds metrics up to its checkpoint.
//! 5. Records (`.json`, and after them `.toml`), again in the order of writing: manifests after the checkpoints that they name,
//!    an index after its shards, a run's configuration after its record.
//! 6. Files that are gone: what old manifests named is still there until both manifests are new.
//!
//! A record, or a file that is replaced, must be the old one or the new one, and what gets another place must be whole in one
//! of the two. Such steps are written down before ([`super::journal`]); where a tab dies among them, they are done again.
//!
//! What fails at one place (a project's folder) is no reason to leave others as they are: [`Work::places`].
//!
//! So at any moment each of the two alternating manifests is the old one or the new one, and what either names is there.

use super::super::file::Content;
use super::super::{Entry, disk};
use super::{Shadow, Stored, journal::journaled};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use web_time::SystemTime;

/// Folder of files that are not stored.
pub const PASSING: &str = "passing";

/// Longer files are overwritten in place; none that must be whole is so long.
const MAX_REPLACED_BYTES: usize = 4 << 20;

/// One thing for a storage to do. It is done, or a dead tab leaves it half done; doing it again does no harm.
#[derive(Clone, Debug)]
pub enum Step {
    /// Makes a folder in one that exists.
    MakeFolder(PathBuf),
    /// Makes the file where it is missing, writes the bytes from `from` on at their place, and ends the file with them.
    Write {
        /// Which file.
        path: PathBuf,
        /// Bytes before it are as they should be.
        from: u64,
        /// The whole content.
        content: Arc<Vec<u8>>,
    },
    /// Gives a file another place, in place of what is there, if it is where it was.
    Move {
        /// Which.
        from: PathBuf,
        /// Where to.
        to: PathBuf,
    },
    /// Removes a file, if it is there.
    RemoveFile(PathBuf),
    /// Removes a folder with all in it, if it is there.
    RemoveFolder(PathBuf),
}

impl Step {
    /// The path that is worked on: of a move, where it goes to.
    pub fn path(&self) -> &Path {
        match self {
            Self::Write { path, .. } | Self::Move { to: path, .. } => path,
            Self::MakeFolder(path) | Self::RemoveFile(path) | Self::RemoveFolder(path) => path,
        }
    }
}

/// Steps that belong together, and what the storage holds after them.
#[derive(Debug)]
pub struct Work {
    /// In this order.
    pub steps: Vec<Step>,
    result: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Folder(PathBuf),
    File(PathBuf, Stored),
    NoFile(PathBuf),
    NoFolder(PathBuf),
    /// From where to where.
    Moved(Vec<(PathBuf, PathBuf)>),
}

impl Work {
    /// The files that are written or moved, whose times of change the storage now knows.
    pub fn files(&self) -> Vec<&Path> {
        match &self.result {
            Outcome::File(path, _) => vec![path],
            Outcome::Moved(moved) => moved.iter().map(|(_, to)| to.as_path()).collect(),
            _ => Vec::new(),
        }
    }

    /// Files that are written whole.
    pub fn written(&self) -> impl Iterator<Item = &Path> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write { path, from: 0, .. } => Some(path.as_path()),
            _ => None,
        })
    }

    /// A path that is worked on.
    pub fn path(&self) -> &Path {
        self.paths().first().copied().unwrap_or(Path::new(""))
    }

    /// Every path that is worked on.
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

    /// The places that are worked on. Where a work fails, those that come after it at the same place must not be done: a
    /// manifest, say, whose checkpoint found no room.
    pub fn places(&self) -> BTreeSet<PathBuf> {
        self.paths().into_iter().map(place_of).collect()
    }
}

/// What belongs together and apart from the rest: a project's folder on its shelf.
pub fn place_of(path: &Path) -> PathBuf {
    path.iter().take(2).collect()
}

/// All that is to be done now, in order. Contents are shared with the files as they are at this moment.
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
                    // It changes places with another, which no program of ours asks for.
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
                let place = if is_record(path) { &mut records } else { &mut contents };
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
        // A file may stand where a folder did, so only what is moved from may wait.
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
    // A folder with a run.toml is a run, however often its record was written since.
    let (settings, records): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(_, work)| is_settings(work.path()));
    for mut group in [contents, grown, records, settings] {
        group.sort_by_key(|(number, _)| *number);
        plan.extend(group.into_iter().map(|(_, work)| work));
    }
    plan.append(&mut gone);
    plan
}

/// Files that were renamed since they were stored, from where to where. Each group may be done twice: no file goes to where
/// another of its group comes from.
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
        // What is left changes places in a circle.
        if free.is_empty() {
            break;
        }
        groups.push(free);
        left = waiting;
    }
    groups
}

/// To be told after the steps of a work are done. `modified` has the times that the storage gave its files, so that they are
/// the same after the next start.
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

/// A file that people's work hangs on and that must be whole or absent: a project's, a run's, a manifest.
fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json") || is_settings(path)
}

fn is_settings(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
