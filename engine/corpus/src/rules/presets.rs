//! Published lists of rules, in their published order.

use super::rule::Rule;
use super::{C4Quality, GopherRepetition, Language, Punctuation};

/// FineWeb's filters (`examples/fineweb.py` of datatrove): language, Gopher's repetition and quality, C4's quality without
/// terminal punctuation and with datatrove's three words per line and five sentences, FineWeb's own. Its address blocklist is
/// not included: it is a large third-party file, which the rule `address` can read.
pub fn fineweb() -> Vec<Rule> {
    let c4 = C4Quality {
        require_terminal_punctuation: false,
        minimum_words_per_line: 3,
        minimum_sentences: 5,
        ..C4Quality::default()
    };
    vec![
        Rule::Language(Language::default()),
        Rule::GopherRepetition(Default::default()),
        Rule::GopherQuality(Default::default()),
        Rule::C4Quality(c4),
        Rule::FinewebQuality(Default::default()),
    ]
}

/// The filters of MassiveText, Gopher's training set: quality first, then repetition.
pub fn gopher() -> Vec<Rule> {
    vec![
        Rule::Language(Language::default()),
        Rule::GopherQuality(Default::default()),
        Rule::GopherRepetition(Default::default()),
    ]
}

/// C4's filters, except its list of bad words, for which there is the rule `blocklist`.
pub fn c4() -> Vec<Rule> {
    vec![Rule::Language(Language::default()), Rule::C4Quality(Default::default())]
}

/// For small hand-picked sets: removes only nearly empty texts, placeholders, noise, gibberish, and texts that mostly repeat
/// themselves: a song's chorus stays, the same line sixty times does not. Texts with more marks than words are drawings or
/// encoded data; technical notes have half as many.
pub fn light() -> Vec<Rule> {
    let mostly = 0.6;
    let repetition = GopherRepetition {
        duplicate_paragraph_fraction: mostly,
        duplicate_paragraph_character_fraction: mostly,
        duplicate_line_fraction: mostly,
        duplicate_line_character_fraction: mostly,
        // Glossaries and logs may consist of repeated runs of two to four words.
        top_2_gram: 1.0,
        top_3_gram: 1.0,
        top_4_gram: 1.0,
        duplicate_5_grams: mostly,
        duplicate_6_grams: mostly,
        duplicate_7_grams: mostly,
        duplicate_8_grams: mostly,
        duplicate_9_grams: mostly,
        duplicate_10_grams: mostly,
    };
    vec![
        Rule::Length(Default::default()),
        Rule::Placeholder(Default::default()),
        Rule::GopherRepetition(repetition),
        Rule::Entropy(Default::default()),
        Rule::Punctuation(Punctuation { maximum_punctuation_word_ratio: 1.0 }),
        Rule::Gibberish(Default::default()),
    ]
}
