//! Writes a GGUF file: the head, then the tensors, quantised piece by piece.

use super::array::Item as _;
use super::cursor::Reading;
use super::metadata::Metadata;
use super::tensor::TensorInfo;
use super::{GgmlType, MAGIC, VERSION, quantise};
use glasshouse_platform::{Error, Result};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Entries quantised at a time: whole blocks of every type.
const PIECE: usize = 1 << 16;

/// A file's head with its padding, and the file's size.
struct FileHead {
    bytes: Vec<u8>,
    alignment: u64,
    file_size: u64,
}

impl FileHead {
    fn new(metadata: &Metadata<'_>, tensors: &[TensorInfo<'_>]) -> Reading<Self> {
        let alignment = metadata.alignment()?;
        let mut bytes = MAGIC.to_vec();
        VERSION.put(&mut bytes);
        (tensors.len() as u64).put(&mut bytes);
        (metadata.entries().len() as u64).put(&mut bytes);
        for (key, value) in metadata.entries() {
            (&**key).put(&mut bytes);
            value.put(&mut bytes);
        }
        let mut offset = 0_u64;
        let mut names = HashSet::new();
        for info in tensors {
            let refused = |reason| format!("tensor {}: {reason}", info.name);
            if !names.insert(&info.name) {
                return Err(refused("the name occurs twice".to_owned()));
            }
            let size = info.bytes().map_err(refused)?;
            (&*info.name).put(&mut bytes);
            (info.shape.len() as u32).put(&mut bytes);
            for size in info.shape.iter().rev() {
                (*size as u64).put(&mut bytes);
            }
            info.ty.number().put(&mut bytes);
            offset.put(&mut bytes);
            offset = offset
                .checked_add(size)
                .and_then(|end| end.checked_next_multiple_of(alignment))
                .ok_or_else(|| refused("the file would be too large".to_owned()))?;
        }
        let aligned = (bytes.len() as u64).next_multiple_of(alignment);
        bytes.resize(aligned as usize, 0);
        Ok(Self { alignment, file_size: aligned.saturating_add(offset), bytes })
    }
}

/// Size in bytes of a file with these contents. Fails if a tensor's shape or type cannot be written (see [`Writer::begin`]).
pub fn size(metadata: &Metadata<'_>, tensors: &[TensorInfo<'_>]) -> Result<u64> {
    FileHead::new(metadata, tensors).map(|head| head.file_size).map_err(Error::Refused)
}

/// Writes a file sequentially. It buffers internally, so `W` should be unbuffered.
pub struct Writer<'info, W> {
    path: PathBuf,
    to: W,
    alignment: u64,
    tensors: std::slice::Iter<'info, TensorInfo<'info>>,
    /// The current tensor, and its number of missing entries.
    current: Option<(&'info TensorInfo<'info>, u64)>,
    written: u64,
    piece: Vec<u8>,
}

impl<'info, W: Write> Writer<'info, W> {
    /// Writes the head of a file with these keys and tensors; `path` is for messages. Fails if a tensor's shape or type cannot be written,
    /// two tensors have the same name, or writing fails.
    pub fn begin(
        path: &Path,
        mut to: W,
        metadata: &Metadata<'_>,
        tensors: &'info [TensorInfo<'info>],
    ) -> Result<Self> {
        let head = FileHead::new(metadata, tensors).map_err(Error::Refused)?;
        to.write_all(&head.bytes).map_err(Error::io(path))?;
        let (path, alignment) = (path.to_owned(), head.alignment);
        let mut writer = Self {
            path,
            to,
            alignment,
            tensors: tensors.iter(),
            current: None,
            written: 0,
            piece: Vec::new(),
        };
        writer.begin_tensor();
        Ok(writer)
    }

    /// The tensor to write next; `None` after the last.
    pub fn next(&self) -> Option<&'info TensorInfo<'info>> {
        self.current.map(|(info, _)| info)
    }

    /// Quantises and writes entries of the current tensor in row order: all of them, or some whole blocks. Fails if writing fails;
    /// [`Error::Internal`] if there are too many entries, or partial blocks.
    pub fn write(&mut self, entries: &[f32]) -> Result<()> {
        let ty = self.take(entries.len())?;
        if !ty.is_written() {
            return Err(Error::Internal(format!("weights cannot be converted to {ty}")));
        }
        for entries in entries.chunks(PIECE) {
            self.piece.clear();
            quantise(ty, entries, &mut self.piece);
            self.written += self.piece.len() as u64;
            self.to.write_all(&self.piece).map_err(Error::io(&self.path))?;
        }
        self.end_if_whole()
    }

    /// Like [`Self::write`], for blocks of the tensor's type. Fails as [`Self::write`] does.
    pub fn write_blocks(&mut self, blocks: &[u8]) -> Result<()> {
        let ty = self.current.map_or(GgmlType::F32, |(info, _)| info.ty);
        self.take(blocks.len() / ty.block_bytes() * ty.block())?;
        self.written += blocks.len() as u64;
        self.to.write_all(blocks).map_err(Error::io(&self.path))?;
        self.end_if_whole()
    }

    /// Counts entries of the current tensor, whose type it returns.
    fn take(&mut self, count: usize) -> Result<GgmlType> {
        let fitting = self
            .current
            .filter(|(info, left)| count as u64 <= *left && count.is_multiple_of(info.ty.block()));
        let Some((info, left)) = fitting else {
            let now = self.current.map(|(info, left)| (&info.name, left));
            return Err(Error::Internal(format!("{count} entries to write, where {now:?} is next")));
        };
        self.current = Some((info, left - count as u64));
        Ok(info.ty)
    }

    /// Completes the file and returns the writer, for the caller to sync. Fails if writing fails; [`Error::Internal`] if entries are
    /// missing.
    pub fn finish(mut self) -> Result<W> {
        if let Some((info, left)) = self.current {
            return Err(Error::Internal(format!("{left} entries of {} were not written", info.name)));
        }
        self.to.flush().map_err(Error::io(&self.path))?;
        Ok(self.to)
    }

    fn begin_tensor(&mut self) {
        let entries = |info: &TensorInfo<'_>| info.rows() as u64 * info.columns() as u64;
        self.current = self.tensors.next().map(|info| (info, entries(info)));
    }

    fn end_if_whole(&mut self) -> Result<()> {
        if self.current.is_none_or(|(_, left)| left > 0) {
            return Ok(());
        }
        let end = self.written.next_multiple_of(self.alignment);
        self.piece.clear();
        self.piece.resize((end - self.written) as usize, 0);
        self.to.write_all(&self.piece).map_err(Error::io(&self.path))?;
        self.written = end;
        self.begin_tensor();
        Ok(())
    }
}
