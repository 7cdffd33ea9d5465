//! One file as its documents: counted, unpacked, checked once more and handed to its format's reader.

use super::find::Source;
use super::format::{self, Format, Signature};
use super::lines::{fill, whole};
use super::module::Asked;
use super::record::Context;
use super::settings::Settings;
use super::unpack::{Counter, Stream, unpack};
use super::{Item, code, decode, html, json, json_lines, parquet, pdf, records, table, text, warc, xml};
use crate::document::{Document, Kind};
use crate::extract;
use crate::files::{Files, Input};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Troubles without a document between them after which a file is given up.
const HOPELESS: u64 = 10_000;

/// The documents of one source and what is wrong with it, as a stream.
///
/// `progress` grows by the bytes read of the file as it lies there, packed or not, and has grown by [`Source::size`] when the stream has
/// ended or is dropped.
pub fn open(
    files: &dyn Files,
    source: &Source,
    settings: &Settings,
    progress: &Arc<AtomicU64>,
) -> Box<dyn Iterator<Item = Item> + Send> {
    let counter = Arc::new(Counter::new(progress.clone(), source.size));
    let context = Context { source: source.clone(), settings: settings.clone() };
    let mut replaced = Arc::default();
    let items = documents(files, &context, &counter, &mut replaced)
        .unwrap_or_else(|error| Box::new(std::iter::once(Err(context.trouble(None, cannot(&error))))));
    let parts = VecDeque::new();
    Box::new(Watched { items: Some(items), context, counter, replaced, parts, documents: 0, troubles: 0 })
}

/// The documents of one source as text to learn from, without cleaning them: [`open()`], with prose made of web pages and wikitext.
/// Plain text comes as it stands in the file, in UTF-8.
pub fn prose(
    files: &dyn Files,
    source: &Source,
    settings: &Settings,
    extract: &extract::Settings,
    progress: &Arc<AtomicU64>,
) -> Box<dyn Iterator<Item = Item> + Send> {
    let extract = extract.clone();
    let readers = files.readers();
    let path = source.path.display().to_string();
    Box::new(open(files, source, settings, progress).flat_map(move |item| {
        let items = item.map_or_else(
            |trouble| [Some(Err(trouble)), None],
            |mut document| {
                let made = extract::prose(&mut document, &extract, readers);
                let number = document.id.split_once('#');
                let place = number.map_or_else(|| path.clone(), |(_, number)| format!("{path}#{number}"));
                let trouble = |reason| Some(Err(super::Trouble { place, reason }));
                match made {
                    Ok(made) => {
                        let is_text = !document.text.trim().is_empty();
                        [made.trouble.and_then(trouble), is_text.then_some(Ok(document))]
                    }
                    Err(reason) => [trouble(reason), None],
                }
            },
        );
        items.into_iter().flatten()
    }))
}

/// A file's documents and troubles.
pub(super) type Items = Box<dyn Iterator<Item = Item> + Send>;

/// Opens a file by its format. `replaced` will count what in it is no text.
fn documents(
    files: &dyn Files,
    context: &Context,
    counter: &Arc<Counter>,
    replaced: &mut Arc<AtomicU64>,
) -> io::Result<Items> {
    let source = &context.source;
    let limits = &context.settings.limits;
    let file = files.open(&source.path)?;
    if matches!(source.format, Format::Parquet | Format::Pdf) {
        return Ok(match files.readers() {
            Some(readers) => match Asked::new(readers, context.clone(), file, counter) {
                Ok(items) => Box::new(items),
                Err(trouble) => one(Err(trouble)),
            },
            None => inside(context.clone(), file, counter),
        });
    }
    let mut stream = unpack(file, source.packing, counter, limits);
    let head = match fill(&mut stream) {
        Ok(head) => head,
        Err(error) => return Ok(one(Err(context.trouble(None, broken_off(&error))))),
    };
    match format::signature(head) {
        Some(Signature::Refused(what)) => {
            return Ok(one(Err(context.trouble(None, format!("is {what}")))));
        }
        Some(Signature::Packed(packing)) => {
            let reason = format!("is packed with {} once more than its name says; unpack it", packing.name());
            return Ok(one(Err(context.trouble(None, reason))));
        }
        Some(Signature::Is(_)) | None => {}
    }
    let context = context.clone();
    Ok(match source.format.clone() {
        Format::Html => one(document(&context, stream).and_then(|bytes| html::page(&context, bytes))),
        Format::Warc => records::items(context, |_| warc::Warc::new(stream)),
        format => {
            let stream = decode::Utf8::of(stream);
            *replaced = stream.replaced();
            let stream: Stream = Box::new(stream);
            match format {
                Format::Code(language) => {
                    let bytes = read_whole(&context, stream, "record", limits.record);
                    one(bytes.map(|bytes| code::file(&context, &language, &bytes)))
                }
                Format::Json => records::items(context, |context| json::Json::new(context, stream)),
                Format::JsonLines => {
                    records::items(context, |context| json_lines::JsonLines::new(context, stream))
                }
                Format::Csv | Format::Tsv => {
                    records::items(context, |context| table::TableReader::new(context, stream))
                }
                Format::Xml => return xml::dump(context, stream),
                // The others were opened above.
                Format::Text
                | Format::Markdown
                | Format::Html
                | Format::Pdf
                | Format::Parquet
                | Format::Warc => Box::new(text::Text::new(context, stream)),
            }
        }
    })
}

