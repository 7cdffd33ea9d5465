//! Parquet: a record a row, of the columns that a document needs.
//!
//! The library that decodes it trusts the numbers in a file: it makes room for what they state and panics where they contradict
//! each other. So they are checked before it sees them: [`thrift`] walks the metadata, [`chunks`] the heads of pages, [`pages`] what
//! their content refers to, and [`delta`] decodes what the library would decode without looking. What still goes wrong in it natively ends as a trouble too.

mod chunks;
mod column;
mod delta;
mod pages;
mod thrift;

use super::open;
use super::record::Context;
use super::settings::bytes;
use super::unpack::Counter;
use super::{Item, Trouble};
use crate::files::Input;
use chunks::Chunks;
use column::{Column, Shape};
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;
use serde_json::Map;
use std::io::SeekFrom;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use thrift::Fault;

/// Bytes of a file's metadata; a file of a terabyte has some megabytes of it.
const LONGEST_METADATA: u64 = 32 << 20;

/// Bytes that a row without text is counted as.
const ROW: u64 = 8;

/// Columns that may make up a record.
const MOST_COLUMNS: usize = 1024;

/// The documents of a Parquet file.
pub(super) struct Parquet {
    context: Context,
    chunks: Chunks,
    reader: SerializedFileReader<Chunks>,
    /// The columns that are read, by their position.
    wanted: Vec<(usize, Shape)>,
    group: usize,
    columns: Vec<Column>,
    /// Rows read of the row group, and rows that it states.
    rows: (i64, i64),
    number: u64,
    /// Bytes of text that came out of the file, and of rows: a dictionary's entry may stand in millions of rows.
    unpacked: u64,
    done: bool,
}

impl Parquet {
    /// Reads a file.
    ///
    /// # Errors
    /// It is none, it is broken, or it has no column of text.
    pub(super) fn new(
        context: Context,
        mut file: Box<dyn Input>,
        counter: &Arc<Counter>,
    ) -> Result<Self, Trouble> {
        let wrong = |reason: String| context.trouble(None, reason);
        let length = file.seek(SeekFrom::End(0)).map_err(|error| wrong(open::cannot(&error)))?;
        let chunks = Chunks::new(file, length, counter.clone());
        let metadata = metadata(&chunks, length).map_err(wrong)?;
        let wanted = wanted(&context, &metadata).map_err(wrong)?;
        let opened = guarded(|| SerializedFileReader::new(chunks.clone()));
        let reader = opened.map_err(|reason| wrong(format!("is broken: {reason}")))?;
        Ok(Self {
            context,
            chunks,
            reader,
            wanted,
            group: 0,
            columns: Vec::new(),
            rows: (0, 0),
            number: 0,
            unpacked: 0,
            done: false,
        })
    }

    fn step(&mut self) -> Result<Option<Item>, String> {
        if self.columns.is_empty() {
            if self.group >= self.reader.num_row_groups() {
                self.done = true;
                return Ok(None);
            }
            self.begin()?;
        }
        let columns = &mut self.columns;
        let advanced = guarded(|| {
            let mut more = 0;
            for column in columns.iter_mut() {
                more += usize::from(column.advance()?);
            }
            Ok(more)
        });
        let more = advanced?;
        if more == 0 {
            self.columns.clear();
            let (read, stated) = self.rows;
            if read != stated {
                return Err(format!("row group {} states {stated} rows and holds {read}", self.group));
            }
            return Ok(None);
        }
        if more < self.columns.len() {
            return Err(format!("the columns of row group {} are not of one length", self.group));
        }
        self.rows.0 += 1;
        self.number += 1;
        let number = Some(self.number);
        let mut record = Map::new();
        for column in &self.columns {
            if let Err(reason) = column.put(&mut record) {
                return Ok(Some(Err(self.context.trouble(number, reason))));
            }
        }
        let item = self.context.record(number, record).transpose();
        let text =
            item.as_ref().and_then(|item| item.as_ref().ok()).map_or(0, |document| document.text.len());
        self.unpacked += ROW + text as u64;
        let limits = &self.context.settings.limits;
        let most = limits.expansion_free.max(self.chunks.len().saturating_mul(limits.expansion));
        if self.unpacked > most {
            return Err(format!(
                "it unpacks to more than {} times its size; raise read.limits.expansion if it is meant so",
                limits.expansion
            ));
        }
        Ok(item)
    }

