//! Detects strings of no language without a model: by the entropy of their characters and by runs of consonants.

use super::measured::{Measured, share};
use super::outcome::{Reason, at_least, at_most};
use crate::entropy::entropy_of;
use glasshouse_documents::settings;

settings! {
    Entropy {
        minimum_characters: usize = 40, 1 to 1_000_000, "Shorter texts pass: too little data.";
        minimum_bits: f64 = 2.5, 0 to 16, "Minimum entropy of the characters, in bits. English has 4.0 to 4.6, a line of dashes 0.";
        maximum_bits: f64 = 5.6, 0 to 16,
            "Maximum entropy of the characters, in bits, in texts that are mostly ASCII. Base64 has close to 6, technical prose up to 5.4.";
        maximum_consonant_run_fraction: f64 = 0.15, 0 to 1,
            "Maximum share of Latin letters within runs of five consonants or more. English has below 0.01, random letters half.";
    }
}

const LOOKED_AT: usize = 16_384;

/// Minimum length of a run of consonants that counts.
const LONG_RUN: usize = 5;

impl Entropy {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let text = measured.text();
        let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(text);
        let counts = Counts::of(text);
        if counts.characters < self.minimum_characters {
            return Ok(());
        }
        let (bits, what) = (entropy_of(&counts.bins), "bits of entropy per character");
        at_least!(self.minimum_bits, what, bits)?;
        if counts.characters * 10 >= text.len() * 9 {
            at_most!(self.maximum_bits, what, bits)?;
        }
        let (what, runs) = ("share of letters in long runs of consonants", counts.in_runs);
        at_most!(self.maximum_consonant_run_fraction, what, share(runs, counts.letters))
    }
}

/// Character counts. Those beyond Latin-1 share 256 bins to keep the table small, so their entropy is a lower bound.
struct Counts {
    bins: [u32; 512],
    characters: usize,
    letters: usize,
    /// Number of Latin letters in long runs of consonants.
    in_runs: usize,
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Self { bins: [0; 512], characters: 0, letters: 0, in_runs: 0 };
        let mut run = 0;
        for character in text.chars() {
            counts.characters += 1;
            let code = character as usize;
            let bin = if code < 256 { code } else { 256 + code % 256 };
            if let Some(count) = counts.bins.get_mut(bin) {
                *count += 1;
            }
            counts.letters += usize::from(character.is_ascii_alphabetic());
            if is_consonant(character) {
                run += 1;
            } else {
                counts.close(run);
                run = 0;
            }
        }
        counts.close(run);
        counts
    }

    fn close(&mut self, run: usize) {
        if run >= LONG_RUN {
            self.in_runs += run;
        }
    }
}

fn is_consonant(character: char) -> bool {
    character.is_ascii_alphabetic()
        && !matches!(character.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_formula() {
        for (text, bits) in [("aabb", 1.0), ("abcd", 2.0), ("aaaa", 0.0)] {
            assert_eq!(entropy_of(&Counts::of(text).bins), bits, "{text}");
        }
    }

    #[test]
    fn only_runs_of_five_consonants_and_more_count() {
        let counts = Counts::of("bcdf bcdfg Sphynx ürstl");
        assert_eq!((counts.letters, counts.in_runs), (19, 5));
    }
}
