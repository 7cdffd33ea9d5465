//! Brings a corpus of the catalogue onto this machine.
//!
//! A download is written to `NAME.part` beside where it will stand and gets its name only when length and SHA-256 are those of the
//! catalogue, so a file under its own name is whole and right. What broke off is gone on with: the part's length is asked for by
//! `Range`, under `If-Range` with the entity tag that the server gave at first (kept in `NAME.part.tag`), so that a file that
//! changed meanwhile is sent anew instead of being sewn together from two. Whatever the server says or sends, no more bytes are
//! written than the catalogue allows, no plain `http` is followed from `https`, and a server that stops sending is left after a while.
//!
//! `ureq` speaks HTTP, with `rustls` and Mozilla's roots: blocking, as a command line wants it, and without a runtime.

mod part;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{StatusCode, header};

use super::Entry;
use crate::error::{Error, Result};
use part::Part;

/// How patient a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Attempts in a row that bring nothing new, after which it gives up.
    pub attempts: u32,
    /// How long the server may send nothing.
    pub silence: Duration,
    /// The wait before the second attempt; each further one waits twice as long, up to half a minute.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: 5, silence: Duration::from_secs(30), wait: Duration::from_secs(1) }
    }
}

/// Attempts of one download in all, even if each brings something.
const ATTEMPTS_IN_ALL: u32 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
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
        Error::Refused("this system names no cache folder: say with --to where the file shall go".to_owned())
    })?;
    Ok(base.join("glasshouse").join("corpora"))
}

