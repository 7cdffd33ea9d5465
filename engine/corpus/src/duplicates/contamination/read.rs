//! Reads evaluation sets from files.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::{Set, Settings};
use crate::files::{FileType, Files};
use crate::{Error, Result};

/// Maximum bytes of an item, and of a file that is read whole.
const MAX_ITEM_BYTES: u64 = 64 << 20;

impl Set {
    /// Reads the items of all files in the settings; `None` if there are no files.
    pub fn read(settings: &Settings, files: &dyn Files) -> Result<Option<Self>> {
        settings.validate()?;
        if settings.against.is_empty() {
            return Ok(None);
        }
        let mut set = Self::empty(settings);
        for path in &settings.against {
            let (items, left_out) = (set.items(), set.left_out());
            set.read_file(files, path)?;
            if set.is_full() {
                let runs = set.runs();
                let reason = format!(
                    "with it there are more than {runs} different runs of words: name fewer evaluation sets"
                );
                return Err(Error::bad_file(path, reason));
            }
            if set.items() == items {
                let short = set.left_out() - left_out;
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
        let ending =
            path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let mut input = BufReader::with_capacity(1 << 16, files.open(path).map_err(Error::io(path))?);
        match ending.as_str() {
            "json" => {
                let text = whole(&mut input, path)?;
                let value = json(&text, path, "it")?;
                let items = if let Value::Array(items) = value { items } else { vec![value] };
                for (number, item) in items.into_iter().enumerate() {
                    self.add(&format!("{name}#{}", number + 1), &strings(item));
                }
            }
            "jsonl" | "ndjson" => self.lines(&mut input, path, |set, number, line| {
                if !line.trim().is_empty() {
                    let value = json(line, path, &format!("line {number}"))?;
                    set.add(&format!("{name}#{number}"), &strings(value));
                }
                Ok(())
            })?,
            _ => {
                let (mut block, mut first) = (String::new(), 1);
                self.lines(&mut input, path, |set, number, line| {
                    if line.trim().is_empty() {
                        set.block(&name, first, &mut block);
                        first = number + 1;
                        return Ok(());
                    }
                    if block.len() + line.len() > MAX_ITEM_BYTES as usize {
                        return Err(too_long(path, first));
                    }
                    block.push_str(line);
                    block.push('\n');
                    Ok(())
                })?;
                self.block(&name, first, &mut block);
            }
        }
        Ok(())
    }

    fn block(&mut self, name: &str, line: u64, block: &mut String) {
        if !block.is_empty() {
            self.add(&format!("{name}, line {line}"), block);
            block.clear();
        }
    }

    fn lines(
        &mut self,
        input: &mut impl BufRead,
        path: &Path,
        mut take: impl FnMut(&mut Self, u64, &str) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let read =
                input.by_ref().take(MAX_ITEM_BYTES).read_until(b'\n', &mut bytes).map_err(Error::io(path))?;
            if read == 0 || self.is_full() {
                break;
            }
            if read as u64 == MAX_ITEM_BYTES {
                return Err(too_long(path, number));
            }
            let line = std::str::from_utf8(&bytes).map_err(|_| not_text(path, number))?;
            take(self, number, line)?;
        }
        Ok(())
    }
}

fn whole(input: &mut impl Read, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    input.by_ref().take(MAX_ITEM_BYTES).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 == MAX_ITEM_BYTES {
        return Err(Error::bad_file(path, "is longer than 64 MiB: write it as JSONL, one record per line"));
    }
    String::from_utf8(bytes).map_err(|_| not_text(path, 1))
}

fn too_long(path: &Path, line: u64) -> Error {
    Error::bad_file(path, format!("line {line} begins an item of more than 64 MiB: write one item per line"))
}

fn not_text(path: &Path, line: u64) -> Error {
    let reason = format!(
        "is not UTF-8 text (line {line}): unpack it if it is packed, and name a file of text, JSON or JSONL"
    );
    Error::bad_file(path, reason)
}

fn json(text: &str, path: &Path, what: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::bad_file(path, format!("{what} is not JSON: {error}")))
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
