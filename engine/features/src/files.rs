//! Dictionaries in the folder of their run: `features/N` with the record `dictionary.json`, and `sae_weights.safetensors` and `cfg.json`
//! as SAELens reads them.

use crate::weights::Weights;
use glasshouse_platform::{Error, Result, files, refuse, storage};
use glasshouse_project::Run;
use glasshouse_protocol::features::Dictionary;
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

    /// Opens a run's dictionary, or its latest. Fails if there is none, or it is damaged.
    pub fn open(run: &Run, number: Option<u64>) -> Result<(Self, Dictionary)> {
        // The record is written last: one that was interrupted before is none.
        let is_whole = |number: &u64| files::is_file(&Self::at(run, *number).0.join(RECORD_FILE));
        let numbers: Vec<u64> = Self::numbers(run).into_iter().filter(is_whole).collect();
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
            "training_tokens": record.curve.last().map_or(0, |point| point.tokens),
        },
    })
}
