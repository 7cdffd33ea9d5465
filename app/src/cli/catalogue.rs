//! `glasshouse data catalogue` and `data fetch`: named public corpora, listed and downloaded.

use super::arguments::DataFetchArguments;
use super::output::bytes;
use anyhow::Result;
use glasshouse_corpus::catalogue::fetch::{self, Progress};
use glasshouse_corpus::catalogue::{self, ENTRIES};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;

pub(super) fn list(json: bool) -> Result<()> {
    if json {
        say!("{}", serde_json::to_string(ENTRIES)?)?;
        return Ok(());
    }
    for entry in ENTRIES {
        say!("{:<22} {:>10}  {}", entry.name, bytes(entry.length.bytes()), entry.title)?;
        say!("{:<22} {:>10}  {}", "", "", entry.sentence)?;
        say!("{:<22} {:>10}  licence: {}", "", "", entry.licence)?;
        if !entry.note.is_empty() {
            say!("{:<22} {:>10}  {}", "", "", entry.note)?;
        }
        say!("")?;
    }
    say!("glasshouse data fetch NAME     downloads one, verified by its SHA-256")?;
    Ok(())
}

pub(super) fn fetch(arguments: &DataFetchArguments) -> Result<()> {
    let entry = catalogue::find(&arguments.name)?;
    let folder = match &arguments.to {
        Some(folder) => folder.clone(),
        None => fetch::cache_folder()?,
    };
    let json = arguments.json;
    let bar = (!json && std::io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::new(entry.length.bytes());
        let template = "{bar:28} {bytes} of {total_bytes} · {bytes_per_sec} · {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    });
    let path = fetch::fetch(entry, &folder, &mut |progress| match progress {
        Progress::Received { bytes, of } => {
            if let Some(bar) = &bar {
                bar.set_length(of.unwrap_or_else(|| entry.length.bytes()));
                bar.set_position(bytes);
            }
        }
        Progress::Again { reason, wait } => {
            if !json {
                eprintln!("{reason}; again in {} s", wait.as_secs().max(1));
            }
        }
        Progress::Verifying => {
            if !json {
                eprintln!("verifying");
            }
        }
    })?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if json {
        let line = serde_json::json!({
            "event": "done",
            "path": path.display().to_string(),
            "sha256": entry.sha256,
            "licence": entry.licence,
        });
        return Ok(say!("{line}")?);
    }
    say!("{}", path.display())?;
    say!("licence: {}", entry.licence)?;
    say!("\nTry next:")?;
    say!("  glasshouse data clean --in {} --out clean", path.display())?;
    Ok(())
}
