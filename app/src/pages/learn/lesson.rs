//! A lesson: one Markdown file, which begins with what it declares of its instrument, its prediction and its check, as TOML between
//! two lines of `+++`. A file that is no lesson is refused by name, with the line and what is wrong with it.

use super::markdown::{self, Block};
use super::measures::{self, Needs};
use glasshouse_protocol::{GenerateConfig, InspectSettings, RunConfig, TokenizerKind, View, names, presets};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The lessons of the program: each file's name and its text, in order.
pub const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/lessons.rs"));

/// What stands before and behind a declaration.
const FENCE: &str = "+++";
/// Choices that a prediction may have.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=4;

/// A lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Its file's name without the ending: what progress is kept by.
    pub name: String,
    /// What it declares.
    pub head: Head,
    /// Its text.
    pub text: Vec<Block>,
}

/// What a lesson declares.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its title.
    pub title: String,
    /// Minutes that it takes.
    pub minutes: u32,
    /// What is looked at.
    pub instrument: Instrument,
    /// What is asked before anything is measured.
    pub prediction: Prediction,
    /// What is measured.
    pub check: Check,
    /// Where the program does what the lesson is about.
    #[serde(default)]
    pub code: Vec<Code>,
    /// Runs that it offers to train.
    #[serde(default)]
    pub run: Vec<Offer>,
}

/// What is looked at: a view of the model, a plot of runs, or a text in tokens.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Instrument {
    /// A view of the Inspect page.
    #[serde(deserialize_with = "named_view")]
    pub view: Option<View>,
    /// A plot of runs.
    pub plot: Option<Plot>,
    /// A text that is cut into tokens.
    pub tokens: Option<String>,
    /// What the model works on, for a view.
    pub prompt: String,
    /// The layer, from 0.
    pub layer: Option<usize>,
    /// The head, from 0.
    pub head: Option<usize>,
    /// The position, from 0; the last unless said.
    pub position: Option<usize>,
    /// The neuron whose passages are looked for.
    pub neuron: Option<usize>,
    /// How many are listed.
    pub count: Option<usize>,
    /// The temperature of the next token's draw.
    pub temperature: Option<f32>,
    /// Its top-k.
    pub top_k: Option<usize>,
    /// Its top-p.
    pub top_p: Option<f32>,
    /// Its min-p.
    pub min_p: Option<f32>,
}

/// A plot of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// Training and validation loss of the latest run.
    Loss,
    /// Its learning rate.
    LearningRate,
    /// Its gradient's norm.
    GradientNorm,
    /// Validation losses of all runs.
    Runs,
}

/// What is asked before anything is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The question.
    pub question: String,
    /// Answers to choose from: ranges of what is measured, the lowest first.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The answer is a number.
    #[serde(default)]
    pub number: Option<Number>,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What it says.
    pub text: String,
    /// It holds for what is measured below this and not below the choice before; the last one has no such end.
    pub below: Option<f64>,
}

/// A number to predict.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// What it counts.
    pub unit: String,
    /// How far off it may be, as a share of what is measured.
    pub within: f64,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A measure's name.
    pub measure: String,
    /// What to make of it, shown with it.
    #[serde(default)]
    pub after: String,
}

/// Where the program does what a lesson is about.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// What is done there.
    pub what: String,
    /// The file, from the repository's root.
    pub file: String,
    /// The kernel that does it on a GPU.
    pub kernel: Option<String>,
}

/// A run that a lesson offers: the same for everybody, but for the project's own text and tokenizer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What the button says.
    pub title: String,
    /// The preset.
    pub preset: String,
    /// The seed.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Layers, where not those of the preset.
    pub layers: Option<usize>,
    /// The preset's learning rate times this.
    pub learning_rate_factor: Option<f64>,
}

/// A file that is no lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, line {}: {}", self.file, self.line, self.what)
    }
}