    /// Opens the columns of the next row group.
    fn begin(&mut self) -> Result<(), String> {
        let index = self.group;
        self.group += 1;
        let group = self.reader.metadata().row_groups().get(index);
        let group = group.ok_or_else(|| "a row group is missing".to_owned())?;
        self.rows = (0, group.num_rows());
        let mut columns = Vec::new();
        for (position, shape) in &self.wanted {
            let name = &shape.field;
            let chunk = group.columns().get(*position);
            let chunk = chunk.ok_or_else(|| format!("row group {} lacks the column `{name}`", self.group))?;
            self.chunks
                .check(chunk, chunk.column_descr().max_rep_level() > 0, &self.context.settings.limits)
                .map_err(|reason| format!("the column `{name}` in row group {} {reason}", self.group))?;
            let descriptor = chunk.column_descr_ptr();
            let pages = guarded(|| self.reader.get_row_group(index)?.get_column_page_reader(*position));
            let pages = pages.map_err(|reason| with_codec(reason, chunk.compression()))?;
            columns.extend(Column::new(
                shape.clone(),
                descriptor,
                pages,
                self.context.settings.limits.record,
            ));
        }
        self.columns = columns;
        Ok(())
    }
}

impl Iterator for Parquet {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.done {
            match self.step() {
                Ok(Some(item)) => return Some(item),
                Ok(None) => {}
                Err(reason) => {
                    // Rows of the next group would be numbered wrongly, and the file cannot be trusted any more.
                    self.done = true;
                    let reason = format!("is broken: {reason}; what was read of it is kept");
                    return Some(Err(self.context.trouble(None, reason)));
                }
            }
        }
        None
    }
}

/// Reads a file's metadata, once it is known that this does no harm.
fn metadata(chunks: &Chunks, length: u64) -> Result<ParquetMetaData, String> {
    const ENDS: u64 = 12;
    if length < ENDS {
        return Err("is no Parquet file: it is too short".to_owned());
    }
    let tail = chunks.read(length - 8, 8).map_err(|error| open::cannot(&error))?;
    let (size, magic) = tail.split_first_chunk::<4>().ok_or("is no Parquet file")?;
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err("is encrypted; decrypt it first".to_owned()),
        _ => return Err("does not end as a Parquet file does: it is cut short".to_owned()),
    }
    let size = u64::from(u32::from_le_bytes(*size));
    if size > length - ENDS {
        return Err(format!("states {size} bytes of metadata, more than the file has"));
    }
    if size > LONGEST_METADATA {
        return Err(format!(
            "has more than {} of metadata; write larger row groups",
            bytes(LONGEST_METADATA)
        ));
    }
    let content = chunks.read(length - 8 - size, usize::try_from(size).unwrap_or_default());
    let content = content.map_err(|error| open::cannot(&error))?;
    thrift::check_metadata(&content).map_err(|fault| match fault {
        Fault::Short => "has metadata that ends too early".to_owned(),
        Fault::Broken(what) => format!("has broken metadata: {what}"),
    })?;
    guarded(|| ParquetMetaDataReader::decode_metadata(&content))
        .map_err(|reason| format!("has broken metadata: {reason}"))
}

/// The columns that a record is made of: all that can be where rows are conversations, else those of the text and of what
/// describes it.
fn wanted(context: &Context, metadata: &ParquetMetaData) -> Result<Vec<(usize, Shape)>, String> {
    let schema = metadata.file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let all = context.check_columns(&names)?;
    let shapes = (0..schema.num_columns()).filter_map(|index| Some((index, Shape::of(schema, index)?)));
    let wanted: Vec<(usize, Shape)> =
        shapes.filter(|(_, shape)| all || context.describes(&shape.field)).take(MOST_COLUMNS).collect();
    let text = |name: &String| wanted.iter().any(|(_, shape)| shape.field == *name);
    let settings = &context.settings;
    let named = settings.text_field.iter().chain(&settings.text_fields);
    match named.clone().find(|name| !text(name)) {
        Some(name) => {
            Err(format!("has a column `{name}` of a type that is no text; name another in read.text_field"))
        }
        None if wanted.is_empty() => Err("has no column of a type that is text".to_owned()),
        None => Ok(wanted),
    }
}

/// An error of the library's, explained where it is that a build has no part for how the pages are packed: Zstandard's is
/// written in C, which a browser's build does without.
fn with_codec(reason: String, compression: Compression) -> String {
    if !reason.contains("Disabled feature at compile time") {
        return reason;
    }
    format!(
        "its pages are packed with {compression}, which is not unpacked here; write it with Snappy, or clean it with the \
         desktop program"
    )
}

/// Calls the library. Where it panics in spite of all checks that is an error like any other; in a browser, where a panic cannot be
/// caught, it is the end of the module and not of the engine.
fn guarded<T>(call: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(PANICKED.to_owned()),
    }
}

/// What is said where the library panicked.
pub(super) const PANICKED: &str = "it contradicts itself";
