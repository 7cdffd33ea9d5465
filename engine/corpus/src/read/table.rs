//! CSV and TSV: one record per row, with the columns named in the header.
//!
//! An unclosed quote would turn all following rows into one. So a quoted value is doubted if it contains both a line end and a
//! quote that is neither doubled nor closing: if its first line and the following lines are valid rows, the quote is taken
//! literally.

mod rows;

use super::decode;
use super::format::Format;
use super::lines::fill;
use super::notices::Notice;
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use rows::{Cut, Dialect, Lines, Row};
use serde_json::{Map, Value};
use std::io::{self, BufRead};

const MAX_COLUMNS: usize = 4096;

/// Delimiters to detect in a `.csv` file, in order of preference.
const DELIMITERS: [u8; 4] = *b",;\t|";

const HEAD: usize = 64 << 10;

/// Number of lines after a doubtful row that must be valid rows.
const FOLLOWING: usize = 4;

/// Bytes that may be rescanned because of doubtful quotes; beyond it, every row is taken to end with its line.
const RESCANNED: u64 = 1 << 30;

pub(super) struct TableReader {
    stream: Stream,
    ended: bool,
    /// Bytes read and not yet split, from `start` on.
    pending: Vec<u8>,
    start: usize,
    /// Line ends before `pending[start]`.
    lines: u64,
    dialect: Dialect,
    row: Row,
    /// Names of the columns; `None` before the first row.
    header: Option<Vec<String>>,
    number: u64,
    passing: Passing,
    rescanned: u64,
    /// The read error during dialect detection, if any.
    broken: Option<io::Error>,
}

