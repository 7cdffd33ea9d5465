//! Reading of good and bad files.

use super::*;
use proptest::prelude::*;
use std::io::Read;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Result<Vec<String>> {
    documents(pieces(find_sources(&[path])?)).map(|document| Ok(document?.text)).collect()
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
fn a_plain_file_is_one_document_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.TXT", "\u{feff}One.\r\n\n <|endoftext|> is not alone here\n");
    assert_eq!(read(&path).unwrap(), ["One.\r\n\n <|endoftext|> is not alone here\n"]);
}

#[test]
fn separator_lines_divide_documents() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "<|endoftext|>\none\n\n<|endoftext|>\r\n \n<|endoftext|>\ntwo\r\n<|endoftext|>\nthree\n<|endoftext|>";
    let path = file(folder.path(), "a.txt", text);
    assert_eq!(read(&path).unwrap(), ["one\n", "two", "three"]);
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
    assert_eq!(read(folder.path()).unwrap(), ["c", "d", "z", "b"]);
}

#[test]
fn unusable_paths_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("none.txt")).unwrap_err();
    assert!(matches!(&missing, Error::Io { path, .. } if path.ends_with("none.txt")), "{missing}");
    file(folder.path(), "picture.png", "x");
    let unusable = read(folder.path()).unwrap_err().to_string();
    assert!(unusable.contains("holds no file to learn from (known are .txt, .md, .jsonl)"), "{unusable}");
    assert!(
        message("a.jsnl", "x")
            .contains(".jsnl cannot be read (known are .txt, .md, .jsonl); did you mean .jsonl?")
    );
    assert!(message("plain", "x").contains("no extension"));
    assert!(message("a.txt", "").contains("empty"));
    assert!(message("a.md", " \n\n").contains("empty"));
    assert!(message("a.jsonl", "\n\n").contains("empty"));
}

#[test]
fn bytes_that_are_no_text_are_located() {
    assert_eq!(
        message("a.txt", b"one\ntwo \xff\n"),
        "not UTF-8 at byte 8, in line 2; convert the file to UTF-8"
    );
    let mut long = "word ".repeat(100_000).into_bytes();
    long.extend_from_slice(b"\n\n\xe6\xbc");
    assert_eq!(message("a.txt", &long), "not UTF-8 at byte 500002, in line 3; convert the file to UTF-8");
    assert_eq!(message("a.txt", b"PK\x03\x04\0\0"), "the file is binary, not text: byte 4 is zero");
    assert!(message("a.txt", b"\xff\xfeh\0i\0").contains("UTF-16"));
}

#[test]
fn bad_lines_are_numbered() {
    assert!(message("a.jsonl", "{\"text\": \"x\"}\n{\"text\": ").starts_with("line 2 is not JSON"));
    assert_eq!(message("a.jsonl", "{\"body\": \"x\"}"), "line 1 has no field `text`");
    assert_eq!(message("a.jsonl", "\n{\"text\": 7}"), "line 2 has a field `text` that is not a string");
    assert_eq!(message("a.jsonl", "[1]"), "line 1 is not a JSON object with a field `text`");
    assert!(message("a.jsonl", b"{\"text\": \"\xff\"}").starts_with("line 1 is not UTF-8 at its byte 10"));
}

#[test]
fn a_long_document_comes_in_bounded_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Some words, and then\n\n  more words. ".repeat(60_000);
    let path = file(folder.path(), "long.txt", &text);
    let all: Vec<Piece> = pieces(find_sources(&[path]).unwrap()).collect::<Result<_>>().unwrap();
    assert!(all.len() > 4);
    assert!(all.iter().all(|piece| piece.text.len() <= 2 * text::PIECE_BYTES));
    assert_eq!(all.iter().filter(|piece| piece.ends_document).count(), 1);
    assert!(all.last().unwrap().ends_document);
    assert_eq!(all.iter().map(|piece| piece.text.as_str()).collect::<String>(), text);
}

/// Hands out a few bytes at a time, as slow files and pipes do.
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
            documents(text::TextPieces::new(Dribble(written.into_bytes(), count), "x.txt".into()))
                .map(|document| Ok(document?.text))
                .collect::<Result<_>>()
                .unwrap();
        prop_assert_eq!(read, texts);
    }
}
