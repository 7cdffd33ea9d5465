//! Decompression as a stream, with a limit on expansion.

use super::archive;
use super::find::Source;
use super::format::Packing;
use super::lines::fill;
use super::settings::{Limits, bytes};
use crate::files::Input;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
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
    Ok(unpack(stream, source.packing, counter, limits))
}

pub(super) fn unpack(stream: Stream, packing: Packing, counter: &Arc<Counter>, limits: &Limits) -> Stream {
    match packing {
        Packing::Plain => stream,
        Packing::Gzip => bounded(Gzip::new(stream), counter, limits),
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
        let checked = self.limits.check_expansion(self.counter.read(), self.unpacked);
        checked.map_err(|reason| io::Error::new(io::ErrorKind::QuotaExceeded, reason))?;
        Ok(count)
    }
}

/// The concatenated members of a gzip file. Reading can continue after an error in one of them.
struct Gzip {
    member: Option<GzDecoder<Sought>>,
    is_damaged: bool,
}

/// Packed bytes of which those of the current member can be read again, in search of the next one: a member that was cut short
/// seems to contain its start.
struct Sought {
    stream: Stream,
    /// Bytes to read before the stream, and the number of those read.
    again: Vec<u8>,
    used: usize,
    /// The bytes read of the current member; `None` if they are too many, or if the member was itself found by a search: each byte
    /// is searched once.
    member: Option<Vec<u8>>,
}

/// Maximum packed bytes of a member that are searched again.
const MEMBER: usize = 1 << 20;

const GZIP: &[u8] = &[0x1f, 0x8b, 8];

impl Sought {
    /// Continues after the first byte of the current member.
    fn go_back(&mut self) {
        let Some(mut member) = self.member.take().filter(|member| !member.is_empty()) else { return };
        match self.used.checked_sub(member.len()) {
            // A member in what is read again.
            Some(start) if self.again.get(start..self.used) == Some(&member[..]) => self.used = start + 1,
            _ => {
                member.extend(self.again.drain(..).skip(self.used));
                (self.again, self.used) = (member, 1);
            }
        }
    }

    /// Continues before the mark just read.
    fn unread_mark(&mut self) {
        let start = self.used.saturating_sub(GZIP.len());
        if self.again.get(start..self.used) == Some(GZIP) {
            self.used = start;
        } else {
            (self.again, self.used) = (GZIP.to_vec(), 0);
        }
    }

    /// Whether another member may start inside the current one.
    fn may_contain_another(&self) -> bool {
        let member = self.member.as_deref().and_then(|member| member.get(1..)).unwrap_or_default();
        memchr::memmem::find(member, GZIP).is_some()
    }
}

impl Read for Sought {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Sought {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.again.get(self.used..) {
            Some(again) if !again.is_empty() => Ok(again),
            _ => self.stream.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let is_again = self.used < self.again.len();
        if let Some(member) = &mut self.member {
            // The buffer is filled, so that nothing is read here.
            let bytes = if is_again { self.again.get(self.used..) } else { self.stream.fill_buf().ok() };
            member.extend_from_slice(bytes.and_then(|bytes| bytes.get(..count)).unwrap_or_default());
            self.member.take_if(|member| member.len() > MEMBER);
        }
        match is_again {
            true => self.used += count,
            false => self.stream.consume(count),
        }
    }
}

/// Why a member of a gzip file is damaged, if more of the file follows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DamagedMember(io::Error);

impl DamagedMember {
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl Gzip {
    fn new(stream: Stream) -> Self {
        let sought = Sought { stream, again: Vec::new(), used: 0, member: Some(Vec::new()) };
        Self { member: Some(GzDecoder::new(sought)), is_damaged: false }
    }

    /// Proceeds to the next member; returns whether there is one. Looks for it if the current one is damaged.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(member) = self.member.take() else { return Ok(false) };
        let mut stream = member.into_inner();
        if self.is_damaged {
            stream.go_back();
        }
        stream.member = None;
        let mut matched = 0;
        while self.is_damaged && matched < GZIP.len() {
            let chunk = fill(&mut stream)?;
            // The mark has no repetition, so a mismatch can only be its start.
            let skipped = if matched == 0 { memchr::memchr(0x1f, chunk).unwrap_or(chunk.len()) } else { 0 };
            let Some(byte) = chunk.get(skipped).copied() else {
                if chunk.is_empty() {
                    return Ok(false);
                }
                let used = chunk.len();
                stream.consume(used);
                continue;
            };
            matched = match GZIP.get(matched) {
                Some(mark) if *mark == byte => matched + 1,
                _ => usize::from(byte == 0x1f),
            };
            stream.consume(skipped + 1);
        }
        if std::mem::take(&mut self.is_damaged) {
            stream.unread_mark();
        } else if fill(&mut stream)?.is_empty() {
            return Ok(false);
        } else {
            stream.member = Some(Vec::new());
        }
        self.member = Some(GzDecoder::new(stream));
        Ok(true)
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_damaged {
            self.advance()?;
        }
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            match member.read(buffer) {
                Ok(0) if !buffer.is_empty() => drop(self.advance()?),
                Err(error)
                    if error.kind() != io::ErrorKind::UnexpectedEof
                        || member.get_ref().may_contain_another() =>
                {
                    self.is_damaged = true;
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
