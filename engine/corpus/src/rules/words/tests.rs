use super::{is_sentence_end, split};

fn words(text: &str) -> Vec<&str> {
    split(text).iter().map(|word| word.of(text)).collect()
}

/// Each line is a text, then its words as split by spaCy's blank English tokenizer 3.8.
const CUT_BY_SPACY: &str = include_str!("spacy.txt");

#[test]
fn words_are_those_of_spacy() {
    let mut cases = 0;
    for line in CUT_BY_SPACY.lines() {
        let (text, expected) = line.split_once('\t').unwrap();
        assert_eq!(words(text).join(" "), expected, "{text}");
        cases += 1;
    }
    assert!(cases > 40);
}

#[test]
fn ranges_characters_and_kinds_are_of_the_word() {
    let text = "  Ça  «va», 12 …\u{a0}end.\n";
    let split = split(text);
    let seen: Vec<_> = split.iter().map(|word| (word.of(text), word.characters)).collect();
    assert_eq!(
        seen,
        [("Ça", 2), ("«", 1), ("va", 2), ("»", 1), (",", 1), ("12", 2), ("…", 1), ("end", 3), (".", 1)]
    );
    let alphabetic: Vec<_> =
        split.iter().filter(|word| word.is_alphabetic()).map(|word| word.of(text)).collect();
    assert_eq!(alphabetic, ["Ça", "va", "end"]);
    let symbols: Vec<_> = split.iter().filter(|word| word.is_symbols()).map(|word| word.of(text)).collect();
    assert_eq!(symbols, ["«", "»", ",", "…", "."]);
    assert!(split.last().is_some_and(|word| word.is_sentence_end() && word.is_marks()));
}

#[test]
fn scripts_without_spaces_are_cut_into_words() {
    assert_eq!(words("ภาษาไทย"), words("ภาษาไทย"));
    assert_eq!(words("我爱你。 yes"), ["我", "爱", "你", "。", "yes"]);
}

#[test]
fn ends_of_sentences_are_found_in_every_script() {
    assert!(".!?。।؟։".chars().all(is_sentence_end));
    assert!(!",;:…\"'a…—".chars().any(is_sentence_end));
}

#[test]
fn a_chunk_of_any_length_is_cut_in_one_go() {
    for hostile in [")", "(", "'", ".", ".)", "a-", "a@", "a.", "’s", "…", "1+", "://"] {
        let text = hostile.repeat(200_000);
        let bytes: usize = split(&text).iter().map(|word| word.bytes as usize).sum();
        assert_eq!(bytes, text.len(), "{hostile}");
    }
}

proptest::proptest! {
    #[test]
    fn words_cover_all_but_white_space(text in "(\\PC|[ \\n\\t.,()'-]){0,80}") {
        let split = split(&text);
        let mut end = 0;
        for word in &split {
            let gap = text.get(end..word.start as usize).unwrap();
            proptest::prop_assert!(gap.chars().all(char::is_whitespace), "{:?} in {:?}", gap, text);
            proptest::prop_assert_eq!(word.of(&text).chars().count(), word.characters as usize);
            end = word.range().end;
        }
        proptest::prop_assert!(text.get(end..).unwrap().chars().all(char::is_whitespace));
    }
}
