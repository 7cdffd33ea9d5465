//! Reading good and bad files.

use super::*;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Result<Vec<String>> {
    read_with(path, &Problems::default())
}

fn read_with(path: &Path, problems: &Problems) -> Result<Vec<String>> {
    let sources = find_sources(&[path], problems)?;
    documents(pieces(sources, problems)).map(|document| Ok(document?.text)).collect()
}

/// Names of the files with problems, and the reasons.
fn told(problems: &Problems) -> Vec<(String, String)> {
    problems.list().into_iter().map(|problem| (problem.name, problem.reason)).collect()
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

fn message(name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), name, content);
    let message = read(&path).unwrap_err().to_string();
    assert!(message.starts_with(&path.display().to_string()), "{message}");
    assert!(!message.contains('\n'), "{message}");
    message[path.display().to_string().len() + 2..].to_owned()
}

#[test]
fn what_an_unfinished_cleaning_wrote_so_far_is_no_text() {
    let stopped = ["kept.jsonl.partial", "dropped.jsonl.partial", ".staging.jsonl", ".journal.jsonl"];
    // As left by two concurrent cleanings before locking existed.
    let spoiled = ["kept.jsonl", "dropped.jsonl", "report.json", "report.html"];
    for names in [stopped, spoiled] {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            file(folder.path(), name, "{\"text\": \"Something.\"}\n");
        }
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("stopped or is still running") && message.contains("data clean"),
            "{message}"
        );
    }
}

#[test]
fn folders_are_read_in_order_and_hidden_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("b.md", "b"),
        ("a/z.txt", "z"),
        ("a/c.jsonl", "{\"text\": \"c\", \"id\": 1}\n\n{\"text\": \"\"}\n{\"text\": \"d\"}"),
        (".hidden.txt", "no"),
        ("picture.png", "no"),
        ("empty.txt", ""),
        ("blank.txt", " \n"),
    ] {
        file(folder.path(), name, content);
    }
    let problems = Problems::default();
    assert_eq!(read_with(folder.path(), &problems).unwrap(), ["c", "d", "z", "b"]);
    let mut names: Vec<String> = told(&problems).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["blank.txt", "c.jsonl", "empty.txt", "picture.png"]);
}

#[test]
fn whatever_the_bench_reads_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let words =
        "The owl sat in the old oak and sang of the moon to the mice below, all night long. ".repeat(6);
    for (name, content) in [
        ("a.html", format!("<html><nav>Home</nav><article><p>{words}</p></article></html>").into_bytes()),
        ("b.csv", b"id,text\n1,A row.\n2,Another row.\n".to_vec()),
        ("c.txt", b"caf\xe9 ferm\xe9 le matin et le soir".to_vec()),
        ("d.txt", "\u{feff}wide".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("e.json", b"[{\"text\": \"one\"}, {\"text\": \"two\"}]".to_vec()),
    ] {
        file(folder.path(), name, content);
    }
    let problems = Problems::default();
    let read = read_with(folder.path(), &problems).unwrap();
    assert_eq!(told(&problems), []);
    assert!(read[0].contains("old oak") && !read[0].contains("Home"), "{read:?}");
    assert_eq!(
        read[1..],
        ["A row.", "Another row.", "caf\u{e9} ferm\u{e9} le matin et le soir", "wide", "one", "two"]
    );
}

#[test]
fn unusable_paths_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("none.txt")).unwrap_err();
    assert!(matches!(&missing, Error::Io { path, .. } if path.ends_with("none.txt")), "{missing}");
    let nothing = read(folder.path()).unwrap_err().to_string();
    assert!(nothing.contains("holds no file to learn from"), "{nothing}");
    assert!(message("a.jsnl", "x").contains("has an unsupported format (.jsnl"));
    assert!(message("plain", "\0x").contains("has no extension"));
    assert!(
        message("id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx4UbaDzY\n")
            .contains("with a private key")
    );
    assert_eq!(read(&file(folder.path(), "README", "An owl.")).unwrap(), ["An owl."]);
    assert!(message("a.txt", "").contains("is empty"));
    for name in ["a.md", "a.txt", "a.jsonl"] {
        assert!(message(name, " \n\n").contains("no text to learn from"), "{name}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_alone_and_passed_over_in_a_folder() {
    for content in [&b"PK\x03\x04\0\0"[..], b"text and \0 more", b"\xff\xd8\xff\xe0\0\x10JFIF\0"] {
        let said = message("a.txt", content);
        assert!(said.starts_with("is ") && said.len() < 300, "{said}");
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "bad.txt", content);
        file(folder.path(), "good.txt", "good");
        let problems = Problems::default();
        assert_eq!(read_with(folder.path(), &problems).unwrap(), ["good"]);
        assert_eq!(told(&problems).len(), 1);
    }
}

#[test]
fn bad_lines_cost_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.jsonl", "{\"text\": \"x\"}\n{\"text\": \n[1]\n{\"text\": \"y\"}\n");
    let problems = Problems::default();
    assert_eq!(read_with(&path, &problems).unwrap(), ["x", "y"]);
    let told = told(&problems);
    assert!(told.len() == 2 && told.iter().all(|(name, _)| name == "a.jsonl"), "{told:?}");
    assert!(told[0].1.contains("is not JSON") && told[1].1.contains("not a record"), "{told:?}");
    assert!(message("a.jsonl", "{\"body\": \"x\"}").contains("body"), "the fields are named");
}

