//! From a page to its text: the tree is split into paragraphs, `trafilatura` selects those of the main content, and the text is
//! written from the tree.

use super::choice;
use super::content::{Content, Event};
use super::hidden::Hidden;
use super::metadata::Metadata;
use super::tags::name;
use super::writer::{TextWriter, first_number};
use super::{Mode, Page, Settings, sift, streamed};
use crate::extract::conservation;

pub(super) fn page(page: &str, settings: &Settings) -> Result<Page, String> {
    let (mut html, elements) = sift::parse(page);
    let metadata = Metadata::of(&html);
    streamed::place(page, &mut html);
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
    let (mut visible, mut words, mut words_taken) = (String::new(), 0, 0);
    for (paragraph, taken) in content.paragraphs.iter().zip(taken) {
        let count = conservation::words(&paragraph.text).count();
        words += count;
        if taken {
            words_taken += count;
            visible.push_str(&paragraph.text);
            visible.push('\n');
        }
    }
    // It is in none of the paragraphs.
    if is_elsewhere {
        words_taken = conservation::words(&text).count().min(words);
    }
    let lost = conservation::lost(&visible, &text).map(|lost| lost.to_string());
    let Metadata { title, language, date, licence, .. } = metadata;
    let [title, language, date, licence] = [title, language, date, licence].map(|found| Some(found?.1));
    Ok(Page { title, text, language, date, licence, fallback, words, words_taken, lost })
}

pub(super) fn write(content: &Content<'_>, taken: &[bool]) -> String {
    let mut writer = TextWriter::default();
    let is_taken = |paragraph: usize| taken.get(paragraph).is_some_and(|taken| *taken);
    for event in &content.events {
        match event {
            Event::Start(node, element) => {
                writer.data_table |= content.data_tables.contains_key(&node.id());
                let tag = name(element);
                writer.start(tag, if tag == "ol" { first_number(element.attr("start")) } else { 0 });
                if tag == "pre" {
                    writer.language(content.languages.get(&node.id()).map_or("", String::as_str));
                }
            }
            Event::End(node, element) => {
                writer.end(name(element));
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
