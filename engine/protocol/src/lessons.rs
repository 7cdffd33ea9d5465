//! Lessons of a teacher's, and what a learner made of lessons.

use serde::{Deserialize, Serialize};

/// A Markdown file that stands beside the program's lessons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonFile {
    /// Its path.
    pub file: String,
    /// What it says; `None` where it cannot be read.
    pub text: Option<String>,
    /// Why it cannot be read.
    pub problem: Option<String>,
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
    pub measurement: Option<LessonMeasurement>,
}

/// What was measured for a lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonMeasurement {
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
