//! Compressed sizes of a text as baselines.

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use std::io::{self, Write};

/// Maximum dictionary size of `xz`: that of its default preset, 6. A compressor with it takes about 100 MB.
pub const XZ_WINDOW: u64 = 8 << 20;

/// A compressor that only counts the bytes written. It takes a text in pieces, so that the caller can yield.
pub enum Compressor {
    /// Deflate with a gzip header, level 9.
    Gzip(Box<GzEncoder<Counter>>),
    /// LZMA2 in an `.xz` file, preset 6.
    Xz(Box<XzWriter<Counter>>),
}

impl Compressor {
    /// `gzip -9`.
    pub fn gzip() -> Self {
        Self::Gzip(Box::new(GzEncoder::new(Counter::default(), Compression::best())))
    }

    /// `xz -6` for a text of `bytes` bytes; the dictionary is no larger than needed.
    pub fn xz(bytes: u64) -> io::Result<Self> {
        let mut options = XzOptions::with_preset(6);
        options.lzma_options.dict_size = bytes.next_power_of_two().clamp(1 << 16, XZ_WINDOW) as u32;
        Ok(Self::Xz(Box::new(XzWriter::new(Counter::default(), options)?)))
    }

    pub fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.write_all(piece),
            Self::Xz(xz) => xz.write_all(piece),
        }
    }

    pub fn finish(self) -> io::Result<u64> {
        let counter = match self {
            Self::Gzip(gzip) => gzip.finish()?,
            Self::Xz(xz) => xz.finish()?,
        };
        Ok(counter.0)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
