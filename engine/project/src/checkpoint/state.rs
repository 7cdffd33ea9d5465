//! Weights and moments as a safetensors file. Parameters go by their names, moments have the prefixes `first_moment.`
//! and `second_moment.`, and one JSON object in the metadata describes the run, with its loss scale if any.
//!
//! With `train.ema`, the parameters are the averages, which all readers but a resumed run use, and the weights in training have the
//! prefix `raw_weight.`.

use super::manifest::ManifestEntry;
use super::{GuardState, Loaded};
use glasshouse_compiler::blocks;
use glasshouse_compiler::blocks::gguf;
use glasshouse_compiler::graph::{Element, Parameter, ParameterId, Type};
use glasshouse_compiler::model::is_of_adapter;
use glasshouse_compiler::plan::arena::{ArenaLayout, Stored};
use glasshouse_compiler::step::{ArenaState, LossScale};
use glasshouse_platform::{Error, Result, Yielder, block_on, files, storage};
use glasshouse_protocol::config::flatten;
use glasshouse_protocol::model::{ModelConfig, UNWRITTEN};
use glasshouse_protocol::{RunConfig, WeightFormat};
use half::f16;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Format version of a checkpoint's names and metadata.
pub const ARENA_VERSION: u32 = 1;

const METADATA: &str = "glasshouse";
const FIRST: &str = "first_moment.";
const SECOND: &str = "second_moment.";
const RAW: &str = "raw_weight.";

/// Progress of a run when its state was saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// [`ARENA_VERSION`].
    pub arena_version: u32,
    pub step: u64,
    /// Seed of the run; batches, dropout and initial weights are functions of it and the step.
    pub seed: u64,
    pub tokens_seen: u64,
    /// CRC-32C of the run's TOML text.
    pub config_crc32c: u32,
    /// Validation loss of this state, if it was evaluated.
    pub val_loss: Option<f32>,
    /// Lowest validation loss of the run so far.
    pub best_val_loss: Option<f32>,
    /// The model settings that determine what the weights compute, from [`settings_of`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardState>,
}

/// The model settings that determine what its weights compute, by dotted name.
pub fn settings_of(model: &ModelConfig) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    // Numbers as typed by the user, not as f64 digits of the f32 value.
    let typed = |number: f64| (number as f32).to_string();
    flatten("model", &serde_json::to_value(model).unwrap_or_default(), typed, &mut settings);
    // Normalise settings that may be absent or have two spellings.
    if let Some(scaling) = settings.get("model.position.scaling.kind").cloned() {
        settings.insert("model.position.scaling".to_owned(), scaling);
    }
    for (name, value) in UNWRITTEN {
        settings.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    settings.remove("model.bias");
    for (layer, has) in BTreeMap::from(model.bias) {
        settings.insert(format!("model.bias.{layer}"), has.to_string());
    }
    // Dropout, initialisation, the width of muP and a router's losses matter only for training.
    let mut training = vec![
        "model.dropout",
        "model.init",
        "model.base_width",
        "model.experts.balance",
        "model.experts.z_loss",
    ];
    if model.experts.count == 0 {
        training.extend(["model.experts.per_token", "model.experts.renormalise"]);
    }
    settings.retain(|name, _| !training.iter().any(|only| name.starts_with(only)));
    settings
}

impl CheckpointInfo {
    /// A step of a run that was never evaluated. `config_crc32c` is of its TOML text.
    pub fn new(config: &RunConfig, config_crc32c: u32, step: u64) -> Self {
        Self {
            arena_version: ARENA_VERSION,
            step,
            seed: config.seed,
            tokens_seen: step * config.tokens_per_step(),
            config_crc32c,
            model: settings_of(&config.model),
            ..Self::default()
        }
    }

    /// Compares the settings the weights were trained with, if recorded, with those of `model`. The error is one sentence that names the
    /// first difference.
    pub fn check_model(&self, model: &ModelConfig) -> Result<(), String> {
        let now = settings_of(model);
        let mut both = self.model.iter().filter_map(|(name, trained)| Some((name, trained, now.get(name)?)));
        match both.find(|(_, trained, now)| trained != now) {
            None => Ok(()),
            Some((name, trained, now)) => Err(format!(
                "it has {name} = {now}, but the checkpoint was trained with {trained}, and its weights need that; restore {trained}"
            )),
        }
    }
}

