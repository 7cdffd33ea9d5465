//! Valid input of every format.

use super::*;
use crate::document::Kind;
use serde_json::json;

/// A record without its text, as kept with the document.
fn without_text(record: &serde_json::Value) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut record = record.as_object().cloned()?;
    record.shift_remove("text");
    Some(record)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn plain_text_is_one_document_or_several() {
    assert_eq!(
        texts("a.TXT", "\u{feff}One.\r\n\n <|endoftext|> x\n"),
        pairs(&[("a.TXT", "One.\r\n\n <|endoftext|> x\n")])
    );
    let several =
        "<|endoftext|>\none\n\n<|endoftext|>\r\n \n<|endoftext|>\ntwo\r\n<|endoftext|>\nthree\n<|endoftext|>";
    assert_eq!(
        texts("b.txt", several),
        pairs(&[("b.txt#1", "one\n"), ("b.txt#2", "two"), ("b.txt#3", "three")])
    );
}

#[test]
fn utf_16_and_windows_1252_are_decoded() {
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain("Grüße, 漢字 🦀\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(texts("a.txt", &wide), pairs(&[("a.txt", "Grüße, 漢字 🦀\n")]));
    let big: Vec<u8> = std::iter::once(0xfeff)
        .chain("{\"text\": \"één\"}\n".repeat(9000).encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let read = texts("b.jsonl", &big);
    assert_eq!((read.len(), read[8999].1.as_str()), (9000, "één"));
    let french =
        b"Le caf\xe9 est \xe0 c\xf4t\xe9 de l\x92\xe9glise, o\xf9 l'on f\xeate No\xebl avec bonheur.";
    assert_eq!(
        texts("c.txt", french),
        pairs(&[("c.txt", "Le café est à côté de l’église, où l'on fête Noël avec bonheur.")])
    );
}

#[test]
fn front_matter_is_understood_and_taken_off() {
    let text = "---\ntitle: \"A day: out\"\ndate: 2024-05-01T10:00\ntags:\n  - a\nlicense: CC BY 4.0\nlang: en\n---\n\n# Head\n";
    let document = read("a.md", text).remove(0);
    assert_eq!(document.text, "# Head\n");
    assert_eq!(document.kind, Kind::Markdown);
    assert_eq!(document.title.as_deref(), Some("A day: out"));
    assert_eq!(document.date.as_deref(), Some("2024-05-01"));
    assert_eq!(document.licence.as_deref(), Some("CC-BY-4.0"));
    assert_eq!(document.language.as_deref(), Some("eng"));
    let document = read("a.md", "+++\ntitle = 'T'\n+++\nx").remove(0);
    assert_eq!((document.title.as_deref(), document.text.as_str()), (Some("T"), "x"));
    for rule in ["---\nA line\n---\nrest", "---\n", "---", "--- \nkey: value\n"] {
        assert_eq!(read("a.md", rule).remove(0).text, rule);
    }
}

#[test]
fn pages_are_decoded_as_they_declare() {
    let page = |head: &str, body: &[u8]| {
        let mut bytes = format!("<html><head>{head}</head><body>").into_bytes();
        bytes.extend_from_slice(body);
        let document = read("a.html", &bytes).remove(0);
        assert_eq!(document.kind, Kind::Html);
        document.text.split_once("<body>").unwrap().1.to_owned()
    };
    assert_eq!(page("", "Grüße".as_bytes()), "Grüße");
    assert_eq!(page("<meta charset=windows-1251>", b"\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
    let older = "<META http-equiv='Content-Type' content='text/html; charset=Shift_JIS'>";
    assert_eq!(page(older, b"\x93\xfa\x96{"), "日本");
    assert_eq!(page("<meta charset=\"iso-8859-1\">", "déjà".as_bytes()), "déjà");
    let saved = "<!-- saved from url=(0023)https://example.org/a b -->";
    let document = read("b.htm", format!("<html>{saved}x")).remove(0);
    assert_eq!(document.address.as_deref(), Some("https://example.org/a"));
}

#[test]
fn json_lines_carry_what_they_say_of_themselves() {
    let line = json!({"text": "Body", "source": "books", "license": "MIT License", "lang": "de", "date": "2020-01-02T00:00:00Z",
        "url": "https://example.org/x", "title": "T", "genre": "fiction", "id": 17, "other": [1, {"a": null}]});
    let document = read("a.jsonl", format!("\n{line}\n")).remove(0);
    assert_eq!(
        document,
        Document {
            id: "a.jsonl#2:17".into(),
            source: "books".into(),
            licence: Some("MIT".into()),
            licence_rank: None,
            language: Some("deu".into()),
            genre: Some("fiction".into()),
            date: Some("2020-01-02".into()),
            address: Some("https://example.org/x".into()),
            title: Some("T".into()),
            kind: Kind::Plain,
            text: "Body".into(),
            record: without_text(&line),
        }
    );
    let nested = json!({"text": "x", "metadata": {"url": "http://a.b", "language": "French"}});
    let document = read("b.jsonl", nested.to_string()).remove(0);
    assert_eq!(document.address.as_deref(), Some("http://a.b"));
    assert_eq!(document.language.as_deref(), Some("fra"));
    assert_eq!(document.source, "b");
}

#[test]
fn the_text_is_found_by_its_name() {
    assert_eq!(read("a.jsonl", json!({"content": "Body", "id": 3}).to_string()).remove(0).text, "Body");
    assert_eq!(
        read("a.json", json!([{"content": "Body"}, {"text": "T", "content": "C"}]).to_string())[1].text,
        "T"
    );
    assert_eq!(read("a.csv", "name,content\nx,Body\n").remove(0).text, "Body");
    // Nested, and by a name that contains a dot.
    let named = |name: &str| Settings { text_field: Some(name.into()), ..Settings::default() };
    let record = json!({"data": {"body": {"raw": "Deep", "n": 1}}, "a.b": "Dotted", "text": "no"});
    let deep = read_with("a.jsonl", record.to_string(), &named("data.body.raw")).remove(0);
    assert_eq!(deep.text, "Deep");
    assert_eq!(
        serde_json::to_value(&deep.record).unwrap(),
        json!({"data": {"body": {"n": 1}}, "a.b": "Dotted", "text": "no"})
    );
    assert_eq!(read_with("a.jsonl", record.to_string(), &named("a.b")).remove(0).text, "Dotted");
    says("a.jsonl", record.to_string(), &named("data.none"), "has no field `data.none`");
}

#[test]
fn conversations_are_known_by_their_fields() {
    let shapes = [
        (
            json!({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Yo"}]}]}),
            "Hi\n\nYo",
        ),
        (
            json!({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}], "text": "no"}),
            "Hi\n\nYo",
        ),
        (json!({"prompt": "P", "chosen": "C", "rejected": "R"}), "P\n\nC\n\nR"),
        (
            json!({"chosen": [{"role": "user", "content": "P"}], "rejected": [{"role": "user", "content": "R"}]}),
            "P\n\nR",
        ),
        (json!({"prompt": "P", "completion": "C"}), "P\n\nC"),
        (json!({"instruction": "I", "input": "", "output": "O", "text": "no"}), "I\n\nO"),
        (json!({"system": "S", "instruction": "I", "output": "O"}), "S\n\nI\n\nO"),
        (json!({"conversations": [{"from": "gpt", "value": "Yo"}], "system": "S"}), "S\n\nYo"),
        // Dolly, GSM8K, OpenOrca.
        (json!({"instruction": "I", "context": "C", "response": "R", "category": "qa"}), "I\n\nC\n\nR"),
        (json!({"question": "Q", "answer": "A"}), "Q\n\nA"),
        (json!({"system_prompt": "S", "question": "Q", "response": "R"}), "S\n\nQ\n\nR"),
    ];
    for (record, text) in shapes {
        let document = read("a.jsonl", record.to_string()).remove(0);
        assert_eq!((document.text.as_str(), &document.kind), (text, &Kind::Conversation));
        assert_eq!(document.record.as_ref(), record.as_object());
    }
    let page = read("a.jsonl", json!({"text": "Page", "question": "Q", "answer": "A"}).to_string()).remove(0);
    assert_eq!((page.text.as_str(), page.kind), ("Page", Kind::Plain));
    // A field named explicitly is the text, whatever other fields there are.
    let settings = Settings { text_field: Some("text".into()), ..Settings::default() };
    let record = json!({"messages": [], "text": "Body"}).to_string();
    let document = read_with("a.jsonl", record, &settings).remove(0);
    assert_eq!((document.text.as_str(), document.kind), ("Body", Kind::Plain));
}

#[test]
fn json_files_hold_records_in_many_ways() {
    let array = "[{\"text\": \"a]\\\"\"}, {\"text\": \"b\"},\n \"c\"]\n";
    assert_eq!(texts("a.json", array), pairs(&[("a.json#1", "a]\""), ("a.json#2", "b"), ("a.json#3", "c")]));
    assert_eq!(texts("a.json", "{\"text\": \"alone\"}"), pairs(&[("a.json", "alone")]));
    let lines = "{\"text\": \"a\"}\n{\n \"text\": \"b\"}\n";
    assert_eq!(texts("a.json", lines), pairs(&[("a.json#1", "a"), ("a.json#2", "b")]));
    let columns = json!({"text": ["a", "b"], "title": ["A", "B"]});
    let documents = read("a.json", columns.to_string());
    assert_eq!(documents[1].id, "a.json#2");
    assert_eq!((documents[1].text.as_str(), documents[1].title.as_deref()), ("b", Some("B")));
    let pandas = json!({"text": {"0": "a", "1": "b"}});
    assert_eq!(texts("a.json", pandas.to_string()), pairs(&[("a.json#1", "a"), ("a.json#2", "b")]));
    let wrapped = json!({"version": 1, "data": [{"text": "a"}, {"text": "b"}]});
    assert_eq!(texts("a.json", wrapped.to_string()), pairs(&[("a.json#1", "a"), ("a.json#2", "b")]));
    let chat = json!({"messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(texts("a.json", chat.to_string()), pairs(&[("a.json", "Hi")]));
}

#[test]
fn tables_are_read_by_their_header() {
    let table = "id,text,license\n7,\"One, \"\"two\"\"\nthree\",CC0\n8,four,\n";
    let documents = read("t.csv", table);
    assert_eq!(documents[0].id, "t.csv#1:7");
    assert_eq!(documents[0].text, "One, \"two\"\nthree");
    assert_eq!(documents[0].licence.as_deref(), Some("CC0-1.0"));
    assert_eq!((documents[1].text.as_str(), documents[1].licence.as_deref()), ("four", None));
    for (name, table) in [
        ("a.csv", "text;b\r\nx,y;1\r\n"),
        ("b.tsv", "text\tb\nx,y\t1\n"),
        ("c.csv", "text|b\nx,y|1"),
        ("d.csv", "\u{feff}text\tb\nx,y\t1"),
    ] {
        assert_eq!(read(name, table)[0].text, "x,y", "{name}");
    }
    // Stray quotes in a tab-separated table are literal; quotes that enclose a tab are not.
    assert_eq!(read("e.tsv", "text\tb\n\"x\t1\ny\t2\nz\t3\n")[0].text, "\"x");
    assert_eq!(read("f.tsv", "text\tb\n\"x\ty\"\t1\n")[0].text, "x\ty");
}

#[test]
fn instructions_in_a_table_are_conversations() {
    let alpaca = read("t.csv", "instruction,output\nAsk,Answer\n").remove(0);
    assert_eq!((alpaca.text.as_str(), alpaca.kind), ("Ask\n\nAnswer", Kind::Conversation));
}

#[test]
fn words_for_a_missing_value_are_text_except_in_tables() {
    for word in ["None", "NA", "null", "NaN"] {
        let lines = json!({"text": word}).to_string() + "\n{\"text\": null}\n";
        let said = says("a.jsonl", lines, &Settings::default(), "the field `text` is missing or empty");
        assert_eq!(said, [word]);
        let said = says(
            "a.csv",
            format!("text,source\n{word},a\nB,{word}\n"),
            &Settings::default(),
            "the field `text` is missing or empty",
        );
        assert_eq!(said, ["B"]);
        assert_eq!(read("a.csv", format!("text,source\nB,{word}\n"))[0].source, word);
    }
}

#[test]
fn source_code_knows_its_language_and_licence() {
    let document = read("src/a.c", "/* SPDX-License-Identifier: GPL-2.0-only */\nint main;\n").remove(0);
    assert_eq!(document.kind, Kind::Code("c".into()));
    assert_eq!(document.licence.as_deref(), Some("GPL-2.0-only"));
    assert_eq!(document.genre.as_deref(), Some("code"));
    let document = read("b.py", "# SPDX-License-Identifier: MIT OR Apache-2.0\n").remove(0);
    assert_eq!(document.licence.as_deref(), Some("MIT OR Apache-2.0"));
    assert_eq!(read("c.py", "x = 1\n").remove(0).licence, None);
}

#[test]
fn packed_files_are_read_as_what_is_in_them() {
    let line = "{\"text\": \"packed\"}\n";
    for (name, content) in [
        ("a.jsonl.gz", gzip(line)),
        ("a.jsonl.zst", zstandard(line)),
        ("a.jsonl.bz2", bzip2(line)),
        // Without an extension for its packing, as some servers deliver it.
        ("a.jsonl", gzip(line)),
    ] {
        let id = format!("{name}#1");
        assert_eq!(texts(name, content), pairs(&[(&id, "packed")]));
    }
    let mut members = gzip(line);
    members.extend(gzip(line));
    assert_eq!(texts("b.jsonl.gz", members).len(), 2);
    let mut frames = zstandard(line);
    frames.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    frames.extend(zstandard(line));
    assert_eq!(texts("b.jsonl.zst", frames).len(), 2);
    assert_eq!(texts("t.csv.gz", gzip("text\nx\n")).len(), 1);
    assert_eq!(read("p.html.gz", gzip("<p>x"))[0].kind, Kind::Html);
}

#[test]
fn quotes_behind_backslashes_are_quotes() {
    let rows = ["A pipe of 3 \" width, laid", "Her answer was \"no\"", "C:\\new\\", "plain"];
    let written: String = rows
        .iter()
        .enumerate()
        .map(|(number, row)| format!("{number},\"{}\"\n", row.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    let read: Vec<String> =
        texts("a.csv", format!("id,text\n{written}")).into_iter().map(|(_, text)| text).collect();
    assert_eq!(read, rows);
    // A backslash at the end of a value is literal if quotes are doubled.
    let read = texts("b.csv", "id,text\n1,\"in C:\\\"\n2,\"a \"\"b\"\" \\n\"\n");
    assert_eq!(read.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), ["in C:\\", "a \"b\" \\n"]);
}

#[test]
fn a_quote_that_is_never_closed_costs_no_row() {
    let rows: String = (2..10).map(|number| format!("{number},row {number}\n")).collect();
    for (name, open) in [("never closed", "\"Once, it said"), ("closed in a row behind it", "\"Once")] {
        let open = open.replace(',', "");
        let others = if name == "never closed" { rows.clone() } else { rows.replace("row 7", "\"row 7\"") };
        let (troubles, texts) = wrong("a.csv", format!("id,text\n1,{open}\n{others}"), &Settings::default());
        let expected: Vec<String> =
            std::iter::once(open).chain((2..10).map(|number| format!("row {number}"))).collect();
        assert_eq!(texts, expected, "{name}");
        let said = "a.csv: 1 row has an unclosed quote; it was read to the end of its line or of the file; the first in record 1";
        assert_eq!(troubles, [said], "{name}");
    }
    // If the line is not a valid row, only that line is lost.
    let (troubles, texts) =
        wrong("a.csv", format!("id,text\n1,\"Once, it said\n{rows}"), &Settings::default());
    assert_eq!((texts.len(), troubles.len()), (8, 1));
    assert!(troubles[0].starts_with("a.csv#1: row 1 (line 2) has an unclosed quote"), "{troubles:?}");
    // Values over several lines are valid, even if quotes inside are not doubled.
    let long = "id,text\n1,\"One\n\nshe said \"no\" there\n\nend\"\n2,\"a\nb\"\n3,c \"d\" e\n4,\"f\" g\n";
    let (troubles, texts) = wrong("a.csv", long, &Settings::default());
    assert_eq!(texts, ["One\n\nshe said \"no\" there\n\nend", "a\nb", "c \"d\" e", "\"f\" g"]);
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    // Longer than the record limit.
    let long = format!("id,text\n1,\"{}\n2,b\n3,c\n", "word ".repeat(100));
    let far = format!("{long}{}", rows.repeat(600));
    let (troubles, texts) = wrong("a.csv", far, &small());
    assert_eq!((texts.len(), troubles.len()), (3 + 8 * 600, 1), "{troubles:?}");
    let quoted = format!("id,text\n1,\"{}\"\n2,b\n", "word\n\n".repeat(9000));
    let (troubles, texts) = wrong("a.csv", quoted, &small());
    assert_eq!(texts, ["b"]);
    assert!(troubles.len() == 1 && troubles[0].contains("#1: the row"), "{troubles:?}");
}

#[test]
fn rows_after_a_quote_that_closes_early_are_kept() {
    let blank = "text,n\r\n\r\n\"Hello\" she said to the keeper,1\r\n\r\nA good row,2\r\n\r\n\"Another\" she said,3\r\n\r\nA fourth,4";
    let (troubles, texts) = wrong("a.csv", blank, &Settings::default());
    assert_eq!(texts, ["\"Hello\" she said to the keeper", "A good row", "\"Another\" she said", "A fourth"]);
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let (troubles, texts) =
        wrong("a.csv", format!("text,n\n{}", "\"a\"b\na good row,1\nx\n".repeat(50)), &Settings::default());
    assert_eq!((texts.len(), troubles.len()), (50, 100));
    // Quotes and delimiters inside a value whose quotes are not doubled, and blanks after a closing quote.
    let table = "text,n\n\"He said \"yes, sir\" to me\",1\n\"a, b\" ,2\n";
    let (troubles, texts) = wrong("a.csv", table, &Settings::default());
    assert_eq!((texts.join("|").as_str(), troubles.len()), ("He said \"yes, sir\" to me|a, b", 1));
}

#[test]
fn tables_say_their_delimiter_and_may_name_columns_twice() {
    assert_eq!(texts("a.csv", "sep=;\r\nid;text\r\n1;a, b, c\r\n")[0].1, "a, b, c");
    assert_eq!(texts("b.csv", "\"sep=\t\"\ntext\tn\na, b\t1\n")[0].1, "a, b");
    let (documents, troubles) = all("a.csv", "note,text,note,note\nx,body,y,z\n");
    assert_eq!(
        serde_json::to_value(&documents[0].record).unwrap(),
        json!({"note": "x", "note 2": "y", "note 3": "z"})
    );
    assert_eq!(documents[0].text, "body");
    assert_eq!(troubles[0].reason, "2 duplicate column names; renamed with a number");
}

#[test]
fn what_python_writes_as_json_costs_a_field_at_most() {
    let lines = [
        r#"{"text": "lone \ud83d here", "pair": "\ud83d\ude00"}"#.to_owned(),
        r#"{"text": "b", "score": NaN, "low": -Infinity, "word": "NaN 1e400"}"#.to_owned(),
        "\u{feff}{\"text\": \"mark\"}".to_owned(),
        r#"{"id": 1, "text": "c", "id": 2, "same": 3, "same": 3}"#.to_owned(),
        r#"{"text": "d", "n": 1e400}"#.to_owned(),
        "{\"text\": \"a\ttab\"}".to_owned(),
    ];
    for (name, content) in [("a.jsonl", lines.join("\n")), ("a.json", format!("[{}]", lines.join(",\n")))] {
        let (documents, troubles) = all(name, content);
        let read: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
        assert_eq!(read, ["lone \u{fffd} here", "b", "mark", "c", "d", "a\ttab"], "{name}: {troubles:?}");
        let record = |number: usize| serde_json::to_value(&documents[number].record).unwrap();
        assert_eq!(record(0), json!({"pair": "😀"}));
        assert_eq!(record(1), json!({"score": null, "low": null, "word": "NaN 1e400"}));
        assert_eq!(record(4)["n"], json!(null));
        let said: Vec<&str> = troubles.iter().map(|trouble| trouble.reason.as_str()).collect();
        let expected = [
            "1 escape of half a surrogate pair (as in \\ud83d) replaced by U+FFFD; the first in record 1",
            "3 numbers that JSON does not have (NaN, Infinity, 1e400) read as null; the first in record 2",
        ];
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn packed_files_may_be_packed_twice() {
    let line = "{\"text\": \"x\"}\n";
    let mut broken = gzip(line);
    broken.extend(b"something else");
    assert_eq!(says("a.jsonl.gz", broken, &Settings::default(), "what was read so far is kept"), ["x"]);
    assert_eq!(texts("a.jsonl.gz", gzip(gzip(line))).len(), 1);
    assert_eq!(texts("a.jsonl.bz2.gz", gzip(bzip2(line))).len(), 1);
}

#[test]
fn zstandard_may_look_back_two_gibibytes() {
    // A frame with a window of 2 GiB, without a checksum, and one raw block.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3];
    frame.extend([(1 | 4 << 3) as u8, 0, 0]);
    frame.extend(b"text");
    assert_eq!(texts("a.txt.zst", &frame)[0].1, "text");
    frame[5] = 22 << 3;
    says("a.txt.zst", frame, &Settings::default(), "cannot be read further");
}

#[test]
fn members_of_an_archive_are_read_like_files_in_a_folder() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let deflated = zip::write::SimpleFileOptions::default();
    let long = "A line of words.\n".repeat(9000);
    archive.add_directory("news/", stored).unwrap();
    for (name, content, options) in [
        ("news/a.txt", long.as_bytes(), deflated),
        ("b.jsonl", b"{\"text\": \"b\"}".as_slice(), stored),
        ("c.jsonl.gz", &gzip("{\"text\": \"c\"}"), stored),
        ("t.parquet", &columns::text_groups(1), deflated),
        ("__MACOSX/._b.jsonl", b"\0", stored),
        ("picture.png", b"\x89PNG", stored),
        ("song.a\nb", b"\0", stored),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let (documents, troubles) = all("in/all.zip", &bytes);
    let seen: Vec<(&str, &str)> =
        documents.iter().map(|document| (document.id.as_str(), document.source.as_str())).collect();
    assert_eq!(
        seen[..3],
        [("all.zip/news/a.txt", "news"), ("all.zip/b.jsonl#1", "b"), ("all.zip/c.jsonl.gz#1", "c")]
    );
    assert_eq!((documents[0].text.as_str(), documents[0].genre.as_deref()), (long.as_str(), Some("news")));
    assert!(seen.len() > 3 && seen[3].0.starts_with("all.zip/t.parquet#1"), "{seen:?}");
    assert_eq!(troubles.len(), 2);
    assert!(troubles[0].place.ends_with("all.zip/picture.png"), "{troubles:?}");
    assert!(troubles[1].reason.contains(r"(.a\nb; "), "{troubles:?}");
    assert!(is_known("all.zip", &bytes));
    // A damaged member affects no other.
    let mut damaged = bytes;
    let at = memchr::memmem::find(&damaged, b"\"b\"").unwrap();
    damaged[at + 1] = b'x';
    let (documents, troubles) = all("all.zip", &damaged);
    assert!(documents.len() > 3);
    assert!(troubles.iter().any(|trouble| trouble.reason.contains("checksum")), "{troubles:?}");
}

pub(super) fn archive(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_word_document_is_one_document_with_headings_lists_and_tables() {
    let body = r#"<?xml version="1.0"?><w:document xmlns:w="w" xmlns:mc="mc"><w:body>
        <w:p><w:pPr><w:pStyle w:val="Heading2"/></w:pPr><w:r><w:t>The &amp; Sea</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">One </w:t></w:r><w:r><w:t>sentence.</w:t><w:br/><w:t/></w:r>
            <w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>
        <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>first</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>second</w:t></w:r></w:p>
        <w:p><w:pPr><w:pPrChange><w:pPr><w:pStyle w:val="Title"/></w:pPr></w:pPrChange></w:pPr><w:r><w:t>After.</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <mc:AlternateContent><mc:Choice><w:p><w:r><w:t>End.</w:t></w:r></w:p></mc:Choice>
            <mc:Fallback><w:p><w:r><w:t>End.</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:body></w:document>"#;
    let bytes =
        archive(&[("[Content_Types].xml", "<x/>"), ("word/document.xml", body), ("word/styles.xml", "<x/>")]);
    let (documents, troubles) = all("in/letters/a.docx", &bytes);
    assert_eq!((documents.len(), &troubles[..]), (1, &[][..]));
    assert_eq!(
        documents[0].text,
        "## The & Sea\n\nOne sentence.\n\n- first\n- second\n\nAfter.\n\na | b\n\nEnd."
    );
    assert_eq!((documents[0].id.as_str(), documents[0].source.as_str()), ("a.docx", "a"));
    assert!(is_known("a.docx", &bytes) && !is_known("a.docx", b"no archive"));
    let other = archive(&[("text.txt", "hello")]);
    let (documents, troubles) = all("a.docx", &other);
    assert!(documents.is_empty() && troubles[0].reason.contains("has no text"), "{troubles:?}");
    let broken = archive(&[("word/document.xml", "<w:document><w:p><w:t>a</w:document>")]);
    let (documents, troubles) = all("a.docx", &broken);
    assert!(documents.is_empty() && troubles[0].reason.contains("is not XML"), "{troubles:?}");
}

#[test]
fn rows_may_end_with_carriage_returns_alone() {
    let read = texts("a.csv", "id,text\r1,one\r2,\"two, and\rmore\"\r3,three\r");
    let read: Vec<&str> = read.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(read, ["one", "two, and\nmore", "three"]);
}
