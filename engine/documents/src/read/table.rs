//! Delimiter-separated tables: one record per row, with the columns named by the first one. A quote inside a quoted value is
//! doubled, or escaped with a backslash (by MySQL, Spark and Python with `escapechar`); any other quote is literal.

use super::decode;
use super::format::Format;
use super::lines::{Line, Lines};
use super::notices::Notice;
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use super::work::worked;
use csv_core::ReadRecordResult;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io;

const MAX_COLUMNS: usize = 4096;

/// Words for a missing value, as in pandas: tables have no null.
const MISSING: &[&str] = &["NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\\N", "#N/A"];

/// Delimiters to detect in a `.csv` file, in order of preference.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Bytes of lines from which the dialect is detected.
const HEAD: usize = 64 << 10;

/// Bytes of lines ahead that may be searched in vain for the end of a quoted value, as a multiple of those taken.
const WASTE: usize = 4;

/// Number of lines after a doubtful row that must be valid rows.
const FOLLOWING: usize = 4;

#[derive(Clone, Copy)]
struct Dialect {
    delimiter: u8,
    /// Whether quotes enclose values; tab-separated tables are written with and without.
    quotes: bool,
    /// Whether quotes and backslashes inside quotes are escaped with a backslash.
    escapes: bool,
}

/// A row's values.
#[derive(Default)]
struct Row {
    bytes: Vec<u8>,
    /// Ends of the values, of which the first `count` are used.
    ends: Vec<usize>,
    count: usize,
}

