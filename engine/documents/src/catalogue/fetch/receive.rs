//! Connects repeatedly until all bytes are received.

use std::io::Read;
use std::time::Duration;

use ureq::http::{StatusCode, header};

use super::super::{Entry, Length};
use super::partial_file::PartialFile;
use super::{BLOCK, OnProgress, Progress, Settings};
use crate::error::{Error, Result};

/// Maximum number of attempts per download, even if each makes progress.
const ATTEMPTS_IN_ALL: u32 = 100;
const MAX_WAIT: Duration = Duration::from_secs(30);

pub(super) enum Failure {
    /// Temporary: worth retrying.
    Passing(String),
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// A download under way.
pub(super) struct Download<'a> {
    pub(super) settings: &'a Settings,
    pub(super) entry: &'a Entry,
    pub(super) part: PartialFile,
    pub(super) progress: OnProgress<'a>,
}

impl Download<'_> {
    pub(super) fn receive(&mut self) -> Result<()> {
        let Settings { attempts, silence, wait } = *self.settings;
        let agent = agent(self.entry.address, silence);
        let mut idle = 0;
        for _ in 0..ATTEMPTS_IN_ALL {
            let before = self.part.bytes;
            match self.attempt(&agent) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(reason)) => {
                    idle = if self.part.bytes > before { 1 } else { idle + 1 };
                    if idle >= attempts {
                        return Err(self.given_up(&format!("{reason}, after {idle} attempts")));
                    }
                    let wait = wait.saturating_mul(1 << (idle - 1).min(16)).min(MAX_WAIT);
                    if (self.progress)(Progress::Again { reason, wait }).is_break() {
                        return Err(self.stopped());
                    }
                    std::thread::sleep(wait);
                }
            }
        }
        Err(self.given_up(&format!("the connection broke {ATTEMPTS_IN_ALL} times")))
    }

    fn stopped(&self) -> Error {
        refused(self.entry, "the download was stopped; what arrived is kept and continued next time")
    }

    /// The error after the last attempt; says whether the received data is kept.
    fn given_up(&mut self, reason: &str) -> Error {
        if self.part.bytes > 0 {
            return refused(self.entry, &format!("{reason}; what arrived is kept and continued next time"));
        }
        self.part.remove();
        let hint = "nothing arrived: check the network connection, and try again";
        refused(self.entry, &format!("{reason}; {hint}"))
    }

    fn not_taken(&mut self, reason: &str) -> Failure {
        if let Err(error) = self.part.restart() {
            return Failure::Final(error);
        }
        self.part.remove();
        Failure::Final(refused(self.entry, &format!("{reason}; the download was discarded")))
    }

    fn attempt(&mut self, agent: &ureq::Agent) -> Result<(), Failure> {
        let entry = self.entry;
        // A complete part may remain from a run that ended during verification.
        if self.part.bytes > 0
            && self.part.bytes == entry.length.bytes()
            && entry.length.admits(self.part.bytes)
        {
            return Ok(());
        }
        let mut request = agent.get(entry.address);
        if self.part.bytes > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.part.bytes));
        }
        let response = request.call().map_err(|error| fault(entry, &error))?;
        let (head, body) = response.into_parts();
        match head.status {
            StatusCode::OK => self.part.restart()?,
            StatusCode::PARTIAL_CONTENT => {
                let range = text(&head.headers, header::CONTENT_RANGE).and_then(range);
                if range.is_none_or(|(start, _)| start != self.part.bytes) {
                    self.part.restart()?;
                    return Err(Failure::Passing(
                        "the server sent a different part than requested".to_owned(),
                    ));
                }
                if let Some((_, Some(whole))) = range {
                    self.check_length(whole)?;
                }
                self.part.sewn = true;
            }
            StatusCode::RANGE_NOT_SATISFIABLE if self.part.bytes > 0 => {
                // Either the file's exact length is unknown and all of it is here, or the part belongs to another file, which the
                // checksum will show.
                if entry.length.admits(self.part.bytes) {
                    return Ok(());
                }
                self.part.restart()?;
                return Err(Failure::Passing("the partial file is longer than the file".to_owned()));
            }
            status
                if status.is_server_error()
                    || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) =>
            {
                return Err(Failure::Passing(format!("the server answered {status}")));
            }
            status => {
                if self.part.bytes == 0 {
                    self.part.remove();
                }
                let reason = format!("{} answered {status}; nothing was written", entry.address);
                return Err(Failure::Final(refused(entry, &reason)));
            }
        }
        let said =
            text(&head.headers, header::CONTENT_LENGTH).and_then(|text| text.trim().parse::<u64>().ok());
        if let Some(said) = said {
            self.check_length(self.part.bytes.saturating_add(said))?;
        }
        self.copy(body.into_reader(), said.is_some())
    }

    /// Rejects a file of a different length before its bytes arrive.
    fn check_length(&mut self, said: u64) -> Result<(), Failure> {
        let entry = self.entry;
        if entry.length.admits(said) {
            return Ok(());
        }
        let known = entry.length.bytes();
        let reason = format!("the server says that the file has {said} bytes, but the catalogue has {known}");
        Err(self.not_taken(&reason))
    }

    fn copy(&mut self, mut body: impl Read, framed: bool) -> Result<(), Failure> {
        let entry = self.entry;
        let exact = matches!(entry.length, Length::Exact(_)).then(|| entry.length.bytes());
        let mut block = vec![0; BLOCK];
        loop {
            let length = match body.read(&mut block) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.part.flush()?;
                    return Err(Failure::Passing(format!(
                        "the connection broke off at byte {} ({error})",
                        self.part.bytes
                    )));
                }
            };
            if length == 0 {
                self.part.flush()?;
                // If the server stated no length, an early end is a broken connection.
                return if exact.is_none_or(|exact| self.part.bytes >= exact)
                    && (framed || entry.length.admits(self.part.bytes))
                {
                    Ok(())
                } else {
                    Err(Failure::Passing(format!("the connection ended at byte {}", self.part.bytes)))
                };
            }
            if self.part.bytes.saturating_add(length as u64) > entry.length.limit() {
                let limit = entry.length.limit();
                let reason =
                    format!("the server sends more than {limit} bytes, more than the catalogue allows");
                return Err(self.not_taken(&reason));
            }
            self.part.write_all(block.get(..length).unwrap_or_default())?;
            if (self.progress)(Progress::Received { bytes: self.part.bytes, of: exact }).is_break() {
                self.part.flush()?;
                return Err(Failure::Final(self.stopped()));
            }
        }
    }
}

