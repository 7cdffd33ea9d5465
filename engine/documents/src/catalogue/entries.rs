//! The catalogue, read from `entries.toml`.

use super::{Entry, Length};
use std::sync::LazyLock;
use toml::{Table, Value};

/// The corpora, the smallest of a kind first.
pub static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // The file is part of the program, and a test checks every entry.
    let table: Table = toml::from_str(include_str!("entries.toml")).unwrap_or_default();
    let entry = |entry: &Value| {
        let text = |key: &str| -> &'static str {
            entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned().leak()
        };
        let bytes = |key: &str| entry.get(key).and_then(Value::as_integer).map(i64::unsigned_abs);
        let about = || Length::About(bytes("about_bytes").unwrap_or_default());
        Entry {
            name: text("name"),
            title: text("title"),
            sentence: text("sentence"),
            address: text("address"),
            file: text("file"),
            format: text("format"),
            length: bytes("bytes").map_or_else(about, Length::Exact),
            sha256: text("sha256"),
            licence: text("licence"),
            note: text("note"),
        }
    };
    table.get("corpus").and_then(Value::as_array).into_iter().flatten().map(entry).collect()
});
