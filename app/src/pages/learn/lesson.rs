//! Lessons: Markdown files that begin with TOML between two lines of `+++`, which declares an instrument, a prediction and a
//! check. A file that cannot be read as a lesson is reported with its name, the line and the problem.

use super::markdown::{self, Block};
use super::measures::{self, Needs};
use glasshouse_protocol::{GenerateConfig, InspectSettings, RunConfig, TokenizerKind, View, names, presets};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The built-in lessons in order: file name and text.
pub const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/lessons.rs"));

/// The line before and after the TOML declaration.
const FENCE: &str = "+++";
/// Allowed number of choices of a prediction or a question.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=4;

#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// File name without its extension; the key under which progress is stored.
    pub name: String,
    pub head: Head,
    pub text: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub title: String,
    pub minutes: u32,
    pub instrument: Instrument,
    /// Asked before anything is measured.
    pub prediction: Prediction,
    pub check: Check,
    /// Places in the source code that implement the lesson's subject.
    #[serde(default)]
    pub code: Vec<Code>,
    #[serde(default)]
    pub run: Vec<Offer>,
    /// Asked before the prediction and after the measurement.
    #[serde(default)]
    pub test: Vec<Question>,
}

/// A question of a test.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub question: String,
    pub choices: Vec<String>,
    /// Number of the right choice, from 1.
    pub right: usize,
}

impl Question {
    /// The right choice.
    pub fn answer(&self) -> &str {
        self.choices.get(self.right.wrapping_sub(1)).map_or("", String::as_str)
    }

    pub fn is_right(&self, answer: &str) -> bool {
        answer == self.answer()
    }
}

/// A lesson's instrument: a view of the model, a plot of runs, or a text split into tokens.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Instrument {
    #[serde(deserialize_with = "named_view")]
    pub view: Option<View>,
    pub plot: Option<Plot>,
    pub tokens: Option<String>,
    pub prompt: String,
    /// The preset with generated rows whose runs are looked at; `None` for all presets that learn a text.
    pub preset: Option<String>,
    /// Layer index from 0.
    pub layer: Option<usize>,
    /// Head index from 0.
    pub head: Option<usize>,
    /// Position from 0; the last by default.
    pub position: Option<usize>,
    /// Number of listed entries.
    pub count: Option<usize>,
    pub temperature: Option<f32>,
    pub top_k: Option<usize>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// Training and validation loss of the latest run.
    Loss,
    /// Fractions right of the training and the held-out rows of the latest run.
    Accuracy,
    LearningRate,
    GradientNorm,
    Runs,
}

/// A question asked before anything is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    pub question: String,
    /// Ranges of the measured value, lowest first.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// Set if the answer is a number.
    #[serde(default)]
    pub number: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub text: String,
    /// Upper end of the range, exclusive; the previous choice's is the lower end, inclusive. `None` for the last choice.
    pub below: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub unit: String,
    /// Tolerance as a fraction of the measured value.
    pub within: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name of a measure in `measures::ALL`.
    pub measure: String,
    /// Explanation shown with the result.
    #[serde(default)]
    pub after: String,
}

/// A place in the source code that implements the lesson's subject.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    pub what: String,
    /// Path from the repository root.
    pub file: String,
    pub kernel: Option<String>,
}

/// A run that a lesson offers. Only text and tokenizer depend on the project, unless the preset has generated rows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The button's label.
    pub title: String,
    pub preset: String,
    pub seed: u64,
    pub steps: u64,
    /// Number of layers, if different from the preset's.
    pub layers: Option<usize>,
    /// Multiplier of the preset's learning rate.
    pub learning_rate_factor: Option<f64>,
}

/// A file that cannot be read as a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub file: String,
    /// Line number from 1.
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, line {}: {}", self.file, self.line, self.what)
    }
}

