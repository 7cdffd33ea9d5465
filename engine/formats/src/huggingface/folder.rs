//! The tensors of a Hugging Face folder: `model.safetensors`, or the shards listed in `model.safetensors.index.json`. Headers are
//! read and validated first; tensors are read on demand, a few rows at a time, so that memory holds only the floats needed.

use crate::TAKE_AGAIN;
use crate::found::read_at;
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result, storage};
use glasshouse_protocol::{FloatFormat, order};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Maximum size of `config.json`, index and header; headers of the largest published models have about 10 MB.
pub const MAX_JSON_BYTES: u64 = 64 << 20;

/// A tensor in one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    file: usize,
    pub shape: Vec<usize>,
    dtype: Dtype,
    start: u64,
}

/// The type in a safetensors header.
pub fn dtype(format: FloatFormat) -> Dtype {
    match format {
        FloatFormat::F32 => Dtype::F32,
        FloatFormat::F16 => Dtype::F16,
        FloatFormat::Bf16 => Dtype::BF16,
    }
}

fn format_of(dtype: Dtype) -> std::result::Result<FloatFormat, String> {
    match dtype {
        Dtype::F32 => Ok(FloatFormat::F32),
        Dtype::F16 => Ok(FloatFormat::F16),
        Dtype::BF16 => Ok(FloatFormat::Bf16),
        other => Err(format!("is stored as {other:?}: store it as F32, F16 or BF16, which can be read")),
    }
}

/// Converts floats to bytes; `bits16` is a buffer for 16-bit formats.
pub fn encode<'all>(format: FloatFormat, floats: &'all [f32], bits16: &'all mut Vec<u16>) -> &'all [u8] {
    bits16.resize(floats.len(), 0);
    match format {
        // safetensors is little-endian, like every target.
        FloatFormat::F32 => return bytemuck::cast_slice(floats),
        FloatFormat::Bf16 => bytemuck::cast_slice_mut::<u16, bf16>(bits16).convert_from_f32_slice(floats),
        FloatFormat::F16 => bytemuck::cast_slice_mut::<u16, f16>(bits16).convert_from_f32_slice(floats),
    }
    bytemuck::cast_slice(bits16)
}

impl Stored {
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn bytes(&self) -> u64 {
        (self.count() * self.dtype.bitsize() / 8) as u64
    }

    pub fn format(&self) -> Option<FloatFormat> {
        format_of(self.dtype).ok()
    }

    /// Checks that the entries are floats of a supported format. The error describes the actual type.
    pub fn check(&self) -> std::result::Result<(), String> {
        format_of(self.dtype).map(drop)
    }
}

#[derive(Debug)]
pub struct Folder {
    files: Vec<PathBuf>,
    pub tensors: BTreeMap<String, Stored>,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct TensorIndex {
    weight_map: BTreeMap<String, String>,
}

impl TensorIndex {
    fn read(path: &Path) -> Result<Self> {
        let index: Self = read_json(path)?;
        match index.weight_map.values().find(|shard| !is_shard(shard)) {
            Some(shard) => {
                let reason =
                    format!("`{shard}` is not the name of a safetensors file next to it; {TAKE_AGAIN}");
                Err(Error::bad_file(path, reason))
            }
            None => Ok(index),
        }
    }

    fn shards(&self) -> Vec<&String> {
        order::distinct(self.weight_map.values())
    }
}

/// Maximum number of shards; the largest published models have about two hundred.
const MAX_SHARDS: usize = 4096;

/// The files listed in an index. Fails if the index is damaged, or lists something other than a safetensors file in its folder.
pub fn shards_of(index: &Path) -> Result<Vec<String>> {
    let shards: Vec<String> = TensorIndex::read(index)?.shards().into_iter().cloned().collect();
    if shards.len() > MAX_SHARDS {
        return Err(Error::bad_file(
            index,
            format!("{} shards are too many for a model; {TAKE_AGAIN}", shards.len()),
        ));
    }
    Ok(shards)
}

impl Folder {
    /// Reads the headers of a folder's safetensors: `stem.safetensors`, or the shards of its index. For a model, `stem` is `model`. Fails
    /// if there are no safetensors, a shard is missing, or a file is damaged; the error names it. Pickled weights are never opened.
    pub fn open(folder: &Path, stem: &str) -> Result<Self> {
        let whole = folder.join(format!("{stem}.safetensors"));
        let index = folder.join(format!("{stem}.safetensors.index.json"));
        if files::is_file(&whole) {
            let mut read = Self { files: Vec::new(), tensors: BTreeMap::new() };
            read.add(whole)?;
            return Ok(read);
        }
        if !files::is_file(&index) {
            return Err(Error::bad_file(folder, no_weights(folder, stem)));
        }
        let listed = TensorIndex::read(&index)?;
        let shards = listed.shards();
        let missing: Vec<&str> = shards
            .iter()
            .filter(|shard| !files::is_file(&folder.join(shard)))
            .map(|shard| shard.as_str())
            .collect();
        if !missing.is_empty() {
            let reason = format!(
                "{} of its {} shards are missing: {}; {TAKE_AGAIN}",
                missing.len(),
                shards.len(),
                missing.join(", ")
            );
            return Err(Error::bad_file(index, reason));
        }
        let mut read = Self { files: Vec::new(), tensors: BTreeMap::new() };
        for shard in shards {
            read.add(folder.join(shard))?;
        }
        for (name, shard) in &listed.weight_map {
            let found = read.tensors.get(name).map(|tensor| &read.files[tensor.file]);
            if found != Some(&folder.join(shard)) {
                let reason = format!("{name} is not in {shard}, where it is listed; {TAKE_AGAIN}");
                return Err(Error::bad_file(index, reason));
            }
        }
        Ok(read)
    }

