//! PDF files: their text is taken at once, since what they are written in is no text.
//!
//! `pdf_oxide` reads the file: its objects, fonts and encryption, and the order in which the lines of a page are read. Ours is what makes
//! prose of the lines: paragraphs joined, words that a line's end divides, and the running heads and page numbers that are no part of it.

use super::lines::whole;
use super::open::{self, Items};
use super::record::Context;
use super::unpack::{CHUNK, Counter, counted};
use crate::document::{Document, Kind};
use crate::fields;
use crate::files::Input;
use encoding_rs::{UTF_16BE, WINDOWS_1252};
use glasshouse_protocol::quantity;
use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;
use rustc_hash::FxHashMap;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes in which the mark of a PDF stands.
const HEAD: usize = 1024;

/// Pages of the longest document.
const PAGES: usize = 100_000;

/// Lines at the top and at the bottom of a page that may be its running head or number.
const EDGE: usize = 2;

/// The document of a file.
#[expect(clippy::needless_pass_by_value, reason = "as the other readers, which keep it")]
pub(super) fn items(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    let item = document(&context, file, counter).map_err(|reason| context.trouble(None, reason));
    let limit = context.settings.limits.pdf;
    open::one(item.and_then(|found| found.ok_or_else(|| context.too_long(None, "the file", "pdf", limit))))
}

/// The document; none where the file is too long.
fn document(
    context: &Context,
    file: Box<dyn Input>,
    counter: &Arc<Counter>,
) -> Result<Option<Document>, String> {
    let mut stream = BufReader::with_capacity(CHUNK, counted(file, counter));
    let limit = context.settings.limits.pdf;
    let Some(bytes) = whole(&mut stream, limit).map_err(|error| open::broken(&error))? else {
        return Ok(None);
    };
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if memchr::memmem::find(head, b"%PDF-").is_none() {
        return Err("is not a PDF (no %PDF- header); rename it by what it is".to_owned());
    }
    // The library has its checks; where it panics in spite of them, that is an error like any other. In a browser it ends its module.
    catch_unwind(AssertUnwindSafe(|| read(context, bytes)))
        .unwrap_or_else(|_| Err(broken("it contradicts itself")))
        .map(Some)
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("is a broken PDF: {error}; save it anew with the program that made it")
}

fn read(context: &Context, bytes: Vec<u8>) -> Result<Document, String> {
    let file = PdfDocument::from_bytes(bytes).map_err(broken)?;
    if file.is_encrypted() && !file.is_authenticated() {
        return Err("is encrypted with a password; save a copy without it".to_owned());
    }
    let count = file.page_count().map_err(broken)?;
    let mut pages = Vec::new();
    for index in 0..count.min(PAGES) {
        // A page that cannot be read costs itself.
        pages.push(file.extract_text(index).unwrap_or_default());
    }
    let text = prose(&pages);
    if text.trim().is_empty() {
        let pages = quantity::counted(count as u64, "page");
        return Err(format!(
            "is a PDF without text ({pages}); if they are scanned, recognise their text first"
        ));
    }
    let root = file.catalog().ok();
    let said = |object: Option<&Object>, name: &str| {
        let value = file.resolve_object(object?.as_dict()?.get(name)?).ok()?;
        value.as_string().map(said)
    };
    let info = file.trailer().as_dict().and_then(|trailer| file.resolve_object(trailer.get("Info")?).ok());
    let title = said(info.as_ref(), "Title").and_then(|title| fields::short(&title).map(str::to_owned));
    let date = said(info.as_ref(), "CreationDate")
        .and_then(|date| fields::day(date.strip_prefix("D:").unwrap_or(&date).get(..8)?));
    let language = said(root.as_ref(), "Lang").and_then(|language| fields::language(&language));
    Ok(Document { title, date, language, ..context.document(None, Kind::Plain, text) })
}

/// A string of a PDF: UTF-16 behind its mark, else UTF-8 or Latin-1.
fn said(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] => UTF_16BE.decode_with_bom_removal(bytes).0.into_owned(),
        _ => String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
    }
}

/// The prose of some pages' lines.
fn prose(pages: &[String]) -> String {
    let heads = running(pages);
    let mut text = String::new();
    for page in pages {
        let lines: Vec<&str> = page.lines().map(str::trim).collect();
        let filled = lines.iter().filter(|line| !line.is_empty()).count();
        let mut place = 0;
        for line in lines {
            let edge = !line.is_empty() && (place < edge_of(filled) || place + edge_of(filled) >= filled);
            place += usize::from(!line.is_empty());
            if !edge || !heads.contains_key(&pattern(line)) {
                join(&mut text, line);
            }
        }
        // A sentence may go on behind the page's end.
        if ends_sentence(&text) {
            join(&mut text, "");
        }
    }
    // Letters that a font has in one piece.
    const LIGATURES: [(char, &str); 7] =
        [('ﬀ', "ff"), ('ﬁ', "fi"), ('ﬂ', "fl"), ('ﬃ', "ffi"), ('ﬄ', "ffl"), ('ﬅ', "st"), ('ﬆ', "st")];
    let whole = text.trim_end().to_owned();
    LIGATURES.into_iter().fold(whole, |text, (ligature, letters)| match text.contains(ligature) {
        true => text.replace(ligature, letters),
        false => text,
    })
}

/// Lines at the edges of pages that stand on most of them, by their pattern.
fn running(pages: &[String]) -> FxHashMap<String, usize> {
    let mut counts: FxHashMap<String, usize> = FxHashMap::default();
    for page in pages {
        let lines: Vec<&str> = page.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let edge = edge_of(lines.len());
        let edges = lines.iter().take(edge).chain(lines.iter().skip(edge).rev().take(edge));
        let mut patterns: Vec<String> = edges.map(|line| pattern(line)).collect();
        patterns.sort();
        patterns.dedup();
        for pattern in patterns {
            *counts.entry(pattern).or_default() += 1;
        }
    }
    // Left and right pages may have heads of their own.
    counts.retain(|_, count| *count >= 3 && *count * 5 >= pages.len() * 2);
    counts
}

/// Lines at either end of a page of so many that may be a running head or foot: less than half of it.
fn edge_of(lines: usize) -> usize {
    EDGE.min(lines / 3)
}

/// A line with every number in it as `0`.
fn pattern(line: &str) -> String {
    let mut pattern = String::new();
    for letter in line.chars() {
        if !letter.is_ascii_digit() {
            pattern.push(letter);
        } else if !pattern.ends_with('0') {
            pattern.push('0');
        }
    }
    pattern
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', ':', '"', '”', '»', '。', '！', '？'])
}

/// Adds a line to a paragraph, or with an empty one ends it.
fn join(text: &mut String, line: &str) {
    let Some(first) = line.chars().next() else {
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.truncate(text.trim_end().len());
            text.push_str("\n\n");
        }
        return;
    };
    let listed = |letter: char| matches!(letter, '•' | '◦' | '▪' | '‣' | '–' | '*');
    if text.is_empty() || text.ends_with('\n') {
    } else if listed(first) {
        text.push('\n');
    } else if text.ends_with(['-', '\u{ad}', '\u{2010}']) && first.is_lowercase() {
        // A word that the line's end divides.
        text.pop();
    } else if !is_wide(text.chars().next_back()) || !is_wide(Some(first)) {
        text.push(' ');
    }
    text.push_str(line);
}

/// Whether a character is one of those that stand without spaces between words.
fn is_wide(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| matches!(letter, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}'))
}
