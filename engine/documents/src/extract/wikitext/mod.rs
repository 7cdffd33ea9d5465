//! Extracts prose from MediaWiki's wikitext: removes tables, references, files, categories and tags, replaces links by their
//! labels, and keeps headings and lists as in Markdown. Known templates in sentences are expanded; a sentence with an unknown
//! one is removed and counted.
//!
//! Own code: the wikitext parsers on crates.io are unmaintained, and a faithful one would have to expand templates, which only
//! a wiki can. This is one pass over the text with a bounded stack of open elements; unclosed ones stay as text, as in
//! MediaWiki.

mod finish;
mod links;
mod templates;
mod variants;

#[cfg(test)]
mod tests;

use super::script::{Script, meet};
use memchr::{memchr, memmem};
use templates::Template;

/// Maximum nesting of links and templates; deeper ones belong to their parents.
const DEPTH: usize = 64;

/// Marks a removal until [`finish`] has cleaned up around it.
const TAKEN: char = '\u{1}';

/// Marks a template with unknown output in a sentence.
const HOLE: char = '\u{2}';

/// Elements removed with their contents.
const GONE: &str = "ref|gallery|timeline|score|imagemap|hiero|templatedata|inputbox|graph|mapframe|maplink|references|\
    templatestyles|indicator";
/// Elements whose contents are not wikitext and are kept: literally, as a formula, as code.
const KEPT: &str = "nowiki|math|chem|ce|pre|syntaxhighlight|source";

/// Redirect keywords in lower case.
const REDIRECT: &str =
    "redirect|weiterleitung|redirection|redirección|redirecionamento|rinvia|перенаправление";