/// The part of an oversized row that is still to be skipped.
#[derive(Clone, Copy, PartialEq)]
enum Passing {
    Nothing,
    /// Everything up to the end of the line.
    Line,
    /// Everything up to the closing quote of a value, and from there to the row's end.
    Quoted,
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
            stream,
            ended: false,
            pending: Vec::new(),
            start: 0,
            lines: 0,
            dialect: Dialect { delimiter: b',', quotes: true, escapes: false },
            row: Row::default(),
            header: None,
            number: 0,
            passing: Passing::Nothing,
            rescanned: 0,
            broken: None,
        };
        while table.pending.len() < HEAD && !table.ended && table.broken.is_none() {
            table.broken = table.gather(HEAD).err();
        }
        let named = context.settings.delimiter.and_then(|letter| u8::try_from(letter).ok());
        // Excel writes the delimiter in a first line.
        let said = said(&table.pending);
        if let Some((_, length)) = said {
            table.consume(length);
        }
        let head = table.pending.get(table.start..).unwrap_or_default();
        let told = || if context.source.format == Format::Tsv { b'\t' } else { likeliest(head) };
        let delimiter = named.or(said.map(|(delimiter, _)| delimiter)).unwrap_or_else(told);
        table.dialect = Dialect::of(head, table.ended, delimiter);
        table
    }

    /// Reads more, up to little more than `most` bytes; sets `ended` at the end.
    fn gather(&mut self, most: usize) -> io::Result<()> {
        self.pending.drain(..self.start);
        self.start = 0;
        // Doubles each time, since a row is scanned again from its start.
        let wanted = (self.pending.len() * 2).min(most).max(self.pending.len() + 1);
        while self.pending.len() < wanted && !self.ended {
            let chunk = fill(&mut self.stream)?;
            self.ended = chunk.is_empty();
            self.pending.extend_from_slice(chunk);
            let used = chunk.len();
            self.stream.consume(used);
        }
        Ok(())
    }

    fn consume(&mut self, count: usize) {
        let end = (self.start + count).min(self.pending.len());
        let used = self.pending.get(self.start..end).unwrap_or_default();
        self.lines += memchr::memchr_iter(b'\n', used).count() as u64;
        self.start = end;
    }

    /// Splits off the next row, reading more if it is incomplete. Returns the number of bytes scanned if it exceeds the limit.
    fn cut(&mut self, lines: Lines, limit: usize) -> io::Result<Result<Cut, usize>> {
        loop {
            let bytes = self.pending.get(self.start..).unwrap_or_default();
            let cut = self.row.cut(bytes, self.ended, self.dialect, lines);
            match cut {
                Cut::More if self.ended => return Ok(Ok(Cut::End)),
                Cut::More if bytes.len() > limit => return Ok(Err(bytes.len())),
                Cut::More => self.gather(limit)?,
                cut => return Ok(Ok(cut)),
            }
        }
    }

    fn read(&mut self, context: &Context) -> io::Result<NextRow> {
        let limit = context.settings.limits.record;
        self.pass()?;
        let lines = if self.rescanned > RESCANNED { Lines::One } else { Lines::Doubted };
        let (seen, quoted) = match self.cut(lines, limit)? {
            Ok(Cut::Row(used)) if used <= limit && self.row.len() <= MAX_COLUMNS => {
                self.consume(used);
                return Ok(NextRow::Whole);
            }
            Ok(Cut::Row(used)) => {
                self.consume(used);
                return Ok(if used <= limit { NextRow::TooWide } else { NextRow::TooLong });
            }
            Ok(Cut::End | Cut::More) => return Ok(NextRow::End),
            Ok(Cut::Doubted(seen)) => (seen, true),
            Err(seen) => (seen, self.row.within_quotes),
        };
        self.rescanned += seen as u64;
        let Some(length) = self.first_line(limit) else {
            self.passing = Passing::Line;
            return Ok(NextRow::TooLong);
        };
        let columns = self.header.as_ref().map(Vec::len);
        let follow = columns.is_none_or(|columns| self.follow(length, columns));
        // The quote is literal.
        if let Cut::Row(used) = self.cut_here(0, Lines::One)
            && follow
            && columns.is_none_or(|columns| columns == self.row.len())
        {
            context.notice(Notice::OpenQuote, Some(self.number + u64::from(columns.is_some())));
            self.consume(used);
            return Ok(NextRow::Whole);
        }
        if !follow {
            match self.cut(Lines::Any, limit)? {
                Ok(Cut::Row(used)) if columns.is_none_or(|columns| columns == self.row.len()) => {
                    if self.row.open {
                        context.notice(Notice::OpenQuote, Some(self.number + 1));
                    }
                    self.consume(used);
                    return Ok(NextRow::Whole);
                }
                Err(seen) if quoted => {
                    // The last byte may be part of the value's end.
                    self.consume(seen.saturating_sub(1));
                    self.passing = Passing::Quoted;
                    return Ok(NextRow::TooLong);
                }
                _ => {}
            }
        }
        self.consume(length);
        Ok(NextRow::Open)
    }

    /// Bytes of the current line including its end; `None` if it exceeds the limit.
    fn first_line(&self, limit: usize) -> Option<usize> {
        let bytes = self.pending.get(self.start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', bytes).map(|end| end + 1);
        length.or(Some(bytes.len()).filter(|_| self.ended)).filter(|length| *length <= limit)
    }

    /// Splits off a row from the available bytes, `ahead` bytes after the current position.
    fn cut_here(&mut self, ahead: usize, lines: Lines) -> Cut {
        let bytes = self.pending.get(self.start + ahead..).unwrap_or_default();
        self.row.cut(bytes, self.ended, self.dialect, lines)
    }

    /// Whether the available lines from `ahead` on are valid rows.
    fn follow(&mut self, mut ahead: usize, columns: usize) -> bool {
        for _ in 0..FOLLOWING {
            let rest = self.pending.get(self.start + ahead..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if matches!(rest.first(), Some(b'\n' | b'\r')) {
                return false;
            }
            let is_row = |row: &Row| row.len() == columns;
            let used = match self.cut_here(ahead, Lines::Doubted) {
                Cut::Row(used) if is_row(&self.row) => used,
                _ => match self.cut_here(ahead, Lines::One) {
                    Cut::Row(used) if is_row(&self.row) => used,
                    // The line continues beyond the available bytes.
                    Cut::More => break,
                    _ => return false,
                },
            };
            ahead += used;
        }
        true
    }

    fn pass(&mut self) -> io::Result<()> {
        while self.passing == Passing::Quoted {
            let bytes = self.pending.get(self.start..).unwrap_or_default();
            let (used, closed) = self.dialect.close(bytes, self.ended);
            self.consume(used);
            if closed || self.ended {
                // More values may follow.
                self.passing = Passing::Line;
            } else {
                self.gather(HEAD)?;
            }
        }
        while self.passing == Passing::Line {
            let bytes = self.pending.get(self.start..).unwrap_or_default();
            let end = memchr::memchr(b'\n', bytes).map(|end| end + 1);
            self.consume(end.unwrap_or(bytes.len()));
            if end.is_some() || self.ended {
                self.passing = Passing::Nothing;
            } else {
                self.gather(HEAD)?;
            }
        }
        Ok(())
    }

    /// Takes the column names and finds those with the text.
    fn begin(&mut self, context: &Context) -> RecordStep {
        let settings = &context.settings;
        let end = |reason| RecordStep::End(Some(context.trouble(None, reason)));
        if !settings.header && settings.text_field.is_none() && settings.text_fields.is_empty() {
            let reason =
                "has no header (reading.header); name its text column, as in reading.text_field = \"1\"";
            return end(reason.to_owned());
        }
        let names = names(context, &self.row);
        if let Err(reason) = context.check_columns(&names) {
            return end(reason);
        }
        self.header = Some(names);
        if settings.header {
            return RecordStep::Nothing;
        }
        self.number += 1;
        self.document(context)
    }

    fn document(&self, context: &Context) -> RecordStep {
        let number = Some(self.number);
        if self.row.inner {
            context.notice(Notice::InnerQuote, number);
        }
        let mut record = Map::new();
        for (name, value) in self.header.iter().flatten().zip(self.row.values()) {
            record.insert(name.clone(), Value::String(decode::part(value).into_owned()));
        }
        context.record(number, record).into()
    }
}

impl Records for TableReader {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let line = self.lines + 1;
        let row = self.read(context)?;
        let columns = self.header.as_ref().map(Vec::len);
        self.number += u64::from(columns.is_some());
        let number = self.number;
        let end = |reason: String| RecordStep::End(Some(context.trouble(None, reason)));
        let trouble = |reason: String| -> RecordStep {
            context.trouble(Some(number), format!("row {number} (line {line}) {reason}")).into()
        };
        let limit = context.settings.limits.record;
        Ok(match (row, columns) {
            (NextRow::End, _) => RecordStep::End(None),
            (NextRow::TooLong, None) => end("its first row is not a header: it is too long".to_owned()),
            (NextRow::TooLong, Some(_)) => context.too_long(Some(number), "the row", "record", limit).into(),
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

/// The names of the columns, from the header or by number. A duplicate name gets a number.
fn names(context: &Context, row: &Row) -> Vec<String> {
    if !context.settings.header {
        return (1..=row.len()).map(|number| number.to_string()).collect();
    }
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

/// The delimiter stated in a first line such as `sep=;`, and the length of the line.
fn said(head: &[u8]) -> Option<(u8, usize)> {
    let end = memchr::memchr(b'\n', head)? + 1;
    let line = head.get(..end)?.trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (mark, delimiter) = line.split_at_checked(4)?;
    // Trimming the line's end removes a tab too.
    let delimiter =
        if delimiter.is_empty() { head.get(4).filter(|byte| **byte == b'\t')? } else { delimiter.first()? };
    (mark.eq_ignore_ascii_case(b"sep=")
        && line.len() <= 5
        && delimiter.is_ascii()
        && !matches!(delimiter, b'"' | b'\n' | b'\r'))
    .then_some((*delimiter, end))
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