fn refused(entry: &Entry, reason: &str) -> Error {
    Error::Refused(format!("{}: {reason}", entry.name))
}

/// An HTTP agent for an address: it follows no redirects from `https` to plain `http`, and times out after `silence` without
/// data.
pub fn agent(address: &str, silence: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        // Plain http only for explicit http addresses, such as a local server.
        .https_only(!address.starts_with("http://"))
        .http_status_as_error(false)
        .max_redirects(10)
        .user_agent(concat!("glasshouse/", env!("CARGO_PKG_VERSION")))
        // Compression would change the length.
        .accept_encoding("identity")
        .timeout_connect(Some(silence))
        .timeout_resolve(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence))
        .timeout_per_write(Some(silence))
        .build();
    ureq::Agent::new_with_config(config)
}

pub(super) fn fault(entry: &Entry, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::RequireHttpsOnly(address) => {
            let reason = format!(
                "the server redirects to {address}, which is not https; the redirect was not followed"
            );
            Failure::Final(refused(entry, &reason))
        }
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Failure::Final(refused(entry, &format!("{} cannot be opened ({error})", entry.address)))
        }
        error => {
            let host = entry.address.split('/').nth(2).unwrap_or(entry.address);
            Failure::Passing(format!("{host} cannot be reached ({error})"))
        }
    }
}

fn text(headers: &header::HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// First byte and total length in `bytes 100-199/200`; the length may be `*`.
pub(super) fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, whole.trim().parse().ok()))
}
