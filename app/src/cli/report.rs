//! Reports as text for a terminal: tables by its width, headings in bold if it has colours.
//!
//! Texts are on one line, with symbols for control characters: a document must not move the cursor or colour the screen.

use super::prelude::*;
use console::{Alignment, measure_text_width, pad_str};
use glasshouse_engine::protocol::blocks::{Bar, Excerpt};
use glasshouse_engine::protocol::cleaning::table::Unit;
use glasshouse_engine::protocol::evaluation::{AuditSection, CalibrationBin, Metric, Passage, metric_title};
use serde::Serialize;
use std::io::Result;

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

pub(super) fn print(blocks: &[Block]) -> Result<()> {
    print_rows(blocks, ROWS)
}

/// Prints a report with at most so many rows of each table.
pub(super) fn print_rows(blocks: &[Block], most: usize) -> Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let width = if is_terminal { usize::from(console::Term::stdout().size().1) } else { PIPE };
    let mut screen = Screen { width, most, is_bold: console::colors_enabled(), ..Screen::default() };
    screen.blocks(blocks, 0);
    terminal::say_styled(screen.text.trim_end())
}

/// JSON objects of the same fields as blocks: fields with one value for all as facts, the others as a table, and lists of objects as
/// sections.
pub(super) fn records(records: &[Value], hidden: &[&str]) -> Vec<Block> {
    let mut names: Vec<&str> = Vec::new();
    for name in records.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !names.contains(&name.as_str()) && !hidden.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let objects = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(Value::is_object));
    let (lists, names): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| records.iter().any(|record| objects(&record[*name])));
    let (common, own): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| records.iter().all(|record| record[*name] == records[0][*name]));
    let facts = common.iter().map(|name| Fact::new(words(name), value(name, &records[0][*name]).text()));
    let row = |record: &Value| own.iter().map(|name| value(name, &record[*name])).collect();
    let table = Table {
        columns: own.iter().map(|name| words(name)).collect(),
        rows: if own.is_empty() { Vec::new() } else { records.iter().map(row).collect() },
        ..Table::default()
    };
    let section = |name: &str| {
        let nested: Vec<Value> =
            records.iter().filter_map(|record| record[name].as_array()).flatten().cloned().collect();
        Block::Section(Section::new(words(name), self::records(&nested, hidden)))
    };
    let facts = facts.filter(|fact| ![NOTHING, ""].contains(&fact.value.as_str())).collect();
    let lists = lists.into_iter().map(section).collect();
    [vec![Block::Facts(facts), Block::Table(table)], lists].concat()
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A JSON value as a cell, in the unit of its field.
fn value(name: &str, own: &Value) -> Cell {
    match own {
        Value::Null => NOTHING.into(),
        Value::Bool(is_true) => Cell::from(if *is_true { "yes" } else { "no" }),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => {
            list.iter().map(|own| value(name, own).text()).collect::<Vec<_>>().join(", ").into()
        }
        Value::Object(fields) => match fields.get("name") {
            Some(name) => value("name", name),
            None => {
                let fields =
                    fields.iter().map(|(name, own)| format!("{} {}", words(name), value(name, own).text()));
                fields.collect::<Vec<_>>().join(", ").into()
            }
        },
        Value::Number(number) => match (number.as_u64(), number.as_f64().unwrap_or(f64::NAN)) {
            (Some(bytes), _) if name.contains("bytes") => Cell::Corpus(bytes.into(), Unit::Bytes),
            (Some(count), _) => count.into(),
            (None, share) if ["share", "within", "exact"].iter().any(|part| name.contains(part)) => {
                Cell::Corpus(share.into(), Unit::Share)
            }
            (None, large) if large >= 1e6 => quantity(large).into(),
            (None, number) => Cell::Number(number),
        },
    }
}

pub(super) fn audited(sections: &[AuditSection]) -> Result<()> {
    print(&sections.iter().filter_map(|own| evaluation::blocks::audit(own).block()).collect::<Vec<_>>())
}

/// A Unix time in seconds as a local date.
pub(super) fn date(seconds: f64) -> String {
    crate::format::date_time(seconds.max(0.0) as u64)
}

/// Prints a value as a line of JSON.
pub(super) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(say!("{}", serde_json::to_string(value)?)?)
}

