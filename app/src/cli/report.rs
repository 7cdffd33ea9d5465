//! Reports as text for a terminal: tables by its width, headings in bold where it has colours (see `NO_COLOR`).
//!
//! Control characters are removed from texts: a document must not move the cursor or colour the screen.

use glasshouse_engine::protocol::blocks::{Bar, Block, Excerpt, Fact, Section};
use glasshouse_engine::protocol::evaluation::{
    self, AuditSection, CalibrationBin, Cell, Metric, Table, metric_title,
};
use glasshouse_engine::protocol::quantity::{counted, percent, whole};
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Result};

/// Maximum line width of prose in characters.
const PROSE: usize = 100;
/// Line width of tables if standard output is no terminal.
const PIPE: usize = 200;
/// Maximum rows of a table, and of one whose texts are not cut.
const ROWS: usize = 40;
const LISTED: usize = 12;
/// Maximum characters of a text cell that is cut.
const CELL: usize = 44;
/// Characters of the longest bar.
const BAR: usize = 40;
/// Maximum characters of a document's beginning.
const EXCERPT: usize = 300;

/// Prints a report.
pub(super) fn print(blocks: &[Block]) -> Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = if is_terminal { usize::from(console::Term::stdout().size().1) } else { PIPE };
    let mut screen = Screen { width, is_bold: is_terminal && !no_colour, ..Screen::default() };
    screen.blocks(blocks, 0);
    say!("{}", screen.text.trim_end())
}

/// Prints the parts of an audit.
pub(super) fn audited(sections: &[AuditSection]) -> Result<()> {
    print(&sections.iter().filter_map(|own| evaluation::blocks::audit(own).block()).collect::<Vec<_>>())
}

/// A Unix time in seconds as a local date.
pub(super) fn date(seconds: f64) -> String {
    crate::format::date_time(seconds.max(0.0) as u64)
}

/// The JSON object `value` with an `event` field.
pub(super) fn with_event(event: &str, value: &Value) -> Value {
    joined(json!({ "event": event }), value)
}

/// A JSON object with the fields of another.
pub(super) fn joined(mut line: Value, more: &Value) -> Value {
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    line
}

#[derive(Debug, Default)]
struct Screen {
    width: usize,
    is_bold: bool,
    text: String,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// A sentence, wrapped with a hanging indent after `mark`.
    fn prose(&mut self, mark: &str, text: &str) {
        let indent = mark.chars().count();
        let (mut line, mut length) = (mark.to_owned(), indent);
        for word in clean(text).split_whitespace() {
            let own = word.chars().count();
            if length > indent && length + 1 + own > self.width.min(PROSE) {
                self.line(&std::mem::replace(&mut line, " ".repeat(indent)));
                length = indent;
            }
            if length > indent {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += own;
        }
        self.line(&line);
    }

    fn blocks(&mut self, blocks: &[Block], depth: usize) {
        blocks.iter().for_each(|block| self.block(block, depth));
    }

    fn block(&mut self, block: &Block, depth: usize) {
        match block {
            Block::Section(section) => self.section(section, depth),
            Block::Text(text) | Block::Note(text) => self.prose("", text),
            Block::Warning(text) => self.prose("", &format!("warning: {text}")),
            Block::List(items) => items.iter().for_each(|item| self.prose("* ", item)),
            Block::Figures(facts) | Block::Facts(facts) => facts.iter().for_each(|fact| self.fact(fact)),
            Block::Metrics(metrics) => self.columns(&metrics.iter().map(metric).collect::<Vec<_>>(), &[]),
            Block::Table(table) => self.table(table),
            Block::Bars(bars) => self.bars(bars),
            Block::Series(series) => {
                let row = |(label, metric): &(String, Metric)| [label.as_str().into(), metric.into()];
                self.table(&Table::new(&series.title, ["group", "value"], series.groups.iter().map(row)));
            }
            Block::Reliability(bins) => {
                let row = |bin: &CalibrationBin| {
                    [percent(bin.confidence).into(), percent(bin.accuracy).into(), bin.count.into()]
                };
                let rows = bins.iter().filter(|bin| bin.is_drawn()).map(row);
                self.table(&Table::new("", ["confidence", "accuracy", "tokens"], rows));
            }
            Block::Code(text) => text.lines().for_each(|line| self.line(&format!("  {}", clean(line)))),
            Block::Excerpt(excerpt) => self.excerpt(excerpt),
        }
    }

    fn section(&mut self, section: &Section, depth: usize) {
        let Section { title, note, is_closed, blocks, .. } = section;
        let note = if note.is_empty() { String::new() } else { format!(" · {note}") };
        let heading = clean(&format!("{title}{note}"));
        self.text.push('\n');
        self.heading(&heading);
        if depth == 0 {
            self.line(&"=".repeat(heading.chars().count()));
        }
        self.blocks(if *is_closed { blocks.get(..1).unwrap_or_default() } else { blocks }, depth + 1);
    }

    fn heading(&mut self, text: &str) {
        let text = clean(text);
        self.line(&if self.is_bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text });
    }

