//! CSV and TSV: a record a row, with the columns that the header names.
//!
//! A quote that is never closed would make one row of all that follow it. So a quoted value that holds both a line end and a quote
//! that is neither doubled nor its end is doubted: where its first line and those behind it are rows by themselves, the quote is a letter.

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

/// Columns that a table may have.
const MAX_COLUMNS: usize = 4096;

/// Delimiters that are looked for in a `.csv` file, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Bytes of a file in which its dialect is looked for.
const HEAD: usize = 64 << 10;

/// Lines behind a doubtful row that must be rows by themselves.
const FOLLOWING: usize = 4;

/// Bytes that are read again behind quotes that were doubted, before every row is taken to end with its line.
const RESCANNED: u64 = 1 << 30;

/// The rows of a table.
pub(super) struct TableReader {
    stream: Stream,
    ended: bool,
    /// What was read and not yet cut, from `start` on.
    pending: Vec<u8>,
    start: usize,
    /// Line ends before that.
    lines: u64,
    dialect: Dialect,
    row: Row,
    /// Names of the columns; none before the first row.
    header: Option<Vec<String>>,
    number: u64,
    passing: Passing,
    rescanned: u64,
    /// Why the stream could not be read when its dialect was looked for.
    broken: Option<io::Error>,
}

/// What is left to be passed over of a row that is too long.
#[derive(Clone, Copy, PartialEq)]
enum Passing {
    Nothing,
    /// All up to the line's end.
    Line,
    /// All up to the quote that closes a value, and from there to the row's end.
    Quoted,
}

/// What came of the next row.
enum NextRow {
    Whole,
    /// The quote that begins one of its values is never closed, and its first line is no row.
    Open,
    TooLong,
    /// It has more columns than a table may have.
    TooWide,
    End,
}

impl TableReader {
    /// Reads a stream, whose first bytes say the delimiter and how quotes are meant.
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
        // Excel writes the delimiter in front.
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

    /// Reads on, up to little more than so many bytes; at the end `ended` is set.
    fn gather(&mut self, most: usize) -> io::Result<()> {
        self.pending.drain(..self.start);
        self.start = 0;
        // Twice as much each time, since a row is looked at from its start again.
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

    /// Cuts the next row, reading on where it is not whole; how many bytes were looked at in vain where there are more than the limit.
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
        // The quote is a letter.
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
                    // The last byte may begin what ends the value.
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

    /// Bytes of the line at hand with its end; none where it is longer than the limit.
    fn first_line(&self, limit: usize) -> Option<usize> {
        let bytes = self.pending.get(self.start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', bytes).map(|end| end + 1);
        length.or(Some(bytes.len()).filter(|_| self.ended)).filter(|length| *length <= limit)
    }

    /// Cuts a row out of what is at hand, so many bytes ahead.
    fn cut_here(&mut self, ahead: usize, lines: Lines) -> Cut {
        let bytes = self.pending.get(self.start + ahead..).unwrap_or_default();
        self.row.cut(bytes, self.ended, self.dialect, lines)
    }

    /// Whether the lines that follow, so many bytes ahead, are rows by themselves, as far as they are at hand.
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
                    // It goes on beyond what was read.
                    Cut::More => break,
                    _ => return false,
                },
            };
            ahead += used;
        }
        true
    }

    /// Passes over what is left of a row that is too long.
    fn pass(&mut self) -> io::Result<()> {
        while self.passing == Passing::Quoted {
            let bytes = self.pending.get(self.start..).unwrap_or_default();
            let (used, closed) = self.dialect.close(bytes, self.ended);
            self.consume(used);
            if closed || self.ended {
                // More values may stand behind it.
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

    /// Takes the columns' names over, and looks for those that hold the text.
    fn begin(&mut self, context: &Context) -> RecordStep {
        let settings = &context.settings;
        let end = |reason| RecordStep::End(Some(context.trouble(None, reason)));
        if !settings.header && settings.text_field.is_none() && settings.text_fields.is_empty() {
            let reason =
                "has no header, by reading.header: name its column of text, as in reading.text_field = \"1\"";
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

    /// The row at hand as a document.
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
        let number = Some(self.number);
        let limit = context.settings.limits.record;
        Ok(match (row, columns) {
            (NextRow::End, _) => RecordStep::End(None),
            (NextRow::TooLong, None) => {
                RecordStep::End(Some(context.trouble(None, "its first row is no header: it is too long")))
            }
            (NextRow::TooLong, Some(_)) => context.too_long(number, "the row", "record", limit).into(),
            (NextRow::TooWide, None) => {
                let reason = format!("its header has more than {MAX_COLUMNS} columns; leave some out");
                RecordStep::End(Some(context.trouble(None, reason)))
            }
            (NextRow::TooWide, Some(_)) => {
                let reason = format!(
                    "row {} (line {line}) has more than {MAX_COLUMNS} columns and was skipped; check its delimiters",
                    self.number
                );
                context.trouble(number, reason).into()
            }
            (NextRow::Open, _) => {
                let reason = format!(
                    "row {} (line {line}) has an unclosed quote and was skipped; close it",
                    self.number
                );
                context.trouble(number, reason).into()
            }
            (NextRow::Whole, None) => self.begin(context),
            (NextRow::Whole, Some(columns)) if self.row.len() != columns => {
                let reason = format!(
                    "row {} (line {line}) has {} values where {columns} are expected; mend it, or quote values that hold the delimiter",
                    self.number,
                    self.row.len()
                );
                context.trouble(number, reason).into()
            }
            (NextRow::Whole, Some(_)) => self.document(context),
        })
    }
}

/// The names of the columns, by the header or by their number. A name that another column has before it gets a number.
fn names(context: &Context, row: &Row) -> Vec<String> {
    if !context.settings.header {
        return (1..=row.len()).map(|number| number.to_string()).collect();
    }
    let mut names: Vec<String> = Vec::new();
    for value in row.values() {
        let name = decode::part(value);
        // An index without a name, as pandas writes it.
        let own = match name.trim() {
            "" => format!("column {}", names.len() + 1),
            name => name.to_owned(),
        };
        let mut name = own.clone();
        // Which of two texts is meant cannot be told.
        if names.contains(&own) && !context.may_be_text(&own) {
            let numbered = (2..).map(|number| format!("{own} {number}"));
            name = numbered.into_iter().find(|name| !names.contains(name)).unwrap_or(own);
            context.notice(Notice::Column, None);
        }
        names.push(name);
    }
    names
}

/// The delimiter that a first line says, as in `sep=;`, and the bytes of that line.
fn said(head: &[u8]) -> Option<(u8, usize)> {
    let end = memchr::memchr(b'\n', head)? + 1;
    let line = head.get(..end)?.trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (mark, delimiter) = line.split_at_checked(4)?;
    // The line's end is trimmed, and a tab with it.
    let delimiter =
        if delimiter.is_empty() { head.get(4).filter(|byte| **byte == b'\t')? } else { delimiter.first()? };
    (mark.eq_ignore_ascii_case(b"sep=")
        && line.len() <= 5
        && delimiter.is_ascii()
        && !matches!(delimiter, b'"' | b'\n' | b'\r'))
    .then_some((*delimiter, end))
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
