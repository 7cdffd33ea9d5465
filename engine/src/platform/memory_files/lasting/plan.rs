//! What is to be done to a storage, and in which order. The storage knows no atomic rename, and a tab may die between any two
//! steps or in the middle of one, so the order matters:
//!
//! 1. Folders that are gone make room, unless something is to be copied out of them.
//! 2. Files that are new or were replaced, in the order in which they were last written.
//! 3. Files that only grew (metrics): what a dead tab leaves of a tail is cut off on resuming. They come before the
//!    manifests, so that a resumed run finds metrics up to its checkpoint.
//! 4. Records (`.json`, and after them `.toml`), again in the order of writing: manifests after the checkpoints that they name,
//!    an index after its shards, a run's configuration after its record.
//! 5. Files that are gone: what old manifests named is still there until both manifests are new.
//!
//! A record, or a file that is replaced, must be the old one or the new one. The new content first goes to a file of its own,
//! [`REPLACING`], with a checksum; where a tab dies while the place itself is written, [`replacement`] finds it there.
//!
//! So at any moment each of the two alternating manifests is the old one or the new one, and what either names is there.

use super::super::file::Content;
use super::super::{Entry, disk, key};
use super::Stored;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use web_time::SystemTime;

/// Where new content waits while it replaces old: at the storage's root.
pub const REPLACING: &str = ".replacing";
/// What begins it: then come the checksum of all that follows it (u32), the path's length (u32), path and content.
const MARK: &[u8; 8] = b"GHswap1\n";
/// Longer files are overwritten in place; none that must be whole is so long.
const LONGEST_REPLACED: usize = 4 << 20;

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
    /// Makes a copy of a file.
    Copy {
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
}

impl Work {
    /// The file that is written, whose time of change the storage now knows.
    pub fn file(&self) -> Option<&Path> {
        match &self.result {
            Outcome::File(path, _) => Some(path),
            _ => None,
        }
    }

    /// The path that is worked on.
    pub fn path(&self) -> &Path {
        match &self.result {
            Outcome::Folder(path)
            | Outcome::File(path, _)
            | Outcome::NoFile(path)
            | Outcome::NoFolder(path) => path,
        }
    }
}

/// All that is to be done now, in order. Contents are shared with the files as they are at this moment.
pub fn plan() -> Vec<Work> {
    let disk = disk();
    let (entries, shadow) = (&disk.entries, &disk.shadow);
    let is_folder = |path: &PathBuf| matches!(entries.get(path), Some(Entry::Folder));
    let (mut early, mut contents, mut grown, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut folders, mut gone) = (Vec::new(), Vec::new());
    let mut sources = BTreeSet::new();
    for (path, entry) in entries {
        match entry {
            Entry::Folder => {
                if shadow.files.contains_key(path) {
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
                let before = shadow.files.get(path);
                let same = before.filter(|stored| Arc::ptr_eq(&stored.node, node));
                if same.is_some_and(|stored| stored.change == inner.change) {
                    continue;
                }
                let result =
                    Stored { node: node.clone(), change: inner.change, length: inner.len(), modified: None };
                let result = Outcome::File(path.clone(), result);
                let content = match &inner.content {
                    Content::Loaded(content) => content.clone(),
                    Content::Stored(_) => {
                        // Not in memory: it was renamed, and lies where it was before.
                        let lies = shadow.files.iter().find(|(_, stored)| Arc::ptr_eq(&stored.node, node));
                        if let Some((from, _)) = lies {
                            sources.insert(from.clone());
                            let step = Step::Copy { from: from.clone(), to: path.clone() };
                            contents.push((inner.change, Work { steps: vec![step], result }));
                        }
                        continue;
                    }
                };
                let number = inner.change;
                inner.planned = inner.len();
                let write = |from| Step::Write { path: path.clone(), from, content: content.clone() };
                let whole = |place: &mut Vec<(u64, Work)>, result| {
                    let waiting = Step::Write {
                        path: REPLACING.into(),
                        from: 0,
                        content: Arc::new(waiting(path, &content)),
                    };
                    let steps = vec![waiting, write(0), Step::RemoveFile(REPLACING.into())];
                    place.push((number, Work { steps, result }));
                };
                let is_short = content.len() <= LONGEST_REPLACED;
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
        // A file may stand where a folder did, so only what is copied from may wait.
        let waits = sources.iter().any(|source| source.starts_with(folder));
        if waits { &mut gone } else { &mut early }.push(work);
    }
    for path in shadow.files.keys() {
        let inside_gone = shadow.folders.iter().any(|folder| path.starts_with(folder) && !is_folder(folder));
        if !entries.contains_key(path) && !inside_gone {
            gone.push(Work {
                steps: vec![Step::RemoveFile(path.clone())],
                result: Outcome::NoFile(path.clone()),
            });
        }
    }
    let mut plan = early;
    plan.append(&mut folders);
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

/// To be told after the steps of a work are done. `modified` is the time that the storage gave a file, so that it is the
/// same after the next start.
pub fn finished(work: Work, modified: Option<SystemTime>) {
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
        Outcome::File(path, mut stored) => {
            stored.modified = modified;
            {
                let mut inner = stored.node.lock();
                inner.kept = inner.planned;
                if inner.change == stored.change {
                    inner.modified = modified.unwrap_or(inner.modified);
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

/// A file that waits to replace another.
fn waiting(path: &Path, content: &[u8]) -> Vec<u8> {
    let name = path.to_string_lossy();
    let length = (name.len() as u32).to_le_bytes();
    let covered = [&length[..], name.as_bytes(), content].concat();
    [MARK, &crc32c::crc32c(&covered).to_le_bytes()[..], &covered].concat()
}

/// The step that ends a replacement which a dead tab left, from the content of [`REPLACING`]. `None` where that is not whole:
/// then the old file is.
pub fn replacement(waiting: &[u8]) -> Option<Step> {
    let rest = waiting.strip_prefix(MARK)?;
    let (checksum, covered) = rest.split_first_chunk::<4>()?;
    if crc32c::crc32c(covered) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (length, rest) = covered.split_first_chunk::<4>()?;
    let (name, content) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let path = key(Path::new(std::str::from_utf8(name).ok()?));
    Some(Step::Write { path, from: 0, content: Arc::new(content.to_vec()) })
}
