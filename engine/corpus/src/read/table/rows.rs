//! How rows are cut: by delimiters and line ends outside of quotes. A quote within a quoted value is doubled, or stands behind a
//! backslash (as MySQL, Spark and Python with `escapechar` write it); any other is a letter.

use super::MAX_COLUMNS;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether quotes around values are meant: tables with tabs are written with and without.
    pub(super) quotes: bool,
    /// Whether a quote within quotes stands behind a backslash, and a backslash behind another.
    pub(super) escapes: bool,
}

/// How far a quoted value may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Over lines, unless quotes within it are not doubled.
    Doubted,
    /// To the line's end: a quote that is not closed there is a letter.
    One,
    /// As far as it is quoted.
    Any,
}

/// What came of cutting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A row of so many bytes.
    Row(usize),
    /// The row goes on beyond what is at hand.
    More,
    /// A quote is closed nowhere, or behind others and line ends; so many bytes were looked at.
    Doubted(usize),
    /// Nothing but line ends.
    End,
}

/// The values of a row.
#[derive(Debug, Default)]
pub(super) struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Values that were more than a table may have.
    more: usize,
    /// Whether quotes within quotes are not doubled.
    pub(super) inner: bool,
    /// Whether a quote is closed nowhere, so that the file's end ended its value.
    pub(super) open: bool,
    /// Whether cutting ended within quotes.
    pub(super) within_quotes: bool,
}

/// What came of a quoted value.
enum Quoted {
    /// It is closed, so many bytes behind its first.
    Closed(usize),
    More,
    Doubted(usize),
    /// Its quote is a letter.
    Open,
}

impl Row {
    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len() + self.more
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// Cuts the first row, behind empty lines. `ended` says whether the file ends with the bytes.
    pub(super) fn cut(&mut self, bytes: &[u8], ended: bool, dialect: Dialect, lines: Lines) -> Cut {
        self.bytes.clear();
        self.ends.clear();
        (self.more, self.inner, self.open, self.within_quotes) = (0, false, false, false);
        let mut at = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        if at == bytes.len() {
            return if ended { Cut::End } else { Cut::More };
        }
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let mut used = 0;
            if dialect.quotes && rest.first() == Some(&b'"') {
                let before = (self.bytes.len(), self.inner);
                match self.quoted(rest, ended, dialect, lines) {
                    Quoted::Closed(length) => used = length,
                    Quoted::More => {
                        self.within_quotes = true;
                        return Cut::More;
                    }
                    Quoted::Doubted(length) => return Cut::Doubted(at + length),
                    Quoted::Open => {
                        self.bytes.truncate(before.0);
                        self.inner = before.1;
                    }
                }
            }
            let rest = rest.get(used..).unwrap_or_default();
            let end = memchr::memchr3(dialect.delimiter, b'\n', b'\r', rest);
            if end.is_none() && !ended {
                return Cut::More;
            }
            let value = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if used == 0 {
                self.bytes.extend_from_slice(value);
            }
            if self.ends.len() < MAX_COLUMNS {
                self.ends.push(self.bytes.len());
            } else {
                self.more += 1;
            }
            at += used + value.len();
            match (bytes.get(at), bytes.get(at + 1)) {
                (None, _) => return Cut::Row(at),
                (Some(b'\r'), Some(b'\n')) => return Cut::Row(at + 2),
                (Some(b'\r'), None) if !ended => return Cut::More,
                (Some(b'\n' | b'\r'), _) => return Cut::Row(at + 1),
                _ => at += 1,
            }
        }
    }

    /// Takes a value over that begins with a quote.
    fn quoted(&mut self, bytes: &[u8], ended: bool, dialect: Dialect, lines: Lines) -> Quoted {
        let escape = if dialect.escapes { b'\\' } else { b'"' };
        let mut at = 1;
        let (mut crossed, mut inner) = (false, false);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr3(b'"', b'\n', escape, rest) else {
                return match lines {
                    _ if !ended => Quoted::More,
                    Lines::Doubted => Quoted::Doubted(bytes.len()),
                    Lines::One => Quoted::Open,
                    // The file is cut short.
                    Lines::Any => {
                        self.bytes.extend_from_slice(rest);
                        self.open = true;
                        Quoted::Closed(bytes.len())
                    }
                };
            };
            self.bytes.extend_from_slice(rest.get(..found).unwrap_or_default());
            at += found;
            let next = bytes.get(at + 1);
            match bytes.get(at) {
                Some(b'\n') if lines == Lines::One => return Quoted::Open,
                Some(b'\n') => {
                    crossed = true;
                    self.bytes.push(b'\n');
                    at += 1;
                }
                _ if next.is_none() && !ended => return Quoted::More,
                Some(b'\\') => {
                    let escaped = next.copied().filter(|byte| matches!(byte, b'"' | b'\\'));
                    self.bytes.push(escaped.unwrap_or(b'\\'));
                    at += 1 + usize::from(escaped.is_some());
                }
                _ if next == Some(&b'"') => {
                    self.bytes.push(b'"');
                    at += 2;
                }
                _ => match dialect.end(bytes, at + 1, ended) {
                    Some(true) => return Quoted::Closed(at + 1),
                    Some(false) => {
                        inner = true;
                        self.inner = true;
                        self.bytes.push(b'"');
                        at += 1;
                    }
                    None => return Quoted::More,
                },
            }
            if crossed && inner && lines == Lines::Doubted {
                return Quoted::Doubted(at);
            }
        }
    }
}

