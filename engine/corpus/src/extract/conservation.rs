//! Checks that extraction keeps text: compares the words visible in a document with those of the extracted text.

use rustc_hash::{FxHashSet, FxHasher};
use std::fmt;
use std::hash::Hasher;

/// Minimum fraction of a paragraph's words that must be found.
const FLOOR: f64 = 0.8;

/// Characters of the first lost paragraph that [`Lost`] quotes.
const QUOTED: usize = 80;

/// Paragraphs missing, wholly or partly, from the extracted text. Displayed as a trouble's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Number of missing words in these paragraphs.
    pub words: usize,
    /// Number of words in all paragraphs.
    pub of: usize,
    pub paragraphs: usize,
    pub first: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words, of, paragraphs, first } = self;
        let paragraphs = glasshouse_protocol::quantity::counted(*paragraphs as u64, "paragraph");
        write!(
            formatter,
            "extraction lost {words} of {of} words in {paragraphs}, starting with \"{first}\"; \
             compare the text with the document"
        )
    }
}

/// Finds the paragraphs of `visible`, one per line, of which `kept` has less than four fifths of the words; `None` if there are
/// none.
///
/// A word counts as kept if it occurs in `kept` with the same two neighbours, so paragraphs may be reordered. Case, punctuation
/// and markup are ignored.
pub fn lost(visible: &str, kept: &str) -> Option<Lost> {
    let kept: Vec<u64> = words(kept).map(hash).collect();
    let triples: FxHashSet<[u64; 3]> = kept.windows(3).filter_map(|triple| triple.try_into().ok()).collect();
    let single: FxHashSet<u64> = kept.into_iter().collect();
    let mut lost = Lost { words: 0, of: 0, paragraphs: 0, first: String::new() };
    for paragraph in visible.lines() {
        let hashes: Vec<u64> = words(paragraph).map(hash).collect();
        let mut found = vec![false; hashes.len()];
        if hashes.len() < 3 {
            found = hashes.iter().map(|word| single.contains(word)).collect();
        }
        for (place, triple) in hashes.windows(3).enumerate() {
            if triple.try_into().is_ok_and(|triple: [u64; 3]| triples.contains(&triple)) {
                found.iter_mut().skip(place).take(3).for_each(|word| *word = true);
            }
        }
        let missing = found.iter().filter(|found| !**found).count();
        lost.of += hashes.len();
        if ((hashes.len() - missing) as f64) < FLOOR * hashes.len() as f64 {
            lost.words += missing;
            lost.paragraphs += 1;
            if lost.first.is_empty() {
                lost.first = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some((end, _)) = lost.first.char_indices().nth(QUOTED) {
                    lost.first.truncate(end);
                    lost.first.push('…');
                }
            }
        }
    }
    (lost.paragraphs > 0).then_some(lost)
}

/// The words of a text: runs of letters and digits. Chinese and Japanese characters are one word each, since there are no
/// spaces. Backticks do not separate words.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let alone = |letter: char| ('\u{3040}'..='\u{9fff}').contains(&letter);
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '`';
    let words = text.split(move |letter: char| !in_word(letter)).flat_map(move |word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = if alone(first) { first.len_utf8() } else { rest.find(alone).unwrap_or(rest.len()) };
            let (word, tail) = rest.split_at_checked(end)?;
            rest = tail;
            Some(word)
        })
    });
    words.filter(|word| word.contains(char::is_alphanumeric))
}

fn hash(word: &str) -> u64 {
    let mut hasher = FxHasher::default();
    let letters = word.chars().filter(|letter| *letter != '`').flat_map(char::to_lowercase);
    letters.for_each(|letter| hasher.write_u32(u32::from(letter)));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_paragraph_is_found_and_quoted() {
        let visible = "One two three four five.\nSix seven, eight nine ten eleven.\nTwelve";
        assert_eq!(
            lost(visible, "twelve\n\n# Six *seven* eight nine `ten` eleven\n\none two three four five"),
            None
        );
        let found = lost(visible, "One two three four five. Twelve").unwrap();
        let first = "Six seven, eight nine ten eleven.".to_owned();
        assert_eq!(found, Lost { words: 6, of: 12, paragraphs: 1, first });
        assert!(found.to_string().starts_with("extraction lost 6 of 12 words in 1 paragraph"), "{found}");
        // Half of a paragraph is too little; all but one of ten words is enough.
        assert_eq!(lost("a b c d e f g h", "a b c d").unwrap().words, 4);
        assert_eq!(lost("a b c d e f g h i j", "a b c d e f g h i"), None);
        assert_eq!(lost("a list of Dates or numbers", "a list of `Date`s or numbers"), None);
        assert_eq!(lost("", ""), None);
        assert_eq!(lost("x", "").unwrap().words, 1);
    }

    #[test]
    fn text_without_spaces_is_compared_by_character() {
        assert_eq!(
            words("潮水abc来, l'été 2x").collect::<Vec<_>>(),
            ["潮", "水", "abc", "来", "l", "été", "2x"]
        );
        assert_eq!(lost("随着月亮来去的潮水", "随着月亮来去的潮水"), None);
        assert_eq!(lost("随着月亮来去的潮水", "随着月亮").unwrap().words, 5);
    }
}
