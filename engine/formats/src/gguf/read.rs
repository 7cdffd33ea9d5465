//! Reads a GGUF file's head, and its tensors as slices.

use super::cursor::{Cursor, Reading};
use super::metadata::Metadata;
use super::tensor::{TensorInfo, type_of};
use super::value::{Kind, Value};
use super::{MAGIC, MAX_DIMENSIONS, VERSION, dequantise};
use glasshouse_platform::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The oldest version with 64-bit counts.
const MIN_VERSION: u32 = 2;
/// Maximum keys and tensors; published files have hundreds of keys and thousands of tensors.
const MAX_ENTRIES: u64 = 1 << 16;
/// Maximum bytes of a key or tensor name.
const MAX_NAME_BYTES: usize = (1 << 16) - 1;
/// Minimum bytes of a key with its value: a length, a type, a byte.
const MIN_KEY_BYTES: u64 = 8 + 4 + 1;
/// Minimum bytes of a tensor in the head: a length, the number of dimensions, one of them, a type, an offset.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 8 + 4 + 8;

/// A file's metadata and tensors, borrowed from its bytes.
#[derive(Debug)]
pub struct Gguf<'file> {
    path: PathBuf,
    metadata: Metadata<'file>,
    tensors: Vec<StoredTensor<'file>>,
    places: HashMap<&'file str, usize>,
}

#[derive(Debug)]
pub struct StoredTensor<'file> {
    pub info: TensorInfo<'file>,
    /// Byte range in the file.
    pub(super) place: Range<usize>,
    /// Empty if only the head was read.
    bytes: &'file [u8],
}

impl<'file> Gguf<'file> {
    /// Reads the head of a file without touching the weights; `path` is for messages. [`Error::BadFile`] names a key or tensor that is
    /// invalid, truncated, duplicate, misplaced, or of an unsupported type.
    pub fn read(path: &Path, bytes: &'file [u8]) -> Result<Self> {
        Self::parse(path, bytes, bytes.len() as u64).map_err(|reason| Error::bad_file(path, reason))
    }

    /// Reads the head of a file of `length` bytes, of which `bytes` are the first.
    pub(super) fn parse(path: &Path, bytes: &'file [u8], length: u64) -> Reading<Self> {
        let mut cursor = Cursor::new(bytes);
        check_version(&mut cursor)?;
        let (tensors, keys) = (cursor.u64()?, cursor.u64()?);
        for (count, least, what) in
            [(keys, MIN_KEY_BYTES, "metadata keys"), (tensors, MIN_TENSOR_BYTES, "tensors")]
        {
            cursor.expect(count, least, what)?;
            if count > MAX_ENTRIES {
                return Err(format!("it has {count} {what}; at most {MAX_ENTRIES} are allowed"));
            }
        }
        let mut metadata = Metadata::new();
        for number in 0..keys {
            let key = name(&mut cursor).map_err(|reason| format!("metadata key {number}: {reason}"))?;
            let value = Kind::read(&mut cursor).and_then(|kind| Value::read(&mut cursor, kind, 0));
            metadata.push(key, value.map_err(|reason| format!("metadata {key}: {reason}"))?)?;
        }
        let alignment = metadata.alignment()?;
        let mut infos = Vec::new();
        for number in 0..tensors {
            infos.push(info(&mut cursor).map_err(|(name, reason)| match name {
                Some(name) => format!("tensor {name}: {reason}"),
                None => format!("tensor {number}: {reason}"),
            })?);
        }
        // A file without tensors may end after its head.
        let begin = (cursor.at() as u64).checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        let data = begin.min(length)..length;
        let tensors = infos
            .into_iter()
            .map(|(info, offset)| {
                let place = place(&info, offset, alignment, &data)
                    .map_err(|reason| format!("tensor {}: {reason}", info.name))?;
                let bytes = bytes.get(place.clone()).unwrap_or_default();
                Ok(StoredTensor { info, place, bytes })
            })
            .collect::<Reading<Vec<_>>>()?;
        check_apart(&tensors)?;
        let places = places(&tensors)?;
        Ok(Self { path: path.to_owned(), metadata, tensors, places })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn metadata(&self) -> &Metadata<'file> {
        &self.metadata
    }

    /// All tensors, in the order of the head.
    pub fn tensors(&self) -> &[StoredTensor<'file>] {
        &self.tensors
    }

