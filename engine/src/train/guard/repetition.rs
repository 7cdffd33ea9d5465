//! How often a text says again what it said before.

use std::collections::BTreeSet;

/// Words that stand together, and characters, where a text has few words.
const WORDS: usize = 4;
const CHARACTERS: usize = 8;
/// Fewer of them say nothing.
const MIN_WORDS: usize = 24;
const MIN_CHARACTERS: usize = 96;

/// The share of a text's runs of four words that stood in it before, or of eight characters where it has few words, as in scripts without
/// spaces; nothing of a short text.
pub(super) fn repeated_share(text: &str) -> Option<f32> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() >= MIN_WORDS {
        return Some(share(&words, WORDS));
    }
    let characters: Vec<char> = text.chars().collect();
    (characters.len() >= MIN_CHARACTERS).then(|| share(&characters, CHARACTERS))
}

fn share<T: Ord>(items: &[T], length: usize) -> f32 {
    let mut seen = BTreeSet::new();
    let (mut repeated, mut count) = (0_usize, 0_usize);
    for run in items.windows(length) {
        count += 1;
        repeated += usize::from(!seen.insert(run));
    }
    repeated as f32 / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_round_in_circles_is_told_from_what_goes_on() {
        let circles = "and then he said that ".repeat(12);
        assert!(repeated_share(&circles).unwrap() > 0.8);
        let text = "Once upon a time, Mia found a shiny key under the old apple tree. She asked her mum what it was for. \
                    Maybe it opens the little door in the wall, said her mum. So they took a lamp and went to look.";
        assert_eq!(repeated_share(text), Some(0.0));
        assert!(repeated_share(&"字".repeat(200)).unwrap() > 0.9);
        assert_eq!(repeated_share("too short to say"), None);
    }

    #[test]
    fn a_share_is_counted_by_hand() {
        // Seven runs of four among ten words, of which the last stood there before.
        let words = ["a", "b", "c", "d", "e", "x", "a", "b", "c", "d"];
        assert_eq!(share(&words, 4), 1.0 / 7.0);
    }
}
