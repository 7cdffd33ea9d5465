//! A task file: its rows, and the lines that are none.

use super::rows::{Kind, Row, row_of};
use crate::error::{Error, Result};

/// The rows of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFile {
    /// Its name without folder.
    pub name: String,
    /// CRC-32C of the lines that were read.
    pub crc32c: u32,
    /// What all its rows want.
    pub kind: Kind,
    /// Those that can be asked.
    pub rows: Vec<Row>,
    /// Lines that cannot, and why; of very many the first ones.
    pub broken: Vec<(u64, String)>,
}

impl TaskFile {
    /// Reads a file's rows, the first `most` of them. A line that is none is noted, and the rest counts.
    ///
    /// # Errors
    /// No line is a row: the first one's fault is said.
    pub fn read(name: &str, bytes: &[u8], most: Option<usize>) -> Result<Self> {
        let most = most.unwrap_or(usize::MAX);
        let (mut rows, mut broken, mut end) = (Vec::<Row>::new(), Vec::new(), 0);
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if rows.len() >= most {
                break;
            }
            end += line.len();
            let number = at as u64 + 1;
            match row_of(line, number) {
                Ok(None) => {}
                Ok(Some(row)) => match rows.first().map(Row::kind) {
                    Some(first) if first != row.kind() => {
                        let [first, own] = [first, row.kind()].map(Kind::words);
                        broken.push((number, format!("rows above {first}, and this one would {own}")));
                    }
                    _ => rows.push(row),
                },
                Err(reason) => broken.push((number, reason)),
            }
        }
        let Some(kind) = rows.first().map(Row::kind) else {
            let reason = match broken.first() {
                _ if bytes.trim_ascii_start().starts_with(b"[") => {
                    "it is a list of JSON; write one row a line (JSON Lines)".to_owned()
                }
                Some((line, reason)) => format!("no line is a row; line {line}: {reason}"),
                None => "it has no rows".to_owned(),
            };
            return Err(Error::bad_file(name, reason));
        };
        let crc32c = crc32c::crc32c(bytes.get(..end).unwrap_or(bytes));
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned();
        Ok(Self { name, crc32c, kind, rows, broken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TaskFile {
        TaskFile::read("some/rows.jsonl", text.as_bytes(), None).unwrap()
    }

    #[test]
    fn a_broken_line_is_named_and_the_others_count() {
        let text = "{\"prompt\":\"a\",\"answer\":\"b\"}\n\n{\n{\"prompt\":\"a\"}\n{\"prompt\":\"a\",\"answer\":[]}\n\
                    {\"text\":\"a\",\"label\":\"b\"}\n{\"answer\":\"b\"}\n[1]\n\u{feff}{\"prompt\":\"c\",\"answer\":\"d\"}\n";
        let file = read(text);
        assert_eq!((file.name.as_str(), file.kind, file.rows.len()), ("rows.jsonl", Kind::Generate, 2));
        assert_eq!(file.rows[1].line, 9);
        let said = [
            (3, "not JSON"),
            (4, "`answer`: missing"),
            (5, "nothing to compare"),
            (6, "rows above are answered in free text"),
            (7, "`prompt`: missing"),
            (8, "expected a JSON object"),
        ];
        assert_eq!(file.broken.len(), said.len());
        for ((line, reason), (wanted, part)) in file.broken.iter().zip(said) {
            assert!(*line == wanted && reason.contains(part), "{line}: {reason}");
        }
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(b"{\"prompt\":\"\xff\",\"answer\":\"b\"}");
        let file = TaskFile::read("rows.jsonl", &bytes, None).unwrap();
        assert!(file.broken.last().unwrap().1.contains("not UTF-8 at its byte 11"));
    }

    #[test]
    fn what_has_no_rows_says_why() {
        for (text, said) in [
            ("", "it has no rows"),
            ("[{\"prompt\":1}]", "list of JSON"),
            ("hello", "line 1: not JSON"),
            (r#"{"prompt":"a","choices":["a"],"answer":0}"#, "two answers or more"),
            (r#"{"prompt":"a","choices":["a","b"],"answer":2}"#, "beyond the 2 choices"),
            (r#"{"prompt":"a","choices":["a","b"],"answer":"x y"}"#, "none of the choices"),
            (r#"{"tokens":["a","b"],"tags":["O"]}"#, "1 for 2 tokens"),
        ] {
            let error = TaskFile::read("rows.jsonl", text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_rows_have_a_checksum_of_their_own() {
        let text = "{\"prompt\":\"a\",\"answer\":\"b\"}\n{\"prompt\":\"c\",\"answer\":\"d\"}\n";
        let first = TaskFile::read("rows.jsonl", text.as_bytes(), Some(1)).unwrap();
        assert_eq!(first.rows.len(), 1);
        let line = text.split_inclusive('\n').next().unwrap();
        assert_eq!(first.crc32c, crc32c::crc32c(line.as_bytes()));
        assert_ne!(first.crc32c, read(text).crc32c);
    }
}
