//! Repair of text: bytes decoded with the wrong encoding, Unicode's normal form, control and invisible characters, line
//! endings, white space.
//!
//! Own code beside `unicode-normalization`: the ports of ftfy (Speer 2019, <https://ftfy.readthedocs.io>) run dozens of regular
//! expressions over each text, and this runs over every byte of a corpus. What it does is made so that repairing twice is
//! repairing once, and that text in order is returned as it is, without a copy.

mod mojibake;
mod tidy;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::error::Result;

/// Which repairs are made. All are by default.
#[derive(Clone, Debug, PartialEq, Eq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether `Ã©` becomes `é`: UTF-8 that was read as Latin-1 or Windows-1252, once or several times, where the text makes no
    /// sense otherwise. Code is left alone: it may mean what it says.
    #[default = true]
    pub mojibake: bool,
    /// Whether letters and their accents are composed, as Unicode's normal form C does.
    #[default = true]
    pub compose: bool,
    /// Whether control characters go, and code points that Unicode keeps for internal use.
    #[default = true]
    pub controls: bool,
    /// Whether characters without width go: byte order marks, soft hyphens, direction marks, tags. Joiners stay between letters
    /// that they join (Persian, Hindi, emoji), word borders between those of scripts without spaces (Thai, Khmer), and tags in flags.
    #[default = true]
    pub invisible: bool,
    /// Whether each way to end a line becomes a line feed.
    #[default = true]
    pub line_endings: bool,
    /// Whether white space at the ends of lines goes.
    #[default = true]
    pub line_ends: bool,
    /// Whether runs of blank lines become one, and those around the text none.
    #[default = true]
    pub blank_lines: bool,
    /// Whether runs of spaces within a line, of whatever width, become one space. Indentation stays, and all spaces of lines of code:
    /// within Markdown's fences, or indented by a tab or four spaces.
    #[default = true]
    pub spaces: bool,
}

impl Settings {
    /// No repair at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            mojibake: false,
            compose: false,
            controls: false,
            invisible: false,
            line_endings: false,
            line_ends: false,
            blank_lines: false,
            spaces: false,
        }
    }

    /// Checks the settings: every combination is valid.
    ///
    /// # Errors
    /// None today; the recipe asks every part alike.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// These settings without those that would change what code means: its lines stay as they are within.
    #[must_use]
    pub fn for_code(&self) -> Self {
        Self { mojibake: false, line_ends: false, blank_lines: false, spaces: false, ..self.clone() }
    }
}

/// What was changed in a text, or in several added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Characters decoded anew from mojibake.
    pub mojibake: u64,
    /// Control characters and code points for internal use that were removed.
    pub controls: u64,
    /// Characters without width that were removed.
    pub invisible: u64,
    /// Line endings that became a line feed.
    pub line_endings: u64,
    /// Texts brought to normal form C.
    pub composed: u64,
    /// Bytes of white space removed.
    pub white_space: u64,
    /// Replacement characters (`U+FFFD`) in the result: what was lost before it came here.
    pub replacements: u64,
}

impl Counts {
    /// Adds another text's counts.
    pub fn add(&mut self, other: &Self) {
        self.mojibake += other.mojibake;
        self.controls += other.controls;
        self.invisible += other.invisible;
        self.line_endings += other.line_endings;
        self.composed += other.composed;
        self.white_space += other.white_space;
        self.replacements += other.replacements;
    }
}

/// Rounds after which a text is held for one made to cost time, as nothing that was misread by accident needs so many.
const ROUNDS: usize = 8;

/// Repairs a text. `repair` of the result changes nothing more.
#[must_use]
pub fn repair<'a>(text: &'a str, settings: &Settings) -> (Cow<'a, str>, Counts) {
    let (result, mut counts) = settled(text, settings).unwrap_or_else(|| {
        // Without decoding, two rounds settle everything. What comes of that is tried once more, so that it is the same
        // whether it comes from here or is given again.
        let (plain, counts) = settled(text, &Settings { mojibake: false, ..settings.clone() })
            .unwrap_or_else(|| (Cow::Borrowed(text), Counts::default()));
        let again = settled(&plain, settings).map(|(again, mut more)| {
            more.add(&counts);
            (Cow::Owned(again.into_owned()), more)
        });
        again.unwrap_or((plain, counts))
    });
    counts.replacements = memchr::memmem::find_iter(result.as_bytes(), "\u{FFFD}").count() as u64;
    (result, counts)
}

/// Repairs until nothing is left to do, since one repair can bring the next to light: a character without width between the
/// halves of another, an accent that composes to half of one. `None` where that takes too many rounds.
fn settled<'a>(text: &'a str, settings: &Settings) -> Option<(Cow<'a, str>, Counts)> {
    let mut counts = Counts::default();
    let mut result = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let Some(better) = round(&result, settings, &mut counts) else { return Some((result, counts)) };
        result = Cow::Owned(better);
        // Only characters outside ASCII can make more work: the rest is done in one round.
        if result.is_ascii() {
            return Some((result, counts));
        }
    }
    None
}

/// One round of every repair; `None` where nothing was to be done.
fn round(text: &str, settings: &Settings, counts: &mut Counts) -> Option<String> {
    let mut result = None;
    if settings.mojibake {
        result = mojibake::decode(text, &mut counts.mojibake);
    }
    if let Some(tidied) = tidy::tidy(result.as_deref().unwrap_or(text), settings, counts) {
        result = Some(tidied);
    }
    let current = result.as_deref().unwrap_or(text);
    if settings.compose
        && !current.is_ascii()
        && is_nfc_quick(current.chars()) != IsNormalized::Yes
        // The quick check may answer "maybe"; only the composed text itself tells.
        && let composed = current.nfc().collect::<String>()
        && composed != current
    {
        counts.composed = 1;
        result = Some(composed);
    }
    result
}
