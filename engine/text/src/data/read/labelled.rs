//! Labelled texts: objects in JSON Lines or a JSON array, or CSV tables with a header, with the fields `text` and `label`.

use super::{RowLocation, SourceFile, json_rows};
use glasshouse_documents::read::Format;
use glasshouse_platform::{Error, Result, files};
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledText {
    pub text: String,
    /// `None` if the row has no label.
    pub label: Option<String>,
    /// Location of the row, or of its beginning.
    pub place: RowLocation,
    /// Non-empty fields that are not read.
    pub unread: Vec<String>,
}

/// Fields that are read, or that hold metadata of feedback files.
const FIELDS: [&str; 4] = ["text", "label", "run", "when"];

pub type Row = Result<LabelledText, String>;

/// Reads the rows of a file. An invalid row yields its fault, with line and field. Fails if the file is of another kind, cannot be opened,
/// or has no column `text`.
pub fn labelled_texts(source: &SourceFile) -> Result<Box<dyn Iterator<Item = Result<Row>> + Send>> {
    let path = &source.path;
    if source.is(&Format::Json) || source.is(&Format::JsonLines) {
        return Ok(Box::new(json_rows(source, |row: &str, place| Ok(Some(of_json(row, place))))?));
    }
    if source.is(&Format::Csv) {
        return Ok(Box::new(table(files::File::open(path).map_err(Error::io(path))?, path)?));
    }
    let reason = "not a file of texts with labels: expected JSON Lines (.jsonl), an array (.json) or a table (.csv) with the fields text and label";
    Err(Error::bad_file(path, reason))
}

fn of_json(row: &str, place: RowLocation) -> Row {
    let value: Value =
        serde_json::from_slice(row.as_bytes()).map_err(|error| format!("{place}: not JSON: {error}"))?;
    let Value::Object(fields) = value else { return Err(format!("{place}: expected an object")) };
    of_fields(&fields, place)
}

fn of_fields(fields: &Map<String, Value>, place: RowLocation) -> Row {
    let wrong = |field: &str, reason: &str| Err(format!("{place}: `{field}`: {reason}"));
    let text = match fields.get("text") {
        Some(Value::String(text)) if text.trim().is_empty() => return wrong("text", "empty"),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return wrong("text", "expected a text"),
        None => return wrong("text", "missing"),
    };
    let label = match fields.get("label") {
        Some(Value::String(label)) if label.trim().is_empty() => return wrong("label", "empty"),
        Some(Value::String(label)) => Some(label.trim().to_owned()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(yes)) => Some(yes.to_string()),
        None | Some(Value::Null) => None,
        Some(_) => return wrong("label", "expected a word or a number"),
    };
    let unread = fields.iter().filter(|(key, value)| !value.is_null() && !FIELDS.contains(&key.as_str()));
    Ok(LabelledText { text, label, place, unread: unread.map(|(key, _)| key.clone()).collect() })
}

/// The rows of a CSV table (RFC 4180): quoted values may span lines.
fn table(file: files::File, path: &Path) -> Result<impl Iterator<Item = Result<Row>> + Send + use<>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = reader.headers().map_err(|error| Error::bad_file(path, error.to_string()))?;
    let name = |name: &str| {
        // Strip a byte order mark from the first name.
        let bare = name.trim_start_matches('\u{feff}').trim();
        let known = ["text", "label"].into_iter().find(|known| bare.eq_ignore_ascii_case(known));
        known.unwrap_or(name).to_owned()
    };
    let names: Vec<String> = header.iter().map(name).collect();
    if !names.iter().any(|name| name == "text") {
        let reason = format!("the header has no column `text`, only {}", names.join(", "));
        return Err(Error::bad_file(path, reason));
    }
    let is_twice = |known: &&str| names.iter().filter(|name| name == known).count() > 1;
    if let Some(known) = ["text", "label"].into_iter().find(is_twice) {
        let reason = format!("the header has two columns `{known}`; rename or remove one");
        return Err(Error::bad_file(path, reason));
    }
    let path = path.to_owned();
    Ok(reader.into_records().map(move |record| {
        let place =
            |position: Option<&csv::Position>| RowLocation::Line(position.map_or(0, csv::Position::line));
        match record {
            Ok(record) => {
                let values = names.iter().zip(&record);
                let filled =
                    values.filter(|(name, value)| !value.is_empty() || FIELDS.contains(&name.as_str()));
                let fields = filled.map(|(name, value)| (name.clone(), value.into())).collect();
                Ok(of_fields(&fields, place(record.position())))
            }
            Err(error) if error.is_io_error() => Err(Error::bad_file(&path, error.to_string())),
            Err(error) => {
                Ok(Err(format!("{}: not UTF-8; convert the file to UTF-8", place(error.position()))))
            }
        }
    }))
}
