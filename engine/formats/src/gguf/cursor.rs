//! Reads from untrusted bytes.

/// The value read, or a sentence about what is wrong.
pub(super) type Reading<T> = Result<T, String>;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'file> {
    rest: &'file [u8],
    at: usize,
}

impl<'file> Cursor<'file> {
    pub(super) fn new(bytes: &'file [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Number of bytes read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, count: u64) -> Reading<&'file [u8]> {
        let parts = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((taken, rest)) = parts else {
            let (at, left) = (self.at, self.rest.len());
            return Err(format!("{count} bytes should follow byte {at}, but only {left} are left"));
        };
        self.rest = rest;
        self.at += taken.len();
        Ok(taken)
    }

    /// Fails if fewer bytes remain than `count` items of at least `least` bytes need.
    pub(super) fn expect(&self, count: u64, least: u64, what: &str) -> Reading<()> {
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.rest.len() as u64 => Ok(()),
            _ => Err(format!(
                "{count} {what} should follow byte {}, but only {} bytes are left",
                self.at,
                self.rest.len()
            )),
        }
    }

    pub(super) fn array<const COUNT: usize>(&mut self) -> Reading<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        bytes.copy_from_slice(self.take(COUNT as u64)?);
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Reading<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Reading<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string: its length, then UTF-8.
    pub(super) fn string(&mut self) -> Reading<&'file str> {
        let length = self.u64()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map_err(|_| format!("the string of {length} bytes before byte {} is not UTF-8", self.at))
    }
}
