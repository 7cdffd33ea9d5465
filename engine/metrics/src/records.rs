//! Converts a file to rows as lines of JSON: from JSON Lines (unchanged), a JSON list, a table with a header (CSV, TSV), or CoNLL
//! columns.

use glasshouse_protocol::names;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::Path;

/// Columns of MMLU's own tables, which have no header.
const MMLU: [&str; 6] = ["question", "A", "B", "C", "D", "answer"];

/// Marks the start of a document in CoNLL files.
const DOCUMENT: &str = "-DOCSTART-";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Line where it begins, from 1; for lists, its position.
    pub line: u64,
    /// The row as a line of JSON, or an error. Lines of JSON Lines are not parsed here.
    pub json: Result<Cow<'a, [u8]>, String>,
}

/// The rows of a file; the format is detected from its extension and first bytes. Fails if the file is a list or table as a
/// whole and cannot be parsed.
pub fn records<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<Record<'a>>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("csv") => return table(bytes, b','),
        Some("tsv") => return table(bytes, b'\t'),
        _ if ending.as_deref() == Some("conll") || bytes.starts_with(DOCUMENT.as_bytes()) => {
            return columns(bytes);
        }
        // A single JSON value; files of JSON lines may have this extension too.
        Some("json") => {
            if let Ok(Value::Object(whole)) = serde_json::from_slice(bytes) {
                return Ok(listed(inside(whole)));
            }
        }
        _ => {}
    }
    if bytes.trim_ascii_start().starts_with(b"[") {
        let rows =
            serde_json::from_slice(bytes).map_err(|error| format!("it is not a JSON list: {error}"))?;
        return Ok(listed(rows));
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    Ok((1..).zip(lines).map(|(line, bytes)| Record { line, json: Ok(Cow::Borrowed(bytes)) }).collect())
}

/// The lines of a text that are not blank, with their numbers from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

/// A parser's message without its position.
pub(crate) fn unplaced(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// Names the field of a row that is spelled like one that it lacks.
pub(crate) fn found_instead(name: &str, row: &Map<String, Value>) -> String {
    let near = names::nearest(name, row.keys().map(String::as_str));
    near.map(|near| format!(", found `{near}`")).unwrap_or_default()
}

fn listed(rows: Vec<Value>) -> Vec<Record<'static>> {
    (1..).zip(rows).map(|(line, row)| record(line, &row)).collect()
}

fn record(line: u64, row: &Value) -> Record<'static> {
    Record { line, json: Ok(Cow::Owned(row.to_string().into_bytes())) }
}

/// Rows of an object: those in `data` (StereoSet has a list for each of its two types there), or else the object itself.
fn inside(mut whole: Map<String, Value>) -> Vec<Value> {
    match whole.remove("data") {
        Some(Value::Array(rows)) => rows,
        Some(Value::Object(types)) => {
            let of = |(kind, rows): (String, Value)| {
                let Value::Array(mut rows) = rows else { return Vec::new() };
                for row in &mut rows {
                    if let Value::Object(fields) = row {
                        fields.entry("type").or_insert_with(|| Value::String(kind.clone()));
                    }
                }
                rows
            };
            types.into_iter().flat_map(of).collect()
        }
        Some(other) => {
            whole.insert("data".to_owned(), other);
            vec![Value::Object(whole)]
        }
        None => vec![Value::Object(whole)],
    }
}

fn table(bytes: &[u8], delimiter: u8) -> Result<Vec<Record<'static>>, String> {
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(bytes);
    let (mut names, mut records) = (None::<Vec<String>>, Vec::new());
    for found in table.records() {
        let found = match found {
            Ok(found) => found,
            Err(error) if names.is_none() => {
                return Err(format!("its header cannot be read: {}", fault(&error)));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                records.push(Record { line, json: Err(fault(&error)) });
                continue;
            }
        };
        let names = match &mut names {
            Some(names) => names,
            empty => {
                let letter =
                    found.get(MMLU.len() - 1).is_some_and(|last| ["A", "B", "C", "D"].contains(&last));
                let headless = found.len() == MMLU.len() && letter;
                let own = || found.iter().map(|name| name.trim().to_owned()).collect();
                let names = if headless { MMLU.map(str::to_owned).to_vec() } else { own() };
                let names = empty.insert(names);
                if !headless {
                    continue;
                }
                names
            }
        };
        let value = |value: &str| Value::String(value.to_owned());
        let fields: Map<String, Value> = names.iter().cloned().zip(found.iter().map(value)).collect();
        let line = found.position().map_or(0, csv::Position::line);
        records.push(record(line, &Value::Object(fields)));
    }
    Ok(records)
}

