//! Text from web pages: the main content, without navigation, scripts, banners and advertisements; headings, lists, tables,
//! quotations and code kept in the manner of Markdown.
//!
//! ```text
//! page ─ html5ever, guarded ─► tree ─ without what is hidden ─► paragraphs ─┬─────────────────────────────► writer ─► text
//!                                                                           └─ sketch ─ trafilatura ─ which ─┘
//! ```

#[cfg(feature = "pages")]
mod choice;
#[cfg(feature = "pages")]
mod content;
#[cfg(feature = "pages")]
mod formula;
#[cfg(feature = "pages")]
mod hidden;
#[cfg(feature = "pages")]
mod metadata;
#[cfg(feature = "pages")]
mod sift;
#[cfg(feature = "pages")]
mod streamed;
#[cfg(feature = "pages")]
mod tags;
#[cfg(feature = "pages")]
mod tree;
#[cfg(not(feature = "pages"))]
#[path = "refused.rs"]
mod tree;
#[cfg(feature = "pages")]
mod writer;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::error::{Error, Result};
use crate::readers::Readers;

/// What is taken of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The main content, as trafilatura finds it.
    #[default]
    MainContent,
    /// All visible text, navigation and all.
    AllText,
}

/// How text is made of pages.
#[derive(Clone, Debug, PartialEq, Eq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is taken of a page.
    pub mode: Mode,
    /// Main content of fewer bytes than this is held for a mistake, and all visible text is taken instead where there is more.
    #[default = 100]
    pub shortest_main_content: usize,
    /// Bytes of the largest page that is read. Common Crawl cuts pages at 1 MiB (5 MiB since 2025).
    #[default(16 << 20)]
    pub largest_page: usize,
    /// Elements of the largest page that main content is looked for in; of a larger one all visible text is taken.
    #[default = 50_000]
    pub most_elements: usize,
}

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    /// A limit is zero, or too large for memory to be bounded.
    pub fn validate(&self) -> Result<()> {
        // Positions in the tree's text are of 32 bits.
        const MAX_LIMIT: usize = 1 << 30;
        for (name, value) in [("largest_page", self.largest_page), ("most_elements", self.most_elements)] {
            if value == 0 || value > MAX_LIMIT {
                return Err(Error::Invalid(format!(
                    "extract.html.{name} is {value}; it must lie from 1 to {MAX_LIMIT}."
                )));
            }
        }
        Ok(())
    }
}

/// What a page holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub text: String,
    /// Its language where it says so: ISO 639-3, as in `eng`.
    pub language: Option<String>,
    /// When it was published: `2024-05-01`.
    pub date: Option<String>,
    /// Under which licence, where it links one: SPDX names for Creative Commons, else the address.
    pub licence: Option<String>,
    /// Whether all visible text was taken because no main content was found.
    pub fallback: bool,
    /// Words to be seen on the page, and those of them in the paragraphs that were taken.
    pub words: usize,
    /// See [`words`](Self::words).
    pub words_taken: usize,
    /// What of the paragraphs that were taken is not in the text, where that is too much.
    pub lost: Option<String>,
}

/// Takes the text of a page.
///
/// # Errors
/// The page is larger than the settings allow.
pub fn page(html: &str, settings: &Settings) -> std::result::Result<Page, String> {
    check_size(html, settings)?;
    tree::page(html, settings)
}

/// As [`page`], by a reader outside of this program.
///
/// # Errors
/// The page is larger than the settings allow, or the reader fails.
pub fn page_elsewhere(
    html: &str,
    settings: &Settings,
    readers: Readers,
) -> std::result::Result<Page, String> {
    check_size(html, settings)?;
    let settings = serde_json::to_string(settings).map_err(|error| error.to_string())?;
    let page = (readers.page)(&settings, html)?;
    serde_json::from_str(&page).map_err(|error| error.to_string())
}

fn check_size(html: &str, settings: &Settings) -> std::result::Result<(), String> {
    if html.len() > settings.largest_page {
        return Err(format!(
            "the page has {} bytes, more than the {} that extract.html.largest_page allows",
            html.len(),
            settings.largest_page
        ));
    }
    Ok(())
}
