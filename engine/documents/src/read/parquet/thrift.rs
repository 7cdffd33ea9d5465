//! Minimal reader of Thrift's compact encoding, to check the depth of a file's schema before the library follows it by
//! recursion.

/// Maximum nesting of structs; Parquet's own metadata has about eight levels.
const MAX_DEPTH: usize = 24;

const MAX_SCHEMA_DEPTH: usize = 32;

const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCTURE: u8 = 12;

/// Defects of encoded bytes.
pub(super) type Fault = &'static str;

pub(super) const SHORT: Fault = "it ends too early";

struct Thrift<'bytes> {
    bytes: &'bytes [u8],
    position: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.bytes.get(self.position).copied().ok_or(SHORT)?;
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
        Err("a number is too long")
    }

    fn number(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn advance(&mut self, count: u64) -> Result<(), Fault> {
        let left = self.bytes.len().saturating_sub(self.position);
        let count = usize::try_from(count).ok().filter(|count| *count <= left).ok_or(SHORT)?;
        self.position += count;
        Ok(())
    }

    /// Calls `each` with the number and type of each field of a struct; it must read or skip the value.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, i64, u8) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut number = 0_i64;
        loop {
            let head = self.byte()?;
            if head & 0x0f == 0 {
                return Ok(());
            }
            let step = i64::from(head >> 4);
            number = if step > 0 { number.saturating_add(step) } else { self.number()? };
            each(self, number, head & 0x0f)?;
        }
    }

    fn list(&mut self) -> Result<(u64, u8), Fault> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        if length > self.bytes.len() as u64 {
            return Err("a list is longer than the file");
        }
        Ok((length, head & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), Fault> {
        if depth == MAX_DEPTH {
            return Err("it nests too deep");
        }
        match kind {
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            BINARY => {
                let length = self.varint()?;
                self.advance(length)
            }
            LIST | 10 => {
                let (length, kind) = self.list()?;
                // A boolean is in the field's header, but a byte in a list.
                (0..length).try_for_each(|_| self.skip(if kind <= 2 { 3 } else { kind }, depth + 1))
            }
            STRUCTURE => self.fields(|thrift, _, kind| thrift.skip(kind, depth + 1)),
            _ => Err("it has a type of value that Parquet does not use"),
        }
    }
}

/// Checks the schema in a file's metadata, a list in which each element states how many of the next ones are its children: its
/// depth is bounded, and no children are missing.
pub(super) fn check_metadata(bytes: &[u8]) -> Result<(), Fault> {
    Thrift { bytes, position: 0 }.fields(|thrift, field, kind| {
        if (field, kind) != (2, LIST) {
            return thrift.skip(kind, 0);
        }
        let (length, kind) = thrift.list()?;
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..length {
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            let mut children = 0;
            if kind != STRUCTURE {
                return Err("its schema is not a list of elements");
            }
            thrift.fields(|thrift, field, kind| match (field, kind) {
                (5, 5) => thrift.number().map(|number| children = number),
                _ => thrift.skip(kind, 0),
            })?;
            if !(0..=length as i64).contains(&children) {
                return Err("its schema has an impossible number of fields");
            }
            if children > 0 {
                open.push(children);
            }
            if open.len() > MAX_SCHEMA_DEPTH {
                return Err("its schema nests too deep");
            }
        }
        Ok(())
    })
}

/// The start of a page: what it states about its data, which follows.
#[derive(Clone, Copy, Default)]
pub(super) struct PageHeader {
    /// Bytes of the header.
    pub length: u64,
    /// Bytes of the unpacked page, of which the first `levels` are never packed.
    pub unpacked: u64,
    pub levels: u64,
    pub is_plain: bool,
}

pub(super) fn page_header(bytes: &[u8]) -> Result<PageHeader, Fault> {
    let mut header = PageHeader::default();
    let mut thrift = Thrift { bytes, position: 0 };
    let size = |thrift: &mut Thrift<'_>| thrift.number().map(|number| u64::try_from(number).unwrap_or(0));
    thrift.fields(|thrift, field, kind| match (field, kind) {
        (2, 5) => size(thrift).map(|size| header.unpacked = size),
        // A data page of the second version.
        (8, STRUCTURE) => thrift.fields(|thrift, field, kind| match (field, kind) {
            (5 | 6, 5) => size(thrift).map(|size| header.levels = header.levels.saturating_add(size)),
            (7, 1 | 2) => {
                header.is_plain = kind == 2;
                Ok(())
            }
            _ => thrift.skip(kind, 0),
        }),
        _ => thrift.skip(kind, 0),
    })?;
    header.length = thrift.position as u64;
    Ok(header)
}

pub(super) fn numbers<const COUNT: usize>(bytes: &[u8]) -> Option<[u64; COUNT]> {
    let mut thrift = Thrift { bytes, position: 0 };
    let mut numbers = [0; COUNT];
    for number in &mut numbers {
        *number = thrift.varint().ok()?;
    }
    Some(numbers)
}
