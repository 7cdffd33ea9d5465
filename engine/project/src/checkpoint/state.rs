//! Weights and moments as a safetensors file. Parameters go by their names, moments have the prefixes `first_moment.`
//! and `second_moment.`, and one JSON object in the metadata describes the run, with its loss scale if any.
//!
//! With `train.ema`, the parameters are the averages, which all readers but a resumed run use, and the weights in training have the
//! prefix `raw_weight.`.

use super::GuardState;
use glasshouse_compiler::blocks;
use glasshouse_compiler::blocks::gguf::{self, Kept};
use glasshouse_compiler::graph::{Element, Parameter, ParameterId, Type};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, LossScale};
use glasshouse_platform::{Error, Result, Yielder, block_on, files, storage};
use glasshouse_protocol::{ModelConfig, RunConfig};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorInfo, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
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
    /// Optimizer steps completed.
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
    /// The model settings that determine what the weights compute, from [`settings_of`]; empty in files of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardState>,
}

/// Settings that are not written at their default, which is this.
const UNWRITTEN: [(&str, &str); 12] = [
    ("model.attention_scale", "none"),
    ("model.attention_softcap", "none"),
    ("model.residual_scale", "1"),
    ("model.logit_divisor", "1"),
    ("model.logit_softcap", "none"),
    ("model.qk_norm_whole", "false"),
    ("model.sliding_window", "none"),
    ("model.full_attention", "none"),
    ("model.experts.count", "0"),
    ("model.position.channels", "none"),
    ("model.position.local_base", "none"),
    ("model.position.scaling", "none"),
];

