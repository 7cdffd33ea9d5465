//! A task file: its rows and its invalid lines.

use super::rows::{Kind, Row, fields_of, of_set, row_of};
use glasshouse_metrics::records::records;
use glasshouse_platform::{Error, Result, TaskReader, storage};
use glasshouse_protocol::Hint;
use glasshouse_protocol::evaluation::{TaskSet, is_description};
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Clone, Debug, PartialEq)]
pub struct TaskFile {
    /// File name without folder.
    pub name: String,
    /// CRC-32C of the lines read.
    pub crc32c: u32,
    pub kind: Kind,
    pub rows: Vec<Row>,
    /// Invalid lines with reasons, up to a maximum.
    pub broken: Vec<(u64, String)>,
    pub set: Option<TaskSet>,
}

impl TaskFile {
    /// Reads the first `most` rows of a file: JSON Lines, a JSON list, a table or CoNLL columns, by file extension.
    /// Invalid lines are recorded and skipped. Rows of a published task are recognised by the first one. Fails if no line is
    /// valid; the message gives the first one's fault.
    pub fn read(name: &str, bytes: &[u8], most: Option<usize>) -> Result<Self> {
        Self::read_as("", name, bytes, most)
    }

    /// Like [`Self::read`], for a task given by name or described as YAML ([`TaskReader::find`]), unless `task` is empty.
    /// Fails if the description is invalid or does not fit the rows, or no line is valid.
    pub fn read_as(task: &str, name: &str, bytes: &[u8], most: Option<usize>) -> Result<Self> {
        if is_description(name) {
            let reason = "this is a task description; also choose its rows, in a file of the same name (such as .jsonl)";
            return Err(Error::bad_file(name, reason).hint(Hint::Task));
        }
        let most = most.unwrap_or(usize::MAX);
        let (mut rows, mut broken, mut reader) = (Vec::<Row>::new(), Vec::new(), None);
        let mut crc32c = 0;
        for record in records(name, bytes).map_err(|reason| Error::bad_file(name, reason))? {
            if rows.len() >= most {
                break;
            }
            let read = record.json.and_then(|json| {
                crc32c = crc32c::crc32c_append(crc32c, &json);
                fields_of(&json)
            });
            let read = match read {
                Ok(None) => continue,
                Ok(Some(fields)) => {
                    let reader = match &reader {
                        Some(reader) => reader,
                        None => reader.insert(reader_of(task, name, &fields)?),
                    };
                    match reader {
                        Some(reader) => reader.row(&fields).and_then(|own| of_set(&own, record.line)),
                        None => row_of(&fields, record.line),
                    }
                }
                Err(reason) => Err(reason),
            };
            match read {
                Ok(row) => match rows.first().map(Row::kind) {
                    Some(first) if first != row.kind() => {
                        let [first, own] = [first, row.kind()].map(Kind::title);
                        broken.push((record.line, format!("rows above {first}, but this one would {own}")));
                    }
                    _ => rows.push(row),
                },
                Err(reason) => broken.push((record.line, reason)),
            }
        }
        let set = reader.flatten().map(|reader| reader.set.clone());
        let Some(kind) = rows.first().map(Row::kind) else {
            let reason = match broken.first() {
                Some((line, reason)) => format!("no line is a row; line {line}: {reason}"),
                None => "it has no rows".to_owned(),
            };
            let error = Error::bad_file(name, reason);
            let is_for_audit = set.is_some_and(|set| set.name == "CrowS-Pairs");
            return Err(if is_for_audit { error.hint(Hint::AuditPairs) } else { error });
        };
        Ok(Self {
            name: name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned(),
            crc32c,
            kind,
            rows,
            broken,
            set,
        })
    }
}

