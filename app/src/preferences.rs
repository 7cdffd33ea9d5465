//! What a person prefers; remembered across starts.

use glasshouse_protocol::Precision;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person prefers. Fields that are not known are passed over, so that another version's file is read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// `dark`, `light` or `system`.
    pub theme: String,
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
    /// How far each lesson was done, by the project's id and the lesson's name.
    #[serde(rename = "lessons_by_project")]
    pub lessons: BTreeMap<String, BTreeMap<String, LessonProgress>>,
}

/// What a person made of a lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonProgress {
    /// The question as it was asked.
    pub question: String,
    /// What was predicted, in words.
    pub prediction: String,
    /// The number of the choice from 0, or the number that was predicted.
    pub predicted: f64,
    /// What was measured since; `None` before that.
    pub measurement: Option<Measurement>,
}

/// What was measured for a lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// The measure's name.
    pub measure: String,
    /// What it came to: always finite.
    pub value: f64,
    /// What was measured, in a sentence.
    pub sentence: String,
    /// The prediction held.
    pub held: bool,
    /// The run that it was measured on, where there was one.
    pub run: Option<String>,
    /// Its step.
    pub step: Option<u64>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: "system".to_owned(),
            scale: 1.0,
            device: "auto".to_owned(),
            precision: Precision::F32,
            project: None,
            folds: BTreeMap::new(),
            lessons: BTreeMap::new(),
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
        let measurement = Measurement { value: 2.5, held: true, ..Measurement::default() };
        let done = LessonProgress { measurement: Some(measurement), ..LessonProgress::default() };
        let of_owls = preferences.lessons.entry("owls".to_owned()).or_default();
        of_owls.insert("01-text".to_owned(), done);
        let text = serde_json::to_string(&preferences).unwrap();
        assert_eq!(serde_json::from_str::<Preferences>(&text).unwrap(), preferences);
        let other = r#"{"theme": "light", "something_new": 3}"#;
        let read: Preferences = serde_json::from_str(other).unwrap();
        assert_eq!((read.theme.as_str(), read.scale), ("light", 1.0));
        // Before, progress was kept for no project: whose it was cannot be told.
        let before = r#"{"scale": 1.5, "lessons": {"01-text": {"question": "How many?", "predicted": 2}}}"#;
        let read: Preferences = serde_json::from_str(before).unwrap();
        assert_eq!((read.scale, read.lessons.len()), (1.5, 0));
    }
}
