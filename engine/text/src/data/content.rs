//! Comparing texts regardless of case and punctuation.

use glasshouse_protocol::random::split_mix;

/// A hash of a text's words, lower-cased and without punctuation; stable across versions. `None` if the text has no letters or digits.
pub fn key(text: &str) -> Option<u64> {
    extended(None, text)
}

/// The key of a text that continues one with the given key with a new word.
pub fn extended(key: Option<u64>, text: &str) -> Option<u64> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(key, |key, word| {
        let letters = word.chars().flat_map(char::to_lowercase).map(u64::from).chain([u64::from(' ')]);
        Some(letters.fold(key.unwrap_or_default(), |key, letter| split_mix(key ^ letter)))
    })
}

#[cfg(test)]
mod tests {
    use super::{extended, key};

    #[test]
    fn a_key_is_of_the_words_alone() {
        assert_eq!(key("Über  den FLUSS!"), key("über den\nfluss"));
        assert_ne!(key("a b"), key("ab"));
        assert_eq!(extended(key("One, two"), " – three"), key("one two three"));
        assert_eq!(extended(key("one"), " …"), key("one"));
        assert_ne!(key("1 2"), key("2 1"));
        assert_eq!((key(" …!"), key("")), (None, None));
    }
}
