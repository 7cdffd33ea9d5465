//! The documents of web pages, PDFs and the like, which take long to extract: kept for the other readings of a preparation, and for later
//! preparations of the project.
//!
//! A kept file that is absent, cut short or damaged costs time only: the documents are extracted again.

use super::lines::{Lines, MAX_ROW_BYTES};
use super::source::{SourceFile, SourceKind};
use super::{Pieces, TextPiece};
use glasshouse_platform::{Yielder, files};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Changed whenever extraction gives another text.
const EDITION: u32 = 1;

/// Maximum bytes kept for later preparations, and of a file that is hashed for them.
const KEPT_BYTES: u64 = 1 << 30;

/// Bytes read between two yields.
const BLOCK: u64 = 1 << 20;

/// Maximum length of a kept file's last line.
const LAST_LINE: usize = 40;

/// Where the documents of a source are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose {
    /// The file for this preparation.
    once: PathBuf,
    /// The file for later ones, named by the source's content.
    later: Option<PathBuf>,
    /// Set if that file is whole: it was before the preparation, or the preparation wrote it.
    whole: Arc<OnceLock<()>>,
}

impl Prose {
    /// Hashes the source, and verifies what an earlier preparation kept in the folder `kept`.
    pub async fn new(source: &SourceFile, once: PathBuf, kept: Option<&Path>, yielder: &Yielder) -> Self {
        let (mut later, whole) = (None, Arc::new(OnceLock::new()));
        if let Some(kept) = kept {
            later = content_name(source, yielder).await.map(|name| kept.join(name));
        }
        if let Some(path) = &later
            && is_whole(path, yielder).await.unwrap_or(false)
        {
            whole.get_or_init(|| ());
        }
        Self { once, later, whole }
    }

    /// The kept documents; `None` if they must be extracted.
    pub(super) fn documents(&self) -> Option<Pieces> {
        let later = self.later.as_ref().filter(|_| self.whole.get().is_some());
        // No other preparation writes the first file, and the last reading compares the number of documents and characters.
        let mut kept = [Some(&self.once), later].into_iter().flatten();
        let (path, file) = kept.find_map(|path| Some((path, files::File::open(path).ok()?)))?;
        let piece = |line: &str, _| {
            let value: Value = serde_json::from_slice(line.as_bytes())
                .map_err(|error| format!("is damaged: {error}; run again"))?;
            // The first and the last line are arrays.
            let Value::String(text) = value else { return Ok(None) };
            Ok(Some(TextPiece::whole(text)))
        };
        Some(Box::new(Lines::new(file, path.clone(), piece)))
    }
}

/// Whether a kept file is whole, by its last line.
async fn is_whole(path: &Path, yielder: &Yielder) -> io::Result<bool> {
    if !files::is_file(path) {
        return Ok(false);
    }
    let mut file = files::File::open(path)?;
    let (mut lines, mut checksum, mut held) = (0, 0, Vec::new());
    loop {
        yielder.maybe_yield().await;
        let is_over = (&mut file).take(BLOCK).read_to_end(&mut held)? == 0;
        let before_last = || held.strip_suffix(b"\n")?.iter().rposition(|byte| *byte == b'\n');
        let end = match is_over {
            true => before_last().map_or(0, |at| at + 1),
            false => held.len().saturating_sub(LAST_LINE),
        };
        let rest = held.split_off(end);
        lines += held.iter().filter(|byte| **byte == b'\n').count() as u64;
        checksum = crc32c::crc32c_append(checksum, &held);
        held = rest;
        if is_over {
            return Ok(held == last_line(lines, checksum).as_bytes());
        }
    }
}

/// The end of a kept file: the number and the CRC-32C of the lines before it.
fn last_line(lines: u64, checksum: u32) -> String {
    format!("[{lines},{checksum}]\n")
}

/// A file in writing, which is removed unless it is finished: the source's path, and the documents as JSON strings, one per line.
pub(super) struct KeptProse {
    prose: Prose,
    source: SourceFile,
    partial: PathBuf,
    file: BufWriter<files::File>,
    lines: u64,
    checksum: u32,
}

