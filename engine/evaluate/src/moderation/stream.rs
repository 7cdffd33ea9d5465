//! Moderation of a text that comes in pieces.

use super::rules::{NEAR, RuleMatches};
use super::sentences::sentences;
use super::words::words;
use super::{Category, Judges, Moderated, Moderation, ModerationMode};
use std::cmp::Reverse;

/// What stands for a letter that is not shown.
const BLOCK: char = '█';
/// Bytes that are decided and kept before those before them are forgotten.
const KEPT: usize = 1024;

/// Looks at a text piece by piece, and gives back what is decided: what may still become a finding is held back until more of the text, or
/// its end, has come; with a classifier that is the rest of a sentence. However the text is cut into pieces, what comes out is the same.
#[derive(Clone, Debug)]
pub struct Moderator {
    judges: Judges,
    settings: Moderation,
    /// What is not decided, and as much before it as decides about it.
    text: String,
    /// Bytes of it that were given back.
    given: usize,
    /// The last letter that was decided, whether or not it was given back.
    before: Option<char>,
    /// What was left out stood between spaces, of which one goes with it.
    skips_space: bool,
    counts: Moderated,
    is_stopped: bool,
}

impl Moderator {
    /// By settings and what they say is judged by; `None` where nobody looks.
    pub fn new(settings: &Moderation, judges: &Judges) -> Option<Self> {
        (settings.mode != ModerationMode::Off).then(|| Self {
            judges: judges.clone(),
            settings: Moderation { rules: None, ..settings.clone() },
            text: String::new(),
            given: 0,
            before: None,
            skips_space: false,
            counts: Moderated::new(),
            is_stopped: false,
        })
    }

    /// Takes a piece, and returns what is decided by then.
    pub fn push(&mut self, piece: &str) -> String {
        self.text.push_str(piece);
        self.decide(false)
    }

    /// Ends the text, and returns the rest.
    pub fn finish(&mut self) -> String {
        self.decide(true)
    }

    /// Whether the text ends because of a finding; what comes after it is nothing to it.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// How often something of each category was found by now.
    pub fn counts(&self) -> &Moderated {
        &self.counts
    }

    fn decide(&mut self, is_whole: bool) -> String {
        if self.is_stopped || self.given == self.text.len() {
            return String::new();
        }
        let found = self.look(is_whole);
        let text = std::mem::take(&mut self.text);
        // Up to where text is dealt with, and where the last match of a rule ends: one within a harmful sentence counts as well.
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

    /// What is found, and from where on more of the text may change it.
    fn look(&self, is_whole: bool) -> RuleMatches {
        let mut found = self.judges.rules.look(&self.text, is_whole);
        let Some(classifier) = &self.judges.classifier else { return found };
        let sentences = sentences(&self.text, self.given, is_whole);
        // Sentences that a finding joins are decided together.
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
        found.findings.sort_by_key(|finding| (finding.start, Reverse(finding.end)));
        found
    }

    /// Gives back what is decided, without the space that goes with what was left out before it.
    fn pass(&mut self, decided: &str, out: &mut String) {
        let Some(last) = decided.chars().next_back() else { return };
        let skips = std::mem::take(&mut self.skips_space);
        out.push_str(decided.strip_prefix(' ').filter(|_| skips).unwrap_or(decided));
        self.before = Some(last);
    }

    /// Forgets what no longer decides about anything.
    fn forget(&mut self) {
        let (words, _) = words(&self.text);
        let mut first = words.partition_point(|word| word.start < self.given).saturating_sub(NEAR);
        while words.get(first).is_some_and(|word| word.spelled.is_some_and(|number| number > 0)) {
            first -= 1;
        }
        let from = words.get(first).map_or(self.given, |word| word.from.min(self.given));
        self.text.drain(..from);
        self.given -= from;
    }
}

/// Spaces stay, so that lines break as they did.
fn blocked(letter: char) -> char {
    if letter.is_whitespace() { letter } else { BLOCK }
}