fn add_defaults(settings: &mut BTreeMap<String, String>) {
    for (name, value) in UNWRITTEN {
        settings.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
}

/// The model settings that determine what its weights compute, by dotted name.
pub fn settings_of(model: &ModelConfig) -> BTreeMap<String, String> {
    fn flatten(name: &str, value: &Value, settings: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    flatten(&format!("{name}.{field}"), value, settings);
                }
            }
            Value::String(text) => drop(settings.insert(name.to_owned(), text.clone())),
            // As typed by the user, not as f64 digits of the f32 value.
            Value::Number(number) if number.is_f64() => {
                let number = number.as_f64().unwrap_or_default() as f32;
                settings.insert(name.to_owned(), number.to_string());
            }
            other => drop(settings.insert(name.to_owned(), other.to_string())),
        }
    }
    let mut settings = BTreeMap::new();
    flatten("model", &serde_json::to_value(model).unwrap_or_default(), &mut settings);
    // Normalise settings that may be absent or have two spellings.
    if let Some(scaling) = settings.get("model.position.scaling.kind").cloned() {
        settings.insert("model.position.scaling".to_owned(), scaling);
    }
    add_defaults(&mut settings);
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

    /// Compares the settings the weights were trained with, if recorded, with those of `model`.
    ///
    /// # Errors
    /// One sentence that names the first difference.
    pub fn check_model(&self, model: &ModelConfig) -> Result<(), String> {
        let now = settings_of(model);
        let mut trained = self.model.clone();
        if !trained.is_empty() {
            add_defaults(&mut trained);
        }
        if let Some(all) = trained.get("model.bias").cloned() {
            // Older versions had one bias setting for all layers of a block, and lacked the settings below.
            let layers = ["qkv", "output", "mlp"].map(|layer| (format!("model.bias.{layer}"), all.clone()));
            let others = [
                ("model.bias.head", "false"),
                ("model.embedding_scale", "1"),
                ("model.norm.add_unit_offset", "false"),
                ("model.residual", "sequential"),
                ("model.position.skip_every", "0"),
            ];
            let others = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
            for (name, value) in layers.into_iter().chain(others) {
                trained.entry(name).or_insert(value);
            }
        }
        let both = trained.iter().filter_map(|(name, trained)| Some((name, trained, now.get(name)?)));
        match both.into_iter().find(|(_, trained, now)| trained != now) {
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
    /// Weights only, for generation or export.
    Weights,
    /// Weights and moments, to continue training.
    WeightsAndMoments,
}

/// Reads a checkpoint file by path, whether or not a manifest names it (`--checkpoint FILE`).
///
/// # Errors
/// The file is not a checkpoint, or belongs to another model.
pub async fn read_state(
    path: &Path,
    parameters: &[Parameter],
    content: Content,
    yielder: &Yielder,
) -> Result<(CheckpointInfo, ArenaState)> {
    let bytes = storage::read_file(path, yielder).await?;
    read(path, &bytes, parameters, content, yielder).await
}

/// The tensors of a state in file order: name, type and floats.
fn tensors<'a>(
    parameters: &'a [Parameter],
    state: &'a ArenaState,
) -> impl Iterator<Item = (String, Type, &'a [f32])> {
    let layout = ArenaLayout::from_parameters(parameters);
    let ranges: Vec<Range<usize>> =
        layout.offsets.iter().zip(&layout.counts).map(|(start, count)| *start..start + count).collect();
    let (weights, raw) = match state.average.as_slice() {
        [] => (state.parameters.as_slice(), [].as_slice()),
        average => (average, state.parameters.as_slice()),
    };
    [("", weights), (RAW, raw), (FIRST, &state.first_moments), (SECOND, &state.second_moments)]
        .into_iter()
        .flat_map(move |(prefix, arena)| {
            let kept = parameters.iter().zip(ranges.clone());
            // Frozen parameters have no moments; the arena of a moment the optimizer does not use is empty.
            kept.filter_map(move |(parameter, range)| {
                let values = match parameter.trainable {
                    true => arena.get(range)?,
                    false => state.parameters.get(range).filter(|_| prefix.is_empty())?,
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
    weights: &[f32],
    precision: StoredPrecision,
) -> Result<()> {
    let state = ArenaState { parameters: weights.to_vec(), ..ArenaState::default() };
    let mut file = StateFile::begin(path, info, &types(parameters, &state), None, precision)?;
    block_on(file.put_all(parameters, &state, &Yielder::none()))?;
    file.finish().map(drop)
}

/// Names and types of the tensors of a state in file order.
pub(super) fn types(parameters: &[Parameter], state: &ArenaState) -> Vec<(String, Type)> {
    tensors(parameters, state).map(|(name, ty, _)| (name, ty)).collect()
}

/// A state file being written, tensor by tensor, in pieces. It is deleted on drop unless finished.
#[derive(Debug)]
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
        let text = Described { crc32c: Some(NO_CHECKSUM.to_owned()), info: info.clone(), loss_scale };
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

/// Verifies the file's own checksum. Files of older versions have none and pass.
async fn is_whole(bytes: &[u8], yielder: &Yielder) -> bool {
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let head = bytes.get(..(header as usize).saturating_add(8)).unwrap_or_default();
    let Some(place) = checksum_place(head) else { return true };
    let mut checksum = crc32c::crc32c(&bytes[..place.start]);
    checksum = crc32c::crc32c_append(checksum, NO_CHECKSUM.as_bytes());
    checksum = storage::crc32c(checksum, &bytes[place.end..], yielder).await;
    &bytes[place] == format!("{checksum:08x}").as_bytes()
}

pub(super) async fn read(
    path: &Path,
    bytes: &[u8],
    parameters: &[Parameter],
    content: Content,
    yielder: &Yielder,
) -> Result<(CheckpointInfo, ArenaState)> {
    parse(bytes, parameters, content, yielder).await.map_err(|reason| Error::bad_file(path, reason))
}

/// Reads a file's description of the run without its tensors.
pub(super) fn read_info(path: &Path) -> Result<CheckpointInfo> {
    let mut file = files::File::open(path).map_err(Error::io(path))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(Error::io(path))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        return Err(Error::bad_file(
            path,
            format!("a header of {length} bytes is too long for a checkpoint"),
        ));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(Error::io(path))?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| Error::bad_file(path, format!("not a complete safetensors file: {error}")))?;
    let described = described(&header.metadata).map_err(|reason| Error::bad_file(path, reason))?;
    Ok(described.info)
}

/// Longest header whose metadata [`read_info`] reads.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// The part of a safetensors header that is not about tensors.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Option<HashMap<String, String>>,
}

#[derive(Serialize, Deserialize)]
struct Described {
    /// CRC-32C of the whole file, with zeros in its own place. It comes first so that it can be found without parsing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32c: Option<String>,
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
        serde_json::from_str(text).map_err(|error| format!("its metadata: {error}"))?;
    let version = described.info.arena_version;
    if version != ARENA_VERSION {
        return Err(format!("version {version} of the checkpoint format, not {ARENA_VERSION}"));
    }
    Ok(described)
}

async fn parse(
    bytes: &[u8],
    parameters: &[Parameter],
    content: Content,
    yielder: &Yielder,
) -> Result<(CheckpointInfo, ArenaState), String> {
    let damaged = |error: safetensors::SafeTensorError| format!("not a complete safetensors file: {error}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let Described { info, loss_scale, .. } = described(metadata.metadata())?;
    if !is_whole(bytes, yielder).await {
        return Err("it has changed since it was written (checksum)".to_owned());
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let layout = ArenaLayout::from_parameters(parameters);
    let mut state = ArenaState { parameters: vec![0.0; layout.length], ..ArenaState::default() };
    let moments = content == Content::WeightsAndMoments;
    if let Some(scale) = loss_scale.filter(|_| moments) {
        if !(scale.scale.is_finite() && scale.scale >= 1.0) {
            return Err(format!("invalid loss scale {}", scale.scale));
        }
        state.loss_scale = Some(scale);
    }
    let has = |prefix: &str| moments && metadata.offset_keys().iter().any(|name| name.starts_with(prefix));
    if has(FIRST) {
        state.first_moments = vec![0.0; layout.trained_end];
    }
    if has(SECOND) {
        state.second_moments = vec![0.0; layout.trained_end];
    }
    if has(RAW) {
        state.average = vec![0.0; layout.trained_end];
    }
    for (number, parameter) in parameters.iter().enumerate() {
        let start = layout.offsets[number];
        let range = start..start + layout.counts[number];
        let arenas = [
            ("", &mut state.parameters),
            (FIRST, &mut state.first_moments),
            (SECOND, &mut state.second_moments),
            (RAW, &mut state.average),
        ];
        for (prefix, arena) in arenas {
            let wanted = prefix.is_empty() || (parameter.trainable && !arena.is_empty());
            if let Some(entries) = arena.get_mut(range.clone()).filter(|_| wanted) {
                fill(&file, &format!("{prefix}{}", parameter.name), &parameter.ty.shape, entries)?;
                yielder.maybe_yield().await;
            }
        }
    }
    state.exchange_average();
    Ok((info, state))
}

/// Words in a row of a quantised matrix, which a file holds as 32-bit words ([`blocks`]).
fn stored_words(ty: &Type) -> Option<usize> {
    match ty.element {
        Element::Q8_0 | Element::Q4_0 if ty.columns().is_multiple_of(blocks::BLOCK) => {
            Some(blocks::row_words(ty.element, ty.columns()))
        }
        Element::Gguf { row } => Some(row as usize),
        _ => None,
    }
}

/// A matrix of a file in the blocks of a GGUF file, if it is one.
fn kept(tensor: &TensorView<'_>, shape: &[usize], parameter: ParameterId) -> Result<Option<Kept>, String> {
    let (Dtype::U8, [rows, bytes], [outer, columns]) = (tensor.dtype(), tensor.shape(), shape) else {
        return Ok(None);
    };
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(tensor.data());
    let row = u32::try_from(bytes / 4).ok().filter(|row| *row > 0 && rows == outer && bytes % 4 == 0);
    let kept = row.map(|row| Kept { parameter, row, words });
    match kept.filter(|kept| kept.rows().all(|row| gguf::row(row, *columns).is_some())) {
        Some(kept) => Ok(Some(kept)),
        None => Err(format!("its blocks of {rows} × {bytes} bytes are not those of a matrix of {shape:?}")),
    }
}

/// Reads the matrices that a checkpoint keeps in the blocks of a GGUF file.
///
/// # Errors
/// The file cannot be read, or its blocks are not those of the model.
pub async fn read_kept(path: &Path, parameters: &[Parameter], yielder: &Yielder) -> Result<Vec<Kept>> {
    let bytes = storage::read_file(path, yielder).await?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| Error::bad_file(path, error.to_string()))?;
    let of = |(at, own): (usize, &Parameter)| {
        let tensor = file.tensor(&own.name).ok()?;
        kept(&tensor, &own.ty.shape, ParameterId(at as u32)).transpose()
    };
    let all: Result<_, String> = parameters.iter().enumerate().filter_map(of).collect();
    all.map_err(|reason| Error::bad_file(path, reason))
}

/// Copies a tensor into its place in an arena.
fn fill(file: &SafeTensors<'_>, name: &str, shape: &[usize], entries: &mut [f32]) -> Result<(), String> {
    let tensor = file
        .tensor(name)
        .map_err(|_| format!("it has no `{name}`: this is a checkpoint of another model"))?;
    if let (Dtype::U32, [rows, words], [_, columns]) = (tensor.dtype(), tensor.shape(), shape) {
        let quantised = [Element::Q8_0, Element::Q4_0].map(|element| Type { element, shape: shape.to_vec() });
        let ty = quantised.iter().find(|ty| stored_words(ty) == Some(*words) && ty.rows() == *rows);
        if let Some(ty) = ty {
            let words: Vec<u32> = bytemuck::pod_collect_to_vec(tensor.data());
            blocks::unpack(ty.element, *columns, &words, entries);
            return Ok(());
        }
    }
    if let Some(kept) = kept(&tensor, shape, ParameterId(0))? {
        blocks::unpack(kept.element(), shape.last().copied().unwrap_or(1), &kept.words, entries);
        return Ok(());
    }
    let half = tensor.dtype() == Dtype::F16;
    if !(half || tensor.dtype() == Dtype::F32) || tensor.shape() != shape {
        return Err(format!(
            "`{name}` is {:?} of {:?}, but the model needs F32 of {shape:?}: this is a checkpoint of another model",
            tensor.dtype(),
            tensor.shape()
        ));
    }
    if half {
        for (entry, bytes) in entries.iter_mut().zip(tensor.data().as_chunks::<2>().0) {
            *entry = f16::from_le_bytes(*bytes).to_f32();
        }
    } else {
        for (entry, bytes) in entries.iter_mut().zip(tensor.data().as_chunks::<4>().0) {
            *entry = f32::from_le_bytes(*bytes);
        }
    }
    Ok(())
}
