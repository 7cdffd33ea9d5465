//! The documents of web pages, PDFs and the like, which take long to extract: kept for the other readings of a preparation, and for later
//! preparations of the project.

use super::lines::{Lines, RowLocation};
use super::source::{SourceFile, SourceKind};
use super::{Pieces, TextPiece};
use glasshouse_platform::{Error, files};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Changed whenever extraction gives another text.
const EDITION: u32 = 1;

/// Maximum bytes kept for later preparations.
const KEPT_BYTES: u64 = 1 << 30;

/// Where the documents of a source are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose {
    /// The file for this preparation.
    once: PathBuf,
    /// The folder for later ones, in which files are named by their source's content.
    kept: Option<PathBuf>,
    /// The file in which the documents are, shared by the preparation's readings.
    place: Arc<OnceLock<PathBuf>>,
}

impl Prose {
    pub fn new(once: PathBuf, kept: Option<PathBuf>) -> Self {
        Self { once, kept, place: Arc::default() }
    }

    /// The documents, or the file to write them to. `None` without room for one: the next reading extracts again.
    pub(super) fn open(&self, source: &SourceFile) -> Option<Result<Pieces, KeptProse>> {
        if self.place.get().is_none()
            && let Some(folder) = &self.kept
            && let Ok(name) = content_name(source)
        {
            let path = folder.join(name);
            if !files::exists(&path) {
                return Some(Err(KeptProse::new(self, source, Some(path)).ok()?));
            }
            self.place.set(path).ok();
        }
        match self.place.get() {
            Some(path) => Some(Ok(documents(path))),
            None => Some(Err(KeptProse::new(self, source, None).ok()?)),
        }
    }
}

/// The documents of a file as JSON strings, one per line after the source's path.
fn documents(path: &Path) -> Pieces {
    let piece = |line: &str, place: RowLocation| {
        if place == RowLocation::Line(1) {
            return Ok(None);
        }
        let text = serde_json::from_slice(line.as_bytes()).map_err(|error| format!("is damaged: {error}"))?;
        Ok(Some(TextPiece { text, ends_document: true, mark: None }))
    };
    match files::File::open(path).map_err(Error::io(path)) {
        Ok(file) => Box::new(Lines::new(file, path.to_owned(), piece)),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// A file in writing, which is removed unless it is finished.
pub(super) struct KeptProse {
    prose: Prose,
    later: Option<PathBuf>,
    partial: PathBuf,
    file: BufWriter<files::File>,
}

impl KeptProse {
    fn new(prose: &Prose, source: &SourceFile, later: Option<PathBuf>) -> io::Result<Self> {
        let partial = prose.once.with_extension("partial");
        let mut file = BufWriter::new(files::File::create(&partial)?);
        let path = std::path::absolute(&source.path)?;
        writeln!(file, "{}", json!([path.to_string_lossy(), member(source)]))?;
        Ok(Self { prose: prose.clone(), later, partial, file })
    }

    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.file, "{}", Value::from(text))
    }

    /// Puts the file in place; only files without problems are kept for later, since reading them again reports nothing.
    pub(super) fn finish(mut self, has_problems: bool) {
        if self.file.flush().is_err() {
            return;
        }
        let later = self.later.take().filter(|_| !has_problems).filter(|later| {
            later.parent().is_some_and(|folder| files::create_dir_all(folder).is_ok())
                && files::rename(&self.partial, later).is_ok()
        });
        let place = match later {
            Some(later) => later,
            None if files::rename(&self.partial, &self.prose.once).is_ok() => self.prose.once.clone(),
            None => return,
        };
        self.prose.place.set(place).ok();
    }
}

impl Drop for KeptProse {
    fn drop(&mut self) {
        files::remove_file(&self.partial).ok();
    }
}

fn member(source: &SourceFile) -> Option<String> {
    let SourceKind::Reader(reader) = &source.kind else { return None };
    reader.member.as_ref().map(|member| format!("{member:?}"))
}

/// A name by the content of a source and all that decides its extraction. A member of an archive has a checksum in it.
fn content_name(source: &SourceFile) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{EDITION} {}", env!("CARGO_PKG_VERSION")));
    if let SourceKind::Reader(reader) = &source.kind {
        hash.update(format!("{:?} {:?}", reader.format, reader.packing));
    }
    match member(source) {
        Some(member) => hash.update(format!("{} {} {member}", source.path.display(), source.bytes)),
        None => {
            let mut file = files::File::open(&source.path)?;
            let mut buffer = vec![0; 256 << 10];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => hash.update(buffer.get(..count).unwrap_or_default()),
                }
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes kept documents of files that are gone or have changed, and the oldest beyond 1 GiB.
pub fn tidy(folder: &Path) {
    let entries = files::read_dir(folder).into_iter().flatten().flatten();
    let mut kept: Vec<_> = entries
        .filter_map(|entry| {
            let metadata = files::metadata(entry.path()).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    kept.sort_by(|one, other| other.cmp(one));
    let (mut total, mut known) = (0, BTreeSet::new());
    for (_, bytes, path) in kept {
        let mut source = String::new();
        let read = files::File::open(&path).and_then(|file| BufReader::new(file).read_line(&mut source));
        let fields: Vec<Value> = serde_json::from_str(&source).unwrap_or_default();
        let is_there =
            fields.first().and_then(Value::as_str).is_some_and(|path| files::exists(Path::new(path)));
        total += bytes;
        if read.is_err() || !is_there || total > KEPT_BYTES || !known.insert(source) {
            files::remove_file(&path).ok();
        }
    }
    // Fails unless it is empty.
    files::remove_dir(folder).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read::{Problems, find_sources, pieces};

    #[test]
    fn kept_documents_follow_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let [page, kept] = ["a.html", "kept"].map(|name| folder.path().join(name));
        let write =
            |words: &str| std::fs::write(&page, format!("<article><p>{words}</p></article>")).unwrap();
        let read = |number: usize| {
            let mut sources = find_sources(&[&page], &Problems::default()).unwrap();
            let once = folder.path().join(number.to_string());
            sources[0].prose = Some(Prose::new(once, Some(kept.clone())));
            let texts: Vec<String> =
                pieces(sources, &Problems::default()).map(|piece| piece.unwrap().text).collect();
            tidy(&kept);
            (texts.concat(), std::fs::read_dir(&kept).map_or(0, Iterator::count))
        };
        let first = "The owl and the mouse met at the old mill by the river. ".repeat(9);
        write(&first);
        assert_eq!(read(0), (first.trim().to_owned(), 1));
        // Extracted before: the kept documents are read.
        let path = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("owl", "cat")).unwrap();
        assert_eq!(read(1), (first.replace("owl", "cat").trim().to_owned(), 1));
        // Another content, and none.
        write(&first.replace("owl", "dog"));
        assert_eq!(read(2), (first.replace("owl", "dog").trim().to_owned(), 1));
        std::fs::remove_file(&page).unwrap();
        tidy(&kept);
        assert!(!kept.exists());
    }
}