impl Lesson {
    /// Parses a lesson from its file's text.
    ///
    /// # Errors
    /// The problem and its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Broken> {
        let text = text.replace("\r\n", "\n");
        let broken = |line: usize, what: String| Broken { file: file.to_owned(), line, what };
        let Some(rest) = text.strip_prefix("+++\n") else {
            let what = format!("a lesson begins with a line of {FENCE} and a TOML header");
            return Err(broken(1, what));
        };
        let Some((declared, body)) = rest.split_once("\n+++\n") else {
            let what = format!("the header has no end: a line of {FENCE} ends it");
            return Err(broken(text.lines().count().max(1), what));
        };
        // Line 1 is the fence.
        let line_at = |at: usize| declared.get(..at).unwrap_or(declared).matches('\n').count() + 2;
        let head: Head = toml::from_str(declared).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(span.start));
            broken(line, names::with_suggestion(error.message()))
        })?;
        head.check().map_err(|(word, what)| {
            let place = declared.find(&word).unwrap_or_default();
            broken(line_at(place), what)
        })?;
        let text = markdown::parse(body);
        if text.is_empty() {
            return Err(broken(declared.lines().count() + 3, "the lesson has no text".to_owned()));
        }
        let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let name = base.strip_suffix(".md").unwrap_or(base).to_owned();
        Ok(Self { name, head, text })
    }
}

/// A problem: a word to find its line by, and the message.
type Wrong = (String, String);

fn wrong(word: &str, what: impl Into<String>) -> Wrong {
    (word.to_owned(), what.into())
}

impl Head {
    /// Checks what the types do not enforce.
    fn check(&self) -> Result<(), Wrong> {
        if self.title.trim().is_empty() {
            return Err(wrong("title", "the title is empty"));
        }
        self.instrument.check()?;
        self.prediction.check()?;
        self.check.fits(&self.instrument)?;
        for code in &self.code {
            if code.file.starts_with('/') || code.file.contains("..") || code.file.contains('\\') {
                let what = format!("file = {:?}: must be a path from the repository's root", code.file);
                return Err(wrong(&code.file, what));
            }
        }
        for offer in &self.run {
            offer.check()?;
        }
        for test in &self.test {
            if !CHOICES.contains(&test.choices.len()) || !(1..=test.choices.len()).contains(&test.right) {
                let (least, most) = (CHOICES.start(), CHOICES.end());
                let what = format!("a question has {least} to {most} choices; right is the number of one");
                return Err(wrong(&test.question, what));
            }
        }
        Ok(())
    }
}

impl Instrument {
    fn check(&self) -> Result<(), Wrong> {
        let given = [self.view.is_some(), self.plot.is_some(), self.tokens.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(wrong("[instrument]", "an instrument is one of: view, plot, tokens"));
        }
        if self.view.is_some() && self.prompt.trim().is_empty() {
            return Err(wrong("view", "a view needs a prompt"));
        }
        if self.tokens.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(wrong("tokens", "tokens, the text to tokenize, is empty"));
        }
        if let Some(name) = &self.preset {
            presets::preset(name).map_err(|what| wrong(name, what))?;
        }
        let sampling = self.sampling();
        sampling.validate().map_err(|broken| wrong(&broken.field, broken.to_string()))
    }

    pub fn sampling(&self) -> GenerateConfig {
        let default = GenerateConfig::default();
        GenerateConfig {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.unwrap_or(default.top_k),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            ..default
        }
    }

    pub fn settings(&self, view: View) -> InspectSettings {
        let default = InspectSettings::default();
        InspectSettings {
            layer: self.layer,
            head: self.head,
            position: self.position,
            count: self.count.unwrap_or(default.count),
            sampling: self.sampling(),
            every_part: view == View::WhatIf,
            ..default
        }
    }
}

