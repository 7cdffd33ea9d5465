//! Names and identifiers that the user lists, and patterns that the user writes.

use super::bytes::{character_at, character_before};
use super::replacement::MASK;
use super::{Class, Finding, Settings};
use crate::error::{Error, Result};
use crate::files::Files;
use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

/// Entries that a list may have.
const MAX_ENTRIES: usize = 200_000;
/// Bytes that an entry may have: what a text is compared with at one place is bounded by it.
const MAX_ENTRY_BYTES: usize = 256;
/// Bytes that a file of a list may have.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// Patterns that there may be.
const MAX_PATTERNS: usize = 64;
/// Bytes that a compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Words and phrases, found as whole words.
#[derive(Debug)]
pub(crate) struct WordList {
    automaton: Option<AhoCorasick>,
    /// Which entry each of the automaton's patterns writes.
    entries: Vec<usize>,
}

/// The user's lists and patterns, ready to search with.
#[derive(Debug)]
pub(super) struct Lists {
    /// Names first, then identifiers.
    words: WordList,
    /// How many names there are.
    names: usize,
    patterns: Vec<Regex>,
}

/// Checks a list.
///
/// # Errors
/// Why it cannot be used.
pub(crate) fn check(list: &[String]) -> Result<(), String> {
    if list.len() > MAX_ENTRIES {
        return Err(format!("{} entries; at most {MAX_ENTRIES} are allowed", list.len()));
    }
    for entry in list {
        if entry.trim().is_empty() {
            return Err("an entry is empty; take it out".into());
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

/// Compiles patterns.
///
/// # Errors
/// There are too many, or one is no regular expression, matches the empty text or grows too large.
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
            true => Err(invalid(format!(
                "`{pattern}` matches where nothing stands; ask for at least one character"
            ))),
            false => Ok(regex),
        }
    });
    compiled.collect()
}

/// The entries of a file of at most so many bytes: one a line; lines that are empty or start with `#` are passed over.
///
/// # Errors
/// The file cannot be read, is too large or not UTF-8.
pub(crate) fn read(path: &Path, largest: u64, files: &dyn Files) -> Result<Vec<String>> {
    let mut bytes = Vec::new();
    let input = files.open(path).map_err(Error::io(path))?;
    input.take(largest + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > largest {
        return Err(Error::bad_file(path, format!("a list may have at most {largest} bytes; shorten it")));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::bad_file(path, "the list is not UTF-8; save it with that encoding"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// The entries of a list and of a file beside it, in order and each once; lines that are empty or start with `#` are passed over.
///
/// # Errors
/// The file cannot be read or used.
pub(crate) fn gather(list: &[String], file: Option<&Path>, files: &dyn Files) -> Result<Vec<String>> {
    let mut all: Vec<String> = list.iter().map(|entry| entry.trim().to_owned()).collect();
    if let Some(path) = file {
        let listed = read(path, MAX_FILE_BYTES, files)?;
        check(&listed).map_err(|reason| Error::bad_file(path, reason))?;
        all.extend(listed);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

impl WordList {
    /// Prepares to search for entries, in capitals and small letters alike if asked.
    ///
    /// # Errors
    /// Why they cannot be searched.
    pub(crate) fn new(entries: &[String], ignore_case: bool) -> Result<Self, String> {
        let mut patterns: Vec<(usize, Cow<'_, str>)> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            patterns.push((index, entry.into()));
            // The automaton knows capitals of ASCII alone; others are listed beside.
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

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Every place where an entry stands as a whole word: (number of the entry, first byte, byte after the last). Places may overlap.
    pub(crate) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_overlapping_iter(text));
        found.filter(move |found| is_whole(text, found.start(), found.end())).filter_map(move |found| {
            Some((*self.entries.get(found.pattern().as_usize())?, found.start(), found.end()))
        })
    }
}

impl Lists {
    /// Reads and prepares the lists and patterns of settings.
    ///
    /// # Errors
    /// A file that cannot be read, or a list or pattern that cannot be used.
    pub fn new(settings: &Settings, files: &dyn Files) -> Result<Self> {
        let mut entries = gather(&settings.names, settings.names_file.as_deref(), files)?;
        let names = entries.len();
        entries.extend(gather(&settings.identifiers, settings.identifiers_file.as_deref(), files)?);
        let words = WordList::new(&entries, settings.ignore_case)
            .map_err(|reason| Error::Invalid(format!("personal.names and personal.identifiers: {reason}")))?;
        Ok(Self { words, names, patterns: compile(&settings.patterns)? })
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.patterns.is_empty()
    }

    /// Adds what is found in a text.
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

/// Whether no word goes on across either end.
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

/// Whether it is of a script that writes words without spaces between, so that a listed name may stand anywhere.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
