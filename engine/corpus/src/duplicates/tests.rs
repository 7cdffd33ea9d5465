//! Properties that hold for any text.

use proptest::prelude::*;

use super::*;

/// Texts as readers may pass them: letters of many scripts, marks, controls, long words, empty lines.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-zA-Z]{1,20}",
        "[ \t\r\n.,;!-]{1,3}",
        Just("\n\n".to_owned()),
        "[\u{4E00}-\u{4E10}\u{0E00}-\u{0E50}\u{0300}-\u{0310}\u{0130}ßŉǅ]{1,4}",
    ];
    prop::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn one_pass_says_what_two_say(text in text()) {
        let marker = Marker::new(&Settings::default()).unwrap();
        let mark = marker.mark(&text);
        prop_assert_eq!(mark.fingerprint, exact::Fingerprint::of_words(&text));
        // Lower case, doubled spaces and a full stop change nothing.
        let dressed = format!("{} .", text.to_lowercase().replace(' ', " \u{2014} "));
        if mark.keys.is_some() {
            prop_assert_eq!(marker.mark(&dressed), mark);
        }
    }

    #[test]
    fn a_text_of_enough_words_overlaps_with_itself(text in text()) {
        let settings = contamination::Settings::default();
        let mut set = contamination::Set::empty(&settings);
        set.add("itself", &text);
        let overlap = set.contaminating(&text);
        prop_assert_eq!(overlap.is_some(), set.items() == 1);
        if let Some(overlap) = overlap {
            prop_assert_eq!(overlap.ngrams, overlap.item_ngrams);
        }
    }
}