    fn fact(&mut self, fact: &Fact) {
        let colon = if fact.value.is_empty() { "" } else { ": " };
        self.prose("  ", &format!("{}{colon}{}", fact.name, fact.value));
        if !fact.note.is_empty() {
            self.prose("    ", &fact.note);
        }
    }

    fn columns(&mut self, rows: &[Vec<String>], right: &[bool]) {
        aligned(rows, right).lines().for_each(|line| self.line(&format!("  {line}")));
    }

    /// A table; if it is too wide, each row as a list of its cells.
    fn table(&mut self, table: &Table) {
        let Table { title, about, columns, rows } = table;
        if rows.is_empty() {
            return;
        }
        if !title.is_empty() {
            self.text.push('\n');
            self.heading(title);
        }
        if !about.is_empty() {
            self.prose("", about);
        }
        let right: Vec<bool> = (0..columns.len()).map(|column| !table.is_words(column)).collect();
        let drawn = |cell: fn(&Cell) -> String| {
            let cells = rows.iter().take(ROWS).map(|row| row.iter().map(cell).collect());
            let head = columns.iter().map(|name| clean(name)).collect();
            let text = aligned(&std::iter::once(head).chain(cells).collect::<Vec<_>>(), &right);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            Some((text, widest)).filter(|(_, widest)| widest + 2 <= self.width)
        };
        // A long table is cut before it becomes lists.
        let short = || drawn(cut_cell).filter(|_| rows.len() > LISTED);
        if let Some((text, widest)) = drawn(cell).or_else(short) {
            let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
            let rule = "-".repeat(widest);
            let lines = [head, &rule].into_iter().chain(rest.lines());
            lines.for_each(|line| self.line(&format!("  {line}")));
        } else {
            for row in rows.iter().take(ROWS) {
                self.text.push('\n');
                let cells = columns.iter().zip(row).map(|(name, cell)| (name, cell.text()));
                cells.filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| {
                    self.prose("  ", &if name.is_empty() { text } else { format!("{name}: {text}") });
                });
            }
        }
        if let more @ 1.. = rows.len().saturating_sub(ROWS) {
            self.line(&format!("  … and {}, which --json has", counted(more as u64, "more row")));
        }
    }

    fn bars(&mut self, bars: &[Bar]) {
        let most = bars.iter().map(|bar| bar.length).fold(f64::MIN_POSITIVE, f64::max);
        let row = |bar: &Bar| {
            let length = (bar.length / most * BAR as f64).round().clamp(0.0, BAR as f64) as usize;
            vec![cut(&bar.name), cut(&bar.text), "#".repeat(length)]
        };
        self.columns(&bars.iter().map(row).collect::<Vec<_>>(), &[true, false, false]);
    }

    fn excerpt(&mut self, excerpt: &Excerpt) {
        let note = if excerpt.note.is_empty() { String::new() } else { format!(" ({})", excerpt.note) };
        self.prose("  ", &format!("{}{note}", excerpt.title));
        let plain: String = excerpt.plain().chars().take(EXCERPT).collect();
        for text in [&excerpt.reason, &plain].into_iter().filter(|text| !text.trim().is_empty()) {
            self.prose("    ", text);
        }
    }
}

/// A metric's title, value, interval, count, and how it was counted.
fn metric(metric: &Metric) -> Vec<String> {
    let of = format!("of {} {}", whole(metric.count), metric.of);
    let signature = metric.signature.clone().unwrap_or_default();
    vec![metric_title(&metric.name), metric.with_interval(), of, signature]
}

/// A cell on one line; of a passage, its end.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Passage(passage) => {
            end_of(&format!("{}{}", passage.prompt, if passage.token.is_empty() { "" } else { " …" }))
        }
        cell => crate::format::in_one_line(&clean(&cell.text())),
    }
}

