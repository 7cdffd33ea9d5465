//! One file as its documents: counted, unpacked, checked once more and handed to its format's reader.

use super::find::Source;
use super::format::{self, Format, Signature};
use super::lines::{fill, whole};
use super::parquet::Parquet;
use super::parquet_module::Asked;
use super::record::Context;
use super::settings::Settings;
use super::unpack::{Counter, Stream, unpack};
use super::{Item, code, decode, html, json, json_lines, pdf, table, text, warc, xml};
use crate::files::Files;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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
    let items = documents(files, &context, &counter)
        .unwrap_or_else(|error| Box::new(std::iter::once(Err(context.trouble(None, cannot(&error))))));
    Box::new(Watched { items: Some(items), context, counter, documents: 0, troubles: 0 })
}

type Items = Box<dyn Iterator<Item = Item> + Send>;

fn documents(files: &dyn Files, context: &Context, counter: &Arc<Counter>) -> io::Result<Items> {
    let source = &context.source;
    let limits = &context.settings.limits;
    let file = files.open(&source.path)?;
    if source.format == Format::Parquet {
        let context = context.clone();
        return Ok(match files.parquet_module() {
            Some(module) => rows(Asked::new(module, context, file, counter)),
            None => rows(Parquet::new(context, file, counter)),
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
        Format::Pdf => {
            let bytes = read_whole(&context, stream, "pdf", limits.pdf);
            one(bytes.and_then(|bytes| pdf::file(&context, &bytes)))
        }
        format => {
            let stream = match decode::marked(stream) {
                Ok(stream) => stream,
                Err(error) => return Ok(one(Err(context.trouble(None, broken_off(&error))))),
            };
            match format {
                Format::Code(language) => {
                    one(document(&context, stream).and_then(|bytes| code::file(&context, &language, bytes)))
                }
                Format::Json => Box::new(json::Json::new(context, stream)),
                Format::JsonLines => Box::new(json_lines::JsonLines::new(context, stream)),
                Format::Csv | Format::Tsv => Box::new(table::Table::new(context, stream)),
                Format::Warc => Box::new(warc::Warc::new(context, stream)),
                Format::Xml => return xml::dump(context, stream),
                // Pages, PDFs and Parquet were opened above.
                Format::Text | Format::Markdown | Format::Html | Format::Pdf | Format::Parquet => {
                    Box::new(text::Text::new(context, stream))
                }
            }
        }
    })
}

/// The rows of a table that could be opened, or why it could not.
fn rows(opened: Result<impl Iterator<Item = Item> + Send + 'static, super::Trouble>) -> Items {
    match opened {
        Ok(rows) => Box::new(rows),
        Err(trouble) => one(Err(trouble)),
    }
}

fn one(item: Item) -> Items {
    Box::new(std::iter::once(item))
}

/// The bytes of a file that is one document.
fn document(context: &Context, stream: Stream) -> Result<Vec<u8>, super::Trouble> {
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
    format!("{}; what was read of it is kept", broken(error))
}

/// Why reading stopped within a file.
pub(super) fn broken(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "vanished while it was read".to_owned(),
        ErrorKind::UnexpectedEof => "ends too early: it is cut short".to_owned(),
        _ => format!("cannot be read on: {error}"),
    }
}

/// A file's documents, with an end to files in which nothing is right.
struct Watched {
    items: Option<Items>,
    context: Context,
    counter: Arc<Counter>,
    /// Items of either kind until now; of troubles, those since the last document.
    documents: u64,
    troubles: u64,
}

impl Iterator for Watched {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let most = self.context.settings.limits.records;
        let item = self.items.as_mut().and_then(Iterator::next);
        let stop = match &item {
            None => None,
            Some(Ok(_)) if most > 0 && self.documents == most => Some(format!(
                "holds more than {most} records, and no more are read; raise read.limits.records"
            )),
            Some(Ok(_)) => {
                self.documents += 1;
                self.troubles = 0;
                return item;
            }
            Some(Err(_)) if self.troubles == HOPELESS => {
                Some(format!("has {HOPELESS} broken records one after another; the rest is not read"))
            }
            Some(Err(_)) => {
                self.troubles += 1;
                return item;
            }
        };
        self.items = None;
        self.counter.finish();
        stop.map(|reason| Err(self.context.trouble(None, reason)))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.counter.finish();
    }
}
