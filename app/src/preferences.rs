//! The person's preferences, stored across starts.

use glasshouse_protocol::evaluation::LossUnit;
use glasshouse_protocol::{Moderation, Precision};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The person's preferences. Unknown fields are ignored, so that files of other versions can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    #[serde(deserialize_with = "known_or_default")]
    pub theme: ThemeChoice,
    /// Scale of the interface; 1 by default.
    pub scale: f32,
    pub device: String,
    /// Precision of a project's first run, if the device supports it.
    pub precision: Precision,
    pub project: Option<String>,
    /// Single keys open pages and pause training.
    pub single_keys: bool,
    /// Folds that were opened or closed, by key, including the "what is this?" texts.
    pub folds: BTreeMap<String, bool>,
    #[serde(deserialize_with = "known_or_default")]
    pub loss_unit: LossUnit,
    /// Moderation on the Chat and Write pages and by the window's server.
    #[serde(deserialize_with = "known_or_default")]
    pub moderation: Moderation,
    /// Settings of the window's server.
    #[serde(deserialize_with = "known_or_default")]
    pub serving: ChosenServing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    #[default]
    System,
    Dark,
    Light,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChosenServing {
    /// 0 takes 8080, or any free port.
    pub port: u16,
    /// Bearer token that requests must send; empty for none.
    pub token: String,
    /// Origin of web pages that may send requests, or `*`; empty for none.
    pub cors: String,
}

/// The default for unknown values, so that a value of another version does not discard all preferences.
fn known_or_default<'de, T: Default + DeserializeOwned, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            scale: 1.0,
            device: "auto".to_owned(),
            precision: Precision::F32,
            project: None,
            single_keys: true,
            folds: BTreeMap::new(),
            loss_unit: LossUnit::default(),
            moderation: Moderation::default(),
            serving: ChosenServing::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_survive_json_and_other_versions() {
        let mut preferences = Preferences { scale: 1.25, ..Preferences::default() };
        preferences.folds.insert("what:train".to_owned(), false);
        preferences.moderation.mode = glasshouse_protocol::ModerationMode::Filter;
        let text = serde_json::to_string(&preferences).unwrap();
        assert_eq!(serde_json::from_str::<Preferences>(&text).unwrap(), preferences);
        let other = r#"{"theme": "light", "something_new": 3, "moderation": {"mode": "another"}}"#;
        let read: Preferences = serde_json::from_str(other).unwrap();
        assert_eq!((read.theme, read.scale), (ThemeChoice::Light, 1.0));
        let words = [r#""dark""#, r#""system""#, r#""sepia""#, "3"];
        let read = |word: &str| {
            serde_json::from_str::<Preferences>(&format!(r#"{{"theme": {word}, "scale": 1.5}}"#))
        };
        let read = words.map(|word| read(word).unwrap());
        let themes = [ThemeChoice::Dark, ThemeChoice::System, ThemeChoice::System, ThemeChoice::System];
        assert_eq!(read.clone().map(|read| read.theme), themes);
        assert!(read.iter().all(|read| read.scale == 1.5));
        assert!(serde_json::to_string(&read[0]).unwrap().contains(r#""theme":"dark""#));
    }
}
