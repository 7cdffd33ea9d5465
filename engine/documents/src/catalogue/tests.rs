//! Checks of the catalogue's consistency.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_entry_is_whole_and_pinned() {
    assert_eq!(ENTRIES.len(), 14);
    for entry in ENTRIES.iter() {
        assert!(entry.address.starts_with("https://"), "{}", entry.name);
        let revision = entry
            .address
            .split('/')
            .any(|part| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(revision, "{}: the address names a state for good", entry.name);
        assert!(
            entry.sha256.len() == 64
                && entry.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{}",
            entry.name
        );
        assert!(entry.length.bytes() > 0 && entry.length.limit() >= entry.length.bytes(), "{}", entry.name);
        for text in [entry.title, entry.sentence, entry.format, entry.licence] {
            assert!(!text.is_empty(), "{}", entry.name);
        }
        let name = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
        };
        assert!(name(entry.name) && name(entry.file) && !entry.file.starts_with('.'), "{}", entry.name);
    }
}

#[test]
fn names_files_and_sums_are_unique() {
    let count = |key: fn(&Entry) -> &str| ENTRIES.iter().map(key).collect::<BTreeSet<_>>().len();
    assert_eq!(count(|entry| entry.name), ENTRIES.len());
    assert_eq!(count(|entry| entry.file), ENTRIES.len());
    assert_eq!(count(|entry| entry.sha256), ENTRIES.len());
}

#[test]
fn entries_are_found_by_name() {
    assert_eq!(find("tiny-shakespeare").expect("an entry").length, Length::Exact(1_115_394));
    let error = find("tiny-shakespear").expect_err("no such name").to_string();
    assert!(
        error.contains("tiny-shakespear is not in the catalogue") && error.contains("tiny-stories"),
        "{error}"
    );
}

#[test]
fn a_length_that_is_not_exact_has_a_limit_all_the_same() {
    assert!(Length::Exact(10).admits(10) && !Length::Exact(10).admits(9));
    assert_eq!(Length::About(1000).limit(), 1100);
    assert!(Length::About(1000).admits(990) && Length::About(1000).admits(1100));
    assert!(!Length::About(1000).admits(1101) && !Length::About(1000).admits(0));
}

#[test]
fn a_paragraph_says_what_one_wants_to_know_first() {
    let text = paragraph(find("alpaca").expect("an entry"));
    for words in ["alpaca  about 22.8 MB", "CC-BY-NC-4.0", "52,002 instructions", "no commercial use"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
