//! Dictionaries in the folder of their run: `features/N` with the record `dictionary.json`, and `sae_weights.safetensors` and `cfg.json`
//! as SAELens reads them.

use crate::weights::Weights;
use glasshouse_platform::{Error, Result, files, refuse, storage};
use glasshouse_project::Run;
use glasshouse_protocol::features::{Dictionary, DictionarySettings};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Files of a dictionary that SAELens reads, and the record.
pub const WEIGHTS_FILE: &str = "sae_weights.safetensors";
pub const CONFIG_FILE: &str = "cfg.json";
const RECORD_FILE: &str = "dictionary.json";
/// Folder in a run.
const FOLDER: &str = "features";
/// Maximum bytes of the record and of the weights.
const MAX_RECORD: u64 = 1 << 24;
const MAX_WEIGHTS: u64 = 1 << 33;

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
        let record: Dictionary = storage::read_json(&path, MAX_RECORD)?;
        record.settings.check().map_err(|reason| Error::bad_file(&path, reason))?;
        Ok((folder, record))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Saves the dictionary so far, the record last.
    pub fn save(&self, record: &Dictionary, weights: &Weights) -> Result<()> {
        storage::create_folder(&self.0)?;
        storage::write_atomically(&self.0.join(WEIGHTS_FILE), &weights.to_safetensors()?)?;
        storage::write_json(&self.0.join(CONFIG_FILE), &sae_lens_config(record))?;
        self.save_record(record)
    }

    pub fn save_record(&self, record: &Dictionary) -> Result<()> {
        storage::write_json(&self.0.join(RECORD_FILE), record)
    }

    pub fn weights(&self, record: &Dictionary) -> Result<Weights> {
        let path = self.0.join(WEIGHTS_FILE);
        let read = Weights::from_safetensors(
            &storage::read_within(&path, MAX_WEIGHTS)?,
            record.settings.width,
            record.columns,
        );
        read.map_err(|error| Error::bad_file(&path, error.to_string()))
    }
}

/// Settings and weights of an autoencoder in SAELens' format, from `cfg.json` and `sae_weights.safetensors`. ReLU autoencoders (`standard`) are
/// TopK ones in which all features may be active. Fails with the name of what does not fit.
pub fn read_sae_lens(config: &[u8], weights: &[u8]) -> Result<(DictionarySettings, Weights)> {
    let config: SaeLensConfig =
        serde_json::from_slice(config).map_err(|error| Error::Refused(format!("{CONFIG_FILE}: {error}")))?;
    let SaeLensConfig { architecture, d_in, d_sae, k, metadata, .. } = config;
    let k = match (architecture.as_str(), k) {
        ("topk", Some(k)) => k,
        ("standard", _) => d_sae,
        ("topk", None) => refuse!("{CONFIG_FILE} has no k"),
        _ => refuse!("{CONFIG_FILE} has the architecture {architecture:?}; topk and standard can be read"),
    };
    for (name, value) in [
        ("normalize_activations", &config.normalize_activations),
        ("reshape_activations", &config.reshape_activations),
    ] {
        if value.as_deref().is_some_and(|value| value != "none") {
            refuse!(
                "{CONFIG_FILE} has {name} {:?}; only \"none\" can be read",
                value.as_deref().unwrap_or("")
            );
        }
    }
    let settings = DictionarySettings {
        at: metadata.hook_name.or(config.hook_name).unwrap_or_default(),
        width: d_sae,
        k,
        tokens: metadata.training_tokens.unwrap_or(0).max(d_sae as u64),
        ..DictionarySettings::default()
    };
    settings.check().map_err(Error::Refused)?;
    let too_large = || Error::Refused(format!("{CONFIG_FILE} describes more weights than its file has"));
    let entries = d_sae.checked_mul(d_in).filter(|entries| *entries <= weights.len());
    entries.ok_or_else(too_large)?;
    let mut weights = Weights::from_safetensors(weights, d_sae, d_in)?;
    if config.rescale_acts_by_decoder_norm {
        weights.normalise();
    }
    if config.apply_b_dec_to_input {
        weights.center_input();
    }
    Ok((settings, weights))
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
    normalize_activations: Option<String>,
    reshape_activations: Option<String>,
    /// Before SAELens 6.
    hook_name: Option<String>,
    metadata: SaeLensMetadata,
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
            architecture: String::new(),
            d_in: 0,
            d_sae: 0,
            k: None,
            // SAELens subtracts the decoder bias unless the configuration says otherwise.
            apply_b_dec_to_input: true,
            rescale_acts_by_decoder_norm: false,
            normalize_activations: None,
            reshape_activations: None,
            hook_name: None,
            metadata: SaeLensMetadata::default(),
        }
    }
}

/// `cfg.json` of SAELens 6 for a TopK autoencoder. Ours subtracts no decoder bias from its input (`apply_b_dec_to_input`).
fn sae_lens_config(record: &Dictionary) -> serde_json::Value {
    json!({
        "architecture": "topk",
        "d_in": record.columns,
        "d_sae": record.settings.width,
        "k": record.settings.k,
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
    })
}