/// How much of a checkpoint to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Weights only, for inspection or export.
    Weights,
    /// Weights only, for decoding; those in the blocks of a GGUF file, or that the layout stores in fewer bits, as words.
    Stored,
    /// Weights only, to start a run from; those that the layout stores in fewer bits as words. An adapter may be missing and is zero.
    Start,
    /// Weights and moments, to continue training; weights that the layout stores in fewer bits as words.
    WeightsAndMoments,
}

/// Reads a checkpoint file by path, whether or not a manifest names it (`--checkpoint FILE`). Fails if the file is not a checkpoint, or
/// belongs to another model.
pub async fn read_state(
    path: &Path,
    parameters: &[Parameter],
    content: Content,
    yielder: &Yielder,
) -> Result<Loaded> {
    read(path, None, parameters, content, glasshouse_platform::available_memory(), yielder).await
}

/// Entries of a tensor, or the words of one stored in fewer bits.
enum Values<'state> {
    Floats(&'state [f32]),
    Words(&'state [u32]),
}

/// The tensors of a state in file order: name, type and values.
fn tensors<'a>(
    parameters: &'a [Parameter],
    state: &'a ArenaState,
) -> impl Iterator<Item = (String, Type, Values<'a>)> {
    let layout = ArenaLayout::from_parameters(parameters);
    let ranges: Vec<Range<usize>> =
        layout.offsets.iter().zip(&layout.counts).map(|(start, count)| *start..start + count).collect();
    let words = (0..parameters.len()).map(|at| {
        let own = layout.stored(ParameterId(at as u32)).filter(|_| !state.stored.is_empty())?;
        state.stored.get(own.words.clone())
    });
    let words: Vec<Option<&[u32]>> = words.collect();
    let (weights, raw) = match state.average.as_slice() {
        [] => (state.parameters.as_slice(), [].as_slice()),
        average => (average, state.parameters.as_slice()),
    };
    [("", weights), (RAW, raw), (FIRST, &state.first_moments), (SECOND, &state.second_moments)]
        .into_iter()
        .flat_map(move |(prefix, arena)| {
            let kept = parameters.iter().zip(ranges.clone()).zip(words.clone());
            // Frozen parameters have no moments; the arena of a moment the optimizer does not use is empty.
            kept.filter_map(move |((parameter, range), words)| {
                let values = match (parameter.trainable, words) {
                    (true, _) => Values::Floats(arena.get(range)?),
                    (false, _) if !prefix.is_empty() => return None,
                    (false, Some(words)) => Values::Words(words),
                    (false, None) => Values::Floats(state.parameters.get(range)?),
                };
                let ty =
                    if prefix.is_empty() { parameter.ty.clone() } else { Type::f32(&parameter.ty.shape) };
                Some((format!("{prefix}{}", parameter.name), ty, values))
            })
        })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoredPrecision {
    Full,
    Half,
}

impl StoredPrecision {
    /// Half precision, unless a weight exceeds its range.
    pub(super) fn from_weights(weights: &[f32]) -> Self {
        let fits = |weight: &f32| !weight.is_finite() || weight.abs() <= f16::MAX.to_f32();
        if weights.iter().all(fits) { Self::Half } else { Self::Full }
    }
}

/// Writes a weights-only file and makes it durable.
pub(super) fn write_weights(
    path: &Path,
    info: &CheckpointInfo,
    parameters: &[Parameter],
    state: &ArenaState,
    precision: StoredPrecision,
) -> Result<()> {
    let stored = state.stored.clone();
    let state = ArenaState { stored, ..ArenaState::from_weights(state.parameters.clone()) };
    let mut file = StateFile::begin(path, info, &types(parameters, &state), None, precision)?;
    block_on(file.put_all(parameters, &state, &Yielder::none()))?;
    file.finish().map(drop)
}

/// Names and types of the tensors of a state in file order.
pub(super) fn types(parameters: &[Parameter], state: &ArenaState) -> Vec<(String, Type)> {
    tensors(parameters, state).map(|(name, ty, _)| (name, ty)).collect()
}

/// A state file being written, tensor by tensor, in pieces. It is deleted on drop unless finished.
pub(super) struct StateFile {
    path: PathBuf,
    output: BufWriter<files::File>,
    precision: StoredPrecision,
    head: Vec<u8>,
    /// Bytes after the header, and their checksum.
    bytes: usize,
    checksum: u32,
    finished: bool,
}

impl StateFile {
    pub(super) fn begin(
        path: &Path,
        info: &CheckpointInfo,
        types: &[(String, Type)],
        loss_scale: Option<LossScale>,
        precision: StoredPrecision,
    ) -> Result<Self> {
        // A single metadata entry: the order of several would be undefined.
        let text = Described { crc32c: NO_CHECKSUM.to_owned(), info: info.clone(), loss_scale };
        let text = serde_json::to_string(&text).map_err(internal)?;
        let mut end = 0;
        let infos = types
            .iter()
            .map(|(name, ty)| {
                let (dtype, shape) = match (precision, stored_words(ty)) {
                    (_, Some(words)) if matches!(ty.element, Element::Gguf { .. }) => {
                        (Dtype::U8, vec![ty.rows(), words * 4])
                    }
                    (_, Some(words)) => (Dtype::U32, vec![ty.rows(), words]),
                    (StoredPrecision::Half, None) => (Dtype::F16, ty.shape.clone()),
                    (StoredPrecision::Full, None) if ty.element == Element::F16 => {
                        (Dtype::F16, ty.shape.clone())
                    }
                    (StoredPrecision::Full, None) => (Dtype::F32, ty.shape.clone()),
                };
                let start = end;
                end += shape.iter().product::<usize>() * dtype.bitsize() / 8;
                (name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
            })
            .collect();
        let texts = HashMap::from([(METADATA.to_owned(), text)]);
        let head = storage::safetensors_head(texts, infos)?;
        // Of a project from elsewhere.
        if files::is_link(path) {
            return Err(Error::bad_file(path, "is a link, which may lead anywhere; remove it"));
        }
        let file = files::File::create(path).map_err(Error::io(path))?;
        let output = BufWriter::with_capacity(BUFFER, file);
        let (path, finished) = (path.to_owned(), false);
        let mut begun = Self { path, output, precision, head, bytes: 0, checksum: 0, finished };
        glasshouse_platform::reserve(begun.output.get_ref(), (begun.head.len() + end) as u64)
            .and_then(|()| begun.output.write_all(&begun.head))
            .map_err(Error::io(&begun.path))?;
        Ok(begun)
    }

    fn put(&mut self, values: &[f32]) -> Result<()> {
        match self.precision {
            // safetensors is little-endian, and so are all our targets.
            StoredPrecision::Full => self.write(bytemuck::cast_slice(values)),
            StoredPrecision::Half => self.put_f16(values),
        }
    }

    fn put_f16(&mut self, values: &[f32]) -> Result<()> {
        let f16s: Vec<u8> = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        self.write(&f16s)
    }

    pub(super) async fn put_all(
        &mut self,
        parameters: &[Parameter],
        state: &ArenaState,
        yielder: &Yielder,
    ) -> Result<()> {
        for (_, ty, values) in tensors(parameters, state) {
            let values = match values {
                Values::Floats(values) => values,
                Values::Words(words) => {
                    for piece in words.chunks(WRITTEN_AT_ONCE) {
                        self.put_blocks(piece)?;
                        yielder.maybe_yield().await;
                    }
                    continue;
                }
            };
            let columns = ty.columns();
            for piece in values.chunks((WRITTEN_AT_ONCE / columns).max(1) * columns) {
                self.put_rows(&ty, piece)?;
                yielder.maybe_yield().await;
            }
        }
        Ok(())
    }

    /// Writes rows of a tensor as its element; returns whether that holds them exactly.
    pub(super) fn put_rows(&mut self, ty: &Type, rows: &[f32]) -> Result<bool> {
        let (element, columns) = (ty.element, ty.columns());
        match stored_words(ty) {
            Some(row) => {
                let mut words = vec![0; rows.len() / columns * row];
                blocks::pack(element, columns, rows, &mut words);
                let mut back = vec![0.0; rows.len()];
                blocks::unpack(element, columns, &words, &mut back);
                self.write(bytemuck::cast_slice(&words))?;
                Ok(back == rows)
            }
            None if element == Element::F16 => {
                self.put_f16(rows)?;
                Ok(rows.iter().all(|weight| f16::from_f32(*weight).to_f32() == *weight))
            }
            None => {
                self.put(rows)?;
                Ok(true)
            }
        }
    }

    /// Writes a tensor's rows as a GGUF file stores them.
    pub(super) fn put_blocks(&mut self, rows: &[u32]) -> Result<()> {
        self.write(bytemuck::cast_slice(rows))
    }

    fn write(&mut self, part: &[u8]) -> Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, part);
        self.bytes += part.len();
        self.output.write_all(part).map_err(Error::io(&self.path))?;
        if self.bytes / STORED_AT_ONCE > (self.bytes - part.len()) / STORED_AT_ONCE {
            glasshouse_platform::begin_storing(self.output.get_ref());
        }
        Ok(())
    }

    /// Writes the checksum and makes the file durable. Returns its length and checksum.
    pub(super) fn finish(mut self) -> Result<(u64, u32)> {
        let Self { path, output, head, bytes, checksum, .. } = &mut self;
        // The checksum stored in the file covers the whole file, with zeros in its own place.
        let whole = crc32c::crc32c_combine(crc32c::crc32c(head), *checksum, *bytes);
        let place = checksum_place(head).ok_or_else(|| internal("no room for the checksum"))?;
        let digits = format!("{whole:08x}");
        head[place.clone()].copy_from_slice(digits.as_bytes());
        output
            .seek(SeekFrom::Start(place.start as u64))
            .and_then(|_| output.write_all(digits.as_bytes()))
            .and_then(|()| output.flush())
            .and_then(|()| output.get_ref().sync_all())
            .map_err(Error::io(path.as_path()))?;
        let checksum = crc32c::crc32c_combine(crc32c::crc32c(head), *checksum, *bytes);
        let length = (head.len() + *bytes) as u64;
        self.finished = true;
        Ok((length, checksum))
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        if !self.finished {
            // The partial file only takes up space, which may be what is lacking.
            files::remove_file(&self.path).ok();
        }
    }
}

