//! Delimiter-separated tables: one record per row, with the columns named by the first one. A quote inside a quoted value is
//! doubled, or escaped with a backslash (by MySQL, Spark and Python with `escapechar`); any other quote is literal.

use super::decode;
use super::format::Format;
use super::lines::{Line, Lines};
use super::notices::Notice;
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
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

#[derive(Default)]
struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Number of values beyond the limit on columns.
    more: usize,
    /// Whether a quoted value contains undoubled quotes.
    inner: bool,
    /// Whether a quoted value continues on the next line.
    open: bool,
}

impl Row {
    fn len(&self) -> usize {
        self.ends.len() + self.more
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// Splits a row that is one line; a quote that is not closed there is literal.
    fn split(&mut self, line: &[u8], dialect: Dialect) {
        *self = Self::default();
        self.add(line, dialect, true);
    }

    /// Splits a line, which continues the value that is open. With `alone`, no value continues on the next line.
    fn add(&mut self, mut rest: &[u8], dialect: Dialect, alone: bool) {
        let mut quoted = std::mem::take(&mut self.open);
        if quoted {
            self.bytes.push(b'\n');
        }
        loop {
            let before = (self.bytes.len(), self.inner, rest);
            if !quoted && dialect.quotes && rest.first() == Some(&b'"') {
                (quoted, rest) = (true, rest.get(1..).unwrap_or_default());
            }
            if quoted {
                match self.close(rest, dialect) {
                    Some(behind) => rest = behind,
                    None if alone => {
                        self.bytes.truncate(before.0);
                        (self.inner, rest, quoted) = (before.1, before.2, false);
                    }
                    None => {
                        self.open = true;
                        return;
                    }
                }
            }
            let end = memchr::memchr(dialect.delimiter, rest);
            if !quoted {
                self.bytes.extend_from_slice(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
            }
            if self.ends.len() < MAX_COLUMNS {
                self.ends.push(self.bytes.len());
            } else {
                self.more += 1;
            }
            let Some(end) = end else { return };
            (quoted, rest) = (false, rest.get(end + 1..).unwrap_or_default());
        }
    }

    /// Copies a value up to its closing quote, which only blanks separate from a delimiter or the line's end; returns the rest.
    fn close<'line>(&mut self, mut rest: &'line [u8], dialect: Dialect) -> Option<&'line [u8]> {
        let escape = if dialect.escapes { b'\\' } else { b'"' };
        loop {
            let found = memchr::memchr2(b'"', escape, rest).unwrap_or(rest.len());
            self.bytes.extend_from_slice(rest.get(..found).unwrap_or_default());
            let (mark, behind) = rest.get(found..)?.split_first()?;
            let next = behind.first().copied();
            let is_pair = match mark {
                b'"' => next == Some(b'"'),
                _ => matches!(next, Some(b'"' | b'\\')),
            };
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t') && **byte != dialect.delimiter;
            if !is_pair && *mark == b'"' {
                if behind.iter().find(|byte| !blank(byte)).is_none_or(|byte| *byte == dialect.delimiter) {
                    return Some(behind);
                }
                self.inner = true;
            }
            self.bytes.push(if is_pair { next.unwrap_or_default() } else { *mark });
            rest = behind.get(usize::from(is_pair)..).unwrap_or_default();
        }
    }
}

