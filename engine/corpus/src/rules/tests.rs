//! The rules' decisions: each text with the threshold that it violates, or none.

use super::{Judge, Reason, Rule};
use crate::recipe::Recipe;
use flate2::Crc;
use flate2::read::GzDecoder;
use glasshouse_documents::document::Document;
use glasshouse_documents::files::SystemFiles;
use serde_json::{Value, json};
use std::io::Read as _;

type Settings = [(&'static str, f64)];

fn with(mut rule: Rule, settings: &Settings) -> Rule {
    for (name, value) in settings {
        rule.set_threshold(name, *value).unwrap();
    }
    rule
}

/// A rule with these thresholds and its defaults.
fn published(name: &str, settings: &Settings) -> Rule {
    with(Rule::named(name).unwrap(), settings)
}

/// A rule with only these thresholds.
fn only(name: &str, settings: &Settings) -> Rule {
    let mut rule = Rule::named(name).unwrap();
    for threshold in rule.thresholds() {
        let least = threshold.name.starts_with("minimum_");
        rule.set_threshold(&threshold.name, if least { threshold.lowest } else { threshold.highest })
            .unwrap();
    }
    with(rule, settings)
}

fn reason(rule: &Rule, text: &str) -> Option<Reason> {
    let judge = Judge::new(std::slice::from_ref(rule), &SystemFiles).unwrap();
    let document = Document { text: text.to_owned(), ..Document::default() };
    judge.judge(&document).dropped.map(|(_, reason)| reason)
}

#[track_caller]
fn breaks(rule: &Rule, cases: &[(&str, &str)]) {
    for (text, threshold) in cases {
        let broken = reason(rule, text).map_or("", |reason| reason.threshold);
        assert_eq!(broken, *threshold, "{text:?}");
    }
}

#[test]
fn gopher_quality_counts_words_symbols_lines_and_vocabulary() {
    let rule = only("gopher-quality", &[("minimum_words", 3.0), ("maximum_words", 3.0)]);
    breaks(&rule, &[("one, two, three.", ""), ("one, two.", "minimum_words")]);
    breaks(&rule, &[("one two three four", "maximum_words")]);
    assert_eq!(reason(&rule, "one, two.").unwrap().to_string(), "words: 2, at least 3 required");
    let lengths = [("minimum_mean_word_length", 3.0), ("maximum_mean_word_length", 4.0)];
    let rule = only("gopher-quality", &lengths);
    breaks(&rule, &[("éé abcd !!!!", ""), ("éé abc", lengths[0].0), ("abcd abcde", lengths[1].0)]);
    let symbols = "maximum_symbol_word_ratio";
    let rule = only("gopher-quality", &[(symbols, 0.2)]);
    breaks(&rule, &[("a b c d # ", ""), ("a b c #", symbols), ("a b c d ...", ""), ("a b…c ... d", symbols)]);
    let lines = [("maximum_bullet_line_fraction", 0.5), ("maximum_ellipsis_line_fraction", 0.5)];
    let rule = only("gopher-quality", &lines);
    breaks(&rule, &[("- a\n  • b\nc\nd", ""), ("- a\n  • b\n-\nd", lines[0].0)]);
    breaks(&rule, &[("a...\nb… \nc\nd", ""), ("a...\nb… \nc", lines[1].0)]);
    let words = [("minimum_alphabetic_word_fraction", 0.5), ("minimum_stop_words", 2.0)];
    let rule = only("gopher-quality", &words);
    breaks(&rule, &[("the 1 2 of", ""), ("the 1 2 3 of", words[0].0), ("the the The Of", words[1].0)]);
}

#[test]
fn gopher_repetition_drops_above_a_share_and_not_at_it() {
    // "of it" twice: 10 characters of 40. Five words of 16 characters, their repetition in a text of 71.
    let pair = "we saw of it what she knew of it 1234567";
    let five = "as she has said once, 12345 678901 23456 789 as she has said once 12345";
    assert_eq!((pair.len(), five.len()), (40, 71));
    for (threshold, share, stays, goes) in [
        ("duplicate_line_fraction", 0.25, "one\nas\nas\ntwo", "one\nas\nas\nas"),
        ("duplicate_line_character_fraction", 0.25, "éé\néé\nde", "éé\néé\n"),
        ("duplicate_paragraph_fraction", 0.5, "a\n\na\n", "a\n\na\n\na\n"),
        ("duplicate_paragraph_character_fraction", 0.25, "a\n\na", "ab\n\nab"),
    ] {
        breaks(
            &only("gopher-repetition", &[(threshold, share)]),
            &[(stays, ""), (goes, threshold), ("", "empty")],
        );
    }
    for (threshold, text, at, above) in
        [("top_2_gram", pair, 0.25, 0.249), ("duplicate_5_grams", five, 16.0 / 71.0, 15.9 / 71.0)]
    {
        breaks(&only("gopher-repetition", &[(threshold, at)]), &[(text, "")]);
        breaks(&only("gopher-repetition", &[(threshold, above)]), &[(text, threshold)]);
    }
    breaks(&only("gopher-repetition", &[("duplicate_6_grams", 0.0)]), &[(five, "")]);
}

#[test]
fn fineweb_quality_asks_for_lines_that_are_sentences() {
    let ends = "minimum_line_punctuation_fraction";
    let rule = only("fineweb-quality", &[(ends, 0.5)]);
    breaks(&rule, &[("One.\n\nTwo", ""), ("One.\nTwo\n \nThree", ends), (" \n ", "empty")]);
    // White space after the full stop hides it, as in the published rule.
    breaks(&rule, &[("One. ", ends)]);
    let short = "maximum_short_line_fraction";
    let rule = only("fineweb-quality", &[("short_line_length", 4.0), (short, 0.5)]);
    breaks(&rule, &[("ééé.\nfive.", ""), ("ééé.\nfive.\nsix.", short)]);
    let [repeats, feeds] = ["maximum_character_duplicate_fraction", "maximum_line_feed_word_ratio"];
    let rule = only("fineweb-quality", &[(repeats, 0.25), (feeds, 0.5)]);
    breaks(&rule, &[("ab.\nabcdef.\nab.", ""), ("abc.\nabcde.\nabc.", repeats)]);
    breaks(&rule, &[("one.\n\n", feeds), ("one two three.\n\n", "")]);
}

#[test]
fn entropy_lets_prose_stay_and_noise_go() {
    let encoded: String = (0..256_u32).map(|n| char::from(b'0' + (n * 37 % 75) as u8)).collect();
    let keys = "jklfdsqwrt sdfghjk xcvbnmlk wrtpsdfg hjklzxcv qwrtpsd fghjkl zxcvbn mqwrt";
    breaks(
        &published("entropy", &[]),
        &[
            ("Nobody spoke of the boat that was missing until it came round at noon.", ""),
            ("Der Fluss stand in diesem Frühjahr hoch, und niemand schlief dort ruhig.", ""),
            (&"-".repeat(80), "minimum_bits"),
            (keys, "maximum_consonant_run_fraction"),
            (&encoded, "maximum_bits"),
        ],
    );
    let rule = published("entropy", &[("minimum_characters", 4.0), ("minimum_bits", 2.0)]);
    breaks(&rule, &[("abcd", ""), ("abcc", "minimum_bits"), ("aaa", "")]);
}

#[test]
fn lengths_have_their_bounds() {
    let rule = only("length", &[("minimum_words", 2.0), ("maximum_words", 3.0)]);
    breaks(&rule, &[("a !", "minimum_words"), ("a b", ""), ("a, b, c.", ""), ("a b c d", "maximum_words")]);
}

/// Those of datatrove 0.10.1 with spaCy 3.8 (`tests/fixtures/make_datatrove.py`).
#[test]
fn decisions_equal_those_of_datatrove() {
    let file = include_bytes!("../../../../tests/fixtures/datatrove.jsonl.gz");
    let mut lines = String::new();
    GzDecoder::new(&file[..]).read_to_string(&mut lines).unwrap();
    for name in ["fineweb", "gopher", "c4"] {
        let mut rules = Recipe::published(name).unwrap().rules;
        rules.retain(|rule| rule.name() != "language");
        let judge = Judge::new(&rules, &SystemFiles).unwrap();
        let mut kept = 0;
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let document = Document { text: row["text"].as_str().unwrap().to_owned(), ..Document::default() };
            let judgement = judge.judge(&document);
            let found = match judgement.dropped {
                Some((rule, reason)) => json!([judge.rules[rule].name(), reason.threshold]),
                None => {
                    kept += 1;
                    let mut crc = Crc::new();
                    crc.update(judgement.text.unwrap_or(document.text).as_bytes());
                    json!(crc.sum())
                }
            };
            assert_eq!(found, row[name], "{name}: {}", row["id"]);
        }
        assert!(lines.lines().count() > 500 && (300..500).contains(&kept), "{name}: {kept}");
    }
}
