//! Random access to a Parquet file, and to a column in it, whose pages are measured before the library unpacks them.

use super::thrift::{self, PageHeader};
use crate::files::Input;
use crate::read::settings::{Limits, bytes};
use crate::read::unpack::Counter;
use crate::read::work::worked;
use ::bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read at a time for page headers.
const HEAD: usize = 4 << 10;

/// Maximum bytes of a page header, which contains the column's least and greatest values.
const MAX_HEADER_BYTES: usize = 64 << 20;

/// An LZ4 frame's first bytes, its maximum expansion, and the most it may unpack to, since it is not measured.
const LZ4_FRAME: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
const LZ4_EXPANSION: u64 = 255;
const MAX_LZ4_FRAME: u64 = 1 << 30;

/// A file read in parts, shared by the readers of pages and of metadata.
#[derive(Clone)]
pub(super) struct Chunks {
    file: Arc<Mutex<Box<dyn Input>>>,
    length: u64,
    counter: Arc<Counter>,
    limits: Limits,
    /// Bytes of the pages unpacked so far.
    unpacked: Arc<AtomicU64>,
}

impl Chunks {
    pub(super) fn new(file: Box<dyn Input>, length: u64, counter: Arc<Counter>, limits: Limits) -> Self {
        Self { file: Arc::new(Mutex::new(file)), length, counter, limits, unpacked: Arc::default() }
    }

    pub(super) fn column(&self, codec: Compression) -> Column {
        Column { chunks: self.clone(), codec, page: Mutex::new(None) }
    }

    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))?;
        file.read(buffer)
    }

    pub(super) fn read(&self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        if place.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))?;
        let mut content = Vec::new();
        (&mut *file).take(length as u64).read_to_end(&mut content)?;
        if content.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(content)
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Window>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(HEAD, Window { chunks: self.clone(), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let content = self.read(start, length).map_err(|error| ParquetError::External(Box::new(error)))?;
        self.counter.add(length as u64);
        Ok(content.into())
    }
}

/// The pages of a column.
pub(super) struct Column {
    chunks: Chunks,
    codec: Compression,
    /// The last header, and the position of the data after it.
    page: Mutex<Option<(u64, PageHeader)>>,
}

impl Column {
    /// The header at a position; `None` if it is broken, which the library reports.
    fn header(&self, start: u64) -> Option<PageHeader> {
        let mut size = HEAD;
        loop {
            let mut bytes = Vec::new();
            let window = Window { chunks: self.chunks.clone(), place: start };
            window.take(size as u64).read_to_end(&mut bytes).ok()?;
            match thrift::page_header(&bytes) {
                Ok(header) => return Some(header),
                Err(thrift::SHORT) if bytes.len() == size && size < MAX_HEADER_BYTES => size *= 8,
                Err(_) => return None,
            }
        }
    }

    /// Checks that a page unpacks to the size that it states. Only GZIP and LZ4 frames can exceed it in the library.
    fn check(&self, data: &[u8], page: Option<PageHeader>) -> Result<()> {
        let page = page.unwrap_or(PageHeader { unpacked: u64::MAX - 1, ..PageHeader::default() });
        let packed =
            usize::try_from(page.levels).ok().and_then(|levels| data.get(levels..)).unwrap_or_default();
        let most = page.unpacked.saturating_sub(page.levels).min(self.chunks.limits.most(self.chunks.length));
        let is_larger = match self.codec {
            _ if page.is_plain => false,
            Compression::GZIP(_) => {
                let mut unpacked = MultiGzDecoder::new(packed).take(most + 1);
                // A broken page is met again.
                io::copy(&mut unpacked, &mut io::sink()).ok();
                unpacked.limit() == 0
            }
            Compression::LZ4 => {
                packed.starts_with(LZ4_FRAME) && packed.len() as u64 * LZ4_EXPANSION > MAX_LZ4_FRAME.max(most)
            }
            _ => false,
        };
        if is_larger {
            return Err(ParquetError::General("a page unpacks to more than its header states".to_owned()));
        }
        Ok(())
    }
}

impl Length for Column {
    fn len(&self) -> u64 {
        self.chunks.length
    }
}

impl ChunkReader for Column {
    type T = BufReader<Window>;

    /// The library reads a header from here, or nothing if it has it already.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        if page.is_none_or(|(data, _)| data != start) {
            *page = self.header(start).map(|header| (start + header.length, header));
            let unpacked = page.map_or(0, |(_, header)| header.unpacked);
            let limit = self.chunks.limits.page;
            if unpacked > limit {
                let reason = format!(
                    "has a page of more than {}; write smaller row groups, or raise reading.limits.page",
                    bytes(limit)
                );
                return Err(ParquetError::General(reason));
            }
            let before = self.chunks.unpacked.fetch_add(unpacked, Ordering::Relaxed);
            let sum = before.saturating_add(unpacked);
            self.chunks.limits.check_expansion(self.chunks.length, sum).map_err(ParquetError::General)?;
        }
        self.chunks.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let page = *self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let data = self.chunks.get_bytes(start, length)?;
        self.check(&data, page.filter(|(at, _)| *at == start).map(|(_, header)| header))?;
        worked(length);
        Ok(data)
    }
}

/// A reader with its own position, independent of other readers of the file.
pub(super) struct Window {
    chunks: Chunks,
    place: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.chunks.read_at(self.place, buffer)?;
        self.place += count as u64;
        Ok(count)
    }
}
