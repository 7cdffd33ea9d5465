//! Race files: results of `glasshouse race`, which others can replay, and their tables.

use anyhow::{Context as _, Result, bail};
use glasshouse_protocol::blocks::{Block, Section};
use glasshouse_protocol::evaluation::{Cell, Metric, Table};
use glasshouse_protocol::quantity::{NOTHING, duration, percent};
use glasshouse_protocol::{DataConfig, DeviceDescription, RunConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Version of the file's format.
pub const VERSION: u64 = 1;
pub const MAX_BYTES: u64 = 64 << 20;

/// Contents of a race file. Its numbers have at most 15 digits, which JSON gives back exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// [`VERSION`].
    pub race: u64,
    /// Of the last weights, over the whole held-out split.
    pub bits_per_byte: f64,
    /// Its 95 % confidence interval.
    pub interval: Option<[f64; 2]>,
    /// The time limit.
    pub minutes: f64,
    /// Training time.
    pub seconds: f64,
    pub steps: u64,
    pub parameters: u64,
    pub held_out_bytes: u64,
    pub weights_crc32c: u32,
    pub evaluations: Vec<RaceEvaluation>,
    /// `None` for the built-in stories.
    pub data: Option<TextHash>,
    pub validation: Option<TextHash>,
    pub program: String,
    pub device: DeviceDescription,
    /// `run.toml`, without the paths of the text.
    pub settings: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RaceEvaluation {
    pub step: u64,
    pub train_loss: f64,
    pub val_loss: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextHash {
    /// Of the files' concatenated bytes, in the order of their paths.
    pub sha256: String,
    pub bytes: u64,
}

impl Race {
    /// The race of a file's text, and whether it is as it was written.
    pub fn from_text(text: &str) -> Result<(Self, bool)> {
        let mut value: Value = serde_json::from_str(text).context("it is no race file")?;
        match value.get("race").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                bail!(
                    "it has version {newer} of the format, but this program reads {VERSION}; update glasshouse"
                )
            }
            _ => bail!("it is no race file"),
        }
        let kept = value.as_object_mut().and_then(|fields| fields.shift_remove("checksum"));
        let intact = kept.as_ref().and_then(Value::as_str) == Some(checksum(&value)?.as_str());
        Ok((serde_json::from_value(value).context("it is damaged")?, intact))
    }
}

/// The SHA-256 of a race without its checksum. It reveals edits by accident only; a replay is the proof.
pub fn checksum(race: &Value) -> Result<String> {
    Ok(hexadecimal(Sha256::new().chain_update(serde_json::to_string(race)?)))
}

pub fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A table for each text, held-out split and time, the best race first.
pub fn blocks(races: &[(String, (Race, bool))]) -> Vec<Block> {
    let key = |race: &Race| {
        // What is planted or drawn more often is not held out.
        let split = |data: DataConfig| DataConfig { canaries: 0, mixture: BTreeMap::new(), ..data };
        let split = RunConfig::from_toml(&race.settings).ok().map(|config| split(config.data));
        (race.data.clone(), race.validation.clone(), split, race.minutes.to_bits())
    };
    let mut keys = Vec::new();
    races.iter().map(|(_, (race, _))| key(race)).for_each(|key| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    });
    let row = |(file, (race, intact)): &(String, (Race, bool))| -> [Cell; 8] {
        let metric = Metric { value: Some(race.bits_per_byte), interval: race.interval, ..Metric::default() };
        let shape =
            RunConfig::from_toml(&race.settings).map_or(NOTHING.to_owned(), |config| config.model.shape());
        [
            if *intact { file.as_str().into() } else { format!("{file} (edited)").into() },
            (&metric).into(),
            race.steps.into(),
            duration(race.seconds).into(),
            race.parameters.into(),
            shape.into(),
            race.device.to_string().into(),
            race.program.as_str().into(),
        ]
    };
    let columns = ["file", "bits per byte", "steps", "time", "parameters", "model", "device", "program"];
    let section = |own: &(Option<TextHash>, Option<TextHash>, Option<DataConfig>, u64)| {
        let rows = races.iter().filter(|(_, (race, _))| key(race) == *own).map(row);
        let (data, validation, split, minutes) = own;
        let named = |text: &TextHash| format!("text {}", text.sha256.get(..12).unwrap_or(&text.sha256));
        let text = data.as_ref().map_or("the built-in stories".to_owned(), named);
        let held_out = match (validation, split) {
            (Some(validation), _) => format!(", held-out {}", named(validation)),
            (None, Some(split)) => format!(", {} held out", percent(split.validation)),
            (None, None) => String::new(),
        };
        let title = format!("{} min", f64::from_bits(*minutes));
        let section = Section::new(title, [Block::Table(Table::new("", columns, rows))]);
        Block::Section(section.note(format!("{text}{held_out}")))
    };
    keys.iter().map(section).collect()
}
