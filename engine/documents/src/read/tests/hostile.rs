//! Invalid input: each fault is reported, memory stays bounded, and the rest is read.

use super::*;

/// Starts with `head` and continues with one byte, repeated.
fn endless(head: &'static str, byte: u8, length: u64) -> Make {
    Box::new(move || Ok(Box::new(Stream(head.as_bytes().chain(io::repeat(byte).take(length))))))
}

fn first(name: &str, make: Make) -> Trouble {
    let memory = Memory::default().with_stream(name, 1 << 40, make);
    let settings = Settings::default();
    let found = find(&memory, &[name.into()], &settings);
    let progress = Arc::new(AtomicU64::new(0));
    open(&memory, &found.sources[0], &settings, &progress).next().unwrap().unwrap_err()
}

#[test]
fn lines_without_end_are_named_at_once() {
    for (name, head) in [
        ("a.jsonl", ""),
        ("a.json", "[\""),
        ("a.csv", "text\n"),
        ("b.csv", "text\n\""),
        ("a.html", "<p>"),
        ("a.py", "x"),
        ("a.xml", "<mediawiki><page>"),
        ("b.xml", "<posts>\n<row "),
    ] {
        let trouble = first(name, endless(head, b'a', u64::MAX));
        assert!(trouble.reason.contains(" is longer than "), "{name}: {trouble:?}");
        assert!(trouble.reason.contains("raise reading.limits."), "{name}: {trouble:?}");
    }
}

#[test]
fn the_reader_goes_on_behind_a_long_line() {
    let long = "x".repeat(20_000);
    let (troubles, texts) = wrong(
        "a.jsonl",
        format!("{{\"text\": \"a\"}}\n{{\"text\": \"{long}\"}}\n{{\"text\": \"b\"}}"),
        &small(),
    );
    assert_eq!(texts, ["a", "b"]);
    assert_eq!(troubles.len(), 1);
    assert!(troubles[0].starts_with("a.jsonl#2: the line is longer than 8 KiB"), "{troubles:?}");
    let (troubles, texts) =
        wrong("a.json", format!("[{{\"text\": \"a\"}}, [\"{long}\"], {{\"text\": \"b\"}}]"), &small());
    assert_eq!((texts, troubles.len()), (vec!["a".to_owned(), "b".to_owned()], 1));
    let (troubles, texts) = wrong("a.csv", format!("text,b\na,1\n{long},2\nb,3\n"), &small());
    assert_eq!((texts, troubles.len()), (vec!["a".to_owned(), "b".to_owned()], 1));
    assert!(troubles[0].starts_with("a.csv#2: the row"), "{troubles:?}");
}

#[test]
fn long_text_is_cut_at_line_ends() {
    let text = "A sentence, and a word.\n\nAnother line of it.\n".repeat(500);
    let (troubles, texts) = wrong("a.txt", &text, &small());
    assert_eq!(texts.concat(), text);
    assert!(texts.len() >= 5 && texts.iter().all(|text| text.len() <= 4096 && text.ends_with('\n')));
    assert_eq!(troubles.len(), 1);
    assert!(troubles[0].contains("has text of more than 4 KiB"), "{troubles:?}");
}

#[test]
fn a_long_line_is_cut_at_spaces_and_nothing_of_it_is_lost() {
    let line = "a word and 漢字, no line end ".repeat(700);
    let (troubles, texts) = wrong("a.txt", &line, &small());
    assert_eq!(texts.concat(), line);
    assert!(texts.len() >= 5 && texts.iter().all(|text| text.len() <= 4096 && text.ends_with(' ')));
    assert!(
        troubles.len() == 1 && troubles[0].contains("it is split into documents of at most that size"),
        "{troubles:?}"
    );
    // Without any space, between characters.
    let line = "漢字仮名".repeat(1000);
    let (_, texts) = wrong("a.md", &line, &small());
    assert_eq!(texts.concat(), line);
    // A record's text too, whatever its format.
    let settings =
        Settings { limits: Limits { document: 4 << 10, ..Limits::default() }, ..Settings::default() };
    let text = "word and word ".repeat(1000);
    let lines = format!(
        "{}\n{{\"text\": \"b\", \"id\": 7}}\n",
        serde_json::json!({"text": text, "id": 5, "title": "T"})
    );
    for (name, content) in [("a.jsonl", lines), ("b.csv", format!("id,text,title\n5,{text},T\n7,b,U\n"))] {
        let documents = read_with(name, content, &settings);
        let (last, parts) = documents.split_last().unwrap();
        assert_eq!(
            parts.iter().map(|part| part.text.as_str()).collect::<String>(),
            text.trim_end_matches('\n')
        );
        assert!(parts.len() == 4 && parts.iter().all(|part| part.title.as_deref() == Some("T")));
        assert_eq!(
            (parts[0].id.as_str(), parts[1].id.as_str()),
            (&*format!("{name}#1:5/1"), &*format!("{name}#1:5/2"))
        );
        assert_eq!((last.id.as_str(), last.text.as_str()), (&*format!("{name}#2:7"), "b"));
    }
}

