//! What stands under a key of the metadata: a value of a kind, borrowed from the file that it was read from.

use super::array::{Array, Item as _};
use super::cursor::{Cursor, Reading};
use std::borrow::Cow;

/// What a value is; the numbers are those of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 8 bits.
    U8 = 0,
    /// 8 bits, signed.
    I8 = 1,
    /// 16 bits.
    U16 = 2,
    /// 16 bits, signed.
    I16 = 3,
    /// 32 bits.
    U32 = 4,
    /// 32 bits, signed.
    I32 = 5,
    /// 32 bits, floating point.
    F32 = 6,
    /// True or false, a byte.
    Bool = 7,
    /// UTF-8 with its length before it.
    String = 8,
    /// Values of one kind, with their number before them.
    Array = 9,
    /// 64 bits.
    U64 = 10,
    /// 64 bits, signed.
    I64 = 11,
    /// 64 bits, floating point.
    F64 = 12,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Reading<Self> {
        let number = cursor.u32()?;
        Self::ALL
            .into_iter()
            .find(|kind| *kind as u32 == number)
            .ok_or_else(|| format!("its kind is {number}; kinds are 0 to {}", Self::ALL.len() - 1))
    }

    /// Bytes that a value has at least; all have exactly so many but strings and arrays, whose sizes are in these.
    pub(super) fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::String | Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Array => 12,
        }
    }

    /// Any bytes of the right number are such a value.
    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::String | Self::Array)
    }
}

/// What stands under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'file> {
    /// 8 bits.
    U8(u8),
    /// 8 bits, signed.
    I8(i8),
    /// 16 bits.
    U16(u16),
    /// 16 bits, signed.
    I16(i16),
    /// 32 bits.
    U32(u32),
    /// 32 bits, signed.
    I32(i32),
    /// 32 bits, floating point.
    F32(f32),
    /// True or false.
    Bool(bool),
    /// Text.
    String(Cow<'file, str>),
    /// Values of one kind.
    Array(Array<'file>),
    /// 64 bits.
    U64(u64),
    /// 64 bits, signed.
    I64(i64),
    /// 64 bits, floating point.
    F64(f64),
}

impl<'file> Value<'file> {
    /// Reads a value that lies in so many arrays.
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
                [other] => return Err(format!("a truth value is {other}; 0 and 1 are possible")),
            },
            Kind::String => Self::String(Cow::Borrowed(cursor.string()?)),
            Kind::Array => Self::Array(Array::read(cursor, nested)?),
        })
    }

    /// What it is.
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

    /// A whole number of any width that is not negative.
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

    /// A number with a fraction, of either width.
    pub fn to_float(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }

    /// True or false.
    pub fn to_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Values of one kind.
    pub fn as_array(&self) -> Option<&Array<'file>> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }
}

impl Value<'_> {
    /// Appends its kind and the bytes that files have for it.
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
