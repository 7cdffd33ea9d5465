//! User-supplied lessons, and a learner's progress in lessons.

use serde::{Deserialize, Serialize};

/// A Markdown file with a lesson that is not built in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonFile {
    pub file: String,
    /// Its content; `None` if it cannot be read.
    pub text: Option<String>,
    pub problem: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonProgress {
    pub question: String,
    pub prediction: String,
    /// Index of the chosen option from 0, or the predicted number.
    pub predicted: f64,
    /// `None` until measured.
    pub measurement: Option<LessonMeasurement>,
    /// Answers to the lesson's test before and after it; empty until handed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonMeasurement {
    pub measure: String,
    /// The measured value; always finite.
    pub value: f64,
    pub sentence: String,
    /// Whether the prediction was right.
    pub held: bool,
    /// The measured run, if there is one.
    pub run: Option<String>,
    pub step: Option<u64>,
}
