//! PDF files: their text is taken at once, since what they are written in is no text.

use super::lines::whole;
use super::open::{self, Items};
use super::record::Context;
use super::unpack::{CHUNK, Counter, counted};
use crate::document::{Document, Kind};
use crate::extract::pdf;
use crate::files::Input;
use std::io::BufReader;
use std::sync::Arc;

/// The document of a file.
pub(super) fn items(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    let limit = context.settings.limits.pdf;
    let mut stream = BufReader::with_capacity(CHUNK, counted(file, counter));
    let found = match whole(&mut stream, limit) {
        Err(error) => Err(context.trouble(None, open::broken(&error))),
        Ok(None) => Err(context.too_long(None, "the file", "pdf", limit)),
        Ok(Some(bytes)) => {
            pdf::document(&bytes, &pdf::Settings::default()).map_err(|reason| context.trouble(None, reason))
        }
    };
    open::one(found.map(|found| {
        let (title, date, language) = (found.title, found.date, found.language);
        Document { title, date, language, ..context.document(None, Kind::Plain, found.text) }
    }))
}
