//! Extracts prose from web pages and wikitext, and prepares documents of any kind for the rules.

pub mod html;
pub(crate) mod script;
pub mod wikitext;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::error::Result;
use crate::readers::Readers;
use crate::repair;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub html: html::Settings,
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.html.validate()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Web pages without main content, of which all visible text was used.
    pub fallbacks: u64,
    /// Templates inside wikitext sentences with unknown output.
    pub templates: u64,
    /// Sentences removed because of such a template.
    pub sentences: u64,
    /// Words visible on web pages.
    pub words: u64,
    /// Words that are not in the main content.
    pub words_left_out: u64,
    pub repaired: repair::Counts,
}

/// Converts a document in place to prose if it is a page or wikitext. Unknown title, language, date and licence are filled in
/// from the page. `readers` are used if this program has no page reader.
pub fn prose(
    document: &mut Document,
    settings: &Settings,
    readers: Option<Readers>,
) -> Result<Prepared, String> {
    let mut prepared = Prepared::default();
    match document.kind {
        Kind::Html | Kind::HtmlFragment => {
            let mut settings = settings.html.clone();
            if document.kind == Kind::HtmlFragment {
                settings.mode = html::Mode::AllText;
            }
            let page = match readers {
                Some(readers) => html::page_elsewhere(&document.text, &settings, readers)?,
                None => html::page(&document.text, &settings)?,
            };
            prepared.fallbacks = u64::from(page.fallback);
            prepared.words = page.words as u64;
            prepared.words_left_out = page.words.saturating_sub(page.words_taken) as u64;
            document.text = page.text;
            document.title = document.title.take().or(page.title);
            document.language = document.language.take().or(page.language);
            document.date = document.date.take().or(page.date);
            if document.licence.is_none() {
                (document.licence, document.licence_rank) = (page.licence, page.licence_rank);
            }
        }
        Kind::Wikitext => {
            let made = wikitext::prose(&document.text);
            (prepared.templates, prepared.sentences) = (made.templates, made.sentences);
            document.text = made.text;
        }
        Kind::Plain | Kind::Markdown | Kind::Code(_) | Kind::Conversation => {}
    }
    Ok(prepared)
}

/// Converts a document in place to clean text, by its kind. Unknown title, language, date and licence are filled in from the
/// page.
pub fn prepare(
    document: &mut Document,
    extract: &Settings,
    repair: &repair::Settings,
    readers: Option<Readers>,
) -> Result<Prepared, String> {
    let mut prepared = prose(document, extract, readers)?;
    if !repair.enabled {
        return Ok(prepared);
    }
    let (text, counts) = repair::repair(&document.text, matches!(document.kind, Kind::Code(_)));
    prepared.repaired = counts;
    if let std::borrow::Cow::Owned(text) = text {
        document.text = text;
    }
    if let Some(title) = &mut document.title
        && let (std::borrow::Cow::Owned(better), _) = repair::repair(title, false)
    {
        *title = better;
    }
    Ok(prepared)
}
