//! JSON: an array of records, one record, concatenated records, or one object with an array per field.

mod mend;
mod parse;
mod values;

use super::decode::Utf8;
use super::record::{Context, found};
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use crate::readers::Readers;
pub(super) use parse::parse;
use serde_json::{Map, Value};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use values::{ValueCut, Values};

/// The rows of a JSON array, split without parsing, so that only the current one is in memory.
pub struct JsonArray {
    values: Values,
    longest: usize,
    /// Number of invalid pieces.
    replaced: Arc<AtomicU64>,
}

impl JsonArray {
    pub fn new(file: impl Read + Send + 'static, longest: usize, readers: Option<Readers>) -> Self {
        let utf8 = Utf8::new(file, readers);
        let replaced = utf8.replaced();
        Self { values: Values::new(Box::new(utf8), longest), longest, replaced }
    }

    /// Reads the next row's text into a buffer, in UTF-8; returns false after the last one. Fails if the file cannot be read;
    /// or, as invalid data, the reason why it is not an array of such rows.
    pub fn next(&mut self, row: &mut Vec<u8>) -> io::Result<bool> {
        let cut = self.values.next(row)?;
        let reason = match cut {
            _ if self.values.array != Some(true) => {
                "is not an array of rows: it does not begin with `[`; write one row per line (.jsonl), or all of them in one array"
                    .to_owned()
            }
            // The decoder may be ahead of the row.
            _ if self.replaced.load(Ordering::Relaxed) > 0 => {
                "has bytes that are not text; convert the file to UTF-8".to_owned()
            }
            ValueCut::Whole => return Ok(true),
            ValueCut::End if self.values.closed => return Ok(false),
            ValueCut::End | ValueCut::Unfinished => {
                "ends within its array: the file is cut short; download it again".to_owned()
            }
            ValueCut::Behind => "continues after its array; write all rows into one array".to_owned(),
            ValueCut::TooLong => format!("has a row of more than {} bytes; leave it out", self.longest),
        };
        Err(io::Error::new(ErrorKind::InvalidData, reason))
    }
}

pub(super) struct Json {
    values: Values,
    buffer: Vec<u8>,
    number: u64,
    /// The records of a file that is one object, in reverse order.
    rows: Vec<Map<String, Value>>,
}

impl Json {
    pub(super) fn new(context: &Context, stream: Stream) -> Self {
        let values = Values::new(stream, context.settings.limits.record);
        Self { values, buffer: Vec::new(), number: 0, rows: Vec::new() }
    }

    /// The first value of a file that is not an array; if it is the only one, it may contain all records.
    fn first(&mut self, context: &Context, value: Value) -> io::Result<RecordStep> {
        let more = self.values.byte(|byte| byte.is_ascii_whitespace() || byte == b',')?.is_some();
        Ok(match value {
            Value::Object(record) if !more => match self.spread(context, record) {
                Ok(()) => RecordStep::Nothing,
                Err(record) => context.record(None, record).into(),
            },
            value => context.value(more.then_some(1), value).into(),
        })
    }

    /// Takes the records out of an object that contains them all: as an array, or as arrays (or objects) by field. Returns
    /// the object as the error if it is a record itself.
    fn spread(
        &mut self,
        context: &Context,
        mut object: Map<String, Value>,
    ) -> Result<(), Map<String, Value>> {
        let found = || found(|name| object.contains_key(name));
        let name = context.settings.text_field.as_deref().unwrap_or_else(found);
        let length = match object.get(name) {
            Some(Value::Array(values)) => values.len(),
            Some(Value::Object(values)) => values.len(),
            Some(_) => return Err(object),
            None => {
                let rows = |value: &Value| {
                    let rows = value.as_array();
                    rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(Value::is_object))
                };
                let shaped = ["messages", "conversations"].iter().any(|name| object.contains_key(*name));
                let mut tables = object.iter_mut().filter(|(_, value)| rows(value));
                let (Some((_, Value::Array(array))), None, false) = (tables.next(), tables.next(), shaped)
                else {
                    return Err(object);
                };
                let rows = std::mem::take(array).into_iter().rev();
                self.rows = rows
                    .filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None })
                    .collect();
                self.number = 0;
                return Ok(());
            }
        };
        let fits = |value: &Value| match value {
            Value::Array(values) => values.len() == length,
            Value::Object(values) => values.len() == length,
            _ => false,
        };
        if !object.values().all(fits) {
            return Err(object);
        }
        let mut rows: Vec<Map<String, Value>> = std::iter::repeat_with(Map::new).take(length).collect();
        for (name, column) in object {
            let values: Box<dyn Iterator<Item = Value>> = match column {
                Value::Array(values) => Box::new(values.into_iter()),
                Value::Object(values) => Box::new(values.into_iter().map(|(_, value)| value)),
                _ => continue,
            };
            for (row, value) in rows.iter_mut().rev().zip(values) {
                row.insert(name.clone(), value);
            }
        }
        self.rows = rows;
        self.number = 0;
        Ok(())
    }
}

impl Records for Json {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        if let Some(row) = self.rows.pop() {
            self.number += 1;
            return Ok(context.record(Some(self.number), row).into());
        }
        let cut = self.values.next(&mut self.buffer)?;
        self.number += 1;
        let number = Some(self.number);
        Ok(match cut {
            ValueCut::End => RecordStep::End(None),
            ValueCut::Behind => {
                RecordStep::end(context, None, "continues after its array; the rest is not read")
            }
            ValueCut::Unfinished => {
                RecordStep::end(context, number, "ends within a value: the file is cut short")
            }
            ValueCut::TooLong => RecordStep::too_long(context, self.number, "the record"),
            ValueCut::Whole => match parse(context, number, &self.buffer) {
                Ok(value) if self.number == 1 && self.values.array == Some(false) => {
                    return self.first(context, value);
                }
                read => read.and_then(|value| context.value(number, value)).into(),
            },
        })
    }
}
