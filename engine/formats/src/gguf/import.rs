//! Imports a GGUF file: keys and vocabulary, then tensors, a few rows at a time. Other programs may write the file meanwhile, so it is not
//! mapped.

use super::architectures::{ARCHITECTURE_KEY, ARCHITECTURES, Architecture, DIVISORS, Divisors};
use super::cursor::Reading;
use super::facts::Facts;
use super::{GgmlType, Gguf, MAGIC, Metadata, StoredTensor, dequantise, vocabulary};
use crate::TAKE_AGAIN;
use crate::found::{Looked, Weights, read_at};
use crate::tensors::{Parameters, Tensor, matched};
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::ModelConfig;
use glasshouse_text::tokenizer::TokenizerFiles;
use std::collections::{BTreeSet, HashMap};
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

/// The tensors of a model's files, in the architecture's order.
#[derive(Debug)]
struct FileWeights {
    paths: Vec<PathBuf>,
    tensors: Vec<TensorLocation>,
}

#[derive(Debug)]
struct TensorLocation {
    file: usize,
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
        let TensorLocation { file, start, bytes, ty, rows } = self.tensors[tensor];
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
        read_at(&self.paths[file], start, blocks)?;
        dequantise(ty, blocks, floats);
        Ok(())
    }
}

/// Reads a file, or the first and the other files of a split model, except for their weights. Fails if a file is damaged or missing; a
/// setting, quantization or vocabulary is not supported; or tensors are missing, unexpected or misshapen. The error names them.
pub(crate) fn look(path: &Path) -> Result<Looked> {
    let (bytes, length) = head(path)?;
    let first = Gguf::parse(path, &bytes, length).map_err(|reason| Error::bad_file(path, reason))?;
    let paths = parts(path, first.metadata()).map_err(|reason| Error::bad_file(path, reason))?;
    let heads = paths.iter().skip(1).map(|path| head(path)).collect::<Result<Vec<_>>>()?;
    let mut files = vec![first];
    for (number, (path, (bytes, length))) in paths.iter().skip(1).zip(&heads).enumerate() {
        let bad = |reason| Error::bad_file(path, reason);
        let part = Gguf::parse(path, bytes, *length).map_err(bad)?;
        let [own, count] = [NUMBER_KEY, COUNT_KEY].map(|key| part.metadata().count(key));
        if (own, count) != (Ok(Some(number as u64 + 1)), Ok(Some(paths.len() as u64))) {
            return Err(bad(format!(
                "it is not part {} of {} of a split model, as its name says; {TAKE_AGAIN}",
                number + 2,
                paths.len()
            )));
        }
        files.push(part);
    }
    let (architecture, model, notices, tensors, tokenizer) = described(path, &files)?;
    let (tensors, places) = tensors.into_iter().unzip();
    let weights = Box::new(FileWeights { paths, tensors: places });
    Ok(Looked {
        family: architecture.family(&model)?,
        dtype: None,
        model,
        notices,
        tokenizer,
        tensors,
        weights,
    })
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

/// Keys of a split model: the number of a part, from 0 on, and of parts.
const NUMBER_KEY: &str = "split.no";
const COUNT_KEY: &str = "split.count";

/// The files of a model: the first, and those next to it that belong to it by their names.
fn parts(path: &Path, metadata: &Metadata<'_>) -> Reading<Vec<PathBuf>> {
    let count = metadata.count(COUNT_KEY)?.unwrap_or(1);
    let number = metadata.count(NUMBER_KEY)?.unwrap_or(0).saturating_add(1);
    if count <= 1 {
        return Ok(vec![path.to_owned()]);
    }
    let named = |number: u64| format!("-{number:05}-of-{count:05}.gguf");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(stem) = name.strip_suffix(&named(number)) else {
        return Err(format!("it is part {number} of a split model; its name must end in {}", named(number)));
    };
    let part = |number| path.with_file_name(format!("{stem}{}", named(number)));
    if number != 1 {
        return Err(format!("it is part {number} of {count} of a split model; import {stem}{}", named(1)));
    }
    // The first missing file ends the search.
    let missing = (2..=count).find(|number| !files::is_file(&part(*number)));
    match missing {
        None => Ok((1..=count).map(part).collect()),
        Some(number) => Err(format!(
            "it is part 1 of {count} of a split model, and {stem}{} is not next to it: get all parts, or join them with \
             `llama-gguf-split --merge`",
            named(number)
        )),
    }
}

/// Everything in a model's files except its weights.
fn described(path: &Path, files: &[Gguf<'_>]) -> Result<Described> {
    let [file, ..] = files else { return Err(Error::Internal("a model without files".to_owned())) };
    let metadata = file.metadata();
    let bad = |reason: String| Error::bad_file(path, reason);
    let name = metadata.text(ARCHITECTURE_KEY).map_err(bad)?.unwrap_or_default();
    let architecture = Architecture::named(name).ok_or_else(|| {
        let known = ARCHITECTURES.map(|architecture| architecture.name).join(", ");
        bad(format!("its {ARCHITECTURE_KEY} is `{name}`; these can be imported: {known}"))
    })?;
    let mut shapes = HashMap::new();
    for tensor in files.iter().flat_map(Gguf::tensors) {
        if shapes.insert(&*tensor.info.name, tensor.info.shape.as_slice()).is_some() {
            return Err(bad(format!("two of its parts have a tensor {}; {TAKE_AGAIN}", tensor.info.name)));
        }
    }
    let mut facts = Facts::new(path, architecture.name, metadata, shapes, divisors(files)?);
    let model = architecture.read(&mut facts)?;
    facts.expect_known()?;
    let notices = vocabulary::notices(metadata).map_err(bad)?;
    let tensors = places(architecture, &model, files)?;
    let tokenizer = vocabulary::tokenizer(file)?;
    Ok((architecture, model, notices, tensors, tokenizer))
}

/// The tensors of divisors of the rotary angles.
fn divisors(files: &[Gguf<'_>]) -> Result<Divisors> {
    let of = |name| files.iter().find_map(|file| Some((name, file, file.tensor(name)?)));
    let stored = DIVISORS.into_iter().filter_map(of);
    let read = |(name, file, tensor): (_, &Gguf<'_>, &StoredTensor<'_>)| {
        let mut bytes = vec![0; tensor.place.len()];
        read_at(file.path(), tensor.place.start as u64, &mut bytes)?;
        // Their number is bounded by that of the bytes.
        let mut floats = vec![0.0; tensor.info.rows() * tensor.info.columns()];
        dequantise(tensor.info.ty, &bytes, &mut floats);
        Ok((name, floats))
    };
    stored.map(read).collect()
}

/// Matches the architecture's tensors with those of the files.
fn places(
    architecture: &Architecture,
    model: &ModelConfig,
    files: &[Gguf<'_>],
) -> Result<Vec<(Tensor, TensorLocation)>> {
    let mut left: BTreeSet<&str> =
        files.iter().flat_map(Gguf::tensors).map(|tensor| &*tensor.info.name).collect();
    for (name, _) in architecture.divisors(model) {
        left.remove(name);
    }
    let find = |tensor: &Tensor| {
        let find = |(number, file): (usize, _)| Some((number, Gguf::tensor(file, &tensor.name)?));
        let (file, stored) = files.iter().enumerate().find_map(find)?;
        let place = TensorLocation {
            file,
            start: stored.place.start,
            bytes: stored.place.len(),
            ty: stored.info.ty,
            rows: tensor.row_count(),
        };
        Some((&*stored.info.name, &*stored.info.shape, place))
    };
    let tensors = architecture.tensors(model, &Parameters::new(model)?);
    matched(tensors, left, find, ["the metadata", architecture.name, CONVERT_AGAIN])
        .map_err(|reason| Error::bad_file(files.first().map_or(Path::new(""), Gguf::path), reason))
}