    pub fn tensor(&self, name: &str) -> Option<&StoredTensor<'file>> {
        self.places.get(name).and_then(|at| self.tensors.get(*at))
    }
}

impl<'file> StoredTensor<'file> {
    pub fn bytes(&self) -> &'file [u8] {
        self.bytes
    }

    /// The weights, row by row.
    pub fn floats(&self) -> Vec<f32> {
        // Their number is bounded by that of the bytes.
        let mut floats = vec![0.0; self.info.rows() * self.info.columns()];
        dequantise(self.info.ty, self.bytes, &mut floats);
        floats
    }
}

fn check_version(cursor: &mut Cursor<'_>) -> Reading<()> {
    if cursor.array().ok() != Some(MAGIC) {
        let reason =
            "this is not a GGUF file: it does not begin with the letters GGUF; choose another .gguf file";
        return Err(reason.to_owned());
    }
    match cursor.u32()? {
        MIN_VERSION..=VERSION => Ok(()),
        version if (MIN_VERSION..=VERSION).contains(&version.swap_bytes()) => {
            Err("it is stored big-endian; convert it for a little-endian machine".to_owned())
        }
        version if version < MIN_VERSION => Err(format!(
            "its GGUF version is {version}; {MIN_VERSION} to {VERSION} are supported: convert it again"
        )),
        _ => Err(format!("it is damaged, or of a GGUF version after {VERSION}; choose another .gguf file")),
    }
}

fn name<'file>(cursor: &mut Cursor<'file>) -> Reading<&'file str> {
    let name = cursor.string()?;
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_NAME_BYTES} are allowed", name.len()));
    }
    Ok(name)
}

/// Reads a tensor's entry in the head, and its offset. Errors include the name, if it could be read.
fn info<'file>(cursor: &mut Cursor<'file>) -> Result<(TensorInfo<'file>, u64), (Option<&'file str>, String)> {
    let name = name(cursor).map_err(|reason| (None, reason))?;
    let mut rest = || {
        let dimensions = cursor.u32()? as usize;
        if dimensions > MAX_DIMENSIONS {
            return Err(format!("it has {dimensions} dimensions; 1 to {MAX_DIMENSIONS} are allowed"));
        }
        let mut shape = (0..dimensions)
            .map(|_| {
                let size = cursor.u64()?;
                usize::try_from(size).map_err(|_| format!("a dimension of {size} is larger than any memory"))
            })
            .collect::<Reading<Vec<_>>>()?;
        shape.reverse();
        let ty = type_of(cursor.u32()?)?;
        Ok((TensorInfo { name: Cow::Borrowed(name), shape, ty }, cursor.u64()?))
    };
    rest().map_err(|reason| (Some(name), reason))
}

/// The byte range in the file of a tensor at an offset in `data`.
fn place(info: &TensorInfo<'_>, offset: u64, alignment: u64, data: &Range<u64>) -> Reading<Range<usize>> {
    let size = info.bytes()?;
    if !offset.is_multiple_of(alignment) {
        return Err(format!("its offset {offset} is not a multiple of the alignment {alignment}"));
    }
    let place = data.start.checked_add(offset).and_then(|start| Some(start..start.checked_add(size)?));
    place
        .filter(|place| place.end <= data.end)
        .and_then(|place| Some(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?))
        .ok_or_else(|| {
            let there = data.end - data.start;
            format!("its {size} bytes from offset {offset} exceed the {there} bytes of weights; is the file truncated?")
        })
}

/// Fails if tensors overlap.
fn check_apart(tensors: &[StoredTensor<'_>]) -> Reading<()> {
    let mut ordered: Vec<_> = tensors.iter().collect();
    ordered.sort_unstable_by_key(|tensor| tensor.place.start);
    for pair in ordered.windows(2) {
        if let [one, other] = pair
            && one.place.end > other.place.start
        {
            return Err(format!("tensor {}: it shares bytes with tensor {}", other.info.name, one.info.name));
        }
    }
    Ok(())
}

fn places<'file>(tensors: &[StoredTensor<'file>]) -> Reading<HashMap<&'file str, usize>> {
    let mut places = HashMap::with_capacity(tensors.len());
    for (at, tensor) in tensors.iter().enumerate() {
        // Names read from a file are borrowed.
        if let Cow::Borrowed(name) = tensor.info.name
            && places.insert(name, at).is_some()
        {
            return Err(format!("tensor {name}: the name occurs twice"));
        }
    }
    Ok(places)
}
