//! Finding the source files for given paths, and how to read each.

use super::cleaned;
use super::problems::Problems;
use super::prose::Prose;
use glasshouse_corpus::pipeline::{UNFINISHED, is_unfinished};
use glasshouse_documents::read::{self, Format, Packing, Settings};
use glasshouse_platform::{CorpusFiles, Error, Result, files};
use glasshouse_protocol::order;
use std::path::{Path, PathBuf};
use web_time::UNIX_EPOCH;

/// How to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Plain text of any length and encoding: one document, or several separated by `<|endoftext|>` lines.
    Text,
    /// Everything else that `glasshouse data clean` reads, with its readers: web pages, tables, JSON, PDF and so on.
    Reader(Box<read::Source>),
    Cleaned,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    pub path: PathBuf,
    pub kind: SourceKind,
    pub bytes: u64,
    /// Modification time in nanoseconds since 1970; 0 if unknown.
    pub modified: u64,
    /// Whether the user named the file itself, rather than its folder.
    pub named: bool,
    /// Where the first reading keeps the extracted documents for the next ones.
    pub prose: Option<Prose>,
}

impl SourceFile {
    /// Whether the file still has the size and modification time that it was found with.
    pub fn is_unchanged(&self) -> bool {
        let now = files::metadata(&self.path);
        now.is_ok_and(|now| (now.len(), modified(&now)) == (self.bytes, self.modified))
    }

    /// Whether it is an uncompressed file of this format.
    pub(super) fn is(&self, format: &Format) -> bool {
        let SourceKind::Reader(source) = &self.kind else { return false };
        source.format == *format && is_bare(source)
    }

    /// Whether its text is extracted, which takes much longer than reading.
    pub fn is_extracted(&self) -> bool {
        use Format::{Chapter, Html, Pdf, Warc, Word, Xml};
        let SourceKind::Reader(source) = &self.kind else { return false };
        matches!(source.format, Chapter | Html | Pdf | Warc | Word | Xml)
    }
}

/// Finds the files for given paths: files themselves, and recursively every file of a known kind in folders, sorted by name. Hidden files
/// and links to folders are skipped. A cleaned folder gives its kept documents. Problems with files in folders go to `problems`. Fails if a
/// path does not exist, a named file cannot be read, a folder has no file of a known kind, or its cleaning is unfinished.
pub fn find_sources<P: AsRef<Path>>(paths: &[P], problems: &Problems) -> Result<Vec<SourceFile>> {
    let mut sources = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let metadata = files::metadata(path).map_err(Error::io(path))?;
        if let Some(kept) = metadata.is_dir().then(|| cleaned::kept(path)).transpose()?.flatten() {
            sources.push(source(kept, SourceKind::Cleaned, true)?);
            continue;
        }
        if metadata.is_dir() && is_unfinished(&CorpusFiles, path) {
            return Err(Error::bad_file(path, format!("the folder holds {UNFINISHED}")));
        }
        let found = read::find(&CorpusFiles, &[path.to_owned()], &Settings::default());
        let before = sources.len();
        for file in found.sources {
            let kind = kind_of(&file);
            sources.push(source(file.path, kind, !metadata.is_dir())?);
        }
        if !metadata.is_dir() {
            if let Some(trouble) = found.troubles.into_iter().next() {
                return Err(Error::bad_file(path, trouble.reason));
            }
            continue;
        }
        for trouble in &found.troubles {
            problems.note(Path::new(&trouble.place), &trouble.reason);
        }
        if sources.len() == before && found.troubles.is_empty() {
            let reason =
                "the folder holds no file to learn from; put text, web pages, tables or PDFs into it";
            return Err(Error::bad_file(path, reason));
        }
    }
    Ok(sources)
}

/// Removes the held-out files from the training files.
pub fn remove_held_out(sources: &mut Vec<SourceFile>, held_out: &[SourceFile]) {
    let place =
        |source: &SourceFile| std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
    let held_out = order::distinct(held_out.iter().map(place));
    sources.retain(|source| held_out.binary_search(&place(source)).is_err());
}

fn source(path: PathBuf, kind: SourceKind, named: bool) -> Result<SourceFile> {
    let metadata = files::metadata(&path).map_err(Error::io(&path))?;
    let modified = modified(&metadata);
    Ok(SourceFile { path, kind, bytes: metadata.len(), modified, named, prose: None })
}

fn modified(metadata: &files::Metadata) -> u64 {
    let time = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    time.map_or(0, |time| time.as_nanos() as u64)
}

fn kind_of(file: &read::Source) -> SourceKind {
    let is_plain = matches!(file.format, Format::Text | Format::Markdown) && is_bare(file);
    if is_plain { SourceKind::Text } else { SourceKind::Reader(Box::new(file.clone())) }
}

/// Whether the file is neither compressed nor a member of an archive.
fn is_bare(file: &read::Source) -> bool {
    file.packing == Packing::Plain && file.member.is_none()
}
