//! JSON: an array of records, one record, records one after another, or one object with an array for each field.

mod parse;
mod values;

use super::Item;
use super::open;
use super::record::{Context, found};
use super::unpack::Stream;
pub(super) use parse::parse;
use serde_json::{Map, Value};
use values::{Cut, Values};

/// The documents of a JSON file.
pub(super) struct Json {
    context: Context,
    values: Values,
    buffer: Vec<u8>,
    number: u64,
    /// The records of a file that is one object, in reverse.
    rows: Vec<Map<String, Value>>,
    done: bool,
}

impl Json {
    /// Reads a stream.
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        let values = Values::new(stream, context.settings.limits.record);
        Self { context, values, buffer: Vec::new(), number: 0, rows: Vec::new(), done: false }
    }

    /// The next document; none where a record's text is missing and that is passed over.
    fn step(&mut self) -> Option<Item> {
        if let Some(row) = self.rows.pop() {
            self.number += 1;
            return self.context.record(Some(self.number), row).transpose();
        }
        match self.values.next(&mut self.buffer) {
            Err(error) => {
                self.done = true;
                Some(Err(self.context.trouble(None, open::broken_off(&error))))
            }
            Ok(Cut::End) => {
                self.done = self.rows.is_empty();
                None
            }
            Ok(Cut::Behind) => {
                self.done = true;
                Some(Err(self.context.trouble(None, "goes on behind its array; what follows is not read")))
            }
            Ok(Cut::TooLong) => {
                self.number += 1;
                let limit = self.context.settings.limits.record;
                Some(Err(self.context.too_long(Some(self.number), "the record", "record", limit)))
            }
            Ok(Cut::Unfinished) => {
                self.done = true;
                self.number += 1;
                Some(Err(self
                    .context
                    .trouble(Some(self.number), "ends within a value: the file is cut short")))
            }
            Ok(Cut::Whole) => {
                self.number += 1;
                let value = match parse(&self.buffer) {
                    Ok(value) => value,
                    Err(reason) => return Some(Err(self.context.trouble(Some(self.number), reason))),
                };
                if self.number == 1 && self.values.array == Some(false) {
                    return self.first(value);
                }
                self.context.value(Some(self.number), value).transpose()
            }
        }
    }

    /// The first value of a file that is not an array: alone, it may hold all records.
    fn first(&mut self, value: Value) -> Option<Item> {
        let more = match self.values.byte(|byte| byte.is_ascii_whitespace() || byte == b',') {
            Ok(next) => next.is_some(),
            Err(error) => {
                self.done = true;
                return Some(Err(self.context.trouble(None, open::broken_off(&error))));
            }
        };
        match value {
            Value::Object(record) if !more => match self.spread(record) {
                Ok(()) => None,
                Err(record) => self.context.record(None, record).transpose(),
            },
            value => self.context.value(more.then_some(1), value).transpose(),
        }
    }

    /// Takes the records out of an object that holds them all: as an array, or as arrays (or objects) by field.
    ///
    /// # Errors
    /// The object is a record itself, and comes back.
    fn spread(&mut self, mut object: Map<String, Value>) -> Result<(), Map<String, Value>> {
        let settings = &self.context.settings;
        let name = settings.text_field.as_ref().or(settings.text_fields.first());
        let name = name.map_or_else(|| found(|name| object.contains_key(name)), String::as_str);
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

impl Iterator for Json {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.done {
            if let Some(item) = self.step() {
                return Some(item);
            }
        }
        None
    }
}