impl KeptProse {
    /// `None` if the source's documents are not kept, or there is no room for them: the next reading extracts again.
    pub(super) fn new(source: &SourceFile) -> Option<Self> {
        let prose = source.prose.clone()?;
        let partial = prose.once.with_extension("partial");
        let file = BufWriter::new(files::File::create(&partial).ok()?);
        let mut kept = Self { prose, source: source.clone(), partial, file, lines: 0, checksum: 0 };
        // A browser has no current folder.
        let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
        kept.write(&json!([path.to_string_lossy(), member(source)])).ok()?;
        Some(kept)
    }

    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        self.write(&Value::from(text))
    }

    fn write(&mut self, line: &Value) -> io::Result<()> {
        let line = format!("{line}\n");
        if line.len() > MAX_ROW_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.lines += 1;
        self.checksum = crc32c::crc32c_append(self.checksum, line.as_bytes());
        self.file.write_all(line.as_bytes())
    }

    /// Puts the file in place. It is kept for later only without problems, which later readings could not report, and if the source is
    /// still the one whose content was hashed.
    pub(super) fn finish(mut self, has_problems: bool) {
        let end = last_line(self.lines, self.checksum);
        if self.file.write_all(end.as_bytes()).and_then(|()| self.file.flush()).is_err() {
            return;
        }
        let is_small = || files::metadata(&self.partial).is_ok_and(|now| now.len() <= KEPT_BYTES);
        let may_last = !has_problems && self.source.is_unchanged() && is_small();
        let later = self.prose.later.as_ref().filter(|_| may_last);
        let is_kept = later.is_some_and(|later| {
            later.parent().is_some_and(|folder| files::create_dir_all(folder).is_ok())
                && files::rename(&self.partial, later).is_ok()
        });
        if is_kept {
            self.prose.whole.get_or_init(|| ());
        } else {
            files::rename(&self.partial, &self.prose.once).ok();
        }
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

/// A name by the content of a source and all that decides its extraction; `None` if it cannot be read or is too large to hash. A member of
/// an archive has a checksum in it.
async fn content_name(source: &SourceFile, yielder: &Yielder) -> Option<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{EDITION} {}", env!("CARGO_PKG_VERSION")));
    if let SourceKind::Reader(reader) = &source.kind {
        hash.update(format!("{:?} {:?}", reader.format, reader.packing));
    }
    match member(source) {
        Some(member) => hash.update(format!("{} {} {member}", source.path.display(), source.bytes)),
        None if source.bytes > KEPT_BYTES => return None,
        None => {
            let mut file = files::File::open(&source.path).ok()?.take(KEPT_BYTES);
            let mut block = Vec::new();
            while file.by_ref().take(BLOCK).read_to_end(&mut block).ok()? > 0 {
                yielder.maybe_yield().await;
                hash.update(&block);
                block.clear();
            }
        }
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes kept documents of files that are gone or have changed, and the oldest beyond 1 GiB.
pub fn tidy(folder: &Path) {
    let entries = files::read_dir(folder).into_iter().flatten().flatten();
    let mut kept: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            name.len() == 64 && name.to_string_lossy().bytes().all(|byte| byte.is_ascii_hexdigit())
        })
        .filter_map(|entry| {
            let metadata = files::metadata(entry.path()).ok().filter(files::Metadata::is_file)?;
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
        if read.is_err() || !is_there || total + bytes > KEPT_BYTES || !known.insert(source) {
            files::remove_file(&path).ok();
        } else {
            total += bytes;
        }
    }
    // Fails unless it is empty.
    files::remove_dir(folder).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read::{Problems, find_sources, pieces};
    use glasshouse_platform::block_on;

    /// The source of a page, kept in the folder `once` for one preparation and in `kept` for later ones.
    fn source(page: &Path, once: &Path, kept: Option<&Path>) -> SourceFile {
        let mut source = find_sources(&[page], &Problems::default()).unwrap().remove(0);
        std::fs::create_dir_all(once).unwrap();
        source.prose = Some(block_on(Prose::new(&source, once.join("0"), kept, &Yielder::none())));
        source
    }

    fn read(source: &SourceFile) -> String {
        pieces(vec![source.clone()], &Problems::default()).map(|piece| piece.unwrap().text).collect()
    }

    fn files_in(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    /// Writes a page with these words, and returns its text.
    fn write(page: &Path, words: &str) -> String {
        let text = words.repeat(9);
        std::fs::write(page, format!("<article><p>{text}</p></article>")).unwrap();
        text.trim().to_owned()
    }

    const OWL: &str = "The owl and the mouse met at the old mill by the river. ";

    #[test]
    fn kept_documents_follow_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let [page, once, kept] = ["a.html", "once", "kept"].map(|name| folder.path().join(name));
        let prepare = || {
            let text = read(&source(&page, &once, Some(&kept)));
            tidy(&kept);
            (text, files_in(&kept).len())
        };
        let text = write(&page, OWL);
        assert_eq!(prepare(), (text.clone(), 1));
        // Another preparation reads the kept documents.
        let path = files_in(&kept).remove(0);
        let whole = std::fs::read_to_string(&path).unwrap();
        let (lines, _) = whole.trim_end().rsplit_once('\n').unwrap();
        let other = format!("{}\n", lines.replace("owl", "cat"));
        std::fs::write(&path, format!("{other}{}", last_line(2, crc32c::crc32c(other.as_bytes())))).unwrap();
        assert_eq!(prepare(), (text.replace("owl", "cat"), 1));
        // Another content, and none. Other files stay.
        let text = write(&page, &OWL.replace("owl", "dog"));
        assert_eq!(prepare(), (text, 1));
        std::fs::write(kept.join("notes.txt"), "").unwrap();
        std::fs::remove_file(&page).unwrap();
        tidy(&kept);
        assert_eq!(files_in(&kept), [kept.join("notes.txt")]);
        std::fs::remove_file(kept.join("notes.txt")).unwrap();
        tidy(&kept);
        assert!(!kept.exists());
    }

    #[test]
    fn damaged_documents_are_extracted_again() {
        let folder = tempfile::tempdir().unwrap();
        let [page, once, kept] = ["a.html", "once", "kept"].map(|name| folder.path().join(name));
        let text = write(&page, OWL);
        assert_eq!(read(&source(&page, &once, Some(&kept))), text);
        let path = files_in(&kept).remove(0);
        let whole = std::fs::read_to_string(&path).unwrap();
        let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
        assert_eq!(ends.len(), 3, "path, document and end");
        // Others have their turn meanwhile.
        let yielder = Yielder::none();
        std::fs::write(&path, format!("{}{}", " ".repeat(5 << 20), last_line(0, 0))).unwrap();
        assert!(!block_on(is_whole(&path, &yielder)).unwrap() && yielder.asked() > 5);
        let cut = [0, ends[0] - 2, ends[0], ends[1] - 9, ends[1], ends[2] - 1];
        let cut = cut.iter().map(|end| whole[..*end].to_owned());
        let without = [ends[0]..ends[1], 0..ends[0]].map(|lines| {
            let mut rest = whole.clone();
            rest.replace_range(lines, "");
            rest
        });
        for damaged in cut.chain(without).chain([whole.replacen("owl", "cat", 1)]) {
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(read(&source(&page, &once, Some(&kept))), text, "{damaged:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "{damaged:?}");
        }
    }

    #[test]
    fn documents_that_vanish_between_readings_are_extracted_again() {
        let folder = tempfile::tempdir().unwrap();
        let [page, once, kept] = ["a.html", "once", "kept"].map(|name| folder.path().join(name));
        let text = write(&page, OWL);
        for (kept, own) in [(Some(&*kept), &kept), (None, &once)] {
            let source = source(&page, &once, kept);
            assert_eq!(read(&source), text);
            let path = files_in(own).remove(0);
            // The change of the page shows which one is read.
            let other = write(&page, &OWL.replace("owl", "tawny owl"));
            assert_eq!(read(&source), text);
            std::fs::remove_file(path).unwrap();
            assert_eq!(read(&source), other);
            std::fs::remove_file(once.join("0")).unwrap();
            write(&page, OWL);
        }
        // Once open, also while another preparation removes the file.
        let source = source(&page, &once, Some(&kept));
        read(&source);
        let mut documents = source.prose.as_ref().unwrap().documents().unwrap();
        files_in(&kept).iter().for_each(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(documents.next().unwrap().unwrap().text, text);
        assert!(documents.next().is_none());
    }

    #[test]
    fn a_page_that_changes_after_it_was_found_is_kept_for_one_preparation() {
        let folder = tempfile::tempdir().unwrap();
        let [page, once, kept] = ["a.html", "once", "kept"].map(|name| folder.path().join(name));
        write(&page, OWL);
        let source = source(&page, &once, Some(&kept));
        let text = write(&page, &OWL.replace("owl", "tawny owl"));
        assert_eq!((read(&source), read(&source)), (text.clone(), text));
        assert_eq!((files_in(&kept).len(), files_in(&once).len()), (0, 1));
    }
}
