//! What a person prefers; remembered across starts.

use glasshouse_protocol::{Moderation, Precision};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What a person prefers. Fields that are not known are passed over, so that another version's file is read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Dark or light.
    #[serde(deserialize_with = "known_or_default")]
    pub theme: ThemeChoice,
    /// Scale of everything, 1 as designed.
    pub scale: f32,
    /// Device wish.
    pub device: String,
    /// Precision of a project's first run, where the device offers it.
    pub precision: Precision,
    /// The project that was open last.
    pub project: Option<String>,
    /// What folds open or shut was left how, by the fold's name; also the hidden "what is this?" texts.
    pub folds: BTreeMap<String, bool>,
    /// What is done about words that many do not want to read, on Chat, on Write and by the window's server.
    #[serde(deserialize_with = "known_or_default")]
    pub moderation: ChosenModeration,
}

/// A theme, or what chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the system has it.
    #[default]
    System,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

/// Moderation as a person chose it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChosenModeration {
    /// What is done, and the person's own rules.
    pub settings: Moderation,
    /// The name of the file that those are from.
    pub rules_of: Option<String>,
}

impl ChosenModeration {
    /// What holds where a project has a classifier or none: one that has none is moderated by rules alone.
    pub fn holding(&self, has_classifier: bool) -> Moderation {
        Moderation { classifier: self.settings.classifier && has_classifier, ..self.settings.clone() }
    }
}

/// What another version has that this one does not know costs no other preference.
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
            folds: BTreeMap::new(),
            moderation: ChosenModeration::default(),
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
        preferences.moderation.settings.mode = glasshouse_protocol::ModerationMode::Filter;
        let text = serde_json::to_string(&preferences).unwrap();
        assert_eq!(serde_json::from_str::<Preferences>(&text).unwrap(), preferences);
        let other =
            r#"{"theme": "light", "something_new": 3, "moderation": {"settings": {"mode": "another"}}}"#;
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