impl Dialect {
    /// How a table is written, by its first bytes.
    pub(super) fn of(head: &[u8], ended: bool, delimiter: u8) -> Self {
        let plain = Self { delimiter, quotes: true, escapes: false };
        let (escaped, bare) = (Self { escapes: true, ..plain }, Self { quotes: false, ..plain });
        let with = plain.counts(head, ended);
        if memchr::memmem::find(head, b"\\\"").is_some() && escaped.counts(head, ended).faults < with.faults {
            return escaped;
        }
        if delimiter == b'\t' {
            // Quotes are letters where rows come out uneven with them, or hardly any row does.
            let without = bare.counts(head, ended);
            let is_meant = with.faults == 0 && with.rows > 1
                || with.rows.saturating_sub(with.faults) >= without.rows - without.faults;
            return if is_meant { plain } else { bare };
        }
        plain
    }

    /// Rows in a file's first bytes.
    fn counts(self, head: &[u8], ended: bool) -> Counts {
        let mut row = Row::default();
        let mut first = None;
        let mut counts = Counts::default();
        let mut rest = head;
        loop {
            let used = match row.cut(rest, ended, self, Lines::Doubted) {
                Cut::Row(used) => used,
                // The last row may go on beyond what was read.
                Cut::More | Cut::End => return counts,
                Cut::Doubted(_) => {
                    counts.faults += 1;
                    match row.cut(rest, ended, self, Lines::One) {
                        Cut::Row(used) => used,
                        _ => return counts,
                    }
                }
            };
            counts.rows += 1;
            let is_uneven = *first.get_or_insert(row.len()) != row.len();
            counts.faults += usize::from(is_uneven || row.inner);
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// Whether a quoted value ends before this place: blanks at most stand between it and a delimiter or line end. None where that
    /// cannot be told yet.
    fn end(self, bytes: &[u8], at: usize, ended: bool) -> Option<bool> {
        const MOST: usize = 4096;
        let rest = bytes.get(at..).unwrap_or_default();
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t') && *byte != self.delimiter;
        match rest.iter().take(MOST).find(|byte| !blank(byte)) {
            Some(byte) => Some(*byte == self.delimiter || matches!(byte, b'\n' | b'\r')),
            None if rest.len() >= MOST => Some(false),
            None => ended.then_some(true),
        }
    }

    /// Looks for the end of a quoted value that the bytes lie within: how many of them are done with, and whether it was found.
    pub(super) fn close(self, bytes: &[u8], ended: bool) -> (usize, bool) {
        let escape = if self.escapes { b'\\' } else { b'"' };
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'"', escape, bytes.get(at..).unwrap_or_default()) {
            at += found;
            let next = bytes.get(at + 1);
            if next.is_none() && !ended {
                return (at, false);
            }
            let is_escaped = bytes.get(at) == Some(&b'\\') || next == Some(&b'"');
            match if is_escaped { Some(false) } else { self.end(bytes, at + 1, ended) } {
                Some(true) => return (at + 1, true),
                Some(false) => at += 1 + usize::from(is_escaped),
                None => return (at, false),
            }
        }
        (bytes.len(), false)
    }
}

/// What came of cutting a file's first bytes.
#[derive(Default)]
struct Counts {
    rows: usize,
    /// Rows that have another number of values than the first, quotes within quotes that are not doubled, or one that is not closed.
    faults: usize,
}
