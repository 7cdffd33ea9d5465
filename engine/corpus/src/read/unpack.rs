//! Packed files as the bytes in them, with a watch on how much comes out for what went in.

use super::format::Packing;
use super::settings::{Limits, bytes};
use crate::files::Input;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read of a file at a time.
pub(super) const CHUNK: usize = 128 << 10;

/// The largest window that a Zstandard frame may ask for: what `zstd --ultra -22 --long` makes by default.
const ZSTANDARD_WINDOW: u64 = 128 << 20;

/// A stream that a reader takes documents from.
pub(super) type Stream = Box<dyn BufRead + Send>;

/// How much of a file was read, told to whoever shows the progress.
///
/// Never counts more than the file's size, and counts the rest of it when the file is done with, so that the figures of all files add up
/// to the total whether a file is read once, in parts or twice.
pub(super) struct Counter {
    shared: Arc<AtomicU64>,
    read: AtomicU64,
    size: u64,
}

impl Counter {
    /// Counts a file of this size into a shared figure.
    pub(super) fn new(shared: Arc<AtomicU64>, size: u64) -> Self {
        Self { shared, read: AtomicU64::new(0), size }
    }

    /// Bytes were read.
    pub(super) fn add(&self, count: u64) {
        let before = self.read.fetch_add(count, Ordering::Relaxed);
        let counted = (before + count).min(self.size) - before.min(self.size);
        self.shared.fetch_add(counted, Ordering::Relaxed);
    }

    /// Bytes read until now, also those beyond the size that the file had when it was found.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The file is done with.
    pub(super) fn finish(&self) {
        self.add(self.size.saturating_sub(self.read()));
    }
}

/// A file whose bytes are counted.
struct Counted<R> {
    file: R,
    counter: Arc<Counter>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.counter.add(count as u64);
        Ok(count)
    }
}

/// A file whose bytes are counted as they are read.
#[cfg_attr(
    not(feature = "pdf"),
    allow(dead_code, reason = "only files that are read as they lie there need it")
)]
pub(super) fn counted(file: Box<dyn Input>, counter: &Arc<Counter>) -> impl Read + use<> {
    Counted { file, counter: counter.clone() }
}

/// The bytes in a packed file.
pub(super) fn unpack(
    file: impl Read + Send + 'static,
    packing: Packing,
    counter: &Arc<Counter>,
    limits: &Limits,
) -> Stream {
    let file = Counted { file, counter: counter.clone() };
    let file = BufReader::with_capacity(CHUNK, file);
    let unpacked: Box<dyn Read + Send> = match packing {
        Packing::Plain => return Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Zstandard => Box::new(Zstandard::new(file)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
    };
    let bounded = Bounded { stream: unpacked, unpacked: 0, counter: counter.clone(), limits: limits.clone() };
    Box::new(BufReader::with_capacity(CHUNK, bounded))
}

/// Ends a stream with an error once it grew beyond reason.
struct Bounded<R> {
    stream: R,
    unpacked: u64,
    counter: Arc<Counter>,
    limits: Limits,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.unpacked += count as u64;
        let packed = self.counter.read();
        let Limits { expansion, expansion_free, unpacked, .. } = &self.limits;
        if self.unpacked > *expansion_free && self.unpacked > packed.saturating_mul(*expansion) {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "unpacks to more than {expansion} times its size, as files do that are made to fill memory; if it is \
                 meant so, unpack it or raise reading.limits.expansion"
                ),
            ));
        }
        if self.unpacked > *unpacked {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("unpacks to more than {}; raise reading.limits.unpacked", bytes(*unpacked)),
            ));
        }
        Ok(count)
    }
}

/// The frames of a Zstandard file, one after another. The decoder is in Rust alone, so that a browser reads such files too.
pub(super) struct Zstandard<R> {
    file: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Zstandard<R> {
    /// Reads a file's frames.
    pub(super) fn new(file: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTANDARD_WINDOW);
        Self { file, decoder, inside: false }
    }

    /// Opens the next frame; none at the file's end.
    fn frame(&mut self) -> io::Result<bool> {
        loop {
            if self.file.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.file) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut (&mut self.file).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstandard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.frame()? {
                return Ok(0);
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if self.decoder.is_finished() {
                let stated = self.decoder.get_checksum_from_data();
                if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::other("the checksum of a frame differs from its content"));
                }
                self.inside = false;
            } else {
                self.decoder
                    .decode_blocks(&mut self.file, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
        }
    }
}
