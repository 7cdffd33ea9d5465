//! Parquet: one record per row, with all columns except binary ones.
//!
//! The library reads and decodes, but it follows a schema by recursion, allocates by stated numbers of values, and panics on
//! contradictory ones. [`thrift`] checks the schema's depth, [`chunks`] the sizes of pages, [`pages`] the numbers. A panic is reported as a trouble, except in
//! a browser.

mod chunks;
mod pages;
mod thrift;

use super::Trouble;
use super::open::{self, Items};
use super::record::Context;
use super::records::{self, RecordStep, Records};
use super::settings::bytes;
use super::unpack::Counter;
use crate::files::Input;
use crate::read::decode;
use chunks::Chunks;
use pages::RowGroup;
use parquet::basic::{Compression, ConvertedType, Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{FileReader, Length, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::record::{Field, Row};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type as Schema};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};
use std::io::{self, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Maximum bytes of a file's metadata; a file of a terabyte has some megabytes.
const MAX_METADATA_BYTES: u64 = 32 << 20;

const ROW: u64 = 8;

/// Rows of a column decoded at a time.
const ROWS: usize = 16;

struct Parquet {
    chunks: Chunks,
    reader: SerializedFileReader<Chunks>,
    wanted: SchemaDescPtr,
    group: usize,
    /// The rows of the current row group.
    rows: Option<ReaderIter>,
    number: u64,
    /// Bytes of text and rows read so far: a dictionary entry may occur in millions of rows.
    unpacked: u64,
}

pub(super) fn items(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    match Parquet::new(&context, file, counter) {
        Ok(rows) => records::items(context, |_| rows),
        Err(trouble) => open::one(Err(trouble)),
    }
}

impl Parquet {
    fn new(context: &Context, mut file: Box<dyn Input>, counter: &Arc<Counter>) -> Result<Self, Trouble> {
        let wrong = |reason: String| context.trouble(None, reason);
        let length = file.seek(SeekFrom::End(0)).map_err(|error| wrong(open::cannot(&error)))?;
        let chunks = Chunks::new(file, length, counter.clone(), context.settings.limits.clone());
        let metadata = metadata(&chunks, length).map_err(wrong)?;
        let wanted = wanted(context, &metadata).map_err(wrong)?;
        let opened = guarded(|| SerializedFileReader::new(chunks.clone()));
        let reader = opened.map_err(|reason| wrong(format!("is broken: {reason}")))?;
        Ok(Self { chunks, reader, wanted, group: 0, rows: None, number: 0, unpacked: 0 })
    }

    fn row(&mut self, context: &Context) -> Result<RecordStep, String> {
        let Some(rows) = &mut self.rows else {
            if self.group >= self.reader.num_row_groups() {
                return Ok(RecordStep::End(None));
            }
            self.begin()?;
            return Ok(RecordStep::Nothing);
        };
        // The library also panics on dates and times outside of any calendar.
        let own = |field| match field {
            // A long text is not copied.
            Field::Str(text) if !text.contains('\0') => text.into(),
            field => value(&field),
        };
        let record = |row: Row| row.into_columns().into_iter().map(|(name, field)| (name, own(field)));
        let Some(record) =
            guarded(|| Ok(rows.next().transpose()?.map(|row| record(row).collect::<Map<_, _>>())))?
        else {
            self.rows = None;
            return Ok(RecordStep::Nothing);
        };
        self.number += 1;
        let size = record.values().map(size).sum::<usize>();
        self.unpacked += ROW + size as u64;
        let limits = &context.settings.limits;
        limits.check_expansion(self.chunks.len(), self.unpacked)?;
        if size > limits.record {
            return Ok(RecordStep::too_long(context, self.number, "the row"));
        }
        Ok(context.record(Some(self.number), record).into())
    }

    fn begin(&mut self) -> Result<(), String> {
        let index = self.group;
        self.group += 1;
        let group = guarded(|| RowGroup::new(&self.reader, &self.chunks, index))?;
        let rows = guarded(|| TreeBuilder::new().with_batch_size(ROWS).as_iter(self.wanted.clone(), &group));
        let packed = group
            .metadata()
            .columns()
            .first()
            .map_or(Compression::UNCOMPRESSED, parquet::file::metadata::ColumnChunkMetaData::compression);
        self.rows = Some(rows.map_err(|reason| with_codec(reason, packed))?);
        Ok(())
    }
}

impl Records for Parquet {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        // Rows of the next group would be numbered incorrectly, and the file is no longer trustworthy.
        self.row(context).map_err(io::Error::other)
    }
}