impl Row {
    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = self.ends.iter().take(self.count);
        starts.zip(ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

/// Makes rows of lines: doubles quotes that are part of a value, as the standard requires and writers forget, so that
/// `csv-core` reads them.
struct Rows {
    dialect: Dialect,
    reader: csv_core::Reader,
    text: Vec<u8>,
    /// Whether a quoted value contains undoubled quotes.
    inner: bool,
    /// Whether a quoted value continues on the next line.
    open: bool,
}

impl Rows {
    fn new(dialect: Dialect) -> Self {
        let mut reader = csv_core::ReaderBuilder::new();
        reader
            .delimiter(dialect.delimiter)
            .quoting(dialect.quotes)
            .terminator(csv_core::Terminator::Any(b'\n'));
        Self { dialect, reader: reader.build(), text: Vec::new(), inner: false, open: false }
    }

    fn start(&mut self, line: &[u8]) {
        self.text.clear();
        (self.inner, self.open) = (false, false);
        self.add(line);
    }

    /// Adds a line, which continues the value that is open.
    fn add(&mut self, line: &[u8]) {
        worked(line.len());
        let Dialect { delimiter, quotes, escapes } = self.dialect;
        let mut copied = 0;
        for at in memchr::memchr2_iter(b'"', if escapes { b'\\' } else { b'"' }, line) {
            if at < copied || !quotes {
                continue;
            }
            let (before, rest) = line.split_at_checked(at).unwrap_or_default();
            let behind = rest.get(1..).unwrap_or_default();
            let is_quote = rest.first() == Some(&b'"');
            let is_pair = behind.starts_with(b"\"") || !is_quote && behind.starts_with(b"\\");
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t') && **byte != delimiter;
            let blanks = behind.iter().take_while(blank).count();
            self.text.extend_from_slice(line.get(copied..at).unwrap_or_default());
            copied = at + 1;
            if !self.open {
                self.open = is_quote && before.last().is_none_or(|last| *last == delimiter);
                self.text.extend(rest.first());
            } else if is_pair {
                copied += 1;
                let is_quote = behind.starts_with(b"\"");
                self.text.extend_from_slice(if is_quote { b"\"\"" } else { b"\\" });
            } else if is_quote && behind.get(blanks).is_none_or(|next| *next == delimiter) {
                // Only blanks separate a closing quote from a delimiter or the line's end.
                self.open = false;
                copied += blanks;
                self.text.push(b'"');
            } else {
                self.inner |= is_quote;
                self.text.extend_from_slice(if is_quote { b"\"\"" } else { b"\\" });
            }
        }
        self.text.extend_from_slice(line.get(copied..).unwrap_or_default());
        self.text.push(b'\n');
    }

    /// The values of the lines so far; an open value ends there.
    fn parse(&mut self, row: &mut Row) {
        if self.open {
            self.text.pop();
        }
        self.reader.reset();
        row.bytes.resize(self.text.len() + 1, 0);
        row.ends.resize(MAX_COLUMNS + 1, 0);
        let (result, _, written, count) = self.reader.read_record(&self.text, &mut row.bytes, &mut row.ends);
        row.count = count;
        if matches!(result, ReadRecordResult::InputEmpty)
            && let (Some(bytes), Some(ends)) = (row.bytes.get_mut(written..), row.ends.get_mut(count..))
        {
            row.count += self.reader.read_record(&[], bytes, ends).3;
        }
    }

    /// The values of a line whose quotes are literal.
    fn literal(&self, line: &[u8], row: &mut Row) {
        (row.bytes, row.ends) = (Vec::new(), Vec::new());
        for value in line.split(|byte| *byte == self.dialect.delimiter).take(MAX_COLUMNS + 1) {
            row.bytes.extend_from_slice(value);
            row.ends.push(row.bytes.len());
        }
        row.count = row.ends.len();
    }
}

const DEFAULT: Dialect = Dialect { delimiter: b',', quotes: true, escapes: false };

impl Dialect {
    fn of(head: &[&[u8]], delimiter: u8) -> Self {
        let plain = Self { delimiter, ..DEFAULT };
        let (escaped, bare) = (Self { escapes: true, ..plain }, Self { quotes: false, ..plain });
        let (rows, faults) = plain.counts(head);
        let has_escapes = head.iter().any(|line| memchr::memmem::find(line, b"\\\"").is_some());
        if has_escapes && escaped.counts(head).1 < faults {
            return escaped;
        }
        // Quotes are literal if rows become uneven with them, or if hardly any rows remain.
        let without = bare.counts(head);
        let is_meant = delimiter != b'\t'
            || faults == 0 && rows > 1
            || rows.saturating_sub(faults) >= without.0 - without.1;
        if is_meant { plain } else { bare }
    }

    /// The number of rows, and of those with a different number of values than the first, with undoubled quotes, or with an
    /// unclosed one.
    fn counts(self, head: &[&[u8]]) -> (usize, usize) {
        let (mut rows, mut faults, mut columns) = (0, 0, None);
        let (mut reader, mut row) = (Rows::new(self), Row::default());
        let mut rest = head;
        while let Some((first, mut behind)) = rest.split_first() {
            reader.start(first);
            while reader.open
                && !(reader.inner && behind.len() + 1 < rest.len())
                && let Some((next, more)) = behind.split_first()
            {
                reader.add(next);
                behind = more;
            }
            if reader.open {
                faults += 1;
                reader.literal(first, &mut row);
                behind = rest.get(1..).unwrap_or_default();
            } else {
                reader.parse(&mut row);
            }
            rows += 1;
            faults += usize::from(*columns.get_or_insert(row.count) != row.count || reader.inner);
            rest = behind;
        }
        (rows, faults)
    }
}

pub(super) struct TableReader {
    stream: Lines,
    /// Lines read ahead; `None` for one that exceeds the limit.
    ahead: VecDeque<Option<Vec<u8>>>,
    /// Whether lines end with carriage returns, as of classic Mac OS.
    returns: bool,
    /// Number of lines taken, and of the row's first line.
    taken: u64,
    line: u64,
    rows: Rows,
    /// Examines lines ahead.
    probe: Rows,
    row: Row,
    /// Bytes of lines taken, and of lines that were read ahead in vain.
    used: usize,
    wasted: usize,
    /// Names of the columns; `None` before the first row.
    header: Option<Vec<String>>,
    number: u64,
    /// The read error during dialect detection, if any.
    broken: Option<io::Error>,
}

enum NextRow {
    Whole,
    /// A value's quote is never closed, and the row's first line is not a valid row.
    Open,
    TooLong,
    TooWide,
    End,
}

impl TableReader {
    pub(super) fn new(context: &Context, stream: Stream) -> Self {
        let mut table = Self {
            stream: Lines::new(stream, context.settings.limits.record),
            ahead: VecDeque::new(),
            returns: false,
            taken: 0,
            line: 0,
            rows: Rows::new(DEFAULT),
            probe: Rows::new(DEFAULT),
            row: Row::default(),
            used: 0,
            wasted: 0,
            header: None,
            number: 0,
            broken: None,
        };
        let mut length = 0;
        while length < HEAD && table.broken.is_none() {
            match table.gather() {
                Ok(Some(read)) => length += read,
                Ok(None) => break,
                Err(error) => table.broken = Some(error),
            }
        }
        // Excel writes the delimiter in a first line.
        let said = table.ahead.front().and_then(|line| said(line.as_deref()?));
        if said.is_some() {
            table.next();
        }
        let head: Vec<&[u8]> =
            table.ahead.iter().map_while(Option::as_deref).filter(|line| !line.is_empty()).collect();
        let told =
            || if context.source.format == Format::Tsv { b'\t' } else { likeliest(&head.join(&b'\n')) };
        let dialect = Dialect::of(&head, said.unwrap_or_else(told));
        (table.rows, table.probe) = (Rows::new(dialect), Rows::new(dialect));
        table
    }

    /// Reads a line ahead; returns its length, `None` at the end.
    fn gather(&mut self) -> io::Result<Option<usize>> {
        let mut line = Vec::new();
        let read = self.stream.next(&mut line)?;
        let length = line.len() + 1;
        match read {
            Line::End => return Ok(None),
            Line::TooLong => {
                self.ahead.push_back(None);
                return Ok(Some(HEAD));
            }
            Line::Whole => {
                self.returns |= self.stream.number == 1 && line.contains(&b'\r');
                if self.returns {
                    self.ahead.extend(line.split(|byte| *byte == b'\r').map(|line| Some(line.to_vec())));
                } else {
                    self.ahead.push_back(Some(line));
                }
            }
        }
        Ok(Some(length))
    }

    fn next(&mut self) -> Option<Option<Vec<u8>>> {
        self.taken += u64::from(!self.ahead.is_empty());
        self.ahead.pop_front()
    }

    fn peek(&mut self, ahead: usize) -> io::Result<Option<&Option<Vec<u8>>>> {
        while self.ahead.len() <= ahead && self.gather()?.is_some() {}
        Ok(self.ahead.get(ahead))
    }

    fn read(&mut self, context: &Context) -> io::Result<NextRow> {
        let limit = context.settings.limits.record;
        let first = loop {
            self.peek(0)?;
            match self.next() {
                None => return Ok(NextRow::End),
                Some(None) => return Ok(NextRow::TooLong),
                Some(Some(line)) if line.is_empty() => {}
                Some(Some(line)) => break line,
            }
        };
        self.line = self.taken;
        self.used += first.len();
        let columns = self.header.as_ref().map(Vec::len);
        self.rows.start(&first);
        let (mut size, mut lines, mut is_checked) = (first.len(), 0, false);
        // Rows with open quotes cost no more than a multiple of the file.
        let mut is_literal = self.rows.open && self.wasted > WASTE * self.used + HEAD;
        while !is_literal {
            let next = if self.rows.open {
                self.peek(lines)?.map(|line| line.as_ref().map_or(limit, Vec::len))
            } else {
                Some(0)
            };
            let is_over = next.is_some_and(|next| size + next >= limit);
            // No quote closes the value, or one inside it closes nothing.
            let is_doubtful = self.rows.inner && (self.rows.open || lines > 0)
                || next.is_none()
                || is_over && self.rows.open;
            if is_doubtful && !is_checked {
                is_checked = true;
                is_literal = columns.is_none_or(|columns| self.follow(&first, columns));
            } else if is_over && self.rows.open {
                self.ahead.drain(..lines);
                while self.rows.open && self.peek(0)?.is_some() {
                    self.rows.text.clear();
                    let line = self.next().flatten().unwrap_or_default();
                    self.rows.add(&line);
                }
                return Ok(NextRow::TooLong);
            } else if self.rows.open
                && let Some(Some(next)) = self.ahead.get(lines)
            {
                self.rows.add(next);
                (size, lines) = (size + next.len() + 1, lines + 1);
            } else {
                break;
            }
        }
        let fits = |row: &Row| columns.is_none_or(|columns| columns == row.count);
        if !is_literal {
            self.rows.parse(&mut self.row);
            is_literal = is_checked && !fits(&self.row);
        }
        let is_unclosed = is_literal || self.rows.open;
        if is_literal {
            (self.wasted, lines) = (self.wasted + size, 0);
            self.rows.inner = false;
            self.rows.literal(&first, &mut self.row);
            if !fits(&self.row) {
                return Ok(NextRow::Open);
            }
        }
        if is_unclosed {
            context.notice(Notice::OpenQuote, Some(self.number + u64::from(columns.is_some())));
        }
        self.used += if lines > 0 { size } else { 0 };
        self.taken += lines as u64;
        self.ahead.drain(..lines);
        Ok(if self.row.count <= MAX_COLUMNS { NextRow::Whole } else { NextRow::TooWide })
    }

    /// Whether the next lines are rows. If the next one is unclear too, whether this one alone is a row.
    fn follow(&mut self, first: &[u8], columns: usize) -> bool {
        let (mut found, mut row) = (0, Row::default());
        self.probe.literal(first, &mut row);
        let is_row = row.count == columns;
        for ahead in 0..4 * FOLLOWING {
            // An error is met again when the line is taken.
            match self.peek(ahead) {
                Ok(Some(Some(line))) if line.is_empty() => continue,
                Ok(Some(Some(_))) if found < FOLLOWING => {}
                Ok(Some(None)) => return false,
                _ => break,
            }
            let Some(Some(line)) = self.ahead.get(ahead) else { break };
            self.probe.start(line);
            if self.probe.open {
                return found > 0 || is_row;
            }
            self.probe.parse(&mut row);
            if row.count != columns {
                return false;
            }
            found += 1;
        }
        true
    }

    /// Takes the column names and finds those with the text.
    fn begin(&mut self, context: &Context) -> RecordStep {
        let names = names(context, &self.row);
        if let Err(reason) = context.check_columns(&names) {
            return RecordStep::End(Some(context.trouble(None, reason)));
        }
        self.header = Some(names);
        RecordStep::Nothing
    }

    fn document(&self, context: &Context) -> RecordStep {
        let number = Some(self.number);
        if self.rows.inner {
            context.notice(Notice::InnerQuote, number);
        }
        let mut record = Map::new();
        for (name, value) in self.header.iter().flatten().zip(self.row.values()) {
            let value = decode::part(value);
            let value = match context.is_text(name) && MISSING.contains(&value.trim()) {
                true => Value::Null,
                false => Value::String(value.into_owned()),
            };
            record.insert(name.clone(), value);
        }
        context.record(number, record).into()
    }
}

impl Records for TableReader {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let row = self.read(context)?;
        let line = self.line;
        let columns = self.header.as_ref().map(Vec::len);
        self.number += u64::from(columns.is_some());
        let number = self.number;
        let end = |reason: String| RecordStep::End(Some(context.trouble(None, reason)));
        let trouble = |reason: String| -> RecordStep {
            context.trouble(Some(number), format!("row {number} (line {line}) {reason}")).into()
        };
        Ok(match (row, columns) {
            (NextRow::End, _) => RecordStep::End(None),
            (NextRow::TooLong, None) => end("its first row is not a header: it is too long".to_owned()),
            (NextRow::TooLong, Some(_)) => RecordStep::too_long(context, number, "the row"),
            (NextRow::TooWide, None) => {
                end(format!("its header has more than {MAX_COLUMNS} columns; leave some out"))
            }
            (NextRow::TooWide, Some(_)) => {
                trouble(format!("has more than {MAX_COLUMNS} columns and was skipped; check its delimiters"))
            }
            (NextRow::Open, _) => trouble("has an unclosed quote and was skipped; close it".to_owned()),
            (NextRow::Whole, None) => self.begin(context),
            (NextRow::Whole, Some(columns)) if self.row.count != columns => trouble(format!(
                "has {} values, but {columns} are expected; fix it, or quote values that contain the delimiter",
                self.row.count
            )),
            (NextRow::Whole, Some(_)) => self.document(context),
        })
    }
}

/// The names of the columns. A duplicate name gets a number.
fn names(context: &Context, row: &Row) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    // The names so far, and the last number of each.
    let (mut taken, mut numbers) = (FxHashSet::<String>::default(), FxHashMap::<String, usize>::default());
    for value in row.values() {
        let name = decode::part(value);
        // An unnamed index column, as pandas writes it.
        let own = match name.trim() {
            "" => format!("column {}", names.len() + 1),
            name => name.to_owned(),
        };
        let mut name = own.clone();
        // Of two text columns the right one is unknown.
        if taken.contains(&own) && !context.may_be_text(&own) {
            let number = numbers.entry(own.clone()).or_insert(1);
            while taken.contains(&name) {
                worked(own.len());
                *number += 1;
                name = format!("{own} {number}");
            }
            context.notice(Notice::Column, None);
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// The delimiter stated in a first line such as `sep=;`.
fn said(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (mark, delimiter) = line.split_at_checked(4)?;
    let [delimiter] = *delimiter else { return None };
    (mark.eq_ignore_ascii_case(b"sep=") && delimiter.is_ascii() && delimiter != b'"').then_some(delimiter)
}

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
