//! Opens a file and reads its documents: counts bytes, unpacks, checks the content and calls the format's reader.

use super::find::Source;
use super::format::{self, Reader, Signature};
use super::lines::{fill, whole};
use super::module::Asked;
use super::record::Context;
use super::settings::Settings;
use super::unpack::{Counter, DamagedMember, Stream, stream, unpack};
use super::{Item, Trouble, decode, text};
use crate::document::{Document, Kind};
use crate::extract;
use crate::files::{Files, Input};
use std::collections::VecDeque;
use std::io::{self, Cursor, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Consecutive troubles without a document after which a file is abandoned.
const HOPELESS: u64 = 10_000;

/// Maximum number of nested packings in addition to the one in the name.
const MAX_PACKINGS: usize = 3;

/// The documents and troubles of a source, as a stream.
///
/// `progress` grows by the bytes read from the file on disk, packed or not, and has grown by [`Source::size`] when the stream
/// has ended or is dropped.
pub fn open(
    files: &dyn Files,
    source: &Source,
    settings: &Settings,
    progress: &Arc<AtomicU64>,
) -> Box<dyn Iterator<Item = Item> + Send> {
    let counter = Arc::new(Counter::new(progress.clone(), source.size));
    let context = Context::new(source.clone(), settings.clone());
    let mut replaced = Arc::default();
    let items = documents(files, &context, &counter, &mut replaced)
        .unwrap_or_else(|error| Box::new(std::iter::once(Err(context.trouble(None, cannot(&error))))));
    let (parts, last) = (VecDeque::new(), VecDeque::new());
    Box::new(Watched { items: Some(items), context, counter, replaced, parts, last, troubles: 0 })
}

/// The documents of a source as training text, without cleaning: [`open()`], with web pages and wikitext extracted to prose.
/// Plain text is passed unchanged, in UTF-8.
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
    Box::new(open(files, source, settings, progress).filter_map(move |item| {
        let mut document = match item {
            Ok(document) => document,
            trouble => return Some(trouble),
        };
        match extract::prose(&mut document, &extract, readers) {
            Ok(_) => (!document.text.trim().is_empty()).then_some(Ok(document)),
            Err(reason) => {
                let number = document.id.split_once('#');
                let place = number.map_or_else(|| path.clone(), |(_, number)| format!("{path}#{number}"));
                Some(Err(super::Trouble { place, reason }))
            }
        }
    }))
}

pub(super) type Items = Box<dyn Iterator<Item = Item> + Send>;

fn documents(
    files: &dyn Files,
    context: &Context,
    counter: &Arc<Counter>,
    replaced: &mut Arc<AtomicU64>,
) -> io::Result<Items> {
    let source = &context.source;
    let limits = &context.settings.limits;
    let (file, readers) = (files.open(&source.path)?, files.readers());
    let row = source.format.row();
    if row.is_packed {
        let file = match &source.member {
            None => file,
            // These formats need random access.
            Some(_) => match whole(stream(file, source, counter, limits)?, limits.pdf)? {
                Some(content) => Box::new(Cursor::new(content)),
                None => return Ok(one(Err(context.too_long(None, "the file", "pdf", limits.pdf)))),
            },
        };
        return Ok(match (readers, &row.reader) {
            (Some(readers), Reader::Module(name, _)) => {
                match Asked::new(readers, name, context.clone(), file, counter) {
                    Ok(items) => Box::new(items),
                    Err(trouble) => one(Err(trouble)),
                }
            }
            _ => inside(context.clone(), file, counter),
        });
    }
    let mut stream = stream(file, source, counter, limits)?;
    let (mut packings, mut damaged) = (0, None);
    loop {
        let head = match fill(&mut stream) {
            Ok(head) => head,
            Err(error) if DamagedMember::is(&error) => {
                let reason =
                    format!("begins with damaged bytes ({error}); reading continues at the next record");
                damaged.get_or_insert(context.trouble(None, reason));
                continue;
            }
            Err(error) => return Ok(one(Err(context.trouble(None, broken_off(&error))))),
        };
        match format::signature(head) {
            Some(Signature::Refused(what)) => {
                return Ok(one(Err(context.trouble(None, format!("is {what}")))));
            }
            Some(Signature::Packed(_)) if packings == MAX_PACKINGS => {
                let reason = format!("is packed more than {MAX_PACKINGS} times; unpack it");
                return Ok(one(Err(context.trouble(None, reason))));
            }
            // Servers compress files that are already compressed.
            Some(Signature::Packed(packing)) => {
                stream = unpack(stream, &source.format, packing, counter, limits);
                packings += 1;
            }
            Some(Signature::Is(_)) | None => break,
        }
    }
    let context = context.clone();
    match &row.reader {
        Reader::Bytes(read) => {
            Ok(one(document(&context, stream).and_then(|bytes| read(&context, bytes, readers))))
        }
        Reader::Stream(read) => {
            Ok(Box::new(damaged.map(Err).into_iter().chain(read(context, stream, readers))))
        }
        Reader::Text(read) => {
            let stream = decode::Utf8::of(stream, readers);
            *replaced = stream.replaced();
            read(context, Box::new(stream), readers)
        }
        // Opened above.
        Reader::Module(..) | Reader::File(_) => Ok(Box::new(std::iter::empty())),
    }
}

