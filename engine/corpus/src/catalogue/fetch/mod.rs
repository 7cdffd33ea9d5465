//! Brings a corpus of the catalogue onto this machine.
//!
//! A download is written to `NAME.part` beside where it will stand and gets its name only when length and SHA-256 are those of the
//! catalogue, so a file under its own name is whole and right. What broke off is continued: what is missing is asked for by
//! `Range`. Every address names one state of a file for good, so that parts belong together; where they do not all the same, the
//! SHA-256 says so, and the whole file is fetched once more. Whatever the server says or sends, no more bytes are
//! written than the catalogue allows, no plain `http` is followed from `https`, and a server that stops sending is left after a while.
//!
//! `ureq` speaks HTTP, with `rustls` and Mozilla's roots: blocking, as a command line wants it, and without a runtime.

mod partial_file;
mod receive;

use std::fs::File;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Entry;
use crate::error::{Error, Result};
use partial_file::PartialFile;
pub use receive::agent;
use receive::receive;

/// How patient a download is.
#[derive(Clone, Debug, PartialEq, Eq, smart_default::SmartDefault)]
pub struct Settings {
    /// Attempts in a row that bring nothing new, after which it gives up.
    #[default = 5]
    pub attempts: u32,
    /// How long the server may send nothing.
    #[default(Duration::from_secs(30))]
    pub silence: Duration,
    /// The wait before the second attempt; each further one waits twice as long, up to half a minute.
    #[default(Duration::from_secs(1))]
    pub wait: Duration,
}

/// Bytes read at once.
const BLOCK: usize = 64 * 1024;

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are here, of so many where that is known exactly.
    Received {
        /// Bytes on this machine, those of earlier attempts included.
        bytes: u64,
        /// Bytes of the whole.
        of: Option<u64>,
    },
    /// Something went wrong, and it will be tried again.
    Again {
        /// What went wrong.
        reason: String,
        /// After this time.
        wait: Duration,
    },
    /// All bytes are here and are being compared with the checksum.
    Verifying,
}

/// The folder that corpora are kept in when none is named: `glasshouse/corpora` in the person's cache folder.
///
/// # Errors
/// The system names no such folder and no home.
pub fn cache_folder() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        named("HOME").map(|home| {
            home.join(if home.join("Library/Caches").is_dir() { "Library/Caches" } else { ".cache" })
        })
    });
    let base = base.ok_or_else(|| {
        Error::Refused("this system has no cache folder: name a folder for the file".to_owned())
    })?;
    Ok(base.join("glasshouse").join("corpora"))
}

/// Brings a corpus into a folder, if it is not there already, and says where it stands. `progress` hears how far it is, and may
/// break it off: what arrived until then is continued next time.
///
/// # Errors
/// Nothing can be written there, another file stands there under that name, the server cannot be reached or refuses, or what it
/// sends is not what the catalogue describes. What arrived stays in the `.part` file if it may be continued, and is removed if
/// it is wrong.
pub fn fetch(
    entry: &Entry,
    folder: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<PathBuf> {
    fetch_with(&Settings::default(), entry, folder, progress)
}

/// [`fetch`] with a patience of one's own.
///
/// # Errors
/// As there.
pub fn fetch_with(
    settings: &Settings,
    entry: &Entry,
    folder: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<PathBuf> {
    let target = folder.join(entry.file);
    if target.is_file() {
        let _ = progress(Progress::Verifying);
        let found = sha256(&target)?;
        if found == entry.sha256 {
            return Ok(target);
        }
        return Err(Error::bad_file(
            target,
            format!(
                "is not {}: its SHA-256 is {found} and not {}; move it away, or name another folder for the file",
                entry.name, entry.sha256
            ),
        ));
    }
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut part = PartialFile::open(&target)?;
    let mut again = true;
    loop {
        receive(settings, entry, &mut part, progress)?;
        let _ = progress(Progress::Verifying);
        let found = sha256(&part.path)?;
        if found == entry.sha256 {
            part.finish(&target)?;
            return Ok(target);
        }
        // Two parts that do not belong together may be what was wrong: once more from the beginning.
        let sewn = part.sewn;
        part.restart()?;
        if !(sewn && std::mem::take(&mut again)) {
            part.remove();
            return Err(Error::Refused(format!(
                "{}: the file at {} has the SHA-256 {found}, and the catalogue says {}: it was not kept",
                entry.name, entry.address, entry.sha256
            )));
        }
    }
}

/// The SHA-256 of a file, in small hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
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
