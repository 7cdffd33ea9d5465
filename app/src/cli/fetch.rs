//! `glasshouse data catalogue` and `glasshouse data fetch`: lists and downloads public corpora.

use super::bar::{LINE_INTERVAL, above, bar};
use super::prelude::*;
use glasshouse_documents::catalogue::{self, Length};
use indicatif::ProgressBar;
use std::time::Instant;

/// Lists the catalogue: an object per line as JSON, otherwise a paragraph per entry.
pub(super) fn catalogue(json: bool) -> Result<()> {
    for entry in catalogue::ENTRIES.iter() {
        match json {
            true => say_json(entry)?,
            false => say!("{}", catalogue::paragraph(entry))?,
        }
    }
    Ok(())
}

/// Downloads a corpus into a folder, by default the cache folder, and prints its path.
pub(super) fn fetch(name: &str, folder: Option<&Path>, json: bool) -> Result<()> {
    // Datasets of the Hub are not in the catalogue.
    let entry = (!name.contains("://"))
        .then(|| catalogue::find(name).map_err(|error| usage(error.to_string())))
        .transpose()?;
    let Some(path) = fetched(name, folder, json)? else { return Ok(()) };
    if json {
        let (sha256, licence) = (entry.map(|entry| entry.sha256), entry.map(|entry| entry.licence));
        let line =
            json!({ "event": "fetched", "name": name, "path": path, "sha256": sha256, "licence": licence });
        return Ok(say!("{line}")?);
    }
    say!("{}", path.display())?;
    if let Some(entry) = entry {
        report!("{}, {}: {}", entry.title, entry.licence, entry.sentence);
        if !entry.note.is_empty() {
            report!("note: {}", entry.note);
        }
    }
    Ok(())
}

/// The corpus's file in a folder, by default the cache folder; downloaded with progress if missing. `None` if interrupted.
pub(super) fn fetched(name: &str, folder: Option<&Path>, quiet: bool) -> Result<Option<PathBuf>> {
    let length = catalogue::find(name).ok().map(|entry| entry.length);
    let command = Command::FetchCorpus { name: name.to_owned(), to: folder.map(Path::to_owned), add: false };
    let (mut shown, mut place) = (DownloadProgress::new(length, quiet), None);
    drive(session::Options::default(), async |engine| {
        let on_event = |event| {
            match event {
                Event::Fetching { progress: FetchProgress::Done { path } } => place = Some(path),
                Event::Fetching { progress } => shown.show(progress),
                _ => {}
            }
            Ok(())
        };
        engine.ask_until_signal(command, "stopping; the same command continues the download", on_event).await
    })?;
    Ok(place)
}

/// Progress of a download: a bar on a terminal, lines in a pipe, nothing for JSON except the end.
pub(super) struct DownloadProgress {
    /// Only if the length is known.
    bar: Option<ProgressBar>,
    last: Option<Instant>,
    is_exact: bool,
    is_quiet: bool,
}

impl DownloadProgress {
    pub(super) fn new(length: Option<Length>, json: bool) -> Self {
        let bar = length.filter(|_| !json && std::io::stderr().is_terminal()).map(|length| {
            let template = "{bar:28} {decimal_bytes}/{decimal_total_bytes} · {decimal_bytes_per_sec} · {eta} left {wide_msg}";
            let bar = bar(length.bytes(), template);
            if let Length::About(_) = length {
                bar.set_message("(about)");
            }
            bar
        });
        Self { bar, last: None, is_exact: matches!(length, Some(Length::Exact(_))), is_quiet: json }
    }

    pub(super) fn show(&mut self, progress: FetchProgress) {
        match (progress, &self.bar) {
            _ if self.is_quiet => {}
            (FetchProgress::Receiving { done, .. }, Some(bar)) => bar.set_position(done),
            (FetchProgress::Receiving { done, total }, None) => {
                if self.last.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
                    self.last = Some(Instant::now());
                    let of = self.is_exact.then(|| format!(" of {}", bytes(total)));
                    report!("{}{}", bytes(done), of.unwrap_or_default());
                }
            }
            (FetchProgress::Retrying { reason, seconds }, _) => {
                above(|| report!("note: {reason}; trying again in {}", duration(seconds)));
            }
            (FetchProgress::Verifying, Some(bar)) => bar.set_message("verifying the checksum"),
            (FetchProgress::Verifying, None) => report!("verifying the checksum"),
            (FetchProgress::Done { .. }, _) => {}
        }
    }
}
