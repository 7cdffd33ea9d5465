//! Metadata arrays, stored as the bytes of the file, both read and to be written. So a vocabulary of 150,000 strings takes no extra memory.

use super::cursor::{Cursor, Reading};
use super::value::{Kind, Value};
use std::borrow::Cow;

/// Maximum nesting; llama.cpp does not read nested arrays at all.
const MAX_NESTED: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub struct Array<'file> {
    kind: Kind,
    count: u64,
    bytes: Cow<'file, [u8]>,
}

impl<'file> Array<'file> {
    pub fn new<T: Item>(items: impl IntoIterator<Item = T>) -> Self {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for item in items {
            item.put(&mut bytes);
            count += 1;
        }
        Self { kind: T::KIND, count, bytes: Cow::Owned(bytes) }
    }

    /// Reads an array; `nested` is the number of arrays around it.
    pub(super) fn read(cursor: &mut Cursor<'file>, nested: usize) -> Reading<Self> {
        if nested == MAX_NESTED {
            return Err(format!("arrays are nested deeper than {MAX_NESTED}"));
        }
        let kind = Kind::read(cursor)?;
        let count = cursor.u64()?;
        cursor.expect(count, kind.least_bytes(), "items")?;
        let (mut all, begin) = (*cursor, cursor.at());
        if kind.is_number() {
            cursor.take(count * kind.least_bytes())?;
        } else {
            for number in 0..count {
                Value::read(cursor, kind, nested + 1).map_err(|reason| format!("item {number}: {reason}"))?;
            }
        }
        let bytes = all.take((cursor.at() - begin) as u64)?;
        Ok(Self { kind, count, bytes: Cow::Borrowed(bytes) })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn len(&self) -> usize {
        // Not larger than the number of bytes.
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn items(&self) -> impl Iterator<Item = Value<'_>> {
        let mut cursor = Cursor::new(&self.bytes);
        (0..self.count).map_while(move |_| Value::read(&mut cursor, self.kind, 0).ok())
    }

    pub fn strings(&self) -> Option<impl Iterator<Item = &str>> {
        let mut cursor = Cursor::new(&self.bytes);
        (self.kind == Kind::String).then(|| (0..self.count).map_while(move |_| cursor.string().ok()))
    }
}

pub trait Item {
    /// Type in files.
    const KIND: Kind;
    /// Appends the item's bytes as stored in files.
    fn put(&self, to: &mut Vec<u8>);
}

impl Item for bool {
    const KIND: Kind = Kind::Bool;

    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
}

impl Item for &str {
    const KIND: Kind = Kind::String;

    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u64).put(to);
        to.extend_from_slice(self.as_bytes());
    }
}

impl Item for Array<'_> {
    const KIND: Kind = Kind::Array;

    fn put(&self, to: &mut Vec<u8>) {
        (self.kind as u32).put(to);
        self.count.put(to);
        to.extend_from_slice(&self.bytes);
    }
}
