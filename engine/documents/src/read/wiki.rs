//! MediaWiki XML dumps, as published by Wikipedia: articles with their newest text as wikitext.
//!
//! Pages of other namespaces (talk, users, templates), redirects and pages with other content models are skipped silently.

use super::elements::{Element, Elements};
use super::lines::fill;
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use super::{Trouble, decode};
use crate::document::{Document, Kind};
use crate::fields;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::io;

/// Maximum nesting of a page's elements; MediaWiki's own has five levels.
const MAX_DEPTH: usize = 32;

/// Wikimedia projects, which share one licence.
const WIKIMEDIA: &str = "wikipedia wiktionary wikibooks wikiquote wikisource wikivoyage wikiversity";

pub(super) struct Wiki {
    elements: Elements,
    page: Vec<u8>,
    number: u64,
    /// Properties of all pages of the dump.
    site: SiteInfo,
}

#[derive(Default)]
struct SiteInfo {
    language: Option<String>,
    /// Address of pages up to the title.
    address: Option<String>,
    licence: Option<String>,
    genre: Option<String>,
    /// Names of the file and category namespaces in lower case, each with the English name.
    spaces: Vec<(String, &'static str)>,
}

impl Wiki {
    pub(super) fn new(context: &Context, mut stream: Stream) -> io::Result<Self> {
        let head = fill(&mut stream)?;
        let head = String::from_utf8_lossy(head.get(..head.len().min(16 << 10)).unwrap_or_default());
        let site = site(head.split("<page>").next().unwrap_or_default());
        let elements = Elements::new(stream, b"<page>", b"</page>", context.settings.limits.record);
        Ok(Self { elements, page: Vec::new(), number: 0, site })
    }

    fn document(&self, context: &Context) -> Result<Option<Document>, Trouble> {
        let number = Some(self.number);
        let wrong = |reason: String| context.trouble(number, reason);
        let page = decode::part(&self.page);
        let Some(page) = parse(&page).map_err(wrong)? else { return Ok(None) };
        if page.text.trim().is_empty() {
            return Ok(None);
        }
        let site = &self.site;
        let title = fields::short(&page.title).map(str::to_owned);
        let address = site.address.as_ref().zip(title.as_ref());
        let address = address.map(|(site, title)| format!("{site}{}", title.replace(' ', "_")));
        let text = in_english(page.text, &site.spaces);
        let mut document = context.document(number, Kind::Wikitext, text);
        document.genre = document.genre.or_else(|| site.genre.clone());
        Ok(Some(Document {
            title,
            address,
            date: fields::date(&page.date),
            language: site.language.clone(),
            licence: site.licence.clone(),
            ..document
        }))
    }
}

impl Records for Wiki {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        let element = self.elements.next(&mut self.page)?;
        self.number += 1;
        let unfinished = "ends within a page: the file is cut short";
        Ok(match element {
            Element::End => RecordStep::End(None),
            Element::Unfinished => RecordStep::end(context, Some(self.number), unfinished),
            Element::TooLong => RecordStep::too_long(context, self.number, "the page"),
            Element::Whole => self.document(context).into(),
        })
    }
}

fn site(head: &str) -> SiteInfo {
    let language = head.split_once("xml:lang=\"").and_then(|(_, rest)| rest.split_once('"'));
    let base =
        head.split_once("<base>").and_then(|(_, rest)| rest.split_once("</base>")).map(|(base, _)| base);
    let base = base.filter(|base| base.starts_with("http") && base.len() < 256);
    let wikimedia =
        base.is_some_and(|base| WIKIMEDIA.split(' ').any(|name| base.contains(&format!("{name}.org"))));
    let encyclopedia = base.is_some_and(|base| base.contains("wikipedia.org"));
    SiteInfo {
        spaces: spaces(head),
        language: language.and_then(|(language, _)| fields::language(language)),
        address: base.and_then(|base| base.rsplit_once('/')).map(|(site, _)| format!("{site}/")),
        licence: wikimedia.then(|| "CC-BY-SA-4.0".to_owned()),
        genre: encyclopedia.then(|| "encyclopedia".to_owned()),
    }
}

/// The names of namespaces whose links are not part of a sentence, from the dump's head: `<namespace key="6"
/// …>Datei</namespace>`.
fn spaces(head: &str) -> Vec<(String, &'static str)> {
    let listed = head.split("<namespace ").skip(1).filter_map(|space| {
        let (attributes, rest) = space.split_once('>')?;
        let (name, _) = rest.split_once("</namespace>")?;
        let english = match attributes.split_once("key=\"")?.1.split_once('"')?.0 {
            "-2" => "Media",
            "6" => "File",
            "14" => "Category",
            _ => return None,
        };
        let name = plain(name).ok()?.to_lowercase();
        (!name.is_empty() && !name.eq_ignore_ascii_case(english)).then_some((name, english))
    });
    listed.collect()
}

/// Wikitext with English names in links to files and categories, so that later stages need no list of names.
fn in_english(text: String, spaces: &[(String, &'static str)]) -> String {
    if spaces.is_empty() {
        return text;
    }
    let mut result = String::new();
    let mut copied = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), "[[") {
        let inside = text.get(at + 2..).unwrap_or_default();
        let near = inside.get(..inside.floor_char_boundary(100)).unwrap_or_default();
        let Some((name, _)) = near.split_once(':') else { continue };
        let space = name.trim().replace('_', " ").to_lowercase();
        if let Some((_, english)) = spaces.iter().find(|(known, _)| *known == space) {
            result.push_str(text.get(copied..at + 2).unwrap_or_default());
            result.push_str(english);
            copied = at + 2 + name.len();
        }
    }
    if copied == 0 {
        return text;
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    result
}

#[derive(Default)]
struct WikiPage {
    title: String,
    date: String,
    text: String,
}

/// Parses a page; `None` if it is not an article.
fn parse(page: &str) -> Result<Option<WikiPage>, String> {
    let mut reader = Reader::from_str(page);
    let mut found = WikiPage::default();
    let (mut namespace, mut model) = (String::new(), String::new());
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().map_err(|error| format!("is not XML: {error}"))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("nests more than {MAX_DEPTH} elements deep"));
                }
                let field = match (depth, tag.name().as_ref()) {
                    (2, "title") => &mut found.title,
                    (2, "ns") => &mut namespace,
                    (3, "timestamp") => &mut found.date,
                    (3, "model") => &mut model,
                    (3, "text") => &mut found.text,
                    _ => continue,
                };
                let raw = reader.read_text(tag.name()).map_err(|error| format!("is not XML: {error}"))?;
                depth -= 1;
                *field = plain(&raw)?;
            }
            Event::Empty(tag) if depth == 1 && tag.name().as_ref() == "redirect" => return Ok(None),
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => break,
            _ => {}
        }
    }
    let article = namespace.trim() == "0" && (model.is_empty() || model == "wikitext");
    Ok(article.then_some(found))
}

/// Raw text with XML's five entities and numeric references decoded.
pub(super) fn plain(raw: &str) -> Result<String, String> {
    let text = quick_xml::escape::unescape(raw);
    Ok(text.map_err(|error| format!("is not valid XML: {error}"))?.into_owned())
}
