//! Moderation rules: words and phrases by category, with the context words that make them harmful or harmless.

use super::words::{SPELLED, Word, is_between, is_gap, spelled, words};
use super::{Category, Finding, Severity};
use crate::records::{lines, unplaced};
use glasshouse_protocol::names;
use rustc_hash::FxHashMap;
use serde::Deserialize;

/// The built-in rules, in the format of a user's file.
const OURS: &str = include_str!("rules.jsonl");
/// Words on each side of a match that are searched for context.
pub(super) const NEAR: usize = 6;
/// Words directly before and after a match, separated only by spaces, that are searched for who is meant.
const CLOSE: usize = 3;
/// Minimum letters before a `*`.
const MIN_STEM_LETTERS: usize = 3;
const MAX_PHRASE_WORDS: usize = 12;

/// Finds words and phrases in linear time.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Phrases of rules and exceptions, by their first word (or its stem if it ends with `*`).
    phrases: FxHashMap<String, Vec<Phrase>>,
    /// The context conditions of each list.
    companies: Vec<Company>,
}

/// Context in which a list's words are harmful: for each non-empty field, one of its phrases must occur.
#[derive(Clone, Debug)]
struct Company {
    /// Within [`CLOSE`] words before.
    before: Vec<Vec<Pattern>>,
    /// Within [`CLOSE`] words after.
    after: Vec<Vec<Pattern>>,
    /// Within [`NEAR`] words on either side.
    with: Vec<Vec<Pattern>>,
    /// Exceptions: within [`NEAR`] words on either side, they make a match harmless.
    near: Vec<Vec<Pattern>>,
}

#[derive(Clone, Debug)]
struct Phrase {
    written: String,
    words: Vec<Pattern>,
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A rule, with the index of its list in [`Rules::companies`].
    Found(Category, Severity, usize),
    /// An exception: within it, no rule of the list (`None`: of any list) matches.
    Innocent(Option<usize>),
}

/// A word or, for stems, all words that begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    word: String,
    is_stem: bool,
}

impl Pattern {
    fn is(&self, word: &Word) -> bool {
        let is = |form: &String| if self.is_stem { form.starts_with(&self.word) } else { *form == self.word };
        word.forms.iter().any(is)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    category: Option<String>,
    severity: Option<String>,
    words: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    with: Vec<String>,
    unless: Vec<String>,
    near: Vec<String>,
    innocent: Vec<String>,
    remove: Vec<String>,
}

/// Findings in a text, and the offset from which on more text may change them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleMatches {
    pub(super) findings: Vec<Finding>,
    /// First undecided byte; the text's length if all is decided.
    pub(super) decided: usize,
}

impl Rules {
    /// The built-in rules.
    pub fn ours() -> Result<Self, String> {
        Self::with("")
    }

    /// The built-in rules, modified by a user's JSON Lines.
    /// `{"category", "severity", "words", "before", "after", "with", "unless", "near"}` adds words, `{"innocent": […]}` adds
    /// phrases within which nothing is found, and `{"remove": […]}` removes built-in words. Fails if a line has another form;
    /// the error names it.
    pub fn with(own: &str) -> Result<Self, String> {
        let mut rules = Self { phrases: FxHashMap::default(), companies: Vec::new() };
        for text in [OURS, own] {
            for (number, line) in lines(text) {
                rules.take(line).map_err(|reason| format!("line {number}: {reason}"))?;
            }
        }
        Ok(rules)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let line: Line = serde_json::from_slice(line.as_bytes())
            .map_err(|error| names::with_suggestion(&unplaced(&error)))?;
        for written in &line.remove {
            self.remove(written)?;
        }
        for written in &line.innocent {
            self.add(written, Says::Innocent(None))?;
        }
        if line.words.is_empty() {
            let rest = [&line.before, &line.after, &line.with, &line.unless, &line.near];
            if line.category.is_some() || line.severity.is_some() || rest.iter().any(|list| !list.is_empty())
            {
                return Err("`words` is missing".to_owned());
            }
            if line.remove.is_empty() && line.innocent.is_empty() {
                return Err("expected `words`, `innocent` or `remove`".to_owned());
            }
            return Ok(());
        }
        let category = line.category.as_deref().map(|name| Category::named("category", name)).transpose()?;
        let category = category.unwrap_or(Category::Other);
        let severity = line.severity.as_deref().map(|name| Severity::named("severity", name)).transpose()?;
        let severity = severity.unwrap_or_default();
        let list = self.companies.len();
        // A phrase longer than the searched context could never match.
        let phrases = |list: &[String], longest: usize| -> Result<Vec<_>, String> {
            list.iter().map(|written| patterns(written, longest)).collect()
        };
        self.companies.push(Company {
            before: phrases(&line.before, CLOSE)?,
            after: phrases(&line.after, CLOSE)?,
            with: phrases(&line.with, NEAR)?,
            near: phrases(&line.near, NEAR)?,
        });
        for written in &line.words {
            self.add(written, Says::Found(category, severity, list))?;
        }
        line.unless.iter().try_for_each(|written| self.add(written, Says::Innocent(Some(list))))
    }

