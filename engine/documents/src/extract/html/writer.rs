//! Writes events as Markdown-like text: `#` before headings, `- ` and `1. ` before items, `> ` before quotations, code in
//! fences or backticks, a line per table row with ` | ` between cells, and blank lines between paragraphs.

use super::formula::Formula;
use super::tags::{Flow, flow, heading_level};
use crate::extract::script::{Script, meet, with_fractions};

/// Maximum indentation levels of quotations and lists, so that prefixes cannot blow up a page of nested lists.
const QUOTATIONS: usize = 4;
const LISTS: usize = 8;

#[derive(Default)]
pub(super) struct TextWriter {
    result: String,
    /// Pending line ends before the next word.
    breaks: usize,
    /// Whether white space precedes the next word.
    space: bool,
    /// Whether digits before the next word are of another number.
    digits_end: bool,
    /// Cells started in this row since the last word.
    cells: usize,
    /// Whether a data table is being written, whose rows are lines, and whether the position is in a cell of it.
    pub(super) data_table: bool,
    in_cell: bool,
    /// Whether this cell or item is still empty: no separation before its first block.
    edge: bool,
    /// Mark to write before the next word on its line: of an item or a heading.
    mark: String,
    /// Open lists, with the number of the last item if numbered.
    lists: Vec<Option<u32>>,
    quotations: usize,
    /// Inline code: nesting depth, and whether its first backtick was written.
    code: usize,
    code_is_open: bool,
    /// Preformatted text: nesting depth, text so far, and language.
    preformatted: usize,
    block: String,
    language: String,
    /// Open raised and lowered elements, with their text so far.
    scripts: Vec<(Script, String)>,
}

impl TextWriter {
    pub(super) fn finish(mut self) -> String {
        let end = self.result.trim_end().len();
        self.result.truncate(end);
        with_fractions(self.result)
    }

    /// Sets the language of the current code, if the page states it.
    pub(super) fn language(&mut self, language: &str) {
        if self.preformatted > 0 && self.language.is_empty() {
            language.clone_into(&mut self.language);
        }
    }

