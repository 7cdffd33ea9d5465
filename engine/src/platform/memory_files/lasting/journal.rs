//! What must be done as a whole is first written down: a file at the storage's root says which steps are under way, with a
//! checksum. Where a tab dies among them, whoever changes the storage next does them again; each may be done twice.

use super::super::key;
use super::plan::Step;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a journal's name begins with.
pub const JOURNAL: &str = ".journal-";
/// What a journal begins with: then come the checksum of all that follows it (u32), and the steps.
const MARK: &[u8; 8] = b"GHsteps1";

/// What begins a step.
const WRITE: u8 = b'w';
const MOVE: u8 = b'm';

/// Steps with those that write them down before and cross them out after them.
pub(super) fn journaled(steps: Vec<Step>) -> Vec<Step> {
    let covered = written(&steps);
    let path: PathBuf = format!("{JOURNAL}{:08x}", crc32c::crc32c(first_path(&steps))).into();
    let content = Arc::new([MARK, &crc32c::crc32c(&covered).to_le_bytes()[..], &covered].concat());
    let begin = Step::Write { path: path.clone(), from: 0, content };
    std::iter::once(begin).chain(steps).chain([Step::RemoveFile(path)]).collect()
}

/// One journal a place: what could not be done for one is written down while others go on.
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
            // What is removed makes room where there is none for a journal.
            Step::MakeFolder(_) | Step::RemoveFile(_) | Step::RemoveFolder(_) => {}
        }
    }
    bytes
}

/// The steps that a journal names, to be done again. `None` where it is not whole: then none of them was begun.
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