/// Prints a value as a line of JSON with an `event` field.
pub(super) fn say_event(event: &str, value: &impl Serialize) -> anyhow::Result<()> {
    Ok(say!("{}", joined(json!({ "event": event }), &serde_json::to_value(value)?))?)
}

pub(super) fn joined(mut line: Value, more: &Value) -> Value {
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    line
}

#[derive(Debug, Default)]
struct Screen {
    width: usize,
    /// Maximum rows of a table.
    most: usize,
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
        let indent = measure_text_width(mark);
        let (mut line, mut length) = (mark.to_owned(), indent);
        for word in printable(text).split_whitespace() {
            let own = measure_text_width(word);
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
            Block::Metrics(metrics) => self.metrics(metrics),
            Block::Table(table) => self.table(table),
            Block::Bars(bars) => self.bars(bars),
            Block::Series(series) => {
                let row = |(label, metric): &(String, Metric)| [label.as_str().into(), metric.into()];
                self.table(&Table::new(&series.title, ["group", "value"], series.groups.iter().map(row)));
            }
            Block::Reliability(bins) => {
                let share = |share: f64| Cell::Corpus(share.into(), Unit::Share);
                let row =
                    |bin: &CalibrationBin| [share(bin.confidence), share(bin.accuracy), bin.count.into()];
                let rows = bins.iter().filter(|bin| bin.is_drawn()).map(row);
                self.table(&Table::new("", ["confidence", "accuracy", "tokens"], rows));
            }
            Block::Code(text) => text.lines().for_each(|line| self.line(&format!("  {}", printable(line)))),
            Block::Excerpt(excerpt) => self.excerpt(excerpt),
        }
    }

    fn section(&mut self, section: &Section, depth: usize) {
        let Section { title, note, is_closed, blocks, .. } = section;
        let note = if note.is_empty() { String::new() } else { format!(" · {note}") };
        let heading = printable(&format!("{title}{note}"));
        self.text.push('\n');
        self.heading(&heading);
        if depth == 0 {
            self.line(&"=".repeat(measure_text_width(&heading).min(self.width)));
        }
        let (shown, rest) = blocks.split_at(if *is_closed { blocks.len().min(1) } else { blocks.len() });
        self.blocks(shown, depth + 1);
        self.more(rest.len(), "");
    }

    fn more(&mut self, rest: usize, what: &str) {
        if rest > 0 {
            self.line(&format!("  … and {} more{what}, which --json has", whole(rest as u64)));
        }
    }

    fn heading(&mut self, text: &str) {
        let text = printable(text);
        self.line(&if self.is_bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text });
    }

    fn fact(&mut self, fact: &Fact) {
        let colon = if fact.value.is_empty() { "" } else { ": " };
        self.prose("  ", &format!("{}{colon}{}", fact.name, fact.value));
        if !fact.note.is_empty() {
            self.prose("    ", &fact.note);
        }
    }

    /// Metrics in columns; if those are too wide, each as a sentence.
    fn metrics(&mut self, metrics: &[Metric]) {
        let rows: Vec<_> = metrics.iter().map(metric).collect();
        let text = aligned(&rows, &[]);
        if text.lines().all(|line| measure_text_width(line) + 2 <= self.width) {
            return text.lines().for_each(|line| self.line(&format!("  {line}")));
        }
        for [title, value, of, signature] in rows {
            self.fact(&Fact::new(title, format!("{value}, {of}")).note(signature));
        }
    }

    /// A table; if it is too wide, its rows as sentences.
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
            let cells = rows.iter().take(self.most).map(|row| row.iter().map(cell).collect());
            let head: Vec<String> = columns.iter().map(|name| printable(name)).collect();
            let text = aligned(&std::iter::once(head).chain(cells).collect::<Vec<_>>(), &right);
            let widest = text.lines().map(measure_text_width).max().unwrap_or(0);
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
            self.rows(table);
        }
        self.more(rows.len().saturating_sub(self.most), " rows");
    }

    /// A sentence per row; with long cells a line for each.
    fn rows(&mut self, Table { columns, rows, .. }: &Table) {
        for row in rows.iter().take(self.most) {
            let cells: Vec<(&String, String)> = columns.iter().zip(row.iter().map(listed)).collect();
            let cells = || cells.iter().filter(|(_, text)| !text.is_empty());
            if cells().any(|(_, text)| text.chars().count() > 2 * CELL) {
                self.text.push('\n');
                for (name, text) in cells() {
                    let colon = if name.is_empty() { "" } else { ": " };
                    self.prose("  ", &format!("{name}{colon}{text}"));
                }
            } else {
                let first = cells().take(1).map(|(_, text)| text.clone());
                let others = cells().skip(1).map(|(name, text)| format!("{name} {text}"));
                self.prose("* ", &first.chain(others).collect::<Vec<_>>().join(" · "));
            }
        }
    }

    fn bars(&mut self, bars: &[Bar]) {
        let most = bars.iter().map(|bar| bar.length).fold(f64::MIN_POSITIVE, f64::max);
        let texts: Vec<_> = bars.iter().map(|bar| vec![cut(&bar.name), cut(&bar.text)]).collect();
        let texts = aligned(&texts, &[true]);
        let widest = texts.lines().map(measure_text_width).max().unwrap_or(0);
        let room = BAR.min(self.width.saturating_sub(widest + 4)) as f64;
        for (bar, text) in bars.iter().zip(texts.lines()) {
            let length = (bar.length / most * room).round().clamp(0.0, room) as usize;
            let text = pad_str(text, widest, Alignment::Left, None);
            self.line(&format!("  {text}  {}", "#".repeat(length)));
        }
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

/// A metric's title, value with interval, count, and how it was counted.
fn metric(metric: &Metric) -> [String; 4] {
    let of = format!("of {} {}", whole(metric.count), metric.of);
    let signature = metric.signature.as_deref().unwrap_or_default();
    [printable(&metric_title(&metric.name)), metric.with_interval(), printable(&of), printable(signature)]
}

/// A cell on one line; of a passage, its end.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Passage(passage) => end_of(passage, CELL),
        cell => crate::format::in_one_line(&printable(&cell.text())),
    }
}