#[test]
fn bombs_are_given_up_early() {
    let make = |inner: Vec<u8>| -> Make { Box::new(move || Ok(Box::new(Cursor::new(inner.clone())))) };
    let zeros = vec![b'a'; 8 << 20];
    for (name, packed) in [
        ("bomb.txt.gz", gzip(&zeros)),
        ("bomb.jsonl.zst", zstandard(&zeros)),
        ("bomb.html.bz2", bzip2(&zeros)),
    ] {
        let memory = Memory::default().with_stream(name, packed.len() as u64, make(packed));
        let mut settings = small();
        settings.limits.document = 1 << 30;
        settings.limits.record = 1 << 30;
        let (documents, troubles) = read_all(&memory, &settings);
        assert_eq!((documents.len(), troubles.len()), (0, 1), "{troubles:?}");
        assert!(troubles[0].reason.contains("more than 200 times its size"), "{troubles:?}");
    }
    let mut settings = small();
    settings.limits.expansion = 1 << 20;
    says("a.html.gz", gzip(&zeros), &settings, "is longer than 4 KiB");
    let deep = (0..6).fold(b"x".to_vec(), |content, _| gzip(content));
    says("a.txt.gz", deep, &settings, "is packed more than 3 times;");
    let mut nested = small();
    nested.limits.document = 1 << 30;
    says("a.html.gz", gzip(gzip(&zeros)), &nested, "more than 200 times its size");
}

#[test]
fn packed_files_that_are_cut_keep_what_was_read() {
    let lines: String =
        (0..20_000).map(|number| format!("{{\"text\": \"line {}\"}}\n", number * 7919 % 10_007)).collect();
    for (name, mut packed) in [
        ("a.jsonl.gz", gzip(&lines)),
        ("a.jsonl.zst", zstandard(&lines)),
        ("a.jsonl.bz2", bzip2(lines.repeat(40))),
    ] {
        packed.truncate(packed.len() * 3 / 4);
        let (troubles, texts) = wrong(name, packed, &Settings::default());
        assert!(texts.len() > 1000 && texts[0] == "line 0", "{name}: {}", texts.len());
        assert!(
            troubles.iter().any(|trouble| trouble.contains("what was read so far is kept")),
            "{name}: {troubles:?}"
        );
    }
    let words: String = (0..50_000).map(|number| format!("word{} ", number * 7919 % 10_007)).collect();
    let mut packed = gzip(&words);
    packed.truncate(packed.len() / 2);
    let (troubles, texts) = wrong("a.txt.gz", &packed, &Settings::default());
    assert!(texts.len() == 1 && words.starts_with(&texts[0]), "{troubles:?}");
    let (troubles, texts) = wrong("a.html.gz", &packed, &Settings::default());
    assert!(texts.is_empty() && !troubles[0].contains("is kept"), "{troubles:?}");
    let mut broken = zstandard(&lines);
    let middle = broken.len() / 2;
    broken[middle] ^= 0x55;
    let (troubles, _) = wrong("b.jsonl.zst", broken, &Settings::default());
    assert!(!troubles.is_empty());
}