/// Floats written between two yields.
const WRITTEN_AT_ONCE: usize = 1 << 18;

/// Size of the write buffer in bytes.
const BUFFER: usize = 1 << 16;

/// Bytes flushed to disk at a time while more are written.
const STORED_AT_ONCE: usize = 16 << 20;

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("checkpoint header: {error}"))
}

/// Placeholder in the description until the checksum is known.
const NO_CHECKSUM: &str = "00000000";

/// Byte range of the file's own checksum digits in its header.
fn checksum_place(head: &[u8]) -> Option<Range<usize>> {
    // The description is JSON nested in a JSON string.
    let before = br#"{\"crc32c\":\""#;
    let start = head.windows(before.len()).position(|window| window == before)? + before.len();
    (start + NO_CHECKSUM.len() <= head.len()).then_some(start..start + NO_CHECKSUM.len())
}

/// Longest header of a checkpoint.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Bytes read between two yields.
const READ_AT_ONCE: usize = 1 << 20;

/// A state file being read from beginning to end, for its checksum.
pub(super) struct StateReader {
    path: PathBuf,
    input: files::File,
    head: Vec<u8>,
    metadata: Metadata,
    described: Described,
    /// Bytes read after the header, and their checksum.
    bytes: usize,
    checksum: u32,
    /// The checksum in the manifest, if one names the file.
    expected: Option<u32>,
}