fn listed(cell: &Cell) -> String {
    match cell {
        Cell::Passage(passage) => end_of(passage, EXCERPT),
        cell => crate::format::shortened(&cell.text(), EXCERPT),
    }
}

fn cut_cell(own: &Cell) -> String {
    if let Cell::Text(text) = own { cut(text) } else { cell(own) }
}

/// A text on one line, with symbols for control characters of the terminal and of text direction.
pub(super) fn printable(text: &str) -> String {
    let shown = |letter: char| terminal::symbol(letter).unwrap_or(letter);
    text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { shown(letter) }).collect()
}

/// A text on one line, truncated to `CELL`.
fn cut(text: &str) -> String {
    crate::format::shortened(&crate::format::in_one_line(&printable(text)), CELL - 1)
}

/// The end of a passage, with at most `most` characters.
fn end_of(passage: &Passage, most: usize) -> String {
    let more = if passage.token.is_empty() { "" } else { " …" };
    let line = crate::format::in_one_line(&printable(&format!("{}{more}", passage.prompt)));
    let count = line.chars().count();
    if count <= most {
        return line;
    }
    std::iter::once('…').chain(line.chars().skip(count - most + 1)).collect()
}

/// Aligned rows with two spaces between columns; columns marked in `right` are right-aligned.
pub(super) fn aligned<R: AsRef<[String]>>(rows: &[R], right: &[bool]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &R| {
        let row = row.as_ref();
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match right.get(column) {
                Some(true) => pad_str(cell, *width, Alignment::Right, None),
                _ => pad_str(cell, *width, Alignment::Left, None),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize, blocks: &[Block]) -> String {
        let mut screen = Screen { width, most: ROWS, ..Screen::default() };
        screen.blocks(blocks, 0);
        screen.text
    }

    fn table() -> Table {
        let share = Metric { value: Some(0.5), interval: Some([0.25, 0.75]), ..Metric::default() };
        let rows = [
            ["a\nb".into(), 12_345.into(), (&share).into()],
            ["é".repeat(90).into(), 7.into(), Cell::Number(-0.0001)],
        ];
        Table::new("Words", ["word", "times", "share"], rows)
    }

    #[test]
    fn records_have_their_common_fields_once() {
        let row = |ms: f64| json!({ "bench": "x", "device": { "name": "a CPU" }, "ms_per_step": ms, "parts": [{ "n": ms }] });
        let text = drawn(PIPE, &records(&[row(1.5), row(2.5)], &["bench"]));
        assert_eq!(text.matches("device: a CPU").count(), 1, "{text}");
        assert!(text.contains("\n  ms per step\n") && text.contains("\n       1.5000\n"), "{text}");
        assert!(text.contains("\nparts\n") && !text.contains("bench"), "{text}");
        let one = drawn(PIPE, &records(&[row(1.5)], &["bench", "parts"]));
        assert_eq!(one, "  device: a CPU\n  ms per step: 1.5000\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned);
        let text = aligned(&[row(["東京", "1"]), row(["abc", "22"])], &[false, true]);
        assert_eq!(text, "東京   1\nabc   22");
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
    fn a_table_is_aligned_and_becomes_sentences_where_it_does_not_fit() {
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
        assert!(lines[4].contains(&"é".repeat(90)) && lines[4].ends_with("−1.0e−4"), "{text}");
        let text = drawn(40, &[Block::Table(table())]);
        let rows = ["* a b · times 12,345 · share 0.5000", "  (0.2500 to 0.7500)", ""];
        assert_eq!(text.trim().lines().skip(1).take(3).collect::<Vec<_>>(), rows, "{text}");
        assert!(text.contains("\n  times: 7\n  share: −1.0e−4\n"), "{text}");
    }

    #[test]
    fn sections_are_underlined_and_closed_ones_show_their_first_block() {
        let note = |text: &str| Block::Note(text.to_owned());
        let inner = Section::new("Inner", [note("first"), note("second")]).closed();
        let text = drawn(PIPE, &[Block::Section(Section::new("Outer", inner.block()).note("two"))]);
        assert_eq!(text, "\nOuter · two\n===========\n\nInner\nfirst\n  … and 1 more, which --json has\n");
    }

    #[test]
    fn texts_steer_no_terminal() {
        let hostile = "\u{1b}[31m\u{202e}red\r\n\tvery ".repeat(80);
        let excerpt = Excerpt { reason: hostile.clone(), ..Excerpt::new(&hostile, &hostile, &hostile) };
        let rows = [[hostile.as_str().into(), 1.into()]];
        let (name, of, signature) = (hostile.clone(), hostile.clone(), Some(hostile.clone()));
        let blocks = [
            Block::Metrics(vec![Metric { name, of, signature, ..Metric::default() }]),
            Block::Bars(vec![Bar { name: hostile.clone(), length: 1.0, text: hostile.clone() }]),
            Block::Code(hostile.clone()),
            Block::Excerpt(excerpt),
            Block::Table(Table::new(&hostile, ["one", "two"], rows)),
            Block::Section(Section::new(&hostile, [Block::Text(hostile.clone())])),
        ];
        assert!(!drawn(60, &blocks).contains(['\u{1b}', '\r', '\t', '\u{202e}']));
    }

    #[test]
    fn metrics_bars_and_long_cells_keep_to_the_width() {
        let metric = Metric {
            name: "bleu".to_owned(),
            value: Some(27.3),
            count: 9,
            of: "rows".to_owned(),
            signature: Some("nrefs:1|case:mixed|eff:no|tok:13a".to_owned()),
            ..Metric::default()
        };
        let bars =
            ["kept", "removed"].map(|name| Bar { name: name.to_owned(), length: 2.0, text: "2".to_owned() });
        let passage = Cell::Passage(Passage { prompt: "word ".repeat(900), token: " end".to_owned() });
        let table = Table::new("", ["passage", "document"], [[passage, "long ".repeat(900).into()]]);
        let text = drawn(40, &[Block::Metrics(vec![metric]), Block::Bars(bars.into()), Block::Table(table)]);
        assert!(text.starts_with("  BLEU: 27.3, of 9 rows\n    nrefs:1|"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 40) && text.lines().count() < 30, "{text}");
    }

    #[test]
    fn a_passage_keeps_its_end() {
        let passage = |prompt: &str| Passage { prompt: prompt.to_owned(), token: String::new() };
        let shown = end_of(&passage(&"word ".repeat(40)), CELL);
        assert!(shown.chars().count() == CELL && shown.starts_with('…') && shown.ends_with("word"));
        assert_eq!((end_of(&passage(" a\nb "), CELL), cut(" a\nb ")), ("a b".to_owned(), "a b".to_owned()));
    }
}
