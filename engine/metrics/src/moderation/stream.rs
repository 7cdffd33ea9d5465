//! Moderation of streamed text.

use super::rules::{RULES, RuleMatches};
use super::sentences::sentences;
use super::words::words;
use super::{Category, Classifier, Moderated, Moderation, ModerationMode};
use std::cmp::Reverse;
use std::sync::Arc;

const BLOCK: char = '█';
/// Bytes of decided text to keep before discarding.
const KEPT: usize = 1024;

/// Moderates a text in pieces and returns the decided parts. Text that may still become part of a finding is held back until more
/// text or the end has arrived; with a classifier, up to the end of the sentence. The output does not depend on how the text is
/// split into pieces.
#[derive(Clone, Debug)]
pub struct Moderator {
    classifier: Option<Arc<Classifier>>,
    settings: Moderation,
    /// Undecided text, and some before it.
    text: String,
    /// Bytes of `text` already returned.
    given: usize,
    /// The last decided letter, whether or not it was returned.
    before: Option<char>,
    /// Removed text was surrounded by spaces, one of which is removed too.
    skips_space: bool,
    /// Number of findings per category so far.
    pub counts: Moderated,
    /// Whether a finding ended the text; further text is ignored.
    pub is_stopped: bool,
}

impl Moderator {
    /// Creates a moderator; `None` if moderation is off.
    pub fn new(settings: &Moderation, classifier: Option<Arc<Classifier>>) -> Option<Self> {
        (settings.mode != ModerationMode::Off).then(|| Self {
            classifier,
            settings: settings.clone(),
            text: String::new(),
            given: 0,
            before: None,
            skips_space: false,
            counts: Moderated::new(),
            is_stopped: false,
        })
    }

    pub fn push(&mut self, piece: &str) -> String {
        self.text.push_str(piece);
        self.decide(false)
    }

    pub fn finish(&mut self) -> String {
        self.decide(true)
    }

    fn decide(&mut self, is_whole: bool) -> String {
        if self.is_stopped || self.given == self.text.len() {
            return String::new();
        }
        let found = self.look(is_whole);
        let text = std::mem::take(&mut self.text);
        // End of the processed text, and end of the last match of a rule. A match inside a harmful sentence counts too.
        let (mut at, mut ruled, mut out) = (self.given, self.given, String::new());
        let of = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        for finding in found.findings {
            let is_rule = finding.category != Category::Classifier;
            let is_new = finding.start >= self.given
                && finding.end <= found.decided
                && (finding.end > ruled || !is_rule);
            if !is_new || !self.settings.counts(finding.category, finding.severity) {
                continue;
            }
            *self.counts.entry(finding.category).or_default() += 1;
            if is_rule {
                ruled = finding.end;
            }
            if finding.end <= at {
                continue;
            }
            let from = finding.start.max(at);
            let own = of(from, finding.end);
            self.pass(of(at, from), &mut out);
            match self.settings.mode {
                ModerationMode::Stop => {
                    self.is_stopped = true;
                    return out;
                }
                ModerationMode::Filter => {
                    self.skips_space |= self.before.is_none_or(char::is_whitespace);
                    self.before = own.chars().next_back().or(self.before);
                }
                ModerationMode::Replace => self.pass(&own.chars().map(blocked).collect::<String>(), &mut out),
                ModerationMode::Note | ModerationMode::Off => self.pass(own, &mut out),
            }
            at = finding.end;
        }
        self.pass(of(at, found.decided), &mut out);
        self.given = found.decided.max(at);
        self.text = text;
        if self.given > KEPT {
            self.forget();
        }
        out
    }

    /// Findings, and the offset from which on more text may change them.
    fn look(&self, is_whole: bool) -> RuleMatches {
        let mut found = RULES.look(&self.text, is_whole);
        let Some(classifier) = &self.classifier else { return found };
        let sentences = sentences(&self.text, self.given, is_whole);
        // Sentences joined by a finding are decided together.
        let joins = |end: usize| found.findings.iter().any(|own| own.start < end && end < own.end);
        let (mut judged, mut decided) = (0, self.given);
        for (number, (_, end)) in (1..).zip(&sentences) {
            if *end <= found.decided && !joins(*end) {
                (judged, decided) = (number, *end);
            }
        }
        if !is_whole {
            let rest = self.text.get(decided..).unwrap_or_default();
            let behind = decided + rest.len() - rest.trim_start().len();
            found.decided = behind.min(found.decided).max(decided);
        }
        let harmful = sentences.into_iter().take(judged);
        found.findings.extend(harmful.filter_map(|sentence| classifier.finding(&self.text, sentence)));
        glasshouse_protocol::order::sort_by_key(&mut found.findings, |finding| {
            (finding.start, Reverse(finding.end))
        });
        found
    }

    /// Returns decided text, without the space that is removed together with preceding text.
    fn pass(&mut self, decided: &str, out: &mut String) {
        let Some(last) = decided.chars().next_back() else { return };
        let skips = std::mem::take(&mut self.skips_space);
        out.push_str(decided.strip_prefix(' ').filter(|_| skips).unwrap_or(decided));
        self.before = Some(last);
    }

    /// Discards text that no longer affects any decision.
    fn forget(&mut self) {
        let (words, _) = words(&self.text);
        let mut first = words.partition_point(|word| word.start < self.given);
        while words.get(first).is_some_and(|word| word.spelled.is_some_and(|number| number > 0)) {
            first -= 1;
        }
        let from = words.get(first).map_or(self.given, |word| word.from.min(self.given));
        self.text.drain(..from);
        self.given -= from;
    }
}

/// Spaces stay, so that line breaks do not change.
fn blocked(letter: char) -> char {
    if letter.is_whitespace() { letter } else { BLOCK }
}
