//! Metadata of a page: title, language, date, licence.

use serde_json::Value;

use crate::document::Rank;
use crate::fields;
use scraper::node::Element;
use scraper::{Html, Node};

/// Maximum characters of a title, and maximum bytes of a licence's address.
const TITLE: usize = 500;
const ADDRESS: usize = 300;
/// Maximum bytes of JSON-LD read per page.
const LINKED_DATA: usize = 1 << 20;

pub(super) type Ranked = Option<(Rank, String)>;

#[derive(Default)]
pub(super) struct Metadata {
    pub(super) title: Ranked,
    pub(super) language: Ranked,
    pub(super) date: Ranked,
    pub(super) licence: Ranked,
    /// The rank of which there are different Creative Commons licences.
    licences_differ: Option<Rank>,
    linked_data: usize,
}

impl Metadata {
    /// Reads the whole page, including hidden parts.
    pub(super) fn of(html: &Html) -> Self {
        let mut metadata = Self::default();
        for node in html.tree.root().descendants() {
            let Node::Element(element) = node.value() else { continue };
            let inside = || {
                node.children()
                    .filter_map(|node| node.value().as_text().map(|text| &**text))
                    .collect::<String>()
            };
            match element.name() {
                "html" => offer(
                    &mut metadata.language,
                    Rank::Stated,
                    element.attr("lang").and_then(fields::language),
                ),
                "meta" => metadata.meta(element),
                "link" | "a" => {
                    // The licence of a picture, a quotation or another text.
                    let is_of_part = node
                        .ancestors()
                        .filter_map(|node| node.value().as_element())
                        .any(|own| matches!(own.name(), "figure" | "figcaption" | "aside" | "blockquote"));
                    metadata.link(element, is_of_part);
                }
                "time" if metadata.date.is_none() => {
                    offer(&mut metadata.date, Rank::Found, element.attr("datetime").and_then(fields::day));
                }
                // Pictures have titles too.
                "title"
                    if node.ancestors().all(|node| {
                        node.value().as_element().is_none_or(|element| element.name() != "svg")
                    }) =>
                {
                    offer(&mut metadata.title, Rank::Shown, title_of(&inside()));
                }
                "script"
                    if element
                        .attr("type")
                        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/ld+json")) =>
                {
                    metadata.linked_data(&inside());
                }
                _ => {}
            }
        }
        metadata.licence.take_if(|(rank, _)| metadata.licences_differ == Some(*rank));
        metadata
    }

    fn meta(&mut self, element: &Element) {
        let mut names = ["name", "property", "itemprop", "http-equiv"].into_iter();
        let name = names.find_map(|key| element.attr(key)).map(str::to_ascii_lowercase);
        let (Some(name), Some(content)) = (name, element.attr("content")) else { return };
        match name.as_str() {
            "og:title" | "dc.title" | "dcterms.title" | "citation_title" => {
                offer(&mut self.title, Rank::Stated, title_of(content));
            }
            "og:locale" | "content-language" | "dc.language" | "dcterms.language" | "inlanguage" => {
                offer(&mut self.language, Rank::Shown, fields::language(content));
            }
            "article:published_time"
            | "datepublished"
            | "citation_publication_date"
            | "citation_date"
            | "dc.date"
            | "date"
            | "dcterms.created"
            | "dcterms.issued"
            | "dc.date.issued"
            | "parsely-pub-date"
            | "pubdate" => {
                offer(&mut self.date, Rank::Stated, fields::day(content));
            }
            "dc.rights" | "dcterms.license" | "dcterms.rights" | "license" | "licence" => {
                self.licensed(Rank::Stated, licence_of(content));
            }
            _ => {}
        }
    }

    fn link(&mut self, element: &Element, is_of_part: bool) {
        let address = element.attr("href").unwrap_or_default();
        let mut relations = element.attr("rel").unwrap_or_default().split_ascii_whitespace();
        let is_licence = relations.any(|word| word.eq_ignore_ascii_case("license"));
        let (rank, licence) = match is_licence && !is_of_part {
            true => (Rank::Shown, licence_of(address)),
            false => (Rank::Found, fields::creative_commons(address)),
        };
        self.licensed(rank, licence);
    }

    fn licensed(&mut self, rank: Rank, licence: Option<String>) {
        let is_commons = |name: &str| name.starts_with("CC");
        if let (Some((known_rank, known)), Some(own)) = (&self.licence, &licence)
            && (*known_rank, is_commons(known), is_commons(own)) == (rank, true, true)
            && known != own
        {
            self.licences_differ = Some(rank);
        }
        offer(&mut self.licence, rank, licence);
    }

    /// Reads JSON-LD: the outermost objects and those of a `@graph`.
    fn linked_data(&mut self, content: &str) {
        self.linked_data += content.len();
        if self.linked_data > LINKED_DATA {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(content.trim().as_bytes()) else { return };
        let objects = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            other => vec![other.clone()],
        };
        for object in objects(&value) {
            let parts = object.get("@graph").map(objects).unwrap_or_default();
            for object in std::iter::once(&object).chain(&parts) {
                // Pictures and recordings have licences of their own.
                let kinds = object.get("@type").map(objects).unwrap_or_default();
                if kinds.iter().filter_map(Value::as_str).any(|kind| kind.ends_with("Object")) {
                    continue;
                }
                let field = |name: &str| object.get(name).and_then(Value::as_str);
                offer(&mut self.date, Rank::Stated, field("datePublished").and_then(fields::day));
                self.licensed(Rank::Stated, field("license").and_then(licence_of));
                offer(&mut self.title, Rank::Found, field("headline").and_then(title_of));
                offer(&mut self.language, Rank::Shown, field("inLanguage").and_then(fields::language));
            }
        }
    }
}

/// Stores a value if none of the same or a better rank is known.
fn offer(place: &mut Ranked, rank: Rank, value: Option<String>) {
    if let Some(value) = value
        && place.as_ref().is_none_or(|(known, _)| rank < *known)
    {
        *place = Some((rank, value));
    }
}

fn title_of(text: &str) -> Option<String> {
    let words = text.split_whitespace().take(TITLE).collect::<Vec<_>>().join(" ");
    let title: String = words.chars().take(TITLE).collect();
    (!title.is_empty()).then_some(title)
}

/// A licence's SPDX name if it is known, else the original text.
fn licence_of(text: &str) -> Option<String> {
    fields::licence(text)
        .or_else(|| Some(text.trim().to_owned()))
        .filter(|licence| (1..=ADDRESS).contains(&licence.len()))
}