impl Dialect {
    fn of(head: &[&[u8]], delimiter: u8) -> Self {
        let plain = Self { delimiter, quotes: true, escapes: false };
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
        let mut rest = head;
        while let Some((first, mut behind)) = rest.split_first() {
            let mut row = Row::default();
            row.add(first, self, false);
            while row.open
                && !(row.inner && behind.len() + 1 < rest.len())
                && let Some((next, more)) = behind.split_first()
            {
                row.add(next, self, false);
                behind = more;
            }
            if row.open {
                faults += 1;
                row.split(first, self);
                behind = rest.get(1..).unwrap_or_default();
            }
            rows += 1;
            faults += usize::from(*columns.get_or_insert(row.len()) != row.len() || row.inner);
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
    dialect: Dialect,
    row: Row,
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
            dialect: Dialect { delimiter: b',', quotes: true, escapes: false },
            row: Row::default(),
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
        table.dialect = Dialect::of(&head, said.unwrap_or_else(told));
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
        let (limit, dialect) = (context.settings.limits.record, self.dialect);
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
        let columns = self.header.as_ref().map(Vec::len);
        let fits = |row: &Row| columns.is_none_or(|columns| columns == row.len());
        let mut row = Row::default();
        row.add(&first, dialect, false);
        let (mut size, mut lines) = (first.len(), 0);
        let (mut is_sure, mut is_unclosed) = (false, false);
        while row.open || row.inner && lines > 0 && !is_sure {
            let next = self.peek(lines)?.map(|next| next.as_ref().map_or(limit, Vec::len));
            let is_over = next.is_some_and(|next| size + next >= limit);
            // No quote closes the value, or one inside it closes nothing.
            if !is_sure && (next.is_none() || is_over || row.inner && lines > 0) {
                is_sure = true;
                if columns.is_none() || self.follow(columns.unwrap_or_default())? {
                    row.split(&first, dialect);
                    (lines, is_unclosed) = (0, true);
                    break;
                }
            } else if is_over {
                self.ahead.drain(..lines);
                while row.open && self.peek(0)?.is_some() {
                    (row.bytes, row.ends) = (Vec::new(), Vec::new());
                    row.add(&self.next().flatten().unwrap_or_default(), dialect, false);
                }
                return Ok(NextRow::TooLong);
            } else if let Some(Some(next)) = self.ahead.get(lines) {
                row.add(next, dialect, false);
                (size, lines) = (size + next.len() + 1, lines + 1);
            } else {
                // The file ends within the value.
                row.open = false;
                row.ends.push(row.bytes.len());
                is_unclosed = true;
            }
        }
        if is_sure && !fits(&row) {
            return Ok(NextRow::Open);
        }
        if is_unclosed {
            context.notice(Notice::OpenQuote, Some(self.number + u64::from(columns.is_some())));
        }
        self.taken += lines as u64;
        self.ahead.drain(..lines);
        self.row = row;
        Ok(if self.row.len() <= MAX_COLUMNS { NextRow::Whole } else { NextRow::TooWide })
    }

    fn follow(&mut self, columns: usize) -> io::Result<bool> {
        for ahead in 0..FOLLOWING {
            let dialect = self.dialect;
            let mut row = Row::default();
            match self.peek(ahead)? {
                None => break,
                Some(Some(line)) if !line.is_empty() => {
                    row.add(line, dialect, false);
                    if row.open {
                        break;
                    }
                }
                Some(_) => return Ok(false),
            }
            if row.len() != columns {
                return Ok(false);
            }
        }
        Ok(true)
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
        if self.row.inner {
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
            (NextRow::Whole, Some(columns)) if self.row.len() != columns => trouble(format!(
                "has {} values, but {columns} are expected; fix it, or quote values that contain the delimiter",
                self.row.len()
            )),
            (NextRow::Whole, Some(_)) => self.document(context),
        })
    }
}

/// The names of the columns. A duplicate name gets a number.
fn names(context: &Context, row: &Row) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for value in row.values() {
        let name = decode::part(value);
        // An unnamed index column, as pandas writes it.
        let own = match name.trim() {
            "" => format!("column {}", names.len() + 1),
            name => name.to_owned(),
        };
        let mut name = own.clone();
        // Of two text columns the right one is unknown.
        if names.contains(&own) && !context.may_be_text(&own) {
            let numbered = (2..).map(|number| format!("{own} {number}"));
            name = numbered.into_iter().find(|name| !names.contains(name)).unwrap_or(own);
            context.notice(Notice::Column, None);
        }
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
