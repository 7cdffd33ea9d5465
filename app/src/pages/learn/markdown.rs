//! The subset of Markdown that lessons use: headings, paragraphs, lists, code blocks, and inline strong, emphasis and code. The
//! page and the printed sheet use the same blocks.

use crate::pages::prelude::*;
use std::fmt::Write as _;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Heading(Vec<Span>),
    Paragraph(Vec<Span>),
    /// A list, numbered or not, and its items.
    List(bool, Vec<Vec<Span>>),
    Code(String),
}

/// A run of text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// `**strong**`.
    Strong,
    /// `*emphasis*`.
    Emphasis,
    /// `` `code` ``.
    Code,
}

/// Inline markers, longer ones first.
const MARKS: [(&str, Style); 3] = [("**", Style::Strong), ("`", Style::Code), ("*", Style::Emphasis)];

pub fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if trimmed.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.trim().starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if let Some(heading) = heading(trimmed) {
            blocks.push(Block::Heading(spans(heading)));
        } else if let Some((ordered, item)) = item(trimmed) {
            let mut items = vec![item.to_owned()];
            while let Some(next) = lines.peek().map(|next| next.trim()) {
                match self::item(next) {
                    Some((same, item)) if same == ordered => items.push(item.to_owned()),
                    // A line that continues an item.
                    None if goes_on(next) => join(items.last_mut(), next),
                    _ => break,
                }
                lines.next();
            }
            blocks.push(Block::List(ordered, items.iter().map(|item| spans(item)).collect()));
        } else {
            let mut paragraph = trimmed.to_owned();
            while let Some(next) = lines.peek().map(|next| next.trim()) {
                if !goes_on(next) || item(next).is_some() {
                    break;
                }
                join(Some(&mut paragraph), next);
                lines.next();
            }
            blocks.push(Block::Paragraph(spans(&paragraph)));
        }
    }
    blocks
}

/// Whether a line continues the previous one.
fn goes_on(line: &str) -> bool {
    !line.is_empty() && heading(line).is_none() && !line.starts_with("```")
}

fn join(before: Option<&mut String>, line: &str) {
    if let Some(before) = before {
        before.push(' ');
        before.push_str(line);
    }
}

fn heading(line: &str) -> Option<&str> {
    let words = line.trim_start_matches('#');
    (words.len() < line.len()).then(|| words.strip_prefix(' ')).flatten()
}

/// The text of a list item, and whether it is numbered.
fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(words) = line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")) {
        return Some((false, words));
    }
    let (number, words) = line.split_once(". ")?;
    let is_number = !number.is_empty() && number.chars().all(|letter| letter.is_ascii_digit());
    is_number.then_some((true, words))
}

