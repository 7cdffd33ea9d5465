//! Packed files as the bytes in them, with a watch on how much comes out for what went in.

use super::archive;
use super::find::Source;
use super::format::Packing;
use super::lines::fill;
use super::settings::{Limits, bytes};
use crate::files::Input;
use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read of a file at a time.
pub(super) const CHUNK: usize = 128 << 10;

/// The largest window that a Zstandard frame may ask for: that of `zstd --long=31`, with which large dumps are packed.
const ZSTANDARD_WINDOW: u64 = 2 << 30;

/// Windows for which it is not asked first whether there is memory.
const SMALL_WINDOW: u64 = 128 << 20;

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
pub(super) fn counted<R: Read>(file: R, counter: &Arc<Counter>) -> impl Read + use<R> {
    Counted { file, counter: counter.clone() }
}

/// The bytes of a file, or of a member of an archive, with its own packing taken off, as a stream of which those that were read are counted.
pub(super) fn stream(
    file: Box<dyn Input>,
    source: &Source,
    counter: &Arc<Counter>,
    limits: &Limits,
) -> io::Result<Stream> {
    let stream: Stream = match &source.member {
        None => Box::new(BufReader::with_capacity(CHUNK, counted(file, counter))),
        Some(member) => {
            let packed = counted(archive::packed(file, member)?, counter);
            let stream: Stream = Box::new(BufReader::with_capacity(CHUNK, packed));
            let stream = if member.deflated {
                bounded(flate2::bufread::DeflateDecoder::new(stream), counter, limits)
            } else {
                stream
            };
            Box::new(BufReader::with_capacity(CHUNK, archive::checked(stream, member)))
        }
    };
    Ok(unpack(stream, source.packing, counter, limits))
}

/// The bytes in a packed stream.
pub(super) fn unpack(stream: Stream, packing: Packing, counter: &Arc<Counter>, limits: &Limits) -> Stream {
    match packing {
        Packing::Plain => stream,
        Packing::Gzip => {
            let members = Members {
                at_hand: Some(GzDecoder::new(stream)),
                open: GzDecoder::new,
                close: GzDecoder::into_inner,
            };
            bounded(members, counter, limits)
        }
        Packing::Zstandard => bounded(Zstandard::new(stream), counter, limits),
        Packing::Bzip2 => {
            let members = Members {
                at_hand: Some(BzDecoder::new(stream)),
                open: BzDecoder::new,
                close: BzDecoder::into_inner,
            };
            bounded(members, counter, limits)
        }
    }
}

fn bounded(stream: impl Read + Send + 'static, counter: &Arc<Counter>, limits: &Limits) -> Stream {
    let bounded = Bounded { stream, unpacked: 0, counter: counter.clone(), limits: limits.clone() };
    Box::new(BufReader::with_capacity(CHUNK, bounded))
}

/// The members of a packed file, one after another. Zero bytes behind them fill up the blocks of a tape or disk.
struct Members<R, D> {
    /// None at the end.
    at_hand: Option<D>,
    open: fn(R) -> D,
    close: fn(D) -> R,
}

impl<R: BufRead, D: Read> Read for Members<R, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.at_hand
            && !buffer.is_empty()
        {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(member) = self.at_hand.take() {
                let mut rest = (self.close)(member);
                if !skip_zeros(&mut rest)? {
                    self.at_hand = Some((self.open)(rest));
                }
            }
        }
        Ok(0)
    }
}

/// Passes over zero bytes; whether the end stands behind them.
fn skip_zeros(stream: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let chunk = fill(stream)?;
        let zeros = chunk.iter().take_while(|byte| **byte == 0).count();
        let (ended, more) = (chunk.is_empty(), zeros < chunk.len());
        stream.consume(zeros);
        if ended || more {
            return Ok(ended);
        }
    }
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
            if skip_zeros(&mut self.file)? {
                return Ok(false);
            }
            let mut head = Vec::new();
            (&mut self.file).take(6).read_to_end(&mut head)?;
            if let Some(window) =
                window(&head).filter(|window| (SMALL_WINDOW..=ZSTANDARD_WINDOW).contains(window))
            {
                // The decoder makes room for the window, rounded up to a power of two, and cannot fail.
                let room = usize::try_from(window.next_power_of_two() + SMALL_WINDOW).unwrap_or(usize::MAX);
                Vec::<u8>::new().try_reserve_exact(room).map_err(|_| {
                    let reason = format!("needs {} of memory to unpack; unpack it first", bytes(window));
                    io::Error::new(io::ErrorKind::OutOfMemory, reason)
                })?;
            }
            match self.decoder.reset(head.chain(&mut self.file)) {
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

/// The window that a frame asks for, by its first bytes; none of one that is a single piece.
fn window(head: &[u8]) -> Option<u64> {
    let (magic, rest) = head.split_first_chunk()?;
    let [descriptor, window] = *rest.first_chunk()?;
    let is_windowed = u32::from_le_bytes(*magic) == 0xfd2f_b528 && descriptor & 0x20 == 0;
    let base = 1_u64 << (10 + (window >> 3));
    is_windowed.then_some(base + base / 8 * u64::from(window & 7))
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
