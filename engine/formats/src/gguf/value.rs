//! Metadata values, borrowed from the file.

use super::array::{Array, Item as _};
use super::cursor::{Cursor, Reading};
use std::borrow::Cow;

/// Type of a value; the numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    /// One byte.
    Bool = 7,
    /// UTF-8, preceded by its length.
    String = 8,
    /// Values of one type, preceded by type and number.
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl Kind {
    const ALL: [Self; 13] = {
        use Kind::*;
        [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64]
    };

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Reading<Self> {
        let number = cursor.u32()?;
        Self::ALL
            .into_iter()
            .find(|kind| *kind as u32 == number)
            .ok_or_else(|| format!("its kind is {number}; kinds are 0 to {}", Self::ALL.len() - 1))
    }

    /// Minimum bytes of a value. Exact except for strings and arrays, for which these are the bytes of their header.
    pub(super) fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::String | Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Array => 12,
        }
    }

    /// Whether every bit pattern is a valid value.
    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::String | Self::Array)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'file> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(Cow<'file, str>),
    Array(Array<'file>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'file> Value<'file> {
    /// Reads a value; `nested` is the number of arrays around it.
    pub(super) fn read(cursor: &mut Cursor<'file>, kind: Kind, nested: usize) -> Reading<Self> {
        Ok(match kind {
            Kind::U8 => Self::U8(u8::from_le_bytes(cursor.array()?)),
            Kind::I8 => Self::I8(i8::from_le_bytes(cursor.array()?)),
            Kind::U16 => Self::U16(u16::from_le_bytes(cursor.array()?)),
            Kind::I16 => Self::I16(i16::from_le_bytes(cursor.array()?)),
            Kind::U32 => Self::U32(u32::from_le_bytes(cursor.array()?)),
            Kind::I32 => Self::I32(i32::from_le_bytes(cursor.array()?)),
            Kind::F32 => Self::F32(f32::from_le_bytes(cursor.array()?)),
            Kind::U64 => Self::U64(u64::from_le_bytes(cursor.array()?)),
            Kind::I64 => Self::I64(i64::from_le_bytes(cursor.array()?)),
            Kind::F64 => Self::F64(f64::from_le_bytes(cursor.array()?)),
            Kind::Bool => match cursor.array()? {
                [0] => Self::Bool(false),
                [1] => Self::Bool(true),
                [other] => return Err(format!("a boolean is {other}; expected 0 or 1")),
            },
            Kind::String => Self::String(Cow::Borrowed(cursor.string()?)),
            Kind::Array => Self::Array(Array::read(cursor, nested)?),
        })
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::U8(_) => Kind::U8,
            Self::I8(_) => Kind::I8,
            Self::U16(_) => Kind::U16,
            Self::I16(_) => Kind::I16,
            Self::U32(_) => Kind::U32,
            Self::I32(_) => Kind::I32,
            Self::F32(_) => Kind::F32,
            Self::Bool(_) => Kind::Bool,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::U64(_) => Kind::U64,
            Self::I64(_) => Kind::I64,
            Self::F64(_) => Kind::F64,
        }
    }

    pub fn to_count(&self) -> Option<u64> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::U64(value) => Some(value),
            Self::I8(value) => value.try_into().ok(),
            Self::I16(value) => value.try_into().ok(),
            Self::I32(value) => value.try_into().ok(),
            Self::I64(value) => value.try_into().ok(),
            _ => None,
        }
    }

    pub fn to_float(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }

    pub fn to_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub fn as_array(&self) -> Option<&Array<'file>> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }
}

impl Value<'_> {
    /// Appends its type and bytes as stored in files.
    pub(super) fn put(&self, to: &mut Vec<u8>) {
        (self.kind() as u32).put(to);
        match self {
            Self::U8(value) => value.put(to),
            Self::I8(value) => value.put(to),
            Self::U16(value) => value.put(to),
            Self::I16(value) => value.put(to),
            Self::U32(value) => value.put(to),
            Self::I32(value) => value.put(to),
            Self::F32(value) => value.put(to),
            Self::Bool(value) => value.put(to),
            Self::String(text) => (&**text).put(to),
            Self::Array(array) => array.put(to),
            Self::U64(value) => value.put(to),
            Self::I64(value) => value.put(to),
            Self::F64(value) => value.put(to),
        }
    }
}

macro_rules! from {
    ($($kind:ident $type:ty),*) => {$(
        impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                Self::$kind(value)
            }
        }
    )*};
}
from!(U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, F32 f32, U64 u64, I64 i64, F64 f64, Bool bool);

impl<'file> From<&'file str> for Value<'file> {
    fn from(text: &'file str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'file> From<Array<'file>> for Value<'file> {
    fn from(array: Array<'file>) -> Self {
        Self::Array(array)
    }
}
