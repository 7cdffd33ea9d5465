//! From a page to its text: the tree is split into paragraphs, `trafilatura` selects those of the main content, and the text is
//! written from the tree.

use super::choice;
use super::content::{Content, Event};
use super::hidden::Hidden;
use super::metadata::Metadata;
use super::tags::{Flow, flow, name};
use super::writer::{TextWriter, first_number};
use super::{Mode, Page, Settings, sift};
use crate::extract::script::Script;
use ego_tree::NodeRef;
use scraper::Node;
use scraper::node::Element;

pub(super) fn page(page: &str, settings: &Settings) -> Result<Page, String> {
    let (html, elements) = sift::parse(page);
    let metadata = Metadata::of(&html);
    let wants_main_content = settings.mode == Mode::MainContent;
    let hidden = Hidden::of(&html, wants_main_content);
    let content = Content::of(&html, &hidden);
    let mut taken = vec![false; content.paragraphs.len()];
    let mut text = String::new();
    let mut is_elsewhere = false;
    if wants_main_content && elements <= settings.most_elements {
        match choice::main_content(&html, &content) {
            choice::Choice::Paragraphs(chosen) => {
                text = write(&content, &chosen);
                taken = chosen;
            }
            choice::Choice::Elsewhere(found) => {
                text = found;
                is_elsewhere = true;
            }
        }
    }
    let mut fallback = false;
    if !wants_main_content || text.len() < settings.shortest_main_content {
        let everything = vec![true; content.paragraphs.len()];
        let all = write(&content, &everything);
        if all.len() >= text.len() {
            fallback = wants_main_content;
            (text, taken, is_elsewhere) = (all, everything, false);
        }
    }
    let (mut words, mut words_taken) = (0, 0);
    for (paragraph, taken) in content.paragraphs.iter().zip(taken) {
        let count = self::words(&paragraph.text).count();
        words += count;
        words_taken += if taken { count } else { 0 };
    }
    // It is in none of the paragraphs.
    if is_elsewhere {
        words_taken = self::words(&text).count().min(words);
    }
    let Metadata { title, language, date, licence, .. } = metadata;
    let licence_rank = licence.as_ref().map(|(rank, _)| *rank);
    let [title, language, date, licence] = [title, language, date, licence].map(|found| Some(found?.1));
    Ok(Page { title, text, language, date, licence, licence_rank, fallback, words, words_taken })
}

pub(super) fn write(content: &Content<'_>, taken: &[bool]) -> String {
    let mut writer = TextWriter::default();
    let is_taken = |paragraph: usize| taken.get(paragraph).is_some_and(|taken| *taken);
    for event in &content.events {
        match event {
            Event::Start(node, element) => {
                writer.data_table |= content.data_tables.contains_key(&node.id());
                let tag = name(element);
                if is_other_number(*node, element) {
                    writer.end_digits();
                }
                if let Some(script) = script(*node, element) {
                    writer.start_script(script);
                }
                writer.start(tag, if tag == "ol" { first_number(element.attr("start")) } else { 0 });
                if tag == "pre" {
                    writer.language(content.languages.get(&node.id()).map_or("", String::as_str));
                }
            }
            Event::End(node, element) => {
                writer.end(name(element));
                if script(*node, element).is_some() {
                    writer.end_script();
                }
                if is_other_number(*node, element) {
                    writer.end_digits();
                }
                writer.data_table &= !content.data_tables.contains_key(&node.id());
            }
            Event::Quote(paragraph, opens) if is_taken(*paragraph) => writer.quote(*opens),
            Event::Text(paragraph, text) if is_taken(*paragraph) => writer.write(text),
            Event::Formula(paragraph, formula) if is_taken(*paragraph) => writer.formula(formula),
            _ => {}
        }
    }
    writer.finish()
}

/// Whether digits in an element belong to another number than those around it: a correction, or a fraction and its parts.
fn is_other_number(node: NodeRef<'_, Node>, element: &Element) -> bool {
    let has = |element: &Element, names: &[&str]| {
        let class = element.attr("class").unwrap_or_default();
        class.split_ascii_whitespace().any(|own| names.contains(&own))
    };
    let is_fraction = |element: &Element| has(element, &["frac", "sfrac", "fraction"]);
    let around = || node.ancestors().filter_map(|node| node.value().as_element()).take(3);
    matches!(element.name(), "del" | "ins" | "s" | "strike")
        || is_fraction(element)
        || has(element, &["num", "den"]) && around().any(is_fraction)
}

/// Whether an element is raised or lowered. A raised link within the page, or what the page names so, refers to a note.
fn script(node: NodeRef<'_, Node>, element: &Element) -> Option<Script> {
    let links =
        |element: &Element| element.name() == "a" && element.attr("href").is_some_and(|to| to.contains('#'));
    let is_named = element.attr("role") == Some("doc-noteref")
        || element.attr("epub:type").is_some_and(|kind| kind.contains("noteref"));
    match element.name() {
        "sub" => Some(Script::Lowered),
        "a" => is_named.then_some(Script::Reference),
        "sup" => {
            let is_reference = is_named
                || element.attr("class").is_some_and(|class| class.contains("note"))
                || node
                    .parent()
                    .into_iter()
                    .chain(node.children())
                    .any(|near| near.value().as_element().is_some_and(links));
            Some(if is_reference { Script::Reference } else { Script::Raised })
        }
        tag if flow(tag) == Flow::Inline => {
            let style = element.attr("style").filter(|style| style.contains("vertical-align"))?;
            let is_script = |node: NodeRef<'_, Node>| {
                node.value().as_element().is_some_and(|element| matches!(element.name(), "sup" | "sub"))
            };
            if node.parent().into_iter().chain(node.children()).any(is_script) {
                return None;
            }
            // Icons and badges are aligned so, too.
            let is_figure = |letter: char| letter.is_ascii_digit() || "+-−–,.".contains(letter);
            let texts = node.descendants().filter_map(|part| part.value().as_text());
            if !texts.flat_map(|text| text.chars()).all(is_figure) {
                return None;
            }
            let style: String = style.split_ascii_whitespace().collect();
            match style.split_once("vertical-align:")?.1 {
                way if way.starts_with("super") => Some(Script::Raised),
                way if way.starts_with("sub") => Some(Script::Lowered),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The words of a text: runs of letters and digits. Chinese and Japanese characters are one word each, since there are no
/// spaces. Backticks do not separate words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let alone = |letter: char| ('\u{3040}'..='\u{9fff}').contains(&letter);
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '`';
    let words = text.split(move |letter: char| !in_word(letter)).flat_map(move |word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = if alone(first) { first.len_utf8() } else { rest.find(alone).unwrap_or(rest.len()) };
            let (word, tail) = rest.split_at_checked(end)?;
            rest = tail;
            Some(word)
        })
    });
    words.filter(|word| word.contains(char::is_alphanumeric))
}