/// Bytes of a value's texts.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Reads a file's metadata after checking that this is safe.
fn metadata(chunks: &Chunks, length: u64) -> Result<ParquetMetaData, String> {
    const ENDS: u64 = 12;
    if length < ENDS {
        return Err("is not a Parquet file: it is too short".to_owned());
    }
    let tail = chunks.read(length - 8, 8).map_err(|error| open::cannot(&error))?;
    let (size, magic) = tail.split_first_chunk::<4>().ok_or("is not a Parquet file")?;
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err("is encrypted; decrypt it first".to_owned()),
        _ => return Err("does not end like a Parquet file: it is cut short".to_owned()),
    }
    let size = u64::from(u32::from_le_bytes(*size));
    if size > length - ENDS {
        return Err(format!("states {size} bytes of metadata, more than the file has"));
    }
    if size > MAX_METADATA_BYTES {
        return Err(format!(
            "has more than {} of metadata; write larger row groups",
            bytes(MAX_METADATA_BYTES)
        ));
    }
    let content = chunks.read(length - 8 - size, usize::try_from(size).unwrap_or_default());
    let content = content.map_err(|error| open::cannot(&error))?;
    thrift::check_metadata(&content).map_err(|fault| format!("has broken metadata: {fault}"))?;
    guarded(|| ParquetMetaDataReader::decode_metadata(&content))
        .map_err(|reason| format!("has broken metadata: {reason}"))
}

/// The fields of a record: all except binary ones, such as pictures.
fn wanted(context: &Context, metadata: &ParquetMetaData) -> Result<SchemaDescPtr, String> {
    let schema = metadata.file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    context.check_columns(&names)?;
    let named = |name: &str| context.is_text(name);
    let kept: Vec<_> =
        fields.iter().filter(|field| named(field.name()) || is_readable(field)).cloned().collect();
    // The library finds columns by name.
    let mut seen = FxHashSet::default();
    if let Some(field) = kept.iter().find(|field| !seen.insert(field.name())) {
        return Err(format!("has two columns named `{}`; rename one of them", field.name()));
    }
    let refused = |field: &Schema| named(field.name()) && !holds_text(field);
    if let Some(field) = fields.iter().find(|field| refused(field)) {
        return Err(format!(
            "has a column `{}` that is not text; name another in reading.text_field",
            field.name()
        ));
    }
    let root = Schema::group_type_builder(schema.root_schema().name()).with_fields(kept).build();
    root.map(|root| Arc::new(SchemaDescriptor::new(Arc::new(root)))).map_err(|error| error.to_string())
}

/// Whether a field can be part of a record: no part of it is binary.
fn is_readable(field: &Schema) -> bool {
    if field.is_group() {
        return !field.get_fields().is_empty() && field.get_fields().iter().all(|field| is_readable(field));
    }
    match field.get_physical_type() {
        Type::BYTE_ARRAY => field.get_basic_info().converted_type() != ConvertedType::NONE,
        Type::FIXED_LEN_BYTE_ARRAY | Type::INT96 => false,
        _ => true,
    }
}

/// Whether a field is text or may contain text.
fn holds_text(field: &Schema) -> bool {
    if field.is_group() {
        return field.get_fields().iter().any(|field| holds_text(field));
    }
    matches!(field.get_physical_type(), Type::BYTE_ARRAY | Type::INT32 | Type::INT64)
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float16(value) => f64::from(f32::from(*value)).into(),
        Field::Float(value) => f64::from(*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => decode::part(value.as_bytes()).into(),
        Field::Bytes(value) => decode::part(value.data()).into(),
        Field::Group(row) => row
            .get_column_iter()
            .map(|(name, field)| (name.clone(), self::value(field)))
            .collect::<Map<_, _>>()
            .into(),
        Field::ListInternal(list) => list.elements().iter().map(self::value).collect(),
        Field::MapInternal(map) => {
            let name = |key: &Field| match self::value(key) {
                Value::String(name) => name,
                other => other.to_string(),
            };
            map.entries()
                .iter()
                .map(|(key, field)| (name(key), self::value(field)))
                .collect::<Map<_, _>>()
                .into()
        }
        // Dates, times, decimals and any other in the library's format.
        _ => field.to_string().into(),
    }
}

/// Explains the library's error for page compression that this build does not support: Brotli in no build, and Zstandard, which
/// is written in C, not in a browser.
fn with_codec(reason: String, compression: Compression) -> String {
    if !reason.contains("Disabled feature at compile time") {
        return reason;
    }
    let elsewhere = match compression {
        Compression::ZSTD(_) => ", or clean it with the desktop program",
        _ => "",
    };
    format!(
        "its pages are packed with {compression}, which is not supported; write it with Snappy{elsewhere}"
    )
}

/// Calls the library. A panic becomes an error; in a browser, where panics cannot be caught, it ends the module but not the
/// engine.
fn guarded<T>(call: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::General(reason))) => Err(reason),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it contradicts itself".to_owned()),
    }
}
