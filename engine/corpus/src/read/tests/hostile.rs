//! Bad input: each is named, memory stays bounded, and the rest is read.

use super::*;

/// Starts as what it is made from and goes on with one byte, for so long.
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
        ("a.txt", ""),
        ("a.md", "x\n"),
        ("a.jsonl", ""),
        ("a.json", "[\""),
        ("a.csv", "text\n"),
        ("b.csv", "text\n\""),
        ("a.html", "<p>"),
        ("a.py", "x"),
        ("a.xml", "<mediawiki><page>"),
        ("b.xml", "<posts>\n<row "),
    ] {
        let mut make = endless(head, b'a', u64::MAX);
        if name == "a.md" {
            make = endless("", b'a', u64::MAX);
        }
        let trouble = first(name, make);
        assert!(trouble.reason.contains(" is longer than "), "{name}: {trouble:?}");
        assert!(trouble.reason.contains("raise read.limits."), "{name}: {trouble:?}");
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
    let (troubles, texts) = wrong("a.txt", format!("before\n{long}\nafter\n"), &small());
    assert_eq!(texts, ["before\n", "after\n"]);
    assert!(troubles[1].starts_with("a.txt#2: a line is longer than 4 KiB"), "{troubles:?}");
}

#[test]
fn long_text_is_cut_at_line_ends() {
    let text = "A sentence, and a word.\n\nAnother line of it.\n".repeat(500);
    let (troubles, texts) = wrong("a.txt", &text, &small());
    assert_eq!(texts.concat(), text);
    assert!(texts.len() >= 5 && texts.iter().all(|text| text.len() <= 4096 && text.ends_with('\n')));
    assert_eq!(troubles.len(), 1);
    assert!(troubles[0].contains("holds text of more than 4 KiB in one piece"), "{troubles:?}");
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
    settings.limits.unpacked = 1 << 20;
    settings.limits.expansion = 1 << 20;
    let (troubles, _) = wrong("a.html.gz", gzip(&zeros), &settings);
    assert!(troubles[0].contains("is longer than 4 KiB"), "{troubles:?}");
    settings.limits.document = 1 << 30;
    let (troubles, _) = wrong("a.html.gz", gzip(&zeros), &settings);
    assert!(troubles[0].contains("unpacks to more than 1 MiB"), "{troubles:?}");
    let (troubles, _) = wrong("a.txt.gz", gzip(gzip("x")), &settings);
    assert!(troubles[0].contains("packed with gzip once more"), "{troubles:?}");
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
            troubles.iter().any(|trouble| trouble.contains("what was read of it is kept")),
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
fn bytes_that_are_no_text_are_located() {
    let settings = Settings::default();
    let (troubles, texts) =
        wrong("a.txt", b"one\n<|endoftext|>\ntwo \xff\xfe\xfd\n<|endoftext|>\nthree", &settings);
    assert_eq!(texts, ["one", "three"]);
    assert_eq!(troubles, ["a.txt#2: is not UTF-8 at byte 4; convert it to UTF-8"]);
    let (troubles, texts) = wrong("a.txt", b"PROG\0\0\0\n<|endoftext|>\nx", &settings);
    assert_eq!(troubles, ["a.txt#1: is binary, not text: byte 4 is zero"]);
    assert!(texts.is_empty());
    let (troubles, texts) =
        wrong("a.jsonl", b"{\"text\": \"\xc3\x28\xa0\xa1\"}\n{\"text\": \"b\"}\n\0\n", &settings);
    assert_eq!(texts, ["b"]);
    assert!(troubles[0].starts_with("a.jsonl#1: is not UTF-8 at byte 10"), "{troubles:?}");
    assert!(troubles[1].starts_with("a.jsonl#3: is binary"), "{troubles:?}");
    let (troubles, texts) = wrong("a.csv", b"text,b\nx\xff\xff\xff,1\ny,2\n", &settings);
    assert_eq!(texts, ["y"]);
    assert!(troubles[0].starts_with("a.csv#1: the column `text` is not UTF-8"), "{troubles:?}");
    // Cyrillic, Polish and UTF-8 with a fault are not taken for Windows-1252.
    for bytes in [
        b"\xcf\xf0\xe8\xe2\xe5\xf2, world and more of it".as_slice(),
        b"za\xbf\xf3\xb3\xe6 g\xea\xb6l\xb1 ja\xbc\xf1",
        b"Gr\xc3\xbc\xc3\x9fe aus der Stadt, sch\xf6n",
        b"caf\xe9\x81",
    ] {
        let (troubles, texts) = wrong("a.txt", bytes, &settings);
        assert_eq!((troubles.len(), texts.len()), (1, 0), "{bytes:?}");
    }
    let (troubles, _) = wrong("a.html", "<p>\0\0\0\0".repeat(99), &settings);
    assert!(troubles[0].contains("full of zero bytes"), "{troubles:?}");
    let (troubles, texts) = wrong("a.html", format!("<p>{}\0", "word ".repeat(99)), &settings);
    assert!(troubles.is_empty() && !texts[0].contains('\0'));
}

#[test]
fn broken_records_are_numbered() {
    let cases = [
        (
            "{\"text\": \"x\", \"text\": \"y\"}",
            "has a key twice: `text`; which of its values is meant cannot be told",
        ),
        ("{\"text\": \"x\", \"a\": {\"b\": 1, \"b\": 2}}", "has a key twice: `b`"),
        ("{\"text\": ", "is not JSON: EOF while parsing a value (column 9)"),
        (
            "{\"body\": \"x\", \"n\": 1}",
            "has no field `text` (it has `body`, `n`); name the field in read.text_field",
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
    let (troubles, texts) = wrong("a.jsonl", wide, &Settings::default());
    assert_eq!(texts, ["b"]);
    assert!(troubles[0].contains("#1: holds more than 1048576 values"), "{troubles:?}");
    for name in ["a.json", "a.jsonl"] {
        let (troubles, _) = wrong(name, &deep, &Settings::default());
        assert!(troubles.len() == 1 && troubles[0].contains("recursion limit exceeded"), "{troubles:?}");
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
    let (troubles, texts) = wrong("a.json", "[\"a\"] more", &settings);
    assert_eq!(texts, ["a"]);
    assert!(troubles[0].contains("goes on behind its array"), "{troubles:?}");
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
        troubles[0].starts_with("t.csv#2: row 2 (line 3) has 1 values where 2 are expected"),
        "{troubles:?}"
    );
    assert!(
        troubles[1].starts_with("t.csv#3: row 3 (line 4) has 3 values where 2 are expected"),
        "{troubles:?}"
    );
    let (troubles, _) = wrong("t.csv", "body,b\nx,1\n", &Settings::default());
    assert!(troubles[0].contains("has no column `text` (its columns are `body`, `b`)"), "{troubles:?}");
    let (troubles, _) = wrong("t.csv", "text,text\nx,1\n", &Settings::default());
    assert!(troubles[0].contains("two columns named `text`"), "{troubles:?}");
    let (troubles, _) = wrong("t.csv", format!("text,{}\n", "b,".repeat(10_000)), &Settings::default());
    assert!(troubles[0].contains("no header"), "{troubles:?}");
}

#[test]
fn files_that_vanish_are_named() {
    let vanishing: Make = Box::new(|| Err(io::ErrorKind::NotFound.into()));
    let memory = Memory::default().with("a.txt", "a").with_stream("b.txt", 5, vanishing).with("c.txt", "c");
    let (documents, troubles) = read_all(&memory, &Settings::default());
    assert_eq!(documents.len(), 2);
    assert_eq!(troubles[0].place, "b.txt");
    assert!(troubles[0].reason.contains("vanished since it was found"), "{troubles:?}");
    // Found, then gone.
    let settings = Settings::default();
    let found = find(&Memory::default().with("b.jsonl", "{}"), &["b.jsonl".into()], &settings);
    let progress = Arc::new(AtomicU64::new(0));
    let items: Vec<Item> = open(&memory, &found.sources[0], &settings, &progress).collect();
    assert!(matches!(&items[..], [Err(trouble)] if trouble.reason.contains("vanished")), "{items:?}");
    // Gone in the middle.
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
    // Only its first read is looked at when it is found.
    let half: Make = Box::new(|| Ok(Box::new(Stream(Failing(false)))));
    let memory = Memory::default().with_stream("b.jsonl", 99, half);
    let items: Vec<Item> = open(&memory, &found.sources[0], &settings, &progress).collect();
    assert_eq!(items.len(), 2);
    assert!(items[1].as_ref().unwrap_err().reason.contains("vanished while it was read"), "{items:?}");
}

#[test]
fn limits_of_records_and_settings_hold() {
    let mut settings = Settings::default();
    settings.limits.records = 2;
    let (troubles, texts) = wrong("a.jsonl", "{\"text\": \"a\"}\n".repeat(5), &settings);
    assert_eq!(texts.len(), 2);
    assert!(troubles[0].contains("holds more than 2 records"), "{troubles:?}");
    settings.limits.record = 10;
    assert!(settings.validate().unwrap_err().to_string().contains("read.limits.record is 10"));
    let settings = Settings { delimiter: Some('é'), ..Settings::default() };
    assert!(settings.validate().is_err());
    let written = toml::to_string(&Settings::default()).unwrap();
    assert_eq!(toml::from_str::<Settings>(&written).unwrap(), Settings::default());
    let filled: Settings = toml::from_str("missing = { fill = \"x\" }\n[limits]\ndocument = 2048\n").unwrap();
    assert_eq!((filled.missing, filled.limits.document), (Missing::Fill("x".into()), 2048));
    assert!(toml::from_str::<Settings>("unknown = 1").is_err());
}
