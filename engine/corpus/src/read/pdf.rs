//! PDF files: their text is taken at once, since what they are written in is no text.

use super::Trouble;
use super::record::Context;
use crate::document::{Document, Kind};
use crate::extract::pdf;

/// A PDF file as a document.
pub(super) fn file(context: &Context, bytes: &[u8]) -> Result<Document, Trouble> {
    let limit = context.settings.limits.document;
    let found =
        pdf::document(bytes, &pdf::Settings::default()).map_err(|reason| context.trouble(None, reason))?;
    if found.text.len() > limit {
        return Err(context.too_long(None, "the text", "document", limit));
    }
    let (title, date, language) = (found.title, found.date, found.language);
    Ok(Document { title, date, language, ..context.document(None, Kind::Plain, found.text) })
}
