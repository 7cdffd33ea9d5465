//! Properties of all texts.

use super::super::*;
use super::detector;
use proptest::prelude::*;

/// Parts of candidates, so that arbitrary texts come close to them.
fn piece() -> impl Strategy<Value = String> {
    let fixed = "@|.|-|:|::|=| |\n|+|(|)|/|\"|'|•|<EMAIL>|<NAME>|é|中|\u{a0}|0|1|20|555|4567|4111|1111|2001|91|198|\
        jane|Jane Doe|com|example.com|a@b.org|password|token|secret=|://|version |call |order |DE89|3704|\
        0044|0532|0130|00|eyJ|sk-|-----BEGIN |PRIVATE KEY|-----|END |AKIA|91.198.174.192|+49 30 1234567|\
        x1Y2z3W4v5U6t7S8|email@example.com|22.214.171.124|Bearer |j•••@•••.com";
    prop_oneof![
        8 => proptest::sample::select(fixed.split('|').collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[0-9]{1,17}",
        1 => "[a-zA-Z0-9]{1,24}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn action() -> impl Strategy<Value = Action> {
    proptest::sample::select(vec![Action::Replace, Action::Mask])
}

/// Settings with lists and patterns that match their own placeholders.
fn settings() -> impl Strategy<Value = Settings> {
    let names =
        proptest::sample::subsequence(vec!["jane", "Jane Doe", "version", "email", "com", "j", "•"], 0..5);
    let patterns = proptest::sample::subsequence(vec![r"\d+", ".+", "[A-Z]", r"\S+@", "jane (.)"], 0..3);
    let own = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
    (action(), action(), action(), action(), names, patterns).prop_map(
        move |(email, phone, secret, name, names, patterns)| Settings {
            email,
            phone,
            secret,
            name,
            names: own(names),
            patterns: own(patterns),
            ..Settings::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_found_is_left_and_a_second_time_changes_nothing(text in text(), settings in settings()) {
        let detector = detector(&settings);
        let applied = detector.apply(&text);
        if applied.dropped.is_none() {
            let clean = applied.text.as_deref().unwrap_or(&text);
            prop_assert_eq!(detector.find(clean), vec![], "left in {:?}", clean);
            prop_assert_eq!(detector.apply(clean), Applied::default());
        }
    }

    #[test]
    fn findings_are_in_order_apart_and_at_the_bounds_of_characters(text in text(), settings in settings()) {
        let mut past = 0;
        for finding in detector(&settings).find(&text) {
            prop_assert!(finding.start >= past && finding.end > finding.start);
            prop_assert!(text.get(finding.start..finding.end).is_some());
            past = finding.end;
        }
    }

    #[test]
    fn masks_and_excerpts_show_no_finding(text in text(), length in 0_usize..80) {
        let detector = detector(&Settings::default());
        prop_assert_eq!(detector.find(&detector.mask(&text)), vec![]);
        prop_assert_eq!(detector.find(&detector.excerpt(&text, length)), vec![]);
        for sample in detector.apply(&text).samples {
            prop_assert_eq!(detector.find(&sample.excerpt), vec![]);
        }
    }

    #[test]
    fn arbitrary_text_is_taken(text in any::<String>()) {
        let detector = detector(&Settings::default());
        detector.apply(&text);
        detector.mask(&text);
        detector.excerpt(&text, 5);
    }
}

#[test]
fn a_sample_shows_nothing_that_its_control_characters_kept_apart() {
    let detector = detector(&Settings::default());
    for sample in detector.apply("0044\u{0}000000::91.198.174.192").samples {
        assert_eq!(detector.find(&sample.excerpt), vec![], "in {:?}", sample.excerpt);
    }
}

#[test]
fn long_hostile_texts_take_no_longer_than_their_length() {
    // Each would take minutes if the context of triggers were unbounded.
    let detector = detector(&Settings { names: vec!["a".into(), "aa".into()], ..Settings::default() });
    let parts = "a@|@|1|1.|1 |12:|-----BEGIN PRIVATE KEY-----|password=|eyJ|::|a.b@c.|DE89 |sk-";
    for part in parts.split('|') {
        let text = part.repeat((1 << 18) / part.len());
        detector.apply(&text);
    }
}
