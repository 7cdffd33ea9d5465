//! Planted overlaps, and files without items.

use super::*;
use glasshouse_documents::SystemFiles;

const QUESTION: &str = "A train leaves the old station at nine in the morning and travels west at sixty miles an hour; \
    when does it reach the lake, which lies two hundred and ten miles away from the station?";

fn words(from: u64, count: u64) -> String {
    (from..from + count).map(|number| format!("word{} ", number * 7919 % 100_003)).collect()
}

fn set(items: &[(&str, &str)]) -> Set {
    let mut set = Set::empty(&Settings::default());
    for (id, text) in items {
        set.add(id, text);
    }
    set
}

#[test]
fn a_quoted_item_is_found_and_named() {
    let set = set(&[("other", &words(0, 40)), ("question", QUESTION)]);
    let document =
        format!("{} {} {}", words(1000, 300), QUESTION.to_uppercase().replace(' ', "\n "), words(2000, 300));
    let overlap = set.contaminating(&document).unwrap();
    assert_eq!(overlap.item, "question");
    assert_eq!((overlap.ngrams, overlap.item_ngrams), (24, 24));
    assert_eq!(overlap.document_ngrams, 300 + 36 + 300 - 12);
    assert!(
        overlap.to_string().starts_with("has 24 of the 24 n-grams of question: 100 % of it, 4 %"),
        "{overlap}"
    );
    assert!(set.contaminating(&words(1000, 600)).is_none());
    assert!(set.largest(&words(1000, 600), |_| true).is_none());
}

#[test]
fn one_shared_sentence_of_a_long_item_stays() {
    let long = format!("{}{QUESTION} {}", words(0, 500), words(500, 500));
    let set = set(&[("long", &long)]);
    let document = format!("{}{QUESTION}{}", words(5000, 500), words(6000, 500));
    let overlap = set.largest(&document, |_| true).unwrap();
    assert_eq!(overlap.ngrams, 24);
    assert!(set.contaminating(&document).is_none());
    // A document that is mostly a part of the item is dropped.
    assert!(set.contaminating(&format!("Quiz: {QUESTION}")).is_some());
    let strict = Settings { share: 0.0, ..Settings::default() };
    let mut set = Set::empty(&strict);
    set.add("long", &long);
    assert!(set.contaminating(&document).is_some());
}

#[test]
fn short_items_count_whole_and_shorter_ones_not() {
    let set =
        set(&[("nine", "Which of these nine words is not like others?"), ("four", "What is the capital?")]);
    assert_eq!((set.items(), set.left_out), (1, 1));
    let overlap = set.contaminating(&format!(
        "{} which of these nine words is not like others {}",
        words(0, 99),
        words(200, 99)
    ));
    assert_eq!(overlap.unwrap().item, "nine");
    assert!(
        set.contaminating("Which of these nine words is not like theirs? What is the capital?").is_none()
    );
}

#[test]
fn a_leak_is_found_next_to_a_short_item_with_too_few_ngrams() {
    for key in ["minimum_ngrams", "runs"] {
        let mut set = Set::empty(&toml::from_str(&format!("{key} = 2")).unwrap());
        let (short, leak) = (words(0, 8), words(100, 40));
        set.add("short", &short);
        set.add("leak", &leak);
        let document = |item: &str| format!("{} {item} {}", words(1000, 300), words(2000, 300));
        assert_eq!(set.contaminating(&document(&short)), None);
        // The short item is found whole, 25 of the leak's 28 n-grams: its share is smaller.
        let part = words(100, 37);
        assert_eq!(set.contaminating(&document(&format!("{part} and {short}"))).unwrap().item, "leak");
    }
}

#[test]
fn ngrams_that_many_items_share_do_not_count() {
    let template =
        "Read the following passage with care and then answer the question that stands below it in one word";
    let mut set = Set::empty(&Settings::default());
    for number in 0..11 {
        set.add(&format!("item {number}"), &format!("{template} {}", words(number * 100, 30)));
    }
    assert!(set.largest(&format!("{} {template}", words(50_000, 100)), |_| true).is_none());
    let overlap = set.contaminating(&format!("x {} y", words(300, 30))).unwrap();
    assert_eq!(overlap.item, "item 3");
    // Of an item's 36 n-grams the template's 6 do not count; twelve more contain both.
    assert_eq!((overlap.ngrams, overlap.item_ngrams), (18, 30));
}

