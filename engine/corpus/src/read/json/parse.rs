//! Parses a JSON value. A field with two different values in one object is dropped, since JSON parsers differ in which they
//! take; common invalid JSON is repaired.

use super::mend::mend;
use crate::read::notices::Notice;
use crate::read::record::Context;
use crate::read::{Trouble, decode, shapes};
use rustc_hash::FxHashSet;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

/// Parses the record with this number. The library limits its nesting to 128.
pub(in crate::read) fn parse(context: &Context, number: Option<u64>, bytes: &[u8]) -> Result<Value, Trouble> {
    let text = decode::part(bytes);
    let (value, doubled) = read(&text).or_else(|error| {
        let mended = mend(&text).and_then(|(mended, notices)| Some((read(&mended).ok()?, notices)));
        let (value, notices) = mended.ok_or_else(|| context.trouble(number, described(&error)))?;
        notices.into_iter().for_each(|notice| context.notice(notice, number));
        Ok(value)
    })?;
    for (name, may_be_text) in doubled {
        if may_be_text && context.may_be_text(&name) {
            let name: String = name.chars().take(40).collect();
            let reason = format!("has the key `{name}` twice, so its value is ambiguous");
            return Err(context.trouble(number, reason));
        }
        context.notice(Notice::Twice, number);
    }
    Ok(value)
}

/// A value, and the names of dropped fields, each with whether it may contain the text.
fn read(text: &str) -> serde_json::Result<(Value, Vec<(String, bool)>)> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let (left, doubled) = (Cell::new(MAX_VALUES), RefCell::default());
    let value = Unique { left: &left, doubled: &doubled, place: Place::Record }.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, doubled.into_inner()))
}

fn described(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let (message, _) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
    if message == MANY {
        return MANY.to_owned();
    }
    let line = if error.line() > 1 { format!("line {}, ", error.line()) } else { String::new() };
    format!("is not JSON: {message} ({line}column {})", error.column())
}

/// Maximum number of values in a record, including nested ones: a value takes up to a hundred bytes of memory but only two in
/// the file.
const MAX_VALUES: u32 = 1 << 20;

const MANY: &str = "has more than 1048576 values in one record; write one record per line";

/// A value without duplicate keys, within the limit on values.
#[derive(Clone, Copy)]
struct Unique<'count> {
    /// Number of values still allowed.
    left: &'count Cell<u32>,
    doubled: &'count RefCell<Vec<(String, bool)>>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The record itself, or an entry of an array of records.
    Record,
    /// Inside a field of a conversation or prompt.
    Messages,
    /// Anywhere else, where no text is expected.
    Other,
}

impl Place {
    fn field(self, name: &str) -> Self {
        match self {
            Self::Record if shapes::is_text(name) => Self::Messages,
            Self::Messages => Self::Messages,
            Self::Record | Self::Other => Self::Other,
        }
    }
}

impl Unique<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom(MANY))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! scalars {
    ($($name:ident $type:ty),*) => { $( fn $name<E>(self, value: $type) -> Result<Value, E> { Ok(value.into()) } )* };
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    scalars! { visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str, visit_string String }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element_seed(self)? {
            self.count()?;
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut doubled = FxHashSet::default();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self { place: self.place.field(&key), ..self })?;
            self.count()?;
            match object.get(&key) {
                None => {
                    object.insert(key, value);
                }
                Some(first) if *first == value => {}
                Some(_) => {
                    doubled.insert(key);
                }
            }
        }
        if !doubled.is_empty() {
            object.retain(|key, _| !doubled.contains(key));
            let may_be_text = self.place != Place::Other;
            self.doubled.borrow_mut().extend(doubled.into_iter().map(|name| (name, may_be_text)));
        }
        Ok(Value::Object(object))
    }
}
