//! Text repair: wrongly decoded bytes, Unicode normalization, control and invisible characters, line endings, white space.
//!
//! Own code on top of `unicode-normalization`: ports of ftfy (Speer 2019, <https://ftfy.readthedocs.io>) run dozens of regular
//! expressions over each text, but this processes every byte of a corpus. Repairs are idempotent, and correct text is returned
//! without a copy.

mod mojibake;
mod tidy;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::settings;
use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

settings! {
    Settings {
        mojibake: bool = true, 0 to 1,
            "Whether to repair mojibake such as `Ã©` to `é`: UTF-8 that was decoded as Latin-1 or Windows-1252, once or several times, if the text \
             makes no sense otherwise. Not applied to code, which may mean it.";
        compose: bool = true, 0 to 1, "Whether to compose letters and accents (Unicode normalization form C).";
        controls: bool = true, 0 to 1, "Whether to remove control characters and code points reserved for internal use.";
        invisible: bool = true, 0 to 1,
            "Whether to remove zero-width characters: byte order marks, soft hyphens, direction marks, tags. Joiners are kept between letters that \
             they join (Persian, Hindi, emoji), word boundaries in scripts without spaces (Thai, Khmer), and tags in flags.";
        line_endings: bool = true, 0 to 1, "Whether to convert all line endings to line feeds.";
        line_ends: bool = true, 0 to 1, "Whether to remove white space at line ends.";
        blank_lines: bool = true, 0 to 1, "Whether to reduce runs of blank lines to one, and to remove those around the text.";
        spaces: bool = true, 0 to 1,
            "Whether to replace runs of spaces of any width inside a line by one space. Indentation is kept, and so are all spaces in code lines: \
             inside Markdown fences, or indented by a tab or four spaces.";
    }
}

impl Settings {
    #[must_use]
    pub fn none() -> Self {
        let plain = Self::default().for_code();
        Self { compose: false, controls: false, invisible: false, line_endings: false, ..plain }
    }

    /// These settings without repairs that could change the meaning of code.
    #[must_use]
    pub fn for_code(&self) -> Self {
        Self { mojibake: false, line_ends: false, blank_lines: false, spaces: false, ..self.clone() }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Characters decoded from mojibake.
    pub mojibake: u64,
    /// Removed control characters and code points reserved for internal use.
    pub controls: u64,
    /// Removed zero-width characters.
    pub invisible: u64,
    /// Line endings converted to line feeds.
    pub line_endings: u64,
    /// Texts normalized to form C.
    pub composed: u64,
    pub white_space: u64,
    /// Replacement characters (`U+FFFD`) in the result: data lost earlier.
    pub replacements: u64,
}

impl Counts {
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

/// Maximum rounds; a text that needs more is considered adversarial, since accidental damage does not.
const ROUNDS: usize = 8;

/// Repairs a text. Idempotent.
#[must_use]
pub fn repair<'a>(text: &'a str, settings: &Settings) -> (Cow<'a, str>, Counts) {
    let (result, mut counts) = settled(text, settings).unwrap_or_else(|| {
        // Without decoding, two rounds settle everything. The result is tried once more, so that it is the same here and when
        // it is repaired again.
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

/// Repairs until nothing changes, since one repair can enable another: a zero-width character between the halves of a sequence,
/// an accent that composes to half of one. `None` if that takes too many rounds.
fn settled<'a>(text: &'a str, settings: &Settings) -> Option<(Cow<'a, str>, Counts)> {
    let mut counts = Counts::default();
    let mut result = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let Some(better) = round(&result, settings, &mut counts) else { return Some((result, counts)) };
        result = Cow::Owned(better);
        // Only non-ASCII characters can require more rounds.
        if result.is_ascii() {
            return Some((result, counts));
        }
    }
    None
}

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
        // The quick check may answer "maybe"; only the composed text is decisive.
        && let composed = current.nfc().collect::<String>()
        && composed != current
    {
        counts.composed = 1;
        result = Some(composed);
    }
    result
}