fn spans(line: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let marked = MARKS.into_iter().find_map(|(mark, style)| {
            let (inside, after) = rest.strip_prefix(mark)?.split_once(mark)?;
            // A marker before a space is literal, as in 2 * 3 * 4.
            let is_marked = !inside.is_empty() && !inside.starts_with(' ');
            is_marked.then(|| (Span { text: inside.to_owned(), style }, after))
        });
        match marked {
            Some((span, after)) => {
                flush(&mut plain, &mut spans);
                spans.push(span);
                rest = after;
            }
            None => {
                plain.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
    }
    flush(&mut plain, &mut spans);
    spans
}

fn flush(plain: &mut String, spans: &mut Vec<Span>) {
    if !plain.is_empty() {
        spans.push(Span { text: std::mem::take(plain), style: Style::Plain });
    }
}

/// Draws blocks in a column of prose.
pub fn ui(ui: &mut Ui, blocks: &[Block]) {
    let palette = Palette::of(ui);
    ui.scope(|ui| {
        ui.set_max_width(ui.available_width().min(theme::PROSE));
        for block in blocks {
            match block {
                Block::Heading(spans) => {
                    ui.add_space(space::SMALL);
                    let font = theme::section().resolve(ui.style());
                    ui.add(Label::new(job(ui, spans, &font)).wrap());
                }
                Block::Paragraph(spans) => {
                    let font = TextStyle::Body.resolve(ui.style());
                    ui.add(Label::new(job(ui, spans, &font)).wrap());
                }
                Block::List(ordered, items) => {
                    let font = TextStyle::Body.resolve(ui.style());
                    for (number, item) in items.iter().enumerate() {
                        ui.horizontal_top(|ui| {
                            let mark = if *ordered { format!("{}.", number + 1) } else { "•".to_owned() };
                            ui.label(RichText::new(mark).color(palette.quiet));
                            ui.add(Label::new(job(ui, item, &font)).wrap());
                        });
                    }
                }
                Block::Code(code) => {
                    ui.add(Label::new(RichText::new(code).monospace()).wrap());
                }
            }
            ui.add_space(space::TIGHT);
        }
    });
}

fn job(ui: &Ui, spans: &[Span], font: &FontId) -> LayoutJob {
    let palette = Palette::of(ui);
    let strong = theme::strong().resolve(ui.style());
    let mut job = LayoutJob::default();
    for span in spans {
        let plain = TextFormat {
            line_height: Some((font.size * 1.5).round()),
            ..TextFormat::simple(font.clone(), palette.text)
        };
        let format = match span.style {
            Style::Plain => plain,
            Style::Strong => TextFormat { font_id: FontId::new(font.size, strong.family.clone()), ..plain },
            Style::Emphasis => TextFormat { italics: true, ..plain },
            Style::Code => {
                let font_id = FontId::monospace(font.size - 0.5);
                TextFormat { font_id, background: palette.raised, ..plain }
            }
        };
        job.append(&span.text, 0.0, format);
    }
    job
}

/// Blocks as HTML, with all text escaped.
pub fn html(blocks: &[Block]) -> String {
    let mut page = String::new();
    for block in blocks {
        match block {
            Block::Heading(spans) => push(&mut page, "h2", &line_html(spans)),
            Block::Paragraph(spans) => push(&mut page, "p", &line_html(spans)),
            Block::List(ordered, items) => {
                let items: String =
                    items.iter().map(|item| format!("<li>{}</li>", line_html(item))).collect();
                push(&mut page, if *ordered { "ol" } else { "ul" }, &items);
            }
            Block::Code(code) => push(&mut page, "pre", &escaped(code)),
        }
    }
    page
}

fn push(page: &mut String, tag: &str, inside: &str) {
    writeln!(page, "<{tag}>{inside}</{tag}>").ok();
}

fn line_html(spans: &[Span]) -> String {
    let each = spans.iter().map(|span| {
        let text = escaped(&span.text);
        match span.style {
            Style::Plain => text,
            Style::Strong => format!("<strong>{text}</strong>"),
            Style::Emphasis => format!("<em>{text}</em>"),
            Style::Code => format!("<code>{text}</code>"),
        }
    });
    each.collect()
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Span {
        Span { text: text.to_owned(), style: Style::Plain }
    }

    #[test]
    fn blocks_are_told_apart_and_lines_go_on() {
        let text = "One\nline.\n\n## A *heading*\n* first\n  goes on\n* second\n\n1. one\n2. two\n```\nlet a = 1;\n\n```\nend";
        let emphasis = Span { text: "heading".to_owned(), style: Style::Emphasis };
        let expected = [
            Block::Paragraph(vec![plain("One line.")]),
            Block::Heading(vec![plain("A "), emphasis]),
            Block::List(false, vec![vec![plain("first goes on")], vec![plain("second")]]),
            Block::List(true, vec![vec![plain("one")], vec![plain("two")]]),
            Block::Code("let a = 1;\n".to_owned()),
            Block::Paragraph(vec![plain("end")]),
        ];
        assert_eq!(parse(text), expected);
        assert!(parse(" \n\n").is_empty());
    }

    #[test]
    fn marks_without_an_end_and_between_blanks_stand_for_themselves() {
        assert_eq!(spans("2 * 3 * 4 and **open"), [plain("2 * 3 * 4 and **open")]);
        let strong = Span { text: "a*b".to_owned(), style: Style::Strong };
        let code = Span { text: "x**y".to_owned(), style: Style::Code };
        assert_eq!(spans("**a*b** `x**y`"), [strong, plain(" "), code]);
    }

    #[test]
    fn html_holds_no_marks_of_the_text() {
        let page = html(&parse("a <b> & `\"c\"`\n\n* **d**"));
        assert_eq!(
            page,
            "<p>a &lt;b&gt; &amp; <code>&quot;c&quot;</code></p>\n<ul><li><strong>d</strong></li></ul>\n"
        );
    }
}
