//! Cleans up after removals: empty brackets, spaces before full stops, empty lines, headings without text, sentences with a
//! hole.

use super::{HOLE, Prose, TAKEN};
use crate::extract::script::with_fractions;

/// Cleans up the scanner's text line by line, and counts the holes and the sentences removed with them.
pub(super) fn finish(text: &str) -> Prose {
    let (mut templates, mut sentences) = (0, 0);
    let mut result = String::with_capacity(text.len());
    // Headings without text so far, with their levels.
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut blank = false;
    let mut code = false;
    let mut line = String::new();
    for raw in text.lines() {
        if raw == "```" {
            code = !code;
        }
        line.clear();
        if code {
            line.extend(raw.chars().filter(|&character| character != TAKEN && character != HOLE));
        } else {
            close_gaps(raw, &mut line);
            if line.contains(HOLE) {
                templates += line.matches(HOLE).count() as u64;
                let (left, gone) = without_holes(&line);
                line = left;
                sentences += gone;
            }
        }
        let content = line.trim_end();
        if content.is_empty() {
            // A line with nothing left is removed; one that was blank before separates paragraphs.
            blank |= raw.is_empty() || raw.contains(TAKEN);
            continue;
        }
        let level = content.bytes().take_while(|&byte| byte == b'#').count();
        if !code && (1..=6).contains(&level) && content.as_bytes().get(level) == Some(&b' ') {
            // Replaces empty headings of the same or a lower level.
            headings.retain(|(above, _)| *above < level);
            headings.push((level, content.to_owned()));
            blank = true;
            continue;
        }
        if matches!(content, "-" | "#") {
            continue;
        }
        for (_, heading) in headings.drain(..) {
            begin(&mut result, true);
            push(&mut result, &heading);
            blank = true;
        }
        begin(&mut result, blank);
        push(&mut result, content);
        blank = false;
    }
    Prose { text: with_fractions(result), templates, sentences }
}

fn without_holes(line: &str) -> (String, u64) {
    let (mut left, mut gone, mut start) = (String::new(), 0, 0);
    let ends = line.char_indices().filter(|(at, letter)| ends_sentence(line, *at, *letter));
    let ends = ends.map(|(at, letter)| at + letter.len_utf8()).chain(std::iter::once(line.len()));
    for end in ends {
        // Closing quotes and brackets and the space after them belong to it.
        let rest = line.get(end..).unwrap_or_default();
        let end = line.len() - rest.trim_start_matches(CLOSING).trim_start_matches(' ').len();
        let sentence = line.get(start..end).unwrap_or_default();
        if sentence.contains(HOLE) {
            gone += 1;
        } else {
            left.push_str(sentence);
        }
        start = end.max(start);
    }
    (left, gone)
}

/// Closing marks after a sentence's end.
const CLOSING: [char; 8] = ['"', '”', '’', '»', ')', ']', '」', '』'];

/// Whether a sentence ends with this character: after words, not after abbreviations, and before a possible start.
fn ends_sentence(line: &str, at: usize, letter: char) -> bool {
    match letter {
        '。' | '！' | '？' => return true,
        '.' | '!' | '?' | '…' | '।' | '؟' => {}
        _ => return false,
    }
    let (before, after) =
        (line.get(..at).unwrap_or_default(), line.get(at + letter.len_utf8()..).unwrap_or_default());
    let word = before.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    // An initial, `Dr.`, `St.`, or `e.g.`
    let length = word.chars().count();
    let is_short = length == 1 || (length <= 3 && word.starts_with(char::is_uppercase));
    let after = after.trim_start_matches(CLOSING);
    let next = after.trim_start_matches(' ').chars().next();
    let begins = next.is_some_and(|next| {
        !next.is_lowercase() && (next.is_alphabetic() || "\"“«„([".contains(next) || next == HOLE)
    });
    after.starts_with(' ') && begins && (letter != '.' || !is_short)
}

fn begin(result: &mut String, blank: bool) {
    if !result.is_empty() {
        result.push_str(if blank { "\n\n" } else { "\n" });
    }
}

fn push(result: &mut String, text: &str) {
    html_escape::decode_html_entities_to_string(text, result);
}

/// Appends a line without removal marks, and without the brackets and spaces that they leave empty.
fn close_gaps(raw: &str, line: &mut String) {
    if !raw.contains(TAKEN) {
        line.push_str(raw);
        return;
    }
    let mut rest = raw;
    while let Some(at) = rest.find(['(', TAKEN]) {
        let (before, found) = rest.split_at_checked(at).unwrap_or((rest, ""));
        line.push_str(before);
        if let Some(after) = found.strip_prefix(TAKEN) {
            let gap = line.is_empty() || line.ends_with([' ', '(']);
            rest = if gap { after.trim_start_matches(' ') } else { after };
            if line.ends_with(' ') && rest.starts_with(['.', ',', ';', ':', ')']) {
                line.pop();
            }
            continue;
        }
        let inside = found.get(1..).unwrap_or_default();
        let after = inside.trim_start_matches([' ', ',', ';', TAKEN]);
        let skipped = inside.get(..inside.len() - after.len()).unwrap_or_default();
        if !skipped.contains(TAKEN) {
            line.push('(');
            rest = inside;
        } else if let Some(after) = after.strip_prefix(')') {
            while line.ends_with(' ') {
                line.pop();
            }
            rest = after;
        } else {
            line.push('(');
            rest = after;
        }
    }
    line.push_str(rest);
}