    fn add(&mut self, written: &str, says: Says) -> Result<(), String> {
        let words = patterns(written, MAX_PHRASE_WORDS)?;
        let Some(first) = words.first() else { return Err(format!("\"{written}\" has no word")) };
        let phrase = Phrase { written: written.to_lowercase(), says, words: words.clone() };
        self.phrases.entry(first.word.clone()).or_default().push(phrase);
        Ok(())
    }

    fn remove(&mut self, written: &str) -> Result<(), String> {
        let small = written.trim().to_lowercase();
        let is_rule = |phrase: &Phrase| matches!(phrase.says, Says::Found(..));
        let mut is_found = false;
        for phrases in self.phrases.values_mut() {
            let before = phrases.len();
            phrases.retain(|phrase| !(is_rule(phrase) && phrase.written == small));
            is_found |= phrases.len() < before;
        }
        if is_found {
            return Ok(());
        }
        let known = self.phrases.values().flatten().filter(|phrase| is_rule(phrase));
        let near = names::nearest(&small, known.map(|phrase| phrase.written.as_str()));
        let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        Err(format!("there is no rule \"{written}\" to remove{near}"))
    }

    pub fn find(&self, text: &str) -> Vec<Finding> {
        self.look(text, true).findings
    }

    /// Findings in a text; if `is_whole` is false, more of it may follow.
    pub(super) fn look(&self, text: &str, is_whole: bool) -> RuleMatches {
        let (words, open) = words(text);
        let open = if is_whole { text.len() } else { open };
        let (mut matches, mut innocent) = (Vec::new(), Vec::new());
        let mut decided = if is_whole { open } else { open.min(spelled_end(text, &words)) };
        for at in 0..words.len() {
            let rest = words.get(at..).unwrap_or_default();
            for phrase in self.beginning_with(rest) {
                match phrase.matched(rest, text, open) {
                    Matched::Whole(count) => {
                        let Some((first, last)) = rest.first().zip(rest.get(count - 1)) else { continue };
                        let span = (first.start, last.end);
                        if last.from >= open {
                            decided = decided.min(first.start);
                        }
                        match phrase.says {
                            Says::Found(..) => matches.push((span, at, at + count, phrase)),
                            Says::Innocent(list) => innocent.push((span, list)),
                        }
                    }
                    Matched::Part if !is_whole => {
                        decided = decided.min(rest.first().map_or(decided, |first| first.start));
                    }
                    Matched::Part | Matched::Not => {}
                }
            }
        }
        for (at, word) in spelled(&words) {
            let group = word.forms.first().map_or(0, |form| form.chars().count());
            let own = std::slice::from_ref(&word);
            for phrase in self.beginning_with(own).filter(|phrase| phrase.words.len() == 1) {
                if matches!(phrase.says, Says::Found(..)) && phrase.words.iter().all(|first| first.is(&word))
                {
                    matches.push(((word.start, word.end), at, at + group, phrase));
                }
            }
        }
        let mut findings = Vec::new();
        for ((start, end), first, behind, phrase) in matches {
            let Says::Found(category, severity, list) = phrase.says else { continue };
            let holds = |((from, to), of): &((usize, usize), Option<usize>)| {
                *from <= start && end <= *to && of.is_none_or(|of| of == list)
            };
            if innocent.iter().any(holds) {
                continue;
            }
            let Some(company) = self.companies.get(list) else { continue };
            let before = words.get(first.saturating_sub(NEAR)..first).unwrap_or_default();
            let after = words.get(behind..words.len().min(behind + NEAR)).unwrap_or_default();
            // The last word may be incomplete, so ignore it.
            let after =
                after.split_last().filter(|(last, _)| last.from >= open).map_or(after, |(_, rest)| rest);
            if company.is_innocent(before, after) || !company.is_before(words.get(..=first)) {
                continue;
            }
            let is_there = company.is_around(before, after);
            if !is_whole && after.len() < NEAR && !(is_there && company.near.is_empty()) {
                decided = decided.min(start);
            }
            if !is_there {
                continue;
            }
            let rule = phrase.written.clone();
            findings.push(Finding { start, end, category, severity, rule });
        }
        glasshouse_protocol::order::sort_by_key(&mut findings, |finding: &Finding| {
            (finding.start, std::cmp::Reverse(finding.end))
        });
        findings.dedup();
        // A finding that extends past the undecided offset is undecided too.
        for finding in findings.iter().rev() {
            if finding.end > decided {
                decided = decided.min(finding.start);
            }
        }
        RuleMatches { findings, decided }
    }

