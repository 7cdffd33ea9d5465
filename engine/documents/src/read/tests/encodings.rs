//! Text in encodings other than UTF-8, with and without a mark.

use super::*;
use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, ISO_8859_2, KOI8_U, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
};

const ENGLISH: &str =
    "The café on the corner sells naïve paintings, as Zoë said. It is open on Sundays too.\n";
const RUSSIAN: &str =
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n";
const POLISH: &str = "Zażółć gęślą jaźń. Pchnąć w tę łódź jeża lub ośm skrzyń fig, mówi stara książka.\n";
const GREEK: &str = "Οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n";
const JAPANESE: &str = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n";
const CHINESE: &str = "一个人在街上走，天很黑，他听见有人在唱歌。第二天，他再也找不到那条街了。\n";
const TRADITIONAL: &str = "我們學習語言，是為了和別人說話，也是為了讀書。這條街上有很多書店。\n";
const KOREAN: &str = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n";

fn decoded(bytes: &[u8]) -> String {
    let documents = read("a.txt", bytes);
    assert_eq!(documents.len(), 1);
    documents[0].text.clone()
}

fn text_of(bytes: Vec<u8>) -> std::io::Result<String> {
    std::io::read_to_string(super::super::Utf8::new(std::io::Cursor::new(bytes), None))
}

#[test]
fn legacy_encodings_are_told() {
    let cases: [(&str, &'static Encoding); 9] = [
        (ENGLISH, WINDOWS_1252),
        (RUSSIAN, WINDOWS_1251),
        (RUSSIAN, KOI8_U),
        (POLISH, ISO_8859_2),
        (GREEK, WINDOWS_1253),
        (JAPANESE, SHIFT_JIS),
        (CHINESE, GBK),
        (TRADITIONAL, BIG5),
        (KOREAN, EUC_KR),
    ];
    for (text, encoding) in cases {
        let text = text.repeat(4);
        let (bytes, _, unmapped) = encoding.encode(&text);
        assert!(!unmapped, "{}", encoding.name());
        assert_eq!(decoded(&bytes), text, "{}", encoding.name());
        assert_eq!(text_of(bytes.into_owned()).unwrap(), text, "{}", encoding.name());
    }
}

#[test]
fn utf_16_needs_no_mark() {
    for text in
        ["Hi\n", ENGLISH, RUSSIAN, POLISH, GREEK, JAPANESE, CHINESE, KOREAN, "🦀 and 🐍, side by side\n"]
    {
        let text = format!("{text}{}", text.repeat(30));
        for little in [true, false] {
            for mark in [false, true] {
                let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
                let bytes: Vec<u8> = if little {
                    units.flat_map(u16::to_le_bytes).collect()
                } else {
                    units.flat_map(u16::to_be_bytes).collect()
                };
                assert_eq!(decoded(&bytes), text, "little-endian {little}, mark {mark}");
            }
        }
    }
    // Longer than the detection sample, which ends anywhere.
    let text = "🦀 and words. ".repeat(20_000);
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decoded(&bytes), text);
}

#[test]
fn an_encoding_is_told_where_its_first_letter_stands() {
    let text = format!("{}{ENGLISH}", "Plain words, for a long time.\n".repeat(9000));
    assert_eq!(decoded(&WINDOWS_1252.encode(&text).0), text);
    let row = RUSSIAN.replace([',', '\n'], " ");
    let table = format!("text,name\n{}", format!("{row},имя\n").repeat(50));
    let (bytes, _, _) = WINDOWS_1251.encode(&table);
    let documents = read("a.csv", bytes);
    assert_eq!((documents.len(), documents[49].text.as_str()), (50, row.as_str()));
    let code = format!("# {RUSSIAN}print(1)\n");
    assert_eq!(read("a.py", WINDOWS_1251.encode(&code).0).remove(0).text, code);
}

#[test]
fn a_bad_byte_costs_itself_and_condemns_nothing() {
    // Alone, far before UTF-8 characters, and in a page that declares another encoding or none.
    let far = "Plain words, for a long time.\n".repeat(5000);
    let mut bytes = b"One bad byte \xff here.\n".to_vec();
    bytes.extend(format!("{far}{RUSSIAN}{ENGLISH}").into_bytes());
    let text = decoded(&bytes);
    assert!(text.ends_with(&format!("{RUSSIAN}{ENGLISH}")), "{}", &text[text.len() - 300..]);
    for declared in ["", "<meta charset=iso-8859-1>", "<meta charset=utf-8>"] {
        let page = [format!("<html>{declared}<p>{RUSSIAN}").as_bytes(), b"\xe9", ENGLISH.as_bytes()].concat();
        let text = read("a.html", page).remove(0).text;
        assert!(text.ends_with(&format!("<p>{RUSSIAN}\u{fffd}{ENGLISH}")), "{declared}: {text}");
    }
    assert_eq!(
        read("a.html", b"<meta charset=iso-8859-1><p>caf\xe9").remove(0).text,
        "<meta charset=iso-8859-1><p>café"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_text_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
        if let Ok(text) = text_of(bytes) {
            proptest::prop_assert!(!text.contains('\0'));
        }
    }

    #[test]
    fn utf_8_comes_back_whatever_it_holds(text in "[^\0\u{feff}]{0,400}") {
        proptest::prop_assert_eq!(text_of(text.clone().into_bytes()).unwrap(), text);
    }
}