/// A parameter's place in memory.
enum Place<'state> {
    Floats(&'state mut [f32]),
    Words(Element, &'state mut [u32]),
}

impl StateReader {
    pub(super) fn open(path: &Path, entry: Option<&ManifestEntry>) -> Result<Self> {
        let length = storage::regular_length(path)?;
        if let Some(entry) = entry.filter(|entry| entry.bytes != length) {
            return Err(Error::bad_file(path, format!("{length} bytes long instead of {}", entry.bytes)));
        }
        let mut input = files::File::open(path).map_err(Error::io(path))?;
        let mut head = Vec::new();
        (&mut input).take(8).read_to_end(&mut head).map_err(Error::io(path))?;
        let size = head.first_chunk().map_or(u64::MAX, |size| u64::from_le_bytes(*size));
        let damaged =
            |error: &dyn Display| Error::bad_file(path, format!("not a complete safetensors file: {error}"));
        if size > MAX_HEADER_BYTES.min(length) {
            return Err(damaged(&"its header is too long"));
        }
        (&mut input).take(size).read_to_end(&mut head).map_err(Error::io(path))?;
        let metadata: Metadata = serde_json::from_slice(&head[8..]).map_err(|error| damaged(&error))?;
        let needed = head.len().saturating_add(metadata.data_len()) as u64;
        if needed != length {
            return Err(damaged(&format!("{length} bytes long instead of {needed}")));
        }
        let described = described(metadata.metadata()).map_err(|reason| Error::bad_file(path, reason))?;
        let (path, expected) = (path.to_owned(), entry.and_then(|entry| entry.crc32c));
        Ok(Self { path, input, head, metadata, described, bytes: 0, checksum: 0, expected })
    }

    async fn read(&mut self, into: &mut [u8], yielder: &Yielder) -> Result<()> {
        for piece in into.chunks_mut(READ_AT_ONCE) {
            self.input.read_exact(piece).map_err(Error::io(&self.path))?;
            self.checksum = crc32c::crc32c_append(self.checksum, piece);
            self.bytes += piece.len();
            yielder.maybe_yield().await;
        }
        Ok(())
    }

    async fn skip(&mut self, bytes: usize, yielder: &Yielder) -> Result<()> {
        let mut piece = vec![0; bytes.min(READ_AT_ONCE)];
        let end = self.bytes + bytes;
        while self.bytes < end {
            let count = piece.len().min(end - self.bytes);
            self.read(&mut piece[..count], yielder).await?;
        }
        Ok(())
    }

    /// Reads a tensor of `bytes` bytes and this type into a parameter's place.
    async fn fill(&mut self, ty: &Type, bytes: usize, place: Place<'_>, yielder: &Yielder) -> Result<()> {
        let (element, rows, columns) = (ty.element, ty.rows(), ty.columns());
        let mut place = match place {
            Place::Floats(floats) if element == Element::F32 => {
                return self.read(bytemuck::cast_slice_mut(floats), yielder).await;
            }
            Place::Words(own, words) if own == element => {
                self.read(&mut bytemuck::cast_slice_mut(words)[..bytes], yielder).await?;
                return self.check_blocks(ty, words);
            }
            place => place,
        };
        // An even number of rows is whole words in any format.
        let at_once = (READ_AT_ONCE / 4 / columns.max(1)).clamp(1, rows.max(1)).next_multiple_of(2);
        let row = blocks::row_words(element, columns);
        let (mut read, mut floats) = (vec![0; at_once * row], vec![0.0; at_once * columns]);
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            self.read(&mut bytemuck::cast_slice_mut(&mut read)[..bytes / rows * count], yielder).await?;
            let read = &read[..count * row];
            self.check_blocks(ty, read)?;
            match &mut place {
                Place::Floats(to) => {
                    blocks::unpack(element, columns, read, &mut to[first * columns..][..count * columns]);
                }
                Place::Words(own, words) => {
                    let floats = &mut floats[..count * columns];
                    blocks::unpack(element, columns, read, floats);
                    let start = match own {
                        Element::F16 => first * columns / 2,
                        _ => first * blocks::row_words(*own, columns),
                    };
                    blocks::pack(*own, columns, floats, &mut words[start..]);
                }
            }
        }
        Ok(())
    }

    /// Gives parameters that the file has in the blocks of a GGUF file their type.
    fn keep_blocks(&self, parameters: &mut [Parameter]) {
        for own in parameters {
            let ty = self.metadata.info(&own.name).and_then(|tensor| type_in_file(tensor, &own.ty.shape));
            if let Some(ty) = ty.filter(|ty| matches!(ty.element, Element::Gguf { .. })) {
                (own.ty, own.trainable) = (ty, false);
            }
        }
    }

    /// Refuses rows of a GGUF file's blocks that are not those of this type.
    fn check_blocks(&self, ty: &Type, words: &[u32]) -> Result<()> {
        let Element::Gguf { row } = ty.element else { return Ok(()) };
        if words.chunks_exact(row as usize).all(|row| gguf::row(row, ty.columns()).is_some()) {
            return Ok(());
        }
        let (rows, bytes, shape) = (ty.rows(), row * 4, &ty.shape);
        let reason = format!("its blocks of {rows} × {bytes} bytes do not fit a matrix of {shape:?}");
        Err(Error::bad_file(&self.path, reason))
    }

    /// Reads the rest and compares the checksums of the file and of its manifest.
    pub(super) async fn finish(mut self, yielder: &Yielder) -> Result<CheckpointInfo> {
        self.skip(self.metadata.data_len() - self.bytes, yielder).await?;
        let whole = |head: &[u8]| crc32c::crc32c_combine(crc32c::crc32c(head), self.checksum, self.bytes);
        let is_own = |place: Range<usize>| {
            let mut head = self.head.clone();
            head[place.clone()].copy_from_slice(NO_CHECKSUM.as_bytes());
            self.head[place] == *format!("{:08x}", whole(&head)).as_bytes()
        };
        let is_listed = self.expected.is_none_or(|expected| expected == whole(&self.head));
        if is_listed && checksum_place(&self.head).is_some_and(is_own) {
            return Ok(self.described.info);
        }
        Err(Error::bad_file(self.path, "it has changed since it was written (checksum)"))
    }
}

