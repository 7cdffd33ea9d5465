//! Downloads a corpus of the catalogue, or a dataset of the Hugging Face Hub.
//!
//! A download is written to `NAME.part` next to its target and renamed only after length and SHA-256 match the catalogue, so a
//! file under its own name is complete and correct. Interrupted downloads continue with a `Range` request. Every address
//! identifies a fixed version of a file, so that parts fit together; if they do not, the SHA-256 fails and the whole file is
//! fetched once more. Whatever the server sends, no more bytes are written than the catalogue allows, redirects from `https` to
//! plain `http` are not followed, and a server that stops sending is abandoned after a while.
//!
//! HTTP is by `ureq`, with `rustls` and Mozilla's roots: blocking, as suits a command line, and without a runtime.

mod hub;
mod partial_file;
mod receive;

use std::fs::File;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glasshouse_protocol::Hint;
use sha2::{Digest, Sha256};

use super::Entry;
use crate::error::{Error, Result};
use partial_file::PartialFile;
use receive::Download;
pub use receive::agent;

#[derive(Clone, Debug, PartialEq, Eq, smart_default::SmartDefault)]
pub struct Settings {
    /// Consecutive attempts without progress before giving up.
    #[default = 5]
    pub attempts: u32,
    /// Maximum time without data from the server.
    #[default(Duration::from_secs(30))]
    pub silence: Duration,
    /// Wait before the second attempt; it doubles with each further one, up to half a minute.
    #[default(Duration::from_secs(1))]
    pub wait: Duration,
}

const BLOCK: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A page of a dataset's list of files is being fetched.
    Listing,
    /// Bytes so far, including earlier attempts, and in total, if known exactly.
    Received { bytes: u64, of: Option<u64> },
    /// An attempt failed and will be repeated.
    Again { reason: String, wait: Duration },
    /// All bytes are here; their checksum is being verified.
    Verifying,
}

/// Receives the progress; `Break` stops the download.
type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// The default folder of corpora: `glasshouse/corpora` in the user's cache folder.
pub fn cache_folder() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        named("HOME").map(|home| {
            home.join(if home.join("Library/Caches").is_dir() { "Library/Caches" } else { ".cache" })
        })
    });
    let base = base.ok_or_else(|| {
        let reason = "this system has no cache folder: name a folder for the file";
        Error::Refused(reason.to_owned()).hint(Hint::Destination)
    })?;
    Ok(base.join("glasshouse").join("corpora"))
}

/// Downloads a corpus of the catalogue into a folder, or the files of a dataset (`hf://OWNER/NAME`) into a folder below it, and
/// returns the path of the file or folder. The progress is that of all files.
pub fn fetch_named(name: &str, folder: &Path, progress: OnProgress<'_>) -> Result<PathBuf> {
    let Some(dataset) = hub::Dataset::parse(name) else {
        let entry = super::find(name)?;
        return fetch_all(std::slice::from_ref(entry), folder, progress).map(|()| folder.join(entry.file));
    };
    let dataset = dataset?;
    let folder = folder.join(dataset.folder());
    fetch_all(&dataset.entries(&Settings::default(), progress)?, &folder, progress).map(|()| folder)
}

fn fetch_all(entries: &[Entry], folder: &Path, progress: OnProgress<'_>) -> Result<()> {
    let total = entries.iter().map(|entry| entry.length.bytes()).sum();
    let mut before = 0;
    for entry in entries {
        fetch(&Settings::default(), entry, folder, &mut |step| {
            progress(match step {
                Progress::Received { bytes, .. } => {
                    Progress::Received { bytes: before + bytes, of: Some(total) }
                }
                step => step,
            })
        })?;
        before += entry.length.bytes();
    }
    Ok(())
}

/// Downloads a corpus into a folder, unless it is already there, and returns its path. `progress` is called with the progress
/// and can stop the download, which continues from there next time. Fails if the folder is not writable, another file has that
/// name, the server is unreachable or refuses, or the data does not match the catalogue. Received data stays in the `.part`
/// file if it can be continued, and is removed if it is wrong.
fn fetch(settings: &Settings, entry: &Entry, folder: &Path, progress: OnProgress<'_>) -> Result<PathBuf> {
    let target = folder.join(entry.file);
    if target.is_file() {
        let _ = progress(Progress::Verifying);
        let found = sha256(&target)?;
        if is_entry(entry, &found, &target)? {
            return Ok(target);
        }
        let why = match entry.sha256 {
            "" => "its length differs".to_owned(),
            expected => format!("its SHA-256 is {found}, not {expected}"),
        };
        let reason =
            format!("is not {}: {why}; move it away, or name another folder for the file", entry.name);
        return Err(Error::bad_file(target, reason).hint(Hint::Destination));
    }
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut download = Download { settings, entry, part: PartialFile::open(&target)?, progress };
    let mut again = true;
    loop {
        download.receive()?;
        let _ = (download.progress)(Progress::Verifying);
        let found = sha256(&download.part.path)?;
        if is_entry(entry, &found, &download.part.path)? {
            download.part.finish(&target)?;
            return Ok(target);
        }
        // Parts of different versions may be the cause: fetch once more from the beginning.
        let sewn = download.part.sewn;
        download.part.restart()?;
        if !(sewn && std::mem::take(&mut again)) {
            download.part.remove();
            return Err(Error::Refused(format!(
                "{}: the file at {} has the SHA-256 {found}, but the catalogue has {}; it was not kept",
                entry.name, entry.address, entry.sha256
            )));
        }
    }
}

/// Whether a file with this SHA-256 is an entry's; by its length, if the entry has no SHA-256.
fn is_entry(entry: &Entry, found: &str, path: &Path) -> Result<bool> {
    if entry.sha256.is_empty() {
        return Ok(entry.length.admits(std::fs::metadata(path).map_err(Error::io(path))?.len()));
    }
    Ok(found == entry.sha256)
}

/// The SHA-256 of a file in lower-case hexadecimal.
pub fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let length = file.read(&mut block).map_err(Error::io(path))?;
        if length == 0 {
            break;
        }
        hasher.update(block.get(..length).unwrap_or_default());
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