fn is_listed(list: &str, name: &str) -> bool {
    list.split('|').any(|listed| listed == name)
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose {
    pub text: String,
    /// Templates inside sentences with unknown output.
    pub templates: u64,
    /// Sentences removed because of such a template.
    pub sentences: u64,
}

/// Extracts the prose of wikitext. A redirect has none.
#[must_use]
pub fn prose(wikitext: &str) -> Prose {
    if is_redirect(wikitext) {
        return Prose::default();
    }
    let mut wikitext = variants::choose(wikitext);
    if wikitext.contains(HOLE) {
        wikitext = wikitext.replace(HOLE, "").into();
    }
    let wikitext = &*wikitext;
    let mut scanner = Scanner {
        text: wikitext,
        bytes: wikitext.as_bytes(),
        position: 0,
        result: String::with_capacity(wikitext.len() / 2),
        open: Vec::new(),
        deeper: 0,
        heading_end: None,
        numbers: Vec::new(),
        next_greater: 0,
        unclosed: Vec::new(),
        scripts: Vec::new(),
    };
    scanner.run();
    finish::finish(&scanner.result)
}

/// Whether a page is a redirect. The keyword differs between languages, but is always one word.
fn is_redirect(text: &str) -> bool {
    let Some(rest) = text.trim_start().strip_prefix('#') else { return false };
    let line = rest.lines().next().unwrap_or_default();
    let Some((word, target)) = line.split_once("[[") else { return false };
    let word = word.trim().trim_end_matches(':').trim_end();
    target.contains("]]") && is_listed(REDIRECT, &word.to_lowercase())
}

struct Open {
    kind: MarkupKind,
    start: usize,
    label: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MarkupKind {
    Template,
    Parameter,
    Table,
    Link,
    External,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    result: String,
    open: Vec<Open>,
    /// Number of templates and links open beyond the limit.
    deeper: usize,
    /// Start and end of the `=` after a heading.
    heading_end: Option<(usize, usize)>,
    numbers: Vec<u32>,
    /// Position of the first `>` at or after any queried position so far.
    next_greater: usize,
    /// Elements without an end tag, searched once.
    unclosed: Vec<String>,
    /// Starts of open raised and lowered elements.
    scripts: Vec<(Script, usize)>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        let mut line_starts = true;
        while self.position < self.bytes.len() {
            if line_starts {
                self.line_start();
                line_starts = false;
                continue;
            }
            if let Some((start, end)) = self.heading_end
                && self.position >= start
            {
                self.heading_end = None;
                self.position = self.position.max(end);
                continue;
            }
            let stop = self.heading_end.map_or(self.bytes.len(), |(start, _)| start);
            let rest = self.text.get(self.position..stop).unwrap_or_default();
            let plain = rest.bytes().position(|byte| b"<[]{}'|_\n".contains(&byte)).unwrap_or(rest.len());
            self.result.push_str(rest.get(..plain).unwrap_or_default());
            self.position += plain;
            let Some(&special) = rest.as_bytes().get(plain) else {
                // Reached only at a position inside a character, which cannot occur; prevents an endless loop.
                if plain == 0 && self.heading_end.is_none() {
                    return;
                }
                continue;
            };
            match special {
                b'\n' => {
                    self.result.push('\n');
                    self.position += 1;
                    line_starts = true;
                }
                b'<' => self.tag(),
                b'[' => self.bracket(),
                b']' => self.closing_brackets(),
                b'{' => self.braces(),
                b'}' => self.closing_braces(),
                b'\'' => self.apostrophes(),
                b'|' => {
                    if let Some(open) = self.open.last_mut()
                        && open.kind == MarkupKind::Link
                        && open.label.is_none()
                    {
                        open.label = Some(self.result.len());
                    }
                    self.literal(1);
                }
                _ => self.magic_word(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn run_of(&self, byte: u8) -> usize {
        self.rest().bytes().take_while(|&found| found == byte).count()
    }

    fn literal(&mut self, count: usize) {
        self.result.push_str(self.rest().get(..count).unwrap_or_default());
        self.position += count;
    }

    fn push(&mut self, kind: MarkupKind) {
        if self.open.len() < DEPTH {
            self.open.push(Open { kind, start: self.result.len(), label: None });
        } else {
            self.deeper += 1;
        }
    }

    fn take_out(&mut self, start: usize) {
        self.result.truncate(start);
        if !self.result.ends_with(TAKEN) {
            self.result.push(TAKEN);
        }
    }

    fn line_start(&mut self) {
        self.scripts.clear();
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', ':']);
        if trimmed.starts_with("{|") {
            self.position += rest.len() - trimmed.len() + 2;
            self.push(MarkupKind::Table);
            return;
        }
        let inside = self.open.last().map(|open| open.kind);
        if trimmed.starts_with("|}") && inside == Some(MarkupKind::Table) {
            self.position += rest.len() - trimmed.len() + 2;
            if let Some(open) = self.open.pop() {
                self.take_out(open.start);
            }
            return;
        }
        if inside.is_some() {
            return;
        }
        let mark = rest.bytes().take_while(|byte| b"*#:;".contains(byte)).count();
        if mark > 0 {
            self.item(mark);
            return;
        }
        self.numbers.clear();
        if rest.starts_with('=') {
            self.heading();
        } else if rest.starts_with("----") {
            self.position += self.run_of(b'-');
        }
    }

    /// A heading: `== History ==`.
    fn heading(&mut self) {
        let line = self.rest();
        let line = line.get(..memchr(b'\n', line.as_bytes()).unwrap_or(line.len())).unwrap_or_default();
        // A comment may follow it.
        let body =
            memmem::find(line.as_bytes(), b"<!--").and_then(|at| line.get(..at)).unwrap_or(line).trim_end();
        let before = self.run_of(b'=');
        let after = body.len() - body.trim_end_matches('=').len();
        let level = before.min(after).min(6);
        if level == 0 || body.len() < 2 * level + 1 {
            self.literal(before);
            return;
        }
        let end = self.position + body.len();
        self.heading_end = Some((end - level, end));
        self.position += level;
        self.result.push_str("#".repeat(level).as_str());
        self.result.push(' ');
        self.position += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    /// A list item, by its marks: `*`, `**`, `#`, `:`, `;`.
    fn item(&mut self, mark: usize) {
        let marks = self.rest().as_bytes().get(..mark).unwrap_or_default();
        let last = marks.last().copied();
        self.position += mark;
        self.position += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        let level = mark.min(8);
        if matches!(last, Some(b'*' | b'#')) {
            self.result.extend(std::iter::repeat_n("  ", level - 1));
        }
        self.numbers.resize(level, 0);
        match last {
            Some(b'*') => {
                self.numbers.clear();
                self.result.push_str("- ");
            }
            Some(b'#') => {
                if let Some(number) = self.numbers.last_mut() {
                    *number = number.saturating_add(1);
                    let number = *number;
                    self.result.push_str(&number.to_string());
                    self.result.push_str(". ");
                }
            }
            _ => {}
        }
    }

    /// A tag, a comment, or a literal `<`.
    fn tag(&mut self) {
        let rest = self.rest();
        if rest.starts_with("<!--") {
            self.position += memmem::find(rest.as_bytes(), b"-->").map_or(rest.len(), |at| at + 3);
            return;
        }
        let inside = rest.get(1..).unwrap_or_default();
        let name = inside.strip_prefix('/').unwrap_or(inside);
        let length = name.bytes().take_while(u8::is_ascii_alphabetic).count();
        let end = self.tag_end();
        let (Some(end), true) = (end, (1..=20).contains(&length)) else {
            self.literal(1);
            return;
        };
        let tag = self.text.get(self.position..end).unwrap_or_default();
        if tag.get(1..).is_none_or(|tag| tag.contains('<')) {
            self.literal(1);
            return;
        }
        let name = name.get(..length).unwrap_or_default().to_ascii_lowercase();
        self.position = end + 1;
        let script = match name.as_str() {
            "sup" => Some(Script::Raised),
            "sub" => Some(Script::Lowered),
            _ => None,
        };
        if let Some(script) = script.filter(|_| !tag.ends_with('/')) {
            self.script(script, inside.starts_with('/'));
            return;
        }
        // Struck and corrected numbers are two.
        if is_listed("del|ins|s|strike", &name) && meet(&self.result, self.rest()) {
            self.result.push(' ');
        }
        if inside.starts_with('/') || tag.ends_with('/') {
            if is_listed(GONE, &name) {
                self.take_out(self.result.len());
            } else if name == "br" {
                self.result.push('\n');
            }
            return;
        }
        if is_listed(GONE, &name) {
            if self.content(&name).is_some() {
                self.take_out(self.result.len());
            }
        } else if is_listed(KEPT, &name) {
            let Some(content) = self.content(&name) else { return };
            match name.as_str() {
                "nowiki" => self.result.push_str(content),
                "math" => self.result.extend(["$", content.trim(), "$"]),
                "chem" | "ce" => self.result.extend(["$\\ce{", content.trim(), "}$"]),
                _ => self.result.extend(["\n```\n", content.trim_matches('\n').trim_end(), "\n```\n"]),
            }
        } else if matches!(name.as_str(), "br" | "p" | "hr") {
            self.result.push('\n');
        }
    }

    /// Starts or ends raised or lowered text, which is on one line.
    fn script(&mut self, script: Script, ends: bool) {
        if !ends {
            if self.scripts.len() < DEPTH {
                self.scripts.push((script, self.result.len()));
            }
            return;
        }
        let Some((_, start)) = self.scripts.pop().filter(|(open, _)| *open == script) else { return };
        let Some((before, text)) = self.result.split_at_checked(start) else { return };
        if text.contains(['\n', HOLE]) {
            return;
        }
        // Its entities are decoded with those of the text later.
        let text = html_escape::decode_html_entities(text).replace(TAKEN, "");
        let written = script.write(before.trim_end_matches(TAKEN), &text).replace('&', "&amp;");
        self.result.truncate(start);
        self.result.push_str(&written);
    }

    /// Position of the next `>`.
    fn tag_end(&mut self) -> Option<usize> {
        if self.next_greater < self.position {
            let found = self.bytes.get(self.position..).and_then(|rest| memchr(b'>', rest));
            self.next_greater = found.map_or(self.bytes.len(), |at| self.position + at);
        }
        (self.next_greater < self.bytes.len()).then_some(self.next_greater)
    }

    /// Consumes the text before an end tag, and the end tag; returns the text.
    fn content(&mut self, name: &str) -> Option<&'a str> {
        if self.unclosed.iter().any(|unclosed| unclosed == name) {
            return None;
        }
        let rest = self.text.get(self.position..)?;
        let mut from = 0;
        while let Some(at) = rest.as_bytes().get(from..).and_then(|rest| memmem::find(rest, b"</")) {
            let start = from + at + 2;
            let found = rest.as_bytes().get(start..start + name.len());
            if found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
                let tail = rest.get(start..)?;
                self.position += start + memchr(b'>', tail.as_bytes()).map_or(tail.len(), |at| at + 1);
                return rest.get(..start - 2);
            }
            from = start;
        }
        self.unclosed.push(name.to_owned());
        None
    }

    fn bracket(&mut self) {
        let rest = self.rest();
        if rest.starts_with("[[") {
            self.position += 2;
            self.push(MarkupKind::Link);
            return;
        }
        let inside = rest.get(1..).unwrap_or_default();
        let starts = ["http://", "https://", "//", "ftp://", "mailto:", "news:", "irc:"];
        if starts
            .iter()
            .any(|start| inside.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
        {
            let address = inside.bytes().position(|byte| b" \t\n]<".contains(&byte)).unwrap_or(inside.len());
            self.position += 1 + address;
            self.position += self.run_of(b' ');
            self.push(MarkupKind::External);
            return;
        }
        self.literal(1);
    }

    fn closing_brackets(&mut self) {
        let two = self.rest().starts_with("]]");
        match self.open.last().map(|open| open.kind) {
            _ if two && self.deeper > 0 => {
                self.deeper -= 1;
                self.position += 2;
            }
            Some(MarkupKind::Link) if two => {
                self.position += 2;
                if let Some(open) = self.open.pop() {
                    links::close(&mut self.result, open.start, open.label);
                }
            }
            Some(MarkupKind::External) => {
                self.position += 1;
                self.open.pop();
            }
            _ => self.literal(if two { 2 } else { 1 }),
        }
    }

    fn braces(&mut self) {
        let mut count = self.run_of(b'{');
        if count == 1 {
            self.literal(1);
            return;
        }
        self.position += count;
        while count >= 2 {
            let kind = if count == 3 { MarkupKind::Parameter } else { MarkupKind::Template };
            self.push(kind);
            count -= if kind == MarkupKind::Parameter { 3 } else { 2 };
        }
    }

    fn closing_braces(&mut self) {
        let mut count = self.run_of(b'}');
        while count >= 2 {
            if self.deeper > 0 {
                self.deeper -= 1;
                self.position += 2;
                count -= 2;
                continue;
            }
            let nearest = self
                .open
                .iter()
                .rposition(|open| matches!(open.kind, MarkupKind::Template | MarkupKind::Parameter));
            let Some(open) = nearest.and_then(|index| self.open.drain(index..).next()) else { break };
            let width = if open.kind == MarkupKind::Parameter { count.min(3) } else { 2 };
            self.position += width;
            count -= width;
            if open.kind == MarkupKind::Template {
                self.template(open.start);
            } else {
                self.take_out(open.start);
            }
        }
        self.literal(count);
    }

    /// Replaces a template by its output; the text between its braces was written from `start` on.
    fn template(&mut self, start: usize) {
        let (before, content) = self.result.split_at_checked(start).unwrap_or_default();
        let is_digit = |letter: char| letter.is_ascii_digit();
        let name = content.split('|').next().unwrap_or_default();
        let is_in_number =
            before.ends_with(is_digit) && (name.contains(is_digit) || self.rest().starts_with(is_digit));
        match templates::expand(content) {
            Template::Printed(text) => {
                self.result.truncate(start);
                let is_fraction = text.contains('/');
                if is_fraction && meet(&self.result, &text) {
                    self.result.push(' ');
                }
                self.result.push_str(&text);
                if is_fraction && meet(&text, self.rest()) {
                    self.result.push(' ');
                }
            }
            Template::Silent => self.take_out(start),
            Template::Unknown if !is_in_number && !self.is_in_sentence(start) => self.take_out(start),
            Template::Unknown | Template::Misunderstood => {
                self.result.truncate(start);
                self.result.push(HOLE);
            }
        }
    }

    /// Whether a template from `start` to the current position stands for a word: notes follow words without a space, and boxes
    /// are on separate lines.
    fn is_in_sentence(&self, start: usize) -> bool {
        let (before, content) = self.result.split_at_checked(start).unwrap_or_default();
        // A longer line has begun before.
        let near = before.get(before.floor_char_boundary(before.len().saturating_sub(1000))..);
        let line = near.unwrap_or_default().rsplit('\n').next().unwrap_or_default();
        let begins_line = line.chars().all(|letter| letter == TAKEN || letter.is_whitespace());
        let behind = self.rest();
        let ends_line = behind.trim_start_matches([' ', '\t']).chars().next().is_none_or(|next| next == '\n');
        if begins_line && (ends_line || content.contains('\n') || !behind.starts_with([' ', '-', ','])) {
            return false;
        }
        // In scripts without spaces, a note precedes a mark, and a template between two letters stands for a word.
        let unspaced = |letter: Option<char>| {
            letter.is_some_and(|letter| matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'))
        };
        let within = unspaced(line.chars().next_back()) && unspaced(behind.chars().next());
        begins_line
            || within
            || line.ends_with([' ', '\u{a0}', '|', '=', '“', '"', '«', '„', '–', '—', '$', '€', '£'])
    }

    /// Bold and italic, by MediaWiki's rule for counting apostrophes.
    fn apostrophes(&mut self) {
        let count = self.run_of(b'\'');
        let kept = match count {
            2 | 3 | 5 => 0,
            1 | 4 => 1,
            _ => count - 5,
        };
        self.position += count - kept;
        self.literal(kept);
    }

    /// `__NOTOC__` and the like.
    fn magic_word(&mut self) {
        let rest = self.rest();
        let word = rest.strip_prefix("__").unwrap_or_default();
        let length = word.bytes().take_while(u8::is_ascii_uppercase).take(40).count();
        if length > 2 && word.get(length..).is_some_and(|tail| tail.starts_with("__")) {
            self.position += length + 4;
        } else {
            self.literal(1);
        }
    }
}