impl Prediction {
    fn check(&self) -> Result<(), Wrong> {
        if let Some(number) = &self.number {
            if !self.choices.is_empty() {
                return Err(wrong("[prediction]", "a prediction is a number or one of several choices"));
            }
            if number.within <= 0.0 || !number.within.is_finite() {
                return Err(wrong("within", "within must be a share above 0, such as 0.2"));
            }
            return Ok(());
        }
        if !CHOICES.contains(&self.choices.len()) {
            let (least, most) = (CHOICES.start(), CHOICES.end());
            let what =
                format!("there are {} choices; a prediction has {least} to {most}", self.choices.len());
            return Err(wrong("[prediction]", what));
        }
        let ends: Vec<Option<f64>> = self.choices.iter().map(|choice| choice.below).collect();
        let Some((None, first)) = ends.split_last() else {
            let what = "the last choice must not have `below`: it covers all remaining values";
            return Err(wrong(self.choices.last().map_or("choices", |last| &last.text), what));
        };
        let mut before = f64::NEG_INFINITY;
        for (choice, end) in self.choices.iter().zip(first) {
            match end {
                Some(end) if *end > before => before = *end,
                Some(_) => return Err(wrong(&choice.text, "choices must be in the order of `below`")),
                None => {
                    let what = "every choice except the last must have `below`, a number";
                    return Err(wrong(&choice.text, what));
                }
            }
        }
        Ok(())
    }

    /// Index of the choice whose range contains `value`.
    pub fn choice_of(&self, value: f64) -> usize {
        let ends = self.choices.iter().map(|choice| choice.below.unwrap_or(f64::INFINITY));
        ends.take_while(|end| value >= *end).count().min(self.choices.len().saturating_sub(1))
    }

    /// Whether a prediction (a choice's index or a number) is right for `value`.
    pub fn holds(&self, predicted: f64, value: f64) -> bool {
        match &self.number {
            Some(number) => (predicted - value).abs() <= number.within * value.abs(),
            None => predicted == self.choice_of(value) as f64,
        }
    }
}

impl Check {
    fn fits(&self, instrument: &Instrument) -> Result<(), Wrong> {
        let Some(measure) = measures::find(&self.measure) else {
            let known = measures::ALL.iter().map(|measure| measure.name);
            return Err(wrong(&self.measure, names::unknown("measure", &self.measure, known)));
        };
        match measure.needs() {
            Needs::View(_) if instrument.prompt.trim().is_empty() => {
                let what = format!("{} measures the model and needs the instrument's prompt", measure.name);
                Err(wrong(&self.measure, what))
            }
            Needs::Tokens if instrument.tokens.is_none() => {
                let what = format!("{} needs the instrument's tokens, a text to tokenize", measure.name);
                Err(wrong(&self.measure, what))
            }
            _ => Ok(()),
        }
    }
}

impl Offer {
    fn check(&self) -> Result<(), Wrong> {
        let config = presets::preset(&self.preset).map_err(|what| wrong(&self.preset, what))?;
        let config = self.on(config);
        config.validate().map_err(|broken| wrong(&self.title, format!("{}: {broken}", self.title)))
    }

    /// The run's settings in a project with the draft settings `draft`, which supply text and tokenizer.
    ///
    /// # Errors
    /// The preset does not exist.
    pub fn config(&self, draft: &RunConfig) -> Result<RunConfig, String> {
        let mut config = self.on(presets::preset(&self.preset)?).on_text_of(draft);
        // An imported tokenizer has no training settings.
        if config.data.synthetic.is_none() && draft.tokenizer.kind != TokenizerKind::Imported {
            config.tokenizer = draft.tokenizer.clone();
            config.model.vocabulary = draft.model.vocabulary;
        }
        Ok(config)
    }

    fn on(&self, mut config: RunConfig) -> RunConfig {
        config.seed = self.seed;
        config.set_steps(self.steps);
        config.model.layers = self.layers.unwrap_or(config.model.layers);
        let rate = config.train.learning_rate * self.learning_rate_factor.unwrap_or(1.0);
        config.set_learning_rate(rate);
        config
    }
}

/// Deserializes a view by the name used in commands and addresses.
fn named_view<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<View>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests;
