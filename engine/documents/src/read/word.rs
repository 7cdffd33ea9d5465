//! Word documents (`.docx`): the text of the archive's `word/document.xml`, its headings and lists as Markdown.

use super::record::Context;
use super::wiki::plain;
use super::{Item, decode};
use crate::document::Kind;
use quick_xml::Reader;
use quick_xml::events::Event;

/// The member of the archive that has the text.
pub(super) const MEMBER: &str = "word/document.xml";

pub(super) fn document(context: &Context, bytes: &[u8]) -> Item {
    let text = text(&decode::part(bytes)).map_err(|reason| context.trouble(None, reason))?;
    Ok(context.document(None, Kind::Markdown, text))
}

fn text(xml: &str) -> Result<String, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("is not XML: {error}");
    let mut reader = Reader::from_str(xml);
    let (mut text, mut paragraph, mut mark) = (String::new(), String::new(), String::new());
    // Depth of tables, whose cells are joined to rows.
    let mut tables = 0_usize;
    loop {
        let event = reader.read_event().map_err(|error| wrong(&error))?;
        let is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                "w:t" if !is_empty => {
                    let raw = reader.read_text(tag.name()).map_err(|error| wrong(&error))?;
                    paragraph.push_str(&plain(&raw)?);
                }
                // Text that was moved away, or that repeats what stands before it for older programs; a paragraph's earlier style.
                "w:moveFrom" | "mc:Fallback" | "w:pPrChange" if !is_empty => {
                    reader.read_to_end(tag.name()).map_err(|error| wrong(&error))?;
                }
                "w:tab" => paragraph.push('\t'),
                "w:br" | "w:cr" => paragraph.push('\n'),
                "w:pStyle" => {
                    let style = tag.try_get_attribute("w:val").map_err(|error| wrong(&error))?;
                    let style = style.map(|style| style.value.to_lowercase()).unwrap_or_default();
                    let level = match style.strip_prefix("heading") {
                        Some(level) => level.trim().parse().ok().filter(|level| (1..=6).contains(level)),
                        None => (style == "title").then_some(1),
                    };
                    if let Some(level) = level {
                        mark = format!("{} ", "#".repeat(level));
                    }
                }
                "w:numPr" if mark.is_empty() => "- ".clone_into(&mut mark),
                "w:tbl" if !is_empty => tables += 1,
                _ => {}
            },
            Event::End(tag) => match tag.name().as_ref() {
                "w:p" => {
                    let own = paragraph.trim();
                    if tables > 0 {
                        text.push_str(own);
                        text.push(' ');
                    } else if !own.is_empty() {
                        let is_list = mark == "- ";
                        // After a list.
                        if !is_list && text.ends_with('\n') && !text.ends_with("\n\n") {
                            text.push('\n');
                        }
                        text.push_str(&mark);
                        text.push_str(own);
                        text.push_str(if is_list { "\n" } else { "\n\n" });
                    }
                    paragraph.clear();
                    mark.clear();
                }
                "w:tc" => {
                    text.truncate(text.trim_end_matches(' ').len());
                    text.push_str(" | ");
                }
                "w:tr" => {
                    text.truncate(text.trim_end_matches([' ', '|']).len());
                    text.push('\n');
                }
                "w:tbl" => {
                    tables = tables.saturating_sub(1);
                    text.push('\n');
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}
