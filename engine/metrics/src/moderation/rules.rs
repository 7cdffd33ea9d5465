//! The word list: words and phrases by category, and innocent phrases that contain them.

use super::words::{SPELLED, Word, is_between, is_gap, spelled, words};
use super::{Category, Finding, Severity};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::sync::LazyLock;

/// A line has the words and phrases of a category and severity, or innocent phrases. `*` at the end of a word stands for any ending.
pub(super) const LINES: &str = include_str!("rules.jsonl");

/// The list, parsed once.
pub(super) static RULES: LazyLock<Rules> = LazyLock::new(Rules::new);
/// Minimum letters before a `*`.
const MIN_STEM_LETTERS: usize = 3;

/// Finds words and phrases in linear time.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Phrases, by their first word (or its stem if it ends with `*`).
    phrases: FxHashMap<String, Vec<Phrase>>,
}

#[derive(Debug)]
struct Phrase {
    written: &'static str,
    words: Vec<Pattern>,
    /// `None` for an innocent phrase: nothing within it is found.
    found: Option<(Category, Severity)>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub(super) enum Line<'a> {
    Found {
        category: Category,
        severity: Severity,
        #[serde(borrow)]
        words: Vec<&'a str>,
    },
    Innocent {
        #[serde(borrow)]
        innocent: Vec<&'a str>,
    },
}

/// Findings in a text, and the offset from which on more text may change them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleMatches {
    pub(super) findings: Vec<Finding>,
    /// First undecided byte; the text's length if all is decided.
    pub(super) decided: usize,
}

impl Rules {
    /// A test checks that each line is read.
    fn new() -> Self {
        let mut rules = Self::default();
        for line in LINES.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            let (phrases, found) = match line {
                Line::Found { category, severity, words } => (words, Some((category, severity))),
                Line::Innocent { innocent } => (innocent, None),
            };
            for written in phrases {
                let words = patterns(written);
                let Some(first) = words.first() else { continue };
                rules.phrases.entry(first.word.clone()).or_default().push(Phrase { written, words, found });
            }
        }
        rules
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
                        match phrase.found {
                            Some(found) => matches.push((span, found, phrase)),
                            None => innocent.push(span),
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
                if let Some(found) = phrase.found.filter(|_| phrase.words.iter().all(|first| first.is(&word)))
                {
                    matches.push(((word.start, word.end), found, phrase));
                }
            }
        }
        matches.retain(|((start, end), ..)| !innocent.iter().any(|(from, to)| from <= start && end <= to));
        let mut findings: Vec<Finding> = matches
            .into_iter()
            .map(|((start, end), (category, severity), phrase)| Finding {
                start,
                end,
                category,
                severity,
                rule: phrase.written.to_owned(),
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

fn patterns(written: &str) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for part in written.split_whitespace() {
        let (part, is_stem) = part.strip_suffix('*').map_or((part, false), |stem| (stem, true));
        let own: Vec<String> =
            words(part).0.into_iter().filter_map(|word| word.forms.into_iter().next()).collect();
        let last = own.len();
        for (number, word) in (1..).zip(own) {
            patterns.push(Pattern { word, is_stem: is_stem && number == last });
        }
    }
    patterns
}
