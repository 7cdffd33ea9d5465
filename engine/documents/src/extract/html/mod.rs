//! Extracts text from web pages: the main content, without navigation, scripts, banners and advertisements. Headings, lists,
//! tables, quotations and code are kept as in Markdown.
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
mod tags;
#[cfg(feature = "pages")]
mod tree;
#[cfg(not(feature = "pages"))]
#[path = "refused.rs"]
mod tree;
#[cfg(feature = "pages")]
mod writer;

#[cfg(test)]
mod tests;

use crate::document::Rank;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::readers::Readers;
use crate::{settings, threshold::Thresholds as _};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    MainContent,
    AllText,
}

// Positions in the tree's text have 32 bits.
settings! {
    Settings {
        shortest_main_content: usize = 100, 0 to 1_073_741_824,
            "Main content below this many bytes is considered a mistake, and all visible text is used instead if there is more.";
        largest_page: usize = 16 << 20, 1 to 1_073_741_824, "Maximum bytes of a page. Common Crawl truncates pages at 1 MiB (5 MiB since 2025).";
        most_elements: usize = 50_000, 1 to 1_073_741_824,
            "Maximum number of elements of a page for main-content extraction; larger pages yield all visible text.";
    }
    lists {
        mode: Mode = Mode::MainContent, "The part of a page that is used.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.check("extract.html.")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    pub title: Option<String>,
    pub text: String,
    /// Declared language, as ISO 639-3 such as `eng`.
    pub language: Option<String>,
    /// Date of publication: `2024-05-01`.
    pub date: Option<String>,
    /// Linked licence: the SPDX name of a Creative Commons licence, else the address.
    pub licence: Option<String>,
    pub licence_rank: Option<Rank>,
    /// Whether all visible text was used because no main content was found.
    pub fallback: bool,
    pub words: usize,
    /// Number of words in the selected paragraphs.
    pub words_taken: usize,
}

pub fn page(html: &str, settings: &Settings) -> Result<Page, String> {
    check_size(html, settings)?;
    tree::page(html, settings)
}

/// Like [`page`], with a reader outside of this program.
pub fn page_elsewhere(html: &str, settings: &Settings, readers: Readers) -> Result<Page, String> {
    check_size(html, settings)?;
    let settings = serde_json::to_string(settings).map_err(|error| error.to_string())?;
    let page = (readers.page)(&settings, html)?;
    serde_json::from_str(&page).map_err(|error| error.to_string())
}

fn check_size(html: &str, settings: &Settings) -> Result<(), String> {
    if html.len() > settings.largest_page {
        return Err(format!(
            "the page has {} bytes, more than the {} that extract.html.largest_page allows",
            html.len(),
            settings.largest_page
        ));
    }
    Ok(())
}
