//! Moderation of a text that comes in pieces.

use super::rules::NEAR;
use super::words::words;
use super::{Moderated, Moderation, ModerationMode, Rules};
use std::sync::Arc;

/// What stands for a letter that is not shown.
const BLOCK: char = '█';
/// Bytes that are decided and kept before those before them are forgotten.
const KEPT: usize = 1024;

/// Looks at a text piece by piece, and gives back what is decided: what may still become a finding is held back until more of the text, or
/// its end, has come. However the text is cut into pieces, what comes out is the same.
#[derive(Clone, Debug)]
pub struct Moderator {
    rules: Arc<Rules>,
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
    /// By settings and what was made of their rules; `None` where nobody looks.
    pub fn new(settings: &Moderation, rules: &Arc<Rules>) -> Option<Self> {
        (settings.mode != ModerationMode::Off).then(|| Self {
            rules: rules.clone(),
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
        let found = self.rules.look(&self.text, is_whole);
        let text = std::mem::take(&mut self.text);
        let (mut at, mut out) = (self.given, String::new());
        let of = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        for finding in found.findings {
            let is_new = finding.start >= self.given && finding.end <= found.decided && finding.end > at;
            if !is_new || !self.settings.counts(finding.category, finding.severity) {
                continue;
            }
            *self.counts.entry(finding.category).or_default() += 1;
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
