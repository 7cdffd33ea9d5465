//! One JSON value, in which no object has a key twice: readers of JSON differ in which of the two they take.

use crate::read::decode;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::fmt;

/// Reads one JSON value. Its nesting is bounded by the library, at 128.
///
/// # Errors
/// Says what is wrong with it and where in it.
pub(in crate::read) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = decode::part(bytes);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let left = Cell::new(MAX_VALUES);
    let parsed =
        Unique { left: &left }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| {
        let message = error.to_string();
        let (message, _) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
        if message.starts_with(TWICE) {
            return format!("{message}; which of its values is meant cannot be told");
        }
        if message == MANY {
            return MANY.to_owned();
        }
        let line = if error.line() > 1 { format!("line {}, ", error.line()) } else { String::new() };
        format!("is not JSON: {message} ({line}column {})", error.column())
    })
}

const TWICE: &str = "has a key twice";

/// Values that one record may hold, inside of each other and all: one takes up to a hundred bytes of memory and two in the file.
const MAX_VALUES: u32 = 1 << 20;

const MANY: &str = "holds more than 1048576 values in one record; write its records one a line";

/// A value in which no object has a key twice, and which holds no more values than it may.
#[derive(Clone, Copy)]
struct Unique<'count> {
    /// Values that it may yet hold.
    left: &'count Cell<u32>,
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

impl<'de> Visitor<'de> for Unique<'_> {
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
        while let Some(value) = values.next_element_seed(self)? {
            self.count()?;
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
            let value = entries.next_value_seed(self)?;
            self.count()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
