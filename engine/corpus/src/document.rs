//! One document on its way through the bench.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a document's text is written, which decides how prose is made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text as it is.
    #[default]
    Plain,
    /// Markdown: kept as it is, since its marks are few and mean something.
    Markdown,
    /// A web page: its main content is taken.
    Html,
    /// A piece of a web page, such as a post of a forum: all of it is content.
    HtmlFragment,
    /// A MediaWiki page: its wikitext is reduced to prose.
    Wikitext,
    /// Source code in a language of this name, as in `rust`: rules about prose pass it over.
    Code(String),
    /// A conversation, an instruction with its answer, or a preference: its turns are joined as text, and the record itself is
    /// kept in [`Document::record`] for the stages that train on it.
    Conversation,
}

impl Kind {
    /// Whether prose has yet to be made of it.
    pub fn is_marked_up(&self) -> bool {
        matches!(self, Self::Html | Self::HtmlFragment | Self::Wikitext)
    }

    /// Whether it is plain text, which goes without saying.
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// A document, from the reader to the output, and a line of `kept.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// Where it was found, and which it is there: `pages/a.html`, `crawl.warc.gz#12`, `table.csv#3` (counted from 1), behind a
    /// colon what the record calls itself, as in `table.csv#3:Q42`. Unique in a corpus and the same each time.
    pub id: String,
    /// What it is counted under in the mixture: a field `source` where the record has one, else the first folder below what the
    /// person named, else the file's name.
    pub source: String,
    /// Under which licence, where the record, its catalogue entry or the recipe says; SPDX names where there is one. Always written:
    /// `null` where it is not known.
    pub licence: Option<String>,
    /// Language where the record says, or as identified: ISO 639-3, as in `eng`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Genre where the record says, or by its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// Date as the record says it, as in `2024-05-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Where it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Title where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How the text is written.
    #[serde(skip_serializing_if = "Kind::is_plain")]
    pub kind: Kind,
    /// The text: as read, later as extracted, repaired and edited by rules.
    pub text: String,
    /// The record itself where later stages need more than text (`messages`, `prompt`/`chosen`/`rejected`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Map<String, Value>>,
}
