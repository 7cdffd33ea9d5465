//! Moderation of a text that comes in pieces.

use super::rules::NEAR;
use super::words::words;
use super::{Moderated, Moderation, ModerationMode, Rules};

/// What stands for a letter that is not shown.
const BLOCK: char = '█';
/// Bytes that are decided and kept before those before them are forgotten.
const KEPT: usize = 1024;

/// Looks at a text piece by piece, and gives back what is decided: what may still become a finding is held back until more of the text, or
/// its end, has come. However the text is cut into pieces, what comes out is the same.
#[derive(Clone, Debug)]
pub struct Moderator {
    rules: Rules,
    settings: Moderation,
    /// What is not decided, and as much before it as decides about it.
    text: String,
    /// Bytes of it that were given back.
    given: usize,
    counts: Moderated,
    is_stopped: bool,
}

impl Moderator {
    /// By settings; `None` where nobody looks.
    ///
    /// # Errors
    /// The rules of the settings are broken.
    pub fn new(settings: &Moderation) -> Result<Option<Self>, String> {
        if settings.mode == ModerationMode::Off {
            return Ok(None);
        }
        Ok(Some(Self {
            rules: Rules::with(settings.rules.as_deref().unwrap_or_default())?,
            settings: settings.clone(),
            text: String::new(),
            given: 0,
            counts: Moderated::new(),
            is_stopped: false,
        }))
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
        let (mut at, mut out) = (self.given, String::new());
        let of = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        for finding in found.findings {
            let is_new = finding.start >= self.given && finding.end <= found.decided && finding.end > at;
            if !is_new || finding.severity < self.settings.severity {
                continue;
            }
            *self.counts.entry(finding.category).or_default() += 1;
            let from = finding.start.max(at);
            out.push_str(of(at, from));
            match self.settings.mode {
                ModerationMode::Stop => {
                    self.is_stopped = true;
                    return out;
                }
                ModerationMode::Replace => out.extend(of(from, finding.end).chars().map(blocked)),
                ModerationMode::Note | ModerationMode::Off => out.push_str(of(from, finding.end)),
            }
            at = finding.end;
        }
        out.push_str(of(at, found.decided));
        self.given = found.decided.max(at);
        if self.given > KEPT {
            self.forget();
        }
        out
    }

    /// Forgets what no longer decides about anything.
    fn forget(&mut self) {
        let (words, _) = words(&self.text);
        let mut first = words.partition_point(|word| word.from < self.given).saturating_sub(NEAR);
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