#[test]
fn bytes_that_are_no_text_cost_themselves() {
    let settings = Settings::default();
    let bad = b"one \xc3\xa9\n<|endoftext|>\ntwo \xff\xfe\xfd\n<|endoftext|>\nthree";
    let (troubles, texts) = wrong("a.txt", bad, &settings);
    assert_eq!(texts, ["one é", "two \u{fffd}\u{fffd}\u{fffd}", "three"]);
    assert!(troubles.len() == 1 && troubles[0].starts_with("a.txt: 3 pieces are not text"), "{troubles:?}");
    // Far into a file, with the surrounding text kept.
    let mut long = "Words in a row, and more of them.\n".repeat(20_000).into_bytes();
    let length = long.len();
    long.splice(length / 2..length / 2, [0xff, 0xff, 0xff, 0xff]);
    let (troubles, texts) = wrong("a.txt", &long, &settings);
    assert_eq!(texts[0].len(), length + 4 * "\u{fffd}".len());
    assert!(troubles[0].contains("4 pieces are not text"), "{troubles:?}");
    let (troubles, texts) = wrong("a.txt", b"PROG\0\0\0\n<|endoftext|>\nx", &settings);
    assert_eq!(troubles, ["a.txt: is binary, not text: byte 4 is zero"]);
    assert!(texts.is_empty());
    // Random bytes, with too few zeros to tell by them alone.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let noise: Vec<u8> =
        noise.enumerate().map(|(at, byte)| if at == 9 { 0 } else { byte.max(1) }).take(3000).collect();
    says("a.txt", noise, &settings, "is binary, not text: byte 9 is zero");
    let (troubles, texts) = wrong("a.txt", format!("{}\0", "word ".repeat(99)), &settings);
    assert_eq!((texts[0].len(), troubles.len()), (495, 1));
    let lines = b"{\"text\": \"gr\xc3\xbcn \xc3\x28\"}\n{\"text\": \"b\"}\n";
    let (troubles, texts) = wrong("a.jsonl", lines, &settings);
    assert_eq!(texts, ["grün \u{fffd}(", "b"]);
    assert!(troubles[0].starts_with("a.jsonl: 1 piece is not text; it is replaced"), "{troubles:?}");
    let (troubles, texts) = wrong("a.csv", b"text,b\nx\xff\xff\xff\xff,1\ny,2\n", &settings);
    assert_eq!((texts.len(), texts[1].as_str(), troubles.len()), (2, "y", 1));
    says("a.html", "<p>\0\0\0\0".repeat(99), &settings, "full of zero bytes");
    let (troubles, texts) = wrong("a.html", format!("<p>{}\0", "word ".repeat(99)), &settings);
    assert!(troubles.is_empty() && !texts[0].contains('\0'));
}