/// Brings a corpus into a folder, if it is not there already, and says where it stands.
///
/// # Errors
/// Nothing can be written there, another file stands there under that name, the server cannot be reached or refuses, or what it
/// sends is not what the catalogue describes. What arrived stays in the `.part` file if it may be gone on with, and is removed if
/// it is wrong.
pub fn fetch(entry: &Entry, folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf> {
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
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    let target = folder.join(entry.file.as_ref());
    if target.is_file() {
        progress(Progress::Verifying);
        let found = sha256(&target)?;
        if found == entry.sha256 {
            return Ok(target);
        }
        return Err(Error::bad_file(
            target,
            format!(
                "is not {}: its SHA-256 is {found} and not {}; move it away, or name another folder with --to",
                entry.name, entry.sha256
            ),
        ));
    }
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut part = Part::open(&target, &entry.address)?;
    let mut again = true;
    loop {
        receive(settings, entry, &mut part, progress)?;
        progress(Progress::Verifying);
        let found = sha256(part.path())?;
        if found == entry.sha256 {
            part.finish(&target)?;
            return Ok(target);
        }
        // Two parts that do not belong together may be what was wrong: once more from the beginning.
        let sewn = part.is_sewn();
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
fn sha256(path: &Path) -> Result<String> {
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

/// Why an attempt ended without the whole file.
enum Failure {
    /// It may go better next time.
    Passing(String),
    /// It will not.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Receives until the part has as many bytes as the file shall have.
fn receive(
    settings: &Settings,
    entry: &Entry,
    part: &mut Part,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let agent = agent(settings, entry);
    let mut idle = 0;
    for _ in 0..ATTEMPTS_IN_ALL {
        let before = part.bytes();
        match attempt(&agent, entry, part, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(reason)) => {
                idle = if part.bytes() > before { 1 } else { idle + 1 };
                if idle >= settings.attempts {
                    return Err(Error::Refused(format!(
                        "{}: {reason}, after {idle} attempts; what arrived is kept and gone on with next time",
                        entry.name
                    )));
                }
                let wait = settings.wait.saturating_mul(1 << (idle - 1).min(16)).min(LONGEST_WAIT);
                progress(Progress::Again { reason, wait });
                std::thread::sleep(wait);
            }
        }
    }
    Err(Error::Refused(format!(
        "{}: the connection broke {ATTEMPTS_IN_ALL} times; what arrived is kept and gone on with next time",
        entry.name
    )))
}

fn agent(settings: &Settings, entry: &Entry) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        // Plain http is for addresses that say so themselves: a server of one's own.
        .https_only(!entry.address.starts_with("http://"))
        .http_status_as_error(false)
        .max_redirects(10)
        .user_agent(concat!("glasshouse/", env!("CARGO_PKG_VERSION")))
        // Compressed on the way it would have another length.
        .accept_encoding("identity")
        .timeout_connect(Some(settings.silence))
        .timeout_resolve(Some(settings.silence))
        .timeout_recv_response(Some(settings.silence))
        .timeout_per_read(Some(settings.silence))
        .build();
    ureq::Agent::new_with_config(config)
}

/// Asks once for what is missing, and writes what comes.
fn attempt(
    agent: &ureq::Agent,
    entry: &Entry,
    part: &mut Part,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    // A whole part may be left by a run that was ended while it compared.
    if part.bytes() > 0 && part.bytes() == entry.length.bytes() && entry.length.admits(part.bytes()) {
        return Ok(());
    }
    let mut request = agent.get(entry.address.as_ref());
    if part.bytes() > 0 {
        request = request.header(header::RANGE, format!("bytes={}-", part.bytes()));
        if let Some(tag) = part.tag() {
            request = request.header(header::IF_RANGE, tag);
        }
    }
    let response = request.call().map_err(|error| fault(entry, &error))?;
    let (head, body) = response.into_parts();
    match head.status {
        StatusCode::OK => {
            part.restart()?;
            part.remember(text(&head.headers, header::ETAG));
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = text(&head.headers, header::CONTENT_RANGE).and_then(range);
            if range.is_none_or(|(start, _)| start != part.bytes()) {
                part.restart()?;
                return Err(Failure::Passing("the server sent another part than was asked for".to_owned()));
            }
            // Sent although the file is another one by now: a server that does not heed `If-Range`.
            if let (Some(tag), Some(now)) = (part.tag(), text(&head.headers, header::ETAG))
                && tag != now
            {
                part.restart()?;
                return Err(Failure::Passing("the file has changed meanwhile".to_owned()));
            }
            if let Some((_, Some(whole))) = range {
                check_length(entry, whole, part)?;
            }
            part.sew();
        }
        StatusCode::RANGE_NOT_SATISFIABLE if part.bytes() > 0 => {
            // The file's length is not exactly known and all of it is here; or the part is not of this file, which its sum will say.
            if entry.length.admits(part.bytes()) {
                return Ok(());
            }
            part.restart()?;
            return Err(Failure::Passing("the part that was here is longer than the file".to_owned()));
        }
        status
            if status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) =>
        {
            return Err(Failure::Passing(format!("the server answered {status}")));
        }
        status => {
            return Err(Failure::Final(Error::Refused(format!(
                "{}: {} answers {status}; nothing was written",
                entry.name, entry.address
            ))));
        }
    }
    let said = text(&head.headers, header::CONTENT_LENGTH).and_then(|text| text.trim().parse::<u64>().ok());
    if let Some(said) = said {
        check_length(entry, part.bytes().saturating_add(said), part)?;
    }
    copy(entry, body.into_reader(), part, said.is_some(), progress)
}

/// Refuses a file of another length before its bytes come.
fn check_length(entry: &Entry, said: u64, part: &mut Part) -> Result<(), Failure> {
    if entry.length.admits(said) {
        return Ok(());
    }
    part.restart()?;
    part.remove();
    Err(Failure::Final(Error::Refused(format!(
        "{}: the server says that the file has {said} bytes, and the catalogue says {}: it was not taken",
        entry.name,
        entry.length.bytes()
    ))))
}

/// Writes what comes to the part, until it ends or is more than may be.
fn copy(
    entry: &Entry,
    mut body: impl Read,
    part: &mut Part,
    framed: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    let exact = matches!(entry.length, super::Length::Exact(_)).then(|| entry.length.bytes());
    let mut block = vec![0; BLOCK];
    loop {
        let length = match body.read(&mut block) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                part.flush()?;
                return Err(Failure::Passing(format!(
                    "the connection broke off at byte {} ({error})",
                    part.bytes()
                )));
            }
        };
        if length == 0 {
            part.flush()?;
            // Where the server said no length, an end that comes early is a connection that broke off.
            return if exact.is_none_or(|exact| part.bytes() >= exact)
                && (framed || entry.length.admits(part.bytes()))
            {
                Ok(())
            } else {
                Err(Failure::Passing(format!("the connection ended at byte {}", part.bytes())))
            };
        }
        if part.bytes().saturating_add(length as u64) > entry.length.limit() {
            part.restart()?;
            part.remove();
            return Err(Failure::Final(Error::Refused(format!(
                "{}: the server sends more than {} bytes, and the catalogue allows no more: it was not taken",
                entry.name,
                entry.length.limit()
            ))));
        }
        part.write_all(block.get(..length).unwrap_or_default())?;
        progress(Progress::Received { bytes: part.bytes(), of: exact });
    }
}

/// What an error of the connection means.
fn fault(entry: &Entry, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::RequireHttpsOnly(address) => Failure::Final(Error::Refused(format!(
            "{}: the server leads to {address}, which is not https: it was not followed",
            entry.name
        ))),
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Failure::Final(Error::Refused(format!(
                "{}: {} leads nowhere ({error})",
                entry.name, entry.address
            )))
        }
        error => Failure::Passing(format!("{} cannot be reached ({error})", entry.address)),
    }
}

fn text(headers: &header::HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// First byte and whole length that `bytes 100-199/200` speaks of; the length may be `*`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, whole.trim().parse().ok()))
}

#[cfg(test)]
mod tests;
