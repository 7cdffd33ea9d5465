//! Interprets the words before a number: the same ten digits are a telephone number after `call` but not after `order`.

use super::bytes::{at, before, between};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hint {
    Phone,
    Card,
    Address,
    Version,
    /// A social security number.
    Identity,
    /// Another kind of number: an order, an ISBN, a page.
    Other,
}

/// Maximum distance of a word in bytes.
const REACH: usize = 56;
const WORDS: usize = 6;

/// The hint of the nearest informative word before `start`, on its line and in its sentence.
pub(super) fn hint(bytes: &[u8], start: usize) -> Option<Hint> {
    let floor = start.saturating_sub(REACH);
    let mut end = start;
    let mut within = false;
    for _ in 0..WORDS {
        // Right before the number a full stop may end an abbreviation, as in `Tel. 555`; further back it ends a sentence.
        let mut stopped = false;
        while end > floor && !is_letter(before(bytes, end)) {
            match before(bytes, end) {
                b'\n' => return None,
                b'#' => return Some(Hint::Other),
                b'.' | b'!' | b'?' | b';' if at(bytes, end).is_ascii_whitespace() => stopped = true,
                _ => {}
            }
            end -= 1;
        }
        if stopped && within {
            return None;
        }
        let mut begin = end;
        while begin > floor && is_letter(before(bytes, begin)) {
            begin -= 1;
        }
        if begin == end {
            return None;
        }
        let written = between(bytes, begin, end);
        let hint = meaning(written);
        let number = [b"no".as_slice(), b"nr", b"num"].iter().any(|word| written.eq_ignore_ascii_case(word));
        if hint.is_some() || (stopped && !number) {
            return hint;
        }
        within |= !number;
        end = begin;
    }
    None
}

/// Non-ASCII letters belong to words too.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn meaning(word: &[u8]) -> Option<Hint> {
    let mut small = [0; 16];
    let small = small.get_mut(..word.len())?;
    small.copy_from_slice(word);
    small.make_ascii_lowercase();
    MEANINGS.get(&*small).copied()
}

static MEANINGS: LazyLock<FxHashMap<Vec<u8>, Hint>> = LazyLock::new(|| {
    // The file is part of the program, and a test looks a word of each kind up.
    let words: BTreeMap<Hint, String> = toml::from_str(include_str!("hints.toml")).unwrap_or_default();
    let each = words.iter().flat_map(|(hint, words)| words.split_whitespace().map(|word| (word, *hint)));
    each.map(|(word, hint)| (word.as_bytes().to_vec(), hint)).collect()
});

#[cfg(test)]
mod tests {
    use super::{Hint, hint};

    #[test]
    fn the_nearest_word_that_says_something_decides() {
        let says = |text: &str| hint(text.as_bytes(), text.len());
        assert_eq!(says("order by phone: "), Some(Hint::Phone));
        assert_eq!(says("phone your order number "), Some(Hint::Other));
        assert_eq!(says("version\n"), None);
        assert_eq!(says("Tél. : "), Some(Hint::Phone));
        assert_eq!(says("Order 17. Then we left. "), None);
        assert_eq!(says("Tel. No. "), Some(Hint::Phone));
        assert_eq!(says("social security number is "), Some(Hint::Identity));
        assert_eq!(says("VISA "), Some(Hint::Card));
        assert_eq!((says("server "), says("release ")), (Some(Hint::Address), Some(Hint::Version)));
        assert_eq!(says(""), None);
        assert_eq!(says("a call that lies more than six short words before it "), None);
    }
}
