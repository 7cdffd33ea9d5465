//! Detects the kind of XML dump by its root.

use super::lines::fill;
use super::open::{Items, document, one};
use super::record::Context;
use super::stack_exchange::StackExchange;
use super::unpack::Stream;
use super::wiki::Wiki;
use super::{html, records};
use crate::document::Kind;
use crate::readers::Readers;
use std::io;

/// Bytes searched for the root.
const HEAD: usize = 4096;

pub(super) fn dump(context: Context, mut stream: Stream, readers: Option<Readers>) -> io::Result<Items> {
    let head = fill(&mut stream)?;
    let head = head.get(..head.len().min(HEAD)).unwrap_or_default();
    let holds = |mark: &[u8]| memchr::memmem::find(head, mark).is_some();
    if holds(b"<!ENTITY") {
        let reason = "declares its own entities, which are never expanded; save it without them";
        return Ok(one(Err(context.trouble(None, reason))));
    }
    if holds(b"<mediawiki") {
        let pages = Wiki::new(&context, stream)?;
        return Ok(records::items(context, |_| pages));
    }
    if holds(b"<posts>") {
        return Ok(records::items(context, |context| StackExchange::new(context, stream)));
    }
    if holds(b"<html") {
        return Ok(one(
            document(&context, stream).and_then(|bytes| html::page(&context, Kind::Html, bytes, readers))
        ));
    }
    let reason = "is XML of an unsupported kind; supported are MediaWiki dumps, Posts.xml of a Stack Exchange dump, and XHTML";
    Ok(one(Err(context.trouble(None, reason))))
}