/// The documents of a file of a large format, read in here.
pub(super) fn inside(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    match context.source.format {
        Format::Pdf => pdf::items(context, file, counter),
        _ => parquet::items(context, file, counter),
    }
}

pub(super) fn one(item: Item) -> Items {
    Box::new(std::iter::once(item))
}

/// The bytes of a file that is one document.
pub(super) fn document(context: &Context, stream: Stream) -> Result<Vec<u8>, super::Trouble> {
    read_whole(context, stream, "document", context.settings.limits.document)
}

/// A file's bytes, of which there may be as many as the limit of this name allows.
fn read_whole(
    context: &Context,
    mut stream: Stream,
    name: &str,
    limit: usize,
) -> Result<Vec<u8>, super::Trouble> {
    match whole(&mut stream, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(context.too_long(None, "the file", name, limit)),
        Err(error) => Err(context.trouble(None, broken(&error))),
    }
}

/// Why a file that was found cannot be opened.
pub(super) fn cannot(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "vanished since it was found; run again".to_owned(),
        ErrorKind::PermissionDenied => "may not be read; change its permissions".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Why reading stopped within a file, of which what was read stays.
pub(super) fn broken_off(error: &io::Error) -> String {
    if is_binary(error) {
        return error.to_string();
    }
    format!("{}; what was read of it is kept", broken(error))
}

/// Why reading stopped within a file.
pub(super) fn broken(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "vanished while it was read".to_owned(),
        ErrorKind::UnexpectedEof => "ends too early: it is cut short".to_owned(),
        _ if is_binary(error) => error.to_string(),
        _ => format!("cannot be read on: {error}"),
    }
}

/// Whether a file is no text at all, of which nothing was read.
fn is_binary(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<decode::Binary>)
}

/// A file's documents, with an end to files in which nothing is right.
struct Watched {
    items: Option<Items>,
    context: Context,
    counter: Arc<Counter>,
    /// Pieces of the file that were no text.
    replaced: Arc<AtomicU64>,
    /// What is left of a document that was cut up.
    parts: VecDeque<Document>,
    /// Items of either kind until now; of troubles, those since the last document.
    documents: u64,
    troubles: u64,
}

impl Watched {
    /// Cuts a document that is too long: its first part, with the rest kept for later.
    fn cut(&mut self, mut document: Document) -> Document {
        let limit = self.context.settings.limits.document;
        // A page is cut by whoever makes text of it, and a conversation is one piece or none.
        if document.text.len() <= limit
            || matches!(document.kind, Kind::Html | Kind::HtmlFragment | Kind::Conversation)
        {
            return document;
        }
        let id = document.id.clone();
        let mut rest = std::mem::take(&mut document.text);
        while !rest.is_empty() {
            let at = if rest.len() > limit { text::place_to_cut(rest.as_bytes(), limit) } else { rest.len() };
            let behind = if rest.is_char_boundary(at) { rest.split_off(at) } else { String::new() };
            let text = std::mem::replace(&mut rest, behind);
            if !text.trim().is_empty() {
                let id = format!("{id}/{}", self.parts.len() + 1);
                self.parts.push_back(Document { id, text, ..document.clone() });
            }
        }
        self.parts.pop_front().unwrap_or(document)
    }

    /// What is said at the file's end of what was no text in it.
    fn faults(&self) -> Option<Item> {
        let count = self.replaced.swap(0, Ordering::Relaxed);
        let (are, them) = if count == 1 { ("piece is", "it is") } else { ("pieces are", "each is") };
        let reason = format!("{count} {are} no text; {them} replaced by U+FFFD or left out");
        (count > 0).then(|| Err(self.context.trouble(None, reason)))
    }
}

impl Iterator for Watched {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(part) = self.parts.pop_front() {
            return Some(Ok(part));
        }
        let most = self.context.settings.limits.records;
        let item = self.items.as_mut().and_then(Iterator::next);
        let stop = match item {
            None => None,
            Some(Ok(_)) if most > 0 && self.documents == most => Some(format!(
                "holds more than {most} records, and no more are read; raise reading.limits.records"
            )),
            Some(Ok(document)) => {
                self.documents += 1;
                self.troubles = 0;
                return Some(Ok(self.cut(document)));
            }
            Some(Err(_)) if self.troubles == HOPELESS => {
                Some(format!("has {HOPELESS} broken records one after another; the rest is not read"))
            }
            Some(Err(trouble)) => {
                self.troubles += 1;
                return Some(Err(trouble));
            }
        };
        self.items = None;
        self.counter.finish();
        let stop = stop.map(|reason| Err(self.context.trouble(None, reason)));
        stop.or_else(|| self.faults())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.counter.finish();
    }
}
