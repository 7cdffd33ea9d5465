//! JSON: one value read with its duplicate keys noticed, and files of values read one after another.
//!
//! A `.json` file is an array of records, one record, records one after another, or one object with an array for each
//! field. Only the value at hand is in memory: where it ends is found by counting brackets outside of strings.

use super::Item;
use super::decode;
use super::lines::fill;
use super::open;
use super::record::Context;
use super::unpack::Stream;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, BufRead};

/// Reads one JSON value. Its nesting is bounded by the library, at 128.
///
/// # Errors
/// Says what is wrong with it and where in it.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = decode::part(bytes)?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let parsed = Unique.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| {
        let message = error.to_string();
        let (message, _) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
        if message.starts_with(TWICE) {
            return format!("{message}; which of its values is meant cannot be told");
        }
        let line = if error.line() > 1 { format!("line {}, ", error.line()) } else { String::new() };
        format!("is not JSON: {message} ({line}column {})", error.column())
    })
}

const TWICE: &str = "has a key twice";

/// A value in which no object has a key twice.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element_seed(Unique)? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                let key: String = key.chars().take(40).collect();
                return Err(A::Error::custom(format!("{TWICE}: `{key}`")));
            }
            let value = entries.next_value_seed(Unique)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// What came of the next value of a file.
enum Cut {
    /// It is in the buffer.
    Whole,
    /// It is longer than the limit; its rest is passed over when the next value is asked for.
    TooLong,
    /// The file ends within a value.
    Unfinished,
    /// More stands behind the array.
    Behind,
    End,
}

/// The values of a file, cut apart without being read.
struct Values {
    stream: Stream,
    limit: usize,
    /// Whether they stand in an array; none before the first byte.
    array: Option<bool>,
    /// The value being cut: open brackets, whether within a string, and whether behind a backslash there.
    depth: u64,
    string: bool,
    escaped: bool,
    within: bool,
    begun: bool,
    ended: bool,
}

impl Values {
    fn next(&mut self, value: &mut Vec<u8>) -> io::Result<Cut> {
        value.clear();
        if self.within {
            while self.part(&mut |_| true)?.is_none() {}
        }
        if self.ended {
            return Ok(Cut::End);
        }
        if !self.begin()? {
            self.ended = true;
            return Ok(Cut::End);
        }
        if self.ended {
            return Ok(Cut::Behind);
        }
        let limit = self.limit;
        let mut fits = true;
        loop {
            let end = self.part(&mut |part| {
                fits = value.len() + part.len() <= limit;
                if fits {
                    value.extend_from_slice(part);
                }
                fits
            })?;
            if !fits {
                value.clear();
                return Ok(Cut::TooLong);
            }
            match end {
                None => {}
                Some(true) => return Ok(Cut::Whole),
                Some(false) => {
                    self.ended = true;
                    return Ok(Cut::Unfinished);
                }
            }
        }
    }

    /// Goes to the first byte of the next value; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        let mut next = self.byte(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        if next == Some(b'[') && self.array.is_none() {
            self.stream.consume(1);
            self.array = Some(true);
            next = self.byte(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        }
        if next == Some(b']') && self.array == Some(true) {
            self.stream.consume(1);
            self.ended = true;
            return Ok(self.byte(|byte| byte.is_ascii_whitespace())?.is_some());
        }
        self.array.get_or_insert(false);
        (self.depth, self.string, self.escaped) = (0, false, false);
        (self.within, self.begun) = (next.is_some(), false);
        Ok(next.is_some())
    }

    /// The next byte, behind those to be passed over; none at the end.
    fn byte(&mut self, blank: fn(u8) -> bool) -> io::Result<Option<u8>> {
        loop {
            let chunk = fill(&mut self.stream)?;
            let skipped = chunk.iter().take_while(|byte| blank(**byte)).count();
            let next = chunk.get(skipped).copied();
            let ended = chunk.is_empty();
            self.stream.consume(skipped);
            if next.is_some() || ended {
                return Ok(next);
            }
        }
    }

    /// Takes what is at hand of the value: whether it ended, and if so whether by itself rather than with the file. What `take` refuses ends
    /// the call, with the rest of the value still to come.
    fn part(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<Option<bool>> {
        let chunk = fill(&mut self.stream)?;
        if chunk.is_empty() {
            self.within = false;
            // A number or word may end with the file; anything else is cut short.
            return Ok(Some(self.depth == 0 && !self.string));
        }
        let mut at = 0;
        let mut ended = false;
        while let Some(byte) = chunk.get(at).copied() {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.string {
                let rest = chunk.get(at..).unwrap_or_default();
                let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                    at = chunk.len();
                    break;
                };
                at += found + 1;
                if rest.get(found) == Some(&b'"') {
                    self.string = false;
                    ended = self.depth == 0;
                } else {
                    self.escaped = true;
                }
            } else {
                match byte {
                    b'"' => self.string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth > 0 => {
                        self.depth -= 1;
                        ended = self.depth == 0;
                    }
                    b',' | b']' | b'}' if self.depth == 0 => {
                        // The end of a number or word, or a bracket that was never opened.
                        ended = true;
                        at += usize::from(!self.begun);
                        break;
                    }
                    byte if self.depth == 0 && byte.is_ascii_whitespace() => ended = true,
                    _ => {}
                }
                self.begun = true;
                at += 1;
            }
            if ended {
                break;
            }
        }
        take(chunk.get(..at).unwrap_or_default());
        self.stream.consume(at);
        self.within = !ended;
        Ok(ended.then_some(true))
    }
}

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
        let values = Values {
            stream,
            limit: context.settings.limits.record,
            array: None,
            depth: 0,
            string: false,
            escaped: false,
            within: false,
            begun: false,
            ended: false,
        };
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
        let name = name.map_or("text", String::as_str);
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
                let mut found = object.iter_mut().filter(|(_, value)| rows(value));
                let (Some((_, Value::Array(array))), None, false) = (found.next(), found.next(), shaped)
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