/// Reads a file's description of the run without its tensors. Fails if the file was not written to its end.
pub(super) fn read_info(path: &Path) -> Result<CheckpointInfo> {
    let StateReader { described, .. } = StateReader::open(path, None)?;
    if described.crc32c == NO_CHECKSUM {
        return Err(Error::bad_file(path, "it was not written to its end"));
    }
    Ok(described.info)
}

#[derive(Serialize, Deserialize)]
struct Described {
    /// CRC-32C of the whole file, with zeros in its own place. It comes first so that it can be found without parsing.
    crc32c: String,
    #[serde(flatten)]
    info: CheckpointInfo,
    /// Only in mixed precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss_scale: Option<LossScale>,
}

fn described(metadata: &Option<HashMap<String, String>>) -> Result<Described, String> {
    let text = metadata.as_ref().and_then(|entries| entries.get(METADATA));
    let text = text.ok_or("a safetensors file, but not a Glasshouse checkpoint")?;
    let described: Described =
        serde_json::from_slice(text.as_bytes()).map_err(|error| format!("its metadata: {error}"))?;
    let version = described.info.arena_version;
    if version != ARENA_VERSION {
        return Err(format!("version {version} of the checkpoint format, not {ARENA_VERSION}"));
    }
    Ok(described)
}