fn cut_cell(own: &Cell) -> String {
    if let Cell::Text(text) = own { cut(text) } else { cell(own) }
}

/// A text on one line, without control characters of the terminal and of text direction.
fn clean(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control() && !letter.is_whitespace()
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars()
        .filter(|letter| !steers(*letter))
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .collect()
}

/// A text on one line, truncated to `CELL`.
fn cut(text: &str) -> String {
    crate::format::shortened(&crate::format::in_one_line(&clean(text)), CELL - 1)
}

/// Like `cut`, but keeps the end of the text.
fn end_of(text: &str) -> String {
    let line = crate::format::in_one_line(&clean(text));
    let count = line.chars().count();
    if count <= CELL {
        return line;
    }
    std::iter::once('…').chain(line.chars().skip(count - CELL + 1)).collect()
}

/// Aligned rows with two spaces between columns; columns marked in `right` are right-aligned.
pub(super) fn aligned(rows: &[Vec<String>], right: &[bool]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match right.get(column) {
                Some(true) => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize, blocks: &[Block]) -> String {
        let mut screen = Screen { width, ..Screen::default() };
        screen.blocks(blocks, 0);
        screen.text
    }

    fn table() -> Table {
        let share = Metric { value: Some(0.5), interval: Some([0.25, 0.75]), ..Metric::default() };
        let rows = [
            ["a\nb".into(), 12_345.into(), (&share).into()],
            ["é".repeat(60).into(), 7.into(), Cell::Number(-0.0001)],
        ];
        Table::new("Words", ["word", "times", "share"], rows)
    }

    #[test]
    fn prose_is_wrapped_below_its_mark() {
        let text = drawn(PIPE, &[Block::List(vec!["word ".repeat(40)])]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("* word") && lines[1].starts_with("  word"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= PROSE), "{text}");
    }

    #[test]
    fn a_table_is_aligned_and_becomes_lists_where_it_does_not_fit() {
        let text = drawn(PIPE, &[Block::Table(table())]);
        let lines: Vec<&str> = text.trim().lines().collect();
        assert_eq!(lines[0], "Words");
        assert!(
            lines[1].trim_start().starts_with("word ") && lines[2].trim().chars().all(|letter| letter == '-')
        );
        assert!(
            lines[3].starts_with("  a b ") && lines[3].contains("12,345  0.5000 (0.2500 to 0.7500)"),
            "{text}"
        );
        assert!(lines[4].contains(&"é".repeat(60)) && lines[4].ends_with("−1.0e−4"), "{text}");
        let text = drawn(40, &[Block::Table(table())]);
        assert!(text.contains("\n  times: 12,345\n  share: 0.5000 (0.2500 to 0.7500)\n"), "{text}");
    }

    #[test]
    fn sections_are_underlined_and_closed_ones_show_their_first_block() {
        let note = |text: &str| Block::Note(text.to_owned());
        let inner = Section::new("Inner", [note("first"), note("second")]).closed();
        let text = drawn(PIPE, &[Block::Section(Section::new("Outer", inner.block()).note("two"))]);
        assert_eq!(text, "\nOuter · two\n===========\n\nInner\nfirst\n");
    }

    #[test]
    fn texts_steer_no_terminal() {
        let hostile = "\u{1b}[31m\u{202e}red\r\n\tvery ".repeat(80);
        let excerpt = Excerpt { reason: hostile.clone(), ..Excerpt::new(&hostile, &hostile, &hostile) };
        let rows = [[hostile.as_str().into(), 1.into()]];
        let blocks = [
            Block::Code(hostile.clone()),
            Block::Excerpt(excerpt),
            Block::Table(Table::new(&hostile, ["one", "two"], rows)),
            Block::Section(Section::new(&hostile, [Block::Text(hostile.clone())])),
        ];
        assert!(!drawn(60, &blocks).contains(['\u{1b}', '\r', '\t', '\u{202e}']));
    }

    #[test]
    fn a_passage_keeps_its_end() {
        let long = "word ".repeat(40);
        let shown = end_of(&long);
        assert!(shown.chars().count() == CELL && shown.starts_with('…') && shown.ends_with("word"));
        assert_eq!((end_of(" a\nb "), cut(" a\nb ")), ("a b".to_owned(), "a b".to_owned()));
    }
}
