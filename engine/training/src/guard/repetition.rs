//! Measures how much a text repeats itself.

use std::collections::BTreeSet;

/// Length of the compared runs: words, and characters for texts with few words.
const WORDS: usize = 4;
const CHARACTERS: usize = 8;
/// Minimum lengths of a text, in words and in characters.
const MIN_WORDS: usize = 24;
const MIN_CHARACTERS: usize = 96;

/// The share of runs of four words that occurred earlier in the text; of eight characters if it has few words, as in scripts
/// without spaces. `None` for short texts.
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
        // Ten words have seven runs of four; the last one is a repetition.
        let words = ["a", "b", "c", "d", "e", "x", "a", "b", "c", "d"];
        assert_eq!(share(&words, 4), 1.0 / 7.0);
    }
}