    /// Phrases whose first word matches the first of `rest`.
    fn beginning_with<'a, 'text>(
        &'a self,
        rest: &'text [Word],
    ) -> impl Iterator<Item = &'a Phrase> + use<'a, 'text> {
        let forms = rest.first().map(|first| first.forms.as_slice()).unwrap_or_default();
        forms.iter().flat_map(move |form| {
            let stems = form.char_indices().map(|(at, _)| at).skip(MIN_STEM_LETTERS);
            let stems = stems.chain([form.len()]).filter_map(|at| form.get(..at));
            stems.filter_map(|stem| self.phrases.get(stem)).flatten().filter(move |phrase| {
                phrase.words.first().is_some_and(|first| first.is_stem || first.word == *form)
            })
        })
    }
}

impl Company {
    fn is_innocent(&self, before: &[Word], after: &[Word]) -> bool {
        holds(&self.near, before) || holds(&self.near, after)
    }

    /// Whether the required words before a match are present; `words` ends with the match's first word.
    fn is_before(&self, words: Option<&[Word]>) -> bool {
        let Some((_, before)) = words.and_then(<[Word]>::split_last) else { return false };
        let joined = words.unwrap_or_default().iter().rev().take(CLOSE).take_while(|word| word.follows);
        let close = before.len().saturating_sub(joined.count());
        self.before.is_empty() || holds(&self.before, before.get(close..).unwrap_or_default())
    }

    /// Whether the required words after a match, or on either side of it, are present.
    fn is_around(&self, before: &[Word], after: &[Word]) -> bool {
        let joined = after.iter().take(CLOSE).take_while(|word| word.follows).count();
        let close = after.get(..joined).unwrap_or_default();
        (self.after.is_empty() || holds(&self.after, close))
            && (self.with.is_empty() || holds(&self.with, before) || holds(&self.with, after))
    }
}

fn holds(phrases: &[Vec<Pattern>], words: &[Word]) -> bool {
    let is_at = |at: usize| {
        let rest = words.get(at..).unwrap_or_default();
        let is_here = |phrase: &Vec<Pattern>| {
            phrase.len() <= rest.len() && phrase.iter().zip(rest).all(|(pattern, word)| pattern.is(word))
        };
        phrases.iter().any(is_here)
    };
    (0..words.len()).any(is_at)
}

enum Matched {
    /// The whole phrase, with this many words.
    Whole(usize),
    /// The text ends within it.
    Part,
    Not,
}

impl Phrase {
    fn matched(&self, rest: &[Word], text: &str, open: usize) -> Matched {
        for (number, pattern) in self.words.iter().enumerate() {
            let Some(word) = rest.get(number) else {
                let behind = rest.last().and_then(|last| text.get(last.end..)).unwrap_or_default();
                return if is_gap(behind) { Matched::Part } else { Matched::Not };
            };
            if number > 0 && !word.follows {
                return Matched::Not;
            }
            if !pattern.is(word) {
                // The last word may be incomplete.
                return if word.from >= open { Matched::Part } else { Matched::Not };
            }
        }
        Matched::Whole(self.words.len())
    }
}

/// Start of the trailing letters that may continue to spell out a word; the text's length if there are none.
fn spelled_end(text: &str, words: &[Word]) -> usize {
    let Some((last, number)) = words.last().and_then(|last| Some((last, last.spelled?))) else {
        return text.len();
    };
    let behind = text.get(last.end..).unwrap_or_default();
    let goes_on = behind.is_empty() || is_between(behind) && number + 1 < *SPELLED.end();
    let first = words.len().checked_sub(number + 1).and_then(|at| words.get(at));
    first.filter(|_| goes_on).map_or(text.len(), |first| first.from)
}

/// Parses a phrase of at most `longest` words.
fn patterns(written: &str, longest: usize) -> Result<Vec<Pattern>, String> {
    let mut patterns = Vec::new();
    for part in written.split_whitespace() {
        let (part, is_stem) = part.strip_suffix('*').map_or((part, false), |stem| (stem, true));
        if part.contains('*') {
            return Err(format!("\"{written}\": a `*` must be at the end of a word"));
        }
        let own: Vec<String> =
            words(part).0.into_iter().filter_map(|word| word.forms.into_iter().next()).collect();
        let last = own.len();
        for (number, word) in (1..).zip(own) {
            let is_stem = is_stem && number == last;
            if is_stem && word.chars().count() < MIN_STEM_LETTERS {
                return Err(format!(
                    "\"{written}\": at least {MIN_STEM_LETTERS} letters must come before a `*`"
                ));
            }
            patterns.push(Pattern { word, is_stem });
        }
    }
    match patterns.len() {
        0 => Err(format!("\"{written}\" has no word")),
        count if count <= longest => Ok(patterns),
        count => Err(format!("\"{written}\" has {count} words; at most {longest} are allowed")),
    }
}
