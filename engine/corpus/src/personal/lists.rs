//! Names and identifiers that the user lists, and patterns that the user writes.

use super::bytes::{character_at, character_before};
use super::replacement::MASK;
use super::{Class, Finding, Settings};
use crate::error::{Error, Result};
use crate::files::Files;
use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};
use std::io::Read as _;
use std::path::Path;

/// Entries that a list may have.
const MOST_ENTRIES: usize = 200_000;
/// Bytes that an entry may have: what a text is compared with at one place is bounded by it.
const LONGEST_ENTRY: usize = 256;
/// Bytes that a file of a list may have.
const LARGEST_FILE: u64 = 8 << 20;
/// Patterns that there may be.
const MOST_PATTERNS: usize = 64;
/// Bytes that a compiled pattern may take.
const LARGEST_PATTERN: usize = 1 << 20;

/// The user's lists and patterns, ready to search with.
#[derive(Debug)]
pub(super) struct Lists {
    /// All entries of both lists.
    entries: Option<AhoCorasick>,
    /// From which pattern of `entries` on they are identifiers.
    names: usize,
    patterns: Vec<Regex>,
}

/// Checks a list.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn check(list: &[String]) -> Result<(), String> {
    if list.len() > MOST_ENTRIES {
        return Err(format!("{} entries; at most {MOST_ENTRIES} are allowed", list.len()));
    }
    for entry in list {
        if entry.trim().is_empty() {
            return Err("an entry is empty; take it out".into());
        }
        if entry.len() > LONGEST_ENTRY {
            let beginning: String = entry.chars().take(20).collect();
            return Err(format!(
                "the entry `{beginning}…` has {} bytes; at most {LONGEST_ENTRY} are allowed",
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
    if patterns.len() > MOST_PATTERNS {
        return Err(invalid(format!("{} patterns; at most {MOST_PATTERNS} are allowed", patterns.len())));
    }
    let compiled = patterns.iter().map(|pattern| {
        let built =
            RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN).build();
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

/// Reads a file of entries, one a line; empty lines and those that start with `#` are passed over.
fn read(files: &dyn Files, path: &Path) -> Result<Vec<String>> {
    let mut text = String::new();
    let input = files.open(path).map_err(Error::io(path))?;
    input.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(Error::io(path))?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(Error::bad_file(
            path,
            format!("a list may have at most {LARGEST_FILE} bytes; shorten it"),
        ));
    }
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let list: Vec<String> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect();
    check(&list).map_err(|reason| Error::bad_file(path, reason))?;
    Ok(list)
}

impl Lists {
    /// Reads and prepares the lists and patterns of settings.
    ///
    /// # Errors
    /// A file that cannot be read, or a list or pattern that cannot be used.
    pub fn new(settings: &Settings, files: &dyn Files) -> Result<Self> {
        let gather = |list: &[String], file: Option<&Path>| -> Result<Vec<String>> {
            let mut all: Vec<String> = list.iter().map(|entry| entry.trim().to_owned()).collect();
            if let Some(path) = file {
                all.extend(read(files, path)?);
            }
            if settings.ignore_case {
                // The automaton knows capitals of ASCII alone; others are listed beside.
                let beyond: Vec<&String> = all.iter().filter(|entry| !entry.is_ascii()).collect();
                let cases: Vec<String> =
                    beyond.iter().flat_map(|entry| [entry.to_lowercase(), entry.to_uppercase()]).collect();
                all.extend(cases);
            }
            all.sort();
            all.dedup();
            Ok(all)
        };
        let mut entries = gather(&settings.names, settings.names_file.as_deref())?;
        let names = entries.len();
        entries.extend(gather(&settings.identifiers, settings.identifiers_file.as_deref())?);
        let mut automaton = AhoCorasick::builder();
        automaton.match_kind(MatchKind::Standard).ascii_case_insensitive(settings.ignore_case);
        let entries = match entries.is_empty() {
            true => None,
            false => Some(automaton.build(&entries).map_err(|cause| {
                Error::Invalid(format!(
                    "personal.names and personal.identifiers cannot be searched: {cause}; shorten the lists"
                ))
            })?),
        };
        Ok(Self { entries, names, patterns: compile(&settings.patterns)? })
    }

    /// Whether there is anything to look for.
    pub fn is_empty(&self) -> bool {
        self.entries.is_none() && self.patterns.is_empty()
    }

    /// Adds what is found in a text.
    pub fn find(&self, text: &str, findings: &mut Vec<Finding>) {
        for found in self.entries.iter().flat_map(|entries| entries.find_overlapping_iter(text)) {
            if is_whole(text, found.start(), found.end()) {
                let class =
                    if found.pattern().as_usize() < self.names { Class::Name } else { Class::Identifier };
                findings.push(Finding { class, start: found.start(), end: found.end() });
            }
        }
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
