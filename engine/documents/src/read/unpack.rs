//! Decompression as a stream, with a limit on expansion.

use super::archive;
use super::find::Source;
use super::format::{Format, Packing};
use super::lines::fill;
use super::settings::{Limits, bytes};
use super::work::worked;
use crate::files::Input;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::{GzDecoder, MultiGzDecoder};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read from a file at a time.
pub(super) const CHUNK: usize = 128 << 10;

/// Maximum window of a Zstandard frame: that of `zstd --long=31`, used for large dumps.
const ZSTANDARD_WINDOW: u64 = 2 << 30;

/// Maximum window allocated without first checking that memory is available.
const SMALL_WINDOW: u64 = 128 << 20;

pub(super) type Stream = Box<dyn BufRead + Send>;

/// Counts the bytes read from a file for the progress display.
///
/// It never exceeds the file's size, and counts the rest when the file is finished, so that all files add up to the total
/// whether a file is read once, in parts or twice.
pub(super) struct Counter {
    shared: Arc<AtomicU64>,
    read: AtomicU64,
    size: u64,
}

impl Counter {
    /// Counts a file of this size towards a shared counter.
    pub(super) fn new(shared: Arc<AtomicU64>, size: u64) -> Self {
        Self { shared, read: AtomicU64::new(0), size }
    }

    pub(super) fn add(&self, count: u64) {
        let before = self.read.fetch_add(count, Ordering::Relaxed);
        let counted = (before + count).min(self.size) - before.min(self.size);
        self.shared.fetch_add(counted, Ordering::Relaxed);
    }

    /// Bytes read so far, including those beyond the size at discovery.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn finish(&self) {
        self.add(self.size.saturating_sub(self.read()));
    }
}

struct Counted<R> {
    file: R,
    counter: Arc<Counter>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.counter.add(count as u64);
        worked(count);
        Ok(count)
    }
}

pub(super) fn counted<R: Read>(file: R, counter: &Arc<Counter>) -> impl Read + use<R> {
    Counted { file, counter: counter.clone() }
}

/// The counted stream of a file, or of an archive's member with its own compression removed.
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
    Ok(unpack(stream, &source.format, source.packing, counter, limits))
}

pub(super) fn unpack(
    stream: Stream,
    format: &Format,
    packing: Packing,
    counter: &Arc<Counter>,
    limits: &Limits,
) -> Stream {
    match packing {
        Packing::Plain => stream,
        Packing::Gzip if *format == Format::Warc => bounded(Members::new(stream), counter, limits),
        Packing::Gzip => bounded(MultiGzDecoder::new(stream), counter, limits),
        Packing::Zstandard => bounded(Zstandard::new(stream, ZSTANDARD_WINDOW), counter, limits),
        Packing::Bzip2 => bounded(MultiBzDecoder::new(stream), counter, limits),
    }
}

fn bounded(stream: impl Read + Send + 'static, counter: &Arc<Counter>, limits: &Limits) -> Stream {
    let bounded = Bounded { stream, unpacked: 0, counter: counter.clone(), limits: limits.clone() };
    Box::new(BufReader::with_capacity(CHUNK, bounded))
}

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
        worked(count);
        let checked = self.limits.check_expansion(self.counter.read(), self.unpacked);
        checked.map_err(|reason| io::Error::new(io::ErrorKind::QuotaExceeded, reason))?;
        Ok(count)
    }
}

/// The members of a gzip file of WARC records. After a damaged one, reading can continue at the next that starts a record.
struct Members {
    member: Option<GzDecoder<Kept>>,
    is_damaged: bool,
}

/// A stream of packed bytes in which a member that was cut short, and so seems to contain the next ones, can be searched again.
struct Kept {
    stream: Stream,
    /// Bytes of the stream, of which those before `used` were read.
    bytes: Vec<u8>,
    used: usize,
    /// Start in `bytes` of the current member, or of what is kept of it.
    start: usize,
    /// Bytes of the stream, and those to read again, which are bounded: members can be crafted to contain each other.
    read: u64,
    again: u64,
}