    /// Starts an element; `start` is the number before a numbered list's first.
    pub(super) fn start(&mut self, tag: &str, start: u32) {
        match flow(tag) {
            // Cells are on their row's line.
            _ if matches!(tag, "td" | "th") && self.data_table => {}
            // A list inside an item starts on the next line.
            Flow::Block => self.apart(if is_list(tag) && !self.lists.is_empty() { 1 } else { 2 }),
            Flow::Line => {
                self.edge &= tag != "tr";
                self.apart(1);
            }
            _ => {}
        }
        match tag {
            "br" => self.apart(1),
            "hr" => self.apart(2),
            "ol" => self.lists.push(Some(start)),
            "ul" | "menu" => self.lists.push(None),
            "li" => {
                self.mark.clear();
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        self.mark.push_str(&number.to_string());
                        self.mark.push_str(". ");
                    }
                    _ => self.mark.push_str("- "),
                }
                self.edge = true;
            }
            "dd" => {
                self.mark.clear();
                self.mark.push_str(": ");
                self.edge = true;
            }
            "blockquote" => self.quotations += 1,
            "tr" => self.cells = 0,
            "td" | "th" if self.data_table => {
                self.cells += 1;
                self.edge = true;
                self.in_cell = true;
            }
            "code" => self.code += 1,
            "pre" => self.preformatted += 1,
            _ => {}
        }
        if let Some(level) = heading_level(tag) {
            self.heading(level);
        }
    }

    /// Marks the next words as a heading of this level, from 1.
    pub(super) fn heading(&mut self, level: usize) {
        let item = self.mark.trim_end_matches(['#', ' ']).len();
        self.mark.truncate(if item == 0 { 0 } else { item + 1 });
        self.mark.extend(std::iter::repeat_n('#', level));
        self.mark.push(' ');
    }

    pub(super) fn end(&mut self, tag: &str) {
        match tag {
            "ol" | "ul" | "menu" => {
                self.lists.pop();
            }
            "li" | "dd" => {
                self.mark.clear();
                self.edge = false;
                self.breaks = self.breaks.min(1);
            }
            "blockquote" => self.quotations = self.quotations.saturating_sub(1),
            "tr" | "table" => {
                self.cells = 0;
                self.edge = false;
            }
            "td" | "th" if self.data_table => {
                self.in_cell = false;
                self.edge = true;
                self.breaks = 0;
                self.space = true;
                return;
            }
            "code" => {
                self.code = self.code.saturating_sub(1);
                if self.code == 0 && std::mem::take(&mut self.code_is_open) {
                    self.result.push('`');
                }
            }
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                if self.preformatted == 0 {
                    self.write_block();
                }
            }
            _ => {}
        }
        if heading_level(tag).is_some() {
            self.mark.clear();
        }
        match flow(tag) {
            Flow::Block => self.apart(if is_list(tag) && !self.lists.is_empty() { 1 } else { 2 }),
            Flow::Line => self.apart(1),
            _ => {}
        }
    }

    pub(super) fn quote(&mut self, opens: bool) {
        self.space &= opens;
        self.word("\"");
        self.space = false;
    }

    pub(super) fn formula(&mut self, formula: &Formula) {
        let Formula { text, is_tex, is_display } = formula;
        let is_display = *is_display && !self.in_cell;
        let sign = match (is_tex, is_display) {
            (false, _) => "",
            (true, false) => "$",
            (true, true) => "$$",
        };
        if is_display {
            self.apart(2);
        }
        self.end_digits();
        if self.preformatted > 0 {
            self.block.push_str(text);
        } else if !text.is_empty() {
            self.word(&format!("{sign}{text}{sign}"));
        }
        self.end_digits();
        if is_display {
            self.apart(2);
        }
    }

    /// Separates the digits before from those that follow.
    pub(super) fn end_digits(&mut self) {
        self.digits_end = true;
    }

    pub(super) fn start_script(&mut self, script: Script) {
        self.scripts.push((script, String::new()));
    }

    pub(super) fn end_script(&mut self) {
        let Some((script, text)) = self.scripts.pop() else { return };
        let before = match self.scripts.last() {
            Some((_, outer)) => outer,
            None if self.preformatted > 0 => &self.block,
            None if self.space || self.breaks > 0 || self.cells > 0 => "",
            None => &self.result,
        };
        match script.write(before, &text) {
            text if text.is_empty() => {}
            // An exponent has no white space.
            text if self.scripts.is_empty() && self.preformatted == 0 => self.word(&text),
            text => self.write(&text),
        }
    }

    /// Writes text: white space becomes one space, except in preformatted text.
    pub(super) fn write(&mut self, text: &str) {
        if let Some((_, script)) = self.scripts.last_mut() {
            script.push_str(text);
            return;
        }
        if self.preformatted > 0 {
            self.block.push_str(text);
            return;
        }
        let mut rest = text;
        loop {
            let words = rest.trim_ascii_start();
            self.space |= words.len() < rest.len();
            if words.is_empty() {
                return;
            }
            let end = words.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(words.len());
            let (word, tail) = words.split_at_checked(end).unwrap_or((words, ""));
            self.word(word);
            rest = tail;
        }
    }

    /// Separates what follows by at least this many line ends.
    fn apart(&mut self, breaks: usize) {
        // An element with blocks inside it is no exponent.
        for (_, text) in std::mem::take(&mut self.scripts) {
            self.write(&text);
        }
        if self.in_cell && self.preformatted == 0 {
            self.space = true;
            return;
        }
        if self.preformatted > 0 {
            if !self.block.is_empty() && !self.block.ends_with('\n') {
                self.block.push('\n');
            }
            return;
        }
        let breaks = if self.lists.is_empty() || self.mark.is_empty() { breaks } else { breaks.min(1) };
        if !self.edge || self.breaks > 0 && breaks < 2 {
            self.breaks = self.breaks.max(breaks);
        }
    }

    fn word(&mut self, word: &str) {
        if let Some((_, script)) = self.scripts.last_mut() {
            script.push_str(word);
            return;
        }
        self.lead();
        if self.code > 0 && !self.code_is_open {
            self.result.push('`');
            self.code_is_open = true;
        }
        if std::mem::take(&mut self.digits_end) && meet(&self.result, word) {
            self.result.push(' ');
        }
        self.result.push_str(word);
    }

    /// Writes the pending separator before the next word.
    fn lead(&mut self) {
        let line_starts = self.result.is_empty() || self.breaks > 0;
        if self.breaks > 0 && self.code_is_open {
            // Inline code is closed at the line's end and reopened on the next line.
            self.result.push('`');
            self.code_is_open = false;
        }
        if line_starts {
            if !self.result.is_empty() {
                self.result.extend(std::iter::repeat_n('\n', self.breaks));
            }
            self.indent();
            self.result.push_str(&self.mark);
            self.result.extend(std::iter::repeat_n("| ", self.cells.saturating_sub(1)));
            self.cells = self.cells.min(1);
        }
        let separators = if line_starts { 0 } else { self.cells };
        if separators > 0 {
            self.result.extend(std::iter::repeat_n(" |", separators));
            self.result.push(' ');
        } else if self.space && !line_starts {
            self.result.push(' ');
        }
        self.cells = 0;
        self.mark.clear();
        self.breaks = 0;
        self.space = false;
        self.edge = false;
    }

    /// Starts a line inside the open quotations and lists.
    fn indent(&mut self) {
        self.result.extend(std::iter::repeat_n("> ", self.quotations.min(QUOTATIONS)));
        let lists = self.lists.len().min(LISTS);
        // An item's mark is at its list's indentation, its other lines align with its text.
        let levels = if self.mark.is_empty() { lists } else { lists.saturating_sub(1) };
        self.result.extend(std::iter::repeat_n("  ", levels));
    }

    /// Writes preformatted text in a fence that does not occur in it.
    fn write_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let language = std::mem::take(&mut self.language);
        let code = block.trim_end();
        let code = code.strip_prefix("\r\n").or_else(|| code.strip_prefix('\n')).unwrap_or(code);
        self.edge = false;
        self.apart(2);
        if code.trim().is_empty() {
            return;
        }
        let mut longest = 0;
        let mut run = 0;
        for byte in code.bytes() {
            run = if byte == b'`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        let fence = "`".repeat(3.max(longest + 1));
        self.code_is_open = false;
        self.lead();
        self.result.push_str(&fence);
        self.result.push_str(&language);
        for line in code.lines().chain([fence.as_str()]) {
            self.result.push('\n');
            self.indent();
            self.result.push_str(line);
        }
        self.apart(2);
    }
}

fn is_list(tag: &str) -> bool {
    matches!(tag, "ol" | "ul" | "menu")
}

/// The number before a numbered list's first.
pub(super) fn first_number(start: Option<&str>) -> u32 {
    start.and_then(|start| start.trim().parse::<u32>().ok()).unwrap_or(1).saturating_sub(1)
}

/// The language in a class, in the syntax of highlighters: `language-rust`, `lang-py`, `highlight-source-js`.
pub(super) fn language_of(class: &str) -> Option<&str> {
    class
        .split_ascii_whitespace()
        .find_map(|class| {
            ["language-", "lang-", "highlight-source-"].iter().find_map(|prefix| class.strip_prefix(prefix))
        })
        .filter(|language| {
            language.len() <= 20
                && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-#_.".contains(&byte))
        })
}
