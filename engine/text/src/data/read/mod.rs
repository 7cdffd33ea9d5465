//! Streaming documents from files of every kind that `glasshouse data clean` reads, from folders of them, and from folders it wrote.
//!
//! Plain text of any size takes only a few hundred kilobytes of memory: long documents are read in several [`TextPiece`]s, cut where none
//! of our tokenizers joins the two sides (see `tokenizer::cut`). All other files are read document by document by
//! `glasshouse_documents::read`. Damaged or mislabelled files, or parts of files, are recorded in [`Problems`], and reading continues.

mod asked;
mod cleaned;
mod labelled;
mod lines;
mod problems;
mod prose;
mod source;

use super::store::Split;
use crate::tokenizer::cut::{Cut, CutRule};
pub use asked::{asked_last, prompt_of};
pub use cleaned::mixture;
pub use glasshouse_conversation::messages_of;
use glasshouse_documents::Files as _;
use glasshouse_documents::document::{Document, Kind};
use glasshouse_documents::extract;
use glasshouse_documents::read::{self as reader, Format};
use glasshouse_platform::{CorpusFiles, Error, Result, files};
pub use labelled::{LabelledText, Row, labelled_texts};
use lines::Lines;
pub use lines::RowLocation;
pub use problems::Problems;
use prose::KeptProse;
pub use prose::{Prose, tidy};
use serde_json::{Map, Value};
pub use source::{SourceFile, SourceKind, find_sources, remove_held_out};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Longer documents of plain text are returned in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;

/// Bytes read to detect an array of rows.
const HEAD_BYTES: u64 = 256;

/// A document's text, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextPiece {
    /// Empty only for the end of a document with earlier pieces.
    pub text: String,
    pub ends_document: bool,
    /// Source and split from a cleaned folder.
    pub mark: Option<Mark>,
    /// The row of a conversation, an instruction or a preference.
    pub row: Option<Map<String, Value>>,
}

impl TextPiece {
    /// A whole document.
    pub fn whole(text: String) -> Self {
        Self { text, ends_document: true, ..Self::default() }
    }
}

type Pieces = Box<dyn Iterator<Item = Result<TextPiece>> + Send>;

/// Data on a document from a cleaned folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Document id within the cleaned text.
    pub id: Arc<str>,
    /// Source name, as used in the mixture.
    pub source: Arc<str>,
    /// The split, if cleaning decided it.
    pub split: Option<Split>,
}

/// Reads the pieces of all files in order. Unreadable content is recorded in `problems` and skipped. Fails if a file that the user named
/// yields no text, or a file changed while being read. The stream ends at the first error.
pub fn pieces(
    sources: Vec<SourceFile>,
    problems: &Problems,
) -> impl Iterator<Item = Result<TextPiece>> + Send + use<> {
    let mut failed = false;
    let problems = problems.clone();
    sources.into_iter().flat_map(move |source| open(source, &problems)).take_while(move |piece| {
        let goes_on = !failed;
        failed = piece.is_err();
        goes_on
    })
}

/// Reads the rows of a JSON Lines file or a JSON array, parsed by `read`, which also gets the row's location. `None` skips a row; an error
/// ends the iteration. Fails if the file is of another kind, or cannot be opened.
pub fn json_rows<T, R: FnMut(&str, RowLocation) -> Result<Option<T>, String>>(
    source: &SourceFile,
    read: R,
) -> Result<impl Iterator<Item = Result<T>> + use<T, R>> {
    let (path, is_array) = (&source.path, source.is(&Format::Json));
    if !is_array && !source.is(&Format::JsonLines) {
        let reason = "not a file of conversations: expected JSON Lines (.jsonl), one conversation per line, or an array of them \
                      (.json); for plain text, use the objective text";
        return Err(Error::bad_file(path, reason));
    }
    let file = files::File::open(path).map_err(Error::io(path))?;
    Ok(if is_array {
        Lines::from_array(file, path.clone(), read)
    } else {
        Lines::new(file, path.clone(), read)
    })
}

/// Whether a file may hold rows. A `.json` file does if it starts with an array.
pub fn may_hold_rows(path: &Path) -> bool {
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        return true;
    }
    let Ok(file) = files::File::open(path) else { return true };
    let mut head = Vec::new();
    // Skip a byte order mark and white space.
    let read = file.take(HEAD_BYTES).read_to_end(&mut head);
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    read.is_err() || text.trim_ascii_start().starts_with(b"[")
}

/// Fields of rows for fine-tuning, none of which a document has.
const ROW_FIELDS: [&str; 7] =
    ["messages", "conversations", "instruction", "prompt", "completion", "chosen", "rejected"];
/// The only fields of a labelled text.
const LABELLED: [&str; 2] = ["label", "text"];

/// Whether a file holds rows for fine-tuning rather than documents, by the fields of its first row.
pub fn holds_rows(path: &Path) -> bool {
    let Some(source) =
        find_sources(&[path], &Problems::default()).ok().and_then(|found| found.into_iter().next())
    else {
        return false;
    };
    let is_labelled = |fields: &mut Vec<&str>| {
        fields.sort_unstable();
        fields.as_slice() == LABELLED
    };
    if source.is(&Format::Csv) {
        let Ok(file) = files::File::open(path) else { return false };
        let mut head = Vec::new();
        file.take(HEAD_BYTES).read_to_end(&mut head).ok();
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_lowercase();
        let mut fields =
            line.trim_start_matches('\u{feff}').split(',').map(|field| field.trim().trim_matches('"'));
        return is_labelled(&mut fields.by_ref().collect());
    }
    let row = |line: &str, _| Ok(serde_json::from_str::<Map<String, Value>>(line).ok());
    let first = json_rows(&source, row).ok().and_then(|mut rows| rows.next()?.ok());
    first.is_some_and(|row| is_row(&row) || is_labelled(&mut row.keys().map(String::as_str).collect()))
}

