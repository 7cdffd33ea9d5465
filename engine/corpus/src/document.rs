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
    /// A MediaWiki page: its wikitext is reduced to prose.
    Wikitext,
    /// Source code in a language of this name, as in `rust`: rules about prose pass it over.
    Code(String),
    /// A conversation, an instruction with its answer, or a preference: its turns are joined as text, and the record itself is
    /// kept in [`Document::record`] for the stages that train on it.
    Conversation,
}

/// A document, from the reader to the output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Where it was found, and which it is there: `pages/a.html`, `crawl.warc.gz#12`, `table.csv#3` (counted from 1). Unique in a corpus
    /// and the same each time.
    pub id: String,
    /// What it is counted under in the mixture: a field `source` where the record has one, else the first folder below what the
    /// person named, else the file's name.
    pub source: String,
    /// Under which licence, where the record, its catalogue entry or the recipe says; SPDX names where there is one.
    pub licence: Option<String>,
    /// Language where the record says, or as identified: ISO 639-3, as in `eng`.
    pub language: Option<String>,
    /// Genre where the record says, or by its folder.
    pub genre: Option<String>,
    /// Date as the record says it, as in `2024-05-01`.
    pub date: Option<String>,
    /// Where it was published.
    pub address: Option<String>,
    /// Title where there is one.
    pub title: Option<String>,
    /// How the text is written.
    pub kind: Kind,
    /// The text: as read, later as extracted, repaired and edited by rules.
    pub text: String,
    /// The record itself where later stages need more than text (`messages`, `prompt`/`chosen`/`rejected`, …).
    pub record: Option<Map<String, Value>>,
}
