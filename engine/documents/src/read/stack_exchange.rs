//! The `Posts.xml` of a Stack Exchange dump: one question or answer per row, with an HTML body.

use super::lines::{Line, Lines};
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use super::wiki::plain;
use super::{Trouble, decode};
use crate::document::{Document, Kind};
use crate::fields;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};
use std::io;

/// Maximum attributes of a row; the format has about twenty.
const MAX_ATTRIBUTES: usize = 64;

pub(super) struct StackExchange {
    lines: Lines,
    line: Vec<u8>,
    number: u64,
}

impl StackExchange {
    pub(super) fn new(context: &Context, stream: Stream) -> Self {
        let lines = Lines::new(stream, context.settings.limits.record);
        Self { lines, line: Vec::new(), number: 0 }
    }

    /// The buffered row as a document; `None` if it is neither question nor answer.
    fn document(&self, context: &Context) -> Result<Option<Document>, Trouble> {
        let number = Some(self.number);
        let wrong = |reason: String| context.trouble(number, reason);
        let line = decode::part(&self.line);
        let mut reader = Reader::from_str(line.trim());
        let event = reader.read_event().map_err(|error| wrong(format!("is not XML: {error}")))?;
        let (Event::Empty(row) | Event::Start(row)) = event else {
            return Err(wrong("is not a row of a dump".to_owned()));
        };
        let mut document = context.document(number, Kind::HtmlFragment, String::new());
        let mut record = Map::new();
        let (mut kind, mut own) = (String::new(), String::new());
        for attribute in row.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
            let attribute = attribute.map_err(|error| wrong(format!("is not XML: {error}")))?;
            let raw = attribute.value.as_ref();
            let value = || plain(raw).map_err(wrong);
            match attribute.key.as_ref() {
                "Id" => own = value()?,
                "PostTypeId" => kind = value()?,
                "Body" => document.text = value()?,
                "Title" => document.title = fields::short(&value()?).map(str::to_owned),
                "CreationDate" => document.date = fields::date(&value()?),
                "ContentLicense" => document.licence = fields::licence(&value()?),
                "Score" => drop(record.insert("score".into(), value_of(&value()?))),
                "ParentId" => drop(record.insert("question".into(), value_of(&value()?))),
                "AcceptedAnswerId" => drop(record.insert("accepted_answer".into(), value_of(&value()?))),
                "Tags" => {
                    let value = value()?;
                    let tags = value.split(['<', '>', '|']).filter(|tag| !tag.is_empty());
                    record.insert("tags".into(), tags.map(Value::from).collect());
                }
                _ => {}
            }
        }
        let kind = match kind.as_str() {
            "1" => "question",
            "2" => "answer",
            _ => return Ok(None),
        };
        if document.text.trim().is_empty() {
            return Ok(None);
        }
        let limit = context.settings.limits.document;
        if document.text.len() > limit {
            return Err(context.too_long(number, "its body", "document", limit));
        }
        if let Some(own) = fields::short(&own) {
            document.id = format!("{}:{own}", document.id);
        }
        record.insert("post".into(), kind.into());
        document.record = Some(record);
        document.genre.get_or_insert_with(|| "forum".to_owned());
        Ok(Some(document))
    }
}

impl Records for StackExchange {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        let read = self.lines.next(&mut self.line)?;
        // The head, the root element and its end.
        if read == Line::Whole && !self.line.trim_ascii_start().starts_with(b"<row") {
            return Ok(RecordStep::Nothing);
        }
        self.number += 1;
        Ok(match read {
            Line::End => RecordStep::End(None),
            Line::TooLong => RecordStep::too_long(context, self.number, "the row"),
            Line::Whole => self.document(context).into(),
        })
    }
}

fn value_of(value: &str) -> Value {
    value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from)
}