fn fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns, but the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; convert the file to UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// CoNLL columns: one word per line, its tag in the last column, sentences separated by an empty line.
fn columns(bytes: &[u8]) -> Result<Vec<Record<'static>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 at its byte {}; convert the file to UTF-8", error.valid_up_to())
    })?;
    let (mut records, mut words, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    let (mut begun, mut broken) = (1, None::<String>);
    // The added empty line ends the last sentence.
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        let mut cells = line.split_whitespace();
        match (cells.next(), cells.next_back()) {
            (None, _) => {
                let [words, tags] = [&mut words, &mut tags].map(std::mem::take);
                match broken.take() {
                    Some(reason) => records.push(Record { line: begun, json: Err(reason) }),
                    None if words.is_empty() => {}
                    None => records.push(record(begun, &json!({ "tokens": words, "ner_tags": tags }))),
                }
                begun = number + 1;
            }
            (Some(DOCUMENT), _) => begun = number + 1,
            (Some(word), Some(tag)) => {
                words.push(word);
                tags.push(tag);
            }
            (Some(word), None) => {
                broken.get_or_insert_with(|| format!("{word:?} in line {number} has no tag"));
            }
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<(u64, Result<Value, String>)> {
        let rows = records(name, text.as_bytes()).unwrap();
        let value = |bytes: Cow<'_, [u8]>| serde_json::from_slice(&bytes).unwrap();
        rows.into_iter().map(|row| (row.line, row.json.map(value))).collect()
    }

    #[test]
    fn lines_lists_and_tables_are_the_same_rows() {
        let wanted = [json!({"a": "1", "b": "x\ny"}), json!({"a": "2", "b": "z"})];
        for (name, text, lines) in [
            ("rows.jsonl", "{\"a\":\"1\",\"b\":\"x\\ny\"}\n{\"a\":\"2\",\"b\":\"z\"}\n", [1, 2]),
            ("rows.json", "\u{feff}\n[{\"a\":\"1\",\"b\":\"x\\ny\"},{\"a\":\"2\",\"b\":\"z\"}]", [1, 2]),
            ("rows.json", "{\"data\":[{\"a\":\"1\",\"b\":\"x\\ny\"},{\"a\":\"2\",\"b\":\"z\"}]}", [1, 2]),
            ("rows.csv", "a,b\n1,\"x\ny\"\n2,z\n", [2, 4]),
            ("rows.TSV", "a\tb\n1\t\"x\ny\"\n2\tz\n", [2, 4]),
        ] {
            let found = read(name, text);
            let expected: Vec<_> = lines.into_iter().zip(wanted.clone().map(Ok)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_broken_row_of_a_table_is_named_and_the_others_are_read() {
        let mut bytes = b"a,b\n1,2\n3\n".to_vec();
        bytes.extend(b"\xff,5\n6,7\n");
        let rows = records("rows.csv", &bytes).unwrap();
        let said: Vec<_> =
            rows.iter().map(|row| (row.line, row.json.as_ref().err().map(String::as_str))).collect();
        let utf8 = "not UTF-8; convert the file to UTF-8";
        assert_eq!(
            said,
            [(2, None), (3, Some("1 columns, but the header has 2")), (4, Some(utf8)), (5, None)]
        );
        assert!(records("rows.json", b"[{\"a\":1},").unwrap_err().starts_with("it is not a JSON list: "));
    }

    #[test]
    fn columns_are_sentences_with_tags() {
        let text =
            "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nwrote VBD B-VP O\n\n\nalone\n\nBern NNP B-NP B-LOC";
        let found = read("sample.conll", text);
        assert_eq!(found[0], (3, Ok(json!({"tokens": ["Ada", "wrote"], "ner_tags": ["B-PER", "O"]}))));
        assert_eq!(found[1], (7, Err("\"alone\" in line 7 has no tag".to_owned())));
        assert_eq!(found[2], (9, Ok(json!({"tokens": ["Bern"], "ner_tags": ["B-LOC"]}))));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_table_without_a_header_is_that_of_mmlu() {
        let found = read("astronomy_test.csv", "What?,w,x,y,z,C\n");
        assert_eq!(found[0].1.as_ref().unwrap()["answer"], "C");
        assert_eq!(found[0].0, 1);
    }
}