/// The documents of a file with random access, read in this process.
pub(super) fn inside(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    match context.source.format.row().reader {
        Reader::Module(_, read) | Reader::File(read) => read(context, file, counter),
        _ => Box::new(std::iter::empty()),
    }
}

pub(super) fn one(item: Item) -> Items {
    Box::new(std::iter::once(item))
}

pub(super) fn document(context: &Context, stream: Stream) -> Result<Vec<u8>, Trouble> {
    read_whole(context, stream, "document", context.settings.limits.document)
}

pub(super) fn read_whole(
    context: &Context,
    mut stream: Stream,
    name: &str,
    limit: usize,
) -> Result<Vec<u8>, Trouble> {
    match whole(&mut stream, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(context.too_long(None, "the file", name, limit)),
        Err(error) => Err(context.trouble(None, broken(&error))),
    }
}

/// Reports the invalid pieces that [`Utf8`](super::Utf8) replaced, and forgets them; `None` if there are none.
pub fn replacements(replaced: &AtomicU64) -> Option<String> {
    let count = replaced.swap(0, Ordering::Relaxed);
    let (are, them) = if count == 1 { ("piece is", "it is") } else { ("pieces are", "each is") };
    (count > 0).then(|| format!("{count} {are} not text; {them} replaced by U+FFFD or left out"))
}

/// Why a found file cannot be opened.
pub(super) fn cannot(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "vanished since it was found; run again".to_owned(),
        ErrorKind::PermissionDenied => "may not be read; change its permissions".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Why reading stopped inside a file whose documents so far are kept.
pub fn broken_off(error: &io::Error) -> String {
    if is_binary(error) {
        return error.to_string();
    }
    format!("{}; what was read so far is kept", broken(error))
}

pub(super) fn broken(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "vanished while it was read".to_owned(),
        ErrorKind::UnexpectedEof => "ends too early: it is cut short".to_owned(),
        _ if is_binary(error) => error.to_string(),
        _ => format!("cannot be read further: {error}"),
    }
}

/// Whether a file is binary, so that nothing was read.
fn is_binary(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<decode::Binary>)
}

struct Watched {
    items: Option<Items>,
    context: Context,
    counter: Arc<Counter>,
    replaced: Arc<AtomicU64>,
    /// The remaining parts of a document that was cut.
    parts: VecDeque<Document>,
    /// Troubles reported at the file's end.
    last: VecDeque<Trouble>,
    /// Troubles since the last document.
    troubles: u64,
}

impl Watched {
    /// Cuts an oversized document: returns the first part and keeps the rest for later.
    fn cut(&mut self, mut document: Document) -> Document {
        let limit = self.context.settings.limits.document;
        // Pages are cut after extraction, and a conversation is never cut.
        if document.text.len() <= limit
            || matches!(document.kind, Kind::Html | Kind::HtmlFragment | Kind::Conversation)
        {
            return document;
        }
        let id = document.id.clone();
        let whole = std::mem::take(&mut document.text);
        let mut rest = whole.as_str();
        while !rest.is_empty() {
            let at = if rest.len() > limit { text::place_to_cut(rest.as_bytes(), limit) } else { rest.len() };
            let (text, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            rest = behind;
            if !text.trim().is_empty() {
                let id = format!("{id}/{}", self.parts.len() + 1);
                self.parts.push_back(Document { id, text: text.to_owned(), ..document.clone() });
            }
        }
        self.parts.pop_front().unwrap_or(document)
    }

    /// Troubles reported at the file's end: invalid pieces and repairs.
    fn faults(&self) -> impl Iterator<Item = Trouble> {
        let replaced = replacements(&self.replaced).map(|reason| self.context.trouble(None, reason));
        replaced.into_iter().chain(self.context.noticed())
    }
}

impl Iterator for Watched {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(part) = self.parts.pop_front() {
            return Some(Ok(part));
        }
        if let Some(trouble) = self.last.pop_front() {
            return Some(Err(trouble));
        }
        let item = self.items.as_mut().and_then(Iterator::next);
        let stop = match item {
            None => None,
            Some(Ok(document)) => {
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
        self.last.extend(stop.map(|reason| self.context.trouble(None, reason)));
        self.last.extend(self.faults().collect::<Vec<_>>());
        self.last.pop_front().map(Err)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.counter.finish();
    }
}