/// The task that describes a file's rows. Rows with messages or a text as `prompt` are a person's own.
fn reader_of(task: &str, name: &str, first: &Map<String, Value>) -> Result<Option<TaskReader>> {
    let own = first.contains_key("messages") || first.get("prompt").is_some_and(|own| !own.is_object());
    if task.is_empty() && own {
        return Ok(None);
    }
    let own = match is_description(task) {
        true => String::from_utf8_lossy(&storage::read(Path::new(task))?).into_owned() + "\n",
        false => task.to_owned(),
    };
    let called = own.lines().find_map(|line| line.strip_prefix("task:")).unwrap_or(task).trim();
    TaskReader::find(&own, name, first)
        .map_err(|reason| Error::Refused(format!("the task {called}: {reason}")).hint(Hint::Task))
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Marked, Right};
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
            ("[{\"prompt\":1}]", "line 1: `prompt`: expected a string"),
            ("[{\"prompt\":", "it is not a JSON list"),
            (r#"{"sent_more":"a","sent_less":"b"}"#, "an audit compares in its section on bias"),
            ("hello", "line 1: not JSON"),
            (r#"{"prompt":"a","choices":["a"],"answer":0}"#, "at least two answers"),
            (r#"{"prompt":"a","choices":["a","b"],"answer":2}"#, "beyond the 2 choices"),
            (r#"{"prompt":"a","choices":["a","b"],"answer":"x y"}"#, "not one of the choices"),
            (r#"{"tokens":["a","b"],"tags":["O"]}"#, "1 for 2 tokens"),
        ] {
            let error = TaskFile::read("rows.jsonl", text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn standard_sets_are_read_as_they_are_published() {
        let text = "{\"goal\":\"a\",\"sol1\":\"b\",\"sol2\":\"c\",\"label\":1}\n{\"goal\":\"a\",\"sol1\":\"b\",\"sol2\":\"c\"}\n";
        let file = read(text);
        assert_eq!(
            (file.set.as_ref().map(|set| set.name.as_str()), file.rows.len(), file.broken.len()),
            (Some("PIQA"), 1, 1)
        );
        assert_eq!((file.rows[0].expected(), file.rows[0].plain), (vec!["c".to_owned()], true));
        assert!(file.broken[0].1.contains("test splits are published without"));
        let table = TaskFile::read("a/rows.csv", b"prompt,answer\na,\"b,c\"\nd\n", None).unwrap();
        assert_eq!(
            (table.set, table.rows.len(), table.rows[0].expected()),
            (None, 1, vec!["b,c".to_owned()])
        );
        assert_eq!(table.broken, [(3, "1 columns, but the header has 2".to_owned())]);
    }

    #[test]
    fn rows_of_a_described_task_name_its_keys() {
        let task =
            "task: mine\noutput_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: c\ndoc_to_target: a\n";
        let text = "{\"q\":\"Who?\",\"c\":[\"b\",\"d\"],\"a\":\"d\"}\n{\"q\":\"Who?\",\"c\":[\"b\",\"d\"],\"a\":\"e f\"}\n\
                    {\"q\":\"Who?\",\"c\":[],\"a\":0}\n{\"c\":[\"b\",\"d\"],\"a\":0}\n{\"q\":\"Who?\",\"c\":[\"b\",\"d\"],\"a\":2}\n";
        let file = TaskFile::read_as(task, "rows.jsonl", text.as_bytes(), None).unwrap();
        assert_eq!((file.rows.len(), file.rows[0].expected()), (1, vec!["d".to_owned()]));
        let said = [
            (2, "`doc_to_target`: \"e f\" is not one of the choices"),
            (3, "`doc_to_choice`: expected at least two answers"),
            (4, "`q`: missing"),
            (5, "`doc_to_target`: 2 is beyond"),
        ];
        assert_eq!(file.broken.len(), said.len());
        for ((line, reason), (wanted, part)) in file.broken.iter().zip(said) {
            assert!(*line == wanted && reason.contains(part), "{line}: {reason}");
        }
        let error = TaskFile::read_as("nothing", "rows.jsonl", text.as_bytes(), None).unwrap_err();
        assert_eq!(error.hints(), [Hint::Task]);
        let error = TaskFile::read("mine.yaml", task.as_bytes(), None).unwrap_err();
        assert_eq!(error.hints(), [Hint::Task]);
    }

    #[test]
    fn continuations_are_rows() {
        let of =
            |task: &str, text: &str| TaskFile::read_as(task, "rows.jsonl", text.as_bytes(), None).unwrap();
        let file = of("lambada_openai", "{\"text\":\"a b c\"}\n");
        assert_eq!((file.kind, &file.rows[0].right), (Kind::Continue, &Right::Continuation(" c".to_owned())));
        let file = of("", "{\"sentence\":\"a _ b.\",\"option1\":\"c\",\"option2\":\"d\",\"answer\":\"2\"}\n");
        assert_eq!((file.kind, &file.rows[0].marked), (Kind::Choose, &Marked::Contexts("b.".to_owned())));
        assert!(file.questions(None).is_err());
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
