//! Which of the known XML dumps a file is, told by its root.

use super::Item;
use super::html;
use super::lines::{fill, whole};
use super::record::Context;
use super::stack_exchange::StackExchange;
use super::unpack::Stream;
use super::wiki::Wiki;
use std::io;

/// Bytes in which the root is looked for.
const HEAD: usize = 4096;

/// Reads a stream as the dump it is.
///
/// # Errors
/// The stream cannot be read.
pub(super) fn dump(
    context: Context,
    mut stream: Stream,
) -> io::Result<Box<dyn Iterator<Item = Item> + Send>> {
    let head = fill(&mut stream)?;
    let head = head.get(..head.len().min(HEAD)).unwrap_or_default();
    let holds = |mark: &[u8]| memchr::memmem::find(head, mark).is_some();
    if holds(b"<!ENTITY") {
        let reason = "declares entities of its own, which are never expanded here; save it without them";
        return Ok(Box::new(std::iter::once(Err(context.trouble(None, reason)))));
    }
    if holds(b"<mediawiki") {
        return Ok(Box::new(Wiki::new(context, stream)?));
    }
    if holds(b"<posts>") {
        return Ok(Box::new(StackExchange::new(context, stream)));
    }
    if holds(b"<html") {
        let limit = context.settings.limits.document;
        let item = match whole(&mut stream, limit) {
            Ok(Some(bytes)) => html::page(&context, bytes),
            Ok(None) => Err(context.too_long(None, "the file", "document", limit)),
            Err(error) => Err(context.trouble(None, super::open::broken(&error))),
        };
        return Ok(Box::new(std::iter::once(item)));
    }
    let reason = "is XML of a kind that cannot be read; known are dumps of MediaWiki, a Stack Exchange dump's Posts.xml, and XHTML";
    Ok(Box::new(std::iter::once(Err(context.trouble(None, reason)))))
}
