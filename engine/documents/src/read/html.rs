//! Web pages: decoded as in a browser and passed on as HTML; content is extracted later.

use super::record::Context;
use super::{Trouble, decode};
use crate::document::{Document, Kind};
use crate::readers::Readers;

/// Bytes searched for a browser's note of the original address.
const NOTE: usize = 4096;

pub(super) fn page(
    context: &Context,
    kind: Kind,
    bytes: Vec<u8>,
    readers: Option<Readers>,
) -> Result<Document, Trouble> {
    let text = decode::page(bytes, None, readers).map_err(|reason| context.trouble(None, reason))?;
    let address = saved_from(&text);
    Ok(Document { address, ..context.document(None, kind, text) })
}

/// The address in `<!-- saved from url=(0023)https://example.org/ -->`, which browsers write, or in SingleFile's note.
fn saved_from(text: &str) -> Option<String> {
    let head = text.get(..text.floor_char_boundary(NOTE))?;
    let browser = || head.split_once("saved from url=(")?.1.split_once(')').map(|(_, address)| address);
    let single_file = || Some(head.split_once("Page saved with SingleFile")?.1.split_once("url:")?.1);
    let address = browser().or_else(single_file)?.split_whitespace().next()?;
    let address = address.trim_end_matches("-->");
    (address.starts_with("http://") || address.starts_with("https://")).then(|| address.to_owned())
}