/// Reads a file tensor by tensor, each into its place: the file is never in memory as well. `entry` is the file's in a manifest. Fails with
/// [`Error::TooLarge`] before anything is allocated, if `available` bytes of memory are not enough; or the file is damaged or another
/// model's.
pub(super) async fn read(
    path: &Path,
    entry: Option<&ManifestEntry>,
    parameters: &[Parameter],
    content: Content,
    available: Option<u64>,
    yielder: &Yielder,
) -> Result<Loaded> {
    let mut file = StateReader::open(path, entry)?;
    let (stores, keeps_blocks) = (content != Content::Weights, content == Content::Stored);
    let mut own = Vec::new();
    if keeps_blocks {
        own = parameters.to_vec();
        file.keep_blocks(&mut own);
    }
    let parameters = if keeps_blocks { &own } else { parameters };
    let layout = ArenaLayout::from_parameters(parameters);
    let mut state = ArenaState::default();
    let moments = content == Content::WeightsAndMoments;
    if let Some(scale) = file.described.loss_scale.filter(|_| moments) {
        if !(scale.scale.is_finite() && scale.scale >= 1.0) {
            return Err(Error::bad_file(path, format!("invalid loss scale {}", scale.scale)));
        }
        state.loss_scale = Some(scale);
    }
    let names = file.metadata.offset_keys();
    let has = |prefix: &str| moments && names.iter().any(|name| name.starts_with(prefix));
    let trained = |prefix| if has(prefix) { layout.trained_end } else { 0 };
    let lengths = [
        if stores { layout.floats_end } else { layout.length },
        trained(FIRST),
        trained(SECOND),
        trained(RAW),
    ];
    let mut wanted = HashMap::new();
    for (at, own) in parameters.iter().enumerate() {
        for (arena, prefix) in ["", FIRST, SECOND, RAW].into_iter().enumerate() {
            if lengths[arena] > 0 && (arena == 0 || own.trainable) {
                wanted.insert(format!("{prefix}{}", own.name), (arena, at));
            }
        }
    }
    let is_optional = |name: &&String| content == Content::Start && is_of_adapter(name);
    let missing = wanted.keys().filter(|name| file.metadata.info(name).is_none() && !is_optional(name)).min();
    // A damaged file may look like another model's, so the checksum is compared first.
    let mut wrong = missing.map(|name| format!("it has no `{name}`: this is a checkpoint of another model"));
    let stored = if stores { layout.stored_words() } else { 0 };
    let needed = lengths.iter().fold(stored as u64, |sum, length| sum.saturating_add(*length as u64));
    let needed = needed.saturating_mul(4);
    if let Some(available) = available.filter(|available| wrong.is_none() && needed > *available) {
        let advice = "close other programs, or use a machine with more memory".to_owned();
        return Err(Error::TooLarge { what: "the model".to_owned(), needed, available, advice });
    }
    let mut arenas = lengths.map(|length| vec![0.0; if wrong.is_none() { length } else { 0 }]);
    let mut words = vec![0; if wrong.is_none() { stored } else { 0 }];
    for name in names {
        let Some(tensor) = file.metadata.info(&name).cloned() else { continue };
        let bytes = tensor.data_offsets.1 - tensor.data_offsets.0;
        let Some((arena, at)) = wanted.get(&name).filter(|_| wrong.is_none()).copied() else {
            file.skip(bytes, yielder).await?;
            continue;
        };
        let shape = &parameters[at].ty.shape;
        let Some(ty) = type_in_file(&tensor, shape) else {
            wrong = Some(format!(
                "`{name}` is {:?} of {:?}, but the model needs F32 of {shape:?}: this is a checkpoint of another model",
                tensor.dtype, tensor.shape
            ));
            file.skip(bytes, yielder).await?;
            continue;
        };
        let id = ParameterId(at as u32);
        let place = match layout.stored(id).filter(|_| stores) {
            Some(own) => Place::Words(own.element, &mut words[own.words.clone()]),
            None => Place::Floats(&mut arenas[arena][layout.range(id)]),
        };
        file.fill(&ty, bytes, place, yielder).await?;
    }
    let info = file.finish(yielder).await?;
    if let Some(wrong) = wrong {
        return Err(Error::bad_file(path, wrong));
    }
    let weights;
    [weights, state.first_moments, state.second_moments, state.average] = arenas;
    (state.parameters, state.stored) = (weights.into(), words.into());
    state.exchange_average();
    let in_blocks = |own: &&Stored| matches!(own.element, Element::Gguf { .. });
    let blocks = layout.stored.iter().filter(in_blocks).filter(|_| stores).cloned().collect();
    Ok(Loaded { info, state, blocks, path: path.to_owned(), notices: Vec::new() })
}

