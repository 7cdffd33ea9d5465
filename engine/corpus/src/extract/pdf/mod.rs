//! Text of PDF files.
//!
//! Own code on top of `flate2`, though there are readers of PDF on crates.io: `hayro-syntax`, the one whose source was read,
//! unpacks streams without a bound, so that a file of some megabytes fills the memory; the others were not tried. This one reads
//! no more than text needs, never trusts a position or a length, and counts every byte that it unpacks.
//!
//! ```text
//! bytes ─ objects ─► file ─ filters ─► content ─ fonts, encodings ─► layout ─► text
//! ```

mod content;
mod encodings;
mod file;
mod filters;
mod fonts;
mod layout;
mod objects;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use content::{Fonts, Interpreter};
use file::File;
use layout::Layout;
use objects::{Dictionary, Object};

/// Pages of the longest document.
const PAGES: usize = 100_000;
/// How deep pages may be nested in groups of groups.
const GROUPS: usize = 64;

/// How PDF files are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Bytes that a file may unpack to, in all; what goes beyond is left out, and the file reported.
    pub largest_unpacked: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { largest_unpacked: 256 << 20 }
    }
}

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    /// The limit is zero.
    pub fn validate(&self) -> Result<()> {
        if self.largest_unpacked == 0 {
            return Err(Error::Invalid(
                "largest_unpacked of PDF files is 0; it must be at least 1.".to_owned(),
            ));
        }
        Ok(())
    }
}

/// What a PDF file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title, where it names one.
    pub title: Option<String>,
    /// When it was made: `2024-05-01`.
    pub date: Option<String>,
    /// Its language where it says so: ISO 639-3, as in `eng`.
    pub language: Option<String>,
    /// Its text, paragraphs apart by a blank line.
    pub text: String,
    /// How many pages it has.
    pub pages: usize,
}

/// Takes the text of a PDF file, with the settings' default limits.
///
/// # Errors
/// What is wrong with the file, to be said behind its name: it is no PDF, it is encrypted, it has no pages, or it has pages but no text.
pub fn text(bytes: &[u8]) -> std::result::Result<String, String> {
    document(bytes, &Settings::default()).map(|document| document.text)
}

/// Takes the text of a PDF file, and what it says of itself.
///
/// # Errors
/// What is wrong with the file, to be said behind its name: it is no PDF, it is encrypted, it has no pages, it has pages but no text, or it unpacks to more than allowed.
pub fn document(bytes: &[u8], settings: &Settings) -> std::result::Result<Document, String> {
    if memchr::memmem::find(bytes.get(..1024).unwrap_or(bytes), b"%PDF-").is_none() {
        return Err("is no PDF: %PDF- does not stand at its beginning".to_owned());
    }
    let mut file = File::new(bytes, settings.largest_unpacked);
    if file.is_encrypted() {
        return Err("is an encrypted PDF; save it without protection, and add it again".to_owned());
    }
    let catalogue = file.catalogue().unwrap_or_default();
    let pages = pages(&file, &catalogue);
    if pages.is_empty() {
        return Err("is a PDF without a page: damaged, or cut off".to_owned());
    }
    let mut fonts = Fonts::new();
    let mut layout = Layout::default();
    for (index, (page, resources)) in pages.iter().enumerate() {
        if index > 0 {
            layout.next_page();
        }
        let content = file.dictionary(page).map(|page| page_content(&mut file, &page)).unwrap_or_default();
        Interpreter::new(&mut file, &mut fonts, &mut layout).run(&content, resources, 0);
    }
    if file.left == 0 {
        return Err(format!(
            "is a PDF that unpacks to more than the {} bytes that largest_unpacked allows",
            settings.largest_unpacked
        ));
    }
    let (unknown, characters) = (layout.unknown, layout.characters);
    let text = layout.finish();
    let count = pages.len();
    if text.is_empty() {
        return Err(format!(
            "is a PDF without text, perhaps with pictures of it on its {count} pages; have it recognised (OCR) first"
        ));
    }
    if unknown * 2 > characters {
        return Err(
            "is a PDF whose fonts do not say which letters they show; have it recognised (OCR) first"
                .to_owned(),
        );
    }
    let information = file.information().unwrap_or_default();
    let said = |dictionary: &Dictionary, name: &str| match file.value(dictionary, name) {
        Object::Text(bytes) => Some(unicode(&bytes)).filter(|text| !text.is_empty()),
        _ => None,
    };
    Ok(Document {
        title: said(&information, "Title"),
        date: said(&information, "CreationDate").as_deref().and_then(date),
        language: said(&catalogue, "Lang").as_deref().and_then(super::html::language_of),
        text,
        pages: count,
    })
}

/// The pages in their order, each with the resources that it or a group around it names.
fn pages(file: &File<'_>, catalogue: &Dictionary) -> Vec<(Object, Rc<Dictionary>)> {
    let mut pages = Vec::new();
    let mut seen = BTreeSet::new();
    let mut contents = false;
    // What is yet to be visited, the next last.
    let mut waiting = vec![(catalogue.get("Pages").cloned().unwrap_or(Object::Null), Rc::default(), 0)];
    while let Some((object, resources, depth)) = waiting.pop() {
        let fresh = if let Object::Reference(number) = object { seen.insert(number) } else { true };
        let Some(node) = file.dictionary(&object).filter(|_| fresh && pages.len() < PAGES && depth < GROUPS)
        else {
            continue;
        };
        let own = resources_of(file, &node).unwrap_or(resources);
        if let Object::Array(kids) = file.value(&node, "Kids") {
            waiting.extend(kids.into_iter().rev().map(|kid| (kid, Rc::clone(&own), depth + 1)));
        } else {
            contents |= node.get("Contents").is_some();
            pages.push((object, own));
        }
    }
    if !contents {
        // The tree is damaged: whatever calls itself a page, in the order of its numbers.
        pages.clear();
        for reference in file.numbers().take(PAGES).map(Object::Reference) {
            if let Some(page) = file.dictionary(&reference)
                && page.get("Type").and_then(Object::name) == Some("Page")
            {
                pages.push((reference, resources_of(file, &page).unwrap_or_default()));
            }
        }
    }
    pages
}

fn resources_of(file: &File<'_>, node: &Dictionary) -> Option<Rc<Dictionary>> {
    node.get("Resources").and_then(|own| file.dictionary(own)).map(Rc::new)
}

/// A page's content, of one stream or several.
fn page_content(file: &mut File<'_>, page: &Dictionary) -> Vec<u8> {
    let streams = match page.get("Contents").map(|contents| (contents, file.resolve(contents))) {
        Some((_, Object::Array(streams))) => streams,
        Some((contents, _)) => vec![contents.clone()],
        None => Vec::new(),
    };
    let mut content = Vec::new();
    for reference in &streams {
        if let Some(part) = file.stream(reference).and_then(|stream| file.unpack(&stream)) {
            content.extend_from_slice(&part);
            content.push(b'\n');
        }
    }
    content
}

/// A string of the file's own: UTF-16 or UTF-8 where it is marked so, else PDF's own encoding, which is nearly Latin-1.
fn unicode(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFE, 0xFF, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0,
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        _ => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
}

/// `2024-05-01` from `D:20240501120000+02'00'`.
fn date(text: &str) -> Option<String> {
    let digits = text.trim().trim_start_matches("D:");
    let digits = digits.get(..8).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?);
    let known =
        ("1900".."3000").contains(&year) && ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
    known.then(|| format!("{year}-{month}-{day}"))
}
