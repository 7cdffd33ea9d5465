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

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

#[derive(Clone, Debug, PartialEq, Eq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether to repair text.
    #[default = true]
    pub enabled: bool,
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

/// Repairs a text. Idempotent. Code keeps its spaces and blank lines, and mojibake, since it may mean it.
#[must_use]
pub fn repair(text: &str, is_code: bool) -> (Cow<'_, str>, Counts) {
    let (result, mut counts) = settled(text, is_code, !is_code).unwrap_or_else(|| {
        // Without decoding, two rounds settle everything. The result is tried once more, so that it is the same here and when
        // it is repaired again.
        let (plain, counts) =
            settled(text, is_code, false).unwrap_or_else(|| (Cow::Borrowed(text), Counts::default()));
        let again = settled(&plain, is_code, !is_code).map(|(again, mut more)| {
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
fn settled(text: &str, is_code: bool, decodes: bool) -> Option<(Cow<'_, str>, Counts)> {
    let mut counts = Counts::default();
    let mut result = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let Some(better) = round(&result, is_code, decodes, &mut counts) else {
            return Some((result, counts));
        };
        result = Cow::Owned(better);
        // Only non-ASCII characters can require more rounds.
        if result.is_ascii() {
            return Some((result, counts));
        }
    }
    None
}

fn round(text: &str, is_code: bool, decodes: bool, counts: &mut Counts) -> Option<String> {
    let mut result = None;
    if decodes {
        // Windows-1252 shares some of the letters that start sequences, such as `Î`, with the others.
        for read in [mojibake::decode_other, mojibake::decode, mojibake::read_controls] {
            result = read(result.as_deref().unwrap_or(text), &mut counts.mojibake).or(result);
        }
    }
    if let Some(tidied) = tidy::tidy(result.as_deref().unwrap_or(text), is_code, counts) {
        result = Some(tidied);
    }
    let current = result.as_deref().unwrap_or(text);
    if !current.is_ascii()
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
