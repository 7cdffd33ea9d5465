//! WARC and WET files, as Common Crawl, the Internet Archive and `wget` write them: pages from server responses, and extracted
//! text.
//!
//! Requests, metadata and responses that are not pages are skipped silently. After a broken record, the next one is searched.

use super::http;
use super::lines::{Line, Lines};
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::{DamagedMember, Stream};
use super::{Trouble, decode};
use crate::document::{Document, Kind};
use crate::fields;
use crate::readers::Readers;
use std::io;

const MAX_LINE_BYTES: usize = 64 << 10;

pub(super) struct Warc {
    lines: Lines,
    line: Vec<u8>,
    number: u64,
    /// Whether bytes between records were already reported.
    lost: bool,
    readers: Option<Readers>,
}

#[derive(Default)]
struct Header {
    kind: String,
    length: Option<u64>,
    address: Option<String>,
    date: Option<String>,
    media: String,
    payload: String,
    languages: String,
}

impl Warc {
    pub(super) fn new(stream: Stream, readers: Option<Readers>) -> Self {
        Self { readers, lines: Lines::new(stream, MAX_LINE_BYTES), line: Vec::new(), number: 0, lost: false }
    }

    fn header(&mut self) -> io::Result<Header> {
        let mut header = Header::default();
        loop {
            match self.lines.next(&mut self.line)? {
                Line::End => break,
                Line::TooLong => continue,
                Line::Whole if self.line.is_empty() => break,
                Line::Whole => {}
            }
            let Some((name, value)) = http::header(&self.line) else { continue };
            match name.as_str() {
                "warc-type" => header.kind = value.to_ascii_lowercase(),
                "content-length" => header.length = value.parse().ok(),
                "warc-target-uri" => {
                    let address = value.trim_start_matches('<').trim_end_matches('>');
                    header.address = Some(address.to_owned());
                }
                "warc-date" => header.date = fields::date(value),
                "content-type" => header.media = value.to_owned(),
                "warc-identified-payload-type" => header.payload = http::media_type(value).0,
                "warc-identified-content-language" => header.languages = value.to_owned(),
                _ => {}
            }
        }
        Ok(header)
    }

    fn document(
        &self,
        context: &Context,
        header: Header,
        content: Vec<u8>,
    ) -> Result<Option<Document>, Trouble> {
        let number = Some(self.number);
        let limit = context.settings.limits.document;
        let wrong = |reason: String| context.trouble(number, reason);
        let (kind, charset, body) = match header.kind.as_str() {
            "response" if header.media.to_ascii_lowercase().starts_with("application/http") => {
                let answer = http::answer(&content, &context.settings.limits).map_err(wrong)?;
                if !(200..300).contains(&answer.status) {
                    return Ok(None);
                }
                (answer.kind, answer.charset, answer.body)
            }
            "conversion" => ("text/plain".to_owned(), Some("utf-8".to_owned()), content),
            _ => {
                let (kind, charset) = http::media_type(&header.media);
                (kind, charset, content)
            }
        };
        let kind = match if kind.is_empty() { header.payload.as_str() } else { kind.as_str() } {
            "text/html" | "application/xhtml+xml" => Kind::Html,
            "text/plain" => Kind::Plain,
            _ => return Ok(None),
        };
        if body.trim_ascii().is_empty() {
            return Ok(None);
        }
        if body.len() > limit {
            return Err(context.too_long(number, "its content", "document", limit));
        }
        let text = decode::page(body, charset.as_deref(), self.readers).map_err(wrong)?;
        // With several languages, main one first, the document's own is unknown.
        let language = fields::language(&header.languages).filter(|_| !header.languages.contains(','));
        let mut document = context.document(number, kind, text);
        document.genre.get_or_insert_with(|| "web".to_owned());
        Ok(Some(Document { address: header.address, date: header.date, language, ..document }))
    }
}

impl Records for Warc {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        match self.record(context) {
            Err(error) if DamagedMember::is(&error) => {
                let reason =
                    format!("is followed by damaged bytes ({error}); reading continues at the next record");
                Ok(context.trouble(Some(self.number), reason).into())
            }
            read => read,
        }
    }
}

impl Warc {
    fn record(&mut self, context: &Context) -> io::Result<RecordStep> {
        match self.lines.next(&mut self.line)? {
            Line::End => return Ok(RecordStep::End(None)),
            Line::Whole if self.line.trim_ascii().is_empty() => return Ok(RecordStep::Nothing),
            Line::Whole if self.line.starts_with(b"WARC/") => {}
            Line::Whole | Line::TooLong => {
                if std::mem::replace(&mut self.lost, true) {
                    return Ok(RecordStep::Nothing);
                }
                let reason = "has bytes after this record that belong to no record; they are skipped";
                return Ok(context.trouble(Some(self.number), reason).into());
            }
        }
        self.lost = false;
        self.number += 1;
        let number = Some(self.number);
        let header = self.header()?;
        let Some(length) = header.length else {
            return Ok(context.trouble(number, "does not state its length and is skipped").into());
        };
        let wanted = matches!(header.kind.as_str(), "response" | "resource" | "conversion");
        let fits = length <= context.settings.limits.record as u64;
        let (found, content) = self.lines.content(length, wanted && fits)?;
        if found < length {
            let reason = format!("states a length of {length} bytes, but ");
            return Ok(match self.lines.is_at_end()? {
                true => {
                    RecordStep::end(context, number, &format!("{reason}the file ends after {found} of them"))
                }
                false => context.trouble(number, format!("{reason}has {found}; it is skipped")).into(),
            });
        }
        Ok(match wanted {
            true if fits => self.document(context, header, content).into(),
            true => RecordStep::too_long(context, self.number, "the record"),
            false => RecordStep::Nothing,
        })
    }
}
