//! Names and identifiers listed by the user, and the user's patterns.

use super::bytes::{character_at, character_before};
use super::replacement::MASK;
use super::{Class, Finding, Settings};
use aho_corasick::{AhoCorasick, MatchKind};
use glasshouse_documents::files::Files;
use glasshouse_documents::{Error, Result};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

const MAX_ENTRIES: usize = 200_000;
/// Maximum bytes of an entry, which bounds the comparison at one position.
const MAX_ENTRY_BYTES: usize = 256;
const MAX_FILE_BYTES: u64 = 8 << 20;
const MAX_PATTERNS: usize = 64;
const MAX_PATTERN_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct WordList {
    automaton: Option<AhoCorasick>,
    entries: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Lists {
    /// Names first, then identifiers.
    words: WordList,
    names: usize,
    patterns: Vec<Regex>,
}

pub(crate) fn check(list: &[String]) -> Result<(), String> {
    if list.len() > MAX_ENTRIES {
        return Err(format!("{} entries; at most {MAX_ENTRIES} are allowed", list.len()));
    }
    for entry in list {
        if entry.trim().is_empty() {
            return Err("an entry is empty; remove it".into());
        }
        if entry.len() > MAX_ENTRY_BYTES {
            let beginning: String = entry.chars().take(20).collect();
            return Err(format!(
                "the entry `{beginning}…` has {} bytes; at most {MAX_ENTRY_BYTES} are allowed",
                entry.len()
            ));
        }
    }
    Ok(())
}

pub(super) fn compile(patterns: &[String]) -> Result<Vec<Regex>> {
    let invalid = |reason: String| Error::Invalid(format!("personal.patterns: {reason}"));
    if patterns.len() > MAX_PATTERNS {
        return Err(invalid(format!("{} patterns; at most {MAX_PATTERNS} are allowed", patterns.len())));
    }
    let compiled = patterns.iter().map(|pattern| {
        let built = RegexBuilder::new(pattern)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build();
        let regex = built.map_err(|cause| invalid(format!("`{pattern}` cannot be used: {cause}")))?;
        match regex.is_match("") {
            true => {
                Err(invalid(format!("`{pattern}` matches an empty text; require at least one character")))
            }
            false => Ok(regex),
        }
    });
    compiled.collect()
}

/// The entries of a file of at most `largest` bytes, one per line; empty lines and lines that start with `#` are skipped.
pub(crate) fn read(path: &Path, largest: u64, files: &dyn Files) -> Result<Vec<String>> {
    let text = text(path, largest, files)?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// A file of at most `largest` bytes as text.
pub(crate) fn text(path: &Path, largest: u64, files: &dyn Files) -> Result<String> {
    let mut bytes = Vec::new();
    let input = files.open(path).map_err(Error::io(path))?;
    input.take(largest + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > largest {
        return Err(Error::bad_file(path, format!("the file may have at most {largest} bytes; shorten it")));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::bad_file(path, "the file is not UTF-8; save it with that encoding"))
}

/// The entries of a list and of a file, sorted and without duplicates; empty lines and lines of the file that start with `#`
/// are skipped.
pub(crate) fn gather(list: &[String], file: Option<&Path>, files: &dyn Files) -> Result<Vec<String>> {
    let mut all: Vec<String> = list.iter().map(|entry| entry.trim().to_owned()).collect();
    if let Some(path) = file {
        let listed = read(path, MAX_FILE_BYTES, files)?;
        check(&listed).map_err(|reason| Error::bad_file(path, reason))?;
        all.extend(listed);
    }
    glasshouse_protocol::order::sort(&mut all);
    all.dedup();
    Ok(all)
}

impl WordList {
    pub(crate) fn new(entries: &[String], ignore_case: bool) -> Result<Self, String> {
        let mut patterns: Vec<(usize, Cow<'_, str>)> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            patterns.push((index, entry.into()));
            // The automaton ignores only ASCII case; other cases are added as patterns.
            if ignore_case && !entry.is_ascii() {
                let cases = [entry.to_lowercase(), entry.to_uppercase()];
                patterns
                    .extend(cases.into_iter().filter(|case| case != entry).map(|case| (index, case.into())));
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).ascii_case_insensitive(ignore_case);
        let automaton = match patterns.is_empty() {
            true => None,
            false => Some(
                builder
                    .build(patterns.iter().map(|(_, pattern)| pattern.as_bytes()))
                    .map_err(|cause| format!("the list cannot be searched: {cause}; shorten it"))?,
            ),
        };
        Ok(Self { automaton, entries: patterns.into_iter().map(|(index, _)| index).collect() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// All positions of entries as whole words: (index of the entry, start, end). They may overlap.
    pub(crate) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_overlapping_iter(text));
        found.filter(move |found| is_whole(text, found.start(), found.end())).filter_map(move |found| {
            Some((*self.entries.get(found.pattern().as_usize())?, found.start(), found.end()))
        })
    }
}

impl Lists {
    pub fn new(settings: &Settings, files: &dyn Files) -> Result<Self> {
        let mut entries = gather(&settings.names, settings.names_file.as_deref(), files)?;
        let names = entries.len();
        entries.extend(gather(&settings.identifiers, settings.identifiers_file.as_deref(), files)?);
        let words = WordList::new(&entries, settings.ignore_case)
            .map_err(|reason| Error::Invalid(format!("personal.names and personal.identifiers: {reason}")))?;
        Ok(Self { words, names, patterns: compile(&settings.patterns)? })
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.patterns.is_empty()
    }

    pub fn find(&self, text: &str, findings: &mut Vec<Finding>) {
        findings.extend(self.words.find(text).map(|(entry, start, end)| {
            let class = if entry < self.names { Class::Name } else { Class::Identifier };
            Finding { class, start, end }
        }));
        for pattern in &self.patterns {
            let found = pattern.find_iter(text).filter(|found| !found.is_empty());
            findings.extend(found.map(|found| Finding {
                class: Class::Identifier,
                start: found.start(),
                end: found.end(),
            }));
        }
    }
}

/// Whether no word continues across either end.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let joined = |outside: Option<char>, inside: Option<char>| {
        let part = |character: Option<char>| {
            character.is_some_and(|character| {
                (character.is_alphanumeric() || character == MASK) && !is_unspaced(character)
            })
        };
        part(outside) && part(inside)
    };
    !joined(character_before(text, start), character_at(text, start))
        && !joined(character_at(text, end), character_before(text, end))
}

/// Whether it belongs to a script without spaces, so that a listed name may start and end anywhere.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