#[test]
fn broken_records_are_numbered() {
    let cases = [
        ("{\"text\": ", "is not JSON: EOF while parsing a value (column 9)"),
        (
            "{\"body\": \"x\", \"n\": 1}",
            "has no field `text` (it has `body`, `n`); name the field of text in reading.text_field (`glasshouse data clean --text-field`)",
        ),
        ("{\"text\": {\"a\": 1}}", "the field `text` is not a string"),
        ("{\"text\": null}", "the field `text` is missing or empty"),
        ("[1]", "is an array, not a record"),
        ("{\"text\": \"x\"} trailing", "is not JSON: trailing characters"),
        ("{\"messages\": [{\"role\": \"user\"}]}", "the field `messages` has a turn without `content`"),
        ("{\"messages\": []}", "the conversation is missing or empty"),
    ];
    for (line, reason) in cases {
        let (troubles, texts) = wrong(
            "a.jsonl",
            format!("{{\"text\": \"a\"}}\n{line}\n{{\"text\": \"b\"}}\n"),
            &Settings::default(),
        );
        assert_eq!(texts, ["a", "b"], "{line}");
        assert_eq!(troubles.len(), 1);
        assert!(troubles[0].starts_with(&format!("a.jsonl#2: {reason}")), "{troubles:?}");
    }
    let deep = format!("{{\"text\": {}1{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let wide = format!("{{\"text\": \"x\", \"n\": [1{}]}}\n{{\"text\": \"b\"}}", ",1".repeat(1 << 20));
    assert_eq!(says("a.jsonl", wide, &Settings::default(), "#1: has more than 1048576 values"), ["b"]);
    for name in ["a.json", "a.jsonl"] {
        let (troubles, _) = wrong(name, &deep, &Settings::default());
        assert!(troubles[0].contains("is not JSON: recursion limit exceeded"), "{troubles:?}");
    }
}

#[test]
fn rows_of_an_array_are_cut_apart_and_what_is_none_says_so() {
    let cut = |text: &str| {
        let mut array = JsonArray::new(Cursor::new(text.as_bytes().to_vec()), 20, None);
        let (mut rows, mut row) = (Vec::new(), Vec::new());
        loop {
            match array.next(&mut row) {
                Ok(true) => rows.push(String::from_utf8(row.clone()).unwrap()),
                Ok(false) => return (rows, String::new()),
                Err(error) => return (rows, error.to_string()),
            }
        }
    };
    let whole = "\u{feff} [\n  {\"a\": \"]}\\\"\"},\n  {\"b\": [1]}\n]\n";
    assert_eq!(
        cut(whole),
        (vec!["{\"a\": \"]}\\\"\"}".to_owned(), "{\"b\": [1]}".to_owned()], String::new())
    );
    assert_eq!(cut("[]"), (Vec::new(), String::new()));
    let long = format!("[{{\"a\": \"{}\"}}]", "x".repeat(30));
    let deep = "[".repeat(100_000);
    for (text, rows, said) in [
        ("{\"a\": 1}", 0, "is not an array of rows"),
        ("", 0, "is not an array of rows"),
        ("[{\"a\": 1}", 1, "the file is cut short"),
        ("[{\"a\": 1}, {\"a\"", 1, "the file is cut short"),
        ("[{\"a\": 1}] {}", 1, "continues after its array"),
        (&long, 0, "more than 20 bytes"),
        (&deep, 0, "more than 20 bytes"),
    ] {
        let (found, reason) = cut(text);
        assert!(found.len() == rows && reason.contains(said), "{text:.40}: {found:?} {reason}");
    }
}

#[test]
fn broken_json_files_are_named_and_read_as_far_as_they_go() {
    let settings = Settings::default();
    let (troubles, texts) =
        wrong("a.json", "[{\"text\": \"a\"}, {\"text\": }, {\"text\": \"b\"}, {\"te", &settings);
    assert_eq!(texts, ["a", "b"]);
    assert!(
        troubles[0].starts_with("a.json#2: is not JSON") && troubles[1].contains("the file is cut short"),
        "{troubles:?}"
    );
    assert_eq!(says("a.json", "[\"a\"] more", &settings, "continues after its array"), ["a"]);
    let (troubles, texts) = wrong("a.json", "[12, \"a\"]", &settings);
    assert_eq!((troubles.len(), texts.len()), (1, 1));
    let (troubles, _) = wrong("a.json", "}".repeat(100_000), &settings);
    assert_eq!(troubles.len(), 10_001);
    assert!(troubles[10_000].contains("10000 broken records one after another"), "{}", troubles[10_000]);
}

#[test]
fn ragged_rows_are_numbered_and_passed_over() {
    let (troubles, texts) = wrong("t.csv", "text,b\nx,1\ny\nz,1,2\nlast,3\n", &Settings::default());
    assert_eq!(texts, ["x", "last"]);
    assert!(
        troubles[0].starts_with("t.csv#2: row 2 (line 3) has 1 values, but 2 are expected"),
        "{troubles:?}"
    );
    assert!(
        troubles[1].starts_with("t.csv#3: row 3 (line 4) has 3 values, but 2 are expected"),
        "{troubles:?}"
    );
    says(
        "t.csv",
        "body,b\nx,1\n",
        &Settings::default(),
        "has no column `text` (its columns are `body`, `b`)",
    );
    says("t.csv", "text,text\nx,1\n", &Settings::default(), "two columns named `text`");
    says("t.csv", format!("text,{}\n", "b,".repeat(10_000)), &Settings::default(), "more than 4096 columns");
}

#[test]
fn files_that_vanish_are_named() {
    let vanishing: Make = Box::new(|| Err(io::ErrorKind::NotFound.into()));
    let memory = Memory::default().with("a.txt", "a").with_stream("b.txt", 5, vanishing).with("c.txt", "c");
    let (documents, troubles) = read_all(&memory, &Settings::default());
    assert_eq!(documents.len(), 2);
    assert_eq!(troubles[0].place, "b.txt");
    assert!(troubles[0].reason.contains("vanished since it was found"), "{troubles:?}");
    // Found, then removed.
    let settings = Settings::default();
    let found = find(&Memory::default().with("b.jsonl", "{}"), &["b.jsonl".into()], &settings);
    let progress = Arc::new(AtomicU64::new(0));
    let items: Vec<Item> = open(&memory, &found.sources[0], &settings, &progress).collect();
    assert!(matches!(&items[..], [Err(trouble)] if trouble.reason.contains("vanished")), "{items:?}");
    // Fails in the middle.
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let line = b"{\"text\": \"x\"}\n{\"text\"";
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }
    // Detection uses only its first read.
    let half: Make = Box::new(|| Ok(Box::new(Stream(Failing(false)))));
    let memory = Memory::default().with_stream("b.jsonl", 99, half);
    let items: Vec<Item> = open(&memory, &found.sources[0], &settings, &progress).collect();
    assert_eq!(items.len(), 2);
    assert!(items[1].as_ref().unwrap_err().reason.contains("vanished while it was read"), "{items:?}");
}

#[test]
fn limits_of_records_and_settings_hold() {
    let mut settings = Settings::default();
    settings.limits.record = 10;
    assert!(settings.validate().unwrap_err().to_string().contains("reading.limits.record is 10"));
    for name in ["document", "record", "pdf", "page", "expansion", "expansion_free", "depth"] {
        let most: Settings = toml::from_str(&format!("[limits]\n{name} = {}\n", i64::MAX)).unwrap();
        let refused = most.validate().unwrap_err().to_string();
        assert!(refused.contains(&format!("reading.limits.{name} is ")), "{refused}");
    }
    let written = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(toml::from_str::<Settings>(&written).unwrap(), Settings::default());
    let read: Settings = toml::from_str("[limits]\ndocument = 2048\n").unwrap();
    assert_eq!(read.limits.document, 2048);
    assert!(toml::from_str::<Settings>("unknown = 1").is_err());
}
