//! Imports a GGUF file: keys and vocabulary, then tensors, a few rows at a time. Other programs may write the file meanwhile, so it is not
//! mapped.

use super::architectures::{ARCHITECTURE_KEY, ARCHITECTURES, Architecture, DIVISORS, Divisors};
use super::facts::Facts;
use super::{GgmlType, Gguf, MAGIC, StoredTensor, dequantise, vocabulary};
use crate::found::{Looked, Weights, read_at};
use crate::tensors::{Parameters, Tensor, matched};
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::ModelConfig;
use glasshouse_text::tokenizer::TokenizerFiles;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Advice for files with inconsistent keys and tensors.
const CONVERT_AGAIN: &str = "convert the model again, or use a file from another source";

/// First bytes of a file read in search of its head, and most; a vocabulary takes a few MB.
const FIRST_BYTES: u64 = 4 << 20;
const MAX_HEAD_BYTES: u64 = 1 << 28;

/// Whether a path is a GGUF file, by its first bytes or its extension (a damaged file).
pub fn is_gguf(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == MAGIC
        || path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

/// The tensors of a file, in the architecture's order.
#[derive(Debug)]
struct FileWeights {
    path: PathBuf,
    tensors: Vec<TensorLocation>,
}

#[derive(Debug)]
struct TensorLocation {
    start: usize,
    bytes: usize,
    ty: GgmlType,
    /// Rows of a matrix, entries of a vector.
    rows: usize,
}

impl Weights for FileWeights {
    fn bytes(&self, tensor: usize) -> u64 {
        self.tensors[tensor].bytes as u64
    }

    fn ty(&self, tensor: usize) -> Option<GgmlType> {
        Some(self.tensors[tensor].ty)
    }

    fn read(
        &self,
        tensor: usize,
        wanted: Range<usize>,
        floats: &mut [f32],
        blocks: &mut Vec<u8>,
    ) -> Result<()> {
        let TensorLocation { start, bytes, ty, rows } = self.tensors[tensor];
        // A vector is read whole; its entries are stored in blocks, like those of a row.
        let (skipped, bytes) = match wanted.len() == rows {
            true => (0, bytes),
            false => {
                let row_bytes = bytes / rows;
                (wanted.start * row_bytes, wanted.len() * row_bytes)
            }
        };
        let start = (start + skipped) as u64;
        // GGUF is little-endian, like every target.
        blocks.resize(bytes, 0);
        read_at(&self.path, start, blocks)?;
        dequantise(ty, blocks, floats);
        Ok(())
    }
}

/// Reads a file, except for its weights. Fails if the file is damaged; a setting, quantization or vocabulary is not supported; or tensors
/// are missing, unexpected or misshapen. The error names them.
pub(crate) fn look(path: &Path) -> Result<Looked> {
    let (head, length) = head(path)?;
    let file = Gguf::parse(path, &head, length).map_err(|reason| Error::bad_file(path, reason))?;
    let (architecture, model, notices, tensors, tokenizer) = described(path, &file)?;
    let (tensors, places) = tensors.into_iter().unzip();
    let weights = Box::new(FileWeights { path: path.to_owned(), tensors: places });
    Ok(Looked { family: architecture.family()?, dtype: None, model, notices, tokenizer, tensors, weights })
}

type Described =
    (&'static Architecture, ModelConfig, Vec<String>, Vec<(Tensor, TensorLocation)>, TokenizerFiles);

/// A file's first bytes, with its whole head unless that is damaged, and the file's length.
fn head(path: &Path) -> Result<(Vec<u8>, u64)> {
    let length = files::metadata(path).map_err(Error::io(path))?.len();
    let most = length.min(MAX_HEAD_BYTES);
    let mut size = FIRST_BYTES.min(most);
    loop {
        let mut bytes = vec![0; size as usize];
        read_at(path, 0, &mut bytes)?;
        if size == most || Gguf::parse(path, &bytes, length).is_ok() {
            return Ok((bytes, length));
        }
        size = (size * 4).min(most);
    }
}

/// Everything in a file except its weights.
fn described(path: &Path, file: &Gguf<'_>) -> Result<Described> {
    let metadata = file.metadata();
    let bad = |reason: String| Error::bad_file(path, reason);
    let name = metadata.text(ARCHITECTURE_KEY).map_err(bad)?.unwrap_or_default();
    let architecture = Architecture::named(name).ok_or_else(|| {
        let known = ARCHITECTURES.map(|architecture| architecture.name).join(", ");
        bad(format!("its {ARCHITECTURE_KEY} is `{name}`; these can be imported: {known}"))
    })?;
    if let Some(parts) = metadata.count("split.count").map_err(bad)?.filter(|parts| *parts > 1) {
        return Err(bad(format!(
            "it is one of the {parts} files of a split model; join them with `llama-gguf-split --merge`"
        )));
    }
    let shapes =
        file.tensors().iter().map(|tensor| (&*tensor.info.name, tensor.info.shape.as_slice())).collect();
    let mut facts = Facts::new(path, architecture.name, metadata, shapes, divisors(file)?);
    let model = architecture.read(&mut facts)?;
    facts.expect_known()?;
    let notices = vocabulary::notice(metadata).map_err(bad)?.into_iter().collect();
    let tensors = places(architecture, &model, file)?;
    let tokenizer = vocabulary::tokenizer(file)?;
    Ok((architecture, model, notices, tensors, tokenizer))
}

/// The file's tensors of divisors of the rotary angles.
fn divisors(file: &Gguf<'_>) -> Result<Divisors> {
    let stored = DIVISORS.into_iter().filter_map(|name| Some((name, file.tensor(name)?)));
    let read = |(name, tensor): (_, &StoredTensor<'_>)| {
        let mut bytes = vec![0; tensor.place.len()];
        read_at(file.path(), tensor.place.start as u64, &mut bytes)?;
        // Their number is bounded by that of the bytes.
        let mut floats = vec![0.0; tensor.info.rows() * tensor.info.columns()];
        dequantise(tensor.info.ty, &bytes, &mut floats);
        Ok((name, floats))
    };
    stored.map(read).collect()
}

/// Matches the architecture's tensors with the file's.
fn places(
    architecture: &Architecture,
    model: &ModelConfig,
    file: &Gguf<'_>,
) -> Result<Vec<(Tensor, TensorLocation)>> {
    let mut left: BTreeSet<&str> = file.tensors().iter().map(|tensor| &*tensor.info.name).collect();
    for (name, _) in architecture.divisors(model) {
        left.remove(name);
    }
    let find = |tensor: &Tensor| {
        let stored = file.tensor(&tensor.name)?;
        let place = TensorLocation {
            start: stored.place.start,
            bytes: stored.place.len(),
            ty: stored.info.ty,
            rows: tensor.shape.first().copied().unwrap_or(1),
        };
        Some((&*stored.info.name, &*stored.info.shape, place))
    };
    let tensors = architecture.tensors(model, &Parameters::new(model)?);
    matched(tensors, left, find, ["the metadata", architecture.name, CONVERT_AGAIN])
        .map_err(|reason| Error::bad_file(file.path(), reason))
}
