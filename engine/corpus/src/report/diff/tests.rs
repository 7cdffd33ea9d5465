//! Tests of the diff: it is correct for both texts, short for small changes, and fast for any texts.

use proptest::prelude::*;

use super::*;

/// The two texts, reconstructed from the changes.
fn both(changes: &[TextChange]) -> (String, String) {
    let join = |without: TextFate| {
        changes.iter().filter(|change| change.fate != without).map(|change| change.text.as_str()).collect()
    };
    (join(TextFate::Added), join(TextFate::Removed))
}

fn marked(before: &str, after: &str) -> String {
    let changes = words(before, after);
    assert_eq!(both(&changes), (before.to_owned(), after.to_owned()));
    let mark = |change: &TextChange| match change.fate {
        TextFate::Same => change.text.clone(),
        TextFate::Removed => format!("[-{}-]", change.text),
        TextFate::Added => format!("[+{}+]", change.text),
    };
    changes.iter().map(mark).collect()
}

#[test]
fn words_that_changed_are_marked() {
    assert_eq!(marked("one two three", "one two three"), "one two three");
    assert_eq!(marked("one two three", "one 2 three"), "one [-two-][+2+] three");
    assert_eq!(marked("ring +44 12.", "ring <PHONE>."), "ring [-+44 12-][+<PHONE>+].");
    assert_eq!(marked("", "new"), "[+new+]");
    assert_eq!(marked("old", ""), "[-old-]");
    assert_eq!(marked("", ""), "");
    assert_eq!(marked("Share\nThe text.\nCookies\n", "The text.\n"), "[-Share\n-]The text.\n[-Cookies\n-]");
}

#[test]
fn changes_that_a_space_parts_are_one() {
    assert_eq!(marked("a big old house b", "a small new house b"), "a [-big old-][+small new+] house b");
}

#[test]
fn whole_lines_go_where_lines_go() {
    assert_eq!(marked("one\ntwo\nthree\n", "one\nthree\n"), "one\n[-two\n-]three\n");
    assert_eq!(marked("one\nthree\n", "one\ntwo\nthree\n"), "one\n[+two\n+]three\n");
    assert_eq!(marked("a line\na line\n", "a line\n"), "a line\n[-a line\n-]");
}

#[test]
fn letters_are_never_cut() {
    assert_eq!(marked("caf\u{e9}s", "caf\u{e8}s"), "[-caf\u{e9}s-][+caf\u{e8}s+]");
    assert_eq!(marked("\u{1f600}", "\u{1f601}"), "[-\u{1f600}-][+\u{1f601}+]");
}

#[test]
fn long_texts_are_compared_by_lines_first_and_a_word_is_still_found() {
    let line = |number: usize| format!("line {number} of a text that has many lines of some words each\n");
    let before: String = (0..2_000).map(line).collect();
    let after = before.replacen("line 700 of a text", "line 700 of one text", 1).replace(&line(1500), "");
    let changes: Vec<_> =
        words(&before, &after).into_iter().filter(|change| change.fate != TextFate::Same).collect();
    let texts: Vec<_> = changes.iter().map(|change| (change.fate, change.text.as_str())).collect();
    assert_eq!(
        texts,
        [(TextFate::Removed, "a"), (TextFate::Added, "one"), (TextFate::Removed, line(1500).as_str())]
    );
}

#[test]
fn very_long_texts_with_lines_removed_show_just_these() {
    let line = |number: usize| format!("{number}\n");
    let before: String = (0..60_000).map(line).collect();
    let after: String = (0..60_000).filter(|number| number % 7 != 3).map(line).collect();
    let changes = words(&before, &after);
    assert_eq!(both(&changes), (before.clone(), after.clone()));
    let removed: usize = changes
        .iter()
        .filter(|change| change.fate == TextFate::Removed)
        .map(|change| change.text.lines().count())
        .sum();
    assert_eq!(removed, before.lines().count() - after.lines().count());
    assert!(changes.iter().all(|change| change.fate != TextFate::Added));
}

#[test]
fn texts_with_nothing_alike_end_soon() {
    // As long as the compared part of a document; quadratic time in the number of words would take minutes.
    let before: String = (0..30_000).map(|number| format!("a{number} ")).collect();
    let after: String = (0..30_000).map(|number| format!("b{number} ")).collect();
    assert!(words(&before, &after).len() <= 3, "one change and a space");
    let (before, after) = (before.replace(' ', "\n"), after.replace(' ', "\n"));
    assert_eq!(both(&words(&before, &after)), (before.clone(), after.clone()));
}

proptest! {
    #[test]
    fn both_texts_can_be_told_from_the_changes(before in "[ab \n.é]{0,60}", after in "[ab \n.é]{0,60}") {
        prop_assert_eq!(both(&words(&before, &after)), (before, after));
    }

    #[test]
    fn a_text_and_its_edit_can_be_told_from_the_changes(parts in proptest::collection::vec(("[ab \n.é]{0,20}", 0..3_u8), 0..30)) {
        let before: String = parts.iter().filter(|(_, fate)| *fate != 1).map(|(text, _)| text.as_str()).collect();
        let after: String = parts.iter().filter(|(_, fate)| *fate != 2).map(|(text, _)| text.as_str()).collect();
        prop_assert_eq!(both(&words(&before, &after)), (before, after));
    }
}
