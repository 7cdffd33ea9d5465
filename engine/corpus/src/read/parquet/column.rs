//! One column of a row group, read a row at a time as JSON values.

use super::pages::Checked;
use crate::read::decode;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type};
use parquet::column::page::PageReader;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, SchemaDescriptor};
use serde_json::{Map, Value};

/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

/// Where a column's values stand in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The row's field.
    pub(super) field: String,
    /// The field inside of the field, or of each entry of its list.
    inner: Option<String>,
    /// The definition level from which on a list has an entry; none where the field is no list.
    list: Option<i16>,
}

impl Shape {
    /// The shape of a column; none where it nests further than a field, a field's field, a list, or a list of records.
    pub(super) fn of(schema: &SchemaDescriptor, index: usize) -> Option<Self> {
        let column = schema.column(index);
        if !matches!(
            column.physical_type(),
            Type::BYTE_ARRAY | Type::INT32 | Type::INT64 | Type::BOOLEAN | Type::DOUBLE
        ) {
            return None;
        }
        let path = column.path().parts();
        let field = path.first()?.clone();
        match column.max_rep_level() {
            0 if path.len() <= 2 => Some(Self { field, inner: path.get(1).cloned(), list: None }),
            1 => {
                let (repeated, level, entry) = repeated(schema, &column)?;
                // The field is the list, or holds the group that repeats.
                if repeated > 1 || path.len() > entry + 2 {
                    return None;
                }
                Some(Self { field, inner: path.get(entry + 1).cloned(), list: Some(level) })
            }
            _ => None,
        }
    }
}

/// In a column's path, the part that repeats and its definition level, and the part that is an entry.
fn repeated(schema: &SchemaDescriptor, column: &ColumnDescriptor) -> Option<(usize, i16, usize)> {
    let path = column.path().parts();
    let mut node = schema.root_schema();
    let mut level = 0;
    for (depth, part) in path.iter().enumerate() {
        if !node.is_group() {
            return None;
        }
        node = node.get_fields().iter().find(|field| field.name() == part)?;
        match node.get_basic_info().repetition() {
            Repetition::REPEATED => {
                // A group around one field is the list's own; around several, or around none, it is the entry.
                let own = node.is_group() && node.get_fields().len() == 1 && depth > 0;
                return Some((depth, level + 1, if own { depth + 1 } else { depth }));
            }
            Repetition::OPTIONAL => level += 1,
            Repetition::REQUIRED => {}
        }
    }
    None
}

/// A column being read.
pub(super) struct Column {
    pub(super) shape: Shape,
    descriptor: ColumnDescPtr,
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

enum Values {
    Bytes(Reader<ByteArrayType>),
    Int32(Reader<Int32Type>),
    Int64(Reader<Int64Type>),
    Truth(Reader<BoolType>),
    Double(Reader<DoubleType>),
}

struct Reader<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Reader<T> {
    fn new(descriptor: ColumnDescPtr, pages: Box<dyn PageReader>) -> Self {
        Self { reader: ColumnReaderImpl::new(descriptor, pages), values: Vec::new() }
    }

    /// Reads a row; false where there is none.
    fn read(&mut self, definitions: &mut Vec<i16>, repetitions: &mut Vec<i16>) -> Result<bool> {
        self.values.clear();
        let (rows, _, _) =
            self.reader.read_records(1, Some(definitions), Some(repetitions), &mut self.values)?;
        Ok(rows == 1)
    }
}

impl Column {
    /// Reads a column; none where its type is none that a record needs.
    pub(super) fn new(
        shape: Shape,
        descriptor: ColumnDescPtr,
        pages: Box<dyn PageReader>,
        limit: usize,
    ) -> Option<Self> {
        let kind = descriptor.physical_type();
        let pages: Box<dyn PageReader> = Box::new(Checked::new(pages, descriptor.clone(), limit));
        let owned = descriptor.clone();
        let values = match kind {
            Type::BYTE_ARRAY => Values::Bytes(Reader::new(owned, pages)),
            Type::INT32 => Values::Int32(Reader::new(owned, pages)),
            Type::INT64 => Values::Int64(Reader::new(owned, pages)),
            Type::BOOLEAN => Values::Truth(Reader::new(owned, pages)),
            Type::DOUBLE => Values::Double(Reader::new(owned, pages)),
            Type::INT96 | Type::FLOAT | Type::FIXED_LEN_BYTE_ARRAY => return None,
        };
        Some(Self { shape, descriptor, values, definitions: Vec::new(), repetitions: Vec::new() })
    }

