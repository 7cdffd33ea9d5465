//! Dictionaries in the folder of their run: `features/N` with the record `dictionary.json`, and `sae_weights.safetensors` and `cfg.json`
//! as SAELens reads them.

use crate::weights::Weights;
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Error, Result, files, refuse, storage};
use glasshouse_project::Run;
use glasshouse_protocol::features::{Dictionary, DictionaryKind, DictionarySettings};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Files of a dictionary that SAELens reads, and the record.
pub const WEIGHTS_FILE: &str = "sae_weights.safetensors";
pub const CONFIG_FILE: &str = "cfg.json";
const RECORD_FILE: &str = "dictionary.json";
/// Folder in a run.
const FOLDER: &str = "features";
/// Maximum bytes of the record, or of `cfg.json`, and of the weights.
pub const MAX_RECORD: u64 = 1 << 24;
pub const MAX_WEIGHTS: u64 = 1 << 33;
/// Maximum training tokens of an imported dictionary.
const MAX_TOKENS: u64 = 1 << 40;

/// A dictionary's folder.
#[derive(Clone, Debug)]
pub struct DictionaryFolder(PathBuf);

impl DictionaryFolder {
    fn numbers(run: &Run) -> Vec<u64> {
        let Ok(entries) = files::read_dir(run.folder().join(FOLDER)) else { return Vec::new() };
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        let mut numbers: Vec<u64> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    fn at(run: &Run, number: u64) -> Self {
        Self(run.folder().join(FOLDER).join(number.to_string()))
    }

    /// A folder for a run's next dictionary, and its number. It is created by the first [`Self::save`].
    pub fn next(run: &Run) -> (Self, u64) {
        let number = Self::numbers(run).last().copied().unwrap_or(0) + 1;
        (Self::at(run, number), number)
    }

    /// Numbers of a run's dictionaries. The record is written last: one that was interrupted before is none.
    pub fn all(run: &Run) -> Vec<u64> {
        let is_whole = |number: &u64| files::is_file(&Self::at(run, *number).0.join(RECORD_FILE));
        Self::numbers(run).into_iter().filter(is_whole).collect()
    }

    /// Opens a run's dictionary, or its latest. Fails if there is none, or it is damaged.
    pub fn open(run: &Run, number: Option<u64>) -> Result<(Self, Dictionary)> {
        let numbers = Self::all(run);
        let Some(last) = numbers.last() else {
            refuse!("{} has no dictionary; train one with `glasshouse features train`", run.name());
        };
        let number = number.unwrap_or(*last);
        if !numbers.contains(&number) {
            let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            refuse!("{} has no dictionary {number}; it has {}", run.name(), all.join(", "));
        }
        let folder = Self::at(run, number);
        let path = folder.0.join(RECORD_FILE);
        let record: Dictionary = storage::read_checked_json(&path, MAX_RECORD)?;
        record.settings.check().map_err(|reason| Error::bad_file(&path, reason))?;
        Ok((folder, record))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Saves the dictionary so far, the record last, with a checksum of the weights.
    pub fn save(&self, record: &mut Dictionary, weights: &Weights) -> Result<()> {
        storage::create_folder(&self.0)?;
        let bytes = weights.to_safetensors()?;
        storage::write_atomically(&self.0.join(WEIGHTS_FILE), &bytes)?;
        storage::write_json(&self.0.join(CONFIG_FILE), &sae_lens_config(record))?;
        record.file_crc32c = Some(crc32c::crc32c(&bytes));
        self.save_record(record)
    }

    pub fn save_record(&self, record: &Dictionary) -> Result<()> {
        storage::write_checked_json(&self.0.join(RECORD_FILE), record)
    }

    /// Fails if the file cannot be read, or is not the one that was saved with the record.
    pub fn weights(&self, record: &Dictionary) -> Result<Weights> {
        let path = self.0.join(WEIGHTS_FILE);
        let bytes = storage::read_within(&path, MAX_WEIGHTS)?;
        if record.file_crc32c.is_some_and(|saved| saved != crc32c::crc32c(&bytes)) {
            let reason = format!(
                "its checksum differs from that in {RECORD_FILE}: the file was changed, or its training was killed while it was saved; restore \
                 a copy, or train another dictionary"
            );
            return Err(Error::bad_file(&path, reason));
        }
        let shape = [record.settings.width, record.columns];
        let read = Weights::from_safetensors(&bytes, record.settings.kind, shape);
        read.map_err(|error| Error::bad_file(&path, error.to_string()))
    }
}

/// Settings and weights of an autoencoder in SAELens' format, from `cfg.json` (up to version 6) and `sae_weights.safetensors`. ReLU
/// autoencoders are TopK ones in which all features may be active. `at` replaces the hook point of the file. Fails with the name of
/// what does not fit.
pub fn read_sae_lens(
    config: &[u8],
    weights: &[u8],
    at: Option<String>,
) -> Result<(DictionarySettings, Weights)> {
    let config: SaeLensConfig =
        serde_json::from_slice(config).map_err(|error| Error::Refused(format!("{CONFIG_FILE}: {error}")))?;
    let SaeLensConfig { architecture, d_in, d_sae, metadata, .. } = config;
    let mut kind = DictionaryKind::TopK;
    let k = match (architecture.as_str(), config.activation_fn_str.as_deref()) {
        ("jumprelu", None | Some("relu")) => {
            kind = DictionaryKind::JumpRelu;
            DictionarySettings::default().k.min(d_sae)
        }
        ("topk", None | Some("topk")) | ("standard", Some("topk")) => {
            let k = config.k.or(config.activation_fn_kwargs.and_then(|own| own.k));
            k.ok_or_else(|| Error::Refused(format!("{CONFIG_FILE} has no k")))?
        }
        ("standard", None | Some("relu")) => d_sae,
        ("topk" | "standard" | "jumprelu", Some(other)) => refuse!(
            "{CONFIG_FILE} has the activation function {other:?} in the architecture {architecture:?}; relu in standard and jumprelu, and topk, can be read"
        ),
        _ => refuse!(
            "{CONFIG_FILE} has the architecture {architecture:?}; topk, jumprelu and standard can be read"
        ),
    };
    for (name, value) in [
        ("normalize_activations", &config.normalize_activations),
        ("reshape_activations", &config.reshape_activations),
        ("finetuning_scaling_factor", &config.finetuning_scaling_factor),
    ] {
        // Heads are always concatenated here, as `hook_z` asks.
        let is_plain = matches!(value, Value::Null | Value::Bool(false))
            || matches!(value.as_str(), Some("none" | "hook_z"));
        if !is_plain {
            refuse!("{CONFIG_FILE} has {name} {value}; only dictionaries without it can be read");
        }
    }
    let named = || hook_point(&metadata.hook_name.or(config.hook_name).unwrap_or_default());
    let settings = DictionarySettings {
        at: at.unwrap_or_else(named),
        width: d_sae,
        kind,
        k,
        tokens: metadata.training_tokens.unwrap_or(0).clamp(d_sae as u64, MAX_TOKENS.max(d_sae as u64)),
        ..DictionarySettings::default()
    };
    settings.check().map_err(Error::Refused)?;
    let too_large = || Error::Refused(format!("{CONFIG_FILE} describes more weights than its file has"));
    let entries = d_sae.checked_mul(d_in).filter(|entries| *entries <= weights.len());
    entries.ok_or_else(too_large)?;
    let mut weights = Weights::from_safetensors(weights, kind, [d_sae, d_in])?;
    if config.rescale_acts_by_decoder_norm {
        weights.normalise();
    }
    if config.apply_b_dec_to_input {
        weights.center_input();
    }
    Ok((settings, weights))
}

/// The name here of a TransformerLens hook point, such as `blocks.1.hook_mlp_out`; other names stay.
fn hook_point(name: &str) -> String {
    let known = || {
        let (block, hook) = name.strip_prefix("blocks.")?.split_once('.')?;
        let block: usize = block.parse().ok()?;
        Some(match hook {
            "hook_resid_pre" => HookPoint::Stream(block),
            "ln1.hook_normalized" => HookPoint::AttentionInput(block),
            "attn.hook_z" => HookPoint::Attended(block),
            "hook_attn_out" => HookPoint::AttentionOutput(block),
            "hook_resid_mid" | "hook_mlp_in" => HookPoint::Between(block),
            "ln2.hook_normalized" => HookPoint::MlpInput(block),
            "mlp.hook_post" => HookPoint::Hidden(block),
            "hook_mlp_out" => HookPoint::MlpOutput(block),
            "hook_resid_post" => HookPoint::Stream(block.checked_add(1)?),
            _ => return None,
        })
    };
    known().map_or_else(|| name.to_owned(), |point| point.to_string())
}

#[derive(Deserialize)]
#[serde(default)]
struct SaeLensConfig {
    architecture: String,
    d_in: usize,
    d_sae: usize,
    k: Option<usize>,
    apply_b_dec_to_input: bool,
    rescale_acts_by_decoder_norm: bool,
    normalize_activations: Value,
    reshape_activations: Value,
    metadata: SaeLensMetadata,
    // The rest is from before SAELens 6.
    #[serde(alias = "activation_fn")]
    activation_fn_str: Option<String>,
    activation_fn_kwargs: Option<SaeLensActivation>,
    finetuning_scaling_factor: Value,
    #[serde(alias = "hook_point")]
    hook_name: Option<String>,
}

#[derive(Deserialize)]
struct SaeLensActivation {
    k: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaeLensMetadata {
    hook_name: Option<String>,
    training_tokens: Option<u64>,
}

impl Default for SaeLensConfig {
    fn default() -> Self {
        Self {
            architecture: "standard".to_owned(),
            d_in: 0,
            d_sae: 0,
            k: None,
            // SAELens subtracts the decoder bias unless the configuration says otherwise.
            apply_b_dec_to_input: true,
            rescale_acts_by_decoder_norm: false,
            normalize_activations: Value::Null,
            reshape_activations: Value::Null,
            metadata: SaeLensMetadata::default(),
            activation_fn_str: None,
            activation_fn_kwargs: None,
            finetuning_scaling_factor: Value::Null,
            hook_name: None,
        }
    }
}

/// `cfg.json` of SAELens 6. Ours subtracts no decoder bias from its input (`apply_b_dec_to_input`).
fn sae_lens_config(record: &Dictionary) -> Value {
    let mut config = json!({
        "architecture": record.settings.kind.name(),
        "d_in": record.columns,
        "d_sae": record.settings.width,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": false,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "hook_name": record.settings.at,
            "model_name": format!("{} at step {}", record.run, record.step),
            "model_class_name": "glasshouse",
            "training_tokens": record.curve.last().map_or(record.settings.tokens, |point| point.tokens),
        },
    });
    if record.settings.kind == DictionaryKind::TopK {
        config["k"] = record.settings.k.into();
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_were_changed_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DictionaryFolder(folder.path().join("1"));
        let settings = DictionarySettings { width: 6, k: 2, ..DictionarySettings::default() };
        let mut record = Dictionary { columns: 4, settings, ..Dictionary::default() };
        folder.save(&mut record, &Weights::new(6, 4)).unwrap();
        let record: Dictionary = storage::read_json(&folder.0.join(RECORD_FILE), MAX_RECORD).unwrap();
        assert_eq!(folder.weights(&record).unwrap().width(), 6);
        let path = folder.0.join(WEIGHTS_FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = folder.weights(&record).unwrap_err().to_string();
        assert!(error.contains("sae_weights.safetensors: its checksum differs"), "{error}");
    }
}