impl Lesson {
    /// Reads a lesson from its file's text.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Broken> {
        let text = text.replace("\r\n", "\n");
        let broken = |line: usize, what: String| Broken { file: file.to_owned(), line, what };
        let Some(rest) = text.strip_prefix("+++\n") else {
            let what = format!("a lesson begins with a line of {FENCE} and what it declares as TOML");
            return Err(broken(1, what));
        };
        let Some((declared, body)) = rest.split_once("\n+++\n") else {
            let what = format!("the declaration has no end: a line of {FENCE} ends it");
            return Err(broken(text.lines().count().max(1), what));
        };
        // The fence is the first line.
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

/// What is wrong: a word that the line holds, and the sentence.
type Wrong = (String, String);

fn wrong(word: &str, what: impl Into<String>) -> Wrong {
    (word.to_owned(), what.into())
}

impl Head {
    /// What the types leave open.
    fn check(&self) -> Result<(), Wrong> {
        if self.title.trim().is_empty() {
            return Err(wrong("title", "the title is empty"));
        }
        self.instrument.check()?;
        self.prediction.check()?;
        self.check.fits(&self.instrument)?;
        for code in &self.code {
            if code.file.starts_with('/') || code.file.contains("..") || code.file.contains('\\') {
                let what = format!("file = {:?}: a path from the repository's root", code.file);
                return Err(wrong(&code.file, what));
            }
        }
        for offer in &self.run {
            offer.check()?;
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
            return Err(wrong("tokens", "tokens is the text to cut, and it is empty"));
        }
        let sampling = self.sampling();
        sampling.validate().map_err(|broken| wrong(&broken.field, broken.to_string()))
    }

    /// How the next token is drawn.
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

    /// What is looked at within a view that is measured.
    pub fn settings(&self, view: View) -> InspectSettings {
        let default = InspectSettings::default();
        InspectSettings {
            layer: self.layer,
            head: self.head,
            position: self.position,
            neuron: self.neuron,
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
                return Err(wrong("within", "within is a share above 0, as 0.2"));
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
            let what = "the last choice has no `below`: it holds for all that is left";
            return Err(wrong(self.choices.last().map_or("choices", |last| &last.text), what));
        };
        let mut before = f64::NEG_INFINITY;
        for (choice, end) in self.choices.iter().zip(first) {
            match end {
                Some(end) if *end > before => before = *end,
                Some(_) => return Err(wrong(&choice.text, "choices stand in the order of `below`")),
                None => return Err(wrong(&choice.text, "every choice but the last has `below`, a number")),
            }
        }
        Ok(())
    }

    /// The choice that holds for a value, by its number.
    pub fn choice_of(&self, value: f64) -> usize {
        let ends = self.choices.iter().map(|choice| choice.below.unwrap_or(f64::INFINITY));
        ends.take_while(|end| value >= *end).count().min(self.choices.len().saturating_sub(1))
    }

    /// Whether a prediction holds for a value: the choice's number, or the number.
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
                let what = format!("{} looks into the model and needs the instrument's prompt", measure.name);
                Err(wrong(&self.measure, what))
            }
            Needs::Tokens if instrument.tokens.is_none() => {
                let what = format!("{} needs the instrument's tokens, a text to cut", measure.name);
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

    /// The run's settings in a project whose next run would have those of `draft`: text and tokenizer are the project's.
    ///
    /// # Errors
    /// A preset that does not exist.
    pub fn config(&self, draft: &RunConfig) -> Result<RunConfig, String> {
        let mut config = self.on(presets::preset(&self.preset)?);
        config.data = draft.data.clone();
        config.device.clone_from(&draft.device);
        // One that came with a model has nothing to be trained by.
        if draft.tokenizer.kind != TokenizerKind::Imported {
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

/// A view by its name, as commands and addresses have it.
fn named_view<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<View>, D::Error> {
    let name = String::deserialize(deserializer)?;
    View::from_name(&name)
        .map(Some)
        .ok_or_else(|| D::Error::custom(names::unknown("view", &name, View::ALL.into_iter().map(View::name))))
}

#[cfg(test)]
mod tests;
