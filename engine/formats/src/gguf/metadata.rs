//! Metadata: values by key.

use super::array::Array;
use super::cursor::Reading;
use super::value::Value;
use super::{ALIGNMENT, ALIGNMENT_KEY};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Values by key, in file order.
#[derive(Clone, Debug, Default)]
pub struct Metadata<'file> {
    entries: Vec<(Cow<'file, str>, Value<'file>)>,
    places: HashMap<Cow<'file, str>, usize>,
}

impl<'file> Metadata<'file> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a key. Fails if the key already exists.
    pub fn push(
        &mut self,
        key: impl Into<Cow<'file, str>>,
        value: impl Into<Value<'file>>,
    ) -> Result<(), String> {
        match self.places.entry(key.into()) {
            Entry::Occupied(there) => Err(format!("metadata {}: the key occurs twice", there.key())),
            Entry::Vacant(place) => {
                let key = place.key().clone();
                place.insert(self.entries.len());
                self.entries.push((key, value.into()));
                Ok(())
            }
        }
    }

    pub fn get(&self, key: &str) -> Option<&Value<'file>> {
        self.places.get(key).and_then(|at| self.entries.get(*at)).map(|(_, value)| value)
    }

    pub fn entries(&self) -> &[(Cow<'file, str>, Value<'file>)] {
        &self.entries
    }

    /// A non-negative integer of any width; `None` if the key is missing.
    pub fn count(&self, key: &str) -> Result<Option<u64>, String> {
        self.of_kind(key, "a non-negative whole number", Value::to_count)
    }

    /// A floating-point number; `None` if the key is missing.
    pub fn float(&self, key: &str) -> Result<Option<f64>, String> {
        self.of_kind(key, "a floating-point number", Value::to_float)
    }

    /// A boolean; `None` if the key is missing.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        self.of_kind(key, "true or false", Value::to_bool)
    }

    /// A string; `None` if the key is missing.
    pub fn text(&self, key: &str) -> Result<Option<&str>, String> {
        self.of_kind(key, "a string", Value::as_str)
    }

    /// An array; `None` if the key is missing.
    pub fn array(&self, key: &str) -> Result<Option<&Array<'file>>, String> {
        self.of_kind(key, "an array", Value::as_array)
    }

    fn of_kind<'value, T>(
        &'value self,
        key: &str,
        wanted: &str,
        to: impl FnOnce(&'value Value<'file>) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let other = || format!("metadata {key}: expected {wanted}, found {:?}", value.kind());
        to(value).map(Some).ok_or_else(other)
    }

    pub(super) fn alignment(&self) -> Reading<u64> {
        match self.get(ALIGNMENT_KEY) {
            None => Ok(ALIGNMENT.into()),
            Some(Value::U32(alignment)) if alignment.is_power_of_two() => Ok((*alignment).into()),
            Some(other) => {
                Err(format!("metadata {ALIGNMENT_KEY}: {other:?} is not a power of two in 32 bits"))
            }
        }
    }
}
