//! Random access to a Parquet file, and a check of its page sizes.

use super::thrift;
use crate::files::Input;
use crate::read::settings::{Limits, bytes};
use crate::read::unpack::Counter;
use ::bytes::Bytes;
use parquet::basic::Type;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read for a page's header at first, and at most: its statistics may contain long values.
const HEAD: usize = 4 << 10;
const MAX_HEAD_BYTES: usize = 16 << 20;

/// Maximum bytes of a page. A value may be a book, and a page may hold many.
const MAX_PAGE_BYTES: i64 = 512 << 20;

/// Maximum values of a list column in a row group: all of them may be in one row.
const MAX_LISTED: i64 = 1 << 24;

/// A file read in parts, shared by the readers of pages and of metadata.
#[derive(Clone)]
pub(super) struct Chunks {
    file: Arc<Mutex<Box<dyn Input>>>,
    length: u64,
    counter: Arc<Counter>,
}

impl Chunks {
    pub(super) fn new(file: Box<dyn Input>, length: u64, counter: Arc<Counter>) -> Self {
        Self { file: Arc::new(Mutex::new(file)), length, counter }
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

    /// Checks that the pages of a column in a row group match its metadata and are within the limit. Reads only their headers.
    pub(super) fn check(
        &self,
        chunk: &ColumnChunkMetaData,
        rows: i64,
        limits: &Limits,
    ) -> std::result::Result<(), String> {
        let limit = MAX_PAGE_BYTES.max(i64::try_from(limits.record).unwrap_or(i64::MAX));
        let lists = chunk.column_descr().max_rep_level() > 0;
        if chunk.file_path().is_some() {
            return Err("is in another file".to_owned());
        }
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let end = start.checked_add(chunk.compressed_size());
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        let Some(end) = end.filter(|end| start >= 4 && chunk.compressed_size() >= 0 && *end <= length) else {
            return Err("is outside the file".to_owned());
        };
        let width = if chunk.column_type() == Type::INT64 { 8 } else { 4 };
        let mut place = start;
        let mut values = 0_i64;
        while place < end && values < chunk.num_values() {
            let page = self.head(place, end)?;
            if page.size < 0 || page.packed < 0 || page.values < 0 {
                return Err("has a page of negative size".to_owned());
            }
            if page.size > limit || page.packed > limit {
                return Err(format!(
                    "has a page of {} bytes, more than {}; write it with smaller pages",
                    page.size.max(page.packed),
                    bytes(limit as u64)
                ));
            }
            if page.dictionary && page.values > page.size / width {
                return Err("has a dictionary with more entries than fit in it".to_owned());
            }
            if page.data {
                values = values.saturating_add(page.values);
            }
            place = place.saturating_add(page.head as i64).saturating_add(page.packed);
        }
        if place > end {
            return Err("has a page that extends past its end".to_owned());
        }
        if values != chunk.num_values() {
            return Err(format!("states {} values, but its pages have {values}", chunk.num_values()));
        }
        if !lists && values != rows {
            return Err(format!("holds {values} values for {rows} rows"));
        }
        if lists && values > MAX_LISTED {
            return Err(format!(
                "holds {values} values in lists in one row group, more than {MAX_LISTED}; write smaller row groups"
            ));
        }
        Ok(())
    }

    fn head(&self, place: i64, end: i64) -> std::result::Result<thrift::PageHead, String> {
        let left = usize::try_from(end - place).unwrap_or_default();
        let mut window = HEAD;
        loop {
            let length = window.min(left);
            let place = u64::try_from(place).unwrap_or_default();
            let head = self.read(place, length).map_err(|error| error.to_string())?;
            match thrift::page(&head) {
                Ok(page) => return Ok(page),
                Err(_) if length < left && window < MAX_HEAD_BYTES => window *= 4,
                Err(_) => return Err(format!("has a broken page at byte {place}")),
            }
        }
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