/// Maximum packed bytes of a member that are searched again.
const MEMBER: usize = 1 << 20;

/// Maximum packed bytes of a member's header and the start of its content.
const MEMBER_HEAD: usize = 256;

const GZIP: &[u8] = &[0x1f, 0x8b, 8];

impl Kept {
    /// Continues at the next member that starts a record; returns whether there is one.
    fn find_member(&mut self) -> io::Result<bool> {
        self.again += (self.used - self.start) as u64;
        self.start = if self.again > self.read * 8 { self.used } else { self.used.min(self.start + 1) };
        loop {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            worked(rest.len());
            if let Some(at) = memchr::memmem::find_iter(rest, GZIP).find(|at| starts_record(rest, *at)) {
                self.start += at;
                self.used = self.start;
                return Ok(true);
            }
            // The last header may not have been read in full.
            self.start = self.start.max(self.bytes.len().saturating_sub(MEMBER_HEAD));
            self.used = self.bytes.len();
            if fill(self)?.is_empty() {
                return Ok(false);
            }
        }
    }
}

fn starts_record(bytes: &[u8], at: usize) -> bool {
    let (end, mut start) = ((at + MEMBER_HEAD).min(bytes.len()), [0; 5]);
    let head = bytes.get(at..end).unwrap_or_default();
    worked(head.len());
    GzDecoder::new(head).read_exact(&mut start).is_ok() && start == *b"WARC/"
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Kept {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.bytes.len() {
            let chunk = self.stream.fill_buf()?;
            if self.used - self.start > MEMBER {
                self.start = self.used;
            }
            self.bytes.drain(..std::mem::take(&mut self.start));
            self.used = self.bytes.len();
            self.bytes.extend_from_slice(chunk);
            let count = chunk.len();
            self.read += count as u64;
            self.stream.consume(count);
        }
        Ok(self.bytes.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.bytes.len());
    }
}

/// Why a member of a gzip file of WARC records is damaged, if more of the file follows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DamagedMember(io::Error);

impl DamagedMember {
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl Members {
    fn new(stream: Stream) -> Self {
        let kept = Kept { stream, bytes: Vec::new(), used: 0, start: 0, read: 0, again: 0 };
        Self { member: Some(GzDecoder::new(kept)), is_damaged: false }
    }

    /// Proceeds to the next member; returns whether there is one. Looks for it if the current one is damaged.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(member) = self.member.take() else { return Ok(false) };
        let mut kept = member.into_inner();
        let follows = if std::mem::take(&mut self.is_damaged) {
            kept.find_member()?
        } else {
            kept.start = kept.used;
            !fill(&mut kept)?.is_empty()
        };
        self.member = follows.then(|| GzDecoder::new(kept));
        Ok(follows)
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_damaged {
            self.advance()?;
        }
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            match member.read(buffer) {
                Ok(0) if !buffer.is_empty() => drop(self.advance()?),
                Err(error) => {
                    self.is_damaged = true;
                    // At the end of the file, the next member can only be inside this one.
                    if error.kind() == io::ErrorKind::UnexpectedEof && !self.advance()? {
                        return Err(error);
                    }
                    return Err(io::Error::new(error.kind(), DamagedMember(error)));
                }
                read => return read,
            }
        }
    }
}

/// The concatenated frames of a Zstandard file. The decoder is pure Rust, so that it runs in a browser.
pub(super) struct Zstandard<R> {
    file: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Zstandard<R> {
    /// Refuses frames with larger windows.
    pub(super) fn new(file: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { file, decoder, inside: false }
    }

    fn frame(&mut self) -> io::Result<bool> {
        loop {
            if fill(&mut self.file)?.is_empty() {
                return Ok(false);
            }
            let mut head = Vec::new();
            (&mut self.file).take(6).read_to_end(&mut head)?;
            if let Some(window) =
                window(&head).filter(|window| (SMALL_WINDOW..=ZSTANDARD_WINDOW).contains(window))
            {
                // The decoder allocates the window, rounded up to a power of two, and cannot report failure.
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

/// The window size of a frame, from its first bytes; `None` for a single-segment frame.
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
