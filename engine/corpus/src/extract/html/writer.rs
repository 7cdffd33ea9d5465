//! Events to plain text in the manner of Markdown: `#` before headings, `- ` and `1. ` before items, `> ` before quotations,
//! code within fences or backticks, a table's row on a line with ` | ` between its cells, paragraphs apart by a blank line.

use super::formula::Formula;
use super::tags::{Flow, flow, heading_level, is_preformatted};

/// Beyond these levels quotations and lists are not indented further, lest a page of nested lists grow by what stands before
/// its lines.
const QUOTATIONS: usize = 4;
const LISTS: usize = 8;

/// Writes text from a page's events.
#[derive(Default)]
pub(super) struct TextWriter {
    result: String,
    /// Line ends due before the next word.
    breaks: usize,
    /// Whether white space stood before the next word.
    space: bool,
    /// Cells begun in this row since the last word.
    cells: usize,
    /// Whether a table of data is being written, whose rows are lines, and whether a cell of it is.
    pub(super) data_table: bool,
    in_cell: bool,
    /// Whether nothing stands in this cell or item yet: what would set its first block apart is not written.
    edge: bool,
    /// What stands before the next word on its line: an item's mark, a heading's.
    mark: String,
    /// Open lists: the number of the last item where they are numbered.
    lists: Vec<Option<u32>>,
    quotations: usize,
    /// Code within a line: how deep, and whether its first backtick is written.
    code: usize,
    code_is_open: bool,
    /// Preformatted text, how deep and so far, and its language.
    preformatted: usize,
    block: String,
    language: String,
}

impl TextWriter {
    /// The text.
    pub(super) fn finish(mut self) -> String {
        let end = self.result.trim_end().len();
        self.result.truncate(end);
        self.result
    }

    /// Names the language of the code that starts, where the page does.
    pub(super) fn language(&mut self, language: &str) {
        if self.preformatted > 0 && self.language.is_empty() {
            language.clone_into(&mut self.language);
        }
    }

    /// Starts an element, a numbered list from the number before `start`.
    pub(super) fn start(&mut self, tag: &str, start: u32) {
        match flow(tag) {
            // Cells stand on their row's line.
            _ if matches!(tag, "td" | "th") && self.data_table => {}
            // A list within an item stands on the lines below it.
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
            _ if is_preformatted(tag) => self.preformatted += 1,
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

    /// Ends an element.
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
            _ if is_preformatted(tag) => {
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

    /// Begins or ends a quotation within a line.
    pub(super) fn quote(&mut self, opens: bool) {
        self.space &= opens;
        self.word("\"");
        self.space = false;
    }

    /// Takes a formula: TeX within dollar signs.
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
        if self.preformatted > 0 {
            self.block.push_str(text);
        } else if !text.is_empty() {
            self.word(&format!("{sign}{text}{sign}"));
        }
        if is_display {
            self.apart(2);
        }
    }

    /// Takes text: white space is one space, except in preformatted text.
    pub(super) fn write(&mut self, text: &str) {
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

    /// Sets what follows apart by so many line ends.
    fn apart(&mut self, breaks: usize) {
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
        self.lead();
        if self.code > 0 && !self.code_is_open {
            self.result.push('`');
            self.code_is_open = true;
        }
        self.result.push_str(word);
    }

    /// Writes what stands between the last word and the next.
    fn lead(&mut self) {
        let line_starts = self.result.is_empty() || self.breaks > 0;
        if self.breaks > 0 && self.code_is_open {
            // Code within a line ends with the line, and goes on in the next.
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

    /// Starts a line within the open quotations and lists.
    fn indent(&mut self) {
        self.result.extend(std::iter::repeat_n("> ", self.quotations.min(QUOTATIONS)));
        let lists = self.lists.len().min(LISTS);
        // An item's mark stands where its list does, and its other lines beside its text.
        let levels = if self.mark.is_empty() { lists } else { lists.saturating_sub(1) };
        self.result.extend(std::iter::repeat_n("  ", levels));
    }

    /// Writes preformatted text within a fence that does not occur in it.
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

/// The language that a class names, as highlighters write it: `language-rust`, `lang-py`, `highlight-source-js`.
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
