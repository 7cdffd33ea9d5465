//! Metadata values, borrowed from the file.

use super::array::{Array, Item};
use super::cursor::{Cursor, Reading};
use std::borrow::Cow;

/// Defines the kinds and values of the format from its types of numbers.
macro_rules! kinds {
    ($($kind:ident($type:ty) = $number:literal),+ $(,)?) => {
        /// Type of a value; the numbers are those of the file format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($kind = $number,)+
            /// One byte.
            Bool = 7,
            /// UTF-8, preceded by its length.
            String = 8,
            /// Values of one type, preceded by type and number.
            Array = 9,
        }

        impl Kind {
            const ALL: &[Self] = &[$(Self::$kind,)+ Self::Bool, Self::String, Self::Array];

            /// Minimum bytes of a value. Exact except for strings and arrays, for which these are the bytes of their header.
            pub(super) fn least_bytes(self) -> u64 {
                match self {
                    $(Self::$kind => size_of::<$type>() as u64,)+
                    Self::Bool => 1,
                    Self::String => 8,
                    Self::Array => 12,
                }
            }
        }

        #[derive(Clone, Debug, PartialEq)]
        pub enum Value<'file> {
            $($kind($type),)+
            Bool(bool),
            String(Cow<'file, str>),
            Array(Array<'file>),
        }

        impl<'file> Value<'file> {
            /// Reads a value; `nested` is the number of arrays around it.
            pub(super) fn read(cursor: &mut Cursor<'file>, kind: Kind, nested: usize) -> Reading<Self> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(<$type>::from_le_bytes(cursor.array()?)),)+
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
                    $(Self::$kind(_) => Kind::$kind,)+
                    Self::Bool(_) => Kind::Bool,
                    Self::String(_) => Kind::String,
                    Self::Array(_) => Kind::Array,
                }
            }

            /// Appends its type and bytes as stored in files.
            pub(super) fn put(&self, to: &mut Vec<u8>) {
                (self.kind() as u32).put(to);
                match self {
                    $(Self::$kind(value) => value.put(to),)+
                    Self::Bool(value) => value.put(to),
                    Self::String(text) => (&**text).put(to),
                    Self::Array(array) => array.put(to),
                }
            }
        }

        $(
            impl From<$type> for Value<'_> {
                fn from(value: $type) -> Self {
                    Self::$kind(value)
                }
            }

            impl Item for $type {
                const KIND: Kind = Kind::$kind;

                fn put(&self, to: &mut Vec<u8>) {
                    to.extend_from_slice(&self.to_le_bytes());
                }
            }
        )+
    };
}

kinds! {
    U8(u8) = 0, I8(i8) = 1, U16(u16) = 2, I16(i16) = 3, U32(u32) = 4, I32(i32) = 5, F32(f32) = 6,
    U64(u64) = 10, I64(i64) = 11, F64(f64) = 12,
}

impl Kind {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Reading<Self> {
        let number = cursor.u32()?;
        Self::ALL
            .iter()
            .copied()
            .find(|kind| *kind as u32 == number)
            .ok_or_else(|| format!("its kind is {number}; kinds are 0 to {}", Self::ALL.len() - 1))
    }

    /// Whether every bit pattern is a valid value.
    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::String | Self::Array)
    }
}

impl<'file> Value<'file> {
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

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

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