    /// Reads on by a row; false at the row group's end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        let (definitions, repetitions) = (&mut self.definitions, &mut self.repetitions);
        definitions.clear();
        repetitions.clear();
        match &mut self.values {
            Values::Bytes(reader) => reader.read(definitions, repetitions),
            Values::Int32(reader) => reader.read(definitions, repetitions),
            Values::Int64(reader) => reader.read(definitions, repetitions),
            Values::Truth(reader) => reader.read(definitions, repetitions),
            Values::Double(reader) => reader.read(definitions, repetitions),
        }
    }

    /// Puts the row's values into a record.
    ///
    /// # Errors
    /// Text in them is none.
    pub(super) fn put(&self, record: &mut Map<String, Value>) -> std::result::Result<(), String> {
        let highest = self.descriptor.max_def_level();
        let Some(list) = self.shape.list else {
            let present = highest == 0 || self.definitions.first() == Some(&highest);
            let value = if present { self.value(0)? } else { Value::Null };
            match &self.shape.inner {
                None => drop(record.insert(self.shape.field.clone(), value)),
                Some(inner) => {
                    let outer = record.entry(self.shape.field.clone()).or_insert_with(|| Map::new().into());
                    if let Some(outer) = outer.as_object_mut() {
                        outer.insert(inner.clone(), value);
                    }
                }
            }
            return Ok(());
        };
        let entries = record.entry(self.shape.field.clone()).or_insert_with(|| Value::Array(Vec::new()));
        let Some(entries) = entries.as_array_mut() else { return Ok(()) };
        let mut taken = 0;
        for (position, level) in self.definitions.iter().filter(|level| **level >= list).enumerate() {
            let value = if *level == highest {
                taken += 1;
                self.value(taken - 1)?
            } else {
                Value::Null
            };
            match &self.shape.inner {
                None => entries.push(value),
                Some(inner) => {
                    if position >= entries.len() {
                        entries.push(Map::new().into());
                    }
                    if let Some(entry) = entries.get_mut(position).and_then(Value::as_object_mut) {
                        entry.insert(inner.clone(), value);
                    }
                }
            }
        }
        Ok(())
    }

    /// One of the row's values that are there.
    fn value(&self, index: usize) -> std::result::Result<Value, String> {
        let value = match &self.values {
            Values::Bytes(reader) => {
                let bytes = reader.values.get(index).map(ByteArray::data).unwrap_or_default();
                let text = decode::part(bytes);
                Some(text.map_err(|reason| format!("the column `{}` {reason}", self.shape.field))?.into())
            }
            Values::Int32(reader) => reader.values.get(index).map(|value| self.whole(i64::from(*value))),
            Values::Int64(reader) => reader.values.get(index).map(|value| self.whole(*value)),
            Values::Truth(reader) => reader.values.get(index).map(|value| Value::from(*value)),
            Values::Double(reader) => reader.values.get(index).map(|value| Value::from(*value)),
        };
        Ok(value.unwrap_or(Value::Null))
    }

    /// A whole number, or the day that it stands for.
    fn whole(&self, value: i64) -> Value {
        let second = match self.descriptor.logical_type_ref() {
            Some(LogicalType::Timestamp(time)) => match time.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            },
            _ => match self.descriptor.converted_type() {
                ConvertedType::DATE => return day(value).into(),
                ConvertedType::TIMESTAMP_MILLIS => 1_000,
                ConvertedType::TIMESTAMP_MICROS => 1_000_000,
                _ => return value.into(),
            },
        };
        day(value.div_euclid(second * 86_400)).into()
    }
}

/// The date of a day since 1970, by the calendar of today. The year is taken to start in March, so that the day which some years
/// have more is their last.
fn day(days: i64) -> String {
    let days = days.clamp(-ERA * 100, ERA * 100) + 719_468;
    let era = days.div_euclid(ERA);
    let of_era = days.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (11_016, "2000-02-29"),
        ] {
            assert_eq!(day(days), date);
        }
    }
}
