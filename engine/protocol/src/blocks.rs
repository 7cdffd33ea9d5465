//! A report as data: what a person reads of a result. The window, the terminal and HTML pages draw the same blocks.
//!
//! Texts may come from files: renderers escape them, and shorten long ones.

use crate::cleaning::{TextChange, TextFate};
use crate::evaluation::{CalibrationBin, Metric, Table};

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Section(Section),
    Text(String),
    /// A less important sentence: the method, a source.
    Note(String),
    Warning(String),
    List(Vec<String>),
    /// The main numbers of a report, drawn large.
    Figures(Vec<Fact>),
    Facts(Vec<Fact>),
    Metrics(Vec<Metric>),
    Table(Table),
    Bars(Vec<Bar>),
    Series(Series),
    /// Accuracy by confidence.
    Reliability(Vec<CalibrationBin>),
    /// Text in a fixed-width font.
    Code(String),
    Excerpt(Excerpt),
}

/// A part of a report with a heading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Identifies it: the anchor on a page, the remembered fold in the window.
    pub key: String,
    pub title: String,
    /// Shown next to the title; may be empty.
    pub note: String,
    /// Starts folded; a terminal shows only its first block.
    pub is_closed: bool,
    pub blocks: Vec<Block>,
}

impl Section {
    pub fn new(title: impl Into<String>, blocks: impl IntoIterator<Item = Block>) -> Self {
        let title = title.into();
        let key = title.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' });
        let key = key.collect::<String>().to_lowercase();
        Self { key, title, blocks: blocks.into_iter().collect(), ..Self::default() }
    }

    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    #[must_use]
    pub fn closed(self) -> Self {
        Self { is_closed: true, ..self }
    }

    /// The section as a block; `None` if it is empty.
    pub fn block(self) -> Option<Block> {
        (!self.blocks.is_empty()).then_some(Block::Section(self))
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    pub name: String,
    pub value: String,
    /// The value in full, for tooltips; may be empty.
    pub exact: String,
    /// A sentence below; may be empty.
    pub note: String,
    /// A difference that a drawing compares with 0.
    pub difference: Option<Metric>,
}

impl Fact {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), ..Self::default() }
    }

    #[must_use]
    pub fn exact(self, exact: impl Into<String>) -> Self {
        Self { exact: exact.into(), ..self }
    }

    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// A length from 0 with its name and its value as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    pub name: String,
    pub length: f64,
    pub text: String,
}

/// A metric of groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub title: String,
    /// What the groups are, if they have an order: then they are joined by a line.
    pub axis: Option<String>,
    pub groups: Vec<(String, Metric)>,
    /// Value of all groups together.
    pub mean: Option<f64>,
}

/// The beginning of a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Excerpt {
    pub title: String,
    pub note: String,
    /// Why it was removed, or is wrong; may be empty.
    pub reason: String,
    pub text: Vec<TextChange>,
}

impl Excerpt {
    pub fn new(title: impl Into<String>, note: impl Into<String>, text: impl Into<String>) -> Self {
        let text = vec![TextChange { fate: TextFate::Same, text: text.into() }];
        Self { title: title.into(), note: note.into(), text, ..Self::default() }
    }

    /// The text, with removed parts as `[-old-]` and added ones as `{+new+}`.
    pub fn plain(&self) -> String {
        let parts = self.text.iter().map(|change| match change.fate {
            TextFate::Same => change.text.clone(),
            TextFate::Removed => format!("[-{}-]", change.text),
            TextFate::Added => format!("{{+{}+}}", change.text),
        });
        parts.collect()
    }
}