#[test]
fn rows_of_an_array_are_read_as_lines_are() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |name: &str, content: &str| -> Result<Vec<String>> {
        let path = file(folder.path(), name, content);
        let source = find_sources(&[path], &Problems::default()).unwrap().remove(0);
        let read =
            |row: &str, place: RowLocation| Ok((!row.starts_with('3')).then(|| format!("{place}: {row}")));
        json_rows(&source, read)?.collect()
    };
    assert_eq!(
        rows("a.json", "[{\"a\": 1},\n {\"b\":\n[2]}, 3, 4]").unwrap(),
        ["row 1: {\"a\": 1}", "row 2: {\"b\":\n[2]}", "row 4: 4"]
    );
    assert_eq!(rows("a.jsonl", "\u{feff}1\n\n3\n4").unwrap(), ["line 1: 1", "line 4: 4"]);
    for (name, content, said) in [
        ("b.json", "{\"a\": 1}", "is not an array of rows"),
        ("b.json", "[1, 2", "the file is cut short"),
        ("b.txt", "1", "expected JSON Lines (.jsonl)"),
    ] {
        let error = rows(name, content).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(said), "{error}");
    }
    // Also for labelled texts.
    let path = file(folder.path(), "c.json", "[{\"text\": \"a\", \"label\": 1}, {\"label\": 1}]");
    let source = find_sources(&[path], &Problems::default()).unwrap().remove(0);
    let read: Vec<Row> = labelled_texts(&source).unwrap().map(Result::unwrap).collect();
    let text = LabelledText {
        text: "a".to_owned(),
        label: Some("1".to_owned()),
        place: RowLocation::Row(1),
        unread: Vec::new(),
    };
    assert_eq!(read, [Ok(text), Err("row 2: `text`: missing".to_owned())]);
    let table = "\u{feff}Text,id,LABEL\n\"a\nb\",7,good\nc,,\nd\n,8,bad\n";
    let source =
        find_sources(&[file(folder.path(), "c.csv", table)], &Problems::default()).unwrap().remove(0);
    let read: Vec<Row> = labelled_texts(&source).unwrap().map(Result::unwrap).collect();
    let unread = vec!["id".to_owned()];
    let first = LabelledText {
        text: "a\nb".to_owned(),
        label: Some("good".to_owned()),
        place: RowLocation::Line(2),
        unread,
    };
    let unlabelled =
        LabelledText { text: "d".to_owned(), label: None, place: RowLocation::Line(5), unread: Vec::new() };
    let wrong = |what: &str| Err(what.to_owned());
    assert_eq!(
        read,
        [Ok(first), wrong("line 4: `label`: empty"), Ok(unlabelled), wrong("line 6: `text`: empty")]
    );
    for (header, column) in [("text,label,Text", "text"), ("LABEL,text,label", "label")] {
        let path = file(folder.path(), "twice.csv", format!("{header}\na,b,c\n"));
        let source = find_sources(&[path], &Problems::default()).unwrap().remove(0);
        let error = labelled_texts(&source).err().unwrap().to_string();
        assert!(error.contains("twice.csv") && error.contains(&format!("`{column}`")), "{error}");
    }
    // Among unnamed files, content that does not start an array is not taken for one.
    for (name, content, may) in
        [("d.json", "\u{feff} \n[", true), ("e.json", "{\"a\": []}", false), ("f.jsonl", "{", true)]
    {
        assert_eq!(may_hold_rows(&file(folder.path(), name, content)), may, "{name}");
    }
}

#[test]
fn a_long_document_comes_in_bounded_pieces_in_any_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Some words, and then\n\n  more w\u{f6}rds. ".repeat(60_000);
    let latin: Vec<u8> = text.chars().map(|letter| u32::from(letter) as u8).collect();
    let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes) in [("a.txt", text.clone().into_bytes()), ("b.txt", latin), ("c.md", wide)] {
        let path = file(folder.path(), name, bytes);
        let problems = Problems::default();
        let all: Vec<TextPiece> =
            pieces(find_sources(&[path], &problems).unwrap(), &problems).collect::<Result<_>>().unwrap();
        assert!(all.len() > 4 && all.iter().all(|piece| piece.text.len() <= 2 * PIECE_BYTES), "{name}");
        assert_eq!(all.iter().position(|piece| piece.ends_document), Some(all.len() - 1), "{name}");
        assert_eq!(all.iter().map(|piece| piece.text.as_str()).collect::<String>(), text, "{name}");
        assert_eq!(told(&problems), [], "{name}");
    }
}

/// A reader that returns a few bytes at a time, like slow files and pipes.
struct Dribble(Vec<u8>, usize);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

proptest! {
    #[test]
    fn documents_survive_however_the_file_is_delivered(
        texts in proptest::collection::vec("[ab漢 \n]{0,12}[a-c]", 1..6), count in 1_usize..9,
    ) {
        let written: String = texts.iter().map(|text| format!("{text}\n<|endoftext|>\n")).collect();
        let read: Vec<String> =
            documents(plain_pieces(Dribble(written.into_bytes(), count), Path::new("x.txt"), &Problems::default()))
                .map(|document| Ok(document?.text))
                .collect::<Result<_>>()
                .unwrap();
        prop_assert_eq!(read, texts);
    }
}
