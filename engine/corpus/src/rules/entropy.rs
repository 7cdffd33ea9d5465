//! Strings that no language makes, told without a model: by the spread of their characters and by runs of consonants.

use super::measured::{Measured, share};
use super::outcome::Outcome;
use super::threshold::settings;

settings! {
    /// Drops texts of one character over and over, encoded data, and keys hit at random.
    Entropy {
        minimum_characters: usize = 40, 1 to 1_000_000, "Shorter texts pass: too little to tell by.";
        minimum_bits: f64 = 2.5, 0 to 16,
            "Least entropy of the characters, in bits. English has 4.0 to 4.6, a line of dashes 0.";
        maximum_bits: f64 = 5.6, 0 to 16,
            "Greatest entropy of the characters, in bits, in texts that are mostly ASCII. Base64 has close to 6, technical prose up to 5.4.";
        maximum_consonant_run_fraction: f64 = 0.15, 0 to 1,
            "Most Latin letters within runs of five consonants or more, as a share. English has below 0.01, random letters half.";
    }
}

/// Characters that are looked at.
const LOOKED_AT: usize = 16_384;

/// Consonants from which on a run counts.
const LONG_RUN: usize = 5;

impl Entropy {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        let text = measured.text();
        let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(text);
        let counts = Counts::of(text);
        if counts.characters < self.minimum_characters {
            return Outcome::Kept;
        }
        let (bits, what) = (entropy_of(&counts.bins), "bits of entropy a character");
        let mostly_ascii = counts.characters * 10 >= text.len() * 9;
        Outcome::below("minimum_bits", what, bits, self.minimum_bits)
            .or_else(|| {
                mostly_ascii.then(|| Outcome::above("maximum_bits", what, bits, self.maximum_bits)).flatten()
            })
            .or_else(|| {
                let (runs, most) = (counts.in_runs, self.maximum_consonant_run_fraction);
                let what = "share of letters in long runs of consonants";
                Outcome::above("maximum_consonant_run_fraction", what, share(runs, counts.letters), most)
            })
            .unwrap_or(Outcome::Kept)
    }
}

/// Characters counted. Those beyond Latin-1 share 256 bins, so that the table stays small: entropy of theirs is a lower bound.
struct Counts {
    bins: [u32; 512],
    characters: usize,
    /// Latin letters.
    letters: usize,
    /// Of these, those in long runs of consonants.
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

/// Shannon's entropy of what was counted so many times, in bits. `libm` gives the same on every machine.
pub(crate) fn entropy_of(counts: &[u32]) -> f64 {
    let all: u32 = counts.iter().sum();
    let used = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / f64::from(all));
    used.map(|part| -part * libm::log2(part)).sum()
}

fn is_consonant(character: char) -> bool {
    character.is_ascii_alphabetic()
        && !matches!(character.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(rule: &Entropy, text: &str) -> Option<&'static str> {
        rule.judge(&Measured::new(text)).threshold()
    }

    #[test]
    fn prose_stays_and_noise_goes() {
        let rule = Entropy::default();
        assert_eq!(
            threshold(&rule, "Nobody spoke of the boat that was missing until it came round at noon."),
            None
        );
        assert_eq!(
            threshold(&rule, "Der Fluss stand in diesem Frühjahr hoch, und niemand schlief dort ruhig."),
            None
        );
        assert_eq!(threshold(&rule, &"-".repeat(80)), Some("minimum_bits"));
        let keys = "jklfdsqwrt sdfghjk xcvbnmlk wrtpsdfg hjklzxcv qwrtpsd fghjkl zxcvbn mqwrt";
        assert_eq!(threshold(&rule, keys), Some("maximum_consonant_run_fraction"));
        let encoded: String = (0..256_u32).map(|n| char::from(b'0' + (n * 37 % 75) as u8)).collect();
        assert_eq!(threshold(&rule, &encoded), Some("maximum_bits"));
    }

    #[test]
    fn entropy_is_that_of_the_formula() {
        assert_eq!(entropy_of(&Counts::of("aabb").bins), 1.0);
        assert_eq!(entropy_of(&Counts::of("abcd").bins), 2.0);
        assert_eq!(entropy_of(&Counts::of("aaaa").bins), 0.0);
        let rule = Entropy { minimum_characters: 4, minimum_bits: 2.0, ..Entropy::default() };
        assert_eq!(threshold(&rule, "abcd"), None);
        assert_eq!(threshold(&rule, "abcc"), Some("minimum_bits"));
        assert_eq!(threshold(&rule, "aaa"), None);
    }

    #[test]
    fn only_runs_of_five_consonants_and_more_count() {
        let counts = Counts::of("bcdf bcdfg Sphynx ürstl");
        assert_eq!((counts.letters, counts.in_runs), (19, 5));
    }
}
