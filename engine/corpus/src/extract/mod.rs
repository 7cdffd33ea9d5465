//! Prose from what is not plain text: web pages and wikitext. And the one step that readies a document for the rules, whatever it
//! was written in.

pub mod conservation;
pub mod html;
pub mod wikitext;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::document::{Document, Kind};
use crate::error::Result;
use crate::readers::Readers;
use crate::repair;

/// How text is made of documents that are not plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// For web pages.
    pub html: html::Settings,
}

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the field, its value and the rule that it breaks.
    pub fn validate(&self) -> Result<()> {
        self.html.validate()
    }
}

/// What was done to a document's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Web pages without main content, of which all visible text was taken.
    pub fallbacks: u64,
    /// Templates within sentences of wikitext of which nobody knows what they print.
    pub templates: u64,
    /// Sentences that were left out since one of those stands in them.
    pub sentences: u64,
    /// Words to be seen on web pages.
    pub words: u64,
    /// Those of them that main content does not have.
    pub words_left_out: u64,
    /// Why the text is less than what was chosen of the document: a trouble, though the text is of use.
    pub trouble: Option<String>,
    /// What repair changed.
    pub repaired: repair::Counts,
}

/// Makes text of a document as it was read, in place, where it is a page or wikitext; any other stays as it is. Title, language, date and
/// licence are filled in from the page where they are not known. `readers` are asked where this program has none for pages.
///
/// # Errors
/// One sentence on why the text cannot be made: the page is too large.
pub fn prose(
    document: &mut Document,
    settings: &Settings,
    readers: Option<Readers>,
) -> std::result::Result<Prepared, String> {
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
            prepared.trouble = page.lost;
            document.text = page.text;
            document.title = document.title.take().or(page.title);
            document.language = document.language.take().or(page.language);
            document.date = document.date.take().or(page.date);
            document.licence = document.licence.take().or(page.licence);
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

/// Makes clean text of a document as it was read, in place, by its kind. Title, language, date and licence are filled in from
/// the page where they are not known.
///
/// # Errors
/// One sentence on why the text cannot be made: the page is too large.
pub fn prepare(
    document: &mut Document,
    extract: &Settings,
    repair: &repair::Settings,
    readers: Option<Readers>,
) -> std::result::Result<Prepared, String> {
    let mut prepared = prose(document, extract, readers)?;
    let for_code;
    let settings = if matches!(document.kind, Kind::Code(_)) {
        for_code = repair.for_code();
        &for_code
    } else {
        repair
    };
    let (text, counts) = repair::repair(&document.text, settings);
    prepared.repaired = counts;
    if let std::borrow::Cow::Owned(text) = text {
        document.text = text;
    }
    if let Some(title) = &mut document.title
        && let (std::borrow::Cow::Owned(better), _) = repair::repair(title, repair)
    {
        *title = better;
    }
    Ok(prepared)
}
