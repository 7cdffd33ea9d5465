//! Which files the given paths mean.

use super::cleaned;
use crate::error::{Error, Result};
use crate::platform::files;
use glasshouse_protocol::names;
use std::path::{Path, PathBuf};
use web_time::UNIX_EPOCH;

/// Extensions that are read, and how.
const KNOWN: &[(&str, SourceKind)] =
    &[("txt", SourceKind::Text), ("md", SourceKind::Text), ("jsonl", SourceKind::JsonLines)];

/// How a file holds its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Plain text: one document, or several with a line `<|endoftext|>` between them.
    Text,
    /// One JSON object per line, with a field `text`: a document each.
    JsonLines,
    /// The kept documents of a cleaned folder.
    Cleaned,
}

/// A file of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// How it is read.
    pub kind: SourceKind,
    /// Its length.
    pub bytes: u64,
    /// When it was last changed, in nanoseconds since 1970 (0 where the system does not say).
    pub modified: u64,
    /// Whether the user named the file itself, not a folder around it.
    pub named: bool,
}

/// The files that paths mean: files themselves, and every known file in folders and the folders within, in the order of
/// their names. Hidden files and links to folders are passed over. Of a folder that was cleaned, what was kept.
///
/// # Errors
/// A path that does not exist, a named file of unknown extension, a folder without a usable file.
pub fn find_sources<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<SourceFile>> {
    let mut sources = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let metadata = files::metadata(path).map_err(Error::io(path))?;
        if let Some(kept) = metadata.is_dir().then(|| cleaned::kept(path)).transpose()?.flatten() {
            let metadata = files::metadata(&kept).map_err(Error::io(&kept))?;
            sources.push(source(kept, SourceKind::Cleaned, &metadata, true));
        } else if metadata.is_dir() {
            let before = sources.len();
            walk(path, &mut sources)?;
            if sources.len() == before {
                return Err(Error::bad_file(
                    path,
                    format!("the folder holds no file to learn from ({})", known()),
                ));
            }
        } else {
            let kind = kind_of(path).ok_or_else(|| Error::bad_file(path, unknown_extension(path)))?;
            sources.push(source(path.to_owned(), kind, &metadata, true));
        }
    }
    Ok(sources)
}

fn walk(folder: &Path, sources: &mut Vec<SourceFile>) -> Result<()> {
    let mut entries = files::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(Error::io(folder))?;
    entries.sort_by_key(files::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().map_err(Error::io(&path))?.is_dir() {
            walk(&path, sources)?;
        } else if let Some(kind) = kind_of(&path) {
            let metadata = files::metadata(&path).map_err(Error::io(&path))?;
            if metadata.is_file() && metadata.len() > 0 {
                sources.push(source(path, kind, &metadata, false));
            }
        }
    }
    Ok(())
}

fn source(path: PathBuf, kind: SourceKind, metadata: &files::Metadata, named: bool) -> SourceFile {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    SourceFile {
        path,
        kind,
        bytes: metadata.len(),
        modified: modified.map_or(0, |time| time.as_nanos() as u64),
        named,
    }
}

fn kind_of(path: &Path) -> Option<SourceKind> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    KNOWN.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind)
}

fn known() -> String {
    let names: Vec<String> = KNOWN.iter().map(|(name, _)| format!(".{name}")).collect();
    format!("known are {}", names.join(", "))
}

fn unknown_extension(path: &Path) -> String {
    let Some(extension) = path.extension() else {
        return format!("the file has no extension that says how to read it ({})", known());
    };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    let meant = names::nearest(&extension, KNOWN.iter().map(|(name, _)| *name));
    let meant = meant.map(|name| format!("; did you mean .{name}?")).unwrap_or_default();
    format!("files of kind .{extension} cannot be read ({}){meant}", known())
}
