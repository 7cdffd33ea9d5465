//! CSV and TSV: a record a row, with the columns that the header names.
//!
//! Rows are cut by `csv-core`, which leaves the buffers to us: a quote that is never closed makes a row of the rest of the
//! file, and no more of it than the limit may be held.

use super::decode;
use super::format::Format;
use super::lines::fill;
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};
use std::io::{self, BufRead};

/// Columns that a table may have.
const MAX_COLUMNS: usize = 4096;

/// Delimiters that are looked for in a `.csv` file, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The rows of a table.
pub(super) struct TableReader {
    stream: Stream,
    reader: Reader,
    row: Vec<u8>,
    ends: Vec<usize>,
    /// Names of the columns; none before the first row.
    header: Option<Vec<String>>,
    number: u64,
    /// Whether the reader stands within a row that was too long.
    within: bool,
}

/// What came of the next row.
enum NextRow {
    /// Its bytes and the ends of its fields are in the buffers: so many of each.
    Whole(usize, usize),
    TooLong,
    End,
}

impl TableReader {
    /// Reads a stream, whose first bytes say the delimiter and whether quotes are meant.
    pub(super) fn new(context: &Context, mut stream: Stream) -> Self {
        let head = fill(&mut stream).unwrap_or_default();
        let tabs = context.source.format == Format::Tsv;
        let named = context.settings.delimiter.and_then(|letter| u8::try_from(letter).ok());
        let delimiter = named.unwrap_or_else(|| if tabs { b'\t' } else { likeliest(head) });
        let quotes = delimiter != b'\t' || quoted(head, delimiter);
        let reader = ReaderBuilder::new().delimiter(delimiter).quoting(quotes).build();
        Self {
            stream,
            reader,
            row: vec![0; 4 << 10],
            ends: vec![0; 64],
            header: None,
            number: 0,
            within: false,
        }
    }

    fn read(&mut self, limit: usize) -> io::Result<NextRow> {
        let mut length = 0;
        let mut fields = 0;
        loop {
            let chunk = fill(&mut self.stream)?;
            let output = self.row.get_mut(length..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, used, written, ended) = self.reader.read_record(chunk, output, ends);
            self.stream.consume(used);
            length += written;
            fields += ended;
            if self.within {
                // The row's rest goes nowhere.
                (length, fields) = (0, 0);
            }
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull if self.within => {}
                ReadRecordResult::OutputFull if self.row.len() < limit => {
                    self.row.resize((self.row.len() * 2).min(limit), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.within = true;
                    return Ok(NextRow::TooLong);
                }
                ReadRecordResult::Record if self.within => self.within = false,
                ReadRecordResult::Record => return Ok(NextRow::Whole(length, fields)),
                ReadRecordResult::End => return Ok(NextRow::End),
            }
        }
    }

    /// Takes the columns' names over, and looks for those that hold the text.
    fn begin(&mut self, context: &Context, length: usize, fields: usize) -> RecordStep {
        let settings = &context.settings;
        let end = |reason| RecordStep::End(Some(context.trouble(None, reason)));
        if !settings.header && settings.text_field.is_none() && settings.text_fields.is_empty() {
            let reason =
                "has no header, by reading.header: name its column of text, as in reading.text_field = \"1\"";
            return end(reason.to_owned());
        }
        let row = self.row.get(..length).unwrap_or_default();
        let names = names(row, self.ends.get(..fields).unwrap_or_default(), settings.header);
        if let Err(reason) = context.check_columns(&names) {
            return end(reason);
        }
        self.header = Some(names);
        if settings.header {
            return RecordStep::Nothing;
        }
        self.number += 1;
        self.document(context, length, fields)
    }

    /// The row in the buffers as a document.
    fn document(&self, context: &Context, length: usize, fields: usize) -> RecordStep {
        let row = self.row.get(..length).unwrap_or_default();
        let ends = self.ends.get(..fields).unwrap_or_default();
        let mut record = Map::new();
        for (name, value) in self.header.iter().flatten().zip(values(row, ends)) {
            record.insert(name.clone(), Value::String(decode::part(value).into_owned()));
        }
        context.record(Some(self.number), record).into()
    }
}

impl Records for TableReader {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        let line = self.reader.line();
        let limit = context.settings.limits.record;
        let row = self.read(limit)?;
        let columns = self.header.as_ref().map(Vec::len);
        self.number += u64::from(columns.is_some());
        let number = Some(self.number);
        Ok(match (row, columns) {
            (NextRow::End, _) => RecordStep::End(None),
            (NextRow::TooLong, None) => {
                RecordStep::End(Some(context.trouble(None, "its first row is no header: it is too long")))
            }
            (NextRow::TooLong, Some(_)) => {
                let what = "the row (perhaps by a quote that is never closed, or too many columns)";
                context.too_long(number, what, "record", limit).into()
            }
            (NextRow::Whole(length, fields), None) => self.begin(context, length, fields),
            (NextRow::Whole(_, fields), Some(columns)) if fields != columns => {
                let reason = format!(
                    "row {} (line {line}) has {fields} values where {columns} are expected; mend it, or quote values that hold the delimiter",
                    self.number
                );
                context.trouble(number, reason).into()
            }
            (NextRow::Whole(length, fields), Some(_)) => self.document(context, length, fields),
        })
    }
}

/// The values of a row.
fn values<'row>(row: &'row [u8], ends: &'row [usize]) -> impl Iterator<Item = &'row [u8]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| row.get(start..*end).unwrap_or_default())
}

/// The names of the columns, by the header or by their number.
fn names(row: &[u8], ends: &[usize], header: bool) -> Vec<String> {
    if !header {
        return (1..=ends.len()).map(|number| number.to_string()).collect();
    }
    let mut names: Vec<String> = Vec::new();
    for value in values(row, ends) {
        let name = decode::part(value);
        let name = name.trim();
        // An index without a name, as pandas writes it.
        names.push(if name.is_empty() { format!("column {}", names.len() + 1) } else { name.to_owned() });
    }
    names
}

/// The delimiter that stands most often in the first line, outside of quotes.
fn likeliest(head: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            byte => {
                for (count, _) in counts.iter_mut().zip(DELIMITERS).filter(|(_, known)| known == byte) {
                    *count += 1;
                }
            }
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().zip(DELIMITERS).find(|(count, _)| **count == most).map_or(b',', |(_, delimiter)| delimiter)
}

/// Whether quotes around values are meant: tables with tabs are written with and without. They are letters where rows come out
/// uneven with them, or hardly any row does.
fn quoted(head: &[u8], delimiter: u8) -> bool {
    let (rows, uneven) = rows(head, delimiter, true);
    let (lines, uneven_lines) = self::rows(head, delimiter, false);
    (uneven == 0 && rows > 1) || rows - uneven >= lines - uneven_lines
}

/// Whole rows in a file's first bytes, and those of them that have another number of values than the first.
fn rows(head: &[u8], delimiter: u8, quotes: bool) -> (usize, usize) {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).quoting(quotes).build();
    let mut output = vec![0; head.len()];
    let mut ends = vec![0; MAX_COLUMNS];
    let mut rest = head;
    let mut first = None;
    let (mut rows, mut uneven) = (0, 0);
    while !rest.is_empty() {
        let (result, used, _, fields) = reader.read_record(rest, &mut output, &mut ends);
        rest = rest.get(used..).unwrap_or_default();
        // The last row may go on beyond what was read.
        if result != ReadRecordResult::Record {
            break;
        }
        rows += 1;
        uneven += usize::from(*first.get_or_insert(fields) != fields);
    }
    (rows, uneven)
}
