//! Texts with labels: objects as JSON Lines or in one JSON array, or tables of comma-separated values with a header, whose fields `text` and `label` count.

use super::SourceFile;
use super::lines::{Lines, RowLocation};
use crate::error::{Error, Result};
use crate::platform::files;
use serde_json::Value;
use std::path::Path;

/// A text, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// Its label; `None` where the row has none.
    pub label: Option<String>,
    /// Where its row stands, or begins.
    pub place: RowLocation,
    /// Fields of its row that hold something and are not read.
    pub unread: Vec<String>,
}

/// Fields that are read, or are a person's feedback's own notes.
const FIELDS: [&str; 4] = ["text", "label", "run", "when"];

/// A row of a file, or what is wrong with it.
pub type Row = Result<LabelledText, String>;

/// The rows of a file. A row that is none gives what is wrong with it, its line and field named.
///
/// # Errors
/// The file is of another kind, cannot be opened, or has no column `text`.
pub fn labelled_texts(source: &SourceFile) -> Result<Box<dyn Iterator<Item = Result<Row>> + Send>> {
    let path = &source.path;
    let open = || files::File::open(path).map_err(Error::io(path));
    let read =
        |row: &str, place: RowLocation| -> Result<Option<Row>, String> { Ok(Some(of_json(row, place))) };
    if source.is_json_lines() {
        return Ok(Box::new(Lines::new(open()?, path.clone(), read)));
    }
    if source.is_json() {
        return Ok(Box::new(Lines::of_array(open()?, path.clone(), read)));
    }
    if source.is_csv() {
        return Ok(Box::new(table(open()?, path)?));
    }
    let reason = "not a file of texts with labels: expected JSON Lines (.jsonl), an array (.json) or a table (.csv) with the fields text and label";
    Err(Error::bad_file(path, reason))
}

fn of_json(row: &str, place: RowLocation) -> Row {
    let wrong = |field: &str, reason: &str| Err(format!("{place}: `{field}`: {reason}"));
    let value: Value = serde_json::from_str(row).map_err(|error| format!("{place}: no JSON: {error}"))?;
    let Value::Object(fields) = value else { return Err(format!("{place}: expected an object")) };
    let text = match fields.get("text") {
        Some(Value::String(text)) => text.clone(),
        Some(_) => return wrong("text", "expected a text"),
        None => return wrong("text", "missing"),
    };
    let label = match fields.get("label") {
        Some(Value::String(label)) => Some(label.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(yes)) => Some(yes.to_string()),
        None | Some(Value::Null) => None,
        Some(_) => return wrong("label", "expected a word or a number"),
    };
    let unread = fields.iter().filter(|(key, value)| !value.is_null() && !FIELDS.contains(&key.as_str()));
    checked(text, label, place, unread.map(|(key, _)| key.clone()).collect())
}

/// The rows of a table, as RFC 4180 has them: values may be quoted, and go over several lines then.
fn table(file: files::File, path: &Path) -> Result<impl Iterator<Item = Result<Row>> + Send + use<>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = reader.headers().map_err(|error| Error::bad_file(path, error.to_string()))?;
    let column = |name: &str| {
        // A byte order mark is no letter of the first name.
        header.iter().position(|it| it.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case(name))
    };
    let (text, label) = (column("text"), column("label"));
    let Some(text) = text else {
        let has: Vec<&str> = header.iter().collect();
        let reason = format!("the header has no column `text`, but {}", has.join(", "));
        return Err(Error::bad_file(path, reason));
    };
    let others = header.iter().enumerate().filter(|(at, _)| Some(*at) != label && *at != text);
    let others: Vec<(usize, String)> = others.map(|(at, name)| (at, name.to_owned())).collect();
    let path = path.to_owned();
    Ok(reader.into_records().map(move |record| {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_io_error() => return Err(Error::bad_file(&path, error.to_string())),
            Err(error) => {
                let place = RowLocation::Line(error.position().map_or(0, csv::Position::line));
                return Ok(Err(format!("{place}: not UTF-8; convert the file to UTF-8")));
            }
        };
        let place = RowLocation::Line(record.position().map_or(0, csv::Position::line));
        let value = |column| record.get(column).map(str::to_owned);
        Ok(match value(text) {
            Some(words) => {
                let unread =
                    others.iter().filter(|(at, _)| record.get(*at).is_some_and(|value| !value.is_empty()));
                let unread = unread.map(|(_, name)| name.clone()).collect();
                checked(words, label.and_then(value), place, unread)
            }
            None => Err(format!("{place}: `text`: missing")),
        })
    }))
}

fn checked(text: String, label: Option<String>, place: RowLocation, unread: Vec<String>) -> Row {
    if text.trim().is_empty() {
        return Err(format!("{place}: `text`: empty"));
    }
    let label = label.map(|label| label.trim().to_owned());
    if label.as_ref().is_some_and(String::is_empty) {
        return Err(format!("{place}: `label`: empty"));
    }
    Ok(LabelledText { text, label, place, unread })
}
