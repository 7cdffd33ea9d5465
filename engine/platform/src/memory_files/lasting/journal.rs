//! A journal for steps that belong together: a file in the storage's root lists the steps in progress, with a checksum. If the
//! tab dies, the next one that changes the storage repeats them; repeating each is safe.

use super::super::key;
use super::plan::Step;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Prefix of a journal's name.
pub const JOURNAL: &str = ".journal-";
/// Start of a journal, followed by the checksum (u32) of the rest, and the steps.
const MARK: &[u8; 8] = b"GHsteps1";

/// Start of a step.
const WRITE: u8 = b'w';
const MOVE: u8 = b'm';

/// The steps, preceded by writing the journal and followed by removing it.
pub(super) fn journaled(steps: Vec<Step>) -> Vec<Step> {
    let covered = written(&steps);
    let path: PathBuf = format!("{JOURNAL}{:08x}", crc32c::crc32c(first_path(&steps))).into();
    let content = Arc::new([MARK, &crc32c::crc32c(&covered).to_le_bytes()[..], &covered].concat());
    let begin = Step::Write { path: path.clone(), from: 0, content };
    std::iter::once(begin).chain(steps).chain([Step::RemoveFile(path)]).collect()
}

/// One journal per place: what failed at one place stays in its journal while others continue.
fn first_path(steps: &[Step]) -> &[u8] {
    let path = steps.first().map_or(Path::new(""), Step::path);
    path.as_os_str().as_encoded_bytes()
}

fn written(steps: &[Step]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |tag: u8, path: &Path, rest: &[u8]| {
        bytes.push(tag);
        for part in [path.to_string_lossy().as_bytes(), rest] {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
    };
    for step in steps {
        match step {
            Step::Write { path, content, .. } => put(WRITE, path, content),
            Step::Move { from, to } => put(MOVE, from, to.to_string_lossy().as_bytes()),
            // Removals are not journaled, because they make room when there is none for a journal.
            Step::MakeFolder(_) | Step::RemoveFile(_) | Step::RemoveFolder(_) => {}
        }
    }
    bytes
}

/// The steps in a journal, to be repeated. `None` if the journal is incomplete: then none was started.
pub fn steps_of(journal: &[u8]) -> Option<Vec<Step>> {
    let rest = journal.strip_prefix(MARK)?;
    let (checksum, mut rest) = rest.split_first_chunk::<4>()?;
    if crc32c::crc32c(rest) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut steps = Vec::new();
    while let Some((tag, after)) = rest.split_first() {
        let (path, after) = part(after)?;
        let (content, after) = part(after)?;
        rest = after;
        let path = place(path)?;
        steps.push(match *tag {
            WRITE => Step::Write { path, from: 0, content: Arc::new(content.to_vec()) },
            MOVE => Step::Move { from: path, to: place(content)? },
            _ => return None,
        });
    }
    Some(steps)
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn place(name: &[u8]) -> Option<PathBuf> {
    Some(key(Path::new(std::str::from_utf8(name).ok()?)))
}
