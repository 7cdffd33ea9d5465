//! Splits rows at delimiters and line ends outside of quotes. A quote inside a quoted value is doubled, or escaped with a
//! backslash (by MySQL, Spark and Python with `escapechar`); any other quote is literal.

use super::MAX_COLUMNS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether quotes enclose values; tab-separated tables are written with and without.
    pub(super) quotes: bool,
    /// Whether quotes and backslashes inside quotes are escaped with a backslash.
    pub(super) escapes: bool,
}

/// How far a quoted value may extend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Over several lines, unless it contains undoubled quotes.
    Doubted,
    /// To the line's end; a quote that is not closed there is literal.
    One,
    /// Without limit.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A row of this many bytes.
    Row(usize),
    More,
    /// A quote is never closed, or only after other quotes and line ends; with the number of bytes scanned.
    Doubted(usize),
    /// Only line ends.
    End,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Number of values beyond the limit on columns.
    more: usize,
    /// Whether a quoted value contains undoubled quotes.
    pub(super) inner: bool,
    /// Whether a quote is never closed, so that the value ended with the file.
    pub(super) open: bool,
    /// Whether splitting ended inside quotes.
    pub(super) within_quotes: bool,
}

enum Quoted {
    /// It is closed; with its length.
    Closed(usize),
    More,
    Doubted(usize),
    /// The opening quote is literal.
    Open,
}

impl Row {
    pub(super) fn len(&self) -> usize {
        self.ends.len() + self.more
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// Splits off the first row after empty lines. `ended` tells whether the file ends with the bytes.
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

    /// Copies a value that begins with a quote.
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
                    // The file is truncated.
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
    /// Detects the dialect from a file's first bytes.
    pub(super) fn of(head: &[u8], ended: bool, delimiter: u8) -> Self {
        let plain = Self { delimiter, quotes: true, escapes: false };
        let (escaped, bare) = (Self { escapes: true, ..plain }, Self { quotes: false, ..plain });
        let with = plain.counts(head, ended);
        if memchr::memmem::find(head, b"\\\"").is_some() && escaped.counts(head, ended).faults < with.faults {
            return escaped;
        }
        if delimiter == b'\t' {
            // Quotes are literal if rows become uneven with them, or if hardly any rows remain.
            let without = bare.counts(head, ended);
            let is_meant = with.faults == 0 && with.rows > 1
                || with.rows.saturating_sub(with.faults) >= without.rows - without.faults;
            return if is_meant { plain } else { bare };
        }
        plain
    }

    fn counts(self, head: &[u8], ended: bool) -> Counts {
        let mut row = Row::default();
        let mut first = None;
        let mut counts = Counts::default();
        let mut rest = head;
        loop {
            let used = match row.cut(rest, ended, self, Lines::Doubted) {
                Cut::Row(used) => used,
                // The last row may continue beyond the available bytes.
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

    /// Whether a quoted value ends at this position: only blanks are between it and a delimiter or line end. `None` if that is
    /// not yet known.
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

    /// Searches the end of a quoted value that the bytes are inside of. Returns the number of bytes processed and whether the
    /// end was found.
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

#[derive(Default)]
struct Counts {
    rows: usize,
    /// Rows with a different number of values than the first, with undoubled quotes, or with an unclosed one.
    faults: usize,
}
