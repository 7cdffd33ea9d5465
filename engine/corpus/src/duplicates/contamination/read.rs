//! Reads evaluation sets from files.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::{Set, Settings};
use glasshouse_documents::files::{FileType, Files};
use glasshouse_documents::{Error, Result};

const MAX_FILE_BYTES: u64 = 1 << 30;

impl Set {
    /// Reads the items of all files in the settings; `None` if there are no files.
    pub fn read(settings: &Settings, files: &dyn Files) -> Result<Option<Self>> {
        settings.validate()?;
        if settings.against.is_empty() {
            return Ok(None);
        }
        let mut set = Self::empty(settings);
        for path in &settings.against {
            let (items, left_out) = (set.items(), set.left_out);
            set.read_file(files, path)?;
            if set.is_full() {
                let ngrams = set.ngrams();
                let reason = format!(
                    "with it there are more than {ngrams} different n-grams: name fewer evaluation sets"
                );
                return Err(Error::bad_file(path, reason));
            }
            if set.items() == items {
                let short = set.left_out - left_out;
                let least = settings.smallest_item_words;
                let reason = format!(
                    "has no item of {least} words or more ({short} shorter ones): name another file, or lower contamination.smallest_item_words"
                );
                return Err(Error::bad_file(path, reason));
            }
        }
        Ok(Some(set))
    }

    fn read_file(&mut self, files: &dyn Files, path: &Path) -> Result<()> {
        if !matches!(files.file_type(path).map_err(Error::io(path))?, FileType::File(_)) {
            return Err(Error::bad_file(path, "is not a file: name each evaluation set by its file"));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let mut bytes = Vec::new();
        let input = files.open(path).map_err(Error::io(path))?;
        input.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::bad_file(path, "is longer than 1 GiB: name fewer evaluation items"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            let reason = format!(
                "is not UTF-8 text (line {line}): unpack it if it is packed, and name a file of text, JSON or JSONL"
            );
            Error::bad_file(path, reason)
        })?;
        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
        let is_blank = |(_, line): &(usize, &str)| line.trim().is_empty();
        match ending.as_deref() {
            Some("json") => {
                let value = json(&text, path, "it")?;
                let items = if let Value::Array(items) = value { items } else { vec![value] };
                for (number, item) in (1..).zip(items) {
                    self.add(&format!("{name}#{number}"), &strings(item));
                }
            }
            Some("jsonl" | "ndjson") => {
                for (number, line) in lines.iter().filter(|line| !is_blank(line)) {
                    let value = json(line, path, &format!("line {number}"))?;
                    self.add(&format!("{name}#{number}"), &strings(value));
                }
            }
            _ => {
                for block in lines.split(is_blank) {
                    if let Some((first, _)) = block.first() {
                        let text: Vec<&str> = block.iter().map(|(_, line)| *line).collect();
                        self.add(&format!("{name}, line {first}"), &text.join("\n"));
                    }
                }
            }
        }
        Ok(())
    }
}

fn json(text: &str, path: &Path, what: &str) -> Result<Value> {
    serde_json::from_slice(text.as_bytes())
        .map_err(|error| Error::bad_file(path, format!("{what} is not JSON: {error}")))
}

/// All strings of a value in order, one per line: question, choices and answer, whatever their field names.
fn strings(value: Value) -> String {
    let mut text = String::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(string) => {
                text.push_str(&string);
                text.push('\n');
            }
            Value::Array(values) => waiting.extend(values.into_iter().rev()),
            Value::Object(fields) => {
                let values: Vec<Value> = fields.into_iter().map(|(_, value)| value).collect();
                waiting.extend(values.into_iter().rev());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    text
}