#[test]
fn items_that_share_a_text_both_hold_it() {
    let passage = words(0, 60);
    let set = set(&[
        ("first", &format!("{passage} {}", words(1000, 60))),
        ("second", &format!("{passage} {}", words(2000, 20))),
    ]);
    let overlap = set.contaminating(&format!("{} {passage} {}", words(3000, 50), words(4000, 50))).unwrap();
    assert_eq!((overlap.item, overlap.ngrams, overlap.item_ngrams), ("second", 48, 68));
}

#[test]
fn planted_overlaps_are_found_with_precision_and_recall_of_one() {
    let items: Vec<(String, String)> =
        (0..200).map(|number| (format!("item {number}"), words(number * 101, 30 + number % 50))).collect();
    let mut set = Set::empty(&Settings::default());
    items.iter().for_each(|(id, text)| set.add(id, text));
    for (number, (id, text)) in items.iter().enumerate() {
        let own = words(50_000 + number as u64 * 200, 180);
        assert!(set.contaminating(&own).is_none());
        assert_eq!(set.contaminating(&format!("{own}{text}")).unwrap().item, id);
    }
}

#[test]
fn a_full_set_leaves_out_and_says_so() {
    let mut set = Set::with_room_for(&Settings::default(), 50);
    for number in 0..5 {
        set.add("item", &words(number * 100, 60));
    }
    assert!(set.is_full());
    assert_eq!((set.items(), set.left_out, set.ngrams()), (2, 3, 96));
}

#[test]
fn one_document_of_a_sample_makes_no_boilerplate() {
    let copied = |found: u32| {
        let mut set = set(&[("held out", QUESTION)]);
        let counts = set.shared(&format!("{QUESTION} {}", words(0, 300)));
        assert_eq!(counts.len(), 24);
        // Every eleventh of the documents was sampled.
        set.pass_over(counts.into_iter().map(|run| (run, found)), 11, 242_000);
        set.contaminating(&format!("{QUESTION} {}", words(0, 30))).is_some()
    };
    assert!(copied(1) && copied(2), "a copy or two of the held-out document");
    assert!(!copied(3), "33 documents share it, about");
}

#[test]
fn items_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (start, end) = QUESTION.split_once("; ").unwrap();
    let record = serde_json::json!({"id": 7, "question": start, "choices": {"text": [end, "no"]}});
    let lines = at("quiz.jsonl", format!("\n{record}\n").as_bytes());
    let text = at("book.txt", format!("{}\n{}\n\n\n{QUESTION}\nx", words(0, 20), words(20, 20)).as_bytes());
    let array =
        at("list.json", serde_json::json!([{"q": words(900, 20)}, words(950, 20)]).to_string().as_bytes());
    let read = |against: &[&PathBuf]| {
        let against = against.iter().map(|path| (*path).clone()).collect();
        Set::read(&Settings { against, ..Settings::default() }, &SystemFiles)
    };
    assert!(read(&[]).unwrap().is_none());
    assert_eq!(read(&[&lines]).unwrap().unwrap().contaminating(QUESTION).unwrap().item, "quiz.jsonl#2");
    let all = read(&[&text, &lines, &array]).unwrap().unwrap();
    assert_eq!(all.items(), 5);
    assert_eq!(all.contaminating(&format!("{QUESTION} x")).unwrap().item, "book.txt, line 5");
    assert_eq!(all.contaminating(&words(950, 20)).unwrap().item, "list.json#2");

    let refused = |path: &PathBuf| read(&[path]).unwrap_err().to_string();
    assert!(refused(&at("bad.jsonl", b"{\"a\": 1}\n{oops")).contains("line 2 is not JSON"));
    assert!(refused(&at("packed.txt.gz", &[0x1F, 0x8B, 0x08, 0xFF])).contains("unpack it"));
    assert!(refused(&at("short.txt", b"too short\n")).contains("no item of 8 words or more (1 shorter"));
    assert!(refused(&folder.path().to_path_buf()).contains("is not a file"));
    assert!(refused(&folder.path().join("gone.jsonl")).contains("gone.jsonl"));
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |settings: Settings| settings.validate().unwrap_err().to_string();
    assert!(refused(Settings { words: 2, ..Settings::default() }).contains("contamination.words is 2"));
    assert!(refused(Settings { smallest_item_words: 14, ..Settings::default() }).contains("from 3 to 13"));
    assert!(refused(Settings { share: -0.1, ..Settings::default() }).contains("share is -0.1"));
}
