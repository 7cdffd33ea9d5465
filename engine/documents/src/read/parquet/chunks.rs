//! Random access to a Parquet file.

use crate::files::Input;
use crate::read::unpack::Counter;
use ::bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, BufReader, Read, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read at a time for page headers.
const HEAD: usize = 4 << 10;

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