/// Whether an object has a field of rows for fine-tuning.
fn is_row(fields: &Map<String, Value>) -> bool {
    ROW_FIELDS.iter().any(|field| fields.contains_key(*field))
}

/// Joins pieces into whole documents.
pub fn documents(pieces: impl Iterator<Item = Result<TextPiece>>) -> impl Iterator<Item = Result<TextPiece>> {
    recut(pieces, Cut { rule: CutRule::Never, special: Vec::new() })
}

/// Moves the cuts between a document's pieces to where `cut` allows them: pieces as they are read are cut between a visible character and
/// the white space that follows it.
pub fn recut(
    pieces: impl Iterator<Item = Result<TextPiece>>,
    cut: Cut,
) -> impl Iterator<Item = Result<TextPiece>> {
    let mut held = String::new();
    pieces.filter_map(move |piece| match piece {
        Ok(mut piece) if matches!(cut.rule, CutRule::Never | CutRule::BeforeSpaceAfterLine) => {
            let searched = held.len();
            held.push_str(&piece.text);
            let end = if piece.ends_document { held.len() } else { cut.last(&held, searched)? };
            let rest = held.split_off(end);
            piece.text = std::mem::replace(&mut held, rest);
            Some(Ok(piece))
        }
        other => Some(other),
    })
}

fn open(source: SourceFile, problems: &Problems) -> Pieces {
    if let Some(documents) = source.prose.as_ref().and_then(Prose::documents) {
        return documents;
    }
    let mut kept = KeptProse::new(&source);
    let SourceFile { path, kind, named, .. } = source;
    let own = Problems::default();
    let mut pieces = match opened(&path, kind, &own) {
        Ok(pieces) => pieces,
        Err(error) if named => return Box::new(std::iter::once(Err(error))),
        Err(error) => {
            problems.note(&path, &error.to_string());
            return Box::new(std::iter::empty());
        }
    };
    let (problems, mut blank) = (problems.clone(), true);
    Box::new(std::iter::from_fn(move || {
        if let Some(piece) = pieces.next() {
            blank = false;
            kept.take_if(|kept| piece.as_ref().map_or(true, |piece| kept.add(&piece.text).is_err()));
            return Some(piece);
        }
        if let Some(kept) = kept.take() {
            kept.finish(blank || !own.is_empty());
        }
        if !std::mem::take(&mut blank) {
            // The file was read, at least in part.
            problems.take_from(&path, &own);
            return None;
        }
        let mut wrong = own.list().into_iter().map(|problem| problem.reason);
        let reason = wrong.next().unwrap_or_else(|| "holds no text to learn from".to_owned());
        // A file that the user named must contain text; files in a folder may not.
        if named {
            return Some(Err(Error::bad_file(&path, format!("{reason}; fix the file, or leave it out"))));
        }
        problems.note(&path, &reason);
        None
    }))
}

fn opened(path: &Path, kind: SourceKind, problems: &Problems) -> Result<Pieces> {
    let file = || files::File::open(path).map_err(Error::io(path));
    Ok(match kind {
        SourceKind::Text => plain_pieces(file()?, path, problems),
        SourceKind::Cleaned => {
            Box::new(Lines::new(file()?, path.to_owned(), |line: &str, _| cleaned::read_kept(line)))
        }
        SourceKind::Reader(source) => {
            let (problems, path) = (problems.clone(), path.to_owned());
            let read = Arc::new(AtomicU64::new(0));
            let (settings, extract) = (reader::Settings::default(), extract::Settings::default());
            let documents = reader::prose(&CorpusFiles, &source, &settings, &extract, &read);
            Box::new(documents.filter_map(move |document| match document {
                Ok(Document { text, kind, record, .. }) => {
                    let row = record.filter(|_| kind == Kind::Conversation);
                    Some(Ok(TextPiece { row, ..TextPiece::whole(text) }))
                }
                Err(trouble) => {
                    problems.note(&path, &trouble.reason);
                    None
                }
            }))
        }
    })
}

/// The pieces of a plain text in any encoding.
fn plain_pieces(file: impl Read + Send + 'static, path: &Path, problems: &Problems) -> Pieces {
    let text = reader::Utf8::new(file, CorpusFiles.readers());
    let replaced = text.replaced();
    let cut = Cut { rule: CutRule::BeforeWhitespace, special: Vec::new() };
    let mut pieces = reader::TextPieces::new(text, PIECE_BYTES, move |text, from| cut.last(text, from));
    let (path, problems) = (path.to_owned(), problems.clone());
    Box::new(std::iter::from_fn(move || {
        loop {
            match pieces.next() {
                Some(Ok((text, ends_document))) => {
                    return Some(Ok(TextPiece { text, ends_document, ..TextPiece::default() }));
                }
                Some(Err(error)) if error.raw_os_error().is_some() => {
                    return Some(Err(Error::io(&path)(error)));
                }
                Some(Err(error)) => problems.note(&path, &reader::broken_off(&error)),
                None => {
                    let replaced = reader::replacements(&replaced);
                    replaced.iter().for_each(|reason| problems.note(&path, reason));
                    return None;
                }
            }
        }
    }))
}

#[cfg(test)]
mod tests;
