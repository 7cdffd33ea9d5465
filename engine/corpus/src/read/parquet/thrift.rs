//! Thrift's compact encoding, read as far as needed to tell that what a Parquet file says of itself can be believed.
//!
//! The Parquet library makes room for as many list entries and bytes as a file states, and follows a schema by recursion. So
//! everything that it will parse is walked here first, with nothing allocated and no recursion.

/// Structures inside structures; Parquet's own metadata has about eight.
const DEEPEST: usize = 24;

/// Entries of one list; a file has a row group for some ten thousand rows, and one column chunk for each column of it.
const LONGEST_LIST: u64 = 1 << 20;

/// Schema elements inside schema elements.
const DEEPEST_SCHEMA: usize = 32;

const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCTURE: u8 = 12;

/// Why bytes are not what they should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They end too early; with more of them they may be read.
    Short,
    /// They are broken, whatever follows.
    Broken(&'static str),
}

/// A place in encoded bytes.
#[derive(Clone)]
pub(super) struct Thrift<'bytes> {
    bytes: &'bytes [u8],
    /// Bytes read.
    pub(super) position: usize,
}

impl<'bytes> Thrift<'bytes> {
    /// Reads from the first byte on.
    pub(super) fn new(bytes: &'bytes [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.bytes.get(self.position).copied().ok_or(Fault::Short)?;
        self.position += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Broken("a number is too long"))
    }

    /// A signed number.
    pub(super) fn number(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn advance(&mut self, count: u64) -> Result<(), Fault> {
        let left = self.bytes.len().saturating_sub(self.position);
        let count = usize::try_from(count).map_err(|_| Fault::Broken("a length is impossible"))?;
        if count > left {
            return Err(Fault::Short);
        }
        self.position += count;
        Ok(())
    }

    /// The next field's number and kind; none at the structure's end. `last` is the number of the field before.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, Fault> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == 0 {
            return Ok(None);
        }
        let step = i64::from(head >> 4);
        *last = if step > 0 { last.saturating_add(step) } else { self.number()? };
        Ok(Some((*last, kind)))
    }

    /// The length of a list and the kind of its entries.
    pub(super) fn list(&mut self) -> Result<(u64, u8), Fault> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        if length > LONGEST_LIST {
            return Err(Fault::Broken("a list is longer than any file needs"));
        }
        Ok((length, head & 0x0f))
    }

    /// Passes over a value of this kind, however it nests.
    pub(super) fn skip(&mut self, kind: u8, in_list: bool) -> Result<(), Fault> {
        enum Open {
            Structure(i64),
            List(u64, u8),
        }
        let mut open: Vec<Open> = Vec::new();
        let mut next = Some((kind, in_list));
        loop {
            if let Some((kind, in_list)) = next.take() {
                if open.len() >= DEEPEST {
                    return Err(Fault::Broken("it nests too deep"));
                }
                match kind {
                    // A truth value is in the field's head, but a byte in a list.
                    1 | 2 => self.advance(u64::from(in_list))?,
                    3 => self.advance(1)?,
                    4..=6 => drop(self.varint()?),
                    7 => self.advance(8)?,
                    BINARY => {
                        let length = self.varint()?;
                        self.advance(length)?;
                    }
                    LIST | 10 => {
                        let (length, kind) = self.list()?;
                        open.push(Open::List(length, kind));
                    }
                    STRUCTURE => open.push(Open::Structure(0)),
                    13 => self.advance(16)?,
                    _ => return Err(Fault::Broken("it holds a kind of value that Parquet does not use")),
                }
            }
            next = match open.last_mut() {
                None => return Ok(()),
                Some(Open::List(0, _)) => {
                    open.pop();
                    None
                }
                Some(Open::List(left, kind)) => {
                    *left -= 1;
                    Some((*kind, true))
                }
                Some(Open::Structure(last)) => match self.field(last)? {
                    Some((_, kind)) => Some((kind, false)),
                    None => {
                        open.pop();
                        None
                    }
                },
            };
        }
    }
}

/// Whether a file's metadata can be parsed without harm.
pub(super) fn check_metadata(bytes: &[u8]) -> Result<(), Fault> {
    let mut thrift = Thrift::new(bytes);
    let mut last = 0;
    while let Some((field, kind)) = thrift.field(&mut last)? {
        if (field, kind) == (2, LIST) {
            check_schema(&mut thrift.clone())?;
        }
        thrift.skip(kind, false)?;
    }
    Ok(())
}

/// Whether the schema's tree, written as a list in which each element says how many of the next ones are its children, is of
/// bounded depth.
fn check_schema(thrift: &mut Thrift<'_>) -> Result<(), Fault> {
    let (length, kind) = thrift.list()?;
    if kind != STRUCTURE {
        return Err(Fault::Broken("its schema is no list of elements"));
    }
    let mut open: Vec<i64> = Vec::new();
    for _ in 0..length {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        let mut children = 0;
        let mut last = 0;
        while let Some((field, kind)) = thrift.field(&mut last)? {
            if (field, kind) == (5, 5) {
                children = thrift.number()?;
            } else {
                thrift.skip(kind, false)?;
            }
        }
        if children < 0 {
            return Err(Fault::Broken("its schema has a negative number of fields"));
        }
        if children > 0 {
            open.push(children);
        }
        if open.len() > DEEPEST_SCHEMA {
            return Err(Fault::Broken("its schema nests too deep"));
        }
    }
    Ok(())
}

/// What the head of a page says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Bytes of the head itself.
    pub(super) head: usize,
    /// Bytes of its content as it stands in the file.
    pub(super) packed: i64,
    /// Bytes of its content.
    pub(super) size: i64,
    /// Values in it.
    pub(super) values: i64,
    /// Whether it is a dictionary.
    pub(super) dictionary: bool,
    /// Whether it holds data.
    pub(super) data: bool,
}

/// Reads the head of a page.
pub(super) fn page(bytes: &[u8]) -> Result<Page, Fault> {
    let mut thrift = Thrift::new(bytes);
    let mut page = Page::default();
    let mut last = 0;
    while let Some((field, kind)) = thrift.field(&mut last)? {
        match (field, kind) {
            (2, 5) => page.size = thrift.number()?,
            (3, 5) => page.packed = thrift.number()?,
            (5 | 7 | 8, STRUCTURE) => {
                page.dictionary |= field == 7;
                page.data |= field != 7;
                let mut last = 0;
                while let Some((field, kind)) = thrift.field(&mut last)? {
                    if (field, kind) == (1, 5) {
                        page.values = thrift.number()?;
                    } else {
                        thrift.skip(kind, false)?;
                    }
                }
            }
            _ => thrift.skip(kind, false)?,
        }
    }
    page.head = thrift.position;
    Ok(page)
}