/// Words in a row of a quantised matrix, which a file holds as 32-bit words ([`blocks`]).
fn stored_words(ty: &Type) -> Option<usize> {
    match ty.element {
        own @ Element::Quantised(format) if ty.columns().is_multiple_of(format.block()) => {
            Some(blocks::row_words(own, ty.columns()))
        }
        Element::Gguf { row } => Some(row as usize),
        _ => None,
    }
}

/// How a file holds a parameter of this shape; `None` if it holds another one.
fn type_in_file(tensor: &TensorInfo, shape: &[usize]) -> Option<Type> {
    let ty = |element| Type { element, shape: shape.to_vec() };
    match (tensor.dtype, &tensor.shape[..]) {
        (Dtype::F32, own) if own == shape => Some(ty(Element::F32)),
        (Dtype::F16, own) if own == shape => Some(ty(Element::F16)),
        (Dtype::U8, [rows, bytes]) if shape.len() == 2 && shape[0] == *rows && bytes % 4 == 0 => {
            // No type is longer than floats.
            let row =
                u32::try_from(bytes / 4).ok().filter(|row| (1..=1 + shape[1]).contains(&(*row as usize)))?;
            Some(ty(Element::Gguf { row }))
        }
        (Dtype::U32, own) => WeightFormat::quantised()
            .map(|format| ty(format.into()))
            .find(|ty| shape.len() == 2 && stored_words(ty).is_some_and(|words| own == [ty.rows(), words])),
        _ => None,
    }
}
