//! A document in the pipeline.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Plain,
    /// Markdown: kept as it is, since its marks are few and meaningful.
    Markdown,
    /// A web page: its main content is extracted.
    Html,
    /// A fragment of a web page, such as a forum post: all of it is content.
    HtmlFragment,
    /// A MediaWiki page: prose is extracted from its wikitext.
    Wikitext,
    /// Source code in this language, for example `rust`: rules for prose do not apply.
    Code(String),
    /// A conversation, an instruction with its response, or a preference: its turns are joined as text, and
    /// [`Document::record`] keeps the record for training.
    Conversation,
}

impl Kind {
    pub fn is_marked_up(&self) -> bool {
        matches!(self, Self::Html | Self::HtmlFragment | Self::Wikitext)
    }

    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// Reliability of a page's metadata, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Machine-readable.
    Stated,
    /// Stated for readers.
    Shown,
    /// Found in the text, possibly about something else.
    Found,
}

/// A document, from the reader to a line of `kept.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// Its file, its number there and its own id: `pages/a.html`, `crawl.warc.gz#12`, `table.csv#3` (counted from 1),
    /// `table.csv#3:Q42` for a record with the id Q42. Unique in a corpus and reproducible.
    pub id: String,
    /// Its source in the mixture: the record's field `source`, else the first folder below the given path, else the file's
    /// name.
    pub source: String,
    /// Its licence, if stated by the record, its catalogue entry or the recipe; an SPDX name if there is one. Always written:
    /// `null` if unknown.
    pub licence: Option<String>,
    /// For a licence read from a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence_rank: Option<Rank>,
    /// Stated or identified language, as ISO 639-3 such as `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Genre, if stated by the record or its folder's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// Date as stated, for example `2024-05-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Kind::is_plain")]
    pub kind: Kind,
    /// The text: as read, later as extracted, repaired and edited by rules.
    pub text: String,
    /// The record, if training needs more than text (`messages`, `prompt`/`chosen`/`rejected`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Map<String, Value>>,
}

impl Document {
    /// Approximate memory of its text and record.
    pub fn bytes(&self) -> usize {
        let record = self.record.iter().flatten().map(|(name, value)| name.len() + of_value(value));
        self.text.len() + record.sum::<usize>()
    }
}

fn of_value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of_value).sum(),
            Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + of_value(value)).sum(),
            _ => 0,
        }
}
