//! `glasshouse data catalogue` and `glasshouse data fetch`: named public corpora, and their way onto this machine.

use glasshouse_corpus::catalogue::fetch::{Progress, cache_folder};
use glasshouse_corpus::catalogue::{self, Entry, Length};
use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Lists the catalogue: an object per line for programs, a paragraph an entry for people.
pub(super) fn catalogue(json: bool) -> anyhow::Result<()> {
    for entry in catalogue::ENTRIES {
        if json {
            say!("{}", serde_json::to_string(entry)?)?;
        } else {
            say!("{}", catalogue::paragraph(entry))?;
        }
    }
    Ok(())
}

/// Brings a corpus into a folder, the person's cache folder where none is named, and prints where it stands.
pub(super) fn fetch(name: &str, folder: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let entry = catalogue::find(name)?;
    let path = fetched(entry, folder, json)?;
    if json {
        let line = serde_json::json!({ "event": "fetched", "name": entry.name, "path": path, "sha256": entry.sha256, "licence": entry.licence });
        say!("{line}")?;
    } else {
        say!("{}", path.display())?;
        tell!("{}, {}: {}", entry.title, entry.licence, entry.sentence);
        if !entry.note.is_empty() {
            tell!("note: {}", entry.note);
        }
    }
    Ok(())
}

/// The corpus's file in a folder, the cache folder where none is named; brought there, with its progress shown, where it is not yet.
pub(super) fn fetched(entry: &Entry, folder: Option<&Path>, quiet: bool) -> anyhow::Result<PathBuf> {
    let cache = folder.is_none().then(cache_folder).transpose()?;
    let folder = folder.or(cache.as_deref()).unwrap_or(Path::new("."));
    let mut shown = Shown::new(entry, quiet);
    let path = catalogue::fetch::fetch(entry, folder, &mut |progress| {
        shown.show(progress);
        ControlFlow::Continue(())
    })?;
    shown.clear();
    Ok(path)
}

/// How a download is shown: a bar on a terminal, lines in a pipe, nothing to programs, which get its end.
enum Shown {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
    Quiet,
}

impl Shown {
    fn new(entry: &Entry, json: bool) -> Self {
        if json {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar =
            ProgressBar::with_draw_target(Some(entry.length.bytes()), ProgressDrawTarget::stderr_with_hz(8));
        let template =
            "{bar:28} {decimal_bytes}/{decimal_total_bytes} · {decimal_bytes_per_sec} · {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if let Length::About(_) = entry.length {
            bar.set_message("(about)");
        }
        Self::Bar(bar)
    }

    fn show(&mut self, progress: Progress) {
        let again = |reason: &str, wait: Duration| tell!("note: {reason}; trying again in {wait:.1?}");
        match (self, progress) {
            (Self::Quiet, _) => {}
            (Self::Bar(bar), Progress::Received { bytes, .. }) => bar.set_position(bytes),
            (Self::Bar(bar), Progress::Again { reason, wait }) => bar.suspend(|| again(&reason, wait)),
            (Self::Bar(bar), Progress::Verifying) => bar.set_message("comparing with the checksum"),
            (Self::Lines { last }, Progress::Received { bytes, of }) => {
                if last.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
                    *last = Some(Instant::now());
                    let of = of.map(|of| format!(" of {}", DecimalBytes(of)));
                    tell!("{}{}", DecimalBytes(bytes), of.unwrap_or_default());
                }
            }
            (Self::Lines { .. }, Progress::Again { reason, wait }) => again(&reason, wait),
            (Self::Lines { .. }, Progress::Verifying) => tell!("comparing with the checksum"),
        }
    }

    fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
