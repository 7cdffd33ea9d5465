//! Removes the front matter that static site generators put above Markdown, and reads its plain lines.

use crate::document::Document;
use crate::fields;

/// Maximum length of front matter in bytes; beyond it, the first line is a horizontal rule in the text.
const MAX_FRONT_MATTER_BYTES: usize = 64 << 10;

/// Removes a document's front matter: the part between two lines of `---` (YAML) or `+++` (TOML) at its start, if every line in
/// it looks like front matter. Nested values are not read.
pub(super) fn take_front_matter(document: &mut Document) {
    let Some((front, end)) = front_matter(&document.text) else { return };
    let mut taken = Document::default();
    for line in front.lines() {
        let Some((key, value)) = line.split_once([':', '=']) else { continue };
        let value = unquoted(value);
        let text = || fields::short(value).map(str::to_owned);
        match key {
            _ if key.starts_with([' ', '\t', '#', '-']) => {}
            _ => match key.trim().to_ascii_lowercase().as_str() {
                "title" => taken.title = text(),
                "date" => taken.date = fields::date(value),
                "licence" | "license" => taken.licence = fields::licence(value),
                "language" | "lang" => taken.language = fields::language(value),
                "url" | "address" => taken.address = text().filter(|url| url.contains("://")),
                "genre" => taken.genre = text(),
                "source" => taken.source = text().unwrap_or_default(),
                _ => {}
            },
        }
    }
    let text = document.text.get(end..).unwrap_or_default().trim_start_matches(['\n', '\r']).to_owned();
    document.text = text;
    document.title = taken.title;
    document.date = taken.date;
    document.licence = taken.licence;
    document.language = taken.language;
    document.address = taken.address;
    document.genre = taken.genre.or_else(|| document.genre.take());
    if !taken.source.is_empty() {
        document.source = taken.source;
    }
}

fn front_matter(text: &str) -> Option<(&str, usize)> {
    let mark = ["---", "+++"].into_iter().find(|mark| text.starts_with(*mark))?;
    let start = text.find('\n')? + 1;
    if text.get(..start)?.trim_end() != mark {
        return None;
    }
    let mut at = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        if at > MAX_FRONT_MATTER_BYTES {
            return None;
        }
        let next = at + line.len();
        let line = line.trim_end();
        if line == mark || (mark == "---" && line == "...") {
            return Some((text.get(start..at)?, next));
        }
        let pair = line.contains(if mark == "---" { ':' } else { '=' });
        let nested = line.is_empty() || line.starts_with([' ', '\t', '-', '#', '[', ']']);
        if !pair && !nested {
            return None;
        }
        at = next;
    }
    None
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}
