//! Moderation rules: words and phrases by category, and innocent phrases that contain them.

use super::words::{SPELLED, Word, is_between, is_gap, spelled, words};
use super::{Category, Finding, Severity};
use crate::records::{lines, unplaced};
use glasshouse_protocol::names;
use rustc_hash::FxHashMap;
use serde::Deserialize;

/// The built-in rules, in the format of a user's file.
const OURS: &str = include_str!("rules.jsonl");
/// Minimum letters before a `*`.
const MIN_STEM_LETTERS: usize = 3;
const MAX_PHRASE_WORDS: usize = 12;

/// Finds words and phrases in linear time.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Phrases of rules and exceptions, by their first word (or its stem if it ends with `*`).
    phrases: FxHashMap<String, Vec<Phrase>>,
}

#[derive(Clone, Debug)]
struct Phrase {
    written: String,
    words: Vec<Pattern>,
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Found(Category, Severity),
    /// An exception: nothing within it is found.
    Innocent,
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
    /// `{"category", "severity", "words"}` adds words and phrases, `{"innocent": […]}` adds phrases within which nothing is found,
    /// and `{"remove": […]}` removes built-in words. Fails if a line has another form; the error names it.
    pub fn with(own: &str) -> Result<Self, String> {
        let mut rules = Self { phrases: FxHashMap::default() };
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
            self.add(written, Says::Innocent)?;
        }
        if line.words.is_empty() {
            if line.category.is_some() || line.severity.is_some() {
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
        line.words.iter().try_for_each(|written| self.add(written, Says::Found(category, severity)))
    }

    fn add(&mut self, written: &str, says: Says) -> Result<(), String> {
        let words = patterns(written)?;
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
                            Says::Found(category, severity) => {
                                matches.push((span, category, severity, phrase));
                            }
                            Says::Innocent => innocent.push(span),
                        }
                    }
                    Matched::Part if !is_whole => {
                        decided = decided.min(rest.first().map_or(decided, |first| first.start));
                    }
                    Matched::Part | Matched::Not => {}
                }
            }
        }
        for word in spelled(&words) {
            let own = std::slice::from_ref(&word);
            for phrase in self.beginning_with(own).filter(|phrase| phrase.words.len() == 1) {
                if let Says::Found(category, severity) = phrase.says
                    && phrase.words.iter().all(|first| first.is(&word))
                {
                    matches.push(((word.start, word.end), category, severity, phrase));
                }
            }
        }
        matches.retain(|((start, end), ..)| !innocent.iter().any(|(from, to)| from <= start && end <= to));
        let mut findings: Vec<Finding> = matches
            .into_iter()
            .map(|((start, end), category, severity, phrase)| Finding {
                start,
                end,
                category,
                severity,
                rule: phrase.written.clone(),
            })
            .collect();
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

fn patterns(written: &str) -> Result<Vec<Pattern>, String> {
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
        count if count <= MAX_PHRASE_WORDS => Ok(patterns),
        count => Err(format!("\"{written}\" has {count} words; at most {MAX_PHRASE_WORDS} are allowed")),
    }
}
