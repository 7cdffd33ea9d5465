//! Documents from files: `.txt` and `.md`, `.jsonl` with a `text` field, folders of them, and folders that
//! `glasshouse data clean` wrote, read as a stream.
//!
//! Whatever the size of a file, only a few hundred kilobytes of it are in memory: a long document comes in several
//! [`Piece`]s, cut where no tokenizer of ours would join the two sides (`tokenizer::cut` says why).

mod cleaned;
mod lines;
mod source;
mod text;

use super::store::Split;
use crate::error::{Error, Result};
use crate::platform::files;
pub use cleaned::mixture;
use lines::{Lines, read_text};
pub use source::{SourceFile, SourceKind, find_sources};
use std::sync::Arc;
use text::TextPieces;

/// A document's text, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The text; empty only as the end of a document whose other pieces are not.
    pub text: String,
    /// Whether the document ends here.
    pub ends_document: bool,
    /// What a cleaning said of the document.
    pub mark: Option<Mark>,
}

/// What a cleaned folder says of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its id among the documents that were cleaned.
    pub id: Arc<str>,
    /// Its source, which the mixture weighs.
    pub source: Arc<str>,
    /// Whether it is held out, where the cleaning decided that.
    pub split: Option<Split>,
}

/// The pieces of all files in their order.
///
/// # Errors
/// Names the file and what is wrong with it, with the line or byte: not UTF-8, binary, a `.jsonl` line without `text`,
/// a named file without any text. The stream ends at the first error.
pub fn pieces(sources: Vec<SourceFile>) -> impl Iterator<Item = Result<Piece>> + Send {
    let mut failed = false;
    sources.into_iter().flat_map(open).take_while(move |piece| {
        let goes_on = !failed;
        failed = piece.is_err();
        goes_on
    })
}

/// Joins pieces to whole documents.
pub fn documents(pieces: impl Iterator<Item = Result<Piece>>) -> impl Iterator<Item = Result<Piece>> {
    let mut whole = String::new();
    pieces.filter_map(move |piece| match piece {
        Err(error) => Some(Err(error)),
        Ok(piece) => {
            whole.push_str(&piece.text);
            piece.ends_document.then(|| Ok(Piece { text: std::mem::take(&mut whole), ..piece }))
        }
    })
}

fn open(source: SourceFile) -> Box<dyn Iterator<Item = Result<Piece>> + Send> {
    let file = match files::File::open(&source.path) {
        Ok(file) => file,
        Err(error) => return Box::new(std::iter::once(Err(Error::io(&source.path)(error)))),
    };
    let pieces: Box<dyn Iterator<Item = Result<Piece>> + Send> = match source.kind {
        SourceKind::Text => Box::new(TextPieces::new(file, source.path.clone())),
        SourceKind::JsonLines => Box::new(Lines::new(file, source.path.clone(), read_text)),
        SourceKind::Cleaned => Box::new(Lines::new(file, source.path.clone(), cleaned::read_kept)),
    };
    // A file that the user named should hold something; one found in a folder may be empty.
    let mut blank = source.named.then_some(source.path);
    let mut pieces = pieces;
    Box::new(std::iter::from_fn(move || match pieces.next() {
        Some(piece) => {
            blank = None;
            Some(piece)
        }
        None => blank
            .take()
            .map(|path| Err(Error::bad_file(path, "the file is empty: it holds no text to learn from"))),
    }))
}

#[cfg(test)]
mod tests;