    fn add(&mut self, path: PathBuf) -> Result<()> {
        let bad = |reason: String| Error::bad_file(&path, format!("{reason}; {TAKE_AGAIN}"));
        let length = files::metadata(&path).map_err(Error::io(&path))?.len();
        let mut file = File::open(&path).map_err(Error::io(&path))?;
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|_| bad("too short for a safetensors file".to_owned()))?;
        let size = u64::from_le_bytes(size);
        if size > MAX_JSON_BYTES || size > length.saturating_sub(8) {
            return Err(bad(format!(
                "a header of {size} bytes in a file of {length}: not a safetensors file, or truncated"
            )));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(Error::io(&path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| bad(format!("not a safetensors file: {error}")))?;
        let data = metadata.data_len() as u64;
        if length - 8 - size != data {
            return Err(bad(format!(
                "{} bytes of tensors, but its header describes {data}: truncated or damaged",
                length - 8 - size
            )));
        }
        let number = self.files.len();
        for (name, info) in metadata.tensors() {
            let start = 8 + size + info.data_offsets.0 as u64;
            let stored = Stored { file: number, shape: info.shape.clone(), dtype: info.dtype, start };
            if self.tensors.insert(name.clone(), stored).is_some() {
                return Err(bad(format!("{name} is in two files")));
            }
        }
        self.files.push(path);
        Ok(())
    }

    /// Reads rows of a tensor (entries of a vector) into `floats`.
    pub fn read(&self, tensor: &Stored, rows: Range<usize>, floats: &mut [f32]) -> Result<()> {
        let path = &self.files[tensor.file];
        let format = format_of(tensor.dtype).map_err(|reason| Error::bad_file(path, reason))?;
        let columns: usize = tensor.shape.iter().skip(1).product();
        let start = tensor.start + (rows.start * columns * format.width()) as u64;
        // safetensors is little-endian, like every target.
        if format == FloatFormat::F32 {
            return read_at(path, start, bytemuck::cast_slice_mut(floats));
        }
        let mut bits16 = vec![0_u16; floats.len()];
        read_at(path, start, bytemuck::cast_slice_mut(&mut bits16))?;
        match format {
            FloatFormat::Bf16 => bytemuck::cast_slice::<u16, bf16>(&bits16).convert_to_f32_slice(floats),
            _ => bytemuck::cast_slice::<u16, f16>(&bits16).convert_to_f32_slice(floats),
        }
        Ok(())
    }
}

/// Reads a JSON file of limited size.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    storage::read_json(path, MAX_JSON_BYTES).map_err(|error| match error {
        Error::BadFile { path, reason } => {
            Error::bad_file(path, format!("cannot be read: {reason}; {TAKE_AGAIN}"))
        }
        other => other,
    })
}

/// Whether a name is a plain safetensors file name.
fn is_shard(name: &str) -> bool {
    let strange = |letter: char| letter.is_control() || ['/', '\\', ':'].contains(&letter);
    name.ends_with(".safetensors") && !name.contains(strange)
}

/// Error message for a folder without safetensors.
fn no_weights(folder: &Path, stem: &str) -> String {
    let names = files::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    order::sort(&mut names);
    let pickled = |name: &&String| {
        [".bin", ".pt", ".pth", ".ckpt"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
    };
    let shard = names.iter().find(|name| is_shard(name) && name.starts_with(&format!("{stem}-")));
    match (shard, names.iter().find(pickled)) {
        (Some(name), _) => format!(
            "it has the part {name}, but no {stem}.safetensors.index.json, which lists the parts: get all files from its source"
        ),
        (None, Some(name)) => format!(
            "it has no {stem}.safetensors, and {name} is pickled, which can run any code when it is opened: convert it with \
             `save_pretrained(..., safe_serialization=True)` at its source"
        ),
        (None, None) => {
            format!("it has no {stem}.safetensors and no {stem}.safetensors.index.json; {TAKE_AGAIN}")
        }
    }
}
