//! The published lists of rules, in their published order.

use super::rule::Rule;
use super::{C4Quality, GopherRepetition, Language, Punctuation};

/// The filters of FineWeb (`examples/fineweb.py` of datatrove): language, Gopher's repetition and quality, C4's quality without
/// its rule of terminal punctuation and with datatrove's three words a line and five sentences, FineWeb's own. Its list of blocked addresses is left out: it is a large file of others, which
/// the rule `address` takes from whoever has it.
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

/// The filters of MassiveText, on which Gopher was trained: quality first, then repetition.
pub fn gopher() -> Vec<Rule> {
    vec![
        Rule::Language(Language::default()),
        Rule::GopherQuality(Default::default()),
        Rule::GopherRepetition(Default::default()),
    ]
}

/// The filters of C4, all of them but its list of bad words, for which there is the rule `blocklist`.
pub fn c4() -> Vec<Rule> {
    vec![Rule::Language(Language::default()), Rule::C4Quality(Default::default())]
}

/// For small sets that someone chose by hand: only what no one wants, namely next to nothing, placeholders, noise, gibberish, and
/// what mostly repeats itself: a song's chorus stays, sixty times the same line does not. More marks than words are drawn or
/// encoded, where technical notes have half as many.
pub fn light() -> Vec<Rule> {
    let mostly = 0.6;
    let repetition = GopherRepetition {
        duplicate_paragraph_fraction: mostly,
        duplicate_paragraph_character_fraction: mostly,
        duplicate_line_fraction: mostly,
        duplicate_line_character_fraction: mostly,
        // Two to four words may be what a glossary or a log is made of.
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
